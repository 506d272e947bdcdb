//! A client's connection: TCP, or TLS over it. Reads and writes never wait.

use std::io::{self, Read, Write};
use std::net::SocketAddr;

use mio::event::Source;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
#[cfg(feature = "tls")]
use rustls::ClientConnection;

pub struct Stream {
    tcp: TcpStream,
    #[cfg(feature = "tls")]
    tls: Option<Box<ClientConnection>>,
}

impl Stream {
    /// Connects, and writes the first bytes; through TLS if `is_encrypted`.
    ///
    /// The kernel completes a connection to the own machine at once, so this blocks for microseconds.
    pub fn connect(address: SocketAddr, is_encrypted: bool, first: &[u8]) -> io::Result<Stream> {
        let tcp = std::net::TcpStream::connect(address)?;
        tcp.set_nodelay(true)?;
        tcp.set_nonblocking(true)?;
        let mut stream = Stream {
            tcp: TcpStream::from_std(tcp),
            #[cfg(feature = "tls")]
            tls: is_encrypted.then(|| Box::new(crate::tls::client())),
        };
        assert!(!is_encrypted || stream.is_encrypted(), "this part takes `cargo bench --features tls`");
        stream.write_all(first)?;
        Ok(stream)
    }

    pub fn is_encrypted(&self) -> bool {
        #[cfg(feature = "tls")]
        return self.tls.is_some();
        #[cfg(not(feature = "tls"))]
        false
    }
}

/// Sends what the kernel takes now of what rustls has.
#[cfg(feature = "tls")]
fn flush(tls: &mut ClientConnection, tcp: &mut TcpStream) -> io::Result<()> {
    while tls.wants_write() {
        match tls.write_tls(tcp) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
            written => drop(written?),
        }
    }
    Ok(())
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            loop {
                match tls.reader().read(buffer) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    result => return result,
                }
                tls.read_tls(&mut self.tcp)?;
                tls.process_new_packets().map_err(io::Error::other)?;
                flush(tls, &mut self.tcp)?;
            }
        }
        self.tcp.read(buffer)
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        #[cfg(feature = "tls")]
        if let Some(tls) = &mut self.tls {
            // Until the handshake is done, rustls keeps them.
            let written = tls.writer().write(bytes)?;
            flush(tls, &mut self.tcp)?;
            return Ok(written);
        }
        self.tcp.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Source for Stream {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.tcp.register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.tcp.reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.tcp.deregister(registry)
    }
}
