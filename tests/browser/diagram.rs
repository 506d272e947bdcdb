//! What users see of the three steps: the sequence diagram and its slow motion.

use crate::common::{Client, Server};
use crate::driver::{Browser, Page};
use crate::page::*;

/// A tab with its inspector open from the first byte.
fn inspect(browser: &Browser, server: &Server, language: &str, (width, height): Window) -> Page {
    let page = browser.open(&server.url(), language, width, height);
    sees_state(&page, "open");
    page.evaluate("view.isOpen || showPanel('inspector', true)");
    page.visit(&server.url());
    sees_state(&page, "open");
    page.wait_for("document.querySelectorAll('#diagram .step').length > 3", "the diagram");
    page
}

/// What the diagram says, a line a step: direction, state, words.
const STEPS: &str = "[...document.querySelectorAll('#diagram .step')].map(step =>
    `${step.dataset.from ?? '-'} ${step.dataset.kind} ${step.dataset.state} ${step.querySelector('.arrow').innerText.trim()}`)";

#[test]
#[ignore = "needs Chromium: run by make test"]
fn the_diagram_tells_the_three_steps_in_order() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    for (language, window) in [("en", (1920, 1080)), ("es", (1280, 800)), ("es", (390, 844))] {
        let mut luis = Client::join(&server, "Luis");
        let page = inspect(&browser, &server, language, window);
        luis.say("hola clase");
        page.wait_for(&format!("({STEPS}).some(step => step.includes('hola clase'))"), "what was said");
        page.evaluate("find('leave').click()");
        sees_state(&page, "closed 1000");
        page.wait_for(&format!("({STEPS}).some(step => step.includes('fin closed')) && ({STEPS}).some(step => step.includes('told closed'))"), "the end of TCP");
        let steps = page.evaluate(STEPS);
        let steps: Vec<&str> =
            steps.as_array().expect("steps").iter().map(|step| step.as_str().expect("words")).collect();
        let begins: Vec<&str> = steps.iter().take(4).copied().collect();
        assert!(begins[0].starts_with("client tcp connecting"), "{steps:#?}");
        assert!(begins[1].starts_with("client request connecting GET /ws"), "{steps:#?}");
        assert!(begins[2].starts_with("server response open 101"), "{steps:#?}");
        assert!(begins[3].starts_with("client text open"), "{steps:#?}");
        let ends: Vec<&str> = steps.iter().rev().take(4).rev().copied().collect();
        assert!(ends[0].starts_with("client close closing") && ends[0].contains("1000"), "{steps:#?}");
        assert!(ends[1].starts_with("server close closing"), "{steps:#?}");
        assert!(ends[2].contains("fin closed"), "{steps:#?}");
        assert!(ends[3].starts_with("- told closed JavaScript") && ends[3].contains("1000"), "{steps:#?}");
        page.screenshot(&format!("diagram-{language}-{}", window.0));
        fits(&page, window);
        assert_no_console_errors(&page);
        page.close();
        luis.leave();
    }
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn handshake_and_close_are_played_again_in_slow_motion() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let page = inspect(&browser, &server, "en", (1920, 1080));
    page.click("#play-handshake");
    page.wait_for(&format!("({STEPS}).length === 1"), "the first step alone");
    page.wait_for("find('told').textContent.includes('First a TCP connection')", "its sentence");
    page.click("#play-next");
    page.wait_for("find('told').textContent.includes('ordinary HTTP request') && /took [\\d.]+ ms/.test(find('told').textContent)", "the second, and its time");
    page.screenshot("slow-motion");
    page.click("#play-next");
    page.wait_for("find('told').textContent.includes('101') && find('play-next').disabled", "the last");
    page.click("#play-stop");
    page.wait_for(&format!("find('told').hidden && ({STEPS}).length > 3"), "all of it again");
    page.evaluate("find('leave').click()");
    sees_state(&page, "closed");
    page.wait_for(&format!("({STEPS}).some(step => step.includes('fin closed'))"), "the end of TCP");
    page.click("#play-close");
    page.wait_for(
        &format!("({STEPS}).length === 1 && ({STEPS})[0].includes('close closing')"),
        "the first step of the close",
    );
    page.click("[data-language=es]");
    page.wait_for("find('told').textContent.includes('trama de cierre')", "in the other language");
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn a_close_can_still_be_read_ten_seconds_later() {
    let mut server = Server::start(&[]);
    let browser = Browser::start();
    let page = inspect(&browser, &server, "en", (3000, 1200));
    page.evaluate("find('inspect-close').open = true");
    let port = server.port();
    assert!(server.stop().success());
    sees_state(&page, "closed 1001");
    // Meanwhile it tries to come back: at least four seconds later.
    page.wait_for("state.retryAt - state.closedSince >= 4000", "the time to read it");
    page.wait_for("state.end.code === 1006", "a first attempt that failed");
    let texts = "[find('log'), find('last-close'), find('close-facts'), find('diagram')].map(part => part.textContent)";
    page.wait_for("performance.now() - state.closedSince > 0", "the clock");
    let texts = page.evaluate(texts);
    for text in texts.as_array().expect("texts") {
        let text = text.as_str().expect("a text");
        assert!(text.contains("1001"), "{text}");
    }
    page.screenshot("close-stays");
    let _again = Server::start_on(port, &[]);
    page.click("#retry");
    sees_state(&page, "open");
    page.wait_for("find('last-close').textContent.includes('1001')", "the last close");
    // And on request it stays away.
    page.evaluate("find('make-it-happen').open = true");
    page.click("#no-return");
    page.evaluate("send({ type: 'show', what: 'close', code: 4321 })");
    sees_state(&page, "closed 4321");
    assert_eq!(page.evaluate("state.retryAt"), serde_json::Value::Null);
    page.click("#retry");
    sees_state(&page, "open");
    page.wait_for("find('last-close').textContent.includes('4321')", "the last close");
}
