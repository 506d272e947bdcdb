use super::*;

#[test]
fn a_time_that_is_waited_for_has_come_then() {
    let clock = Clock::default();
    for later in [0, 1, 999, 1_000_000] {
        let time = clock.time(Instant::now()) + Duration::from_millis(later);
        let due = clock.instant(time);
        assert!(clock.time(due) >= time);
        assert!(clock.time(due).since(time) < Duration::from_millis(3));
    }
}
