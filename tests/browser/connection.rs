//! The connection as users have it in a bad network: dead but open, too long, too fast, refused, restarted.

use crate::common::{Client, Server};
use crate::driver::{Browser, Page};
use crate::page::*;

fn sees_sentence(page: &Page, words: &str) {
    page.wait_in_background_for(
        &format!("document.querySelector('#state').textContent.includes({})", crate::driver::quoted(words)),
        &format!("the state: {words}"),
    );
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn a_connection_that_forwards_nothing_is_noticed_and_the_message_arrives_once() {
    let server = Server::start(&[]);
    let gate = Gate::start(server.port());
    let browser = Browser::start();
    let mut luis = Client::join(&server, "Luis");
    let ana = enter_at(&browser, &gate.url(), "Ana");
    gate.freeze();
    say(&ana, "into the void");
    sees_own(&ana, "into the void", "sent");
    sees_sentence(&ana, "No answer from the server for");
    ana.screenshot("no-answer");
    sees_sentence(&ana, "this page gave the connection up");
    // Over a new connection, with the same ref.
    sees_own(&ana, "into the void", "delivered");
    sees_state(&ana, "open");
    assert_eq!(luis.message(), ("Ana".into(), "into the void".into()));
    luis.say("now");
    sees_message(&ana, "Luis", "now");
    let texts = serde_json::json!(["into the void", "now"]);
    assert_eq!(shown_texts(&ana), texts);
    assert_no_console_errors(&ana);
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn a_server_that_stands_still_is_noticed_when_the_network_comes_back() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let ana = enter(&browser, &server, "Ana");
    server.signal("STOP");
    // The page asks at most once in five seconds.
    ana.evaluate("setInterval(() => dispatchEvent(new Event('online')), 500); 0");
    sees_sentence(&ana, "No answer from the server for");
    // It goes on in time: nothing has happened.
    server.signal("CONT");
    sees_sentence(&ana, "both sides may speak");
    say(&ana, "still here");
    sees_own(&ana, "still here", "delivered");
    assert_eq!(ana.evaluate("state.end"), serde_json::Value::Null, "the same connection");
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn the_page_keeps_to_the_limits_that_the_welcome_says() {
    let server = Server::start(&["--max-message", "1000", "--rate", "3"]);
    let browser = Browser::start();
    let mut luis = Client::join(&server, "Luis");
    let ana = enter(&browser, &server, "Ana");
    remember_states(&ana);
    ana.type_into("#message", &"x".repeat(1500));
    explains(&ana, "1000");
    ana.screenshot("too-long");
    // Thirty wait, more than the burst: none is refused.
    ana.click("#leave");
    sees_state(&ana, "closed");
    for number in 0..30 {
        say(&ana, &format!("number {number}"));
    }
    ana.click("#leave");
    for number in 0..30 {
        assert_eq!(luis.message().1, format!("number {number}"));
    }
    sees_own(&ana, "number 29", "delivered");
    assert_eq!(ana.evaluate("document.querySelectorAll('[data-state=refused]').length"), 0);
    let closes =
        ana.evaluate("states_seen.filter(state => state.startsWith('closed') && state !== 'closed 1000')");
    assert_eq!(closes, serde_json::json!([]));
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn a_message_that_the_server_closed_for_is_refused_and_does_not_come_back() {
    let server = Server::start(&["--max-message", "500"]);
    let browser = Browser::start();
    let mut luis = Client::join(&server, "Luis");
    let ana = enter(&browser, &server, "Ana");
    remember_states(&ana);
    let long = "x".repeat(600);
    // As if the server had not said what it takes.
    ana.evaluate("state.outbox.limits = { message: 65536, rate: 20, one_more_per: 4096 }");
    say(&ana, &long);
    say(&ana, "after it");
    say(&ana, "and this");
    ana.wait_for("states_seen.includes('closed 1009')", "the close for its length");
    sees_own(&ana, &long, "refused");
    ana.screenshot("refused-by-close");
    sees_own(&ana, "after it", "delivered");
    sees_own(&ana, "and this", "delivered");
    assert_eq!([luis.message().1, luis.message().1], ["after it", "and this"]);
    assert_eq!(ana.evaluate("states_seen.filter(state => state === 'closed 1009').length"), 1);
    ana.click("#log [data-state=refused] button");
    ana.wait_for("document.querySelector('#message').value.length === 600", "the text again");
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn after_a_failed_handshake_the_page_says_which_it_was() {
    let mut server = Server::start(&["--max-clients", "1"]);
    let browser = Browser::start();
    let first = open(&browser, &server, "en", PROJECTOR);
    let second = browser.open(&server.url(), "en", PROJECTOR.0, PROJECTOR.1);
    sees_sentence(&second, "it has just answered /health");
    second.screenshot("failed-but-http");
    first.wait_for(
        "performance.getEntriesByType('resource').some(({ name }) => name.endsWith('words.es.js'))",
        "both languages",
    );
    assert!(server.stop().success());
    sees_sentence(&first, "no answer to /health either");
    first.click("[data-language=es]");
    sees_sentence(&first, "tampoco respuesta a /health");
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn each_loss_is_explained_by_its_cause() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let ana = enter(&browser, &server, "Ana");
    let welcome = |epoch: &str, session: &str| {
        ana.evaluate(&format!(
            "announce('event', {{ type: 'welcome', you: 'Ana', users: ['Ana'], count: 1, last: 0, recovered: false, epoch: {epoch}, session: {session} }})"
        ));
    };
    welcome("state.place.epoch", "state.place.session");
    welcome("state.place.epoch", "'99999.other'");
    welcome("'another'", "'1.first'");
    ana.wait_for(
        "(texts => texts.length === 3 && texts[0].includes('Too much was said') && texts[1].includes('away too long')
            && texts[2].includes('server restarted'))([...document.querySelectorAll('.gap')].map(row => row.textContent))",
        "each cause in its words",
    );
    ana.screenshot("gaps");
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn after_leaving_the_hint_says_when_a_message_goes_out() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let ana = enter(&browser, &server, "Ana");
    ana.click("#leave");
    sees_state(&ana, "closed");
    let hint = "document.querySelector('#message-hint')";
    ana.wait_for(
        &format!("{hint}.checkVisibility() && {hint}.textContent.includes('press “Join”')"),
        "the hint",
    );
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn no_secret_stands_in_an_address() {
    let server = Server::start(&["--log", "debug"]);
    let gate = Gate::start(server.port());
    let browser = Browser::start();
    let page = enter_at(&browser, &gate.url(), "Ana");
    page.click("[aria-controls=inspector]");
    page.wait_for("ownFeed.watching", "the inspector");
    page.click("#ask-wrongly");
    page.wait_for("find('asked-wrongly').textContent.includes('426')", "the wrong question");
    let secrets = page.evaluate("[state.place.session, state.wireKey]");
    gate.close();
    sees_state(&page, "closed");
    gate.open();
    sees_state(&page, "open");
    page.wait_for("ownFeed.watching", "the inspector again");
    let addresses = page.socket_addresses();
    assert!(addresses.len() >= 4, "{addresses:?}");
    for secret in secrets.as_array().expect("secrets").iter().map(|secret| secret.as_str().expect("a text")) {
        assert!(!addresses.iter().any(|address| address.contains(secret)), "{secret} in {addresses:?}");
        let log = server.log();
        assert!(!log.iter().any(|line| line.contains(secret)), "{secret} in the log");
    }
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn after_a_crowd_the_list_is_right_again_and_everyone_can_be_found() {
    let server = Server::start(&["--max-per-address", "0"]);
    let browser = Browser::start();
    let ana = enter(&browser, &server, "Ana");
    let mut others: Vec<Client> =
        (0..150).map(|number| Client::open(&server, &format!("/ws?name=pupil-{number}"))).collect();
    let known = "state.people.length === state.count && !state.crowded";
    ana.wait_for(&format!("state.count === 151 && {known}"), "all names");
    ana.wait_for(
        "document.querySelector('#more-people').textContent.includes('51')",
        "how many are not drawn",
    );
    ana.screenshot("crowd");
    // Beyond the hundred that are drawn.
    ana.fill("#find-person", "PUPIL-149");
    ana.wait_for(&format!("JSON.stringify({PEOPLE}) === '[\"pupil-149\"]'"), "the one that is looked for");
    ana.press_enter();
    ana.wait_for(&format!("{SHOWN} === 'pupil-149'"), "the private thread");
    say(&ana, "psst");
    sees_own(&ana, "psst", "delivered");
    for client in others.drain(..140) {
        drop(client);
    }
    ana.wait_for(&format!("state.count === 11 && {known}"), "those who stayed");
    ana.fill("#find-person", "");
    ana.evaluate("find('find-person').value = ''; find('find-person').dispatchEvent(new Event('input'))");
    let mut names: Vec<String> = (140..150).map(|number| format!("pupil-{number}")).collect();
    names.push("Ana".to_owned());
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    sees_people(&ana, &names);
    assert_no_console_errors(&ana);
}
