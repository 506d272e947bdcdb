use super::*;
use crate::close_code::{self, CloseReason};

const BYE: CloseReason = CloseReason::new(close_code::GOING_AWAY, "bye: bye");

#[test]
fn a_close_frame_carries_its_code_in_network_order_and_its_reason() {
    let frame = |cause: Cause| cause.frame().expect("it sends a close frame");
    assert_eq!(&frame(Cause::Server(BYE))[..], b"\x88\x0a\x03\xe9bye: bye");
    assert_eq!(&frame(Cause::Client(None))[..], b"\x88\x00");
}

#[test]
fn a_clients_close_frame_is_answered_and_tcp_ends_at_once() {
    let mut closing = Closing::default();
    closing.begin(Cause::Client(Some(BYE)));
    assert!(closing.has_begun() && closing.may_end_ours());
    closing.sent_all();
    assert!(!closing.may_end_ours());
    closing.tcp_ended(Received::default(), TcpEnd::Fin);
    assert_eq!(
        closing.to_string(),
        "closed by the client: 1001 (going away), reason \"bye: bye\", answered by the server"
    );
}

#[test]
fn after_our_close_frame_tcp_stays_open_until_the_answer_or_the_clients_fin() {
    for answered in [true, false] {
        let mut closing = Closing::default();
        closing.begin(Cause::Server(BYE));
        assert!(!closing.may_end_ours());
        if answered {
            closing.answered();
        } else {
            closing.tcp_ended(Received::default(), TcpEnd::Fin);
        }
        assert!(closing.may_end_ours());
        let end = if answered { ", answered by the client" } else { "; the client ended TCP" };
        assert!(closing.to_string().ends_with(end), "{closing}");
    }
}

#[test]
fn after_our_close_frame_tcp_ends_at_once_if_no_answer_will_come() {
    let mut closing = Closing::default();
    closing.begin(Cause::Server(BYE));
    closing.no_answer_will_come();
    assert!(closing.may_end_ours() && !closing.is_answered());
}

#[test]
fn an_end_that_the_server_forced_is_not_logged_as_the_clients() {
    let mut closing = Closing::default();
    closing.begin(Cause::Fault(BYE));
    closing.forced();
    closing.tcp_ended(Received::default(), TcpEnd::Fin);
    assert!(closing.to_string().ends_with("so the server did"), "{closing}");
}

#[test]
fn a_reset_is_logged_as_a_reset() {
    let mut closing = Closing::default();
    closing.begin(Cause::Fault(BYE));
    closing.forced();
    closing.tcp_ended(Received::default(), TcpEnd::Failed("reset".to_owned()));
    assert!(closing.to_string().ends_with("TCP failed: reset"), "{closing}");
}

#[test]
fn an_answer_that_was_never_sent_is_not_logged() {
    let mut closing = Closing::default();
    closing.begin(Cause::Client(Some(BYE)));
    closing.ended_ours();
    closing.tcp_ended(Received::default(), TcpEnd::Failed("reset".to_owned()));
    assert!(closing.to_string().ends_with("; TCP failed: reset"), "{closing}");
}
