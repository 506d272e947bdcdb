//! The page: its files, and the policy that lets exactly its own scripts run.
//!
//! Runs on the connection's thread. The files are inside the binary, so that the server is one file; `--page` serves a file or a
//! folder in their place, read again for each request. A request's path must never reach the file system in any other way.

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use data_encoding::{BASE64, BASE64URL_NOPAD};
use log::warn;
use percent_encoding::percent_decode_str;
use sha2::{Digest, Sha256};

use super::head::Request;
use super::response::Response;

/// The page's HTML, its first file.
const INDEX: &str = include_str!("../../index.html");
const HTML: &str = "text/html; charset=utf-8";
/// Types by ending. A file of any other type is not served: a folder may hold more than a page, such as a list of users.
const TYPES: &[(&str, &str)] = &[
    ("html", HTML),
    ("js", "text/javascript; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("json", "application/json"),
    ("svg", "image/svg+xml"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
    ("ico", "image/x-icon"),
    ("woff2", "font/woff2"),
    ("mp3", "audio/mpeg"),
];
/// Bytes of a file in a folder.
const MAX_FILE: u64 = 8 << 20;

/// A file of the page inside the binary.
pub struct PageFile {
    /// As in a request: `/page/main.js`.
    pub path: &'static str,
    pub text: &'static str,
}

/// Makes [`PageFile`]s of paths in this project.
macro_rules! page_files {
    ($($path:literal)*) => {
        [$($crate::http::PageFile {
            path: concat!("/", $path),
            text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $path)),
        }),*]
    };
}
pub(crate) use page_files;

/// The chat's part of the page; features bring their own.
const FILES: [PageFile; 23] = page_files! {
    "page/accounts.js" "page/connection.js" "page/events.js" "page/input.js" "page/main.js" "page/outbox.js" "page/panels.js"
    "page/notify.js" "page/sending.js" "page/socket.js" "page/state.js" "page/text.js" "page/threads.js" "page/time.js"
    "page/words.en.js" "page/words.es.js" "page/words.js"
    "page/draw/connection.js" "page/draw/elements.js" "page/draw/log.js" "page/draw/people.js"
    "page/style/base.css" "page/style/page.css"
};

/// All files that can be served, and `--page`.
pub struct Pages {
    files: Vec<PageFile>,
    own: Option<PathBuf>,
}

impl Pages {
    /// `of_features`: the files that features add to the page. `own`: a file or a folder in place of the page.
    pub fn new(of_features: Vec<PageFile>, own: Option<PathBuf>) -> Pages {
        Pages { files: FILES.into_iter().chain(of_features).collect(), own }
    }

    /// The page's HTML.
    pub fn index(&self, request: &Request, host: &str) -> Response {
        match &self.own {
            None => respond(Cow::Borrowed(INDEX.as_bytes()), HTML, request, host),
            Some(folder) if folder.is_dir() => from_file(&folder.join("index.html"), HTML, request, host),
            Some(file) => from_file(file, HTML, request, host),
        }
    }

    /// Its other files: what stands at this path; `None` if nothing does.
    pub fn find(&self, request: &Request, host: &str) -> Option<Response> {
        let path = request.path.as_str();
        if let Some(folder) = self.own.as_ref().filter(|own| own.is_dir()) {
            return from_folder(folder, path, request, host);
        }
        let file = self.files.iter().find(|file| file.path == path)?;
        Some(respond(Cow::Borrowed(file.text.as_bytes()), type_of(Path::new(path))?, request, host))
    }
}

/// Only what is inside the folder, not hidden, and of a type that a page is made of.
fn from_folder(folder: &Path, path: &str, request: &Request, host: &str) -> Option<Response> {
    let path = percent_decode_str(path.strip_prefix('/')?).decode_utf8().ok()?;
    let path =
        if path.is_empty() || path.ends_with('/') { format!("{path}index.html") } else { path.into_owned() };
    let is_plain = |part: Component<'_>| match part {
        Component::Normal(name) => !name.to_string_lossy().starts_with('.'),
        _ => false,
    };
    if path.contains(['\\', '\0', ':']) || path.contains("//") || !Path::new(&path).components().all(is_plain)
    {
        return None;
    }
    let content_type = type_of(Path::new(&path))?;
    // A link may lead out of the folder: what counts is where the file is.
    let (folder, file) = (folder.canonicalize().ok()?, folder.join(&path).canonicalize().ok()?);
    // What cannot be opened without waiting, a pipe for instance, is no file of a page.
    if !file.starts_with(&folder) || !file.metadata().ok()?.is_file() {
        return None;
    }
    Some(from_file(&file, content_type, request, host))
}

fn type_of(path: &Path) -> Option<&'static str> {
    let ending = path.extension()?.to_str()?;
    TYPES.iter().find(|(known, _)| *known == ending).map(|(_, content_type)| *content_type)
}

/// A file as it is now.
fn from_file(file: &Path, content_type: &str, request: &Request, host: &str) -> Response {
    let read = || match fs::metadata(file)?.len() {
        0..=MAX_FILE => fs::read(file),
        _ => Err(io::Error::other(format!("it has more than {MAX_FILE} bytes"))),
    };
    match read() {
        Ok(content) => respond(Cow::Owned(content), content_type, request, host),
        Err(error) => {
            // The file's name is for the teacher alone.
            warn!("the page {} cannot be read: {error}", file.display());
            Response::text(500, "The page cannot be read; the server's log says why.")
        }
    }
}

/// The file, or `304` if the client has this very one (RFC 9110, 13.1.2).
fn respond(content: Cow<'static, [u8]>, content_type: &str, request: &Request, host: &str) -> Response {
    let tag = format!("\"{}\"", BASE64URL_NOPAD.encode(&Sha256::digest(&content)[..12]));
    let mut known = request.headers.list("if-none-match").map(|tag| tag.trim_start_matches("W/"));
    let has_it = known.any(|known| known == tag || known == "*");
    let policy = (content_type == HTML).then(|| content_security_policy(&content, host));
    // The length of a 304 is that of the file, and nothing of it is sent (RFC 9110, 8.6).
    let response = Response::new(if has_it { 304 } else { 200 }, content_type, content);
    let response = response.to_be_revalidated(tag);
    match policy {
        Some(policy) => response
            .with_header("Content-Security-Policy", policy)
            .with_header("Referrer-Policy", "no-referrer"),
        None => response.quietly(),
    }
}

/// `'self'` does not cover `ws:` in every browser, so the WebSocket addresses are named; `host` was checked to be a
/// name or address and a port, so it cannot add a rule.
fn content_security_policy(page: &[u8], host: &str) -> String {
    let page = String::from_utf8_lossy(page);
    let sockets = if host.is_empty() { String::new() } else { format!(" ws://{host} wss://{host}") };
    format!(
        "default-src 'none'; script-src 'self'{}; style-src 'self'{}; img-src 'self' data:; font-src 'self'; media-src 'self'; \
         connect-src 'self'{sockets}; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        hashes(&page, "<script>", "</script>"),
        hashes(&page, "<style>", "</style>"),
    )
}

/// ` 'sha256-…'` of the text of each such element: our page has none, a page of one's own may.
fn hashes(page: &str, begin: &str, end: &str) -> String {
    let texts = page.split(begin).skip(1).filter_map(|rest| rest.split_once(end));
    texts.map(|(text, _)| format!(" 'sha256-{}'", BASE64.encode(&Sha256::digest(text)))).collect()
}

#[cfg(test)]
mod tests;
