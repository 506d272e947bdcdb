//! Group 9: long messages, many fragments, small writes, many messages.

use super::{Frame, Octets, Ours, Whole, case, ends, open, play, server};
use crate::common::raw::{BINARY, TEXT, frame};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// A text and a binary pattern, repeated to a length.
const PATTERNS: [(u8, &[u8]); 2] = [(TEXT, b"BAsd7&jh23"), (BINARY, b"\x00\xfe\x23\xfa\xf0")];

fn repeated(pattern: &[u8], length: usize) -> Vec<u8> {
    let mut payload = pattern.repeat(length / pattern.len() + 1);
    payload.truncate(length);
    payload
}

#[test]
fn groups_9_1_and_9_2_messages_of_up_to_16_mib_come_back() {
    let server = server();
    for (group, (first, pattern)) in (1..).zip(PATTERNS) {
        let sizes = [64 * KIB, 256 * KIB, MIB, 4 * MIB, 8 * MIB, 16 * MIB];
        for (index, size) in (1..).zip(sizes) {
            let payload = repeated(pattern, size);
            let message = [(first, &payload[..])];
            play(&server, &case(&format!("9.{group}.{index}"), Whole, &message, &message, Ours));
        }
    }
}

#[test]
fn groups_9_3_and_9_4_a_message_of_4_mib_in_fragments_of_any_size_comes_back() {
    let server = server();
    let sizes = [64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB];
    for (group, first) in [(3, TEXT), (4, BINARY)] {
        for (index, size) in (1..).zip(sizes) {
            let byte = if (group, index) == (4, 1) { 0xfe } else { b'*' };
            let payload = vec![byte; 4 * MIB];
            let mut frames: Vec<Frame> = payload.chunks(size).map(|chunk| (0x00, chunk)).collect();
            frames[0].0 = first & 0x0f;
            if let Some(last) = frames.last_mut() {
                last.0 |= 0x80;
            }
            play(&server, &case(&format!("9.{group}.{index}"), Whole, &frames, &[(first, &payload)], Ours));
        }
    }
}

#[test]
fn groups_9_5_and_9_6_a_message_of_1_mib_in_small_writes_comes_back() {
    let server = server();
    for (group, (first, pattern)) in (5..).zip(PATTERNS) {
        for (index, size) in (1..).zip([64, 128, 256, 512, 1024, 2048]) {
            let payload = repeated(pattern, MIB);
            let message = [(first, &payload[..])];
            play(&server, &case(&format!("9.{group}.{index}"), Octets(size), &message, &message, Ours));
        }
    }
}

#[test]
fn groups_9_7_and_9_8_a_thousand_messages_come_back_one_by_one() {
    let server = server();
    for (group, first, byte) in [(7, TEXT, b'*'), (8, BINARY, 0xfe)] {
        for (index, size) in (1..).zip([0, 16, 64, 256, 1024, 4096]) {
            let mut client = open(&server);
            let payload = vec![byte; size];
            let message = frame(first, &payload);
            for number in 0..1000 {
                client.send(&message);
                let heard = client.frame();
                assert!(heard == Some((first, payload.clone())), "9.{group}.{index}: {number}");
            }
            ends(&server, &format!("9.{group}.{index}"), client, Ours);
        }
    }
}
