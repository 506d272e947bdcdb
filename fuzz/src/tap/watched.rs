//! The inspector, attached as the server attaches it, and two who watch: one with the key of the connections here, one with the
//! teacher's key. In the broadcaster's place stands a list of what they are sent.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;
use crossbeam_channel::{Receiver, RecvTimeoutError, unbounded};
use serde_json::Value;
use websocket_classroom::broadcaster::{Cause, Control, Endpoint, Incoming, Job, QueueFull};
use websocket_classroom::chat::{Chat, Input, Refusal, ServerId, Timestamp};
use websocket_classroom::client_id::ClientId;
use websocket_classroom::close_code::CloseReason;
use websocket_classroom::config::{self, Options, Request};
use websocket_classroom::features::inspector;
use websocket_classroom::http::{self, Call, Reply};
use websocket_classroom::joints::Joints;
use websocket_classroom::tap::{Opening, Purpose, ReadTap, SendTap, Taps};
use websocket_classroom::websocket::frame::whole_frames;

/// The watchers, and their keys.
const OWN: (ClientId, &str) = (ClientId(1), "0123456789abcdefghijkg");
const TEACHER: (ClientId, &str) = (ClientId(2), "fuzzfuzz");

/// Longer than the inspector takes for anything, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// The first connection that is watched.
const FIRST: u64 = 3;

const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 1);

/// What differs from one connection to the next, whatever goes over it.
const ITS_OWN: [&str; 4] = ["conn", "us", "ping_us", "round_trip_us"];

static OPTIONS: LazyLock<Options> = LazyLock::new(|| {
    let Ok(Request::Serve(mut options)) = config::parse([]) else { panic!("the defaults are allowed") };
    options.teacher_key = Some(TEACHER.1.to_owned());
    *options
});

pub struct Watched {
    joints: Joints,
    incoming: Receiver<Incoming>,
    sent: SentTo,
    next: u64,
}

/// What was seen of one connection after its beginning: by the watcher of its key, and by the teacher.
#[derive(Debug, Default)]
pub struct Seen {
    pub own: Vec<Value>,
    pub teacher: Vec<Value>,
}

/// A connection begins like this.
pub fn opening(client: u64, request: Vec<u8>) -> Opening {
    let (accepted, accepted_at) = (Instant::now(), SystemTime::now());
    Opening {
        client: ClientId(client),
        peer: PEER,
        local: None,
        accepted,
        accepted_at,
        requested: accepted,
        query: format!("wire={}", OWN.1),
        request,
        response: Vec::new(),
        encryption: None,
    }
}

impl Watched {
    pub fn begin() -> Watched {
        let (to_broadcaster, incoming) = unbounded();
        let mut joints = Joints::default();
        inspector::attach(&mut joints, &OPTIONS, &to_broadcaster);
        joints.start.drain(..).for_each(|start| start().expect("a thread is left"));
        let mut watched = Watched { joints, incoming, sent: SentTo::default(), next: FIRST };
        for (watcher, key) in [OWN, TEACHER] {
            watched.watch(watcher, key);
        }
        watched
    }

    /// By way of `/wire`.
    fn watch(&mut self, watcher: ClientId, key: &str) {
        let head = format!(
            "GET /wire?key={key} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
        );
        let (_, request, _) = http::parse(head.as_bytes()).expect("it is right").expect("and whole");
        let call =
            Call { request: &request, host: "localhost", client: watcher, peer: PEER, wait: &|_| true };
        let route = self.joints.http.routes.iter().find(|route| route.path == "/wire");
        match (route.expect("the inspector has an address").handler)(&call) {
            Reply::WebSocket { endpoint: Endpoint::Feed(begin), .. } => begin(&mut self.sent),
            _ => panic!("{key} lets no one watch"),
        }
    }

    /// A connection that both watch, and what happens on it. Returns its number.
    pub fn connection(
        &mut self,
        purpose: Purpose,
        life: impl FnOnce(&mut dyn ReadTap, &mut dyn SendTap),
    ) -> u64 {
        let number = self.next;
        self.next += 1;
        let capture = self.joints.connection.capture.as_ref().expect("the inspector captures");
        let Taps { mut read, mut send, welcome_field } = capture.open(opening(number, Vec::new()), purpose);
        assert_eq!(welcome_field, Some(("wire", OWN.1.to_owned())));
        life(&mut *read, &mut *send);
        number
    }

    /// What was seen of each connection.
    pub fn end(self) -> HashMap<u64, Seen> {
        let Watched { joints, incoming, mut sent, .. } = self;
        drop(joints);
        loop {
            match incoming.recv_timeout(PATIENCE) {
                Ok(Incoming::Run(job)) => job(&mut sent),
                Ok(_) => panic!("the inspector has nothing but jobs"),
                // The inspector has ended, since no one is left who could tell it anything.
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => panic!("the inspector does not end"),
            }
        }
        let mut seen: HashMap<u64, Seen> = HashMap::new();
        for (watcher, frames) in sent.0 {
            for event in events(&frames) {
                let Some(number) = event["conn"].as_u64() else {
                    assert_eq!(event["type"], "watching", "{event}");
                    continue;
                };
                let seen = seen.entry(number).or_default();
                let list = if watcher == OWN.0 { &mut seen.own } else { &mut seen.teacher };
                list.push(event);
            }
        }
        for list in seen.values_mut().flat_map(|seen| [&mut seen.own, &mut seen.teacher]) {
            assert_eq!(list.remove(0)["type"], "opened");
            let fields = list.iter_mut().filter_map(Value::as_object_mut);
            fields.for_each(|fields| fields.retain(|name, _| !ITS_OWN.contains(&name.as_str())));
        }
        seen
    }
}

/// One JSON object a text frame.
fn events(frames: &[u8]) -> impl Iterator<Item = Value> {
    whole_frames(frames).map(|(head, frame)| {
        let json = &frame[frame.len() - head.length as usize..];
        serde_json::from_slice(json).expect("an event is JSON")
    })
}

/// Frames that were sent to each client.
#[derive(Default)]
struct SentTo(HashMap<ClientId, Vec<u8>>);

/// The inspector does nothing else on the broadcaster's thread than to send.
impl Control for SentTo {
    fn send(&mut self, client: ClientId, frames: Bytes) {
        self.0.entry(client).or_default().extend_from_slice(&frames);
    }

    fn queued_bytes(&self, _: ClientId) -> Option<usize> {
        Some(0)
    }

    fn is_open(&self, _: ClientId) -> bool {
        true
    }

    fn now(&self) -> Instant {
        Instant::now()
    }

    fn send_everyone(&mut self, _: &Bytes) {
        unreachable!()
    }

    fn close(&mut self, client: ClientId, cause: Cause) {
        panic!("{client} is closed {cause}");
    }

    fn close_revoked(&mut self, _: bool) {
        unreachable!()
    }

    fn close_members(&mut self, _: &CloseReason) {
        unreachable!()
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

    fn apply(&mut self, _: Input, _: Timestamp) {
        unreachable!()
    }

    fn chat(&mut self) -> &mut Chat {
        unreachable!()
    }

    fn server(&self) -> ServerId {
        unreachable!()
    }

    fn set_server(&mut self, _: ServerId) {
        unreachable!()
    }

    fn is_shutting_down(&self) -> bool {
        false
    }
}
