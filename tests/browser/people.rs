//! Private threads and resuming a session, as users see them: the page in a real Chromium.

use crate::common::{Client, Server};
use crate::driver::Browser;
use crate::page::*;

#[test]
#[ignore = "needs Chromium: run by make test"]
fn a_private_chat_of_two_is_nowhere_in_the_third_tab() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let ana = enter(&browser, &server, "Ana");
    let luis = enter(&browser, &server, "Luis");
    let eva = enter(&browser, &server, "Eva");
    let (question, answer) = ("Are you coming to the cinema?", "To the matinée");

    // Without a mouse.
    ana.wait_for(&format!("document.querySelector('{}')", name_button("Luis")), "Luis's name");
    ana.evaluate(&format!("document.querySelector('{}').focus()", name_button("Luis")));
    ana.press_enter();
    ana.wait_for(
        "document.activeElement.id === 'message' && document.activeElement.placeholder.includes('Luis')",
        "the field for a private message",
    );
    ana.screenshot("private-thread");
    say(&ana, question);
    sees_own(&ana, question, "delivered");

    // It does not take the view of the person it is for.
    shows_unread(&luis, "Ana", 1);
    luis.wait_for("document.title.startsWith('(1)')", "the count in the title");
    assert_eq!(luis.evaluate(SHOWN), "", "the view changed by itself");
    assert_eq!(shown_texts(&luis), serde_json::json!([]));
    luis.screenshot("private-unread");
    show(&luis, "Ana");
    sees_message(&luis, "Ana", question);
    luis.wait_for("!document.title.includes('(')", "no count in the title any more");
    say(&luis, answer);
    sees_message(&ana, "Luis", answer);
    assert_eq!(shown_texts(&ana), serde_json::json!([question, answer]));
    assert_eq!(ana.evaluate("document.querySelectorAll('#log .message:not(.private)').length"), 0);

    // What comes later has come: so would the private messages have.
    show(&luis, "");
    say(&luis, "Hello everybody");
    sees_message(&eva, "Luis", "Hello everybody");
    shows_unread(&ana, "", 1);
    assert_eq!(shown_texts(&eva), serde_json::json!(["Hello everybody"]));
    let all_of_eva = format!(
        "{} {}",
        eva.evaluate("document.documentElement.outerHTML + JSON.stringify(sessionStorage)"),
        eva.frames().join(" ")
    );
    assert!(all_of_eva.contains("Hello everybody"));
    for private in [question, answer, "matin"] {
        assert!(!all_of_eva.contains(private), "the third tab has {private:?}");
    }
    for tab in [&ana, &luis, &eva] {
        assert_no_console_errors(tab);
    }
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn messages_written_without_a_connection_arrive_once_and_in_order() {
    let server = Server::start(&[]);
    let gate = Gate::start(server.port());
    let browser = Browser::start();
    let luis = enter(&browser, &server, "Luis");
    let ana = enter_at(&browser, &gate.url(), "Ana");
    say(&ana, "before");
    sees_own(&ana, "before", "delivered");

    gate.close();
    sees_state(&ana, "closed");
    say(&ana, "one");
    say(&ana, "two");
    sees_own(&ana, "one", "waiting");
    sees_own(&ana, "two", "waiting");
    ana.screenshot("offline-waiting");
    say(&luis, "meanwhile");
    sees_own(&luis, "meanwhile", "delivered");

    gate.open();
    sees_own(&ana, "one", "delivered");
    sees_own(&ana, "two", "delivered");
    let all = serde_json::json!(["before", "meanwhile", "one", "two"]);
    sees_message(&luis, "Ana", "two");
    for tab in [&ana, &luis] {
        assert_eq!(shown_texts(tab), all);
        sees_people(tab, &["Ana", "Luis"]);
    }
    assert_eq!(ana.evaluate("document.querySelectorAll('.gap').length"), 0, "nothing is missing");
    luis.wait_for(&format!("{} > 0", notices_with("Ana is back")), "the notice that Ana is back");
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn a_guest_who_was_cut_off_is_the_same_guest_again() {
    let server = Server::start(&[]);
    let gate = Gate::start(server.port());
    let browser = Browser::start();
    let page = browser.open(&gate.url(), "en", PROJECTOR.0, PROJECTOR.1);
    sees_people(&page, &["guest-1"]);
    remember_states(&page);
    gate.close();
    sees_state(&page, "closed");
    gate.open();
    page.wait_for("states_seen.includes('closed 1006')", "the cut");
    sees_state(&page, "open");
    say(&page, "still me");
    sees_message(&page, "guest-1", "still me");
    sees_people(&page, &["guest-1"]);
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn a_reload_keeps_the_person_and_what_was_said() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let mut luis = Client::join(&server, "Luis");
    let ana = enter(&browser, &server, "Ana");
    luis.say("Good morning");
    sees_message(&ana, "Luis", "Good morning");
    say(&ana, "Good morning, Luis");
    open_private(&ana, "Luis");
    say(&ana, "psst");
    sees_own(&ana, "psst", "delivered");

    ana.visit(&server.url());
    sees_people(&ana, &["Ana", "Luis"]);
    sees_own(&ana, "Good morning, Luis", "delivered");
    assert_eq!(shown_texts(&ana), serde_json::json!(["Good morning", "Good morning, Luis"]));
    assert_eq!(ana.evaluate("document.querySelectorAll('.gap, .unread').length"), 0);
    show(&ana, "Luis");
    sees_own(&ana, "psst", "delivered");
    assert_no_console_errors(&ana);
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn waiting_messages_survive_a_reload() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let mut luis = Client::join(&server, "Luis");
    let ana = enter(&browser, &server, "Ana");
    ana.click("#leave");
    sees_state(&ana, "closed");
    say(&ana, "See you");
    sees_own(&ana, "See you", "waiting");
    ana.visit(&server.url());
    sees_own(&ana, "See you", "delivered");
    assert_eq!(luis.message(), ("Ana".into(), "See you".into()));
    assert_eq!(shown_texts(&ana), serde_json::json!(["See you"]));
    assert_no_console_errors(&ana);
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn the_title_counts_what_came_to_a_hidden_tab() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let mut luis = Client::join(&server, "Luis");
    let ana = enter(&browser, &server, "Ana");
    let other = open(&browser, &server, "en", PROJECTOR);
    other.bring_to_front();
    ana.wait_in_background_for("document.hidden", "that it is hidden");
    luis.say("one");
    luis.say("two");
    ana.wait_in_background_for("document.title.startsWith('(2) ')", "the count of two");
    ana.wait_for("!document.title.includes('(')", "no count once it is looked at");
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn lost_messages_are_shown_as_a_gap() {
    let mut server = Server::start(&[]);
    let browser = Browser::start();
    let ana = enter(&browser, &server, "Ana");
    say(&ana, "before");
    sees_own(&ana, "before", "delivered");
    let port = server.port();
    assert!(server.stop().success());
    sees_state(&ana, "closed");
    say(&ana, "in between");

    let _restarted = Server::start_on(port, &[]);
    sees_own(&ana, "in between", "delivered");
    ana.wait_for(
        "(texts => texts[0] === 'before' && texts[1].includes('server restarted') && texts[2] === 'in between')(
            [...document.querySelectorAll('#log :is(.message .text, .gap)')].map(row => row.textContent))",
        "the gap between what was said before and after",
    );
    sees_people(&ana, &["Ana"]);
    ana.screenshot("gap");
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn a_private_message_to_a_user_who_left_is_refused_and_can_be_edited_again() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let mut luis = Client::join(&server, "Luis");
    let ana = enter(&browser, &server, "Ana");
    open_private(&ana, "Luis");
    say(&ana, "Are you there?");
    sees_own(&ana, "Are you there?", "delivered");
    luis.leave();
    ana.wait_for(
        "document.querySelector('#log > :not([hidden]) .notice[data-type=left]')",
        "in the private thread that Luis left",
    );
    say(&ana, "Still there?");
    sees_own(&ana, "Still there?", "refused");
    ana.screenshot("refused");
    ana.click("#log [data-state=refused] button");
    ana.wait_for("document.querySelector('#message').value === 'Still there?'", "the text again");
    assert_eq!(shown_texts(&ana), serde_json::json!(["Are you there?"]));
    // What was meant for one must not go to all.
    show(&ana, "");
    assert_eq!(ana.evaluate("document.querySelector('#message').value"), "");
    assert_no_console_errors(&ana);
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn a_thread_follows_its_person_to_a_new_name() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let ana = enter(&browser, &server, "Ana");
    let luis = enter(&browser, &server, "Luis");
    open_private(&ana, "Luis");
    say(&ana, "psst");
    sees_own(&ana, "psst", "delivered");
    rename(&luis, "Lucho");
    ana.wait_for(&format!("{SHOWN} === 'Lucho'"), "the thread under the new name");
    say(&ana, "nice name");
    sees_own(&ana, "nice name", "delivered");
    show(&luis, "Ana");
    sees_message(&luis, "Ana", "nice name");
    assert_eq!(shown_texts(&luis), serde_json::json!(["psst", "nice name"]));
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn a_duplicated_tab_takes_over_and_the_old_one_says_so() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let ana = enter(&browser, &server, "Ana");
    let stored = ana.evaluate("Object.entries(sessionStorage)");
    let copy = browser.open(&server.url(), "en", PROJECTOR.0, PROJECTOR.1);
    sees_state(&copy, "open");
    // Going to another page first: leaving this one, it would write down its own session.
    copy.visit(&format!("{}health", server.url()));
    copy.evaluate(&format!(
        "sessionStorage.clear(); for (const [key, value] of {stored}) sessionStorage.setItem(key, value)"
    ));
    copy.visit(&server.url());
    sees_people(&copy, &["Ana"]);
    sees_state(&ana, "closed 4501");
    ana.screenshot("taken-over");
    ana.click("#retry");
    sees_state(&ana, "open");
    for tab in [&ana, &copy] {
        tab.wait_for(
            &format!("({PEOPLE}).length === 2 && ({PEOPLE}).includes('Ana')"),
            "Ana and somebody new",
        );
    }
    sees_state(&copy, "open");
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn who_is_writing_is_shown_until_the_message_comes() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let ana = enter(&browser, &server, "Ana");
    let luis = enter(&browser, &server, "Luis");
    luis.fill("#message", "I am thinking");
    ana.wait_in_background_for(
        "document.querySelector('#typing').textContent === 'Luis is writing…'",
        "that Luis is writing",
    );
    luis.press_enter();
    sees_message(&ana, "Luis", "I am thinking");
    ana.wait_for("document.querySelector('#typing').textContent === ''", "that nobody is writing");
    assert_eq!(luis.evaluate("document.querySelector('#typing').textContent"), "", "not oneself");
}
