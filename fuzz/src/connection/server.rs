//! A server in this process, put together as `server.rs` does it. But it does not pause when a client asks for that: this
//! would take all the fuzzer's time.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, JoinHandle};
use std::time::{Instant, SystemTime};

use crossbeam_channel::{Sender, bounded};
use websocket_classroom::broadcaster::{self, Broadcaster, CHANNEL, Counters, Incoming};
use websocket_classroom::chat::Chat;
use websocket_classroom::client_id::ClientId;
use websocket_classroom::config::Options;
use websocket_classroom::connection::Connection;
use websocket_classroom::context::Context;
use websocket_classroom::http::{HostNames, router};
use websocket_classroom::joints::Joints;
use websocket_classroom::limits::Limit;
use websocket_classroom::stopper::Stopper;
use websocket_classroom::tcp::Tcp;
use websocket_classroom::transport::Transport;

pub const TEACHER_KEY: &str = "fuzzfuzz";

pub struct Server {
    address: SocketAddr,
    stopper: Stopper,
    broadcaster: JoinHandle<()>,
    accept: JoinHandle<()>,
}

impl Server {
    /// On a free port of this machine.
    pub fn start(options: Options) -> Server {
        let (to_broadcaster, incoming) = bounded(CHANNEL);
        let Joints { http, connection, start, door, .. } = joints(&options, &to_broadcaster);
        let counters = Arc::new(Counters::default());
        let settings =
            broadcaster::Settings { send_queue: options.backlog, first_message: options.handshake_timeout };
        let chat = Chat::new(options.chat_settings(&door));
        let broadcaster = Broadcaster::new(incoming, chat, None, settings, Arc::clone(&counters));
        let broadcaster = spawn("broadcaster", || broadcaster.run());
        start.into_iter().for_each(|start| start().expect("a thread is left"));

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let stopper = Stopper::new(vec![address], to_broadcaster.clone());
        let context = Arc::new(Context {
            host_names: HostNames::new(&[], &[]),
            router: router(http, None, counters),
            websockets: Limit::new(options.max_clients),
            threads: Limit::new(options.max_clients),
            to_broadcaster,
            joints: connection,
            options,
        });
        let stopping = Arc::clone(&stopper.stopping);
        let accept = spawn("accept", move || {
            for number in 1.. {
                let (socket, peer) = listener.accept().expect("a descriptor is left");
                if stopping.load(Ordering::Relaxed) {
                    return;
                }
                let _ = socket.set_nodelay(true);
                let (id, socket) = (ClientId(number), Arc::new(Transport::new(socket).expect("a socket")));
                let (accepted, accepted_at) = (Instant::now(), SystemTime::now());
                let connection = Connection {
                    tcp: Tcp { id, socket, peer, accepted, accepted_at },
                    http_permit: None,
                    _address_permit: None,
                    _thread_permit: context.threads.acquire().expect("there are few"),
                    context: Arc::clone(&context),
                };
                spawn(&id.to_string(), move || connection.run());
            }
        });
        Server { address, stopper, broadcaster, accept }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// It ends in order.
    pub fn stop(self) {
        self.stopper.stop();
        for thread in [self.broadcaster, self.accept] {
            thread.join().expect("no thread of the server panics");
        }
    }
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    thread::Builder::new().name(name.to_owned()).spawn(run).expect("a thread is left")
}

/// The inspector, which does not pause.
#[cfg(feature = "inspector")]
fn joints(options: &Options, to_broadcaster: &Sender<Incoming>) -> Joints {
    use std::time::Duration;

    use websocket_classroom::features::inspector;
    use websocket_classroom::joints::{ExtraAction, ExtraCommand};

    let mut joints = Joints::default();
    inspector::attach(&mut joints, options, to_broadcaster);
    let quick = |action| ExtraAction { pause: Duration::ZERO, pause_at_close: None, ..action };
    let commands = joints.connection.commands.into_iter().map(|command: ExtraCommand| ExtraCommand {
        kind: command.kind,
        parse: Box::new(move |client, fields| (command.parse)(client, fields).map(quick)),
    });
    joints.connection.commands = commands.collect();
    joints.http.before.clear();
    joints
}

/// No feature.
#[cfg(not(feature = "inspector"))]
fn joints(_: &Options, _: &Sender<Incoming>) -> Joints {
    Joints::default()
}
