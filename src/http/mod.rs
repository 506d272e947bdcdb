//! Plain HTTP: how a request is read and answered (RFC 9110, RFC 9112).
//!
//! `exchange` is the loop. `request` reads, `head` parses, `origin` checks where a request comes from, `router` finds its handler,
//! and tiny_http prints the `response`; `stream` sends a body that is not known yet. Runs on the connection's thread.

mod exchange;
mod first_words;
mod head;
mod origin;
mod page;
mod request;
mod response;
mod router;
mod routes;
mod stream;

pub use exchange::{Upgrade, speak};
pub use head::{Headers, MAX_HEADERS, Request, parse};
pub use origin::HostNames;
pub use page::PageFile;
#[allow(unused_imports)] // The minimal server has no feature that adds files.
pub(crate) use page::page_files;
pub use request::{MAX_HEAD, NoRequest, head_in, read};
pub use response::Response;
pub use router::{Before, Call, Reply, Route, Router, parameter};
pub use routes::router;
pub use stream::{Chunks, write_all};
