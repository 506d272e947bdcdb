use super::*;

const ANA: MemberId = MemberId(1);
const LUIS: MemberId = MemberId(2);
const EVA: MemberId = MemberId(3);

fn record(id: u64, visibility: Visibility, length: usize) -> Record {
    Record { id, json: Bytes::from(vec![b'x'; length]), visibility, own: None }
}

#[test]
fn private_events_are_only_for_their_two_members_and_the_sender_has_a_copy_with_ref() {
    let mut history = History::new(usize::MAX);
    history.push(record(1, Visibility::Everyone, 1));
    let own = Some((ANA, Bytes::from_static(b"with ref")));
    history.push(Record { own, ..record(2, Visibility::Two(ANA, LUIS), 2) });
    let lengths = |member| history.last(10, member).iter().map(|(_, json)| json.len()).collect::<Vec<_>>();
    assert_eq!(lengths(ANA), [1, 8]);
    assert_eq!(lengths(LUIS), [1, 2]);
    assert_eq!(lengths(EVA), [1]);
    assert_eq!(history.since(1, EVA), Some(vec![]));
    assert_eq!(history.last(1, EVA).len(), 1, "only events that the member may read are counted");
}

#[test]
fn missed_events_are_returned_completely_or_not_at_all() {
    let mut history = History::new(usize::MAX);
    for id in 1..=(KEPT_EVENTS as u64 + 5) {
        history.push(record(id, Visibility::Everyone, 1));
    }
    assert_eq!(history.since(4, ANA), None, "event 5 is forgotten");
    assert_eq!(history.since(5, ANA).map(|missed| missed.len()), Some(KEPT_EVENTS));
}

#[test]
fn long_events_are_bounded_in_bytes() {
    let mut history = History::new(usize::MAX);
    for id in 1..=100 {
        history.push(record(id, Visibility::Everyone, 100_000));
    }
    assert!(history.bytes <= KEPT_BYTES);
    assert_eq!(history.since(90, ANA), None, "ten are more than are sent at once");
    assert_eq!(history.last(100, ANA).len(), REPLAY_BYTES / 100_000);
}
