//! The page as a user operates it: what to click, and what to wait for. Shared by the tests in Chromium.

use crate::common::Server;
pub use crate::common::gate::Gate;
use crate::common::users::password_of;
use crate::driver::{Browser, Page, quoted};

/// A window's width and height.
pub type Window = (u32, u32);
pub const PROJECTOR: Window = (1280, 800);
pub const PHONE: Window = (360, 740);

pub fn open(browser: &Browser, server: &Server, language: &str, (width, height): Window) -> Page {
    let page = browser.open(&server.url(), language, width, height);
    sees_state(&page, "open");
    page
}

/// Opens the page in English and takes a name.
pub fn enter(browser: &Browser, server: &Server, name: &str) -> Page {
    enter_at(browser, &server.url(), name)
}

pub fn enter_at(browser: &Browser, url: &str, name: &str) -> Page {
    let page = browser.open(url, "en", PROJECTOR.0, PROJECTOR.1);
    sees_state(&page, "open");
    rename(&page, name);
    page
}

/// On a phone the name stands in a panel that covers the chat: it is opened for this, and the page closes it again.
pub fn rename(page: &Page, name: &str) {
    let panel = "[aria-controls=people-panel]";
    let panel_is_closed = page.evaluate("!document.querySelector('#name').checkVisibility()") == true;
    if panel_is_closed {
        page.click(panel);
    }
    page.fill("#name", name);
    page.click("#rename");
    page.wait_for(&format!("({PEOPLE}).includes({})", quoted(name)), &format!("{name} among the people"));
    if panel_is_closed {
        page.wait_for("document.querySelector('#message').checkVisibility()", "the chat again");
    }
}

/// The form with which people sign in, in the place of the chat.
pub fn sees_form(page: &Page) {
    page.wait_for(
        "document.querySelector('#sign-in').checkVisibility()
            && !['#message', '#people', '#retry', '#leave', '[aria-controls=people-panel]']
                .some(selector => document.querySelector(selector).checkVisibility())",
        "the sign-in form, and no chat",
    );
}

pub fn fill_form(page: &Page, name: &str, password: &str) {
    page.fill("#account", name);
    page.type_into("#password", password);
}

/// Signs in at the form with the right password.
pub fn sign_in_at(page: &Page, name: &str) {
    sees_form(page);
    fill_form(page, name, &password_of(name));
    page.wait_for("document.querySelector('#message').checkVisibility()", "the chat");
    sees_state(page, "open");
    page.wait_for("state.place !== null", "the welcome");
}

/// Opens the page of a server with accounts in English and signs in.
pub fn enter_signed_in(browser: &Browser, server: &Server, name: &str) -> Page {
    let page = browser.open(&server.url(), "en", PROJECTOR.0, PROJECTOR.1);
    sign_in_at(&page, name);
    page
}

pub fn say(page: &Page, text: &str) {
    page.type_into("#message", text);
    page.wait_for("document.querySelector('#message').value === ''", "an empty field after sending");
}

pub fn sees_message(page: &Page, from: &str, text: &str) {
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
pub fn sees_own(page: &Page, text: &str, state: &str) {
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
pub fn shown_texts(page: &Page) -> serde_json::Value {
    page.evaluate(
        "[...document.querySelectorAll('#log > :not([hidden]) .message .text')].map(text => text.textContent)",
    )
}

/// The thread that is shown: whose it is, or nothing for the talk with everybody.
pub const SHOWN: &str = "document.querySelector('#threads [aria-pressed=true]').dataset.thread";

pub fn name_button(name: &str) -> String {
    format!("#people [data-name=\"{name}\"] button")
}

pub fn open_private(page: &Page, name: &str) {
    page.click(&name_button(name));
    page.wait_for(&format!("{SHOWN} === {}", quoted(name)), &format!("the thread with {name}"));
}

pub fn show(page: &Page, thread: &str) {
    page.click(&format!("#threads [data-thread=\"{thread}\"]"));
    page.wait_for(&format!("{SHOWN} === {}", quoted(thread)), &format!("the thread {thread}"));
}

pub fn shows_unread(page: &Page, thread: &str, unread: u32) {
    page.wait_for(
        &format!(
            "document.querySelector('#threads [data-thread=\"{thread}\"] .unread').textContent === '{unread}'"
        ),
        &format!("{unread} unread in the thread {thread}"),
    );
}

/// The names in the list, sorted.
pub const PEOPLE: &str =
    "[...document.querySelectorAll('#people li')].map(person => person.textContent.trim()).sort()";

/// Exactly these are here, in any order, and the counter says how many.
pub fn sees_people(page: &Page, names: &[&str]) {
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
pub const STATE: &str =
    "(({ state, code = '' }) => `${state} ${code}`.trim())(document.querySelector('#state').dataset)";

pub fn sees_state(page: &Page, state: &str) {
    page.wait_for(&format!("`${{{STATE}}} `.startsWith('{state} ')"), &format!("the state {state}"));
}

/// From now on the page keeps every state it shows in `states_seen`, however short it lasts.
pub fn remember_states(page: &Page) {
    page.evaluate(&format!(
        "window.states_seen = [{STATE}];
         new MutationObserver(() => states_seen.push({STATE}))
            .observe(document.querySelector('#state'), {{ attributes: true }});"
    ));
}

pub fn notices_with(text: &str) -> String {
    format!(
        "[...document.querySelectorAll('#log .notice')].filter(notice => notice.textContent.includes({})).length",
        quoted(text)
    )
}

/// An alert on the page says why something did not work.
pub fn explains(page: &Page, word: &str) {
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
pub fn speaks(page: &Page, language: &str) {
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
pub fn fits(page: &Page, (width, _): Window) {
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

pub fn assert_no_console_errors(page: &Page) {
    let errors = page.console_errors();
    assert!(errors.is_empty(), "the console shows errors: {errors:#?}");
}
