//! What every connection needs to know; made by `server.rs`, shared by all threads, changed by none.

use crossbeam_channel::Sender;

use crate::admission::Authentication;
use crate::broadcaster::Incoming;
use crate::config::Options;
use crate::http::{HostNames, Router};
use crate::joints::ExtraCommand;
use crate::limits::Limit;
use crate::tap::Capture;

pub struct Context {
    pub options: Options,
    pub host_names: HostNames,
    pub router: Router,
    /// WebSockets at once: `--max-clients`.
    pub websockets: Limit,
    /// Connections' threads at once: as many as the system allows.
    pub threads: Limit,
    pub to_broadcaster: Sender<Incoming>,
    /// Decides who may come in; `None`: every client may.
    pub authentication: Option<Box<dyn Authentication>>,
    /// Captures what goes over the wire, if a feature does that.
    pub capture: Option<Box<dyn Capture>>,
    /// Commands that the chat does not know.
    pub commands: Vec<ExtraCommand>,
}
