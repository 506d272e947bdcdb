//! The pictures of README, of the running program. `make pictures` keeps them in `docs/pictures/`; a test run leaves those alone.

use std::path::Path;

use crate::common::raw::{CLOSE, RawClient, frame};
use crate::common::{Client, Server};
use crate::driver::{Browser, Page};
use crate::page::*;

/// `make pictures` keeps them.
fn is_kept() -> bool {
    std::env::var_os("CLASSROOM_PICTURES").is_some()
}

fn take(page: &Page, selector: &str, name: &str) {
    let picture = page.screenshot_of(selector, name);
    let bytes = std::fs::metadata(&picture).expect("it was written").len();
    assert!((5_000..150_000).contains(&bytes), "{name} has {bytes} bytes");
    if is_kept() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/pictures");
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::copy(&picture, folder.join(format!("{name}.png"))).expect("it can be copied");
    }
}

/// The port is in the picture.
fn serve() -> Server {
    if is_kept() { Server::start_on(3000, &[]) } else { Server::start(&[]) }
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn the_pictures_of_the_first_pages_show_the_page_and_a_sequence_diagram() {
    let browser = Browser::start();
    for (language, question, answer) in [
        ("en", "Hello! Who is here?", "Me, from the terminal"),
        ("es", "¡Hola! ¿Quién está?", "Yo, desde la terminal"),
    ] {
        take_page(&browser, language, question, answer);
        take_diagram(&browser, language, question, answer);
    }
}

fn take_page(browser: &Browser, language: &str, question: &str, answer: &str) {
    let server = serve();
    let page = open(browser, &server, language, (1280, 620));
    page.evaluate("find('lesson').checkVisibility() || showPanel('lesson', true)");
    rename(&page, "Ana");
    let mut luis = Client::join(&server, "Luis");
    let mut eva = RawClient::join(&server, "Eva");
    page.type_into("#message", question);
    luis.wait_for("message");
    luis.say(answer);
    page.wait_for(&format!("find('log').innerText.includes('{answer}')"), "the talk");
    eva.send(&frame(CLOSE, &1001_u16.to_be_bytes()));
    page.wait_for("find('log').innerText.includes('1001')", "that Eva has left");
    take(&page, "body", &format!("page-{language}"));
    page.close();
}

/// From TCP to the close, on a server without a past.
fn take_diagram(browser: &Browser, language: &str, question: &str, answer: &str) {
    let server = serve();
    let page = open(browser, &server, language, (1180, 1800));
    page.evaluate("view.isOpen || showPanel('inspector', true)");
    let port = server.port();
    drop(server);
    let server = Server::start_on(port, &[]);
    page.visit(&server.url());
    sees_state(&page, "open");
    let mut luis = Client::join(&server, "Luis");
    page.type_into("#message", question);
    let shows = |words: &str| page.wait_for(&format!("find('diagram').innerText.includes('{words}')"), words);
    shows(question);
    luis.wait_for("message");
    luis.say(answer);
    shows(answer);
    page.evaluate("find('leave').click()");
    sees_state(&page, "closed 1000");
    page.wait_for("document.querySelector('#diagram [data-kind=told]')", "the end");
    take(&page, "#diagram", &format!("diagram-{language}"));
    page.close();
}
