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
        // Of its own for each round: the history has the others.
        let said = format!("hola clase, {} px", window.0);
        luis.say(&said);
        page.wait_for(&format!("({STEPS}).some(step => step.includes('{said}'))"), "what was said");
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
    // As slow as it gets, so that each step can be looked at.
    page.give(&["inspector/player"]);
    page.evaluate("player.slowness = 1e6");
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

#[test]
#[ignore = "needs Chromium: run by make test"]
fn the_javascript_is_lit_as_it_happens_and_can_be_kept_as_a_page() {
    let server = Server::start(&["--origin", "null"]);
    let browser = Browser::start();
    let page = inspect(&browser, &server, "en", (1920, 1080));
    page.wait_for("document.querySelector('[data-line=message]')", "the code");
    page.evaluate(
        "find('inspect-javascript').open = true; globalThis.lit = false;
         const line = document.querySelector('[data-line=message]');
         new MutationObserver(() => { lit ||= line.classList.contains('now') && line.textContent.includes('hola'); })
            .observe(line, { attributes: true, childList: true, subtree: true });
         send({ type: 'message', text: 'hola' })",
    );
    let line = |name: &str| format!("document.querySelector('[data-line={name}]')");
    page.wait_for(&format!("{}.textContent.includes('hola')", line("send")), "what was sent");
    page.wait_for("lit", "what came, lit");
    page.screenshot("javascript");
    page.give(&["socket", "inspector/javascript"]);
    let client = page.evaluate("clientPage(socketAddress('ws'))");
    page.evaluate("find('leave').click()");
    page.wait_for(&format!("{}.textContent.includes('1000')", line("close")), "the close");
    let client = client.as_str().expect("a page");
    assert!(client.lines().count() <= 32, "{}", client.lines().count());

    let file =
        std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("client-{}.html", std::process::id()));
    std::fs::write(&file, client).expect("a file");
    // From the disk, where its origin is null; and served in place of the page.
    let address = server.url().replace("http:", "ws:") + "ws";
    let path = file.to_str().expect("a path").to_owned();
    let other = Server::start(&["--page", &path]);
    std::fs::write(&file, client).expect("a file");
    for url in [format!("file://{path}"), other.url()] {
        if url.starts_with("http") {
            std::fs::write(&file, client.replace(&address, &(other.url().replace("http:", "ws:") + "ws")))
                .expect("a file");
        }
        let tab = browser.open(&url, "en", 800, 600);
        tab.wait_for("document.body.textContent.includes('welcome')", "the welcome");
        tab.type_into("#text", "from my own page");
        tab.wait_for("document.body.textContent.includes('from my own page')", "its own message");
    }
    std::fs::remove_file(&file).expect("it can be removed");
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn frames_are_for_people_and_what_machines_say_can_be_hidden() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let page = inspect(&browser, &server, "en", (1920, 1080));
    page.evaluate("find('make-it-happen').open = true");
    for bits in [7, 16, 64] {
        page.click(&format!("[data-bits='{bits}']"));
        page.wait_for(&format!("[...document.querySelectorAll('.frame.client .length')].some(({{ textContent }}) => textContent.endsWith('/{bits}'))"), "a frame of that length");
    }
    sees_state(&page, "open");
    let seen = "[...document.querySelectorAll('.frame.machine')].filter(row => row.checkVisibility()).length";
    page.wait_for(&format!("{seen} >= 6"), "each with its answer");
    page.evaluate("find('hide-machine').click()");
    assert_eq!(page.evaluate(seen), 0);
    assert!(
        page.evaluate("document.querySelector('.frame.heads').textContent")
            .as_str()
            .is_some_and(|heads| heads.contains("what it says"))
    );
    page.screenshot("frames-for-people");
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn the_class_view_says_who_is_here_who_was_refused_and_who_dropped() {
    let server = Server::start(&["--teacher-key", "teacher-key"]);
    let browser = Browser::start();
    let page = open(&browser, &server, "en", (1920, 1080));
    let clients: Vec<Client> =
        ["Zoe", "Ana", "Luis"].map(|name| Client::join(&server, name)).into_iter().collect();
    // Pasted into an open tab.
    page.evaluate("location.hash = 'teacher=teacher-key'");
    page.wait_for(
        "location.hash === '' && !find('lanes').hidden && classFeed.watching",
        "the class, and no key in the address",
    );
    let names = "[...document.querySelectorAll('.lane-name')].map(name => name.textContent)";
    page.wait_for(
        &format!("JSON.stringify({names}) === '[\"Ana\",\"guest-1\",\"Luis\",\"Zoe\"]'"),
        "all by their names",
    );
    drop(clients);
    page.wait_for("[...document.querySelectorAll('.lane')].filter(lane => lane.textContent.includes('1006')).length === 3", "how they ended");
    page.evaluate("fetch('/ws').then(() => 0)");
    page.wait_for(
        "[...document.querySelectorAll('.lane')].some(lane => lane.textContent.includes('426'))",
        "who was refused",
    );
    page.screenshot("class-view");
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn connecting_and_closing_can_be_seen_when_the_server_answers_late() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let page = inspect(&browser, &server, "es", (1920, 1080));
    page.evaluate("find('make-it-happen').open = true");
    page.click("[data-what=slow_handshake]");
    page.wait_for(
        "state.socket.readyState === 0 && find('state').dataset.state === 'connecting'",
        "readyState 0",
    );
    page.wait_for(
        "performance.now() - state.connectingSince > 1000 && state.socket.readyState === 0",
        "for more than a second",
    );
    page.screenshot("slow-handshake");
    page.wait_for("state.welcomed && state.socket.readyState === 1", "the connection");
    page.click("[data-what=slow_close]");
    page.wait_for("find('frames').textContent.includes('slow_close')", "that it will");
    page.click("#leave");
    page.wait_for(
        "performance.now() - state.closingSince > 1000 && state.socket.readyState === 2",
        "readyState 2 for more than a second",
    );
    page.screenshot("slow-close");
    sees_state(&page, "closed 1000");
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn the_same_news_by_four_ways_and_how_late_each_is() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let page = inspect(&browser, &server, "en", (1920, 1080));
    page.wait_for("document.querySelector('#news')", "the comparison");
    page.evaluate("find('news').open = true; find('news').scrollIntoView()");
    page.click("#run-news");
    page.wait_for("document.querySelector('#news-result table')", "its result");
    let figures = |name: &str| {
        page.evaluate(&format!(
            "[...document.querySelectorAll('[data-figure={name}] td')].map(cell => cell.textContent)"
        ))
    };
    assert_eq!(figures("news_heard"), serde_json::json!(["10 / 10", "10 / 10", "10 / 10", "10 / 10"]));
    let requests: Vec<u32> = figures("news_requests")
        .as_array()
        .expect("figures")
        .iter()
        .map(|cell| cell.as_str().expect("a number").parse().expect("a number"))
        .collect();
    assert!(requests[0] >= 9 && requests[1] >= 2 && requests[2] == 1 && requests[3] == 0, "{requests:?}");
    assert_eq!(page.evaluate("document.querySelectorAll('#news-result circle').length"), 40);
    page.screenshot("news");
    assert_no_console_errors(&page);
}
