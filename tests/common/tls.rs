//! TLS as a client has it, by rustls: by hand, or as a bridge, so that every test of plain bytes is one of encrypted bytes, too.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme};
use socket2::{Domain, SockRef, Socket, Type};

/// No matter who signed the certificate: as with `curl -k`. That the server has its key is checked.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

/// A client's settings: these versions, and sessions that are resumed as long as this value is used.
pub fn config(versions: &[&'static rustls::SupportedProtocolVersion]) -> Arc<ClientConfig> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder = builder.with_protocol_versions(versions).expect("versions that rustls has");
    let verifier = Arc::new(AnyCertificate(provider));
    Arc::new(builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth())
}

pub fn connection(config: &Arc<ClientConfig>) -> ClientConnection {
    ClientConnection::new(Arc::clone(config), ServerName::try_from("localhost").expect("a name"))
        .expect("settings that rustls takes")
}

/// Everything that rustls wants to send.
pub fn to_send(connection: &mut ClientConnection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while connection.wants_write() {
        connection.write_tls(&mut bytes).expect("memory takes all bytes");
    }
    bytes
}

/// Shakes hands on this socket.
pub fn shake_hands(connection: &mut ClientConnection, mut socket: &TcpStream) -> io::Result<()> {
    loop {
        socket.write_all(&to_send(connection))?;
        if !connection.is_handshaking() {
            return Ok(());
        }
        if connection.read_tls(&mut socket)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        connection.process_new_packets().map_err(io::Error::other)?;
    }
}

/// A socket whose other end is a TLS connection to the server. Its port is that of the TLS connection, too, which comes from 127.0.0.2.
/// What the server does to its end is done to this one: FIN, reset.
pub fn bridge(server: u16) -> TcpStream {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let plain = TcpStream::connect(listener.local_addr().expect("an address")).expect("it listens");
    let (ours, peer) = listener.accept().expect("it came");
    let outer = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a descriptor is left");
    outer.set_reuse_address(true).expect("an option");
    outer.bind(&SocketAddr::from(([127, 0, 0, 2], peer.port())).into()).expect("a loopback address");
    outer.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, server)).into()).expect("the server accepts");
    let outer: TcpStream = outer.into();
    for socket in [&ours, &outer] {
        socket.set_nodelay(true).expect("an option");
    }
    let mut connection = connection(&config(rustls::ALL_VERSIONS));
    if shake_hands(&mut connection, &outer).is_ok() {
        let ends = Arc::new((Mutex::new(connection), ours, outer));
        let other = Arc::clone(&ends);
        thread::spawn(move || encrypt(&other));
        thread::spawn(move || decrypt(&ends));
    }
    plain
}

type Ends = (Mutex<ClientConnection>, TcpStream, TcpStream);

/// From the plain end to the server.
fn encrypt((connection, plain, outer): &Ends) {
    let (mut plain, mut outer) = (plain, outer);
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let result = plain.read(&mut bytes);
        let mut connection = connection.lock().expect("the other half goes on");
        match result {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => {
                // The test reset its end.
                drop(SockRef::from(outer).set_linger(Some(Duration::ZERO)));
                drop(outer.shutdown(Shutdown::Read));
                return;
            }
            Ok(0) => connection.send_close_notify(),
            Ok(length) => connection.writer().write_all(&bytes[..length]).expect("rustls has room"),
        }
        let encrypted = to_send(&mut connection);
        drop(connection);
        if outer.write_all(&encrypted).is_err() {
            return;
        }
        if matches!(result, Ok(0)) {
            drop(outer.shutdown(Shutdown::Write));
            return;
        }
    }
}

/// From the server to the plain end.
fn decrypt((connection, plain, outer): &Ends) {
    let (mut plain, mut outer) = (plain, outer);
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let length = match outer.read(&mut bytes) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => {
                // The server reset its end.
                drop(SockRef::from(plain).set_linger(Some(Duration::ZERO)));
                drop(plain.shutdown(Shutdown::Read));
                return;
            }
            Ok(length) => length,
        };
        let mut text = Vec::new();
        let mut connection = connection.lock().expect("the other half goes on");
        let mut rest = &bytes[..length];
        while !rest.is_empty() {
            connection.read_tls(&mut rest).expect("rustls has room");
            connection.process_new_packets().expect("the server's records are right");
            // What is there; `WouldBlock` says that it was all.
            drop(connection.reader().read_to_end(&mut text));
        }
        drop(connection);
        if plain.write_all(&text).is_err() {
            return;
        }
        if length == 0 {
            drop(plain.shutdown(Shutdown::Write));
            return;
        }
    }
}
