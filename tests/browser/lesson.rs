//! What the lessons in docs/lesson and docs/clase say of pages of one's own, and of the figures on the page.

use std::fs;
use std::path::Path;

use crate::common::{Client, Server, project_file};
use crate::driver::{Browser, Page};
use crate::page::*;

fn shows(page: &Page, text: &str) {
    let condition = format!("document.body.innerText.includes({})", crate::driver::quoted(text));
    page.wait_for(&condition, text);
}

/// Without the picture of the tab that a browser asks for, and that a page of one's own need not have.
fn errors(page: &Page) -> Vec<String> {
    page.console_errors().into_iter().filter(|error| !error.ends_with("/favicon.ico")).collect()
}

/// The table "Does it work?" of sheet 4.
#[test]
#[ignore = "needs Chromium: run by make test"]
fn the_client_in_30_lines_does_what_the_sheet_asks_for() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/client.html");
    let mut server = Server::start(&["--page", path.to_str().expect("a path that is text")]);
    let browser = Browser::start();
    let tabs = [(); 2].map(|()| browser.open(&server.url(), "en", 800, 600));
    let third = browser.open(&server.url(), "en", 800, 600);
    for tab in tabs.iter().chain([&third]) {
        shows(tab, "open");
    }
    tabs[0].type_into("#text", "<b>hola</b>");
    for tab in &tabs {
        shows(tab, ": <b>hola</b>");
    }
    third.close();
    for tab in &tabs {
        shows(tab, "guest-3 1001");
    }
    assert!(server.stop().success());
    for tab in &tabs {
        shows(tab, "close 1001");
        assert_eq!(errors(tab), [""; 0]);
    }
}

/// The page with which sheet 4 begins, and what the console says to code in an attribute and to another server.
#[test]
#[ignore = "needs Chromium: run by make test"]
fn the_page_to_begin_with_is_in_the_chat_and_its_policy_refuses_what_the_sheet_says() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let file = folder.join(format!("mine-{}.html", std::process::id()));
    let path = file.to_str().expect("a path that is text");
    let sheet = project_file("docs/lesson/sheet-4-client.md");
    let page = sheet.split("```html\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a page");
    // The console is where the sheet's page shows what comes.
    let page = page.replace("console.log(data)", "document.body.append(data)");
    let page = page + "<button id=\"inline\" onclick=\"document.title = 'it ran'\">send</button>\n";
    fs::write(&file, &page).expect("a file");
    let server = Server::start(&["--page", path]);
    let other = Server::start(&[]);
    let browser = Browser::start();
    let tab = browser.open(&server.url(), "en", 800, 600);
    shows(&tab, "welcome");
    Client::join(&server, "Ana").say("hola");
    shows(&tab, "\"text\":\"hola\"");
    let refused = |times: usize| {
        let errors = errors(&tab);
        let of_policy = errors.iter().filter(|error| error.contains("Content Security Policy")).count();
        assert_eq!((of_policy, errors.len()), (times, times), "{errors:#?}");
    };
    tab.click("#inline");
    refused(1);
    assert_ne!(tab.evaluate("document.title"), "it ran");
    let foreign = other.url().replace("http:", "ws:") + "ws";
    let failed = format!(
        "new Promise(resolve => {{ new WebSocket({}).onerror = () => resolve('failed') }})",
        crate::driver::quoted(&foreign)
    );
    assert_eq!(tab.evaluate(&failed), "failed");
    refused(2);
    fs::remove_file(&file).expect("it can be removed");
}

/// "HTTP: several hundred bytes a message; WebSocket: some 20."
#[test]
#[ignore = "needs Chromium: run by make test"]
fn a_message_by_http_takes_several_hundred_bytes_and_over_a_websocket_some_20() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let page = browser.open(&server.url(), "es", 1280, 800);
    sees_state(&page, "open");
    page.evaluate("find('inspector').hidden && document.querySelector('[aria-controls=inspector]').click()");
    page.evaluate("find('measure').open = true");
    page.click("#run-measure");
    page.wait_for("!find('measured').hidden && !find('run-measure').disabled", "the figures");
    let figures = page.evaluate(
        "[...document.querySelectorAll('[data-figure=up] td')].map(cell => Number(cell.textContent.replace(/[^0-9]/g, '')) / 100)",
    );
    let figures: Vec<f64> = serde_json::from_value(figures).expect("two numbers");
    assert!((200.0..1000.0).contains(&figures[0]) && (15.0..30.0).contains(&figures[1]), "{figures:?}");
}
