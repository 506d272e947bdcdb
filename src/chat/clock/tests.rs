use super::*;

#[test]
fn after_waiting_for_a_time_the_clock_shows_it() {
    let clock = Clock::default();
    for later in [0, 1, 999, 1_000_000] {
        let time = clock.time(Instant::now()) + Duration::from_millis(later);
        let due = clock.instant(time);
        assert!(clock.time(due) >= time);
        assert!(clock.time(due).since(time) < Duration::from_millis(3));
    }
}
