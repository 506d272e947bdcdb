//! One chat on several servers, as users see it: the page in a real Chromium, and what it shows while Redis is lost.

use crate::common::Server;
use crate::driver::{Browser, Page, quoted};
use crate::page::*;

#[test]
#[ignore = "needs Chromium and redis-server: run by make test"]
fn tabs_at_two_servers_are_one_chat() {
    let server = Server::start_many(2, &[]);
    let browser = Browser::start();
    let [at_one, at_other] = urls(&server);
    let ana = enter_at(&browser, &at_one, "Ana");
    let luis = enter_at(&browser, &at_other, "Luis");
    for tab in [&ana, &luis] {
        sees_people(tab, &["Ana", "Luis"]);
    }

    say(&ana, "Good morning");
    sees_own(&ana, "Good morning", "delivered");
    sees_message(&luis, "Ana", "Good morning");
    say(&luis, "Good morning, Ana");
    sees_message(&ana, "Luis", "Good morning, Ana");

    open_private(&ana, "Luis");
    say(&ana, "psst");
    sees_own(&ana, "psst", "delivered");
    shows_unread(&luis, "Ana", 1);
    show(&luis, "Ana");
    sees_message(&luis, "Ana", "psst");
    say(&luis, "yes?");
    sees_message(&ana, "Luis", "yes?");
    for tab in [&ana, &luis] {
        assert_eq!(shown_texts(tab), serde_json::json!(["psst", "yes?"]));
        show(tab, "");
        assert_eq!(shown_texts(tab), serde_json::json!(["Good morning", "Good morning, Ana"]));
        sees_no_note(tab);
        assert_no_console_errors(tab);
    }

    luis.close();
    sees_people(&ana, &["Ana"]);
}

#[test]
#[ignore = "needs Chromium and redis-server: run by make test"]
fn messages_written_while_redis_is_lost_wait_and_the_page_says_so() {
    let server = Server::start_many(2, &[]);
    let browser = Browser::start();
    let [at_one, at_other] = urls(&server);
    let ana = enter_at(&browser, &at_one, "Ana");
    let luis = enter_at(&browser, &at_other, "Luis");
    say(&ana, "before");
    sees_message(&luis, "Ana", "before");
    for tab in [&ana, &luis] {
        remember_states(tab);
    }

    server.redis().stop();
    for tab in [&ana, &luis] {
        sees_note(tab, APART);
    }
    say(&ana, "one");
    say(&ana, "two");
    open_private(&ana, "Luis");
    say(&ana, "just for you");
    for (text, thread) in [("just for you", "Luis"), ("one", ""), ("two", "")] {
        show(&ana, thread);
        sees_own(&ana, text, "sent");
    }
    // A client that comes now is connected, but not in the chat.
    let eva = browser.open(&at_other, "en", PHONE.0, PHONE.1);
    sees_note(&eva, "not let you in yet");
    say(&eva, "am I in?");
    sees_own(&eva, "am I in?", "waiting");
    eva.screenshot("shared-not-in-yet-360");
    fits(&eva, PHONE);
    assert_eq!(shown_texts(&luis), serde_json::json!(["before"]));

    server.redis().start_again();
    for tab in [&ana, &luis, &eva] {
        sees_no_note(tab);
    }
    sees_own(&ana, "two", "delivered");
    sees_own(&eva, "am I in?", "delivered");
    // Either server may be back first; but what comes from one stays in order, and all see the same.
    let mut orders = Vec::new();
    for tab in [&ana, &luis, &eva] {
        tab.wait_for(&format!("({TEXTS}).length === 4"), "all that was said");
        let all = shown_texts(tab);
        let of_ana = format!("({TEXTS}).filter(text => text !== 'am I in?')");
        assert_eq!(tab.evaluate(&of_ana), serde_json::json!(["before", "one", "two"]), "{all}");
        orders.push(all);
        assert_eq!(tab.evaluate("document.querySelectorAll('.gap').length"), 0);
        assert_no_console_errors(tab);
    }
    assert!(orders.iter().all(|order| *order == orders[0]), "{orders:?}");
    show(&luis, "Ana");
    assert_eq!(shown_texts(&luis), serde_json::json!(["just for you"]));
    for tab in [&ana, &luis] {
        assert_eq!(tab.evaluate("states_seen"), serde_json::json!(["open"]), "nobody was cut off");
    }
}

#[test]
#[ignore = "needs Chromium and redis-server: run by make test"]
fn the_chat_goes_on_after_redis_has_lost_all() {
    let server = Server::start_many(2, &[]);
    let browser = Browser::start();
    let [at_one, at_other] = urls(&server);
    let ana = enter_at(&browser, &at_one, "Ana");
    let luis = enter_at(&browser, &at_other, "Luis");
    say(&ana, "before");
    sees_message(&luis, "Ana", "before");
    for tab in [&ana, &luis] {
        remember_sentences(tab);
    }

    {
        let mut redis = server.redis();
        redis.stop();
        for tab in [&ana, &luis] {
            sees_note(tab, APART);
        }
        say(&ana, "in between");
        sees_own(&ana, "in between", "sent");
        redis.lose_everything();
        redis.start_again();
    }

    for tab in [&ana, &luis] {
        sees_sentence(tab, "4013");
        sees_sentence(tab, "everybody has to come in again");
        sees_state(tab, "open");
        sees_people(tab, &["Ana", "Luis"]);
        sees_no_note(tab);
    }
    sees_own(&ana, "in between", "delivered");
    say(&luis, "after");
    sees_message(&ana, "Luis", "after");
    for tab in [&ana, &luis] {
        tab.wait_for(
            "(texts => texts[0] === 'before' && texts[1].includes('server restarted')
                && texts[2] === 'in between' && texts[3] === 'after' && texts.length === 4)(
                [...document.querySelectorAll('#log :is(.message .text, .gap)')].map(row => row.textContent))",
            "the gap between what was said before and after",
        );
        assert_no_console_errors(tab);
    }
    ana.screenshot("shared-begun-anew");
}

#[test]
#[ignore = "needs Chromium and redis-server: run by make test"]
fn the_note_is_in_both_languages_and_fits() {
    let server = Server::start_many(2, &[]);
    let browser = Browser::start();
    let [at_one, at_other] = urls(&server);
    let es = "perdido el contacto con los demás";
    let views = [
        (&at_one, "es", PROJECTOR, "light", es),
        (&at_other, "en", PROJECTOR, "dark", APART),
        (&at_one, "es", PHONE, "dark", es),
        (&at_other, "en", PHONE, "light", APART),
    ];
    let tabs = views.map(|(url, language, window, colours, words)| {
        let tab = browser.open_in_colours(url, language, window.0, window.1, colours);
        tab.wait_for("!state.behind", "that it is in");
        sees_no_note(&tab);
        (tab, language, window, colours, words)
    });
    say(&tabs[0].0, "Buenos días a todos");
    for (tab, ..) in &tabs {
        tab.wait_for(&format!("({TEXTS}).length === 1"), "the message");
    }

    server.redis().stop();
    for (tab, language, window, colours, words) in &tabs {
        sees_note(tab, words);
        say(tab, "¿Sigue alguien ahí?");
        // It covers nothing, and stays where it is while the chat scrolls.
        assert_eq!(
            tab.evaluate(
                "find('apart').getBoundingClientRect().top >= find('log').getBoundingClientRect().bottom"
            ),
            true
        );
        tab.screenshot(&format!("shared-note-{language}-{}-{colours}", window.0));
        fits(tab, *window);
    }
    let (spanish, english) = (&tabs[0].0, &tabs[1].0);
    spanish.click("[data-language=en]");
    sees_note(spanish, APART);
    hears(english, r#"{"type":"error","code":"unavailable","text":"…"}"#);
    explains(english, "too much is waiting already");
    english.click("[data-language=es]");
    explains(english, "ya espera demasiado");
    english.screenshot("shared-unavailable");

    // Leaving is possible, and without a connection it says another thing.
    english.click("#leave");
    sees_state(english, "closed");
    sees_no_note(english);
    english.click("#leave");
    sees_note(english, "aún no te ha dejado entrar");
    english.screenshot("shared-not-in-yet-1280");
}

#[test]
#[ignore = "needs Chromium and redis-server: run by make test"]
fn a_page_that_is_refused_for_now_comes_back() {
    let server = Server::start_many(2, &[]);
    let browser = Browser::start();
    let ana = enter_at(&browser, &urls(&server)[0], "Ana");
    remember_sentences(&ana);
    // Of itself a server does this only when megabytes wait for Redis.
    ana.evaluate("send({ type: 'show', what: 'close', code: 1013 })");
    sees_sentence(&ana, "nobody can come in just now");
    sees_state(&ana, "open");
    sees_people(&ana, &["Ana"]);
    say(&ana, "here again");
    sees_own(&ana, "here again", "delivered");
}

/// What the note says to those who are in, in English.
const APART: &str = "lost touch with the others";

/// The texts of all messages of the thread that is shown.
const TEXTS: &str =
    "[...document.querySelectorAll('#log > :not([hidden]) .message .text')].map(text => text.textContent)";

/// Where the page is, of each of the two servers.
fn urls(server: &Server) -> [String; 2] {
    [0, 1].map(|number| format!("http://localhost:{}/", server.port_of(number)))
}

fn sees_note(page: &Page, words: &str) {
    page.wait_for(
        &format!(
            "(note => note.role === 'status' && note.checkVisibility() && note.textContent.includes({}))(
                document.querySelector('#apart'))",
            quoted(words)
        ),
        &format!("a note with the words: {words}"),
    );
}

fn sees_no_note(page: &Page) {
    page.wait_for("!document.querySelector('#apart').checkVisibility()", "no note");
}

/// From now on the page keeps every sentence about its state in `sentences`, however short it stands there.
fn remember_sentences(page: &Page) {
    page.evaluate(
        "window.sentences = [];
         new MutationObserver(() => sentences.push(find('state').textContent)).observe(find('state'), { childList: true });",
    );
}

fn sees_sentence(page: &Page, words: &str) {
    page.wait_for(
        &format!("sentences.some(sentence => sentence.includes({}))", quoted(words)),
        &format!("a sentence with the words: {words}"),
    );
}

/// As if the server had said this.
fn hears(page: &Page, json: &str) {
    page.evaluate(&format!("announce('event', {json})"));
}
