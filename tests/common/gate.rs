//! A TCP proxy in front of the server that can be closed, like a network that fails.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// The proxy. When closed, it cuts all connections and accepts none.
pub struct Gate {
    port: u16,
    state: Arc<Mutex<GateState>>,
}

struct GateState {
    open: bool,
    /// Connections of this age or older forward nothing.
    frozen: usize,
    connections: usize,
    sockets: Vec<TcpStream>,
}

impl Gate {
    pub fn start(server: u16) -> Gate {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let port = listener.local_addr().expect("a listener has an address").port();
        let state =
            Arc::new(Mutex::new(GateState { open: true, frozen: 0, connections: 0, sockets: Vec::new() }));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let mut state = shared.lock().expect("the gate");
                if !state.open {
                    continue;
                }
                let server = super::connect(server);
                state.connections += 1;
                let number = state.connections;
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (clone(from), clone(to));
                    state.sockets.push(clone(&from));
                    let shared = Arc::clone(&shared);
                    thread::spawn(move || {
                        let is_frozen = || shared.lock().expect("the gate").frozen >= number;
                        let _ = forward(&from, &to, is_frozen);
                        // Like a cable that was pulled: no side hears of it.
                        if !is_frozen() {
                            let _ = to.shutdown(Shutdown::Both);
                        }
                    });
                }
            }
        });
        Gate { port, state }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn url(&self) -> String {
        format!("http://localhost:{}/", self.port)
    }

    /// From now on the connections that are there forward nothing, and stay open. New ones work.
    pub fn freeze(&self) {
        let mut state = self.state.lock().expect("the gate");
        state.frozen = state.connections;
    }

    pub fn close(&self) {
        let mut state = self.state.lock().expect("the gate");
        state.open = false;
        for socket in state.sockets.drain(..) {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    pub fn open(&self) {
        self.state.lock().expect("the gate").open = true;
    }
}

fn clone(socket: &TcpStream) -> TcpStream {
    socket.try_clone().expect("a descriptor is left")
}

/// Copies until the end; what comes once it is frozen is lost.
fn forward(mut from: &TcpStream, mut to: &TcpStream, is_frozen: impl Fn() -> bool) -> io::Result<()> {
    let mut buffer = [0; 16_384];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            _ if is_frozen() => {}
            read => to.write_all(&buffer[..read])?,
        }
    }
}
