//! What a teacher does with the class, and what the class sees of it: by mouse, touch and keyboard, in both languages.

use crate::common::{Client, Server};
use crate::driver::{Browser, Page, quoted};
use crate::page::*;
use serde_json::{Value, json};

const KEY: &str = "teacher-key";

fn start() -> Server {
    Server::start(&["--teacher-key", KEY])
}

/// Opens the teacher's page, as the link of the terminal does; the inspector that it opens makes room for the people.
fn teacher(browser: &Browser, server: &Server, language: &str, (width, height): Window) -> Page {
    let page = browser.open(&format!("{}#teacher={KEY}", server.url()), language, width, height);
    sees_state(&page, "open");
    page.give(&["teacher/room"]);
    page.wait_for("room.isTeacher", "the teacher's rights");
    page.wait_for("classFeed.watching", "the class in the inspector");
    page.evaluate("showPanel('inspector', false)");
    page.evaluate(&format!("showPanel('people-panel', {})", width > PHONE.0));
    page
}

/// Opens the page of a pupil with this name.
fn pupil(browser: &Browser, server: &Server, language: &str, name: &str) -> Page {
    let page = open(browser, server, language, PROJECTOR);
    rename(&page, name);
    page
}

/// A message's button with the three dots.
fn dots_of(page: &Page, text: &str) -> String {
    page.evaluate(&format!(
        "(message => {{ for (const other of document.querySelectorAll('[data-test]')) delete other.dataset.test; message.dataset.test = ''; }})(
            [...document.querySelectorAll('#log .message')].find(row => row.querySelector('.text').textContent === {}))",
        quoted(text)
    ));
    "#log [data-test] .menu-button".to_owned()
}

fn person_dots(name: &str) -> String {
    format!("#people [data-name=\"{name}\"] .menu-button")
}

/// Presses the item of the open menu with this key of its words.
fn choose(page: &Page, item: &str) {
    page.click(&format!("#teacher-menu [data-words={item}]"));
}

fn confirm(page: &Page) {
    page.wait_for("find('ask').open", "the question");
    page.click("#ask .main");
    page.wait_for("!find('ask').open", "no question any more");
}

/// All that a page has, on the screen, in the storage, and in its inspector: as text, and as the bytes of the frames.
fn all_of(page: &Page) -> String {
    let all = page.evaluate(
        "[document.documentElement.outerHTML, document.title, JSON.stringify(Object.entries(sessionStorage)), JSON.stringify(Object.entries(localStorage)),
          JSON.stringify([...state.threads.values()]), JSON.stringify(state.outbox), [...document.querySelectorAll('input, textarea')].map(({ value }) => value),
          ...[ownFeed, classFeed, view.recorded].flatMap(feed => [...feed?.lines.values() ?? []]).flatMap(line => [...line.rows, ...line.undrawn])
              .filter(row => row.type === 'frame').map(row => said(row) + row.payload + row.plain)].join('\\n')",
    );
    all.as_str().expect("text").to_owned()
}

fn hex(text: &str) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[track_caller]
fn assert_gone(page: &Page, text: &str) {
    let all = all_of(page);
    for form in [text, &hex(text)] {
        let at = all.find(form).map(|at| all[at.saturating_sub(300)..].chars().take(600).collect::<String>());
        assert_eq!(at, None, "it still has {form}");
    }
}

fn is_removed(page: &Page, words: &str) {
    page.wait_for(
        &format!(
            "[...document.querySelectorAll('#log .message .text')].some(text => text.textContent === {})",
            quoted(words)
        ),
        words,
    );
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn a_removed_message_is_nowhere_on_any_page() {
    let server = start();
    let browser = Browser::start();
    let maria = teacher(&browser, &server, "en", PROJECTOR);
    let eva = pupil(&browser, &server, "es", "Eva");
    let luis = pupil(&browser, &server, "en", "Luis");
    for page in [&eva, &luis] {
        page.evaluate("showPanel('inspector', true); connectAgain()");
        page.wait_for("document.querySelectorAll('#frames .frame.server').length > 1", "frames");
    }
    maria.evaluate("showPanel('inspector', true); view.wholeClass || find('whole-class').click()");
    let rude = "a rude word that goes on for so long that it is cut in each frame of the inspector, since that shows the first bytes alone, \
                which are 256; so it has to be longer than this, and that is what this end of it is for, with some more words in it";
    for text in [rude, "rude2"] {
        say(&eva, text);
        for page in [&maria, &luis] {
            sees_message(page, "Eva", text);
        }
        maria.wait_for("[...classFeed.lines.values()].flatMap(line => line.rows).some(row => row.type === 'frame' && said(row).includes('rude'))", "it in the class");
        maria.wait_for("find('lanes').textContent.includes('rude')", "it in the lanes");
        for page in [&eva, &luis] {
            page.wait_for(
                "document.querySelector('#inspector').textContent.includes('rude')",
                "it in the inspector",
            );
        }
        // One looks at it bit by bit, and one has frozen the view.
        let frame = "[...document.querySelectorAll('#frames .frame.server')].findLast(row => row.textContent.includes('rude'))";
        luis.wait_for(frame, "its frame");
        luis.evaluate(&format!("{frame}.click()"));
        luis.wait_for("find('detail').textContent.includes('rude')", "the bytes");
        eva.evaluate("view.holding || find('hold').click()");

        maria.click(&dots_of(&maria, text));
        choose(&maria, "remove_ask");
        confirm(&maria);
        for (page, words) in [
            (&maria, "removed by the teacher"),
            (&luis, "removed by the teacher"),
            (&eva, "mensaje retirado por quien da la clase"),
        ] {
            is_removed(page, words);
            page.wait_for("!document.documentElement.outerHTML.includes('rude')", "no word of it");
            assert_gone(page, "rude");
        }
    }
    // Also in a recording that is kept now, and after a reload.
    luis.give(&["inspector/recording"]);
    let kept = luis.evaluate("recordingOf(ownFeed.lines.values(), 'here')").to_string();
    assert!(!kept.contains("rude") && !kept.contains(&hex("rude")) && kept.contains("removed"));
    luis.visit(&server.url());
    sees_people(&luis, &["Eva", "Luis", "guest-1"]);
    assert_gone(&luis, "rude");
    for page in [&maria, &eva, &luis] {
        assert_no_console_errors(page);
    }
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn a_teacher_removes_a_message_with_the_keyboard_alone() {
    let server = start();
    let browser = Browser::start();
    let mut eva = Client::join(&server, "Eva");
    let page = teacher(&browser, &server, "es", PROJECTOR);
    for text in ["first", "second", "third"] {
        eva.say(text);
        sees_message(&page, "Eva", text);
    }
    // The messages are one stop: the newest.
    page.wait_for("document.querySelectorAll('#log .menu-button[tabindex=\"0\"]').length === 1", "one stop");
    page.evaluate("find('log').focus()");
    page.press("Tab");
    let at = "document.activeElement.closest('.message')?.querySelector('.text').textContent";
    page.wait_for(&format!("{at} === 'third'"), "the newest");
    assert_eq!(page.evaluate("getComputedStyle(document.activeElement).opacity"), "1");
    page.press("ArrowUp");
    page.wait_for(&format!("{at} === 'second'"), "the one before");
    page.press_enter();
    let item = "document.activeElement.dataset.words";
    page.wait_for(&format!("{item} === 'remove_ask'"), "the menu");
    page.press("ArrowUp");
    page.wait_for(&format!("{item} === 'expel_ask'"), "its last");
    page.press("ArrowDown");
    page.wait_for(&format!("{item} === 'remove_ask'"), "the first again");
    page.press("Escape");
    page.wait_for(&format!("find('teacher-menu').hidden && {at} === 'second'"), "the message again");
    page.press_enter();
    page.press_enter();
    page.wait_for("find('ask').open && document.activeElement.textContent === 'Cancelar'", "the question");
    page.screenshot("teacher-question-es");
    page.press("Escape");
    page.wait_for(&format!("!find('ask').open && {at} === 'second'"), "the message again");
    assert_eq!(shown_texts(&page), json!(["first", "second", "third"]));
    page.press_enter();
    page.press_enter();
    page.wait_for("find('ask').open", "the question");
    page.press("Tab");
    page.press_enter();
    is_removed(&page, "mensaje retirado por quien da la clase");
    assert_eq!(shown_texts(&page), json!(["first", "mensaje retirado por quien da la clase", "third"]));
    page.wait_for("document.activeElement.matches('#log .menu-button')", "the focus where it was");
    assert_eq!(eva.wait_for("removed")["by"], "guest-1");

    // And a person.
    page.evaluate(&format!("document.querySelector('{}').focus()", person_dots("Eva")));
    page.press("ArrowDown");
    page.wait_for(&format!("{item} === 'mute'"), "the menu");
    page.press_enter();
    page.wait_for("document.querySelector('#muted').textContent.includes('Eva')", "that she is muted");
    page.wait_for(
        &format!("document.activeElement.matches('{}')", person_dots("Eva")),
        "the focus where it was",
    );
    assert_no_console_errors(&page);
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn on_a_phone_the_menus_are_there_without_a_mouse_and_fit() {
    let server = start();
    let browser = Browser::start();
    let mut eva = Client::join(&server, "Eva");
    for language in ["es", "en"] {
        let page = teacher(&browser, &server, language, PHONE);
        eva.say("rude");
        sees_message(&page, "Eva", "rude");
        let dots = dots_of(&page, "rude");
        assert_eq!(
            page.evaluate(&format!("getComputedStyle(document.querySelector('{dots}')).opacity")),
            "1"
        );
        let size = page.evaluate(&format!("(({{ width, height }}) => Math.min(width, height))(document.querySelector('{dots}').getBoundingClientRect())"));
        assert!(size.as_f64().expect("pixels") >= 40.0, "for a finger: {size}");
        page.click(&dots);
        page.wait_for("!find('teacher-menu').hidden", "the menu");
        page.screenshot(&format!("teacher-menu-phone-{language}"));
        fits(&page, PHONE);
        choose(&page, "expel_ask");
        page.wait_for("find('ask').open", "the question");
        page.screenshot(&format!("teacher-expel-phone-{language}"));
        fits(&page, PHONE);
        page.click("#ask [data-words=ask_no]");
        page.click("[aria-controls=people-panel]");
        page.click(&person_dots("Eva"));
        page.wait_for("!find('teacher-menu').hidden", "the menu");
        page.screenshot(&format!("teacher-people-phone-{language}"));
        fits(&page, PHONE);
        // Pressed elsewhere, it goes.
        page.click("#class-title");
        page.wait_for("find('teacher-menu').hidden", "no menu");
        assert_no_console_errors(&page);
        page.close();
    }
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn who_is_muted_is_told_and_keeps_the_text() {
    let server = start();
    let browser = Browser::start();
    let maria = teacher(&browser, &server, "en", PROJECTOR);
    let eva = pupil(&browser, &server, "es", "Eva");
    maria.click(&person_dots("Eva"));
    choose(&maria, "mute");
    maria.wait_for("document.querySelector('#muted').textContent.includes('Eva')", "that she is muted");
    eva.type_into("#name", "Evita");
    eva.wait_for("find('name-problem').textContent.includes('te ha silenciado')", "why not");
    eva.fill("#name", "Eva");
    say(&eva, "hola");
    sees_own(&eva, "hola", "refused");
    eva.wait_for("document.querySelector('#log .refusal').textContent.includes('te ha silenciado')", "why");
    maria.click("#muted .undo");
    maria.wait_for("document.querySelector('#muted').parentElement.hidden", "no one muted");
    eva.click("#log [data-take-back]");
    eva.wait_for("find('message').value === 'hola'", "the text");
    eva.press_enter();
    sees_message(&maria, "Eva", "hola");

    // Listen now: for all but teachers, and everyone sees it.
    maria.click("#listen");
    for (page, words) in [(&maria, "The class is listening"), (&eva, "Ahora toca escuchar")] {
        page.wait_for(
            &format!(
                "find('listen-banner').checkVisibility() && find('listen-banner').textContent.includes({})",
                quoted(words)
            ),
            words,
        );
    }
    maria.wait_for("find('listen').getAttribute('aria-pressed') === 'true'", "that it is on");
    say(&eva, "now?");
    eva.wait_for("[...document.querySelectorAll('#log .refusal')].at(-1).textContent.includes('solo puede escribir quien da la clase')", "why");
    say(&maria, "Look here");
    sees_message(&eva, "guest-1", "Look here");
    // Who comes later knows it, too.
    let luis = open(&browser, &server, "en", PROJECTOR);
    luis.wait_for("find('listen-banner').textContent.includes('Listen now')", "the banner");
    maria.click("#listen");
    for page in [&maria, &eva, &luis] {
        page.wait_for("!find('listen-banner').checkVisibility()", "no banner");
        assert_no_console_errors(page);
    }
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn raised_hands_stand_in_their_order_on_every_page() {
    let server = start();
    let browser = Browser::start();
    let maria = teacher(&browser, &server, "es", PROJECTOR);
    let eva = pupil(&browser, &server, "en", "Eva");
    let mut luis = Client::join(&server, "Luis");
    let hands = "[...document.querySelectorAll('#hands li')].filter(item => item.checkVisibility()).map(item => [...item.querySelectorAll('b, bdi')].map(({ textContent }) => textContent).join(' '))";
    let shows = |page: &Page, names: Value| {
        page.wait_for(
            &format!("JSON.stringify({hands}) === {}", quoted(&names.to_string())),
            &names.to_string(),
        );
    };
    luis.say(r#"{"type":"hand","on":true}"#);
    shows(&eva, json!(["1. Luis"]));
    eva.wait_for("find('hand').textContent.trim() === 'Raise hand'", "the button");
    eva.click("#hand");
    for page in [&maria, &eva] {
        shows(page, json!(["1. Luis", "2. Eva"]));
    }
    eva.wait_for("find('hand').textContent.trim() === 'Take the hand down'", "the other button");
    assert_eq!(maria.evaluate("find('hand').checkVisibility()"), false, "a teacher has no hand to raise");
    assert_eq!(eva.evaluate("document.querySelectorAll('#hands button').length"), 0);
    maria.click("#hands [data-name=Luis] .undo");
    for page in [&maria, &eva] {
        shows(page, json!(["1. Eva"]));
    }
    maria.click(&person_dots("Eva"));
    choose(&maria, "lower_hand");
    shows(&maria, json!([]));
    eva.click("#hand");
    shows(&maria, json!(["1. Eva"]));
    eva.click("#hand");
    shows(&maria, json!([]));
    for page in [&maria, &eva] {
        assert_no_console_errors(page);
    }
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn who_is_kept_out_reads_why_and_for_how_long() {
    let server = start();
    let browser = Browser::start();
    let maria = teacher(&browser, &server, "es", PROJECTOR);
    let eva = pupil(&browser, &server, "en", "Eva");
    say(&eva, "rude");
    sees_message(&maria, "Eva", "rude");
    maria.click(&dots_of(&maria, "rude"));
    choose(&maria, "expel_ask");
    maria.wait_for(
        "find('ask').open && find('expel-minutes').value === '10' && !find('expel-address').checked",
        "the question",
    );
    maria.evaluate("find('expel-minutes').value = '30'");
    confirm(&maria);
    sees_state(&eva, "closed 4502");
    for words in ["a teacher closed the connections of this person", "You may come back in 30 minutes"] {
        eva.wait_for(&format!("find('state').textContent.includes({})", quoted(words)), words);
    }
    eva.wait_for("find('countdown').textContent.includes('does not reconnect')", "that it stays away");
    eva.screenshot("teacher-expelled-en");
    maria.wait_for(&notices_with("quien da la clase cerró las conexiones de esta persona"), "the notice");
    // Another try tells the time that is left.
    eva.click("#retry");
    sees_state(&eva, "closed 4502");
    maria.click("#expelled .undo");
    maria.wait_for("document.querySelector('#expelled').parentElement.hidden", "that she may come");
    eva.click("#retry");
    sees_state(&eva, "open");
    sees_people(&eva, &["Eva", "guest-1"]);

    // The teacher's own address is not kept out.
    maria.click(&person_dots("Eva"));
    choose(&maria, "expel_ask");
    maria.click("#expel-address");
    confirm(&maria);
    explains(&maria, "Esa dirección es también la tuya");
    sees_state(&eva, "open");
    assert_no_console_errors(&maria);
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn newcomers_wait_until_the_teacher_admits_them() {
    let server = start();
    let browser = Browser::start();
    let maria = teacher(&browser, &server, "en", PROJECTOR);
    let eva = pupil(&browser, &server, "en", "Eva");
    maria.click("#lock");
    maria.wait_for("find('lock').getAttribute('aria-pressed') === 'true'", "that it is locked");
    let tom = browser.open(&server.url(), "es", PROJECTOR.0, PROJECTOR.1);
    tom.wait_for(
        "find('state').textContent.includes('Quien da la clase no deja entrar a nadie más por ahora')",
        "why",
    );
    tom.screenshot("teacher-locked-es");
    // Who was here may return.
    eva.visit(&server.url());
    sees_state(&eva, "open");
    maria.click("#lock");
    sees_state(&tom, "open");
    tom.wait_for("state.welcomed", "the welcome");
    assert_no_console_errors(&maria);
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn a_cleared_talk_leaves_one_notice() {
    let server = start();
    let browser = Browser::start();
    let maria = teacher(&browser, &server, "es", PROJECTOR);
    let eva = pupil(&browser, &server, "en", "Eva");
    let luis = pupil(&browser, &server, "en", "Luis");
    for text in ["rude1", "rude2"] {
        say(&eva, text);
        sees_message(&maria, "Eva", text);
    }
    open_private(&eva, "Luis");
    say(&eva, "rude3");
    shows_unread(&luis, "Eva", 1);
    for _ in 0..2 {
        maria.click("#clear-talk");
        maria.wait_for("find('ask').open", "the question");
        maria.screenshot("teacher-clear-es");
        confirm(&maria);
        maria.wait_for("document.activeElement.id === 'clear-talk'", "the focus where it was");
        for page in [&maria, &eva, &luis] {
            page.wait_for(
                "document.querySelectorAll('#log .notice[data-type=cleared]').length === 1",
                "the notice",
            );
            page.wait_for("document.querySelectorAll('#log .message').length === 0", "no message");
            page.wait_for("!document.documentElement.outerHTML.includes('rude')", "nothing of them");
            assert_gone(page, "rude");
        }
    }
    maria.wait_for(&notices_with("guest-1 ha vaciado la conversación"), "who did it");
    luis.wait_for(
        "!document.title.includes('(') && document.querySelector('.unread') === null",
        "nothing unread",
    );
    say(&luis, "on we go");
    sees_message(&maria, "Luis", "on we go");
    luis.visit(&server.url());
    sees_message_or_own(&luis, "on we go");
    assert_gone(&luis, "rude");
    for page in [&maria, &eva, &luis] {
        assert_no_console_errors(page);
    }
}

fn sees_message_or_own(page: &Page, text: &str) {
    page.wait_for(
        &format!(
            "[...document.querySelectorAll('#log .text')].some(({{ textContent }}) => textContent === {})",
            quoted(text)
        ),
        text,
    );
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn a_teacher_has_a_mark_that_no_name_can_have() {
    let server = start();
    let browser = Browser::start();
    let maria = teacher(&browser, &server, "en", PROJECTOR);
    let eva = pupil(&browser, &server, "es", "Eva");
    let mark = |page: &Page, place: &str, label: &str| {
        page.wait_for(
            &format!(
                "document.querySelector({}).getAttribute('aria-label') === '{label}'",
                quoted(&format!("{place} .teachers-mark[role=img]"))
            ),
            place,
        );
    };
    say(&maria, "Good morning");
    sees_message(&eva, "guest-1", "Good morning");
    mark(&eva, "#people [data-name=guest-1]", "docente");
    mark(&eva, "#log .message .from", "docente");
    mark(&maria, "#log .message .from", "teacher");
    // It follows to a new name, and goes with its teacher.
    rename(&maria, "María");
    mark(&eva, "#people [data-name=María]", "docente");
    eva.click("[data-language=en]");
    mark(&eva, "#people [data-name=María]", "teacher");
    mark(&eva, "#log .message .from", "teacher");
    for name in ["María 🎓", "🎓"] {
        eva.type_into("#name", name);
        eva.wait_for(
            "find('name-problem').textContent === 'A name must not have the teachers’ mark.'",
            "why not",
        );
        eva.fill("#name", "Eva");
    }
    // None in the list but hers, and no menus for a pupil.
    assert_eq!(eva.evaluate("document.querySelectorAll('#people .teachers-mark').length"), 1);
    assert_eq!(
        eva.evaluate(
            "document.querySelectorAll('.menu-button').length + Number(find('class-panel').checkVisibility())"
        ),
        0
    );
    maria.close();
    eva.wait_for("document.querySelectorAll('#people .teachers-mark').length === 0", "no teacher");
    assert_no_console_errors(&eva);
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn the_link_of_the_terminal_works_once_and_its_key_is_on_no_screen() {
    let server = start();
    let browser = Browser::start();
    let (_, rest) = server.banner.split_once("#teach=").expect("the banner has the link");
    let code = rest.split_whitespace().next().expect("a code");
    let page = open(&browser, &server, "en", PROJECTOR);
    page.give(&["teacher/room"]);
    assert_eq!(page.evaluate("room.isTeacher"), false);
    page.evaluate("on('said', text => { (globalThis.texts ??= []).push(text); })");
    // Into the same tab: no new entry of the history may have it.
    page.evaluate(&format!("location.hash = 'teach={code}'"));
    page.wait_for(
        "location.href === document.baseURI.split('#')[0] && !location.href.includes('#')",
        "an address without it",
    );
    page.wait_for("room.isTeacher", "the teacher's rights");
    page.wait_for("classFeed.watching", "the class in the inspector");
    say(&page, "hello");
    sees_own(&page, "hello", "delivered");
    page.wait_for("[...classFeed.lines.values()].some(line => line.rows.length > 2)", "frames");
    page.evaluate("showPanel('lesson', true)");
    let shown = page.evaluate(
        "[document.documentElement.outerHTML, JSON.stringify(globalThis.texts), location.href, document.cookie, JSON.stringify(localStorage),
          ...[ownFeed, classFeed].flatMap(feed => [...feed.lines.values()]).flatMap(line => line.rows).map(row => JSON.stringify(row) + (row.type === 'frame' ? said(row) : ''))].join()",
    );
    let shown = shown.as_str().expect("text");
    assert!(shown.contains("hello"));
    for secret in [KEY, code] {
        assert!(!shown.contains(secret) && !shown.contains(&hex(secret)), "it shows {secret}");
    }
    // A reload keeps the rights: the key is in this tab.
    page.visit(&server.url());
    page.give(&["teacher/room"]);
    page.wait_for("room.isTeacher", "the teacher's rights");
    assert_no_console_errors(&page);

    // Once.
    for (language, words) in [("en", "opens nothing"), ("es", "no abre nada")] {
        let other =
            browser.open(&format!("{}#teach={code}", server.url()), language, PROJECTOR.0, PROJECTOR.1);
        explains(&other, words);
        other.give(&["teacher/room"]);
        assert_eq!(
            other.evaluate(
                "[location.hash, room.isTeacher, sessionStorage.getItem('websocket-classroom.teacher')]"
            ),
            json!(["", false, null])
        );
    }
    // Without a code the terminal shows a new one.
    let other = open(&browser, &server, "en", PROJECTOR);
    for words in ["terminal shows a new teacher’s link", "a moment ago"] {
        other.evaluate("location.hash = 'teach'");
        explains(&other, words);
        assert_eq!(other.evaluate("location.href.includes('#')"), false);
    }
    // A wrong key gives no rights, and is not kept.
    let wrong = browser.open(&format!("{}#teacher=wrong-key", server.url()), "en", PROJECTOR.0, PROJECTOR.1);
    explains(&wrong, "does not take the teacher’s key");
    assert_eq!(wrong.evaluate("sessionStorage.getItem('websocket-classroom.teacher')"), Value::Null);
}

#[cfg(feature = "accounts")]
#[test]
#[ignore = "needs Chromium: run by make test"]
fn an_account_with_the_mark_is_a_teacher_and_the_next_person_at_that_computer_is_not() {
    use crate::common::users::Users;

    let users = Users::new(&["Ana", "Eva"]);
    let marked =
        |line: &str| if line.starts_with("Ana:") { format!("{line}:teacher\n") } else { format!("{line}\n") };
    users.write(&users.text().lines().map(marked).collect::<String>());
    let server = users.serve(&["--teacher-key", KEY]);
    let browser = Browser::start();
    let page = enter_signed_in(&browser, &server, "Ana");
    page.give(&["teacher/room"]);
    page.wait_for("room.isTeacher && find('class-panel').checkVisibility()", "the teacher's rights");
    page.wait_for("document.querySelector('#people [data-name=Ana] .teachers-mark')", "the mark");
    say(&page, "hola");
    page.wait_for("document.querySelector('#log .menu-button')", "a menu");
    page.evaluate(&format!(
        "takeTeacherKey('{KEY}'); showPanel('inspector', false); showPanel('people-panel', true)"
    ));
    page.click("#sign-out");
    sign_in_at(&page, "Eva");
    page.wait_for("document.querySelector('#log .message')", "the talk");
    page.wait_for(
        "!find('class-panel').checkVisibility() && find('hand').checkVisibility()",
        "a pupil's page",
    );
    assert_eq!(
        page.evaluate("[room.isTeacher, state.teacherKey, document.querySelectorAll('.menu-button').length]"),
        json!([false, null, 0])
    );
    assert_eq!(page.evaluate("sessionStorage.getItem('websocket-classroom.teacher')"), Value::Null);
    assert_no_console_errors(&page);
}
