//! The page's files: what they compute without the DOM, how they load, behind a proxy, and what a browser that is too old sees.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use crate::common::Server;
use crate::driver::{Browser, Page};
use crate::page::*;
use serde_json::{Value, json};

/// Imports a file of the page afresh in an empty page of the same server, and evaluates an expression with its parts.
fn with(page: &Page, file: &str, expression: &str) -> Value {
    let parts = expression.contains("parts.");
    assert!(parts, "the parts of the file are called `parts`");
    page.evaluate(&format!(
        "import(new URL('page/{file}', document.baseURI).href).then((parts) => {{ return {expression}; }})"
    ))
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn the_outbox_keeps_each_message_until_it_is_settled() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let page = open(&browser, &server, "en", PROJECTOR);
    let after = |steps: &str| {
        with(&page, "outbox.js", &format!("(() => {{ const box = new parts.Outbox('p'); {steps} }})()"))
    };
    assert_eq!(after("return box.next();"), Value::Null);
    assert_eq!(
        after(
            "box.add('', 'one'); box.add('Luis', 'two'); return box.all().map(({ ref, to, text, state }) => [ref, to, text, state]);"
        ),
        json!([["p-1", "", "one", "waiting"], ["p-2", "Luis", "two", "waiting"]])
    );
    assert_eq!(
        after("box.add('Luis', 'two'); return box.next().frame;"),
        json!({ "type": "message", "text": "two", "ref": "p-1", "to": "Luis" })
    );
    assert_eq!(
        after("box.add('', 'one'); return box.next().frame;"),
        json!({ "type": "message", "text": "one", "ref": "p-1" })
    );
    // In order, and what was sent is not next again until the connection is lost.
    assert_eq!(
        after(
            "box.add('', 'one'); box.add('', 'two'); box.next().entry.state = 'sent'; const next = box.next().frame.text;
             box.connectionLost(); return [next, box.next().frame.text];"
        ),
        json!(["two", "one"])
    );
    // A long message counts as several.
    assert_eq!(
        after(
            "box.add('', 'short'); const short = box.next().pause; box.settle('p-1', 'delivered'); box.add('', 'x'.repeat(9000)); return [short, box.next().pause];"
        ),
        json!([50, 150])
    );
    assert_eq!(
        after(
            "box.add('', 'one'); box.add('', 'two'); const { state } = box.settle('p-1', 'refused'); return [state, box.size, box.get('p-1') === undefined];"
        ),
        json!(["refused", 1, true])
    );
    assert_eq!(
        after(
            "box.add('Luis', 'one'); box.rename('Luis', 'Lucho'); return [box.to('Luis').length, box.to('Lucho').length];"
        ),
        json!([0, 1])
    );
    // Through the storage and back.
    assert_eq!(
        after(
            "box.add('Luis', 'one'); const other = new parts.Outbox('q');
             for (const { ref, to, text } of JSON.parse(JSON.stringify(box))) other.add(to, text, ref);
             return other.all().map(({ ref, to, text }) => [ref, to, text]);"
        ),
        json!([["p-1", "Luis", "one"]])
    );
    // Bytes count, not characters; escapes count, too.
    assert_eq!(
        after(
            "return ['x'.repeat(65_000), 'ñ'.repeat(40_000), '\"'.repeat(40_000)].map((text) => box.isTooLong('', text));"
        ),
        json!([false, true, true])
    );
    assert_eq!(
        after(
            "for (let n = 0; n < 99; n += 1) box.add('', 'x'); const before = box.isFull; box.add('', 'x'); return [before, box.isFull];"
        ),
        json!([false, true])
    );
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn the_waits_double_up_to_a_bound_and_begin_again_after_a_stable_connection() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let page = open(&browser, &server, "en", PROJECTOR);
    let waits = |lived: &str| {
        with(
            &page,
            "time.js",
            &format!(
                "(() => {{ const waits = new parts.Waits(); return {lived}.map((lived) => waits.next(lived, false, 1)); }})()"
            ),
        )
    };
    assert_eq!(waits("[0, 0, 0, 0, 0, 0, 0]"), json!([1000, 2000, 4000, 8000, 16000, 30000, 30000]));
    assert_eq!(waits("[0, 0, 5000, 5001, 0]"), json!([1000, 2000, 4000, 1000, 2000]));
    assert_eq!(with(&page, "time.js", "new parts.Waits().next(0, false, 0.25)"), 250.0);
    // Not all at once: without a number of ours it is a random part.
    let spread = with(
        &page,
        "time.js",
        "new Set(Array.from({ length: 50 }, () => new parts.Waits().next(0))).size > 40",
    );
    assert_eq!(spread, true);
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn numbers_and_times_are_as_people_read_them() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let page = open(&browser, &server, "en", PROJECTOR);
    let time = |expression: &str| with(&page, "time.js", expression);
    assert_eq!(
        time("[0, 7_400, 60_000, 3_599_999].map(parts.duration)"),
        json!(["0:00", "0:07", "1:00", "59:59"])
    );
    assert_eq!(time("[0.04, 9.94, 10.4, 250.6].map(parts.rounded)"), json!(["0.0", "9.9", 10, 251]));
    assert_eq!(
        time("[4_800, 9_999, 10_000, 1_234_567].map(parts.inMilliseconds)"),
        json!(["4.80", "10.00", "10", "1235"])
    );
    assert_eq!(time("parts.inSeconds(1_234_567)"), "1.235");
    assert_eq!(
        time("[0, 0.5, 0.75, 1].map((part) => parts.percentile([4, 1, 3, 2], part))"),
        json!([1, 3, 4, 4])
    );
    assert_eq!(
        time("(() => { const numbers = [3, 1, 2]; parts.percentile(numbers, 0.5); return numbers; })()"),
        json!([3, 1, 2])
    );
    let clock = time("parts.clockTime(new Date(2026, 10, 27, 9, 5).toISOString(), 'es')");
    assert!(clock.as_str().is_some_and(|clock| clock.contains("05")), "{clock}");
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn a_text_is_code_addresses_and_nothing_else() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let page = open(&browser, &server, "en", PROJECTOR);
    let parts = |text: &str| {
        let quoted = crate::driver::quoted(text);
        with(
            &page,
            "text.js",
            &format!("parts.partsOf({quoted}).map(({{ kind, text }}) => `${{kind}}:${{text}}`)"),
        )
    };
    assert_eq!(parts(""), json!([]));
    assert_eq!(parts("hola *clase* _x_ # no"), json!(["text:hola *clase* _x_ # no"]));
    assert_eq!(parts("see `let x = 1;` now"), json!(["text:see ", "code:let x = 1;", "text: now"]));
    assert_eq!(parts("```js\nlet x;\n  y();\n```"), json!(["block:let x;\n  y();"]));
    assert_eq!(parts("a ```b``` c"), json!(["text:a ", "block:b", "text: c"]));
    assert_eq!(parts("``` open `code` end"), json!(["text:``` open ", "code:code", "text: end"]));
    assert_eq!(parts("`not\nclosed`"), json!(["text:`not\nclosed`"]));
    for (text, link) in [
        ("https://example.org", "https://example.org"),
        ("(https://example.org/a_(b)).", "https://example.org/a_(b)"),
        ("mira https://example.org/?q=ñ&x=1#y, ¿sí?", "https://example.org/?q=ñ&x=1#y"),
        ("«http://localhost:3000/»", "http://localhost:3000/"),
        ("<https://example.org>", "https://example.org"),
    ] {
        let found = parts(text);
        assert!(found.as_array().expect("parts").contains(&json!(format!("link:{link}"))), "{text}: {found}");
    }
    for text in ["javascript:alert(1)", "data:text/html,x", "https://", "http://[", "xhttp//x", "ftp://x.y"] {
        assert!(!parts(text).to_string().contains("link:"), "{text}");
    }
    // However long it is, it is read once.
    let long = with(
        &page,
        "text.js",
        "(() => { const begun = performance.now(); for (const piece of ['`', '```', '``` ', 'https://', '`a', 'http://x)']) parts.partsOf(piece.repeat(20_000)); return performance.now() - begun; })()",
    );
    assert!(long.as_f64().is_some_and(|long| long < 3000.0), "{long}");

    let beginning = |text: &str, portions: u32| {
        with(
            &page,
            "text.js",
            &format!("Object.values(parts.beginning({text}, {portions})).map((part) => part.length ?? part)"),
        )
    };
    assert_eq!(beginning("'x'.repeat(1000)", 1), json!([1000, 0]));
    assert_eq!(beginning("'x'.repeat(32_000)", 1), json!([1000, 31_000]));
    assert_eq!(beginning("'x'.repeat(32_000)", 2), json!([5000, 27_000]));
    assert_eq!(beginning("'\\n'.repeat(60_000)", 1), json!([11, 59_989]));
    // No emoji of several code points is torn apart.
    assert_eq!(beginning("'x' + '👩‍👩‍👧'.repeat(1000)", 1), json!([993, 7008]));
    assert_eq!(with(&page, "text.js", "parts.short('a👩‍👩‍👧b', 5)"), "a…");
    // A letter with marks without end is cut all the same.
    assert_eq!(beginning("'a' + '\\u0301'.repeat(32_000)", 1), json!([1000, 31_001]));
}

#[cfg(feature = "inspector")]
#[test]
#[ignore = "needs Chromium: run by make test"]
fn frames_are_decoded_bit_by_bit() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let page = open(&browser, &server, "en", PROJECTOR);
    let decode = |expression: &str| with(&page, "inspector/decode.js", expression);
    assert_eq!(decode("parts.hexBytes('8105··')"), json!(["81", "05", "··"]));
    assert_eq!(decode("parts.hexBytes(undefined)"), json!([]));
    assert_eq!(decode("parts.textOf(['c3', 'b1', '··'])"), "ñ*");
    // The example of RFC 6455, section 5.7: a masked "Hello".
    let hello = "{ kind: 'text', fin: true, rsv: 0, bits: 7, length: 5, header: '818537fa213d', mask: '37fa213d', payload: '7f9f4d5158', plain: '48656c6c6f' }";
    assert_eq!(decode(&format!("parts.said({hello})")), "Hello");
    assert_eq!(
        decode(&format!("parts.partsOf({hello}).map(({{ bits, key }}) => [bits, key])")),
        json!([
            ["1", "part_fin"],
            ["000", "part_rsv"],
            ["0001", "part_opcode"],
            ["1", "part_mask"],
            ["0000101", "part_length_7"],
            ["32 bit", "part_key"],
            ["5 B", "part_payload"]
        ])
    );
    // 256 bytes of binary data: the length takes 16 bits more.
    let long =
        "{ kind: 'binary', fin: false, rsv: 2, bits: 16, length: 256, header: '227e0100', payload: '00' }";
    assert_eq!(decode(&format!("parts.said({long})")), "");
    assert_eq!(
        decode(&format!(
            "parts.partsOf({long}).map(({{ bits, hex, key }}) => `${{bits}} ${{hex}} ${{key}}`)"
        )),
        json!([
            "0 22 part_not_fin",
            "010 22 part_rsv_bad",
            "0010 22 part_opcode",
            "0 7e part_not_mask",
            "1111110 7e part_length_16",
            "16 bit 01 00 part_extended",
            "256 B 00 … part_payload"
        ])
    );
    assert_eq!(decode("parts.said({ kind: 'close', payload: '03e8627965' })"), "1000 bye");
    assert_eq!(
        decode("['41', '20', '00', 'ff', '··'].map(parts.character)"),
        json!(["A", "␣", "·", "·", "·"])
    );
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn the_first_load_is_small() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    // As users have it: nothing of a test asks for further files.
    let page = browser.open_with_script(&server.url(), "0");
    sees_state(&page, "open");
    page.wait_for(
        "performance.getEntriesByType('resource').some(({ name }) => name.endsWith('words.es.js'))",
        "both languages",
    );
    let load = "performance.getEntriesByType('resource').concat(performance.getEntriesByType('navigation'))
        .filter(({ name }) => !name.includes('inspector'))";
    let [requests, bytes] = ["length", "reduce((sum, { decodedBodySize }) => sum + decodedBodySize, 0)"]
        .map(|of| page.evaluate(&format!("{load}.{of}")).as_u64().expect("a number"));
    // The WebSocket itself is one more.
    assert!(requests < 35, "{requests} requests");
    assert!(bytes <= 250_000, "{bytes} bytes");
    // The chat does not wait for the inspector's files: they come later.
    let inspector = "performance.getEntriesByType('resource').some(({ name }) => name.includes('inspector'))";
    if cfg!(feature = "inspector") {
        page.wait_for(inspector, "the inspector's files");
        sees_state(&page, "open");
    }
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn a_browser_that_is_too_old_is_told_so_in_both_languages() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let page = open(&browser, &server, "en", PROJECTOR);
    assert_eq!(
        page.evaluate("document.querySelector('#too-old')"),
        Value::Null,
        "a running script takes it away"
    );
    for broken in [
        "delete Object.hasOwn; delete globalThis.BroadcastChannel",
        "delete globalThis.WebSocket; delete globalThis.URL",
    ] {
        let page = browser.open_with_script(&server.url(), broken);
        page.wait_for(
            "getComputedStyle(document.querySelector('#too-old')).visibility === 'visible'",
            "the sentence",
        );
        let text = page.evaluate("document.querySelector('#too-old').innerText").to_string();
        assert!(text.contains("navegador más reciente") && text.contains("newer browser"), "{text}");
        page.screenshot("too-old");
    }
}

#[test]
#[ignore = "needs Chromium: run by make test"]
fn the_page_works_below_another_path_of_a_proxy() {
    let server = Server::start(&[]);
    let browser = Browser::start();
    let page = browser.open(&sub_path_proxy(server.port()), "en", PROJECTOR.0, PROJECTOR.1);
    sees_state(&page, "open");
    say(&page, "through the proxy");
    sees_message(&page, "guest-1", "through the proxy");
    if page.evaluate("state.features.includes('inspector')") == true {
        page.click("[aria-controls=inspector]");
        page.wait_for(
            "ownFeed.watching && find('totals-why').textContent !== ''",
            "the inspector, and the price of HTTP",
        );
    }
    assert_no_console_errors(&page);
}

#[cfg(feature = "accounts")]
#[test]
#[ignore = "needs Chromium: run by make test"]
fn signing_in_works_below_another_path_of_a_proxy() {
    use crate::common::users::Users;
    let users = Users::new(&["Ana"]);
    let server = users.serve(&[]);
    let browser = Browser::start();
    let page = browser.open(&sub_path_proxy(server.port()), "en", PROJECTOR.0, PROJECTOR.1);
    sign_in_at(&page, "Ana");
    say(&page, "through the proxy");
    sees_own(&page, "through the proxy", "delivered");
}

/// A proxy that serves the server at `/proxy/3000/` and nothing anywhere else; where that is.
fn sub_path_proxy(server: u16) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port is free");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            thread::spawn(move || drop(pass_on(&client, server)));
        }
    });
    format!("http://localhost:{port}/proxy/3000/")
}

/// One request a connection, then bytes both ways.
fn pass_on(client: &TcpStream, server: u16) -> std::io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head)? == 0 {
            return Ok(());
        }
    }
    let Some((method, rest)) = head.split_once(" /proxy/3000/") else {
        return (&mut &*client)
            .write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    };
    let rest = rest.replace("Connection: keep-alive", "Connection: close");
    let upstream = TcpStream::connect(("127.0.0.1", server))?;
    (&mut &upstream).write_all(format!("{method} /{rest}").as_bytes())?;
    let (mut to_client, mut from_server) = (client.try_clone()?, upstream.try_clone()?);
    let back = thread::spawn(move || {
        let _ = std::io::copy(&mut from_server, &mut to_client);
        to_client.shutdown(Shutdown::Both)
    });
    let mut up = &upstream;
    let early = reader.buffer().to_vec();
    up.write_all(&early)?;
    reader.consume(early.len());
    let mut buffer = [0; 4096];
    loop {
        match reader.read(&mut buffer)? {
            0 => break,
            read => up.write_all(&buffer[..read])?,
        }
    }
    let _ = upstream.shutdown(Shutdown::Write);
    let _ = back.join();
    Ok(())
}
