use std::time::Duration;

use super::*;

#[test]
fn a_burst_is_allowed_then_come_warnings_then_the_end() {
    let start = Instant::now();
    let mut limit = RateLimit::new(2, start);
    let verdicts: Vec<Verdict> = (0..21).map(|_| limit.message(0, || start)).collect();
    assert!(verdicts[..10].iter().all(|verdict| *verdict == Verdict::Allowed));
    assert!(verdicts[10..20].iter().all(|verdict| *verdict == Verdict::Warned));
    assert_eq!(verdicts[20], Verdict::Excessive);
}

#[test]
fn messages_at_the_rate_are_always_allowed() {
    let start = Instant::now();
    let mut limit = RateLimit::new(20, start);
    for message in 0..10_000 {
        assert_eq!(limit.message(0, || start + Duration::from_millis(50) * message), Verdict::Allowed);
    }
}

#[test]
fn long_messages_cost_more_but_one_is_always_allowed() {
    let start = Instant::now();
    let mut limit = RateLimit::new(20, start);
    let allowed = (0..100).take_while(|_| limit.message(65_536, || start) == Verdict::Allowed).count();
    assert_eq!(allowed, 5, "17 tokens each of 100");
    assert_eq!(RateLimit::new(1, start).message(1 << 30, || start), Verdict::Allowed);
}

#[test]
fn a_few_heartbeats_cost_nothing_and_a_flood_of_them_ends_like_any_flood() {
    let start = Instant::now();
    let mut limit = RateLimit::new(2, start);
    for heartbeat in 0..1000 {
        let now = start + Duration::from_secs(5) * heartbeat;
        assert_eq!(limit.heartbeat(30, || now), Verdict::Allowed);
    }
    let later = start + Duration::from_secs(10_000);
    let verdicts: Vec<Verdict> = (0..27).map(|_| limit.heartbeat(30, || later)).collect();
    assert!(verdicts[..16].iter().all(|verdict| *verdict == Verdict::Allowed), "6 free ones, 10 messages");
    assert!(verdicts[16..26].iter().all(|verdict| *verdict == Verdict::Warned));
    assert_eq!(verdicts[26], Verdict::Excessive);
    let mut limit = RateLimit::new(2, start);
    let long = (0..100).take_while(|_| limit.heartbeat(50_000, || start) == Verdict::Allowed).count();
    assert_eq!(long, 1, "a long one is a message");
}
