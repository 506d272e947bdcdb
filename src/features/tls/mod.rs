//! Encrypts every connection: `https://` and `wss://` on the same port, by rustls, without waiting and without a second writer.
//!
//! Attached at the joint `Security`: the core's `Transport` passes the bytes, this feature only computes. Read in this order: `handshake`
//! (on the connection's thread, before a byte of HTTP), `session` (what both threads of a connection share), `certificate` (the files,
//! read again when they change), `own` (the certificate that is made where none is given), `records` (what the network sees).

mod certificate;
mod handshake;
mod own;
mod records;
mod session;

use std::sync::Arc;
use std::time::Duration;

use log::info;
use rustls::crypto::ring;
use rustls::{ServerConfig, version};

use crate::config::Options;
use crate::joints::{Joints, Security};
use crate::tcp::Tcp;
use certificate::{Certificate, Files};

/// A fatal alert, `internal_error` (RFC 8446, 6.2), for clients that there is no room for: the handshake that would carry a `503` takes a
/// thread.
const REFUSAL: &[u8] = &[21, 3, 3, 0, 2, 2, 80];

/// Attaches TLS, if the flags ask for it.
///
/// # Errors
/// In one line: what is wrong with the certificate or its key.
pub fn attach(joints: &mut Joints, options: &Options) -> Result<(), String> {
    let files = match (&options.tls_certificate, &options.tls_key) {
        (Some(certificate), Some(key)) => {
            Files { certificate: certificate.clone(), key: key.clone(), is_own: false }
        }
        (None, None) if options.tls => own::files(options)?,
        (None, None) => return Ok(()),
        (Some(_), None) => return Err("--tls-cert needs the file of its key: --tls-key FILE".to_owned()),
        (None, Some(_)) => {
            return Err("--tls-key needs the file of its certificate: --tls-cert FILE".to_owned());
        }
    };
    let certificate = Certificate::load(files)?;
    if certificate.is_own() {
        joints.banner.websocat_flags.push_str("-k ");
        joints.banner.notes.push(("TLS", format!("certificate {} (SHA-256)", certificate.fingerprint())));
    }
    info!("TLS with the certificate {}", certificate.fingerprint());
    joints.banner.is_encrypted = true;
    joints.http.features.push("tls");
    let timeout = options.handshake_timeout;
    let config = config(Arc::new(certificate)).map_err(|error| format!("TLS cannot start: {error}"))?;
    joints.connection.security = Some(Box::new(Tls { config, timeout }));
    Ok(())
}

/// TLS 1.3 and 1.2, HTTP/1.1 alone, sessions that can be resumed without anything kept here.
fn config(certificate: Arc<Certificate>) -> Result<Arc<ServerConfig>, rustls::Error> {
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_protocol_versions(&[&version::TLS13, &version::TLS12])?;
    let mut config = builder.with_no_client_auth().with_cert_resolver(certificate);
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.ticketer = ring::Ticketer::new()?;
    Ok(Arc::new(config))
}

struct Tls {
    config: Arc<ServerConfig>,
    /// For the whole handshake.
    timeout: Duration,
}

impl Security for Tls {
    fn secure(&self, tcp: &Tcp) -> bool {
        handshake::secure(tcp, &self.config, self.timeout)
    }

    fn refusal(&self) -> &'static [u8] {
        REFUSAL
    }
}
