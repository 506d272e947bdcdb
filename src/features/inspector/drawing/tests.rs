use super::*;

fn drawn(frame: &[u8]) -> Vec<String> {
    draw_all(Party::Server, frame)
}

#[test]
fn the_masked_example_of_rfc_6455_section_5_7_is_drawn_bit_by_bit() {
    assert_eq!(
        drawn(b"\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
        [
            "81                       1 000 0001  FIN, RSV 000, opcode 1: text",
            "85                       1 0000101   MASK, length 5",
            "37 fa 21 3d              masking key",
            "7f 9f 4d 51 58           payload as it came",
            "48 65 6c 6c 6f           unmasked",
            "                         \"Hello\"",
        ]
    );
}

#[test]
fn long_lengths_and_close_codes_are_drawn() {
    let mut long = b"\x02\x7e\x01\x00".to_vec();
    long.extend([0; 256]);
    let lines = drawn(&long);
    assert_eq!(lines[0], "02                       0 000 0010  not FIN, RSV 000, opcode 2: binary");
    assert_eq!(lines[1], "7e                       0 1111110   not MASK, length 256 in the next 16 bits");
    assert_eq!(lines[2], "01 00                    length 256");
    assert_eq!(lines.last().map(String::as_str), Some("and 192 bytes more"));
    let close = drawn(b"\x88\x05\x03\xe9bye");
    assert_eq!(close[3].trim_start(), "code 1001 (going away), reason \"bye\"");
}

#[test]
fn a_session_is_not_drawn() {
    let welcome = b"{\"type\":\"welcome\",\"session\":\"secret!!\"}";
    let mut frame = vec![0x81, welcome.len() as u8];
    frame.extend(welcome);
    let all = drawn(&frame).join("\n");
    assert!(all.contains("··") && all.contains("**"), "{all}");
    assert!(!all.contains("ecre") && !all.contains("73 65 63"), "{all}");
}
