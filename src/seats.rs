//! A bounded number of places, each given back when its owner is done, however that came about.
//!
//! Taken by the accept threads for connections and by connection threads for WebSockets. Never waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[derive(Debug, Clone)]
pub struct Seats {
    taken: Arc<AtomicUsize>,
    bound: usize,
}

/// One place; dropping it gives it back.
#[derive(Debug)]
pub struct Seat(Arc<AtomicUsize>);

impl Seats {
    pub fn new(bound: usize) -> Self {
        Seats { taken: Arc::default(), bound }
    }

    /// A place, unless all are taken.
    pub fn take(&self) -> Option<Seat> {
        // Taken first and judged then, so that two at once cannot both get the last one.
        let before = self.taken.fetch_add(1, Ordering::Relaxed);
        let seat = Seat(Arc::clone(&self.taken));
        (before < self.bound).then_some(seat)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seat_is_free_again_when_it_is_given_back() {
        let seats = Seats::new(2);
        let first = seats.take();
        let second = seats.take();
        assert!(first.is_some() && second.is_some() && seats.take().is_none());
        drop(first);
        assert!(seats.take().is_some());
    }
}
