//! How a connection's bytes travel: over TCP as they are, or encrypted by what a feature puts between (TLS).
//!
//! Shared by the two threads of a connection. The connection's thread reads; it writes, too, as long as the connection speaks HTTP, and
//! then only the broadcaster does. Without encryption this is the socket and nothing else: no lock, no copy.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, ErrorKind, IoSlice, Read};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::system::Socket;

pub struct Transport {
    socket: Socket,
    encryption: OnceLock<Arc<dyn Encryption>>,
    /// Lets the broadcaster send what the encryption itself has to say.
    wake: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

/// What stands between plain bytes and TCP. It never touches the socket: `Transport` passes the bytes.
///
/// Called by both threads. No call may wait.
pub trait Encryption: Send + Sync {
    /// Takes plain bytes that are here already. 0: the client has ended its direction.
    ///
    /// # Errors
    /// `WouldBlock` if more has to come from TCP first.
    fn take_plain(&self, buffer: &mut [u8]) -> io::Result<usize>;

    /// These bytes came from TCP; none: TCP has ended.
    ///
    /// # Errors
    /// If they are not what they should be. An alert may then wait to be sent.
    fn came(&self, encrypted: &[u8]) -> io::Result<()>;

    /// Encrypts some of these bytes, in order, if nothing waits already. Returns how many; all that is to be sent now is then in
    /// `encrypted`, which was empty. What TCP does not accept has to come back through [`Encryption::put_back`] before the next call.
    fn encrypt(&self, plain: &[IoSlice<'_>], encrypted: &mut Vec<u8>) -> usize;

    /// What TCP did not accept: it is sent before all else.
    fn put_back(&self, rest: &[u8]);

    /// Something waits to be sent.
    fn has_to_send(&self) -> bool;

    /// No plain byte follows: the client is told so (`close_notify`). A second call does nothing.
    fn end(&self);

    /// For the inspector.
    fn facts(&self) -> Facts;

    /// Of the last record that was read or encrypted: its header and its first bytes, as the network sees them.
    fn last_record(&self, direction: Direction) -> Vec<u8>;
}

impl fmt::Debug for dyn Encryption {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.facts().fmt(formatter)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Read,
    Sent,
}

/// What was agreed on.
#[derive(Debug, Clone)]
pub struct Facts {
    pub version: String,
    pub cipher: String,
    /// The name that the client asked for (SNI).
    pub server_name: Option<String>,
    pub is_resumed: bool,
}

/// `TLS 1.3, TLS13_AES_128_GCM_SHA256, for localhost, resumed`
impl fmt::Display for Facts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Facts { version, cipher, server_name, is_resumed } = self;
        write!(formatter, "{version}, {cipher}")?;
        server_name.iter().try_for_each(|name| write!(formatter, ", for {name}"))?;
        formatter.write_str(if *is_resumed { ", resumed" } else { "" })
    }
}

/// Encrypted bytes read at once.
const READ: usize = 4096;

impl Transport {
    /// # Errors
    /// Those of the system.
    pub fn new(tcp: TcpStream) -> io::Result<Transport> {
        Ok(Transport { socket: Socket::new(tcp)?, encryption: OnceLock::new(), wake: OnceLock::new() })
    }

    /// From now on all bytes are encrypted. Before the first of them is read.
    pub fn encrypt_with(&self, encryption: Arc<dyn Encryption>) {
        let _ = self.encryption.set(encryption);
    }

    /// The broadcaster sends from now on. `wake`, called by the connection's thread, lets it send what no one queued: a key update, an alert.
    pub fn sends_through(&self, wake: impl Fn() + Send + Sync + 'static) {
        if self.encryption.get().is_some() {
            let _ = self.wake.set(Box::new(wake));
        }
    }

    pub fn encryption(&self) -> Option<&Arc<dyn Encryption>> {
        self.encryption.get()
    }

    /// The socket itself. Who reads or writes here passes the encryption by.
    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    /// For `read`.
    ///
    /// # Errors
    /// Those of the system.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.socket.set_read_timeout(timeout)
    }

    /// For `write`.
    ///
    /// # Errors
    /// Those of the system.
    pub fn set_write_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        self.socket.set_write_timeout(timeout)
    }

    /// For its addresses.
    pub fn tcp(&self) -> &TcpStream {
        self.socket.tcp()
    }

    /// Waits for bytes. On the connection's thread. 0: the client has ended its direction.
    ///
    /// # Errors
    /// Those of TCP and of the encryption.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(encryption) = self.encryption.get() else { return self.socket.read(buffer) };
        // Not on the stack: a plain connection's would grow by it, too.
        let mut encrypted = vec![0; READ];
        loop {
            match encryption.take_plain(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => return result,
            }
            let length = self.socket.read(&mut encrypted)?;
            let came = encryption.came(&encrypted[..length]);
            // An answer of the encryption itself must not wait for the next plain byte.
            if let Some(wake) = self.wake.get().filter(|_| encryption.has_to_send()) {
                wake();
            }
            came?;
        }
    }

    /// Writes some bytes, and waits until TCP accepts them or its time-out is over. On the connection's thread, while it speaks HTTP.
    ///
    /// # Errors
    /// Those of TCP. `WouldBlock`: bytes of before still wait.
    pub fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self.encryption.get() {
            None => self.socket.write(bytes),
            Some(encryption) => {
                pass(&**encryption, &[IoSlice::new(bytes)], &mut Vec::new(), |bytes| self.socket.write(bytes))
            }
        }
    }

    /// Sends what the kernel accepts now. On the broadcaster's thread.
    ///
    /// # Errors
    /// Those of TCP. `WouldBlock`: it accepts nothing now.
    pub fn send(&self, pieces: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.encryption.get() {
            None => self.socket.send_now(pieces),
            Some(encryption) => ENCRYPTED.with_borrow_mut(|space| {
                pass(&**encryption, pieces, space, |bytes| self.socket.send_now(&[IoSlice::new(bytes)]))
            }),
        }
    }

    /// Sends what was encrypted before and still waits. Returns whether nothing is left.
    ///
    /// # Errors
    /// Those of TCP.
    pub fn flush(&self) -> io::Result<bool> {
        if self.is_flushed() {
            return Ok(true);
        }
        match self.send(&[]) {
            Ok(_) => Ok(self.is_flushed()),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// All that was encrypted is sent.
    pub fn is_flushed(&self) -> bool {
        self.encryption.get().is_none_or(|encryption| !encryption.has_to_send())
    }

    /// Half-close: ends our direction after the last byte. Returns `false` if a byte that announces it still waits.
    pub fn end_ours(&self) -> bool {
        if let Some(encryption) = self.encryption.get() {
            encryption.end();
            // If TCP has failed, no client reads it.
            if self.flush().is_ok_and(|all| !all) {
                return false;
            }
        }
        let _ = self.tcp().shutdown(Shutdown::Write);
        true
    }

    /// Ends both directions, and wakes the thread that reads.
    pub fn end_both(&self) {
        // What explains the end, if it can be sent at once.
        let _ = self.flush();
        let _ = self.tcp().shutdown(Shutdown::Both);
    }
}

impl Read for &Transport {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Transport::read(self, buffer)
    }
}

thread_local! {
    /// Of the broadcaster, which sends all the time: space for what one send encrypts, 65 KiB at most.
    static ENCRYPTED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Encrypts, and sends what comes out of it. Returns how many plain bytes were taken.
fn pass(
    encryption: &dyn Encryption,
    plain: &[IoSlice<'_>],
    encrypted: &mut Vec<u8>,
    mut send: impl FnMut(&[u8]) -> io::Result<usize>,
) -> io::Result<usize> {
    encrypted.clear();
    let taken = encryption.encrypt(plain, encrypted);
    let sent = loop {
        match send(encrypted) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => break result,
        }
    };
    let accepted = match &sent {
        Ok(accepted) => *accepted,
        Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => 0,
        Err(_) => return sent,
    };
    if accepted < encrypted.len() {
        encryption.put_back(&encrypted[accepted..]);
    }
    if taken == 0 && accepted == 0 { Err(ErrorKind::WouldBlock.into()) } else { Ok(taken) }
}
