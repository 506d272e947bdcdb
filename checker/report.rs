//! What is printed: a line for each promise, and more where it does not hold; or one JSON object.

use serde_json::{Value, json};

use crate::head::{request, request_lines};
use crate::options::Options;
use crate::promise::Promise;
use crate::text::Language;
use crate::verdict::Verdict;

pub fn line(promise: &Promise, verdict: &Verdict, options: &Options) -> String {
    let language = options.language;
    let spanish = language == Language::Spanish;
    let word = match (verdict, promise.is_advice, spanish) {
        (Verdict::Holds, _, false) => "holds",
        (Verdict::Holds, _, true) => "se cumple",
        (Verdict::DoesNot(_), false, false) => "DOES NOT",
        (Verdict::DoesNot(_), false, true) => "NO",
        (Verdict::DoesNot(_), true, false) => "advice",
        (Verdict::DoesNot(_), true, true) => "consejo",
        (Verdict::Unknown(_), _, false) => "not told",
        (Verdict::Unknown(_), _, true) => "no se sabe",
    };
    let mut text = format!("{word:<10} {:<15} {}", promise.id, promise.title.of(language));
    let detail = verdict.detail().map(|detail| detail.of(language));
    if let Some(detail) = detail {
        let seen = match (verdict, spanish) {
            (Verdict::Unknown(_), false) => "why not told",
            (Verdict::Unknown(_), true) => "por qué",
            (_, false) => "what happened",
            (_, true) => "qué pasó",
        };
        text.push_str(&format!("\n    {seen}: {detail}"));
    }
    if options.explain || matches!(verdict, Verdict::DoesNot(_)) {
        let words = if spanish { ["por qué importa", "a mano"] } else { ["why it matters", "by hand"] };
        let rfc = match (promise.rfc, spanish) {
            ("—", _) => String::new(),
            (section, false) => format!(" (RFC 6455, section {section})"),
            (section, true) => format!(" (RFC 6455, sección {section})"),
        };
        let by_hand =
            format!("{}   {}", filled_in(promise.by_hand, &options.url), promise.remark.of(language));
        let by_hand = options.pid.map_or(by_hand.clone(), |pid| by_hand.replace("PID", &pid.to_string()));
        let by_hand = by_hand.trim_end();
        text.push_str(&format!(
            "\n    {}: {}{rfc}\n    {}: {by_hand}",
            words[0],
            promise.why.of(language),
            words[1]
        ));
    }
    text
}

/// A command that can be copied as it stands.
fn filled_in(command: &str, url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (name, port) = host.rsplit_once(':').unwrap_or((host, "80"));
    let path = if path.is_empty() { "/" } else { path };
    let lines = request(&request_lines(host, path)).replace("\r\n", "\\r\\n");
    let command = command.replace("HEAD", &format!("printf '{lines}'"));
    let command = command.replace("HTTP_URL", &url.replacen("ws://", "http://", 1)).replace("URL", url);
    command.replace("HOST", name).replace("PORT", port)
}

pub fn json(promise: &Promise, verdict: &Verdict, language: Language) -> Value {
    json!({
        "promise": promise.id,
        "group": promise.group,
        "verdict": verdict.word(),
        "advice": promise.is_advice,
        "detail": verdict.detail().map(|detail| detail.of(language)),
    })
}

/// The last line.
pub fn summary(counts: [usize; 3], left_out: &[&str], cost: (u64, u64, f64), language: Language) -> String {
    let ([holds, does_not, unknown], (bytes, connections, seconds)) = (counts, cost);
    let mib = bytes as f64 / f64::from(1 << 20);
    let mut text = match language {
        Language::English => format!("{holds} hold, {does_not} do not, {unknown} could not be told"),
        Language::Spanish => format!("se cumplen: {holds}; no se cumplen: {does_not}; no se sabe: {unknown}"),
    };
    if !left_out.is_empty() {
        let names = left_out.join(", ");
        text.push_str(&match language {
            Language::English => format!("; not asked, since they need --pid: {names}"),
            Language::Spanish => format!("; sin comprobar, porque necesitan --pid: {names}"),
        });
    }
    text.push_str(&match language {
        Language::English => format!("\nsent {mib:.1} MiB over {connections} connections in {seconds:.1} s"),
        Language::Spanish => {
            format!("\nenviados {mib:.1} MiB por {connections} conexiones en {seconds:.1} s")
        }
    });
    text
}

/// 0, 1 or 2.
pub fn status(counts: [usize; 3]) -> u8 {
    match counts {
        // Nothing at all was asked.
        [0, 0, 0] => 2,
        [_, 0, 0] => 0,
        [_, 0, _] => 2,
        _ => 1,
    }
}
