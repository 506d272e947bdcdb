//! All that features attach to the core, in one value: made by `server.rs`, and empty in the minimal server. A joint is an
//! extension point: the core calls what is attached there, and knows no feature.
//!
//! | joint | question |
//! |---|---|
//! | [`Route`], [`PageFile`] | Which further addresses are there, and which files of the page? |
//! | [`Security`] | How are the bytes of a connection encrypted? |
//! | [`Authentication`] | Who may come in? |
//! | [`Capture`] | Who sees what goes over the wire? |
//! | [`Before`] | Which requests have to wait, or are refused, before their address answers? |
//! | [`ExtraCommand`] | Which commands are there that the chat does not know? |
//! | [`Order`] | Where do the chat's inputs get their order? |
//! | [`HealthField`], [`BannerLine`] | What does it add to `/health` and to the banner? |
//! | `Job` | What does a feature want done on the broadcaster's thread? Sent as `Incoming::Run`. |

use std::io;
use std::time::Duration;

use serde_json::Value;

use crate::admission::Authentication;
use crate::broadcaster::{Job, Order};
use crate::chat::{Door, Fields, Refusal};
use crate::client_id::ClientId;
use crate::http::{Before, PageFile, Route};
use crate::tap::Capture;
use crate::tcp::Tcp;

#[derive(Default)]
pub struct Joints {
    pub http: HttpJoints,
    pub connection: ConnectionJoints,
    pub order: Option<Box<dyn Order>>,
    pub banner: BannerJoints,
    /// Which newcomers the chat does not admit.
    pub door: Door,
    /// Called once when the server begins to serve: starts the features' threads.
    pub start: Vec<Start>,
}

/// What happens to a connection.
#[derive(Default)]
pub struct ConnectionJoints {
    /// Encrypts it before it speaks; `None`: it is plain.
    pub security: Option<Box<dyn Security>>,
    /// Decides who may come in; `None`: every client may.
    pub authentication: Option<Box<dyn Authentication>>,
    /// Captures what goes over the wire.
    pub capture: Option<Box<dyn Capture>>,
    /// Commands that the chat does not know.
    pub commands: Vec<ExtraCommand>,
}

/// Encrypts connections.
pub trait Security: Send + Sync {
    /// Runs on the connection's thread, before a byte is read. Returns `false` if the connection is over: it is answered and logged then.
    fn secure(&self, tcp: &Tcp) -> bool;

    /// What a client gets for which there is no room: its handshake cannot be waited for.
    fn refusal(&self) -> &'static [u8];
}

/// What the teacher sees first.
#[derive(Debug, Default, Clone)]
pub struct BannerJoints {
    /// Set if the connections are encrypted.
    pub is_encrypted: bool,
    pub lines: Vec<BannerLine>,
    /// What websocat needs besides the address: `--basic-auth NAME:PASSWORD `.
    pub websocat_flags: String,
    /// A label, and what is to be known besides: `certificate`, its fingerprint.
    pub notes: Vec<(&'static str, String)>,
}

/// What can be asked for by plain HTTP.
#[derive(Default)]
pub struct HttpJoints {
    /// Names of the features that are here, for the page.
    pub features: Vec<&'static str>,
    pub routes: Vec<Route>,
    pub before: Vec<Before>,
    pub page_files: Vec<PageFile>,
    pub health: Vec<HealthField>,
}

/// Starts the threads of a feature.
///
/// # Errors
/// If there is no thread.
pub type Start = Box<dyn FnOnce() -> io::Result<()> + Send>;

/// A command of a feature: its `type`, and how it is parsed, on the connection's thread.
pub struct ExtraCommand {
    pub kind: &'static str,
    pub parse: ParseExtra,
}

pub type ParseExtra = Box<dyn Fn(ClientId, &Fields) -> Result<ExtraAction, Refusal> + Send + Sync>;

/// What an extra command does.
pub struct ExtraAction {
    pub job: Job,
    /// How long the connection's thread then waits before it reads on.
    pub pause: Duration,
    /// If set: how long it waits from now on when the client has sent its close frame, before that is answered.
    pub pause_at_close: Option<Duration>,
}

/// A field of `/health`, and its value now.
pub type HealthField = (&'static str, Box<dyn Fn() -> Value + Send + Sync>);

/// A line of the banner: its label, and what follows the page's address.
pub type BannerLine = (&'static str, String);
