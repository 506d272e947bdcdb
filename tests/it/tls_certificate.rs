//! The certificate: which is taken, what is said of one that cannot be, and how it changes while the server runs.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use rcgen::{CertificateParams, KeyPair};

use crate::common::tls::{config, connection, shake_hands};
use crate::common::{Client, PATIENCE, Server, with_patience};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A folder of its own for each test, empty.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("tls-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).expect("a folder can be made");
    folder
}

/// A certificate of this time and its key, as PEM.
fn made(from: SystemTime, until: SystemTime) -> [String; 2] {
    let mut parameters = CertificateParams::new(["localhost".to_owned()]).expect("a name");
    (parameters.not_before, parameters.not_after) = (from.into(), until.into());
    let key = KeyPair::generate().expect("random numbers");
    [parameters.self_signed(&key).expect("it is signed").pem(), key.serialize_pem()]
}

fn good() -> [String; 2] {
    made(SystemTime::now() - DAY, SystemTime::now() + DAY)
}

/// The files of a certificate and its key in this folder.
fn written(folder: &Path, [certificate, key]: &[String; 2]) -> [String; 2] {
    [("certificate.pem", certificate), ("key.pem", key)].map(|(name, text)| {
        fs::write(folder.join(name), text).expect("it can be written");
        folder.join(name).to_str().expect("UTF-8").to_owned()
    })
}

fn command(arguments: &[&str], data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_websocket-classroom"));
    command.args(["--port", "0", "--log", "debug"]).args(arguments).env("XDG_DATA_HOME", data);
    command
}

/// What is said of these flags: one line, exit status 1.
#[track_caller]
fn complains(arguments: &[&str], words: &str) {
    let output =
        command(arguments, Path::new("/proc/nowhere")).stdin(Stdio::null()).output().expect("it starts");
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
    let said: Vec<&str> = said.lines().filter(|line| !line.starts_with("INFO")).collect();
    assert!(said.len() == 1 && said[0].contains(words), "{arguments:?}: {said:?}, not {words}");
}

#[test]
fn whatever_is_wrong_with_a_certificate_is_said_in_one_line_at_the_start() {
    let folder = folder("wrong");
    let [certificate, key] = good();
    let files = |certificate: &str, key: &str| written(&folder, &[certificate.to_owned(), key.to_owned()]);
    let now = SystemTime::now();
    for (what, [certificate, key], words) in [
        ("no PEM", ["hola", &key].map(str::to_owned), "there is no certificate in it"),
        ("no key", [&certificate, &certificate].map(String::clone), "there is no private key in it"),
        ("another key", [certificate.clone(), good()[1].clone()], "does not belong to"),
        ("broken", [certificate.replacen("MII", "MIQ", 1), key.clone()], "not"),
        ("expired", made(now - 3 * DAY, now - DAY), "expired at 20"),
        ("not yet valid", made(now + DAY, now + 3 * DAY), "not valid before 20"),
    ] {
        let [certificate, key] = files(&certificate, &key);
        println!("{what}");
        complains(&["--tls-cert", &certificate, "--tls-key", &key], words);
    }
    let [certificate, key] = files(&certificate, &key);
    complains(&["--tls-cert", &certificate], "--tls-key FILE");
    complains(&["--tls-key", &key], "--tls-cert FILE");
    complains(&["--tls-cert", "/nowhere/file.pem", "--tls-key", &key], "/nowhere/file.pem: cannot be read");
    complains(&["--tls"], "cannot make a certificate at /proc/nowhere");
}

#[test]
fn a_certificate_is_made_once_for_this_machine_s_names_and_its_owner_alone() {
    let folder = folder("own");
    let start = |more: &[&str]| Server::spawn(command(&[&["--tls"], more].concat(), &folder));
    let fingerprint = |server: &Server| {
        let line = server.banner.lines().find(|line| line.contains("TLS  ")).expect("the banner shows it");
        line.split_whitespace().nth(2).expect("a fingerprint").to_owned()
    };
    // Two at once use one: who is later takes what is there.
    let first = start(&[]);
    let made = fingerprint(&first);
    assert_eq!(made.split(':').count(), 32, "{made}");
    first.wait_for_log("a certificate was made for ");
    let file = folder.join("websocket-classroom/tls/certificate-and-key.pem");
    assert_eq!(fs::metadata(&file).expect("it is kept").permissions().mode() & 0o777, 0o600);
    assert_eq!(fingerprint(&start(&[])), made, "the next start has the same");
    let other = start(&["--host-name", "school.example"]);
    assert_ne!(fingerprint(&other), made, "for one more name it is made again");
    assert_eq!(fingerprint(&start(&[])), fingerprint(&other), "which has all the others, too");
    fs::write(&file, "broken").expect("it can be written");
    assert_ne!(fingerprint(&start(&[])), fingerprint(&other), "as it is where the file is broken");
}

/// The certificate that a new connection gets.
fn shown(server: &Server) -> Vec<u8> {
    let socket = TcpStream::connect(("127.0.0.1", server.port())).expect("the server accepts");
    let mut connection = connection(&config(rustls::ALL_VERSIONS));
    shake_hands(&mut connection, &with_patience(socket, PATIENCE)).expect("the TLS handshake succeeds");
    connection.peer_certificates().expect("a certificate")[0].to_vec()
}

#[test]
fn new_files_count_for_new_connections_and_drop_no_old_one() {
    let folder = folder("new");
    let [certificate, key] = written(&folder, &good());
    let server = Server::start(&["--tls-cert", &certificate, "--tls-key", &key]);
    let mut ana = Client::join(&server, "Ana");
    let before = shown(&server);
    let until = |is_done: &dyn Fn() -> bool| {
        let deadline = Instant::now() + PATIENCE;
        while !is_done() {
            assert!(Instant::now() < deadline, "the files were not read again");
            // Between two looks the server waits a second.
            std::thread::sleep(Duration::from_millis(50));
        }
    };
    // Broken: what was there stays.
    fs::write(&certificate, "half of a").expect("it can be written");
    until(&|| {
        shown(&server);
        server.log().iter().any(|line| line.contains("the one of before stays in use"))
    });
    assert_eq!(shown(&server), before);
    written(&folder, &good());
    until(&|| shown(&server) != before);
    server.wait_for_log("the certificate was read again: ");
    ana.say(r#"{"type":"message","text":"still here"}"#);
    assert_eq!(ana.message().1, "still here");
}
