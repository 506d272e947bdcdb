//! What every connection needs to know; made by `server.rs`, shared by all threads, changed by none.

use crossbeam_channel::Sender;

use crate::broadcaster::Incoming;
use crate::config::Options;
use crate::http::{HostNames, Router};
use crate::joints::ConnectionJoints;
use crate::limits::Limit;

pub struct Context {
    pub options: Options,
    pub host_names: HostNames,
    pub router: Router,
    /// WebSockets at once: `--max-clients`.
    pub websockets: Limit,
    /// Connections' threads at once: as many as the system allows.
    pub threads: Limit,
    pub to_broadcaster: Sender<Incoming>,
    /// What features attach to a connection.
    pub joints: ConnectionJoints,
}
