//! What people see: the page in a real Chromium, tabs that chat with each other through the real server.
#![forbid(unsafe_code)]

mod common;
#[path = "common/browser.rs"]
mod driver;

use common::{Client, Server};
use driver::{Browser, Page, quoted};
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// A window's width and height.
type Window = (u32, u32);
const PROJECTOR: Window = (1280, 800);
const PHONE: Window = (360, 740);

#[test]
#[ignore = "needs Chromium: run by make test"]
fn two_tabs_chat_and_one_sees_the_other_leave() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let ana = enter(&browser, &server, "Ana");
    let luis = enter(&browser, &server, "Luis");

    say(&ana, "Hola, Luis");
    sees_message(&luis, "Ana", "Hola, Luis");
    sees_message(&ana, "Ana", "Hola, Luis");
    say(&luis, "¿Qué tal, Ana? 👋");
    sees_message(&ana, "Luis", "¿Qué tal, Ana? 👋");
    sees_people(&ana, &["Ana", "Luis"]);
    assert_no_console_errors(&luis);

    let notices_before = ana.evaluate(&notices_with("Luis"));
    luis.close();
    ana.wait_for(
        &format!("{} > {notices_before}", notices_with("Luis")),
        "the notice that Luis left",
    );
    sees_people(&ana, &["Ana"]);
    assert_no_console_errors(&ana);
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn the_page_comes_back_after_the_server_restarts() {
    let mut server = Server::start(&[]);
    let browser = Browser::start();
    let ana = enter(&browser, &server, "Ana");
    let luis = enter(&browser, &server, "Luis");
    remember_states(&ana);
    remember_states(&luis);

    let port = server.port();
    assert!(server.stop().success(), "the server ends with status 0");
    for tab in [&ana, &luis] {
        tab.wait_for(
            "states_seen.includes('closed 1001')",
            "the close with code 1001 (the server is going away)",
        );
    }

    let _restarted = Server::start_on(port, &[]);
    for tab in [&ana, &luis] {
        sees_state(tab, "open");
        sees_people(tab, &["Ana", "Luis"]);
    }
    say(&ana, "Here again");
    sees_message(&luis, "Ana", "Here again");
    say(&luis, "Me too");
    sees_message(&ana, "Luis", "Me too");
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn the_page_speaks_spanish_to_a_spanish_browser_and_english_to_others() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    for (asked, spoken) in
        [("es", "es"), ("es-MX,es,en", "es"), ("ca,es", "es"), ("en", "en"), ("fr", "en")]
    {
        let page = open(&browser, &server, asked, PROJECTOR);
        speaks(&page, spoken);
        assert_no_console_errors(&page);
        page.close();
    }
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn the_language_can_be_switched_and_stays_switched() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let page = open(&browser, &server, "es", PROJECTOR);
    speaks(&page, "es");
    page.click("[data-language=en]");
    speaks(&page, "en");
    page.visit(&server.url());
    speaks(&page, "en");
    page.click("[data-language=es]");
    speaks(&page, "es");
    sees_state(&page, "open");
    assert_no_console_errors(&page);
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn markup_in_messages_and_names_stays_text() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let reader = enter(&browser, &server, "Ana");
    let bold = "<b>Eva</b>";
    let writer = enter(&browser, &server, bold);
    for markup in [
        "<img src=x onerror=\"window.executed = 'image'\">",
        "<script>window.executed = 'script'</script>",
        "<svg onload=\"window.executed = 'svg'\"></svg>",
        "<a href=\"javascript:window.executed = 'link'\">click</a>",
        "&lt;b&gt; &amp;amp; \" ' ` ${7 * 7} {name} </div></body>",
    ] {
        say(&writer, markup);
        for page in [&reader, &writer] {
            sees_message(page, bold, markup);
        }
    }
    let image = "<img src=x onerror=executed=1>";
    rename(&writer, image);
    for page in [&reader, &writer] {
        sees_people(page, &["Ana", image]);
        page.wait_for(&format!("{} > 0", notices_with(image)), "the notice with the new name");
        let elements =
            "document.querySelectorAll(':is(#log, #people) :is(img, script, svg, b, a)').length";
        assert_eq!(page.evaluate(elements), 0, "markup became elements");
        assert_eq!(page.evaluate("typeof window.executed"), "undefined");
        // What the Content-Security-Policy had to stop would show here.
        assert_no_console_errors(page);
    }
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn the_page_fits_a_phone_of_360_pixels() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let mut luis = Client::join(&server, "Luis");
    let page = open(&browser, &server, "es", PHONE);
    rename(&page, "María de los Ángeles Fernández-G");
    let long_address = "¿Habéis visto https://example.org/una/direccion/larguisima/sin-un-solo-espacio/que-no-cabe-en-ninguna-linea?v=1234567890?";
    luis.say(long_address);
    sees_message(&page, "Luis", long_address);
    let long_word = "No".repeat(150);
    say(&page, &long_word);
    sees_message(&page, "María de los Ángeles Fernández-G", &long_word);

    fits(&page, PHONE);
    for selector in ["#message", "#send", "#state", "#leave"] {
        page.wait_for(
            &format!(
                "(box => box.width > 0 && box.height > 0 && box.left >= 0 && box.right <= innerWidth
                    && box.top >= 0 && box.bottom <= innerHeight
                )(document.querySelector('{selector}').getBoundingClientRect())"
            ),
            &format!("{selector} in view"),
        );
    }
    page.wait_for(
        "(() => {
            const last = [...document.querySelectorAll('#log .message')].at(-1).getBoundingClientRect();
            return last.bottom <= document.querySelector('#log').getBoundingClientRect().bottom + 1;
        })()",
        "the newest message in view",
    );
    page.screenshot("phone-long-words");

    for panel in ["lesson", "people-panel"] {
        page.click(&format!("[aria-controls={panel}]"));
        page.wait_for(
            &format!("document.querySelector('#{panel}').checkVisibility()"),
            &format!("the panel {panel}"),
        );
        fits(&page, PHONE);
        page.screenshot(&format!("phone-{panel}"));
    }
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn the_page_fits_both_widths_in_both_languages_by_day_and_in_the_dark() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let mut luis = Client::join(&server, "Luis");
    for (window, window_name) in [(PHONE, "phone"), (PROJECTOR, "projector")] {
        for language in ["es", "en"] {
            for colours in ["light", "dark"] {
                let (width, height) = window;
                let page = browser.open_in_colours(&server.url(), language, width, height, colours);
                sees_state(&page, "open");
                rename(&page, "Ana");
                let (question, answer) = match language {
                    "es" => ("¿Qué es un WebSocket?", "Una conexión que se queda abierta"),
                    _ => ("What is a WebSocket?", "A connection that stays open"),
                };
                luis.say(question);
                sees_message(&page, "Luis", question);
                say(&page, answer);
                sees_message(&page, "Ana", answer);
                let mut visitor = Client::join(&server, "Eva");
                sees_people(&page, &["Ana", "Eva", "Luis"]);
                visitor.leave();
                sees_people(&page, &["Ana", "Luis"]);

                fits(&page, window);
                assert_no_console_errors(&page);
                page.screenshot(&format!("{window_name}-{language}-{colours}"));
                page.close();
                // The next tab is Ana too: her name is free again once she and Eva have left.
                luis.wait_for("left");
                luis.wait_for("left");
            }
        }
    }
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn leaving_shows_the_close_code_and_joining_again_is_a_click() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let mut luis = Client::join(&server, "Luis");
    let page = enter(&browser, &server, "Ana");

    page.click("#leave");
    sees_state(&page, "closed 1000");
    page.screenshot("left");
    let left = luis.wait_for("left");
    assert_eq!(left["name"], "Ana");
    assert_eq!(left["code"], 1000);

    page.click("#leave");
    sees_state(&page, "open");
    sees_people(&page, &["Ana", "Luis"]);
    say(&page, "Back again");
    sees_message(&page, "Ana", "Back again");
    assert_no_console_errors(&page);
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn who_left_on_purpose_stays_out() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let page = enter(&browser, &server, "Ana");
    page.click("#leave");
    sees_state(&page, "closed");
    remember_states(&page);
    page.let_time_pass(Duration::from_secs(600));
    assert_eq!(
        page.evaluate("states_seen.filter(state => !state.startsWith('closed'))"),
        serde_json::json!([]),
        "the page went back by itself"
    );
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn renaming_is_seen_by_all() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let mut luis = Client::join(&server, "Luis");
    let ana = enter(&browser, &server, "Ana");
    assert_eq!(luis.wait_for("renamed")["name"], "Ana");
    let eva = enter(&browser, &server, "Eva");
    assert_eq!(luis.wait_for("renamed")["name"], "Eva");

    rename(&ana, "Ana María");
    let renamed = luis.wait_for("renamed");
    assert_eq!(renamed["from"], "Ana");
    assert_eq!(renamed["name"], "Ana María");
    for page in [&ana, &eva] {
        sees_people(page, &["Ana María", "Eva", "Luis"]);
        page.wait_for(&format!("{} > 0", notices_with("Ana María")), "the notice of the new name");
    }
    say(&ana, "It is me");
    sees_message(&eva, "Ana María", "It is me");
    assert_no_console_errors(&eva);
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn a_taken_name_is_explained() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let _luis = Client::join(&server, "Luis");
    let page = enter(&browser, &server, "Ana");

    page.type_into("#name", "luis");
    explains(&page, "taken");
    page.screenshot("name-taken");
    page.click("[data-language=es]");
    explains(&page, "en uso");
    sees_people(&page, &["Ana", "Luis"]);
    say(&page, "Still Ana");
    sees_message(&page, "Ana", "Still Ana");
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn a_private_chat_of_two_is_nowhere_in_the_third_tab() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let ana = enter(&browser, &server, "Ana");
    let luis = enter(&browser, &server, "Luis");
    let eva = enter(&browser, &server, "Eva");
    let (question, answer) = ("Are you coming to the cinema?", "To the matinée");

    // Without a mouse.
    ana.wait_for(&format!("document.querySelector('{}')", name_button("Luis")), "Luis's name");
    ana.evaluate(&format!("document.querySelector('{}').focus()", name_button("Luis")));
    ana.press_enter();
    ana.wait_for(
        "document.activeElement.id === 'message' && document.activeElement.placeholder.includes('Luis')",
        "the field for a private message",
    );
    ana.screenshot("private-thread");
    say(&ana, question);
    sees_own(&ana, question, "delivered");

    // It does not take the view of the person it is for.
    shows_unread(&luis, "Ana", 1);
    luis.wait_for("document.title.startsWith('(1)')", "the count in the title");
    assert_eq!(luis.evaluate(SHOWN), "", "the view changed by itself");
    assert_eq!(shown_texts(&luis), serde_json::json!([]));
    luis.screenshot("private-unread");
    show(&luis, "Ana");
    sees_message(&luis, "Ana", question);
    luis.wait_for("!document.title.includes('(')", "no count in the title any more");
    say(&luis, answer);
    sees_message(&ana, "Luis", answer);
    assert_eq!(shown_texts(&ana), serde_json::json!([question, answer]));
    assert_eq!(ana.evaluate("document.querySelectorAll('#log .message:not(.private)').length"), 0);

    // What comes later has come: so would the private messages have.
    show(&luis, "");
    say(&luis, "Hello everybody");
    sees_message(&eva, "Luis", "Hello everybody");
    shows_unread(&ana, "", 1);
    assert_eq!(shown_texts(&eva), serde_json::json!(["Hello everybody"]));
    let all_of_eva = format!(
        "{} {}",
        eva.evaluate("document.documentElement.outerHTML + JSON.stringify(sessionStorage)"),
        eva.frames().join(" ")
    );
    assert!(all_of_eva.contains("Hello everybody"));
    for private in [question, answer, "matin"] {
        assert!(!all_of_eva.contains(private), "the third tab has {private:?}");
    }
    for tab in [&ana, &luis, &eva] {
        assert_no_console_errors(tab);
    }
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn what_is_written_without_a_connection_arrives_once_and_in_order() {
    let server = Server::start(&[]);
    let gate = Gate::start(server.port());
    let browser = Browser::start();
    let luis = enter(&browser, &server, "Luis");
    let ana = enter_at(&browser, &gate.url(), "Ana");
    say(&ana, "before");
    sees_own(&ana, "before", "delivered");

    gate.close();
    sees_state(&ana, "closed");
    say(&ana, "one");
    say(&ana, "two");
    sees_own(&ana, "one", "waiting");
    sees_own(&ana, "two", "waiting");
    ana.screenshot("offline-waiting");
    say(&luis, "meanwhile");
    sees_own(&luis, "meanwhile", "delivered");

    gate.open();
    sees_own(&ana, "one", "delivered");
    sees_own(&ana, "two", "delivered");
    let all = serde_json::json!(["before", "meanwhile", "one", "two"]);
    sees_message(&luis, "Ana", "two");
    for tab in [&ana, &luis] {
        assert_eq!(shown_texts(tab), all);
        sees_people(tab, &["Ana", "Luis"]);
    }
    assert_eq!(ana.evaluate("document.querySelectorAll('.gap').length"), 0, "nothing is missing");
    luis.wait_for(&format!("{} > 0", notices_with("Ana is back")), "the notice that Ana is back");
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn a_guest_who_was_cut_off_is_the_same_guest_again() {
    let server = Server::start(&[]);
    let gate = Gate::start(server.port());
    let browser = Browser::start();
    let page = browser.open(&gate.url(), "en", PROJECTOR.0, PROJECTOR.1);
    sees_people(&page, &["guest-1"]);
    remember_states(&page);
    gate.close();
    sees_state(&page, "closed");
    gate.open();
    page.wait_for("states_seen.includes('closed 1006')", "the cut");
    sees_state(&page, "open");
    say(&page, "still me");
    sees_message(&page, "guest-1", "still me");
    sees_people(&page, &["guest-1"]);
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn a_reload_keeps_the_person_and_what_was_said() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let mut luis = Client::join(&server, "Luis");
    let ana = enter(&browser, &server, "Ana");
    luis.say("Good morning");
    sees_message(&ana, "Luis", "Good morning");
    say(&ana, "Good morning, Luis");
    open_private(&ana, "Luis");
    say(&ana, "psst");
    sees_own(&ana, "psst", "delivered");

    ana.visit(&server.url());
    sees_people(&ana, &["Ana", "Luis"]);
    sees_own(&ana, "Good morning, Luis", "delivered");
    assert_eq!(shown_texts(&ana), serde_json::json!(["Good morning", "Good morning, Luis"]));
    assert_eq!(ana.evaluate("document.querySelectorAll('.gap, .unread').length"), 0);
    show(&ana, "Luis");
    sees_own(&ana, "psst", "delivered");
    assert_no_console_errors(&ana);
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn what_waits_survives_a_reload() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let mut luis = Client::join(&server, "Luis");
    let ana = enter(&browser, &server, "Ana");
    ana.click("#leave");
    sees_state(&ana, "closed");
    say(&ana, "See you");
    sees_own(&ana, "See you", "waiting");
    ana.visit(&server.url());
    sees_own(&ana, "See you", "delivered");
    assert_eq!(luis.message(), ("Ana".into(), "See you".into()));
    assert_eq!(shown_texts(&ana), serde_json::json!(["See you"]));
    assert_no_console_errors(&ana);
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn the_title_counts_what_came_to_a_hidden_tab() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let mut luis = Client::join(&server, "Luis");
    let ana = enter(&browser, &server, "Ana");
    let other = open(&browser, &server, "en", PROJECTOR);
    other.bring_to_front();
    ana.wait_in_background_for("document.hidden", "that it is hidden");
    luis.say("one");
    luis.say("two");
    ana.wait_in_background_for("document.title.startsWith('(2) ')", "the count of two");
    ana.wait_for("!document.title.includes('(')", "no count once it is looked at");
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn what_is_lost_is_shown_as_a_gap() {
    let mut server = Server::start(&[]);
    let browser = Browser::start();
    let ana = enter(&browser, &server, "Ana");
    say(&ana, "before");
    sees_own(&ana, "before", "delivered");
    let port = server.port();
    assert!(server.stop().success());
    sees_state(&ana, "closed");
    say(&ana, "in between");

    let _restarted = Server::start_on(port, &[]);
    sees_own(&ana, "in between", "delivered");
    ana.wait_for(
        "(texts => texts[0] === 'before' && texts[1].includes('cannot be shown') && texts[2] === 'in between')(
            [...document.querySelectorAll('#log :is(.message .text, .gap)')].map(row => row.textContent))",
        "the gap between what was said before and after",
    );
    sees_people(&ana, &["Ana"]);
    ana.screenshot("gap");
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn a_private_message_to_somebody_who_left_is_refused_and_can_be_taken_back() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let mut luis = Client::join(&server, "Luis");
    let ana = enter(&browser, &server, "Ana");
    open_private(&ana, "Luis");
    say(&ana, "Are you there?");
    sees_own(&ana, "Are you there?", "delivered");
    luis.leave();
    ana.wait_for(
        "document.querySelector('#log > :not([hidden]) .notice[data-type=left]')",
        "in the private thread that Luis left",
    );
    say(&ana, "Still there?");
    sees_own(&ana, "Still there?", "refused");
    ana.screenshot("refused");
    ana.click("#log [data-state=refused] button");
    ana.wait_for("document.querySelector('#message').value === 'Still there?'", "the text again");
    assert_eq!(shown_texts(&ana), serde_json::json!(["Are you there?"]));
    // What was meant for one must not go to all.
    show(&ana, "");
    assert_eq!(ana.evaluate("document.querySelector('#message').value"), "");
    assert_no_console_errors(&ana);
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn a_thread_follows_its_person_to_a_new_name() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let ana = enter(&browser, &server, "Ana");
    let luis = enter(&browser, &server, "Luis");
    open_private(&ana, "Luis");
    say(&ana, "psst");
    sees_own(&ana, "psst", "delivered");
    rename(&luis, "Lucho");
    ana.wait_for(&format!("{SHOWN} === 'Lucho'"), "the thread under the new name");
    say(&ana, "nice name");
    sees_own(&ana, "nice name", "delivered");
    show(&luis, "Ana");
    sees_message(&luis, "Ana", "nice name");
    assert_eq!(shown_texts(&luis), serde_json::json!(["psst", "nice name"]));
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn a_duplicated_tab_takes_over_and_the_old_one_says_so() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let ana = enter(&browser, &server, "Ana");
    let stored = ana.evaluate("Object.entries(sessionStorage)");
    let copy = browser.open(&server.url(), "en", PROJECTOR.0, PROJECTOR.1);
    sees_state(&copy, "open");
    // Going to another page first: leaving this one, it would write down its own session.
    copy.visit(&format!("{}health", server.url()));
    copy.evaluate(&format!(
        "sessionStorage.clear(); for (const [key, value] of {stored}) sessionStorage.setItem(key, value)"
    ));
    copy.visit(&server.url());
    sees_people(&copy, &["Ana"]);
    sees_state(&ana, "closed 4501");
    ana.screenshot("taken-over");
    ana.click("#retry");
    sees_state(&ana, "open");
    for tab in [&ana, &copy] {
        tab.wait_for(
            &format!("({PEOPLE}).length === 2 && ({PEOPLE}).includes('Ana')"),
            "Ana and somebody new",
        );
    }
    sees_state(&copy, "open");
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn who_is_writing_is_shown_until_the_message_comes() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let ana = enter(&browser, &server, "Ana");
    let luis = enter(&browser, &server, "Luis");
    luis.fill("#message", "I am thinking");
    ana.wait_in_background_for(
        "document.querySelector('#typing').textContent === 'Luis is writing…'",
        "that Luis is writing",
    );
    luis.press_enter();
    sees_message(&ana, "Luis", "I am thinking");
    ana.wait_for("document.querySelector('#typing').textContent === ''", "that nobody is writing");
    assert_eq!(luis.evaluate("document.querySelector('#typing').textContent"), "", "not oneself");
}

fn open(browser: &Browser, server: &Server, language: &str, (width, height): Window) -> Page {
    let page = browser.open(&server.url(), language, width, height);
    sees_state(&page, "open");
    page
}

/// Opens the page in English and takes a name.
fn enter(browser: &Browser, server: &Server, name: &str) -> Page {
    enter_at(browser, &server.url(), name)
}

fn enter_at(browser: &Browser, url: &str, name: &str) -> Page {
    let page = browser.open(url, "en", PROJECTOR.0, PROJECTOR.1);
    sees_state(&page, "open");
    rename(&page, name);
    page
}

/// On a phone the name stands in a panel that covers the chat: it is opened for this, and the page closes it again.
fn rename(page: &Page, name: &str) {
    let panel = "[aria-controls=people-panel]";
    let panel_is_closed =
        page.evaluate("!document.querySelector('#name').checkVisibility()") == true;
    if panel_is_closed {
        page.click(panel);
    }
    page.fill("#name", name);
    page.click("#rename");
    page.wait_for(
        &format!("({PEOPLE}).includes({})", quoted(name)),
        &format!("{name} among the people"),
    );
    if panel_is_closed {
        page.wait_for("document.querySelector('#message').checkVisibility()", "the chat again");
    }
}

fn say(page: &Page, text: &str) {
    page.type_into("#message", text);
    page.wait_for(
        "document.querySelector('#message').value === ''",
        "an empty field after sending",
    );
}

fn sees_message(page: &Page, from: &str, text: &str) {
    page.wait_for(
        &format!(
            "[...document.querySelectorAll('#log .message')].some(message =>
                message.querySelector('.from').textContent === {} &&
                message.querySelector('.text').textContent === {})",
            quoted(from),
            quoted(text)
        ),
        &format!("the message from {from}: {text}"),
    );
}

/// An own message, and how far it has come.
fn sees_own(page: &Page, text: &str, state: &str) {
    page.wait_for(
        &format!(
            "[...document.querySelectorAll('#log .own[data-state={state}]')].some(message =>
                message.querySelector('.text').textContent === {})",
            quoted(text)
        ),
        &format!("that the message is {state}: {text}"),
    );
}

/// The texts of all messages of the thread that is shown, in order.
fn shown_texts(page: &Page) -> serde_json::Value {
    page.evaluate(
        "[...document.querySelectorAll('#log > :not([hidden]) .message .text')].map(text => text.textContent)",
    )
}

/// The thread that is shown: whose it is, or nothing for the talk with everybody.
const SHOWN: &str = "document.querySelector('#threads [aria-pressed=true]').dataset.thread";

fn name_button(name: &str) -> String {
    format!("#people [data-name=\"{name}\"] button")
}

fn open_private(page: &Page, name: &str) {
    page.click(&name_button(name));
    page.wait_for(&format!("{SHOWN} === {}", quoted(name)), &format!("the thread with {name}"));
}

fn show(page: &Page, thread: &str) {
    page.click(&format!("#threads [data-thread=\"{thread}\"]"));
    page.wait_for(&format!("{SHOWN} === {}", quoted(thread)), &format!("the thread {thread}"));
}

fn shows_unread(page: &Page, thread: &str, unread: u32) {
    page.wait_for(
        &format!(
            "document.querySelector('#threads [data-thread=\"{thread}\"] .unread').textContent === '{unread}'"
        ),
        &format!("{unread} unread in the thread {thread}"),
    );
}

/// The names in the list, sorted.
const PEOPLE: &str =
    "[...document.querySelectorAll('#people li')].map(person => person.textContent.trim()).sort()";

/// Exactly these are here, in any order, and the counter says how many.
fn sees_people(page: &Page, names: &[&str]) {
    page.wait_for(
        &format!(
            "JSON.stringify({PEOPLE}) === JSON.stringify({}.sort())
                && Number(document.querySelector('#count').textContent) === {}",
            serde_json::json!(names),
            names.len()
        ),
        &format!("that these are here: {}", names.join(", ")),
    );
}

/// The state as `remember_states` and `sees_state` know it: `open` or `closed 1000`.
const STATE: &str = "(({ state, code = '' }) => `${state} ${code}`.trim())(document.querySelector('#state').dataset)";

fn sees_state(page: &Page, state: &str) {
    page.wait_for(
        &format!("`${{{STATE}}} `.startsWith('{state} ')"),
        &format!("the state {state}"),
    );
}

/// From now on the page keeps every state it shows in `states_seen`, however short it lasts.
fn remember_states(page: &Page) {
    page.evaluate(&format!(
        "window.states_seen = [{STATE}];
         new MutationObserver(() => states_seen.push({STATE}))
            .observe(document.querySelector('#state'), {{ attributes: true }});"
    ));
}

fn notices_with(text: &str) -> String {
    format!(
        "[...document.querySelectorAll('#log .notice')].filter(notice => notice.textContent.includes({})).length",
        quoted(text)
    )
}

/// An alert on the page says why something did not work.
fn explains(page: &Page, word: &str) {
    page.wait_for(
        &format!(
            "[...document.querySelectorAll('[role=alert]')].some(alert =>
                alert.checkVisibility() && alert.textContent.includes({}))",
            quoted(word)
        ),
        &format!("an explanation with the word: {word}"),
    );
}

/// The document says its language, to screen readers as well, and the button is in that language.
fn speaks(page: &Page, language: &str) {
    let send = if language == "es" { "Enviar" } else { "Send" };
    page.wait_for(
        &format!(
            "document.documentElement.lang === '{language}'
                && document.querySelector('#send').textContent.trim() === '{send}'"
        ),
        &format!("the language {language}"),
    );
}

/// Nothing is wider than the window: there is no scrolling sideways, and no zooming out to avoid it.
fn fits(page: &Page, (width, _): Window) {
    let needed = page.evaluate("Math.max(innerWidth, document.documentElement.scrollWidth)");
    let wide = page.evaluate(&format!(
        "[...document.querySelectorAll('body *')]
            .filter(element => element.getBoundingClientRect().right > {width} + 1)
            .map(element => element.outerHTML.slice(0, 80)).slice(0, 5)"
    ));
    assert!(
        needed == width && wide == serde_json::json!([]),
        "in a window of {width} pixels the page needs {needed}; too wide: {wide}"
    );
}

fn assert_no_console_errors(page: &Page) {
    let errors = page.console_errors();
    assert!(errors.is_empty(), "the console shows errors: {errors:#?}");
}

/// A door in front of the server. Closed, it cuts all connections and lets nobody in.
struct Gate {
    port: u16,
    state: Arc<Mutex<GateState>>,
}

struct GateState {
    open: bool,
    sockets: Vec<TcpStream>,
}

impl Gate {
    fn start(server: u16) -> Gate {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
        let port = listener.local_addr().expect("a listener has an address").port();
        let state = Arc::new(Mutex::new(GateState { open: true, sockets: Vec::new() }));
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let mut state = shared.lock().expect("the gate");
                if !state.open {
                    continue;
                }
                let server = TcpStream::connect(("127.0.0.1", server)).expect("the server accepts");
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (mut from, mut to) = (clone(from), clone(to));
                    state.sockets.push(clone(&from));
                    thread::spawn(move || {
                        let _ = io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        Gate { port, state }
    }

    fn url(&self) -> String {
        format!("http://localhost:{}/", self.port)
    }

    fn close(&self) {
        let mut state = self.state.lock().expect("the gate");
        state.open = false;
        for socket in state.sockets.drain(..) {
            let _ = socket.shutdown(Shutdown::Both);
        }
    }

    fn open(&self) {
        self.state.lock().expect("the gate").open = true;
    }
}

fn clone(socket: &TcpStream) -> TcpStream {
    socket.try_clone().expect("a descriptor is left")
}
