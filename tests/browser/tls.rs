//! The page over https:// and wss://, in a Chromium that trusts the certificate that the server made.

use std::path::Path;

use data_encoding::BASE64;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use sha2::{Digest, Sha256};
use webpki::EndEntityCert;

use crate::common::users::{Users, password_of};
use crate::common::{Client, Server};
use crate::driver::{Browser, Page};
use crate::page::*;

/// Trusts the key of the certificate that the tests' servers share.
fn browser() -> Browser {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("websocket-classroom/tls/certificate-and-key.pem");
    let certificate = CertificateDer::from_pem_file(file).expect("the server made one");
    let certificate = EndEntityCert::try_from(&certificate).expect("a certificate");
    Browser::start_trusting(&BASE64.encode(&Sha256::digest(certificate.subject_public_key_info())))
}

fn inspect(browser: &Browser, server: &Server, language: &str) -> Page {
    let page = browser.open(&server.url(), language, 1920, 1080);
    sees_state(&page, "open");
    page.evaluate("view.isOpen || showPanel('inspector', true)");
    page.visit(&server.url());
    sees_state(&page, "open");
    page.wait_for("ownFeed.lines.size > 0", "a connection in the inspector");
    page
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn the_page_chats_over_wss_and_shows_what_the_network_sees() {
    let server = Server::start(&["--tls"]);
    let browser = browser();
    for (language, mine, others) in [
        ("en", "This page is on wss://", "What the network sees"),
        ("es", "Esta página está en wss://", "Lo que ve la red"),
    ] {
        let page = inspect(&browser, &server, language);
        assert_eq!(page.evaluate("state.socket.url.startsWith('wss://')"), true);
        say(&page, "hola wss");
        sees_own(&page, "hola wss", "delivered");
        let lesson = page.evaluate("find('encrypted').textContent").to_string();
        assert!(lesson.contains(mine), "{lesson}");
        page.wait_for("/TLS 1.3.*localhost/.test(find('accepted').textContent)", "what was agreed on");
        page.wait_for("find('frames').textContent.includes('hola wss')", "the frame");
        page.evaluate("[...document.querySelectorAll('button.frame.client')].at(-1).click()");
        let network = page.evaluate("document.querySelector('.network').textContent").to_string();
        assert!(network.contains(others) && network.contains("17 03 03 00"), "{network}");
        page.evaluate("document.querySelector('.network').scrollIntoView()");
        page.screenshot(&format!("tls-{language}"));
        assert_no_console_errors(&page);
        page.close();
    }
    // Without TLS the same place says what it would be.
    let plain = Server::start_on(0, &[]);
    let page = inspect(&browser, &plain, "en");
    if !plain.is_encrypted() {
        say(&page, "hola ws");
        sees_own(&page, "hola ws", "delivered");
        page.wait_for("find('frames').textContent.includes('hola ws')", "the frame");
        page.evaluate("[...document.querySelectorAll('button.frame.client')].at(-1).click()");
        let network = page.evaluate("document.querySelector('.network').textContent").to_string();
        assert!(network.contains("On wss:// this frame would travel"), "{network}");
        page.evaluate("document.querySelector('.network').scrollIntoView()");
        page.screenshot("tls-without");
    }
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn people_sign_in_over_https_and_the_server_s_end_is_explained() {
    let users = Users::new(&["Ana"]);
    let mut server = users.serve(&["--tls"]);
    let browser = browser();
    let page = browser.open(&server.url(), "en", 1280, 800);
    sees_form(&page);
    fill_form(&page, "Ana", &password_of("Ana"));
    page.click("#sign-in button");
    sees_state(&page, "open");
    assert_eq!(page.evaluate("document.cookie"), "", "the cookie is not for scripts");
    say(&page, "signed in");
    sees_own(&page, "signed in", "delivered");
    assert!(server.stop().success());
    page.wait_for("document.body.textContent.includes('1001')", "the server's close code");
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn two_tabs_chat_and_come_back_after_a_restart() {
    let server = Server::start(&["--tls"]);
    let port = server.port().to_string();
    let browser = browser();
    let page = enter(&browser, &server, "Ana");
    let mut luis = Client::join(&server, "Luis");
    luis.say(r#"{"type":"message","text":"hola Ana"}"#);
    page.wait_for("find('log').textContent.includes('hola Ana')", "the other's message");
    drop(server);
    page.wait_for("state.socket === null || state.socket.readyState === 3", "the end");
    let _again = Server::start_on(port.parse().expect("a port"), &["--tls"]);
    sees_state(&page, "open");
}
