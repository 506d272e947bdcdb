use bytes::Bytes;

use super::*;
use crate::tap::{NoTap, Privacy};

fn push(queue: &mut SendQueue, frames: &'static [u8]) {
    queue.push(Frames::new(Bytes::from_static(frames), Privacy::Public), frame::messages_in(frames));
}

/// Three messages in two pieces, with this many bytes sent.
fn queue(sent: usize) -> SendQueue {
    let mut queue = SendQueue::default();
    push(&mut queue, b"\x81\x03abc\x81\x02de");
    push(&mut queue, b"\x81\x01x");
    queue.advance(sent, &mut NoTap);
    queue
}

fn pieces(queue: &SendQueue) -> Vec<&[u8]> {
    queue.pieces.iter().map(|piece| &piece.bytes[..]).collect()
}

#[test]
fn the_rest_of_a_started_frame_is_kept() {
    let mut queue = queue(6);
    queue.keep_started_frame(&mut NoTap);
    assert_eq!((queue.waiting, queue.messages()), (3, 2));
    assert_eq!(pieces(&queue), [b"\x02de"]);
}

#[test]
fn the_rest_is_kept_a_second_time() {
    let mut queue = queue(6);
    queue.keep_started_frame(&mut NoTap);
    queue.advance(1, &mut NoTap);
    push(&mut queue, b"\x81\x01y");
    queue.keep_started_frame(&mut NoTap);
    assert_eq!(pieces(&queue), [b"de"]);
    assert_eq!(queue.messages(), 2);
}

#[test]
fn between_two_frames_nothing_is_kept() {
    for (sent, messages) in [(0, 0), (5, 1), (9, 2)] {
        let mut queue = queue(sent);
        queue.keep_started_frame(&mut NoTap);
        assert!(queue.is_empty(), "after {sent} bytes");
        assert_eq!(queue.messages(), messages, "after {sent} bytes");
    }
}

#[test]
fn the_memory_of_small_frames_includes_their_overhead() {
    assert_eq!(queue(0).memory(), 12 + 2 * PIECE_OVERHEAD);
}
