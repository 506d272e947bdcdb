//! What the teacher sees first: the addresses to type, a QR code for phones, a line for websocat.
//!
//! Called by `main` once the server listens. Goes to standard output, while the log goes to standard error.

use std::io::{self, IsTerminal, Write};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

/// How long the server waits for the terminal to print it.
const PRINT_TIMEOUT: Duration = Duration::from_secs(1);

/// What is printed.
#[derive(Debug, Clone, Default)]
pub struct Banner {
    /// Where the server listens.
    pub addresses: Vec<SocketAddr>,
    /// Lines of features: a label, and what comes after the page's address.
    pub lines: Vec<(&'static str, String)>,
    /// What websocat needs besides the address.
    pub websocat_flags: &'static str,
}

impl Banner {
    /// Prints it on standard output, on a thread of its own: the server must start even if the terminal is stopped (Ctrl-S) or
    /// closed. Waits a second for it, so that the banner comes before the log.
    pub fn print_in_time(self) {
        let (printing, printed) = mpsc::channel::<()>();
        let print = move || {
            let out = io::stdout();
            let terminal = out.is_terminal();
            let _ = self.print(terminal, out.lock());
            drop(printing);
        };
        if thread::Builder::new().name("banner".to_owned()).spawn(print).is_ok() {
            let _ = printed.recv_timeout(PRINT_TIMEOUT);
        }
    }

    /// Writes all of it; the QR code for phones only to a terminal.
    ///
    /// # Errors
    /// If standard output is closed.
    pub fn print(&self, terminal: bool, mut out: impl Write) -> io::Result<()> {
        let urls = urls(&self.addresses);
        let first = urls.first().map_or("", String::as_str);
        writeln!(out, "websocket-classroom {}\n", env!("CARGO_PKG_VERSION"))?;
        for (line, url) in urls.iter().enumerate() {
            writeln!(out, "  {:<9} {url}", if line == 0 { "page" } else { "" })?;
        }
        for (label, rest) in &self.lines {
            writeln!(out, "  {label:<9} {first}{rest}")?;
        }
        // -E: websocat ends when the connection does.
        let address = first.replacen("http:", "ws:", 1);
        writeln!(out, "  {:<9} websocat -E {}{address}ws", "websocat", self.websocat_flags)?;
        writeln!(out, "  {:<9} Ctrl-C\n", "stop")?;
        // A phone cannot reach localhost. Of several other addresses the first is the best.
        let for_phones = urls.iter().find(|url| !url.contains("localhost"));
        if let Some(url) = for_phones.filter(|_| terminal) {
            print_qr_code(url, &mut out)?;
            writeln!(out, "  the code opens {url}\n")?;
        }
        out.flush()
    }
}

/// A QR code in black on white, also in a dark terminal: many phones cannot read other colours.
fn print_qr_code(url: &str, out: &mut impl Write) -> io::Result<()> {
    const BLACK_ON_WHITE: &str = "\x1b[30;107m";
    const RESET: &str = "\x1b[0m";
    let Ok(code) = QrCode::new(url) else {
        return Ok(());
    };
    for line in code.render::<Dense1x2>().build().lines() {
        writeln!(out, "  {BLACK_ON_WHITE}{line}{RESET}")?;
    }
    writeln!(out)
}

/// The page's addresses: `localhost` first, if the server listens there, then those that other machines can reach.
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
            urls.extend(reachable.iter().map(|ip| format!("http://{}/", SocketAddr::new(*ip, port))));
        }
    }
    urls.dedup();
    urls
}

/// This machine's addresses in its networks. First the one with the route to the internet: it is in the classroom's network, not
/// in that of a virtual machine. Then IPv4 before IPv6.
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
mod tests;
