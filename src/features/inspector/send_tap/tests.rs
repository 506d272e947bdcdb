use std::net::{Ipv4Addr, SocketAddr};
use std::time::SystemTime;

use super::super::note::{Note, Notes, channel};
use super::*;
use crate::client_id::ClientId;
use crate::tap::{Opening, Purpose};

/// Two frames of five and four bytes.
const FRAMES: &[u8] = b"\x81\x03abc\x81\x02de";

fn piece() -> Frames {
    Frames::new(Bytes::from_static(FRAMES), Privacy::Private)
}

fn tap(is_watched: bool) -> (InspectorSendTap, Notes) {
    let opening = Opening {
        client: ClientId(1),
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
    let captured = Arc::new(Captured::new(opening, Some(Purpose::Chat), None));
    captured.set_watched(is_watched);
    let (to_inspector, notes) = channel();
    (InspectorSendTap::new(captured, to_inspector), notes)
}

/// All reported frames, and whether the last was cut off.
fn reported(notes: &Notes) -> (Vec<u8>, bool) {
    let (mut all, mut was_cut) = (Vec::new(), false);
    while let Some(Note::Observed { observation: Observation::Frames { frames, privacy, cut, .. }, .. }) =
        notes.try_next()
    {
        assert_eq!(privacy, Privacy::Private);
        all.extend_from_slice(&frames);
        was_cut = cut;
    }
    (all, was_cut)
}

#[test]
fn a_frame_is_reported_when_its_last_byte_is_sent() {
    let (mut tap, notes) = tap(true);
    let mut from = 0;
    for (to, frames) in [(1, 0..0), (4, 0..0), (5, 0..5), (6, 0..0), (9, 5..9)] {
        tap.sent(&piece(), from, to);
        assert_eq!(reported(&notes).0, FRAMES[frames], "after {to} bytes");
        from = to;
    }
    tap.sent(&piece(), 0, 9);
    assert_eq!(reported(&notes).0, FRAMES, "the next piece begins again");
    assert_eq!(tap.captured.sent(), 18);
}

#[test]
fn a_watcher_that_comes_in_the_middle_of_a_piece_sees_the_next_piece() {
    let (mut tap, notes) = tap(false);
    tap.sent(&piece(), 0, 2);
    tap.captured.set_watched(true);
    tap.sent(&piece(), 2, 9);
    assert_eq!(reported(&notes).0, b"");
    tap.sent(&piece(), 0, 9);
    assert_eq!(reported(&notes).0, FRAMES);
}

#[test]
fn a_started_frame_is_reported_whole_after_the_frames_behind_it_were_dropped() {
    let (mut tap, notes) = tap(true);
    tap.sent(&piece(), 0, 2);
    tap.dropped(&piece(), 2, 5);
    let rest = Frames { bytes: Bytes::from_static(&FRAMES[2..5]), is_rest: true, ..piece() };
    tap.sent(&rest, 0, 1);
    assert_eq!(reported(&notes).0, b"");
    tap.sent(&rest, 1, 3);
    assert_eq!(reported(&notes).0, FRAMES[..5]);
}

#[test]
fn the_sent_part_of_an_unfinished_frame_is_reported_as_cut() {
    let (mut tap, notes) = tap(true);
    tap.sent(&piece(), 0, 7);
    assert_eq!(reported(&notes), (FRAMES[..5].to_vec(), false));
    tap.cut_off(&piece(), 7);
    assert_eq!(reported(&notes), (FRAMES[5..7].to_vec(), true));
    tap.cut_off(&piece(), 7);
    assert_eq!(reported(&notes), (Vec::new(), false), "once");
}
