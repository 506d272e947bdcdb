//! The talk as it is read: long texts, code and addresses, days, what is new, who speaks.

use crate::common::{Client, Server};
use crate::driver::{Browser, quoted};
use crate::page::*;
use serde_json::json;

#[test]
#[ignore = "needs Chromium: run by make test"]
fn long_texts_show_their_beginning_and_freeze_no_page() {
    let server = Server::start(&["--rate", "0"]);
    let browser = Browser::start();
    let mut luis = Client::join(&server, "Luis");
    let page = enter(&browser, &server, "Ana");
    // How long the page is deaf, at most: between two ticks of a clock.
    page.evaluate("globalThis.deaf = 0; let before = performance.now(); setInterval(() => { const now = performance.now(); deaf = Math.max(deaf, now - before); before = now; }, 10); 0");
    let texts = [
        "م".repeat(32_000),
        format!("a{}", "\u{301}".repeat(30_000)),
        "abc אבג ".repeat(4_000),
        "\n".repeat(32_000) + "x",
        "👩‍👩‍👧".repeat(3_000),
        "W".repeat(64_000),
        "ความ".repeat(5_000),
    ];
    for text in &texts {
        luis.say(&json!({ "type": "message", "text": text }).to_string());
        luis.message();
    }
    luis.say("after them");
    sees_message(&page, "Luis", "after them");
    page.wait_for("document.querySelectorAll('#log .more').length === 7", "each with a button for more");
    println!("deaf for at most {} ms", page.evaluate("Math.round(deaf)"));
    page.screenshot("long-texts");
    let heights = page.evaluate("Math.max(...[...document.querySelectorAll('#log .message')].map(row => row.getBoundingClientRect().height))");
    assert!(heights.as_f64().is_some_and(|height| height < 800.0), "{heights}");
    let shown = "[...document.querySelectorAll('#log .message .text')].at(-2).textContent.length";
    let before = page.evaluate(shown).as_u64().expect("a length");
    page.evaluate("[...document.querySelectorAll('#log .more')].at(-1).click()");
    let after = page.evaluate(shown).as_u64().expect("a length");
    assert!(after > before + 3_000, "{before} {after}");
    assert_no_console_errors(&page);
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn several_lines_code_and_addresses_are_shown_as_they_were_written() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let page = enter(&browser, &server, "Ana");
    let luis = enter(&browser, &server, "Luis");
    let text =
        "look:\n```\nfn main() {\n    hola();\n}\n```\nand `let x` at https://example.org/a?b=1, <b>yes</b>";
    page.fill("#message", text);
    assert!(
        page.evaluate("find('message').getBoundingClientRect().height").as_f64().expect("a height") > 100.0,
        "the field grows"
    );
    page.press_enter();
    let row = "[...document.querySelectorAll('#log .message')].at(-1)";
    for tab in [&page, &luis] {
        tab.wait_for(
            &format!("{row}?.querySelector('pre')?.textContent === 'fn main() {{\\n    hola();\\n}}'"),
            "the block with its spaces",
        );
        assert_eq!(tab.evaluate(&format!("{row}.querySelector('.text > code').textContent")), "let x");
        let link = tab.evaluate(&format!("(({{ href, rel, target, textContent }}) => [href, rel, target, textContent])({row}.querySelector('a'))"));
        assert_eq!(
            link,
            json!([
                "https://example.org/a?b=1",
                "noopener noreferrer",
                "_blank",
                "https://example.org/a?b=1"
            ])
        );
        assert_eq!(tab.evaluate(&format!("{row}.querySelectorAll('b').length")), 0);
        assert_no_console_errors(tab);
    }
    page.screenshot("code-and-links");
    // Shift+Enter begins a line; an input method's Enter sends nothing.
    page.fill("#message", "one");
    page.evaluate("(field => { for (const more of [{ shiftKey: true }, { isComposing: true }, { keyCode: 229 }]) field.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', bubbles: true, cancelable: true, ...more })); })(find('message'))");
    assert_eq!(page.evaluate("find('message').value"), "one");
    page.press_enter();
    sees_own(&page, "one", "delivered");
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn days_persons_and_what_is_new_are_told_apart() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let mut luis = Client::join(&server, "Luis");
    let page = enter(&browser, &server, "Ana");
    luis.say("first");
    sees_message(&page, "Luis", "first");
    luis.say("second");
    sees_message(&page, "Luis", "second");
    page.wait_for(
        "(rows => rows.length === 2 && !rows[0].classList.contains('grouped') && rows[1].classList.contains('grouped')
            && rows[1].querySelector('.from').textContent === 'Luis')([...document.querySelectorAll('#log .message')])",
        "the name once, and for screen readers each time",
    );
    assert!(
        page.evaluate("document.querySelector('#log .message time').title")
            .as_str()
            .is_some_and(|title| title.contains("202")),
        "the full time"
    );

    // Another tab is in front.
    let other = open(&browser, &server, "es", PROJECTOR);
    other.bring_to_front();
    page.wait_in_background_for("document.hidden", "that it is hidden");
    luis.say("third");
    page.wait_in_background_for("document.title.startsWith('(1)')", "that it came");
    luis.say("fourth");
    page.wait_in_background_for("document.title.startsWith('(2)')", "that it came");
    let order = "[...document.querySelectorAll('#log > div > div:first-child > :is(.message, .separator)')].slice(-3).map(row => row.matches('.separator') ? `- ${row.textContent}` : row.querySelector('.text').textContent)";
    page.wait_for(
        &format!(
            "JSON.stringify({order}) === {}",
            quoted(&json!(["- New since you looked", "third", "fourth"]).to_string())
        ),
        "where the new begins",
    );
    page.screenshot("new-since");
    say(&page, "I have read it");
    page.wait_for("document.querySelector('.separator.new') === null", "no line once it was seen");

    // What was said on another day.
    page.evaluate("announce('event', { type: 'message', id: state.highest + 1, at: '2026-01-02T09:00:00.000Z', from: 'Luis', text: 'long ago' })");
    page.wait_for("document.querySelector('.separator.day')?.textContent.includes('January')", "the day");
    page.screenshot("days");
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn notifications_are_off_until_asked_for_and_have_nothing_private() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let mut luis = Client::join(&server, "Luis");
    let page = enter(&browser, &server, "Ana");
    page.evaluate(
        "globalThis.told = [];
         globalThis.Notification = class extends EventTarget {
            static permission = 'default';
            static async requestPermission() { return 'granted'; }
            constructor(title, { body, tag }) { super(); told.push([title, body, tag]); }
         }; find('notify').hidden = false; 0",
    );
    luis.say("before");
    sees_message(&page, "Luis", "before");
    page.click("#notify");
    page.wait_for("find('notify').hidden && state.notifies", "the wish");
    let other = open(&browser, &server, "es", PROJECTOR);
    other.bring_to_front();
    page.wait_in_background_for("document.hidden", "that it is hidden");
    luis.say(r#"{"type":"message","text":"psst","to":"Ana"}"#);
    page.wait_in_background_for("told.length === 1", "a notification");
    luis.say("at once");
    page.wait_in_background_for("document.title.startsWith('(2)')", "that it came");
    assert_eq!(
        page.evaluate("told"),
        json!([["Luis", "A private message from Luis", "websocket-classroom"]])
    );
}
