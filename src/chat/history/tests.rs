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
    assert!(history.messages.bytes <= KEPT_BYTES);
    assert_eq!(history.since(90, ANA), None, "ten are more than are sent at once");
    assert_eq!(history.last(100, ANA).len(), REPLAY_BYTES / 100_000);
}

#[test]
fn notices_take_no_place_of_messages_and_none_that_is_missing_is_hidden() {
    let mut history = History::new(usize::MAX);
    for id in 1..=20 {
        history.push(record(id, Visibility::Everyone, 1));
    }
    for id in 21..=(20 + KEPT_NOTICES as u64) {
        history.push_notice(record(id, Visibility::Everyone, 2));
    }
    let last = history.last(100, ANA);
    assert_eq!(last.len(), 20 + REPLAYED_NOTICES);
    assert!(last[..20].iter().all(|(_, json)| json.len() == 1), "in the order of the ids");
    assert_eq!(history.since(0, ANA).map(|missed| missed.len()), Some(20 + KEPT_NOTICES));
    history.push_notice(record(21 + KEPT_NOTICES as u64, Visibility::Everyone, 2));
    assert_eq!(history.since(20, ANA), None, "notice 21 is forgotten");
    assert!(history.since(21, ANA).is_some());
}

#[test]
fn notices_among_messages_that_are_left_out_are_left_out_too() {
    let mut history = History::new(usize::MAX);
    for id in [1, 3, 5] {
        history.push(record(id, Visibility::Everyone, id as usize));
        history.push_notice(record(id + 1, Visibility::Everyone, id as usize + 1));
    }
    let lengths = |count| history.last(count, ANA).iter().map(|(_, json)| json.len()).collect::<Vec<_>>();
    assert_eq!(lengths(0), [0; 0]);
    assert_eq!(lengths(2), [3, 4, 5, 6]);
    assert_eq!(lengths(10), [1, 2, 3, 4, 5, 6]);
}
