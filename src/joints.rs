//! All that features attach to the core, in one value: made by `server.rs`, and empty in the minimal server.
//!
//! | joint | question |
//! |---|---|
//! | [`Route`] | Which further addresses are there? |
//! | [`Authentication`] | Who may come in? |
//! | [`Capture`] | Who sees what goes over the wire? |
//! | [`ExtraCommand`] | Which commands are there that the chat does not know? |
//! | [`Order`] | Where do the chat's inputs get their order? |
//! | [`HealthField`], [`BannerLine`] | What is told about it? |
//! | `Job` | What does a feature want done on the broadcaster's thread? Sent as `Incoming::Run`. |

use std::io;
use std::time::Duration;

use serde_json::Value;

use crate::admission::Authentication;
use crate::broadcaster::{Job, Order};
use crate::chat::{Fields, Refusal};
use crate::client_id::ClientId;
use crate::http::Route;
use crate::tap::Capture;

#[derive(Default)]
pub struct Joints {
    /// Names of the features that are here, for the page.
    pub features: Vec<&'static str>,
    pub routes: Vec<Route>,
    pub authentication: Option<Box<dyn Authentication>>,
    pub capture: Option<Box<dyn Capture>>,
    pub commands: Vec<ExtraCommand>,
    pub order: Option<Box<dyn Order>>,
    pub health: Vec<HealthField>,
    pub banner: Vec<BannerLine>,
    /// What websocat needs besides the address: `--basic-auth NAME:PASSWORD `.
    pub websocat_flags: &'static str,
    /// Called once when the server begins to serve: starts the features' threads.
    pub start: Vec<Start>,
}

/// # Errors
/// If there is no thread.
pub type Start = Box<dyn FnOnce() -> io::Result<()> + Send>;

/// A command of a feature: the `type` that it has, and what becomes of it. Called on the connection's thread.
pub struct ExtraCommand {
    pub kind: &'static str,
    pub parse: fn(ClientId, &Fields) -> Result<ExtraAction, Refusal>,
}

/// What an extra command comes to.
pub struct ExtraAction {
    pub job: Job,
    /// For how long the connection's thread then reads nothing.
    pub pause: Duration,
}

/// A field of `/health`, and its value now.
pub type HealthField = (&'static str, Box<dyn Fn() -> Value + Send + Sync>);

/// A line of the banner: its label, and what follows the page's address.
pub type BannerLine = (&'static str, String);
