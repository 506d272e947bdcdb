//! What the teacher sees first: the addresses to type, a QR code for phones, a line for websocat.
//!
//! Called by `main` once the server listens. Goes to standard output, while the log goes to standard error.

pub mod networks;

use std::collections::HashSet;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;

use crate::joints::BannerJoints;
use crate::system;

/// How long the server waits for the terminal to print it.
const PRINT_TIMEOUT: Duration = Duration::from_secs(1);

/// How long another program on this machine has to accept.
const PROBE_TIMEOUT: Duration = Duration::from_millis(200);

/// What is printed.
#[derive(Debug, Clone, Default)]
pub struct Banner {
    /// Where the server listens.
    pub addresses: Vec<SocketAddr>,
    /// What features add.
    pub joints: BannerJoints,
}

impl Banner {
    /// Prints it on standard output, on a thread of its own: the server must start even if the terminal is stopped (Ctrl-S) or
    /// closed. Waits a second for it, so that the banner comes before the log.
    pub fn print_in_time(self) {
        let (printing, printed) = mpsc::channel::<()>();
        let print = move || {
            // In one piece: on Windows another process shows it, and no line of the log may come into the QR code.
            let mut text = Vec::new();
            let printed = self.print(system::is_stdout_terminal(), &mut text);
            let _ = printed.and_then(|()| io::stdout().write_all(&text));
            drop(printing);
        };
        if thread::Builder::new().name("banner".to_owned()).spawn(print).is_ok() {
            let _ = printed.recv_timeout(PRINT_TIMEOUT);
        }
    }

    /// Writes all of it; the QR code for phones only to a terminal.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn print(&self, terminal: bool, mut out: impl Write) -> io::Result<()> {
        let urls = urls(&self.addresses, self.joints.is_encrypted);
        let first = urls.first().map_or("", String::as_str);
        writeln!(out, "websocket-classroom {}\n", env!("CARGO_PKG_VERSION"))?;
        for (line, url) in urls.iter().enumerate() {
            writeln!(out, "  {:<9} {url}", if line == 0 { "page" } else { "" })?;
        }
        let is_local =
            |url: &&String| ["//localhost", "//127.", "//[::1]"].iter().any(|local| url.contains(local));
        let for_others: Vec<&String> = urls.iter().filter(|url| !is_local(url)).collect();
        if for_others.len() > 1 {
            writeln!(
                out,
                "  {:<9} the class is most likely in the first network; choose with --host ADDRESS",
                ""
            )?;
        }
        for (label, rest) in &self.joints.lines {
            writeln!(out, "  {label:<9} {first}{rest}")?;
        }
        // -E: websocat ends when the connection does.
        let address = first.replacen("http", "ws", 1);
        writeln!(out, "  {:<9} websocat -E {}{address}ws", "websocat", self.joints.websocat_flags)?;
        for (label, note) in &self.joints.notes {
            writeln!(out, "  {label:<9} {note}")?;
        }
        if let Some(foreign) = others_loopback(&self.addresses) {
            writeln!(out, "  {:<9} not localhost: another program has {foreign}", "open")?;
        }
        writeln!(out, "  {:<9} Ctrl-C\n", "stop")?;
        // A phone cannot reach this machine's loopback. Of several other addresses the first is the best.
        if let Some(url) = for_others.first().filter(|_| terminal) {
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
fn urls(addresses: &[SocketAddr], is_encrypted: bool) -> Vec<String> {
    let scheme = if is_encrypted { "https" } else { "http" };
    let mut urls = Vec::new();
    let is_localhost_ours = others_loopback(addresses).is_none();
    for address in addresses {
        let port = address.port();
        let ip = address.ip();
        if is_localhost_ours && (ip.is_loopback() || ip.is_unspecified()) {
            urls.push(format!("{scheme}://localhost:{port}/"));
        } else if ip.is_unspecified() {
            urls.push(format!("{scheme}://127.0.0.1:{port}/"));
        } else {
            urls.push(format!("{scheme}://{address}/"));
        }
        if ip.is_unspecified() {
            let reachable = networks::addresses(ip.is_ipv6());
            urls.extend(reachable.iter().map(|ip| format!("{scheme}://{}/", SocketAddr::new(*ip, port))));
        }
    }
    let mut known = HashSet::new();
    urls.retain(|url| known.insert(url.clone()));
    urls
}

/// A loopback address with our port on which another program listens: `localhost` may open that one.
fn others_loopback(addresses: &[SocketAddr]) -> Option<SocketAddr> {
    let port = addresses.first()?.port();
    let is_local = |ip: IpAddr| ip.is_loopback() || ip.is_unspecified();
    if !addresses.iter().any(|address| is_local(address.ip())) {
        return None;
    }
    let is_ours = |loopback: &SocketAddr| {
        addresses.iter().any(|address| {
            let ip = address.ip();
            // `::` takes IPv4, too.
            ip == loopback.ip() || ip.is_unspecified() && (ip.is_ipv6() || loopback.is_ipv4())
        })
    };
    [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()]
        .map(|ip| SocketAddr::new(ip, port))
        .into_iter()
        .filter(|loopback| !is_ours(loopback))
        .find(|loopback| TcpStream::connect_timeout(loopback, PROBE_TIMEOUT).is_ok())
}

#[cfg(test)]
mod tests;
