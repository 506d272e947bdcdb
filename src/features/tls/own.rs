//! The certificate that is made where none is given: for this machine's names and addresses, signed by itself. Kept in the user's data folder,
//! so that a browser that trusts it once goes on doing so. Made again if it is about to expire, or does not have a name or address of now.
//!
//! Called once at the start.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use log::info;
use rcgen::{CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use webpki::{ALL_VERIFICATION_ALGS, EndEntityCert, KeyUsage};

use super::certificate::Files;
use crate::banner::networks;
use crate::config::Options;
use crate::http::HostNames;
use crate::system;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Longer lives are refused by some systems (Apple: 825 days).
const VALID: Duration = Duration::from_secs(800 * 24 * 60 * 60);
/// Made again when less is left.
const LEFT: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// The file with both, made if need be. One file, so that two servers that start at once do not mix theirs.
///
/// # Errors
/// In one line: why it cannot be made.
pub fn files(options: &Options) -> Result<Files, String> {
    let file = folder()?.join("certificate-and-key.pem");
    let names = names(options);
    if !is_good(&file, &names) {
        make(&file, &names)
            .map_err(|error| format!("cannot make a certificate at {}: {error}", file.display()))?;
        info!("a certificate was made for {}: {}", names.join(", "), file.display());
    }
    Ok(Files { certificate: file.clone(), key: file, is_own: true })
}

/// The user's data folder (XDG Base Directory; macOS' own).
fn folder() -> Result<PathBuf, String> {
    // Windows has its own variable for it.
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let data = variable("XDG_DATA_HOME")
        .or_else(|| variable("LOCALAPPDATA").filter(|_| cfg!(windows)))
        .or_else(|| {
            let data = if cfg!(target_os = "macos") { "Library/Application Support" } else { ".local/share" };
            Some(variable("HOME")?.join(data))
        });
    let data = data.ok_or(
        "there is no folder for a certificate: set XDG_DATA_HOME or HOME, or give --tls-cert and --tls-key",
    )?;
    Ok(data.join("websocket-classroom/tls"))
}

/// This machine's names and addresses, as browsers may type them.
fn names(options: &Options) -> Vec<String> {
    let names = HostNames::new(&options.host_names, &[]);
    let addresses = ["127.0.0.1".to_owned(), "::1".to_owned()].into_iter();
    let others = networks::addresses(false).into_iter().chain(options.host.parse().ok());
    let mut all: Vec<String> =
        names.all().iter().cloned().chain(addresses).chain(others.map(|ip: IpAddr| ip.to_string())).collect();
    all.sort();
    all.dedup();
    all.retain(|name| ServerName::try_from(name.as_str()).is_ok() && name != "0.0.0.0");
    all
}

/// It has all these names, time is left, and a key is there.
fn is_good(file: &Path, names: &[String]) -> bool {
    let (Ok(der), Ok(_)) = (CertificateDer::from_pem_file(file), PrivateKeyDer::from_pem_file(file)) else {
        return false;
    };
    let Ok(certificate) = EndEntityCert::try_from(&der) else { return false };
    let soon = SystemTime::now() + LEFT;
    let soon = UnixTime::since_unix_epoch(soon.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default());
    let verified = certificate.verify_for_usage(
        ALL_VERIFICATION_ALGS,
        &[],
        &[],
        soon,
        KeyUsage::server_auth(),
        None,
        None,
    );
    let has = |name: &String| {
        ServerName::try_from(name.as_str())
            .is_ok_and(|name| certificate.verify_is_valid_for_subject_name(&name).is_ok())
    };
    !matches!(verified.map(drop), Err(webpki::Error::CertExpired { .. })) && names.iter().all(has)
}

fn make(file: &Path, names: &[String]) -> Result<(), Box<dyn std::error::Error>> {
    let mut parameters = CertificateParams::new(names)?;
    parameters.distinguished_name = DistinguishedName::new();
    parameters.distinguished_name.push(DnType::CommonName, "WebSocket classroom");
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // Phones' clocks may be late.
    parameters.not_before = (SystemTime::now() - DAY).into();
    parameters.not_after = (SystemTime::now() + VALID).into();
    let key = KeyPair::generate()?;
    let certificate = parameters.self_signed(&key)?;
    if let Some(folder) = file.parent() {
        system::owner_alone_folder(DirBuilder::new().recursive(true)).create(folder)?;
    }
    // In place of an old one at once.
    let new = file.with_extension(std::process::id().to_string());
    let mut out =
        system::owner_alone(OpenOptions::new().write(true).create(true).truncate(true)).open(&new)?;
    out.write_all((certificate.pem() + &key.serialize_pem()).as_bytes())?;
    out.sync_all()?;
    fs::rename(new, file)?;
    Ok(())
}
