//! Which pages may use this server.
//!
//! A page from elsewhere must not reach a server on this machine through the browser of a user: not by opening a
//! WebSocket to it (browsers allow that across sites and send the `Origin`: cross-site WebSocket hijacking), and not by a DNS
//! name of its own that it redirects to this machine (DNS rebinding, visible in the `Host`).

use std::net::{IpAddr, Ipv6Addr};

use super::head::Request;
use super::response::Response;
use crate::system;

/// Names under which this server may be reached, in lower case. IP addresses always may: no DNS server can rebind them.
#[derive(Debug)]
pub struct HostNames {
    names: Vec<String>,
    /// Origins that are allowed besides the page's own, as `--origin` has made them: lower case, no final dot.
    origins: Vec<String>,
}

impl HostNames {
    /// `localhost`, the machine's own name, also as `name.local`, and those of `--host-name`.
    pub fn new(more: &[String], origins: &[String]) -> Self {
        let own = machine_name();
        let own_local = own.as_ref().map(|name| format!("{name}.local"));
        let names = ["localhost".to_owned()].into_iter().chain(own).chain(own_local);
        HostNames {
            names: names.chain(more.iter().cloned()).map(|name| name.to_ascii_lowercase()).collect(),
            origins: origins.to_vec(),
        }
    }

    /// Names under which browsers may reach this server.
    pub fn all(&self) -> &[String] {
        &self.names
    }

    /// Checks `Host` and `Origin`; returns the `Host` as it was sent, empty if HTTP/1.0 sent none.
    ///
    /// # Errors
    /// `400` if `Host` is missing, doubled or broken, `403` if one of the two is not ours.
    pub fn check<'a>(&self, request: &'a Request) -> Result<&'a str, Response> {
        let header = match request.headers.single("host") {
            Ok(Some("")) if !request.http_1_1 => None,
            Ok(Some(host)) => Some(host),
            Ok(None) if !request.http_1_1 => None,
            Ok(None) => {
                return Err(Response::refusal(400, "An HTTP/1.1 request must have a Host header."));
            }
            Err(_) => {
                return Err(Response::refusal(400, "There must be one Host header, not more."));
            }
        };
        let name_of = |host: &str| {
            let broken = "The Host header is not a name or address.";
            host_name(host).ok_or_else(|| Response::refusal(400, broken))
        };
        // In `GET http://host/path` it is this host that counts, but the header must be a right one (RFC 9112, 3.2).
        header.map(name_of).transpose()?;
        let host = request.authority.as_deref().or(header);
        let name = host.map(name_of).transpose()?;
        if name.is_some_and(|name| !self.is_ours(&name)) {
            return Err(Response::refusal(
                403,
                "The Host header names a host that is not this server. If it is one of its names, \
                 start it with --host-name NAME.",
            ));
        }
        let host = host.unwrap_or_default();
        match request.headers.single("origin") {
            // No browser, so no page: websocat, curl.
            Ok(None) => Ok(host),
            Ok(Some(origin)) if self.is_allowed(origin, host) => Ok(host),
            Ok(Some("null")) => Err(Response::refusal(
                403,
                "A page from disk may not talk to this server (its Origin is null). If it may, start the server with --origin null.",
            )),
            _ => Err(Response::refusal(
                403,
                "A page from another site may not talk to this server (its Origin is not the Host). \
                 If it may, start the server with --origin ORIGIN.",
            )),
        }
    }

    fn is_ours(&self, name: &str) -> bool {
        name.parse::<IpAddr>().is_ok() || self.names.iter().any(|ours| ours == name)
    }

    fn is_allowed(&self, origin: &str, host: &str) -> bool {
        // An origin is compared in lower case (RFC 6455, 4.2.2).
        let origin = origin.to_ascii_lowercase();
        let own = origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"))
            .is_some_and(|authority| !host.is_empty() && authority.eq_ignore_ascii_case(host));
        own || self.origins.contains(&without_final_dot(&origin))
    }
}

/// `https://school.example.:8443` is the same site as without the root's dot, which the flag leaves out.
fn without_final_dot(origin: &str) -> String {
    let dotted = origin.strip_suffix('.').map(str::to_owned);
    dotted.unwrap_or_else(|| origin.replacen(".:", ":", 1))
}

fn machine_name() -> Option<String> {
    let name = system::machine_name()?.trim().to_owned();
    Some(name).filter(|name| !name.is_empty())
}

/// The name or address in a `Host` header, in lower case, without port, brackets and the root's dot (RFC 9110, 7.2).
fn host_name(host: &str) -> Option<String> {
    let (name, port) = if let Some(rest) = host.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        address.parse::<Ipv6Addr>().ok()?;
        (address, port)
    } else {
        host.split_at(host.find(':').unwrap_or(host.len()))
    };
    let port_is_right = match port.strip_prefix(':') {
        None => port.is_empty(),
        Some(digits) => {
            digits.bytes().all(|byte| byte.is_ascii_digit())
                && (digits.is_empty() || digits.parse::<u16>().is_ok())
        }
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    let name_is_right =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:".contains(&byte));
    (port_is_right && name_is_right).then(|| name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests;
