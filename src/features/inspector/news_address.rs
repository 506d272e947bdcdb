//! `/news`: the same ten pieces by polling, by long polling and by server-sent events.
//!
//! Runs on the connection's thread, which waits here for the next piece. It never waits longer than a run lasts, and ends early if
//! the client leaves.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};

use super::news::{News, PIECES, Run};
use crate::http::{Call, Chunks, Response, parameter};

/// The longest a long poll may wait, in seconds.
const MAX_WAIT: u64 = 10;

/// The response to `GET /news?run=ID&after=N&wait=SECONDS`; all three may be absent.
pub fn news(call: &Call<'_>, news: &Arc<News>) -> Response {
    let number = |name: &str| parameter(&call.request.query, name).map(|text| text.parse::<u64>());
    let run = match parameter(&call.request.query, "run").map(|id| news.find(&id)) {
        None => news.begin(),
        Some(Some(run)) => run,
        Some(None) => return Response::text(404, "This server has no such run: GET /news begins one."),
    };
    // What a browser sends when it opens a stream again.
    let last_event = call.request.headers.single("last-event-id").ok().flatten();
    let last_event = last_event.map(|text| text.parse::<u64>());
    let after = number("after").or(last_event).unwrap_or(Ok(0));
    let wait = number("wait").unwrap_or(Ok(0));
    let (Ok(after @ 0..=10), Ok(wait @ 0..=MAX_WAIT)) = (after, wait) else {
        return Response::text(400, "after is the number of a piece, 0 to 10, and wait has 0 to 10 seconds.");
    };
    let response = match wants_stream(call) {
        true => stream(news, &run, after as u8),
        false => poll(call, news, &run, after as u8, Duration::from_secs(wait)),
    };
    // A page cannot see the sizes of its own request and response.
    response
        .with_header("X-Connection", call.client.0.to_string())
        .with_header("X-Request-Head", call.request.head.len().to_string())
        .with_head_length()
}

fn wants_stream(call: &Call<'_>) -> bool {
    let mut accepted = call.request.headers.list("accept");
    call.request.http_1_1 && accepted.any(|kind| kind.eq_ignore_ascii_case("text/event-stream"))
}

/// What is new, at once or as soon as there is something.
fn poll(call: &Call<'_>, news: &News, run: &Run, after: u8, wait: Duration) -> Response {
    let until = if after < PIECES { run.until(after + 1).min(wait) } else { Duration::ZERO };
    if !until.is_zero() {
        let Some(_permit) = news.requests.acquire() else { return Response::full() };
        (call.wait)(until);
    }
    let pieces = run.after(after);
    let over = after as usize + pieces.len() >= PIECES.into();
    Response::json(
        &json!({ "run": run.id(), "now": run.now(), "pieces": pieces, "count": PIECES, "over": over }),
    )
}

/// Each piece when it happens (HTML, 9.2: server-sent events).
fn stream(news: &News, run: &Run, after: u8) -> Response {
    if after >= PIECES {
        // A browser opens a stream again and again; this status ends that.
        return Response::new(204, "text/event-stream", b"");
    }
    let Some(permit) = news.requests.acquire() else { return Response::full() };
    let run = run.clone();
    Response::new(200, "text/event-stream", b"").with_stream(move |chunks| {
        // It counts among the waiting until the stream is over.
        let _permit = &permit;
        send_events(chunks, &run, after)
    })
}

fn send_events(chunks: &Chunks<'_>, run: &Run, after: u8) -> io::Result<()> {
    let event = |fields: &str, data: &Value| chunks.send(format!("{fields}\ndata: {data}\n\n").as_bytes());
    event("event: run", &json!({ "run": run.id(), "now": run.now(), "count": PIECES }))?;
    for number in after + 1..=PIECES {
        let until = run.until(number);
        if !until.is_zero() && !chunks.wait(until) {
            return Ok(());
        }
        let piece = run.piece(number);
        let data = json!({ "number": number, "at": piece.at, "text": piece.text, "now": run.now() });
        event(&format!("id: {number}"), &data)?;
    }
    event("event: over", &json!({ "now": run.now() }))
}
