//! What users see in the inspector: a real Chromium watches its own connection, and the teacher the class.

use crate::common::{Client, Server};
use crate::driver::{Browser, Page};
use crate::page::*;

/// What the browser itself says in red about a request that was to be refused is no error of the page.
fn assert_no_errors_but(page: &Page, expected: &str) {
    let errors = page.console_errors();
    assert!(errors.iter().all(|error| error.contains(expected)), "{errors:?}");
}

/// A tab that opens with its inspector, so that it sees its connection from the first byte.
fn inspect(browser: &Browser, server: &Server, language: &str, window: Window) -> Page {
    let page = open(browser, server, language, window);
    page.click("[aria-controls=inspector]");
    page.visit(&server.url());
    sees_state(&page, "open");
    page.wait_for("ownFeed.lines.size > 0", "a connection in the inspector");
    page
}

/// Takes a name, which is a frame from the client; the panel for it must not stay in the way.
fn name(page: &Page, name: &str) {
    page.evaluate(&format!("send({{ type: 'name', name: '{name}' }})"));
    page.wait_for(&format!("state.you === '{name}'"), "the new name");
}

/// Presses a button of "Make it happen" and returns what was observed, once that holds.
fn happen(page: &Page, what: &str, observed: &str) {
    page.evaluate("find('make-it-happen').open = true");
    page.click(&format!("#happenings [data-what={what}]"));
    let shown = format!("find('observed-{what}').textContent");
    page.wait_for(&format!("{shown}.includes('{observed}')"), &format!("{what}: {observed}"));
}

/// JavaScript: the chosen frame's bytes as they are drawn, each as [wire, key, plain, character].
const STACKS: &str = "[...document.querySelectorAll('.unmasking > span')].slice(1).map(({ children }) => [...children].map(cell => cell.textContent))";

#[test]
#[ignore = "needs Chromium: run by make test"]
fn the_handshake_on_the_page_is_the_one_that_the_browser_sent() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let page = inspect(&browser, &server, "en", PROJECTOR);
    page.wait_for("find('proof').children.length === 8", "the proof");
    let keys = page.handshake_headers("/ws?", "Sec-WebSocket-Key");
    let key = keys.last().expect("the chat was opened");
    let shown = |id: &str| page.evaluate(&format!("find('{id}').textContent")).to_string();
    assert!(shown("request").contains(&format!("Sec-WebSocket-Key: {key}")), "{}", shown("request"));
    assert!(shown("proof").contains(key), "{}", shown("proof"));
    // The same by the browser's own means.
    page.wait_for(
        "crypto.subtle.digest('SHA-1', new TextEncoder().encode(drawnLine.opened.key + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11')) \
         .then(digest => btoa(String.fromCharCode(...new Uint8Array(digest))) === document.querySelector('.proof .result').textContent)",
        "the proof comes out right",
    );
    assert!(!shown("request").contains(page.evaluate("state.wireKey").as_str().expect("a key")));
    assert!(shown("extensions").contains("permessage-deflate"));
    page.evaluate(
        "[...find('request').children].find(line => line.textContent.startsWith('Origin')).click()",
    );
    page.wait_for(
        "find('request').innerText.includes('refuses those of other sites')",
        "the header explained",
    );
    assert_eq!(page.evaluate("drawnLine.opened.late"), false, "seen from the first byte");
    let rows = page.evaluate("drawnLine.rows.slice(0, 2).map(({ from, hidden }) => [from, hidden ?? false])");
    assert_eq!(
        rows,
        serde_json::json!([["client", true], ["server", false]]),
        "the join, hidden, and the welcome"
    );

    page.click("#ask-wrongly");
    page.wait_for(
        "[...find('lines').options].some(({ text }) => text.includes('426'))",
        "the refused request",
    );
    page.evaluate("find('lines').selectedIndex = [...find('lines').options].findIndex(({ text }) => text.includes('426')); find('lines').dispatchEvent(new Event('change'))");
    page.wait_for("find('response').textContent.includes('426 Upgrade Required')", "its answer");
    assert_no_errors_but(&page, "426");
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn each_frame_is_drawn_bit_by_bit_and_unmasked() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let page = inspect(&browser, &server, "en", PROJECTOR);
    page.evaluate("find('inspect-handshake').open = false");
    name(&page, "Ana");
    page.wait_for("document.querySelector('.frame.client') !== null", "the frame from the client");
    // The first message is the join, of which nothing is shown.
    page.click(".frame.client[data-message='2']");
    let stacks = page.evaluate(STACKS);
    let stacks = stacks.as_array().expect("bytes");
    let byte =
        |text: &serde_json::Value| u8::from_str_radix(text.as_str().expect("text"), 16).expect("hexadecimal");
    let mut text = Vec::new();
    for stack in stacks {
        assert_eq!(byte(&stack[0]) ^ byte(&stack[1]), byte(&stack[2]));
        text.push(byte(&stack[2]));
    }
    assert_eq!(String::from_utf8_lossy(&text), r#"{"type":"name","name":"Ana"}"#);
    let strip = page.evaluate(
        "[...document.querySelectorAll('.bit-strip button > :first-child')].slice(0, 5).map(part => part.textContent).join(' ')",
    );
    assert_eq!(strip, "1 000 0001 1 0011100");
    // Pointing at one lights up what belongs to it.
    page.evaluate("document.querySelectorAll('.bit-strip button')[3].focus()");
    let lit =
        page.evaluate("[...document.querySelectorAll('.parts .lit')].map(row => row.textContent).join()");
    assert!(lit.as_str().is_some_and(|lit| lit.contains("MASK")), "{lit}");
    page.click(".frame.server");
    page.wait_for("find('detail').textContent.includes('A server never masks')", "why there is no mask");
    // The page may say further things by itself.
    let totals = page.evaluate(
        "(rows => [rows.length === drawnLine.totals.client.frames, ...rows.filter(row => said(row).includes('Ana'))
            .flatMap(row => [row.header.length / 2, row.length])])(drawnLine.rows.filter(({ from }) => from === 'client'))",
    );
    assert_eq!(totals, serde_json::json!([true, 6, 28]));
    page.wait_for("find('totals').textContent.includes('by HTTP')", "the price of HTTP");
    assert_no_console_errors(&page);
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn every_demonstration_shows_what_a_page_cannot_do_itself() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let page = inspect(&browser, &server, "en", PROJECTOR);
    page.evaluate("find('inspect-handshake').open = false");
    happen(&page, "ping", "answered with a pong after");
    page.wait_for(
        "document.querySelector('.frame.client[data-kind=pong] .said').textContent.includes(' ms')",
        "the pair",
    );
    happen(&page, "fragments", "3 fragments");
    page.wait_for("new Set([...document.querySelectorAll('.frame.fragment')].map(row => row.dataset.message)).size === 1 && document.querySelectorAll('.frame.fragment').length === 3", "the fragments of one message");
    happen(&page, "binary", "16 bytes");
    happen(&page, "push", "3 of 3");
    page.evaluate("find('close-code').value = '4321'");
    let track = "document.querySelector('#track [aria-current]').dataset.step";
    assert_eq!(page.evaluate(track), "open");
    happen(&page, "close", "was told 4321; on the wire your browser sent 4321");
    page.screenshot("inspector-happenings");
    page.wait_for(
        &format!("choose([...ownFeed.lines.values()].find(line => line.closed?.code === 4321)) ?? {track} === 'closed'"),
        "the state line at its end",
    );
    page.evaluate("choose(null)");
    for (what, observed) in [
        ("drop", "was told 1006; on the wire your browser sent no close frame"),
        ("bad_frame", "on the wire your browser sent 1002"),
        // RFC 6455 wants 1007 here; Chromium says 1002.
        ("bad_utf8", "on the wire your browser sent 100"),
    ] {
        sees_state(&page, "open");
        let conn = page.evaluate("latestOwnLine().conn").to_string();
        happen(&page, what, observed);
        page.wait_for(&format!("ownFeed.lines.get({conn}).closed !== null"), "the end in the inspector");
    }
    sees_state(&page, "open");
    page.evaluate("find('inspect-close').open = true; choose([...ownFeed.lines.values()].find(line => line.closed?.code === 1006))");
    page.wait_for("find('close-never').textContent.includes('1006 is never on the wire')", "1006 explained");
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn a_server_that_does_not_read_makes_messages_wait_and_loses_none() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let page = inspect(&browser, &server, "en", PROJECTOR);
    happen(&page, "pause", "Not reading");
    say(&page, "waits on the way");
    sees_own(&page, "waits on the way", "sent");
    sees_own(&page, "waits on the way", "delivered");
    page.wait_for("find('observed-pause').textContent.includes('reads again')", "the end of the pause");
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn the_lesson_measures_both_ways_and_its_bytes_add_up() {
    const TEXTS: i64 = 100 * 11;
    let server = Server::start(&[]);
    let browser = Browser::start();
    let page = inspect(&browser, &server, "en", PROJECTOR);
    page.evaluate(
        "find('inspect-handshake').open = find('inspect-frames').open = false; find('measure').open = true",
    );
    page.click("#run-measure");
    page.wait_for("!find('measured').hidden && !find('run-measure').disabled", "the figures");
    let figures = |name: &str| -> Vec<i64> {
        let cells = page.evaluate(&format!(
            "[...document.querySelectorAll('[data-figure={name}] td')].map(cell => Number(cell.textContent.replaceAll(',', '')))"
        ));
        serde_json::from_value(cells).expect("two numbers")
    };
    let (up, down) = (figures("up"), figures("down"));
    // Heads of one length, a hundred times.
    assert_eq!(((up[0] - TEXTS) % 100, (down[0] - TEXTS) % 100), (0, 0), "{up:?} {down:?}");
    // The answer 101, a hundred frames of two bytes more than their text, the close frame with its code.
    assert_eq!(down[1], 129 + TEXTS + 100 * 2 + 4);
    let head = up[1] - TEXTS - 100 * 6 - 8;
    assert!((300..1000).contains(&head), "like any head of this browser: {head}");
    assert!(up[0] > 10 * up[1]);
    assert_eq!(figures("connections"), [1, 1]);
    assert_eq!(page.evaluate("document.querySelectorAll('.plot circle').length"), 200);
    page.wait_for(&format!("{} === 3", notices_with("nobody asked")), "what was pushed");
    page.screenshot("inspector-lesson");
    assert_no_console_errors(&page);
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn the_teacher_sees_everyone_in_lanes_but_nothing_private() {
    const SECRET: &str = "psst, only for Luis";
    let server = Server::start(&["--teacher-key", "teacher-key"]);
    let browser = Browser::start();
    let url = format!("{}#teacher=teacher-key", server.url());
    let teacher = browser.open(&url, "en", 1920, 1080);
    sees_state(&teacher, "open");
    assert_eq!(teacher.evaluate("location.hash"), "", "no key in the address bar");
    teacher.wait_for("classFeed.watching", "the class in the inspector");
    let mut ana = Client::join(&server, "Ana");
    let mut luis = Client::join(&server, "Luis");
    ana.say(&format!(r#"{{"type":"message","text":"{SECRET}","to":"Luis"}}"#));
    ana.say("hola to all");
    while luis.message().1 != "hola to all" {}
    for name in ["Ana", "Luis"] {
        let lane = format!(
            "[...document.querySelectorAll('.lane')].find(lane => lane.querySelector('.lane-name').textContent === '{name}')"
        );
        teacher.wait_for(&format!("{lane}.textContent.includes('hola to all')"), "the lane's latest");
        teacher.evaluate(&format!("{lane}.click()"));
        teacher.wait_for(&format!("drawnLine.name === '{name}'"), "the chosen lane");
        teacher.wait_for("find('frames').textContent.includes('private text: hidden')", "the hidden frame");
        teacher.evaluate("for (const frame of document.querySelectorAll('button.frame')) frame.click()");
        let text = teacher.evaluate("document.body.textContent").to_string();
        assert!(text.contains("hola to all") && !text.contains(SECRET));
    }
    teacher.screenshot("inspector-class");
    assert!(teacher.frames().iter().any(|frame| frame.contains("hola to all")));
    assert!(!teacher.frames().iter().any(|frame| frame.contains(SECRET)));
    assert_no_console_errors(&teacher);
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn thousands_of_frames_are_counted_and_only_the_latest_are_kept() {
    const MESSAGES: usize = 5000;
    let server = Server::start(&["--rate", "0"]);
    let browser = Browser::start();
    let page = inspect(&browser, &server, "en", PROJECTOR);
    let mut ana = Client::join(&server, "Ana");
    for number in 0..MESSAGES {
        ana.say(&format!("number {number}"));
        ana.message();
    }
    let seen = "drawnLine.totals.server.frames + drawnLine.lost";
    page.wait_for(&format!("{seen} >= {MESSAGES}"), "all frames, shown or lost");
    let shown = page.evaluate("[find('frames').childElementCount, drawnLine.rows.length]");
    assert_eq!(shown, serde_json::json!([301, 300]));
    // The reader looks at an older row: it stays where it is.
    page.evaluate("find('frames').scrollTop = 40");
    page.wait_for("!view.following", "the reader's place");
    ana.say("one more");
    page.wait_for("find('frames').textContent.includes('one more')", "one more frame");
    assert!(page.evaluate("find('frames').scrollTop").as_f64().is_some_and(|top| top < 100.0));
    page.click("#hold");
    let before = page.evaluate("find('frames').childElementCount + find('frames').textContent.length");
    ana.say("not drawn yet");
    sees_message(&page, "Ana", "not drawn yet");
    page.wait_for(
        "drawnLine.rows.at(-1).type === 'frame' && said(drawnLine.rows.at(-1)).includes('not drawn yet')",
        "the frame remembered",
    );
    let after = page.evaluate("find('frames').childElementCount + find('frames').textContent.length");
    assert_eq!(before, after);
    page.click("#hold");
    page.wait_for("find('frames').textContent.includes('not drawn yet')", "the view thawed");
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn the_inspector_fits_in_both_languages_by_day_and_in_the_dark() {
    let server = Server::start(&[]);
    for (language, window, colours) in [
        ("es", (1920, 1080), "light"),
        ("en", (1280, 720), "dark"),
        ("es", (390, 844), "dark"),
        ("en", PHONE, "light"),
    ] {
        let browser = Browser::start();
        let page = browser.open_in_colours(&server.url(), language, window.0, window.1, colours);
        sees_state(&page, "open");
        page.evaluate("view.isOpen || showPanel('inspector', true)");
        page.wait_for("ownFeed.lines.size > 0", "a connection in the inspector");
        page.wait_for("find('feed-note').textContent !== ''", "that it came late");
        // From the beginning once more.
        page.click("#feed-note button");
        page.wait_for("latestOwnLine().opened?.late === false", "the new connection");
        page.evaluate("demonstrate('fragments')");
        page.wait_for("document.querySelectorAll('.frame.fragment').length === 3", "fragments");
        let shot = |part: &str| page.screenshot(&format!("inspector-{language}-{}-{part}", window.0));
        shot("handshake");
        fits(&page, window);
        page.evaluate(
            "find('inspect-handshake').open = false; document.querySelector('.frame.client').click()",
        );
        shot("frames");
        fits(&page, window);
        page.evaluate(
            "for (const part of document.querySelectorAll('#inspector > details')) part.open = true",
        );
        page.evaluate("find('run-measure').click()");
        page.wait_for("!find('measured').hidden", "the figures");
        page.evaluate("find('measured').scrollIntoView()");
        shot("lesson");
        fits(&page, window);
        let other = if language == "es" { "en" } else { "es" };
        page.evaluate(&format!("document.querySelector('[data-language={other}]').click()"));
        speaks(&page, other);
        let title = if other == "es" { "Haz que pase" } else { "Make it happen" };
        page.wait_for(
            &format!("find('make-it-happen').textContent.includes('{title}')"),
            "the other language",
        );
        page.click("[aria-controls=inspector]");
        page.wait_for("ownFeed.socket === null", "nobody watches any more");
        assert_no_console_errors(&page);
    }
}
