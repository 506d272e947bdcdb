//! What users see: the page in a real Chromium, tabs that chat with each other through the real server.

use std::time::Duration;

use crate::common::{Client, Server};
use crate::driver::Browser;
use crate::page::*;

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
    ana.wait_for(&format!("{} > {notices_before}", notices_with("Luis")), "the notice that Luis left");
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
fn the_page_is_in_spanish_for_a_spanish_browser_and_else_in_english() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    for (asked, spoken) in [("es", "es"), ("es-MX,es,en", "es"), ("ca,es", "es"), ("en", "en"), ("fr", "en")]
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
        let elements = "document.querySelectorAll(':is(#log, #people) :is(img, script, svg, b, a)').length";
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
                // The next tab is Ana too: her name is free again once she has left, which closing the tab is not.
                page.click("#leave");
                while luis.wait_for("left")["code"] != 1000 {}
                page.close();
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
fn after_leaving_on_purpose_the_page_does_not_reconnect() {
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
fn every_tab_shows_a_renaming() {
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
