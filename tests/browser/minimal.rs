//! The page of the minimal server: what is not built is not offered.

use crate::common::Server;
use crate::driver::Browser;
use crate::page::*;

#[test]
#[ignore = "needs Chromium: run by make test"]
fn the_minimal_server_has_a_chat_and_offers_nothing_that_it_has_not() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let ana = enter(&browser, &server, "Ana");
    let luis = enter(&browser, &server, "Luis");
    say(&ana, "hola");
    sees_message(&luis, "Ana", "hola");
    luis.wait_for("document.querySelector('[aria-controls=\"inspector\"]').hidden", "no inspector offered");
    // Neither by a button nor by a sentence.
    assert_eq!(luis.evaluate("/inspector/i.test(document.body.innerText)"), false);
    assert_eq!(luis.evaluate("document.querySelector('#inspector').hidden"), true);
    assert_eq!(luis.evaluate("document.querySelector('#sign-in').getClientRects().length"), 0);
    assert_eq!(
        luis.evaluate("document.querySelector('#hand, #now, #class-panel, #teacher-menu, .menu-button')"),
        serde_json::Value::Null
    );
    luis.screenshot("minimal");
    for tab in [&ana, &luis] {
        assert_no_console_errors(tab);
    }
}
