//! What people see in the inspector: a real Chromium watches its own connection, and the teacher the class.

#![forbid(unsafe_code)]

mod common;
#[path = "common/browser.rs"]
mod driver;
#[path = "common/page.rs"]
mod page;

use common::{Client, Server};
use driver::{Browser, Page};
use page::*;

/// A tab that opens with its inspector, so that it sees its connection from the first byte.
fn inspect(browser: &Browser, server: &Server, language: &str, window: Window) -> Page {
    let page = open(browser, server, language, window);
    page.click("[aria-controls=inspector]");
    page.visit(&server.url());
    sees_state(&page, "open");
    page.wait_for("ownFeed.lines.size > 0", "a connection in the inspector");
    page
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn look() {
    let server = Server::start(&["--teacher-key", "teacher-key"]);
    let browser = Browser::start();
    let page = inspect(&browser, &server, "en", (1280, 720));
    page.screenshot("look-1");
    page.evaluate("find('inspect-handshake').open = false; find('make-it-happen').open = true; happen('ping'); happen('fragments')");
    page.wait_for("find('observed-fragments').textContent !== ''", "fragments");
    page.screenshot("look-2");
    page.evaluate("find('measure').open = true; find('run-measure').click()");
    page.wait_for("!find('measured').hidden", "measured");
    page.evaluate("find('inspect-frames').open=false; find('make-it-happen').open = false; find('inspector').scrollTop = 99999");
    page.screenshot("look-3");
    let phone = open(&browser, &server, "es", (390, 844));
    phone.evaluate("inspecting() || showPanel('inspector', true)");
    phone.wait_for("ownFeed.lines.size > 0", "a connection in the inspector");
    phone.evaluate("happen('ping'); happen('fragments')");
    phone.wait_for("find('observed-fragments').textContent !== ''", "fragments");
    phone.screenshot("look-4");
    phone.evaluate("find('inspect-handshake').open = false; document.querySelector('.frame.client').click()");
    phone.screenshot("look-5");
    fits(&phone, (390, 844));
    let teacher = browser.open_in_colours(&format!("{}#teacher=teacher-key", server.url()), "en", 1920, 1080, "dark");
    sees_state(&teacher, "open");
    let mut all: Vec<Client> = (0..30).map(|n| Client::join(&server, &format!("Student-{n}"))).collect();
    for (n, client) in all.iter_mut().enumerate() { client.say(&format!("I am number {n}")); }
    teacher.evaluate("find('whole-class').click()");
    teacher.wait_for("classFeed.lines.size > 30", "lanes");
    for client in &mut all { client.say("hola"); }
    teacher.wait_for("document.querySelectorAll('.lane').length > 30", "lanes");
    teacher.screenshot("look-6");
    assert_no_console_errors(&teacher);
}
