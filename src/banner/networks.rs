//! Which of this machine's addresses the class can reach, the likeliest first.
//!
//! Called by `banner` while it prints. A teacher's machine has more networks than the classroom's: those of containers, of virtual
//! machines, of a VPN. Nothing is sent anywhere.

use std::fs;
use std::net::{IpAddr, UdpSocket};
use std::path::Path;

use if_addrs::{IfOperStatus, Interface};

/// Ethernet and wireless networks (`ARPHRD_ETHER` of Linux); tunnels have other numbers.
const ETHERNET: &str = "1";

/// One address of one network card, and what the system tells about it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Card {
    name: String,
    ip: IpAddr,
    /// No neighbours are there: down, a bridge without members, a tunnel, a link between two machines.
    is_alone: bool,
    /// A device, not made by software.
    is_physical: bool,
}

/// This machine's addresses in its networks.
pub fn addresses(with_ipv6: bool) -> Vec<IpAddr> {
    let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
    let cards: Vec<Card> = interfaces
        .iter()
        .filter(|interface| !interface.is_loopback() && !interface.is_link_local())
        .filter(|interface| interface.ip().is_ipv4() || with_ipv6)
        .map(card)
        .collect();
    let table = fs::read_to_string("/proc/net/route").ok();
    let outgoing = if table.is_none() { outgoing_address() } else { None };
    ranked(cards, &table.unwrap_or_default(), outgoing)
}

fn card(interface: &Interface) -> Card {
    let folder = Path::new("/sys/class/net").join(&interface.name);
    let kind = fs::read_to_string(folder.join("type")).ok();
    let is_tunnel = folder.join("tun_flags").exists() || kind.is_some_and(|kind| kind.trim() != ETHERNET);
    let members = fs::read_dir(folder.join("brif"));
    let is_empty_bridge = members.is_ok_and(|mut members| members.next().is_none());
    let is_down = interface.oper_status == IfOperStatus::Down;
    Card {
        name: interface.name.clone(),
        ip: interface.ip(),
        is_alone: is_down || interface.is_p2p() || is_tunnel || is_empty_bridge,
        is_physical: folder.join("device").exists(),
    }
}

/// Without those that reach no neighbour, unless there is no other. First those with a default route, in the order in which the
/// system prefers them: that way the classroom's network goes out, and those of containers do not. Then devices before software,
/// and IPv4 before IPv6.
fn ranked(cards: Vec<Card>, table: &str, outgoing: Option<IpAddr>) -> Vec<IpAddr> {
    let is_any_left = cards.iter().any(|card| !card.is_alone);
    let mut cards: Vec<Card> = cards.into_iter().filter(|card| !(is_any_left && card.is_alone)).collect();
    cards.sort_by_key(|card| {
        let metric = default_metric(table, &card.name).unwrap_or(u32::MAX);
        (metric, Some(card.ip) != outgoing, !card.is_physical, card.ip)
    });
    cards.into_iter().map(|card| card.ip).collect()
}

/// How much the default route by this card costs, in Linux's table of routes; `None` if there is none.
fn default_metric(table: &str, card: &str) -> Option<u32> {
    let routes = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let metric = |columns: Vec<&str>| match columns[..] {
        [name, "00000000", _, _, _, _, metric, "00000000", ..] if name == card => metric.parse().ok(),
        _ => None,
    };
    routes.filter_map(metric).min()
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
