//! The HTTP side of the accounts: signs users in and out, answers `/me`, and checks every WebSocket's request.
//!
//! Runs on the connection's thread, which waits here for the password check. Must never write a secret to the log or to a
//! response; the only exception is the cookie, which goes to its owner.

use std::net::IpAddr;
use std::thread;
use std::time::Duration;

use data_encoding::BASE64;
use serde::Deserialize;
use serde_json::json;

use super::login::{Accounts, NotSignedIn, SignedIn};
use super::password::Password;
use super::sessions::SESSION_AGE;
use crate::admission::{Admission, Authentication};
use crate::client_id::ClientId;
use crate::http::{Call, Request, Response};
use crate::token::Token;

/// The cookie's name.
const COOKIE: &str = "classroom-session";

/// Longest body of a sign-in, in bytes.
const MAX_BODY: usize = 8 * 1024;

/// How long the response to a wrong password waits: this makes guessing on one connection slow.
const WRONG_DELAY: Duration = Duration::from_secs(1);

const WRONG: &str = "The name or the password is wrong.";

/// `POST /login`: a name and a password, as JSON or as a form.
pub fn sign_in(accounts: &Accounts, call: &Call<'_>) -> Response {
    let (name, password) = match credentials_in_body(call.request) {
        Ok(credentials) => credentials,
        Err(response) => return response,
    };
    match check(accounts, (call.client, call.peer.ip()), name, &password, true) {
        Ok(signed_in) => {
            sign_out_previous_users(accounts, call, &signed_in);
            let value = signed_in.cookie.as_ref().map_or_else(String::new, Token::text);
            let cookie = set_cookie(call.request, &value, SESSION_AGE);
            me(Some(&signed_in)).with_header("Set-Cookie", cookie)
        }
        // Browsers do not know this scheme. For `Basic` they would open their own password window.
        Err(response) => response.with_challenge(r#"Form realm="websocket-classroom""#),
    }
}

/// Signs out another user of the same browser. The new cookie replaces theirs, so they could not sign out later.
fn sign_out_previous_users(accounts: &Accounts, call: &Call<'_>, signed_in: &SignedIn) {
    for cookie in cookies(call.request) {
        let before = accounts.find_session(cookie.clone());
        if before.is_some_and(|before| before.name.key() != signed_in.name.key()) {
            accounts.sign_out(call.client, cookie);
        }
    }
}

/// `POST /logout`: ends all sessions and all WebSockets of the user.
pub fn sign_out(accounts: &Accounts, call: &Call<'_>) -> Response {
    cookies(call.request).for_each(|cookie| accounts.sign_out(call.client, cookie));
    me(None).with_header("Set-Cookie", set_cookie(call.request, "", Duration::ZERO))
}

/// `GET /me`: the name of the signed-in user, or `null`.
pub fn who_am_i(accounts: &Accounts, call: &Call<'_>) -> Response {
    me(by_cookie(accounts, call.request).as_ref())
}

impl Authentication for Accounts {
    /// By cookie or by `Authorization: Basic` (RFC 7617).
    ///
    /// # Errors
    /// `401` without a right password, `429` after too many wrong ones, `503` if too many are being checked.
    fn admit(&self, request: &Request, client: ClientId, peer: IpAddr) -> Result<Admission, Response> {
        if let Some(signed_in) = by_cookie(self, request) {
            return Ok(signed_in.admission);
        }
        let challenge = r#"Basic realm="websocket-classroom", charset="UTF-8""#;
        let Some((name, password)) = basic(request) else {
            let text =
                "Only people on the list may come in: sign in on the page, or send Authorization: Basic.";
            return Err(Response::text(401, text).with_challenge(challenge));
        };
        check(self, (client, peer), name, &password, false)
            .map(|signed_in| signed_in.admission)
            .map_err(|response| response.with_challenge(challenge))
    }
}

/// Checks a name and a password. The error is the response.
fn check(
    accounts: &Accounts,
    applicant: (ClientId, IpAddr),
    name: String,
    password: &str,
    begins_session: bool,
) -> Result<SignedIn, Response> {
    // An invalid password belongs to no account, so this answer tells nothing about the list.
    let password =
        Password::parse(password).map_err(|reason| Response::text(400, format!("Sign-in: {reason}.")))?;
    accounts.sign_in(applicant, name, password, begins_session).map_err(|refused| match refused {
        NotSignedIn::Wrong => {
            thread::sleep(WRONG_DELAY);
            Response::text(401, WRONG)
        }
        NotSignedIn::TooOften(wait) => {
            let seconds = wait.as_secs_f64().ceil();
            let text = format!("Too many wrong passwords: try again in {seconds} s.");
            Response::text(429, text).with_header("Retry-After", seconds.to_string())
        }
        NotSignedIn::Busy => {
            let text = "Too many people are signing in just now: try again in a moment.";
            Response::text(503, text).with_header("Retry-After", "2")
        }
    })
}

/// Who is signed in, as JSON.
fn me(signed_in: Option<&SignedIn>) -> Response {
    Response::json(&json!({ "name": signed_in.map(|signed_in| signed_in.name.as_str()) }))
}

/// The cookie with this value (RFC 6265). No script can read it, and no other site's page can send it.
fn set_cookie(request: &Request, value: &str, age: Duration) -> String {
    let secure = if came_by_tls(request) { "; Secure" } else { "" };
    let age = age.as_secs();
    format!("{COOKIE}={value}; Max-Age={age}; Path=/; HttpOnly; SameSite=Strict{secure}")
}

/// The page was loaded over TLS, as a proxy's header or the browser's `Origin` says.
fn came_by_tls(request: &Request) -> bool {
    let is_https = |origin: &str| origin.to_ascii_lowercase().starts_with("https://");
    request.headers.all("origin").any(is_https)
        || request.headers.list("x-forwarded-proto").any(|scheme| scheme.eq_ignore_ascii_case("https"))
}

fn by_cookie(accounts: &Accounts, request: &Request) -> Option<SignedIn> {
    cookies(request).find_map(|cookie| accounts.find_session(cookie))
}

/// All cookies of our name. There may be several: another server on this host may have set one.
fn cookies(request: &Request) -> impl Iterator<Item = Token> {
    let cookies = request.headers.all("cookie").flat_map(|cookies| cookies.split(';'));
    let pairs = cookies.filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| *name == COOKIE).filter_map(|(_, value)| Token::parse(value))
}

/// The name and password of `Authorization: Basic`.
fn basic(request: &Request) -> Option<(String, String)> {
    let (scheme, encoded) = request.headers.single("authorization").ok()??.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(BASE64.decode(encoded.trim().as_bytes()).ok()?).ok()?;
    let (name, password) = text.split_once(':')?;
    Some((name.to_owned(), password.to_owned()))
}

/// The body of `POST /login`.
#[derive(Deserialize)]
struct Credentials {
    name: String,
    password: String,
}

fn credentials_in_body(request: &Request) -> Result<(String, String), Response> {
    if request.body.len() > MAX_BODY {
        return Err(Response::text(413, format!("A sign-in may have {MAX_BODY} bytes.")));
    }
    let content_type = request.headers.single("content-type").ok().flatten().unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let credentials = match media_type.to_ascii_lowercase().as_str() {
        // serde's error could quote the password, so it is dropped. The `{`: serde would also accept an array of the two values.
        "application/json" if request.body.trim_ascii_start().starts_with(b"{") => {
            serde_json::from_slice(&request.body).ok()
        }
        "application/json" => None,
        "application/x-www-form-urlencoded" => {
            let field = |wanted: &str| {
                let mut pairs = form_urlencoded::parse(&request.body);
                pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
            };
            field("name").zip(field("password")).map(|(name, password)| Credentials { name, password })
        }
        _ => {
            let text = "A sign-in is application/json or application/x-www-form-urlencoded.";
            return Err(Response::text(415, text));
        }
    };
    let Credentials { name, password } =
        credentials.ok_or_else(|| Response::text(400, "A sign-in needs a name and a password."))?;
    Ok((name, password))
}
