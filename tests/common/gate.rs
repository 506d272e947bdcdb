//! A TCP proxy in front of the server that can be closed, like a network that fails.

use std::io;
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
    sockets: Vec<TcpStream>,
}

impl Gate {
    pub fn start(server: u16) -> Gate {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let port = listener.local_addr().expect("a listener has an address").port();
        let state = Arc::new(Mutex::new(GateState { open: true, sockets: Vec::new() }));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let mut state = shared.lock().expect("the gate");
                if !state.open {
                    continue;
                }
                let server = TcpStream::connect(("127.0.0.1", server)).expect("the server accepts");
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (mut from, mut to) = (clone(from), clone(to));
                    state.sockets.push(clone(&from));
                    thread::spawn(move || {
                        let _ = io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Both);
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
