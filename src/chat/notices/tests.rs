use super::*;

#[test]
fn the_first_twenty_notices_of_a_second_are_single_and_the_rest_is_one_crowd() {
    let mut notices = Notices::default();
    let start = Time(1_000);
    let single = (0..50).filter(|_| notices.joined(start)).count();
    assert_eq!(single, 20);
    assert!(!notices.left(start));
    assert_eq!(notices.due(), Some(start + WINDOW));
    assert_eq!(notices.crowd(start), None);
    assert_eq!(notices.crowd(start + WINDOW), Some(Crowd { joined: 30, left: 1 }));
    assert_eq!(notices.due(), None);
    assert!(notices.left(start + WINDOW), "after the crowd, single notices again");
}

#[test]
fn one_join_a_second_is_never_merged() {
    let mut notices = Notices::default();
    let start = Time(1_000);
    for second in 0..100 {
        assert!(notices.joined(start + WINDOW * second));
    }
}
