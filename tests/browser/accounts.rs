//! Signing in on the page in a real Chromium; the server admits only users on a list.

use std::thread;

use crate::common::raw::ask;
use crate::common::users::{Users, cookie, password_of, post, sign_in};
use crate::common::{Client, Server};
use crate::driver::{Browser, Page};
use crate::page::*;

/// A user who is signed in without a browser.
fn join(server: &Server, name: &str) -> Client {
    let header = format!("Cookie: {}", cookie(server, name));
    let mut client = Client::open_as(server, "/ws", &header);
    assert_eq!(client.wait_for("welcome")["you"], name);
    client
}

/// All that the next person at this computer could find: the document, what is written in its fields, and what is stored.
fn all_of(page: &Page) -> String {
    page.evaluate(ALL).to_string()
}

const ALL: &str = "[document.documentElement.outerHTML, JSON.stringify(sessionStorage), JSON.stringify(localStorage), document.title,
    ...[...document.querySelectorAll('input')].map(input => input.value),
    JSON.stringify([...ownFeed.lines.values()]), JSON.stringify([...state.threads.values()].map(thread => thread.draft))].join()";

/// Nothing of this word is left, once the page has drawn what it knows: that is with its next frame. In base64 it may stand by chance.
fn keeps_nothing_of(page: &Page, word: &str) {
    page.wait_for(&format!("!/\\b{word}\\b/.test({ALL})"), &format!("nothing of {word}"));
}

/// What Chromium itself says in red about an answer that was to be refused is no error of the page.
fn assert_no_errors_but(page: &Page, expected: &str) {
    let errors = page.console_errors();
    assert!(errors.iter().all(|error| error.contains(expected)), "{errors:?}");
}

/// How many handshakes for the chat, and how many for the inspector, this tab has sent.
fn handshakes(page: &Page) -> [usize; 2] {
    ["/ws", "/wire"].map(|path| page.handshake_headers(path, "Host").len())
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn after_signing_in_a_user_can_chat_and_after_signing_out_the_form_is_back() {
    let users = Users::new(&["Ana", "Luis"]);
    let server = users.serve(&[]);
    let browser = Browser::start();
    let mut luis = join(&server, "Luis");
    let ana = browser.open(&server.url(), "en", PROJECTOR.0, PROJECTOR.1);
    sees_form(&ana);
    assert_eq!(handshakes(&ana), [0, 0], "nobody is signed in: a handshake would be refused");
    assert_eq!(ana.evaluate("document.activeElement.id"), "account");

    // However the name is written.
    fill_form(&ana, "ana", &password_of("Ana"));
    sees_people(&ana, &["Ana", "Luis"]);
    assert_eq!(luis.wait_for("joined")["name"], "Ana");
    ana.wait_for(
        "document.querySelector('#people-panel').innerText.includes('Signed in as Ana')
            && !document.querySelector('#name').checkVisibility()
            && !document.querySelector('#change-name').checkVisibility()",
        "who is signed in, and no way to another name",
    );
    assert_eq!(ana.evaluate("document.cookie"), "", "no script can read the cookie");
    assert_eq!(ana.evaluate("document.activeElement.id"), "message");
    say(&ana, "Hello, Luis");
    sees_own(&ana, "Hello, Luis", "delivered");
    assert_eq!(luis.message(), ("Ana".into(), "Hello, Luis".into()));

    // Leaving is not signing out.
    ana.click("#leave");
    sees_state(&ana, "closed 1000");
    ana.click("#leave");
    sees_state(&ana, "open");
    ana.visit(&server.url());
    sees_own(&ana, "Hello, Luis", "delivered");

    ana.click("#sign-out");
    sees_state(&ana, "closed 4500");
    sees_form(&ana);
    let state = ana.evaluate("document.querySelector('#state').textContent").to_string();
    assert!(state.contains("the session ended") && state.contains("You signed out"), "{state}");
    assert_eq!(
        ana.evaluate("[state.retryAt, document.activeElement.id]"),
        serde_json::json!([null, "account"])
    );
    while luis.wait_for("left")["code"] != 4500 {}
    ana.visit(&server.url());
    sees_form(&ana);
    assert_no_console_errors(&ana);
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn a_wrong_password_says_what_to_do_and_the_right_one_then_works() {
    let users = Users::new(&["Ana"]);
    let server = users.serve(&[]);
    let browser = Browser::start();
    for (language, window, empty, wrong) in [
        ("es", PHONE, "Escribe tu nombre", "no son correctos"),
        ("en", PROJECTOR, "Write your name", "is wrong"),
    ] {
        let page = browser.open(&server.url(), language, window.0, window.1);
        sees_form(&page);
        page.click("#sign-in-button");
        explains(&page, empty);
        fill_form(&page, "Ana", "not hers");
        page.wait_for(
            "document.querySelector('#sign-in-button').disabled && document.querySelector('[aria-busy=true]')",
            "that the page waits for the answer",
        );
        explains(&page, wrong);
        // The name stays; what is typed next replaces the password.
        page.wait_for(
            "(field => field === document.activeElement && field.selectionEnd - field.selectionStart === 'not hers'.length)
                (document.querySelector('#password'))",
            "the password selected",
        );
        assert_eq!(page.evaluate("document.querySelector('#account').value"), "Ana");
        page.screenshot(&format!("sign-in-wrong-{language}"));
        page.type_into("#password", &password_of("Ana"));
        sees_state(&page, "open");
        assert_eq!(page.evaluate("document.querySelector('#password').value"), "");
        assert_no_errors_but(&page, "401");
        // The way out is reachable on a phone, too.
        if window == PHONE {
            page.click("[aria-controls=people-panel]");
            page.screenshot("signed-in-phone");
        }
        page.click("#sign-out");
        sees_form(&page);
        page.close();
    }
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn after_too_many_wrong_passwords_the_page_says_how_long_to_wait() {
    let users = Users::new(&["Ana", "Luis"]);
    let server = users.serve(&[]);
    let browser = Browser::start();
    let page = browser.open(&server.url(), "en", PROJECTOR.0, PROJECTOR.1);
    thread::scope(|scope| {
        for _ in 0..10 {
            scope.spawn(|| assert_eq!(sign_in(&server, "Ana", "wrong").status, 401));
        }
    });
    fill_form(&page, "Ana", &password_of("Ana"));
    explains(&page, "Too many wrong passwords: wait ");
    let seconds = "Number(/\\d+/.exec(document.querySelector('#sign-in-problem').textContent))";
    let told = page.evaluate(seconds).as_u64().expect("a number of seconds");
    assert!((1..=30).contains(&told), "{told}");
    page.wait_for(
        "(button => button.disabled && /^Wait \\d+ s$/.test(button.textContent))(document.querySelector('#sign-in-button'))",
        "the button counts down",
    );
    page.screenshot("sign-in-too-often");
    page.click("[data-language=es]");
    explains(&page, &format!("espera {told} s"));
    page.click("[data-language=en]");
    // It was not Luis who was wrong.
    sign_in_at(&page, "Luis");
    assert_no_errors_but(&page, "429");
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn when_the_whole_class_signs_in_at_once_the_page_waits_and_retries() {
    let users = Users::new(&["Ana"]);
    let server = users.serve(&[]);
    let browser = Browser::start();
    let page = browser.open(&server.url(), "en", PROJECTOR.0, PROJECTOR.1);
    sees_form(&page);
    page.evaluate(
        "window.refused = 0;
         const really = window.fetch;
         window.fetch = (path, ...rest) => path === 'login' && refused++ < 2
            ? Promise.resolve(new Response('busy', { status: 503, headers: { 'Retry-After': '0.3' } }))
            : really(path, ...rest)",
    );
    fill_form(&page, "Ana", &password_of("Ana"));
    explains(&page, "tries again by itself");
    sees_people(&page, &["Ana"]);
    assert_eq!(page.evaluate("refused"), 3);
    assert_no_console_errors(&page);
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn each_failed_sign_in_is_explained() {
    let users = Users::new(&["Ana"]);
    let server = users.serve(&[]);
    let gate = Gate::start(server.port());
    let browser = Browser::start();
    let page = browser.open(&gate.url(), "en", PROJECTOR.0, PROJECTOR.1);
    fill_form(&page, "Ana", "a\u{7f}b");
    explains(&page, "a password has no control characters");

    gate.close();
    fill_form(&page, "Ana", &password_of("Ana"));
    explains(&page, "does not answer");
    page.click("[data-language=es]");
    explains(&page, "no responde");
    page.click("[data-language=en]");
    gate.open();
    sign_in_at(&page, "Ana");

    // Who cannot sign out must not believe that it is done.
    // Not with the mouse: while the page tries to come back, its parts move.
    let sign_out = "document.querySelector('#sign-out').click()";
    gate.close();
    page.evaluate(sign_out);
    explains(&page, "you are still signed in");
    gate.open();
    page.evaluate(sign_out);
    sees_form(&page);
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn a_password_manager_understands_the_form() {
    let users = Users::new(&["Ana"]);
    let server = users.serve(&[]);
    let browser = Browser::start();
    let page = browser.open(&server.url(), "en", PROJECTOR.0, PROJECTOR.1);
    sees_form(&page);
    let form = page.evaluate(
        "(form => [form.tagName, form.method, new URL(form.action).pathname,
            [...form.querySelectorAll('input')].map(({ type, name, autocomplete, labels }) => [type, name, autocomplete, labels[0].textContent]),
            [...form.elements].filter(({ type }) => type === 'submit').length])(document.querySelector('#sign-in form'))",
    );
    let expected = serde_json::json!([
        "FORM",
        "post",
        "/login",
        [["text", "name", "username", "Name"], ["password", "password", "current-password", "Password"]],
        1
    ]);
    assert_eq!(form, expected);
    // One may look at what one types; it is hidden again before it is sent.
    page.fill("#password", "secret");
    page.click("#show-password");
    assert_eq!(page.evaluate("document.querySelector('#password').type"), "text");
    page.fill("#account", "Ana");
    page.type_into("#password", &password_of("Ana"));
    sees_state(&page, "open");
    assert_eq!(page.evaluate("document.querySelector('#password').type"), "password");
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn two_tabs_are_one_user_and_private_messages_reach_both() {
    let users = Users::new(&["Ana", "Luis"]);
    let server = users.serve(&[]);
    let browser = Browser::start();
    let mut luis = join(&server, "Luis");
    let first = enter_signed_in(&browser, &server, "Ana");
    let second = open(&browser, &server, "en", PROJECTOR);
    for tab in [&first, &second] {
        sees_people(tab, &["Ana", "Luis"]);
    }
    luis.say(r#"{"type":"message","text":"psst","to":"Ana"}"#);
    for tab in [&first, &second] {
        shows_unread(tab, "Luis", 1);
        show(tab, "Luis");
        sees_message(tab, "Luis", "psst");
    }
    say(&first, "yes?");
    for tab in [&first, &second] {
        sees_own(tab, "yes?", "delivered");
        assert_eq!(shown_texts(tab), serde_json::json!(["psst", "yes?"]));
        assert_eq!(tab.evaluate("document.querySelectorAll('.unread').length"), 0);
    }
    // For the others it is one who is here, until the last tab is closed.
    second.close();
    show(&first, "");
    say(&first, "still here");
    sees_own(&first, "still here", "delivered");
    let mut seen = Vec::new();
    loop {
        let event = luis.event();
        seen.push(event["type"].as_str().expect("a type").to_owned());
        if event["text"] == "still here" {
            break;
        }
    }
    let count = |kind: &str| seen.iter().filter(|seen| *seen == kind).count();
    assert_eq!((count("joined"), count("left")), (1, 0), "{seen:?}");
    assert_no_console_errors(&first);
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn the_next_user_of_a_tab_finds_nothing_of_the_previous_one() {
    let users = Users::new(&["Ana", "Eva", "Luis"]);
    // Without a past, so that what Eva sees of Ana would be what the page has kept.
    let server = users.serve(&["--history", "0"]);
    let browser = Browser::start();
    let mut luis = join(&server, "Luis");
    let page = browser.open(&server.url(), "en", 1920, 1080);
    sign_in_at(&page, "Ana");
    page.click("[aria-controls=inspector]");
    page.wait_for("ownFeed.watching", "the inspector");
    page.click("[aria-controls=people-panel]");
    let [public, secret, draft, answer, unread] = ["carrots", "parsnips", "radishes", "turnips", "beetroots"];
    say(&page, public);
    open_private(&page, "Luis");
    say(&page, secret);
    sees_own(&page, secret, "delivered");
    luis.say(&format!(r#"{{"type":"message","text":"{answer}","to":"Ana"}}"#));
    sees_message(&page, "Luis", answer);
    page.wait_for("find('frames').textContent.includes('parsnips')", "the frame in the inspector");
    page.evaluate("[...document.querySelectorAll('.frame.client')].at(-1).click()");
    page.fill("#message", draft);
    show(&page, "");
    luis.say(&format!(r#"{{"type":"message","text":"{unread}","to":"Ana"}}"#));
    page.wait_for("document.title.includes('(1)')", "one unread message");
    page.fill("#message", draft);
    page.click("#leave");
    sees_state(&page, "closed");
    page.type_into("#message", secret);
    sees_own(&page, secret, "waiting");
    page.fill("#message", draft);
    let before = all_of(&page);
    let words = [public, secret, draft, answer, unread, "Ana", "Luis"];
    for word in words {
        assert!(before.contains(word), "the test looks for {word} where it never was");
    }
    page.click("#sign-out");
    sees_form(&page);
    page.screenshot("signed-out-inspector");
    let find_nothing = |when: &str| {
        let after = all_of(&page);
        for word in words {
            let place = after.find(word).unwrap_or(0);
            let around: String = after.chars().skip(place.saturating_sub(200)).take(400).collect();
            assert!(!after.contains(word), "{when} there is {word}: {around}");
        }
    };
    find_nothing("after signing out");
    page.visit(&server.url());
    sees_form(&page);
    find_nothing("after a reload");

    drop(luis);
    sign_in_at(&page, "Eva");
    sees_people(&page, &["Eva"]);
    find_nothing("for Eva");
    assert_no_console_errors(&page);
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn waiting_messages_survive_a_restart_and_are_sent_when_the_same_user_signs_in() {
    let users = Users::new(&["Ana", "Luis"]);
    let mut server = users.serve(&[]);
    let browser = Browser::start();
    let ana = enter_signed_in(&browser, &server, "Ana");
    let port = server.port();
    assert!(server.stop().success());
    sees_state(&ana, "closed");
    say(&ana, "one");
    say(&ana, "two");
    sees_own(&ana, "two", "waiting");

    let restarted = Server::start_on(port, &["--users", &users.path()]);
    let mut luis = join(&restarted, "Luis");
    sees_form(&ana);
    ana.screenshot("sign-in-after-restart");
    ana.visit(&restarted.url());
    sign_in_at(&ana, "Ana");
    sees_own(&ana, "one", "delivered");
    sees_own(&ana, "two", "delivered");
    for text in ["one", "two"] {
        assert_eq!(luis.message(), ("Ana".into(), text.into()));
    }
    say(&ana, "three");
    assert_eq!(luis.message(), ("Ana".into(), "three".into()), "each was posted once");
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn waiting_messages_are_never_sent_under_another_name() {
    let users = Users::new(&["Ana", "Eva", "Luis"]);
    let mut server = users.serve(&[]);
    let browser = Browser::start();
    let page = enter_signed_in(&browser, &server, "Ana");
    let key = page.evaluate("state.wireKey");
    let reloaded = open(&browser, &server, "en", PROJECTOR);
    let port = server.port();
    assert!(server.stop().success());
    for tab in [&page, &reloaded] {
        sees_state(tab, "closed");
        say(tab, "carrots");
        sees_own(tab, "carrots", "waiting");
    }
    let restarted = Server::start_on(port, &["--users", &users.path()]);
    let mut luis = join(&restarted, "Luis");
    reloaded.visit(&restarted.url());
    sees_form(&reloaded);
    sign_in_at(&page, "Eva");
    say(&page, "It is Eva");
    assert_eq!(luis.message(), ("Eva".into(), "It is Eva".into()));
    assert_ne!(page.evaluate("state.wireKey"), key, "whoever was here could watch with it");
    for tab in [&page, &reloaded] {
        sees_people(tab, &["Eva", "Luis"]);
        let all = all_of(tab);
        assert!(!all.contains("carrots") && !all.contains("Ana"), "{all}");
    }
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn a_user_who_is_removed_from_the_list_is_signed_out() {
    let users = Users::new(&["Ana", "Luis"]);
    let server = users.serve(&[]);
    let browser = Browser::start();
    let ana = enter_signed_in(&browser, &server, "Ana");
    users.remove("Ana");
    sees_state(&ana, "closed 4500");
    sees_form(&ana);
    let state = ana.evaluate("document.querySelector('#state').textContent").to_string();
    assert!(state.contains("no longer on the list"), "{state}");
    fill_form(&ana, "Ana", &password_of("Ana"));
    explains(&ana, "is wrong");
    assert_no_errors_but(&ana, "401");
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn without_accounts_there_is_no_form_and_no_request_for_the_user() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let page = enter(&browser, &server, "Ana");
    page.click("#leave");
    sees_state(&page, "closed");
    page.click("#leave");
    sees_state(&page, "open");
    page.wait_for(
        "!document.querySelector('#sign-in').checkVisibility() && !document.querySelector('#sign-out').checkVisibility()
            && document.querySelector('#change-name').checkVisibility()",
        "names as one likes, and no signing in",
    );
    let asked = page.evaluate(
        "performance.getEntriesByType('resource').map(({ name }) => new URL(name).pathname)
            .filter(path => path !== '/health' && !path.startsWith('/page/'))",
    );
    assert_eq!(asked, serde_json::json!([]));
    // A close with 4500 is no more than that.
    page.evaluate("send({ type: 'show', what: 'close', code: 4500 })");
    sees_state(&page, "closed 4500");
    page.click("#retry");
    sees_state(&page, "open");
    sees_people(&page, &["Ana"]);
    assert_no_console_errors(&page);
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn a_page_that_stays_open_notices_when_accounts_come_and_go() {
    let users = Users::new(&["Ana"]);
    let mut server = Server::start(&[]);
    let port = server.port();
    let browser = Browser::start();
    let page = enter(&browser, &server, "Eva");
    assert!(server.stop().success());
    sees_state(&page, "closed");
    say(&page, "carrots");
    sees_own(&page, "carrots", "waiting");
    let mut with_accounts = Server::start_on(port, &["--users", &users.path()]);
    sign_in_at(&page, "Ana");
    sees_people(&page, &["Ana"]);
    assert!(!all_of(&page).contains("carrots"), "that was Eva's, who need not be Ana");

    assert!(with_accounts.stop().success());
    let mut once_more = Server::start_on(port, &["--users", &users.path()]);
    sees_form(&page);
    assert!(once_more.stop().success());
    let _without = Server::start_on(port, &[]);
    fill_form(&page, "Ana", &password_of("Ana"));
    sees_state(&page, "open");
    sees_people(&page, &["Ana"]);
    page.wait_for("document.querySelector('#change-name').checkVisibility()", "names as one likes");
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn signing_in_or_out_in_one_tab_reaches_all_tabs() {
    let users = Users::new(&["Ana"]);
    let server = users.serve(&[]);
    let browser = Browser::start();
    let other = browser.open(&server.url(), "en", PROJECTOR.0, PROJECTOR.1);
    sees_form(&other);
    let ana = enter_signed_in(&browser, &server, "Ana");
    other.wait_in_background_for(
        "document.querySelector('#state').dataset.state === 'open'",
        "that it is in as well",
    );
    sees_people(&other, &["Ana"]);
    // One that has left hears nothing from the server any more.
    let left = open(&browser, &server, "en", PROJECTOR);
    say(&ana, "carrots");
    sees_message(&left, "Ana", "carrots");
    left.click("#leave");
    sees_state(&left, "closed 1000");

    ana.click("#sign-out");
    sees_form(&ana);
    for tab in [&other, &left] {
        tab.wait_in_background_for("state.nobody", "that it is out as well");
        sees_form(tab);
        keeps_nothing_of(tab, "carrots");
        keeps_nothing_of(tab, "Ana");
    }
    sees_state(&other, "closed 4500");
    for tab in [&ana, &other, &left] {
        assert_no_console_errors(tab);
    }
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn after_a_close_with_4500_the_page_says_if_the_user_is_still_signed_in() {
    let users = Users::new(&["Ana"]);
    let server = users.serve(&[]);
    let browser = Browser::start();
    let ana = enter_signed_in(&browser, &server, "Ana");
    say(&ana, "carrots");
    sees_own(&ana, "carrots", "delivered");
    ana.evaluate("send({ type: 'show', what: 'close', code: 4500 })");
    sees_state(&ana, "closed 4500");
    ana.wait_for("document.querySelector('#retry').checkVisibility()", "the way back");
    sees_own(&ana, "carrots", "delivered");
    ana.click("#retry");
    sees_state(&ana, "open");

    // But signing out in another browser signs out here, too.
    let elsewhere = format!("Cookie: {}\r\n", cookie(&server, "Ana"));
    assert_eq!(ask(&server, post("/logout", "application/json", "", &elsewhere)).status, 200);
    sees_state(&ana, "closed 4500");
    sees_form(&ana);
    assert_no_console_errors(&ana);
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn a_duplicated_tab_takes_over_and_the_old_one_can_come_in_as_well() {
    let users = Users::new(&["Ana"]);
    let server = users.serve(&[]);
    let browser = Browser::start();
    let ana = enter_signed_in(&browser, &server, "Ana");
    let stored = ana.evaluate("Object.entries(sessionStorage)");
    let copy = browser.open(&format!("{}health", server.url()), "en", PROJECTOR.0, PROJECTOR.1);
    copy.evaluate(&format!("for (const [key, value] of {stored}) sessionStorage.setItem(key, value)"));
    copy.visit(&server.url());
    sees_state(&copy, "open");
    sees_state(&ana, "closed 4501");
    ana.click("#retry");
    for tab in [&ana, &copy] {
        sees_state(tab, "open");
        sees_people(tab, &["Ana"]);
    }
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn the_inspector_sees_the_first_byte_after_signing_in_and_how_it_ends() {
    let users = Users::new(&["Ana"]);
    let server = users.serve(&[]);
    let browser = Browser::start();
    let page = browser.open(&server.url(), "en", PROJECTOR.0, PROJECTOR.1);
    sees_form(&page);
    page.click("[aria-controls=inspector]");
    page.visit(&server.url());
    sees_form(&page);
    page.wait_for("find('feed-note').textContent.includes('Sign in')", "what the inspector waits for");
    assert_eq!(handshakes(&page), [0, 0]);
    sign_in_at(&page, "Ana");
    page.wait_for("latestOwnLine()?.opened?.late === false", "the connection from its first byte");
    page.wait_for(
        "[...document.querySelectorAll('#request .header-line')].some(line => /^Cookie: \\*+$/.test(line.textContent))",
        "the cookie, hidden",
    );
    page.click("[aria-controls=people-panel]");
    page.click("#sign-out");
    sees_form(&page);
    page.wait_for("find('inspect-close-fact').textContent === '4500'", "how it was closed");
    page.wait_for("latestOwnLine().closed !== null", "the end of TCP");
    page.wait_for("ownFeed.socket === null", "the end of the feed");
    assert_no_console_errors(&page);
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn the_teacher_watches_the_class_without_signing_in() {
    let users = Users::new(&["Ana", "Luis"]);
    let server = users.serve(&["--teacher-key", "teacher-key"]);
    let browser = Browser::start();
    let url = format!("{}#teacher=teacher-key", server.url());
    let teacher = browser.open(&url, "en", 1920, 1080);
    sees_form(&teacher);
    teacher.wait_for("classFeed.watching", "the class in the inspector");
    let mut luis = join(&server, "Luis");
    luis.say("carrots");
    teacher.wait_for("find('lanes').textContent.includes('carrots')", "what Luis says");
    teacher.screenshot("sign-in-teacher");
    // Signed in, it is still the teacher; signed out, nobody is.
    sign_in_at(&teacher, "Ana");
    teacher.wait_for("find('lanes').textContent.includes('Ana')", "the teacher's own lane");
    teacher.click("[aria-controls=people-panel]");
    teacher.click("#sign-out");
    sees_form(&teacher);
    let all = all_of(&teacher);
    assert!(!all.contains("carrots") && !all.contains("teacher-key"), "{all}");
    assert_no_console_errors(&teacher);
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn the_form_fits_a_phone_and_a_projector_in_both_languages_by_day_and_in_the_dark() {
    let users = Users::new(&["María de los Ángeles Fernández-G"]);
    let server = users.serve(&[]);
    let browser = Browser::start();
    for window in [(1920, 1080), PROJECTOR, (390, 844), PHONE] {
        for (language, colours) in [("es", "light"), ("en", "dark")] {
            let (width, height) = window;
            let page = browser.open_in_colours(&server.url(), language, width, height, colours);
            sees_form(&page);
            let shot = |what: &str| {
                page.screenshot(&format!("sign-in-{what}-{language}-{width}"));
                fits(&page, window);
            };
            shot("form");
            fill_form(&page, &format!("nobody {width} {language}"), "wrong");
            explains(&page, if language == "es" { "no son correctos" } else { "is wrong" });
            shot("error");
            for selector in ["#account", "#password", "#sign-in-problem", "#sign-in-button"] {
                page.wait_for(
                    &format!(
                        "(box => box.height > 0 && box.top >= 0 && box.bottom <= innerHeight)(document.querySelector('{selector}').getBoundingClientRect())"
                    ),
                    &format!("{selector} in view"),
                );
            }
            sign_in_at(&page, "María de los Ángeles Fernández-G");
            if width < 600 {
                page.click("[aria-controls=people-panel]");
            }
            shot("in");
            page.click("#sign-out");
            sees_state(&page, "closed 4500");
            sees_form(&page);
            shot("out");
            assert_no_errors_but(&page, "401");
            page.close();
        }
    }
}
