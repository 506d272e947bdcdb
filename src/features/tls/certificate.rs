//! The certificate and its key: read from PEM files, checked with a sentence for each thing that can be wrong, and read again when the files
//! change. A connection that is open keeps what it has.
//!
//! Asked by the handshake, on the connections' threads.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use log::{info, warn};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use sha2::{Digest, Sha256};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage};

/// How often the files are looked at, at most.
const CHECK_INTERVAL: Duration = Duration::from_secs(1);

#[derive(Debug, Clone)]
pub struct Files {
    /// A chain, the server's own certificate first.
    pub certificate: PathBuf,
    pub key: PathBuf,
    /// Made by this program: no browser trusts it by itself.
    pub is_own: bool,
}

#[derive(Debug)]
pub struct Certificate {
    files: Files,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    key: Arc<CertifiedKey>,
    modified: [Option<SystemTime>; 2],
    checked: Instant,
}

impl Certificate {
    /// # Errors
    /// In one line: what is wrong with the files.
    pub fn load(files: Files) -> Result<Certificate, String> {
        let modified = modified(&files);
        let key = Arc::new(load(&files)?);
        Ok(Certificate { files, current: Mutex::new(Current { key, modified, checked: Instant::now() }) })
    }

    pub fn is_own(&self) -> bool {
        self.files.is_own
    }

    /// SHA-256 of the server's certificate, as browsers show it.
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.current(|current| Arc::clone(&current.key)))
    }

    fn current<T>(&self, ask: impl FnOnce(&mut Current) -> T) -> T {
        ask(&mut self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn read_if_changed(&self, current: &mut Current) {
        if current.checked.elapsed() < CHECK_INTERVAL {
            return;
        }
        current.checked = Instant::now();
        let modified = modified(&self.files);
        if modified == current.modified {
            return;
        }
        match load(&self.files) {
            Ok(key) => {
                info!("the certificate was read again: {}", fingerprint(&key));
                current.key = Arc::new(key);
                current.modified = modified;
            }
            // A file may be half written: then the next look finds it whole.
            Err(error) => warn!("the certificate has changed, and the one of before stays in use: {error}"),
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current(|current| {
            self.read_if_changed(current);
            Arc::clone(&current.key)
        }))
    }
}

fn modified(files: &Files) -> [Option<SystemTime>; 2] {
    [&files.certificate, &files.key].map(|file| fs::metadata(file).and_then(|data| data.modified()).ok())
}

fn fingerprint(key: &CertifiedKey) -> String {
    let digest = Sha256::digest(&key.cert[0]);
    let mut text = String::new();
    for (number, byte) in digest.iter().enumerate() {
        let colon = if number == 0 { "" } else { ":" };
        let _ = write!(text, "{colon}{byte:02X}");
    }
    text
}

fn load(files: &Files) -> Result<CertifiedKey, String> {
    let (certificate, key) = (&files.certificate, &files.key);
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&read(certificate)?)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("{}: not PEM: {error}", certificate.display()))?;
    if chain.is_empty() {
        return Err(format!(
            "{}: there is no certificate in it (-----BEGIN CERTIFICATE-----)",
            certificate.display()
        ));
    }
    let private_key = PrivateKeyDer::from_pem_slice(&read(key)?).map_err(|error| {
        format!("{}: there is no private key in it (-----BEGIN PRIVATE KEY-----): {error}", key.display())
    })?;
    is_valid_now(&chain).map_err(|reason| format!("{}: {reason}", certificate.display()))?;
    let signing_key = ring::sign::any_supported_type(&private_key)
        .map_err(|error| format!("{}: this kind of key cannot be used: {error}", key.display()))?;
    let certified = CertifiedKey::new(chain, signing_key);
    match certified.keys_match() {
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => Ok(certified),
        Err(rustls::Error::InconsistentKeys(_)) => Err(format!(
            "{} does not belong to {}: the key of another certificate?",
            key.display(),
            certificate.display()
        )),
        Err(error) => Err(format!("{}: not a certificate: {error}", certificate.display())),
    }
}

fn read(file: &Path) -> Result<Vec<u8>, String> {
    fs::read(file).map_err(|error| format!("{}: cannot be read: {error}", file.display()))
}

/// Only the time is checked here: whether clients trust who signed it is theirs to say.
fn is_valid_now(chain: &[CertificateDer<'_>]) -> Result<(), String> {
    let certificate =
        EndEntityCert::try_from(&chain[0]).map_err(|error| format!("not a certificate: {error}"))?;
    let now = UnixTime::now();
    let verified = certificate.verify_for_usage(
        ALL_VERIFICATION_ALGS,
        &[],
        &chain[1..],
        now,
        KeyUsage::server_auth(),
        None,
        None,
    );
    match verified.map(drop) {
        Err(webpki::Error::CertExpired { not_after, .. }) => Err(format!("expired at {}", date(not_after))),
        Err(webpki::Error::CertNotValidYet { not_before, .. }) => {
            Err(format!("not valid before {}; is this machine's clock right?", date(not_before)))
        }
        _ => Ok(()),
    }
}

fn date(time: UnixTime) -> String {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(time.as_secs());
    humantime::format_rfc3339_seconds(time).to_string()
}
