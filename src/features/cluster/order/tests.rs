use std::collections::BTreeMap;

use crossbeam_channel::{Sender, unbounded};

use super::super::entry::StreamId;
use super::super::news::Credits;
use super::super::proposals::{self, ProposalQueue};
use super::*;
use crate::broadcaster::{Cause, Job};
use crate::chat::{Chat, ConnectionId, Refusal, Settings, Timestamp};
use crate::client_id::ClientId;

/// A broadcaster that only records what it must do.
struct FakeBroadcaster {
    chat: Chat,
    server: ServerId,
    is_shutting_down: bool,
    done: Vec<String>,
}

impl Control for FakeBroadcaster {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn is_open(&self, _: ClientId) -> bool {
        unreachable!()
    }

    fn queued_bytes(&self, _: ClientId) -> Option<usize> {
        unreachable!()
    }

    fn send(&mut self, _: ClientId, _: Bytes) {
        unreachable!()
    }

    fn send_everyone(&mut self, json: &Bytes) {
        self.done.push(String::from_utf8_lossy(json).into_owned());
    }

    fn close(&mut self, _: ClientId, _: Cause) {
        unreachable!()
    }

    fn close_revoked(&mut self, _: bool) {
        unreachable!()
    }

    fn close_members(&mut self, reason: &CloseReason) {
        self.done.push(format!("close {}", reason.code()));
    }

    fn set_welcome_field(&mut self, _: ClientId, _: (&'static str, String)) {
        unreachable!()
    }

    fn lacks_admission(&self, _: ClientId) -> bool {
        false
    }

    fn later(&mut self, _: Duration, _: Job) {
        unreachable!()
    }

    fn refuse(&mut self, _: ClientId, _: &Refusal) {
        unreachable!()
    }

    fn submit(&mut self, _: Input) -> Result<(), QueueFull> {
        unreachable!()
    }

    fn apply(&mut self, _: Input, timestamp: Timestamp) {
        self.done.push(format!("apply at {}", timestamp.now.0));
    }

    fn chat(&mut self) -> &mut Chat {
        &mut self.chat
    }

    fn server(&self) -> ServerId {
        self.server
    }

    fn set_server(&mut self, server: ServerId) {
        self.server = server;
    }

    fn is_shutting_down(&self) -> bool {
        self.is_shutting_down
    }
}

struct Fixture {
    order: ClusterOrder,
    news: Sender<News>,
    queue: ProposalQueue,
    broadcaster: FakeBroadcaster,
    credits: Credits,
}

impl Fixture {
    fn new() -> Fixture {
        let (proposals, queue) = proposals::channel();
        let (news, receiver) = unbounded();
        let replica = Replica::new(proposals, 1000);
        let order = ClusterOrder::new(replica, receiver, Arc::default());
        let (chat, server) = (chat("old"), order.server());
        let broadcaster = FakeBroadcaster { chat, server, is_shutting_down: false, done: Vec::new() };
        Fixture { order, news, queue, broadcaster, credits: Credits::new() }
    }

    /// What the broadcaster does after these news.
    fn receive(&mut self, news: News) -> Vec<String> {
        self.news.send(news).expect("the order has the other end");
        self.order.take_news(&mut self.broadcaster);
        std::mem::take(&mut self.broadcaster.done)
    }

    fn receive_entry(&mut self, number: u64, input: Input) -> Vec<String> {
        let id = StreamId { milliseconds: number, number: 0 };
        let entry = Entry { id, server: ServerId(5), number, input };
        self.receive(News::Entries(vec![entry], self.credits.acquire()))
    }
}

fn chat(epoch: &str) -> Chat {
    Chat::of_epoch(epoch.to_owned(), Settings { history: 10, send_queue: 1 << 20, ..Settings::default() })
}

fn snapshot(epoch: &str) -> News {
    let (position, numbers) = (StreamId::BEGINNING, BTreeMap::new());
    News::Snapshot(Box::new(Snapshot { position, numbers, chat: chat(epoch) }))
}

fn typing() -> Input {
    let connection = ConnectionId::of_this_process(ClientId(1));
    Input::Command { connection, command: Command::Typing }
}

#[test]
fn members_get_an_event_when_redis_is_lost_and_typing_is_dropped_until_it_is_back() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.receive(News::Lost), [r#"{"type":"backplane","connected":false}"#]);
    assert_eq!(fixture.order.submit(&typing()), Ok(()));
    assert_eq!(fixture.queue.receiver.len(), 0);
    assert_eq!(fixture.order.submit(&Input::Tick), Ok(()));
    assert_eq!(fixture.queue.receiver.len(), 1);
    assert_eq!(fixture.receive(News::Back), [r#"{"type":"backplane","connected":true}"#]);
    assert_eq!(fixture.order.submit(&typing()), Ok(()));
    assert_eq!(fixture.queue.receiver.len(), 2);
}

#[test]
fn the_first_snapshot_closes_no_connection_and_a_later_one_closes_all_and_changes_the_id() {
    let mut fixture = Fixture::new();
    let id = fixture.order.server();
    assert_eq!(fixture.receive(snapshot("new")), [""; 0]);
    assert_eq!((fixture.broadcaster.chat.epoch(), fixture.broadcaster.server), ("new", id));
    assert_eq!(fixture.receive(snapshot("newer")), ["close 4013"]);
    assert_eq!(fixture.broadcaster.chat.epoch(), "newer");
    assert_ne!(fixture.broadcaster.server, id);
    assert_eq!(fixture.broadcaster.server, fixture.order.server());
}

#[test]
fn an_entry_is_applied_once_at_its_own_time() {
    let mut fixture = Fixture::new();
    fixture.receive(snapshot("new"));
    assert_eq!(fixture.receive_entry(7, Input::Tick), ["apply at 7"]);
    assert_eq!(fixture.receive_entry(7, Input::Tick), [""; 0]);
}

#[test]
fn a_server_that_was_declared_gone_closes_its_members_and_continues_under_a_new_id() {
    let mut fixture = Fixture::new();
    fixture.receive(snapshot("new"));
    let server = fixture.order.server();
    let gone = || Input::ServerGone { server, how: SERVER_SILENT };
    assert_eq!(fixture.receive_entry(1, gone()), ["apply at 1", "close 4013"]);
    assert_ne!(fixture.broadcaster.server, server);
    assert_eq!(fixture.broadcaster.server, fixture.order.server());
    assert_eq!(fixture.receive_entry(2, gone()), ["apply at 2"], "the id is no longer its own");
}

#[test]
fn a_server_that_shuts_down_keeps_its_id_when_it_reads_its_own_end() {
    let mut fixture = Fixture::new();
    fixture.receive(snapshot("new"));
    let server = fixture.order.server();
    fixture.order.shut_down();
    fixture.broadcaster.is_shutting_down = true;
    let gone = Input::ServerGone { server, how: CloseReason::SHUTTING_DOWN };
    assert_eq!(fixture.receive_entry(1, gone), ["apply at 1"]);
    assert_eq!(fixture.broadcaster.server, server);
}

#[test]
fn only_another_server_is_declared_gone() {
    let mut fixture = Fixture::new();
    let proposals = fixture.queue.receiver.len();
    fixture.receive(News::Silent(fixture.order.server()));
    assert_eq!(fixture.queue.receiver.len(), proposals);
    fixture.receive(News::Silent(ServerId(5)));
    assert_eq!(fixture.queue.receiver.len(), proposals + 1);
}
