//! Who sees badly, who has a small window, who uses the keyboard: WCAG 2.2, and the last row of a class.

use crate::common::{Client, Server};
use crate::driver::{Browser, Page};
use crate::page::*;
use serde_json::{Value, json};

/// JavaScript: each text and each border of a control that has too little contrast against what is behind it: 4.5 to 1, large text
/// and borders 3 to 1 (WCAG 1.4.3, 1.4.11).
const TOO_PALE: &str = r#"(() => {
    const canvas = document.createElement('canvas').getContext('2d', { willReadFrequently: true });
    const rgba = (colour) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = colour;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const over = ([r, g, b, a], [R, G, B]) => [r, g, b].map((part, index) => (part * a + [R, G, B][index] * (255 - a)) / 255);
    const behind = (element) => {
        const layers = [];
        for (let at = element; at; at = at.parentElement) layers.push(rgba(getComputedStyle(at).backgroundColor));
        return layers.reverse().reduce((below, layer) => over(layer, below), [255, 255, 255]);
    };
    const luminance = (colour) => {
        const [r, g, b] = colour.map((part) => { const c = part / 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; });
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const contrast = (one, other) => {
        const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
        return (light + 0.05) / (dark + 0.05);
    };
    const opacity = (element) => { let all = 1; for (let at = element; at; at = at.parentElement) all *= Number(getComputedStyle(at).opacity); return all; };
    const bad = [];
    for (const element of document.querySelectorAll('body *')) {
        if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true, contentVisibilityAuto: true })) continue;
        const style = getComputedStyle(element);
        const name = `${element.tagName} ${element.id} ${element.className} ${element.textContent.slice(0, 20)}`;
        const hasText = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim() !== '');
        const isDisabled = element.closest(':disabled');
        if (hasText && !isDisabled && !(element.matches('.band') && !element.closest('[data-turn]')) && element.getBoundingClientRect().width > 1) {
            const background = behind(element);
            const [r, g, b, a] = rgba(style.color);
            const colour = over([r, g, b, a * opacity(element)], background);
            const size = parseFloat(style.fontSize);
            const least = size >= 24 || (size >= 18.66 && style.fontWeight >= 700) ? 3 : 4.5;
            const found = contrast(colour, background);
            if (found < least) bad.push(`${name}: ${found.toFixed(2)} of ${least}`);
        }
        if (element.matches('input:not([type=checkbox]), textarea, select, button:not(.link, .lane, .frame, .arrow, .header-line, .bit-strip button, #people button)') && !isDisabled && parseFloat(style.borderTopWidth) > 0) {
            const found = contrast(over(rgba(style.borderTopColor), behind(element.parentElement)), behind(element.parentElement));
            const own = contrast(behind(element), behind(element.parentElement));
            if (Math.max(found, own) < 3) bad.push(`${name}: its border ${found.toFixed(2)}`);
        }
    }
    return bad;
})()"#;

#[test]
#[ignore = "needs Chromium: run by make test"]
fn everything_has_enough_contrast_by_day_and_in_the_dark() {
    let server = Server::start(&[]);
    for colours in ["light", "dark"] {
        let browser = Browser::start();
        let mut luis = Client::join(&server, "Luis");
        let page = browser.open_in_colours(&server.url(), "es", 3000, 1400, colours);
        sees_state(&page, "open");
        page.click("[aria-controls=inspector]");
        page.evaluate("connectAgain()");
        page.wait_for("document.querySelectorAll('#diagram .step').length > 3", "the diagram");
        luis.say("hola ```code``` `x` https://example.org");
        sees_message_part(&page, "hola");
        page.evaluate("document.querySelector('.frame.server').click(); for (const part of document.querySelectorAll('#inspector > details')) part.open = true");
        open_private(&page, "Luis");
        say(&page, "psst");
        sees_own(&page, "psst", "delivered");
        assert_eq!(page.evaluate(TOO_PALE), json!([]), "{colours}, open");
        show(&page, "");
        page.click("#leave");
        sees_state(&page, "closed");
        say(&page, "waits");
        sees_own(&page, "waits", "waiting");
        assert_eq!(page.evaluate(TOO_PALE), json!([]), "{colours}, closed");
        page.screenshot(&format!("contrast-{colours}"));
        luis.leave();
    }
}

fn sees_message_part(page: &Page, text: &str) {
    page.wait_for(
        &format!(
            "[...document.querySelectorAll('#log .text')].some(row => row.textContent.includes('{text}'))"
        ),
        text,
    );
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn every_panel_has_a_way_out_and_the_header_is_reachable_in_any_window() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    for language in ["es", "en"] {
        let page = open(&browser, &server, language, PHONE);
        // A phone held sideways; 200 % zoom of 1280 by 800; 400 % zoom.
        for (width, height, scale) in [(667, 375, 1), (640, 400, 2), (320, 256, 4)] {
            page.resize(width, height, scale);
            page.click("#change-name");
            page.wait_for("document.querySelector('#name').checkVisibility()", "the panel");
            page.click("#people-panel .panel-close");
            page.wait_for("document.querySelector('#message').checkVisibility()", "the chat again");
            for panel in ["lesson", "people-panel", "inspector"] {
                // By the mouse it has to be in view, perhaps after scrolling.
                page.click(&format!("[aria-controls={panel}]"));
                page.wait_for(&format!("document.querySelector('#{panel}').checkVisibility()"), panel);
                page.screenshot(&format!("small-{language}-{width}-{panel}"));
                page.evaluate(&format!("document.querySelector('#{panel} .panel-close').focus()"));
                page.press("Escape");
                page.wait_for(
                    &format!("document.querySelector('#{panel}').hidden && document.activeElement.getAttribute('aria-controls') === '{panel}'"),
                    "the way out, and the focus where it was",
                );
            }
            page.click("#message");
            say(&page, "from a small window");
            page.wait_for("document.documentElement.scrollWidth <= innerWidth", "no scrolling sideways");
        }
        page.close();
    }
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn with_forced_colours_an_open_connection_looks_open() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let page = open(&browser, &server, "en", PROJECTOR);
    page.force_colours();
    let wire = "(parts => parts.map(part => getComputedStyle(document.querySelector('.wire'), part).backgroundColor))(['::before', '::after'])";
    let open_wire = page.evaluate(wire);
    page.screenshot("forced-colours-open");
    page.click("#leave");
    sees_state(&page, "closed");
    page.screenshot("forced-colours-closed");
    assert_ne!(page.evaluate(wire), open_wire, "a closed one has hollow ends");
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn a_list_of_frames_is_one_stop_for_the_keyboard() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let page = open(&browser, &server, "en", (1920, 1080));
    page.click("[aria-controls=inspector]");
    page.evaluate("connectAgain()");
    page.wait_for("document.querySelectorAll('#frames button.frame').length >= 2", "frames");
    assert_eq!(page.evaluate("[...document.querySelectorAll('#frames button, #diagram button')].filter(({ tabIndex }) => tabIndex >= 0).length"), 0);
    page.evaluate("find('frames').focus()");
    page.press("ArrowDown");
    assert_eq!(
        page.evaluate("document.activeElement === document.querySelectorAll('#frames button.frame')[0]"),
        true
    );
    page.press("End");
    // Further frames may have come since.
    page.wait_for(
        "[...document.querySelectorAll('#frames button.frame')].indexOf(document.activeElement) >= 1",
        "the last frame of that moment",
    );
    // A button is called by what stands on it.
    let labels = page.evaluate("[...document.querySelectorAll('[data-language]')].map(button => button.getAttribute('aria-label').includes(button.textContent))");
    assert_eq!(labels, json!([true, true]));
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn what_a_class_reads_is_large_on_a_projector() {
    let server = Server::start(&["--teacher-key", "teacher-key"]);
    let browser = Browser::start();
    let mut luis = Client::join(&server, "Luis");
    let page = browser.open(&format!("{}#teacher=teacher-key", server.url()), "es", 1920, 1080);
    sees_state(&page, "open");
    luis.say("hola");
    page.wait_for("document.querySelector('.lane')", "a lane");
    page.evaluate("find('lesson').hidden = false; connectAgain()");
    page.wait_for("document.querySelectorAll('#diagram .step').length > 3", "the diagram");
    page.wait_for("document.querySelector('#log .notice')", "a notice");
    let small = "['#log .notice', '#lesson table td', '.lane > span', '#lesson .fact', '#diagram .arrow', '#state']
        .map(selector => [selector, document.querySelector(selector)])
        .map(([selector, element]) => [selector, parseFloat(getComputedStyle(element).fontSize)]).filter(([, size]) => size < 24)";
    assert_eq!(page.evaluate(small), Value::Array(Vec::new()));
    page.screenshot("projector-1920");
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn close_codes_are_explained_by_their_ranges_and_long_names_fit() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let page = enter(&browser, &server, "María del Carmen Rodríguez Hernández");
    for (code, words) in [(3000, "3000 to 3999"), (4321, "4000 to 4999"), (1012, "restarts")] {
        page.evaluate(&format!("send({{ type: 'show', what: 'close', code: {code} }})"));
        sees_state(&page, &format!("closed {code}"));
        page.wait_for(&format!("document.querySelector('#state').textContent.includes('{words}')"), words);
        page.click("#retry");
        sees_state(&page, "open");
    }
    page.wait_for(
        "find('name').scrollWidth <= find('name').clientWidth || find('name').clientWidth > 150",
        "room for the name",
    );
    page.screenshot("long-name");
    page.click("[aria-controls=inspector]");
    page.evaluate("find('measure').open = true");
    page.wait_for("find('measure').textContent.includes('The same 100 short messages')", "its number");
}

#[cfg(feature = "teacher")]
#[test]
#[ignore = "needs Chromium: run by make test"]
fn what_a_teacher_sees_and_does_has_enough_contrast_by_day_and_in_the_dark() {
    for (colours, language) in [("light", "es"), ("dark", "en")] {
        let server = Server::start(&["--teacher-key", "teacher-key"]);
        let browser = Browser::start();
        let [mut luis, mut tom] = ["Luis", "Tom"].map(|name| Client::join(&server, name));
        let eva = browser.open_in_colours(&server.url(), language, 1280, 800, colours);
        sees_state(&eva, "open");
        rename(&eva, "Eva María Rodríguez de la Fuente");
        let url = format!("{}#teacher=teacher-key", server.url());
        let page = browser.open_in_colours(&url, language, 1280, 800, colours);
        sees_state(&page, "open");
        page.give(&["teacher/room"]);
        page.wait_for("room.isTeacher", "the teacher's rights");
        page.evaluate("showPanel('inspector', false); showPanel('people-panel', true)");
        for text in ["something rude", "and something else"] {
            luis.say(text);
            sees_message_part(&page, text);
        }
        luis.say(r#"{"type":"hand","on":true}"#);
        eva.click("#hand");
        say(&page, "Good morning");
        sees_own(&page, "Good morning", "delivered");
        page.evaluate("command({ type: 'remove', message: [...state.threads.get('').rows].find(({ text }) => text === 'something rude').id })");
        page.evaluate("for (const order of [{ type: 'mute', name: 'Luis', on: true }, { type: 'expel', name: 'Tom' }, { type: 'listen', on: true }]) command(order)");
        tom.wait_for_close();
        eva.wait_for("find('listen-banner').checkVisibility()", "the banner");
        say(&eva, "May I?");
        sees_own(&eva, "May I?", "refused");
        page.wait_for(
            "document.querySelectorAll('.restricted:not([hidden])').length === 2",
            "who is restricted",
        );
        page.wait_for("document.querySelectorAll('#hands li').length === 2", "the hands");
        for (which, shown) in [("pupil", &eva), ("teacher", &page)] {
            shown.screenshot(&format!("teacher-{which}-{colours}-{language}"));
            assert_eq!(shown.evaluate(TOO_PALE), json!([]), "{colours}, {which}");
        }
        page.evaluate("document.querySelector('#people [data-name=Luis] .menu-button').click()");
        page.wait_for("!find('teacher-menu').hidden", "the menu");
        page.screenshot(&format!("teacher-menu-{colours}-{language}"));
        assert_eq!(page.evaluate(TOO_PALE), json!([]), "{colours}, the menu");
        page.evaluate("document.querySelector('#teacher-menu [data-words=expel_ask]').click()");
        page.wait_for("find('ask').open", "the question");
        page.screenshot(&format!("teacher-expel-{colours}-{language}"));
        assert_eq!(page.evaluate(TOO_PALE), json!([]), "{colours}, the question");
        page.evaluate("find('ask').close()");
        for shown in [&eva, &page] {
            shown.resize(390, 800, 1);
            shown.evaluate("showPanel('people-panel', false); showPanel('lesson', false)");
            shown.wait_for("document.documentElement.scrollWidth <= innerWidth", "no scrolling sideways");
        }
        eva.screenshot(&format!("teacher-pupil-phone-{colours}-{language}"));
        page.screenshot(&format!("teacher-teacher-phone-{colours}-{language}"));
        page.evaluate("showPanel('people-panel', true)");
        page.screenshot(&format!("teacher-panel-phone-{colours}-{language}"));
        page.wait_for("document.documentElement.scrollWidth <= innerWidth", "no scrolling sideways");
    }
}
