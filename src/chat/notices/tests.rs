use super::*;

#[test]
fn the_first_twenty_of_a_second_are_told_the_rest_is_a_crowd() {
    let mut notices = Notices::default();
    let start = Time(1_000);
    let told = (0..50).filter(|_| notices.joined(start)).count();
    assert_eq!(told, 20);
    assert!(!notices.left(start));
    assert_eq!(notices.due(), Some(start + WINDOW));
    assert_eq!(notices.crowd(start), None);
    assert_eq!(notices.crowd(start + WINDOW), Some(Crowd { joined: 30, left: 1 }));
    assert_eq!(notices.due(), None);
    assert!(notices.left(start + WINDOW), "after the crowd, single notices again");
}

#[test]
fn a_trickle_is_never_merged() {
    let mut notices = Notices::default();
    let start = Time(1_000);
    for second in 0..100 {
        assert!(notices.joined(start + WINDOW * second));
    }
}
