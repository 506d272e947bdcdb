//! Which addresses are one: a machine may choose all of an IPv6 address but its network's part at will.
//!
//! A small word for all who count by address: the reception and the sign-in.

use std::net::{IpAddr, Ipv6Addr};

/// Bits of an IPv6 address that belong to the network (RFC 4291, 2.5.4).
const NETWORK: u32 = 64;

/// What is counted as one: an IPv4 address, also where it comes as an IPv6 one, or an IPv6 network.
pub fn counted_as(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> NETWORK << NETWORK))
        }
        address => address,
    }
}
