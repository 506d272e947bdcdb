use super::*;

#[test]
fn both_loopback_addresses_are_one_line() {
    let addresses = ["127.0.0.1:3000", "[::1]:3000"].map(|text| text.parse().expect("an address"));
    assert_eq!(urls(&addresses, false), ["http://localhost:3000/"]);
}

#[test]
fn if_users_must_sign_in_the_websocat_line_shows_how() {
    let mut out = Vec::new();
    // Both loopbacks: no other program that runs meanwhile can have one of them.
    let addresses = ["127.0.0.1:3000", "[::1]:3000"].map(|text| text.parse().expect("an address"));
    let websocat_flags = "--basic-auth NAME:PASSWORD ".to_owned();
    let banner = Banner {
        addresses: addresses.to_vec(),
        joints: BannerJoints { websocat_flags, ..BannerJoints::default() },
    };
    banner.print(false, &mut out).expect("memory can be written to");
    let text = String::from_utf8(out).expect("text");
    let line = "websocat -E --basic-auth NAME:PASSWORD ws://localhost:3000/ws\n";
    assert!(text.contains(line), "{text}");
}

#[test]
fn the_qr_code_opens_an_address_of_the_network() {
    let mut out = Vec::new();
    let address = "192.0.2.7:3000".parse().expect("an address");
    let lines = vec![("teacher", "#teacher=teacher-key".to_owned())];
    let banner =
        Banner { addresses: vec![address], joints: BannerJoints { lines, ..BannerJoints::default() } };
    banner.print(true, &mut out).expect("memory can be written to");
    let text = String::from_utf8(out).expect("text");
    assert!(text.contains("page      http://192.0.2.7:3000/\n"), "{text}");
    assert!(text.contains("teacher   http://192.0.2.7:3000/#teacher=teacher-key\n"), "{text}");
    assert!(text.contains("websocat -E ws://192.0.2.7:3000/ws\n"), "{text}");
    assert!(text.contains('█') && text.contains("the code opens http://192.0.2.7:3000/"));
}
