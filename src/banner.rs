//! What the teacher sees first: the addresses to type, a QR code for phones, a line for websocat.
//!
//! Called by `main` once the server listens. Goes to standard output, while the log goes to standard error.

use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr, UdpSocket};

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

/// Writes it all; the code for phones only to a terminal, where it can be seen.
///
/// # Errors
/// If standard output is closed; nobody misses the banner then.
pub fn print(
    addresses: &[SocketAddr],
    teacher_key: Option<&str>,
    has_accounts: bool,
    terminal: bool,
    mut out: impl Write,
) -> io::Result<()> {
    let urls = urls(addresses);
    let first = urls.first().map_or("", String::as_str);
    writeln!(out, "websocket-classroom {}\n", env!("CARGO_PKG_VERSION"))?;
    for (line, url) in urls.iter().enumerate() {
        writeln!(out, "  {:<9} {url}", if line == 0 { "page" } else { "" })?;
    }
    if let Some(key) = teacher_key {
        // Behind the # it stays in the browser.
        writeln!(out, "  {:<9} {first}#teacher={key}", "teacher")?;
    }
    // -E: websocat ends when the connection does.
    let who = if has_accounts { "--basic-auth NAME:PASSWORD " } else { "" };
    let address = first.replacen("http:", "ws:", 1);
    writeln!(out, "  {:<9} websocat -E {who}{address}ws", "websocat")?;
    writeln!(out, "  {:<9} Ctrl-C\n", "stop")?;
    // A phone can use only an address of the network; that of a machine with several is the first.
    let for_phones = urls.iter().find(|url| !url.contains("localhost"));
    if let Some(url) = for_phones.filter(|_| terminal) {
        print_code(url, &mut out)?;
        writeln!(out, "  the code opens {url}\n")?;
    }
    out.flush()
}

/// A QR code in black on white, whatever the terminal's own colours are: many phones read no other.
fn print_code(url: &str, out: &mut impl Write) -> io::Result<()> {
    const BLACK_ON_WHITE: &str = "\x1b[30;107m";
    const AS_BEFORE: &str = "\x1b[0m";
    let Ok(code) = QrCode::new(url) else {
        return Ok(());
    };
    for line in code.render::<Dense1x2>().build().lines() {
        writeln!(out, "  {BLACK_ON_WHITE}{line}{AS_BEFORE}")?;
    }
    writeln!(out)
}

/// The page's addresses: `localhost` first, if that is served, then those which other machines can type.
fn urls(addresses: &[SocketAddr]) -> Vec<String> {
    let mut urls = Vec::new();
    for address in addresses {
        let port = address.port();
        let ip = address.ip();
        if ip.is_loopback() || ip.is_unspecified() {
            urls.push(format!("http://localhost:{port}/"));
        } else {
            urls.push(format!("http://{address}/"));
        }
        if ip.is_unspecified() {
            let reachable = network_addresses(ip.is_ipv6());
            urls.extend(
                reachable.iter().map(|ip| format!("http://{}/", SocketAddr::new(*ip, port))),
            );
        }
    }
    urls.dedup();
    urls
}

/// This machine's addresses in its networks: first the one it speaks to the world from, which is the classroom's
/// network and not that of some virtual machine; then IPv4 before IPv6.
fn network_addresses(with_ipv6: bool) -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let mut addresses: Vec<IpAddr> = interfaces
        .iter()
        .filter(|interface| !interface.is_loopback() && !interface.is_link_local())
        .map(if_addrs::Interface::ip)
        .filter(|ip| ip.is_ipv4() || with_ipv6)
        .collect();
    let outgoing = outgoing_address();
    addresses.sort_by_key(|ip| (Some(*ip) != outgoing, *ip));
    addresses
}

/// The address that the system would send from. "Connecting" UDP asks the routing table and sends nothing.
fn outgoing_address() -> Option<IpAddr> {
    const ANYWHERE: &str = "198.51.100.1:9";
    let socket = UdpSocket::bind("0.0.0.0:0").ok()?;
    socket.connect(ANYWHERE).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_loopback_addresses_are_one_line() {
        let addresses =
            ["127.0.0.1:3000", "[::1]:3000"].map(|text| text.parse().expect("an address"));
        assert_eq!(urls(&addresses), ["http://localhost:3000/"]);
    }

    #[test]
    fn where_people_must_sign_in_websocat_is_told_how() {
        let mut out = Vec::new();
        let address = "127.0.0.1:3000".parse().expect("an address");
        print(&[address], None, true, false, &mut out).expect("memory can be written to");
        let text = String::from_utf8(out).expect("text");
        let line = "websocat -E --basic-auth NAME:PASSWORD ws://localhost:3000/ws\n";
        assert!(text.contains(line), "{text}");
    }

    #[test]
    fn a_phone_gets_a_code_for_an_address_of_the_network() {
        let mut out = Vec::new();
        let address = "192.0.2.7:3000".parse().expect("an address");
        print(&[address], Some("teacher-key"), false, true, &mut out)
            .expect("memory can be written to");
        let text = String::from_utf8(out).expect("text");
        assert!(text.contains("page      http://192.0.2.7:3000/\n"), "{text}");
        assert!(text.contains("teacher   http://192.0.2.7:3000/#teacher=teacher-key\n"), "{text}");
        assert!(text.contains("websocat -E ws://192.0.2.7:3000/ws\n"), "{text}");
        assert!(text.contains('█') && text.contains("the code opens http://192.0.2.7:3000/"));
    }
}
