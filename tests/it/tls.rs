//! TLS from outside: what a client gets that speaks it right, what one gets that does not, and what goes over the wire. That all else is as
//! without it is shown by the other tests, which `make test` runs over TLS, too.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, Stream};
use serde_json::json;

use crate::common::class::Class;
use crate::common::raw::{ask_on, frame, handshake, read_answer, read_to_end, request};
use crate::common::tls::{config, connection, shake_hands, to_send};
use crate::common::{Client, PATIENCE, Server, with_patience};

const TEXT: u8 = 0x81;
const CLOSE: u8 = 0x88;

/// A client that sees what rustls sees.
struct TlsClient {
    connection: ClientConnection,
    socket: TcpStream,
}

fn connect(server: &Server) -> TcpStream {
    let socket = TcpStream::connect(("127.0.0.1", server.port())).expect("the server accepts");
    with_patience(socket, PATIENCE)
}

impl TlsClient {
    fn open(server: &Server, config: &Arc<ClientConfig>) -> TlsClient {
        let (mut connection, socket) = (connection(config), connect(server));
        shake_hands(&mut connection, &socket).expect("the TLS handshake succeeds");
        TlsClient { connection, socket }
    }

    /// An open WebSocket.
    fn join(server: &Server, path: &str) -> TlsClient {
        let mut client = TlsClient::open(server, &config(rustls::ALL_VERSIONS));
        client.stream().write_all(handshake(path).as_bytes()).expect("it is taken");
        assert_eq!(read_answer(&mut client.stream(), true).status, 101);
        client
    }

    fn stream(&mut self) -> Stream<'_, ClientConnection, TcpStream> {
        Stream::new(&mut self.connection, &mut self.socket)
    }

    /// Bytes until these come.
    fn read_until(&mut self, wanted: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut buffer = [0; 4096];
        while !bytes.windows(wanted.len()).any(|window| window == wanted) {
            let length = self.stream().read(&mut buffer).expect("it comes");
            assert!(length > 0, "the server ended before {wanted:?}");
            bytes.extend_from_slice(&buffer[..length]);
        }
        bytes
    }

    /// Bytes to the end. The server says `close_notify` before FIN: without it this would be an error.
    fn read_to_close_notify(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.stream().read_to_end(&mut bytes).expect("close_notify comes before FIN");
        bytes
    }
}

/// The alert (level, description) that the bytes end with, in plain.
fn alert(bytes: &[u8]) -> &[u8] {
    assert!(bytes.len() >= 7 && bytes[bytes.len() - 7] == 21, "no alert: {bytes:?}");
    &bytes[bytes.len() - 2..]
}

#[test]
fn both_versions_are_spoken_and_sessions_are_resumed() {
    let server = Server::start(&["--tls"]);
    for (versions, name) in [(&[&TLS13], "TLS 1.3"), (&[&TLS12], "TLS 1.2")] {
        let config = config(versions);
        for kind in [HandshakeKind::Full, HandshakeKind::Resumed] {
            let mut client = TlsClient::open(&server, &config);
            let port = client.socket.local_addr().expect("an address").port();
            client.stream().write_all(request("GET", "/health", "").as_bytes()).expect("it is taken");
            let answer = read_answer(&mut client.stream(), false);
            assert_eq!(answer.status, 200, "{name}");
            assert_eq!(client.connection.handshake_kind(), Some(kind), "{name}");
            let prefix = server.log_prefix(port);
            let line = server.wait_for_log(&format!("{prefix} {name}, "));
            assert!(line.contains(", for localhost"), "{line}");
            assert_eq!(line.ends_with(", resumed"), kind == HandshakeKind::Resumed, "{line}");
        }
    }
}

#[test]
fn http_1_1_is_agreed_on_and_nothing_else() {
    let server = Server::start(&["--tls"]);
    let mut both = ClientConfig::clone(&config(rustls::ALL_VERSIONS));
    both.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let client = TlsClient::open(&server, &Arc::new(both.clone()));
    assert_eq!(client.connection.alpn_protocol(), Some(&b"http/1.1"[..]));
    both.alpn_protocols.truncate(1);
    let mut connection = connection(&Arc::new(both));
    let refused = shake_hands(&mut connection, &connect(&server)).expect_err("h2 is not spoken");
    assert!(refused.to_string().contains("NoApplicationProtocol"), "{refused}");
}

#[test]
fn plain_http_is_told_of_https_and_a_page_is_sent_there() {
    let server = Server::start(&["--tls"]);
    let url = server.url();
    for (asked, status) in [
        (request("GET", "/echo.html", ""), 307),
        (handshake("/ws"), 400),
        (request("POST", "/login", "Content-Length: 2\r\n") + "{}", 400),
    ] {
        let mut socket = connect(&server);
        socket.write_all(asked.as_bytes()).expect("it is taken");
        let answer = read_answer(&mut socket, false);
        assert_eq!(answer.status, status, "{asked}");
        let https = "https://localhost";
        assert!(answer.text().contains(https), "{}", answer.text());
        assert_eq!(answer.header("location").is_some(), status == 307);
        assert_eq!(read_to_end(&mut socket), b"", "and the connection ends");
    }
    let mut garbage = connect(&server);
    garbage.write_all(b"hola\r\n\r\n").expect("it is taken");
    assert_eq!(read_answer(&mut garbage, false).status, 400);
    assert!(url.starts_with("https://"));
}

#[test]
fn what_is_no_tls_handshake_ends_with_an_alert_or_at_its_deadline() {
    let server = Server::start(&["--tls", "--handshake-timeout", "1"]);
    // A ClientHello that offers TLS 1.1 at most.
    let mut hello = vec![22, 3, 1, 0, 45, 1, 0, 0, 41, 3, 2];
    hello.extend([7; 32]);
    hello.extend([0, 0, 2, 0xc0, 0x13, 1, 0]);
    let mut old = connect(&server);
    old.write_all(&hello).expect("it is taken");
    let answer = read_to_end(&mut old);
    assert_eq!(alert(&answer)[0], 2, "a fatal alert: {answer:?}");
    // Bytes that are no handshake.
    let mut garbage = connect(&server);
    garbage.write_all(&[&[22, 3, 1, 0, 200][..], &[0xff; 200]].concat()).expect("it is taken");
    assert_eq!(alert(&read_to_end(&mut garbage))[0], 2);
    // Nothing, and a handshake that is never finished, cut at every byte.
    let hello = to_send(&mut connection(&config(rustls::ALL_VERSIONS)));
    let halves: Vec<TcpStream> = (0..hello.len())
        .step_by(7)
        .map(|cut| {
            let mut socket = connect(&server);
            socket.write_all(&hello[..cut]).expect("it is taken");
            socket
        })
        .collect();
    for mut half in halves {
        assert_eq!(read_to_end(&mut half), b"");
    }
    // In single bytes it is a handshake like any other.
    let (mut connection, socket) = (connection(&config(rustls::ALL_VERSIONS)), connect(&server));
    for byte in to_send(&mut connection) {
        (&socket).write_all(&[byte]).expect("it is taken");
    }
    shake_hands(&mut connection, &socket).expect("the rest as usual");
}

#[test]
fn records_may_be_cut_at_every_byte() {
    let server = Server::start(&["--tls", "--rate", "0"]);
    let mut client = TlsClient::join(&server, "/echo");
    let mut cut = 0;
    loop {
        client.connection.writer().write_all(&frame(TEXT, b"hola")).expect("rustls takes it");
        let record = to_send(&mut client.connection);
        client.socket.write_all(&record[..cut]).expect("it is taken");
        client.socket.write_all(&record[cut..]).expect("it is taken");
        client.read_until(b"hola");
        cut += 1;
        if cut == record.len() {
            return;
        }
    }
}

#[test]
fn a_broken_record_is_answered_with_an_alert_and_disturbs_no_one() {
    let mut server = Server::start(&["--tls"]);
    let mut witness = Client::join(&server, "witness");
    let mut broken = TlsClient::join(&server, "/ws?name=Ana");
    assert_eq!(witness.wait_for("joined")["name"], "Ana");
    broken.connection.writer().write_all(&frame(TEXT, b"hola")).expect("rustls takes it");
    let mut record = to_send(&mut broken.connection);
    *record.last_mut().expect("a byte") ^= 1;
    broken.socket.write_all(&record).expect("it is taken");
    let mut rest = Vec::new();
    let error = broken.stream().read_to_end(&mut rest).expect_err("an alert");
    assert!(error.to_string().contains("BadRecordMac"), "{error}");
    assert_eq!(witness.wait_for("left")["name"], "Ana");
    server.wait_for_log("cannot decrypt peer's message");
    witness.say(r#"{"type":"message","text":"and on"}"#);
    assert_eq!(witness.message().1, "and on");
    assert!(server.stop().success());
}

#[test]
fn close_notify_comes_before_fin_however_a_connection_ends() {
    let mut server = Server::start(&["--tls"]);
    // Plain HTTP.
    let mut http = TlsClient::open(&server, &config(rustls::ALL_VERSIONS));
    http.stream()
        .write_all(request("GET", "/health", "Connection: close\r\n").as_bytes())
        .expect("it is taken");
    assert!(http.read_to_close_notify().starts_with(b"HTTP/1.1 200"));
    // The client closes.
    let mut closes = TlsClient::join(&server, "/ws");
    closes.stream().write_all(&frame(CLOSE, &1000u16.to_be_bytes())).expect("it is taken");
    assert!(closes.read_to_close_notify().ends_with(&[CLOSE, 2, 3, 232]));
    // A fault.
    let mut faulty = TlsClient::join(&server, "/ws");
    faulty.stream().write_all(&[TEXT, 2, b'h', b'i']).expect("it is taken");
    let end = faulty.read_to_close_notify();
    assert!(end.windows(2).any(|code| code == 1002u16.to_be_bytes()), "{end:?}");
    // The server closes: it says 1001, waits for the answer, and then ends.
    let mut last = TlsClient::join(&server, "/ws");
    server.signal("TERM");
    last.read_until(&1001u16.to_be_bytes());
    last.stream().write_all(&frame(CLOSE, &1001u16.to_be_bytes())).expect("it is taken");
    last.read_to_close_notify();
    assert!(server.wait().success());
}

#[test]
fn a_client_that_ends_tcp_without_close_notify_is_told_apart_in_the_log() {
    let server = Server::start(&["--tls"]);
    let client = TlsClient::join(&server, "/ws?name=Ana");
    let port = client.socket.local_addr().expect("an address").port();
    client.socket.shutdown(Shutdown::Write).expect("it can be ended");
    let prefix = server.log_prefix(port);
    server.wait_for_log(&format!("{prefix} TLS: the client ended TCP without close_notify"));
    server.wait_for_log(&format!("{prefix} closed without a close frame (1006)"));
    let mut polite = TlsClient::join(&server, "/ws?name=Luis");
    let port = polite.socket.local_addr().expect("an address").port();
    polite.connection.send_close_notify();
    polite.socket.write_all(&to_send(&mut polite.connection)).expect("it is taken");
    polite.read_to_close_notify();
    let prefix = server.log_prefix(port);
    server.wait_for_log(&format!("{prefix} closed without a close frame (1006)"));
    assert!(!server.log().iter().any(|line| line.contains(&format!("{prefix} TLS: "))));
}

#[test]
fn keys_may_be_updated_at_any_time_also_under_load() {
    let server = Server::start(&["--tls", "--rate", "0"]);
    let mut client = TlsClient::join(&server, "/echo");
    for number in 0..200 {
        let text = format!("number {number:03}");
        client.connection.writer().write_all(&frame(TEXT, text.as_bytes())).expect("rustls takes it");
        if number % 3 == 0 {
            client.connection.refresh_traffic_keys().expect("TLS 1.3");
        }
        let bytes = to_send(&mut client.connection);
        client.socket.write_all(&bytes).expect("it is taken");
        // Several are on their way at once.
        if number % 10 == 9 {
            client.read_until(text.as_bytes());
        }
    }
}

#[test]
fn a_client_that_stops_reading_in_the_middle_of_a_record_is_cut_off_and_the_others_go_on() {
    let server = Server::start(&["--tls", "--rate", "0", "--backlog", "65536"]);
    let mut stalled = TlsClient::join(&server, "/ws?name=Stalled");
    let port = stalled.socket.local_addr().expect("an address").port();
    let class = Class::begin(&server);
    // The header of a record, and no more.
    let mut header = [0; 5];
    stalled.socket.read_exact(&mut header).expect("a record begins");
    assert_eq!(header[..3], [23, 3, 3]);
    class.speak_at_length(30_000);
    let prefix = server.log_prefix(port);
    class.goes_on_until(|| {
        server.log().iter().any(|line| line.contains(&format!("{prefix} closed by the server: 4008")))
    });
    class.end();
}

#[test]
fn what_the_network_sees_is_in_the_inspector() {
    const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAA";
    let server = Server::start(&["--tls"]);
    let mut watcher = crate::common::wire::Watcher::open(&server, KEY);
    let mut client = TlsClient::join(&server, &format!("/echo?wire={KEY}"));
    let opened = watcher.wait_for("opened");
    assert_eq!(opened["tls"]["version"], "TLS 1.3");
    assert_eq!(
        (&opened["tls"]["server_name"], &opened["tls"]["resumed"]),
        (&json!("localhost"), &json!(false))
    );
    assert!(opened["tls"]["cipher"].as_str().is_some_and(|cipher| cipher.contains("GCM")), "{opened}");
    client.connection.writer().write_all(&frame(TEXT, b"hola")).expect("rustls takes it");
    let record = to_send(&mut client.connection);
    client.socket.write_all(&record).expect("it is taken");
    let mut answer = [0; 4096];
    let mut length = 0;
    while length < 21 {
        length = client.socket.peek(&mut answer).expect("the echo comes");
    }
    for (from, seen) in [("client", &record[..]), ("server", &answer[..length])] {
        let event = watcher.wait_for("frame");
        assert_eq!(event["from"], from);
        let kept = &seen[..seen.len().min(21)];
        assert_eq!(crate::common::wire::bytes(&event["record"]), kept, "{from}");
        assert_eq!(kept[..3], [23, 3, 3], "application data");
    }
}

#[test]
fn a_client_for_which_there_is_no_room_gets_an_alert() {
    let server = Server::start(&["--tls", "--max-per-address", "1"]);
    let _first = TlsClient::join(&server, "/ws");
    let mut second = connect(&server);
    // Plain, since no handshake was made: a client takes it for what it is.
    assert_eq!(alert(&read_to_end(&mut second)), [2, 80]);
}

#[cfg(feature = "accounts")]
#[test]
fn a_cookie_is_for_https_alone() {
    let users = crate::common::users::Users::new(&["Ana"]);
    let server = users.serve(&["--tls"]);
    let body = format!("name=Ana&password={}", crate::common::users::password_of("Ana"));
    let origin = "Origin: https://localhost\r\n";
    let asked = crate::common::users::post("/login", "application/x-www-form-urlencoded", &body, origin);
    let answer = ask_on(&mut server.connect(), asked);
    let cookie = answer.header("set-cookie").unwrap_or_default();
    assert!(cookie.contains("; Secure"), "{} {cookie}", answer.text());
}

/// Runs a program to its end; standard output.
fn output(command: &mut Command, input: &str) -> String {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program is there");
    let mut stdin = child.stdin.take().expect("standard input is piped");
    let input = input.to_owned();
    let writer = thread::spawn(move || {
        let _ = stdin.write_all(input.as_bytes());
        // Its end would end the conversation.
        thread::sleep(Duration::from_secs(2));
    });
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("the input was written");
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
#[ignore = "needs openssl: run by make test"]
fn renegotiation_is_refused() {
    let server = Server::start(&["--tls"]);
    let address = format!("localhost:{}", server.port());
    let said = output(Command::new("openssl").args(["s_client", "-tls1_2", "-connect", &address]), "R\n");
    assert!(said.contains("no renegotiation") || said.contains("alert"), "{said}");
}

#[test]
#[ignore = "needs curl: run by make test"]
fn curl_gets_the_page_and_pins_the_certificate() {
    let server = Server::start(&["--tls"]);
    let page = output(Command::new("curl").args(["-sk", &server.url()]), "");
    assert!(page.starts_with("<!DOCTYPE html>"), "{page}");
    let strict = output(Command::new("curl").args(["-sS", &server.url()]), "");
    assert!(strict.contains("certificate"), "it is trusted by no one: {strict}");
}

#[test]
#[ignore = "needs websocat: run by make test"]
fn websocat_chats_over_wss() {
    let server = Server::start(&["--tls"]);
    let mut witness = Client::join(&server, "witness");
    let url = format!("wss://localhost:{}/echo", server.port());
    let said = output(Command::new("websocat").args(["-k", "-1", &url]), "hola\n");
    assert_eq!(said, "hola\n");
    let url = url.replace("/echo", "/ws?name=Ana");
    let said = output(Command::new("websocat").args(["-k", "-n1", "-E", &url]), "hola wss\n");
    assert_eq!(witness.message(), ("Ana".to_owned(), "hola wss".to_owned()), "{said}");
}

#[test]
#[ignore = "needs Python and its package websockets: run by make test"]
fn python_s_websockets_chats_over_wss() {
    const SCRIPT: &str = "
import ssl, sys
from websockets.sync.client import connect
context = ssl._create_unverified_context()
with connect(sys.argv[1], ssl=context) as socket:
    socket.send('hola')
    print(socket.recv(), socket.socket.version())
";
    let server = Server::start(&["--tls"]);
    let python = concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/bin/python");
    let url = format!("wss://localhost:{}/echo", server.port());
    let said = output(Command::new(python).args(["-c", SCRIPT, &url]), "");
    assert_eq!(said, "hola TLSv1.3\n");
}
