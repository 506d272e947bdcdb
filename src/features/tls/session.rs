//! One connection's TLS: what its two threads share. The connection's thread decrypts, the broadcaster encrypts.
//!
//! rustls keeps both directions in one value, since an answer may follow from what is read: a key update, an alert. So there is one lock,
//! of this client alone, held while rustls computes and never across a system call. All encrypted bytes leave rustls in `encrypt`, which
//! only the thread calls that sends: they go out in the order in which they were encrypted.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use log::info;
use rustls::{HandshakeKind, ProtocolVersion, ServerConnection};

use super::records::{RecordReader, last_record};
use crate::client_id::ClientId;
use crate::transport::{Direction, Encryption, Facts};

pub struct TlsSession {
    client: ClientId,
    state: Mutex<State>,
    /// Of `state`, so that a client to which nothing is to be sent costs no lock.
    has_to_send: AtomicBool,
}

struct State {
    connection: ServerConnection,
    /// Encrypted, but not accepted by TCP. At most what one call of `encrypt` returned.
    unsent: Vec<u8>,
    is_ended: bool,
    is_cut: bool,
    read: RecordReader,
    sent: Vec<u8>,
}

impl TlsSession {
    /// After the handshake.
    pub fn new(client: ClientId, connection: ServerConnection) -> TlsSession {
        let state = State {
            connection,
            unsent: Vec::new(),
            is_ended: false,
            is_cut: false,
            read: RecordReader::default(),
            sent: Vec::new(),
        };
        TlsSession { client, state: Mutex::new(state), has_to_send: AtomicBool::new(false) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn update(&self, state: &State) {
        let waits = !state.unsent.is_empty() || state.connection.wants_write();
        self.has_to_send.store(waits, Ordering::Release);
    }
}

impl Encryption for TlsSession {
    fn take_plain(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut state = self.state();
        match state.connection.reader().read(buffer) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                if !std::mem::replace(&mut state.is_cut, true) {
                    info!("{}: TLS: the client ended TCP without close_notify", self.client);
                }
                Ok(0)
            }
            result => result,
        }
    }

    fn came(&self, encrypted: &[u8]) -> io::Result<()> {
        let mut state = self.state();
        state.read.read(encrypted);
        let mut rest = encrypted;
        let result = loop {
            if let Err(error) = state.connection.read_tls(&mut rest) {
                break Err(error);
            }
            if let Err(error) = state.connection.process_new_packets() {
                break Err(io::Error::new(ErrorKind::InvalidData, error));
            }
            if rest.is_empty() {
                break Ok(());
            }
        };
        self.update(&state);
        result
    }

    fn encrypt(&self, plain: &[IoSlice<'_>], encrypted: &mut Vec<u8>) -> usize {
        let mut state = self.state();
        encrypted.append(&mut std::mem::take(&mut state.unsent));
        let mut taken = 0;
        if encrypted.is_empty() && !plain.is_empty() {
            // As many records as one send may hold; rustls ends at 64 KiB. Writing into memory does not fail.
            taken = state.connection.writer().write_vectored(plain).unwrap_or(0);
        }
        while state.connection.wants_write() && state.connection.write_tls(encrypted).is_ok() {}
        if taken > 0 {
            last_record(encrypted, &mut state.sent);
        }
        self.has_to_send.store(false, Ordering::Release);
        taken
    }

    fn put_back(&self, rest: &[u8]) {
        let mut state = self.state();
        state.unsent = rest.to_vec();
        self.update(&state);
    }

    fn has_to_send(&self) -> bool {
        self.has_to_send.load(Ordering::Acquire)
    }

    fn end(&self) {
        let mut state = self.state();
        if !std::mem::replace(&mut state.is_ended, true) {
            state.connection.send_close_notify();
            self.update(&state);
        }
    }

    fn facts(&self) -> Facts {
        let state = self.state();
        let connection = &state.connection;
        let version = match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => "TLS 1.3",
            Some(ProtocolVersion::TLSv1_2) => "TLS 1.2",
            _ => "TLS",
        };
        let cipher = connection.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
        Facts {
            version: version.to_owned(),
            cipher: cipher.unwrap_or_default().to_owned(),
            server_name: connection.server_name().map(str::to_owned),
            is_resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
        }
    }

    fn last_record(&self, direction: Direction) -> Vec<u8> {
        let state = self.state();
        match direction {
            Direction::Read => state.read.last().to_vec(),
            Direction::Sent => state.sent.clone(),
        }
    }
}
