use super::super::proposals::{self, ProposalQueue};
use super::*;
use crate::chat::{Command, ConnectionId, Settings};
use crate::client_id::ClientId;
use crate::close_code::{self, CloseReason};

const OTHER: ServerId = ServerId(5);
const LEFT: CloseReason = CloseReason::new(close_code::NORMAL, "");

fn replica() -> (Replica, ProposalQueue) {
    let (proposals, queue) = proposals::channel();
    (Replica::new(proposals, 16), queue)
}

fn entry(milliseconds: u64, server: ServerId, number: u64, input: Input) -> Entry {
    Entry { id: StreamId { milliseconds, number: 0 }, server, number, input }
}

fn chat() -> Chat {
    Chat::new(Settings { history: 10, send_queue: 1 << 20, ..Settings::default() })
}

fn snapshot(chat: Chat) -> Snapshot {
    Snapshot { position: StreamId::BEGINNING, numbers: BTreeMap::new(), chat }
}

fn command(text: &str) -> Input {
    let connection = ConnectionId::of_this_process(ClientId(1));
    Input::Command { connection, command: Command::Rename { name: text.to_owned() } }
}

fn left() -> Input {
    Input::Left { connection: ConnectionId::of_this_process(ClientId(1)), how: LEFT }
}

/// The numbers of the proposals that were sent to the writer.
fn proposed(queue: &ProposalQueue) -> Vec<u64> {
    let number = |to_writer| match to_writer {
        ToWriter::Propose(proposal) => Some(proposal.number),
        _ => None,
    };
    queue.receiver.try_iter().filter_map(number).collect()
}

#[test]
fn each_proposal_is_accepted_once() {
    let (mut replica, _queue) = replica();
    let now = Instant::now();
    let accepted: Vec<bool> =
        [1, 2, 2, 1, 3].map(|number| replica.accept(&entry(10, OTHER, number, Input::Tick), now)).into();
    assert_eq!(accepted, [true, true, false, false, true]);
    assert!(replica.accept(&entry(10, ServerId(6), 1, Input::Tick), now), "of another server");
}

#[test]
fn no_proposal_of_a_gone_server_is_accepted() {
    let (mut replica, _queue) = replica();
    let now = Instant::now();
    let gone = Input::ServerGone { server: OTHER, how: LEFT };
    assert!(replica.accept(&entry(10, ServerId(6), 1, gone), now));
    assert!(!replica.accept(&entry(11, OTHER, 7, Input::Tick), now));
}

#[test]
fn commands_are_refused_when_too_much_waits_but_leaving_is_always_accepted() {
    let (mut replica, queue) = replica();
    let long = command(&"x".repeat(1 << 20));
    let accepted = (0..100).take_while(|_| replica.propose(&long).is_ok()).count();
    assert_eq!(accepted, 8);
    assert_eq!(replica.propose(&Input::Tick), Ok(()));
    assert_eq!(replica.propose(&left()), Ok(()));
    assert_eq!(proposed(&queue), (1..=10).collect::<Vec<_>>(), "without a gap");
    queue.release_bytes(2 << 20);
    assert_eq!(replica.propose(&long), Ok(()));
}

#[test]
fn the_first_snapshot_keeps_the_server_id_and_the_next_changes_it() {
    let (mut replica, _queue) = replica();
    let first = replica.server();
    assert!(!replica.begin(&snapshot(chat())));
    assert_eq!(replica.server(), first);
    assert!(replica.begin(&snapshot(chat())));
    assert_ne!(replica.server(), first);
}

#[test]
fn a_tick_is_proposed_when_due_by_the_clock_of_redis_and_again_after_a_second() {
    let (mut replica, queue) = replica();
    let now = Instant::now();
    replica.tick(Some(Time(0)), now);
    assert_eq!(proposed(&queue), [0; 0], "before the first entry Redis's clock is unknown");
    replica.accept(&entry(1000, OTHER, 1, Input::Tick), now);
    let due = Some(Time(3000));
    let after = |milliseconds| now + Duration::from_millis(milliseconds);
    for milliseconds in [0, 1999, 2001, 2500, 3000, 3002] {
        replica.tick(due, after(milliseconds));
    }
    assert_eq!(proposed(&queue), [1, 2], "after 2001 ms and after 3002 ms");
}

#[test]
fn a_snapshot_is_written_by_the_server_of_the_last_entry_and_one_at_a_time() {
    let (mut replica, queue) = replica();
    let (chat, now) = (chat(), Instant::now());
    let own = replica.server();
    let mut read = |number, server| {
        replica.accept(&entry(number, server, number, Input::Tick), now);
        replica.write_snapshot_if_due(&chat, server);
    };
    let snapshots = || {
        let all = queue.receiver.try_iter();
        all.filter(|to_writer| matches!(to_writer, ToWriter::Snapshot(..))).count()
    };
    // Every second entry, as the stream has 16.
    read(1, own);
    assert_eq!(snapshots(), 0);
    read(2, OTHER);
    assert_eq!(snapshots(), 0);
    read(3, own);
    assert_eq!(snapshots(), 1);
    read(4, own);
    read(5, own);
    assert_eq!(snapshots(), 0, "the first is still being written");
    queue.snapshot_written();
    read(6, own);
    assert_eq!(snapshots(), 1);
}
