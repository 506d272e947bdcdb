//! Signing in, out, and showing who one is: the HTTP side of the accounts, and the door of every WebSocket.
//!
//! Runs on the connection's thread, which waits here while the verifier compares a password, and a little longer after a
//! wrong one. Nothing that is secret may reach a log line or an answer, but the cookie its owner.

use std::thread;
use std::time::Duration;

use data_encoding::BASE64;
use serde::Deserialize;
use serde_json::json;

use super::Connection;
use super::answer::Answer;
use super::head::Request;
use crate::accounts::{Accounts, Admission, Cookie, NotSignedIn, Password, SESSION_AGE, SignedIn};
use crate::broadcaster::Endpoint;
use crate::wire::Watch;

/// The cookie's name.
const COOKIE: &str = "classroom-session";

/// Longest body of a sign-in, in bytes.
const MAX_BODY: usize = 8 * 1024;

/// How long a wrong password waits for its answer, so that guessing on one connection is slow.
const WRONG_WAITS: Duration = Duration::from_secs(1);

const WRONG: &str = "The name or the password is wrong.";

/// `POST /login`: a name and a password, as JSON or as a form.
pub fn sign_in(accounts: &Accounts, request: &Request, connection: &Connection) -> Answer {
    let (name, password) = match credentials_in_body(request) {
        Ok(credentials) => credentials,
        Err(answer) => return answer,
    };
    match check(accounts, connection, name, &password, true) {
        Ok(SignedIn { admission, cookie }) => {
            sign_others_out(accounts, request, connection, &admission);
            let value = cookie.map_or_else(String::new, |cookie| cookie.text());
            me(Some(&admission)).with_header("Set-Cookie", set_cookie(request, &value, SESSION_AGE))
        }
        // A scheme that browsers do not know: at `Basic` they would ask for the password in a window of their own.
        Err(answer) => answer.with_challenge(r#"Form realm="websocket-classroom""#),
    }
}

/// The one before at the same browser, whose cookie is replaced now, could not sign out any more.
fn sign_others_out(
    accounts: &Accounts,
    request: &Request,
    connection: &Connection,
    admission: &Admission,
) {
    for cookie in cookies(request) {
        let before = accounts.whose(cookie.clone());
        if before.is_some_and(|before| before.name.key() != admission.name.key()) {
            accounts.sign_out(connection.id, cookie);
        }
    }
}

/// `POST /logout`: all sessions and all WebSockets of the person end.
pub fn sign_out(accounts: &Accounts, request: &Request, connection: &Connection) -> Answer {
    cookies(request).for_each(|cookie| accounts.sign_out(connection.id, cookie));
    me(None).with_header("Set-Cookie", set_cookie(request, "", Duration::ZERO))
}

/// `GET /me`: who the cookie belongs to, if anybody.
pub fn who_am_i(accounts: &Accounts, request: &Request) -> Answer {
    me(by_cookie(accounts, request).as_ref())
}

/// Lets somebody in who signed in, by cookie or by `Authorization: Basic` (RFC 7617). `None` where everybody may come in.
///
/// # Errors
/// `401` with what is missing; `429` after too many wrong passwords, `503` if too many are being compared.
pub fn admit(
    request: &Request,
    endpoint: &Endpoint,
    connection: &Connection,
) -> Result<Option<Admission>, Answer> {
    let Some(accounts) = &connection.site.accounts else { return Ok(None) };
    // The teacher's key opens more than a password does.
    if let Endpoint::Wire(Watch::Everyone) = endpoint {
        return Ok(None);
    }
    if let Some(admission) = by_cookie(accounts, request) {
        return Ok(Some(admission));
    }
    let challenge = r#"Basic realm="websocket-classroom", charset="UTF-8""#;
    let Some((name, password)) = basic(request) else {
        let text = "Only people on the list may come in: sign in on the page, or send Authorization: Basic.";
        return Err(Answer::text(401, text).with_challenge(challenge));
    };
    check(accounts, connection, name, &password, false)
        .map(|signed_in| Some(signed_in.admission))
        .map_err(|answer| answer.with_challenge(challenge))
}

/// Has a name and a password looked at, and says what is wrong.
fn check(
    accounts: &Accounts,
    connection: &Connection,
    name: String,
    password: &str,
    begins_session: bool,
) -> Result<SignedIn, Answer> {
    // What cannot be a password is nobody's: no need to compare it, and nobody learns anything from that.
    let password = Password::parse(password)
        .map_err(|reason| Answer::text(400, format!("Sign-in: {reason}.")))?;
    let applicant = (connection.id, connection.accepted.peer.ip());
    accounts.sign_in(applicant, name, password, begins_session).map_err(|refused| match refused {
        NotSignedIn::Wrong => {
            thread::sleep(WRONG_WAITS);
            Answer::text(401, WRONG)
        }
        NotSignedIn::TooOften(wait) => {
            let seconds = wait.as_secs_f64().ceil();
            let text = format!("Too many wrong passwords: try again in {seconds} s.");
            Answer::text(429, text).with_header("Retry-After", seconds.to_string())
        }
        NotSignedIn::Busy => {
            let text = "Too many people are signing in just now: try again in a moment.";
            Answer::text(503, text).with_header("Retry-After", "2")
        }
    })
}

/// Who is signed in, as JSON.
fn me(admission: Option<&Admission>) -> Answer {
    let body = json!({ "name": admission.map(|admission| admission.name.as_str()) });
    Answer::new(200, "application/json", format!("{body}\n").into_bytes())
}

/// The cookie with this value (RFC 6265): no script sees it, no other site's page can send it.
fn set_cookie(request: &Request, value: &str, age: Duration) -> String {
    let secure = if came_by_tls(request) { "; Secure" } else { "" };
    let age = age.as_secs();
    format!("{COOKIE}={value}; Max-Age={age}; Path=/; HttpOnly; SameSite=Strict{secure}")
}

/// The page was loaded by TLS: a proxy in front of us speaks it, and says so, or the browser does.
fn came_by_tls(request: &Request) -> bool {
    let is_https = |origin: &str| origin.to_ascii_lowercase().starts_with("https://");
    request.headers.all("origin").any(is_https)
        || request
            .headers
            .list("x-forwarded-proto")
            .any(|scheme| scheme.eq_ignore_ascii_case("https"))
}

fn by_cookie(accounts: &Accounts, request: &Request) -> Option<Admission> {
    cookies(request).find_map(|cookie| accounts.whose(cookie))
}

/// The values of all cookies of our name; another server on this host may have set one, too.
fn cookies(request: &Request) -> impl Iterator<Item = Cookie> {
    let cookies = request.headers.all("cookie").flat_map(|cookies| cookies.split(';'));
    let pairs = cookies.filter_map(|pair| pair.trim().split_once('='));
    pairs.filter(|(name, _)| *name == COOKIE).filter_map(|(_, value)| Cookie::parse(value))
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

/// What a sign-in says.
#[derive(Deserialize)]
struct Credentials {
    name: String,
    password: String,
}

fn credentials_in_body(request: &Request) -> Result<(String, String), Answer> {
    if request.body.len() > MAX_BODY {
        return Err(Answer::text(413, format!("A sign-in may have {MAX_BODY} bytes.")));
    }
    let content_type = request.headers.single("content-type").ok().flatten().unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let credentials = match media_type.to_ascii_lowercase().as_str() {
        // What is wrong with it is not told: it may be the password. serde would take a list of the two values, too.
        "application/json" if request.body.trim_ascii_start().starts_with(b"{") => {
            serde_json::from_slice(&request.body).ok()
        }
        "application/json" => None,
        "application/x-www-form-urlencoded" => {
            let field = |wanted: &str| {
                let mut pairs = form_urlencoded::parse(&request.body);
                pairs.find(|(name, _)| name == wanted).map(|(_, value)| value.into_owned())
            };
            field("name")
                .zip(field("password"))
                .map(|(name, password)| Credentials { name, password })
        }
        _ => {
            let text = "A sign-in is application/json or application/x-www-form-urlencoded.";
            return Err(Answer::text(415, text));
        }
    };
    let Credentials { name, password } =
        credentials.ok_or_else(|| Answer::text(400, "A sign-in needs a name and a password."))?;
    Ok((name, password))
}
