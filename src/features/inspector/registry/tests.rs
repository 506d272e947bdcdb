use std::net::{Ipv4Addr, SocketAddr};
use std::time::SystemTime;

use crossbeam_channel::unbounded;

use super::*;
use crate::tap::Opening;

fn captured(client: u64) -> Arc<Captured> {
    let opening = Opening {
        client: ClientId(client),
        peer: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)),
        local: None,
        accepted: Instant::now(),
        accepted_at: SystemTime::now(),
        requested: Instant::now(),
        query: String::new(),
        request: Vec::new(),
        response: Vec::new(),
        encryption: None,
    };
    Arc::new(Captured::new(opening, Some(Purpose::Chat), None))
}

#[test]
fn a_connection_whose_beginning_was_left_out_is_known_by_the_next_note() {
    let (to_broadcaster, _jobs) = unbounded();
    let mut inspector = Inspector::new(String::new(), Outbox::new(to_broadcaster, 1 << 20));
    let observed = |captured: &Arc<Captured>, observation| Note::Observed {
        captured: Arc::clone(captured),
        at: Instant::now(),
        observation,
    };
    let ana = captured(1);
    inspector.handle(observed(&ana, Observation::Named("Ana".to_owned())));
    assert_eq!(inspector.connections[&ClientId(1)].name.as_deref(), Some("Ana"));
    assert_eq!(ana.watched(), None, "without a watcher its taps are off");
    inspector.handle(Note::Watch { watcher: ClientId(2), scope: Scope::Everyone });
    assert!(ana.watched().is_some());
    inspector.remove_watcher(ClientId(2));
    assert_eq!(ana.watched(), None);
}
