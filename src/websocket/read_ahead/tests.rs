use super::*;

/// Returns rising bytes, one burst at each read, and at the end `WouldBlock`.
struct Socket {
    next: u8,
    bursts: Vec<usize>,
    reads: usize,
}

impl Read for &mut Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        let Some(burst) = self.bursts.first_mut() else {
            return Err(ErrorKind::WouldBlock.into());
        };
        let length = buffer.len().min(*burst);
        *burst -= length;
        if *burst == 0 {
            self.bursts.remove(0);
        }
        for byte in &mut buffer[..length] {
            *byte = self.next;
            self.next = self.next.wrapping_add(1);
        }
        Ok(length)
    }
}

/// Reads all there is into small buffers; returns the bytes and how often the socket was asked.
fn read_all(early: Vec<u8>, bursts: &[usize]) -> (Vec<u8>, usize, ReadAhead) {
    let next = early.len() as u8;
    let mut socket = Socket { next, bursts: bursts.to_vec(), reads: 0 };
    let mut ahead = ReadAhead::new(early);
    let mut all = Vec::new();
    let mut buffer = [0; 100];
    while let Ok(length) = ahead.read(&mut socket, false, &mut buffer) {
        assert!(length > 0);
        all.extend_from_slice(&buffer[..length]);
    }
    (all, socket.reads, ahead)
}

#[test]
fn every_byte_is_read_once_and_in_order_and_no_memory_is_kept_when_idle() {
    for early in [0, 1, 250] {
        for bursts in [&[][..], &[1], &[100], &[99, 1, 100, 101], &[4196], &[100_000, 3], &[100, 4096, 1]] {
            let early: Vec<u8> = (0..early).collect();
            let length = early.len() + bursts.iter().sum::<usize>();
            let (all, _, ahead) = read_all(early, bursts);
            let expected: Vec<u8> = (0..length).map(|number| number as u8).collect();
            assert!(all == expected, "{bursts:?}");
            assert_eq!(ahead.bytes.get_ref().capacity(), 0, "{bursts:?}");
        }
    }
}

#[test]
fn each_burst_takes_one_read() {
    let (_, reads, _) = read_all(Vec::new(), &[1_120; 100]);
    assert!(reads <= 102, "{reads} reads");
}

#[test]
fn a_long_message_takes_few_reads() {
    let (_, reads, _) = read_all(Vec::new(), &[65_536]);
    assert!(reads <= 20, "{reads} reads");
}

#[test]
fn a_long_head_costs_an_idle_client_nothing() {
    let mut unread = vec![b'x'; 16 * 1024];
    unread.clear();
    assert_eq!(ReadAhead::new(unread).bytes.get_ref().capacity(), 0);
    let mut unread = vec![b'x'; 16 * 1024];
    unread.truncate(3);
    assert!(ReadAhead::new(unread).bytes.get_ref().capacity() < 1024);
}
