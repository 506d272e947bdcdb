//! Plain HTTP, address by address: the answers, and sentences that help.

use std::fs;
use std::path::Path;
use std::time::Instant;

use crate::common::raw::{Answer, RawClient, ask, ask_on, handshake, lasting_head, request};
use crate::common::{Client, PATIENCE, Server};
use crate::page_files::page_files;
use data_encoding::BASE64;
use serde_json::Value;
use sha2::{Digest, Sha256};

const PAGE: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/index.html"));

/// What a request may have at most: bytes of head, header lines, bytes of body.
const MAX_HEAD: usize = 16 * 1024;
const MAX_HEADERS: usize = 64;
const MAX_BODY: usize = 65536;

fn get(path: &str) -> String {
    request("GET", path, "")
}

fn post(headers: &str) -> String {
    request("POST", "/echo", headers)
}

/// `hashes`: of the scripts and styles that stand in the page itself.
#[track_caller]
fn assert_is_page(answer: &Answer, page: &str) {
    let hash = |element: &str| {
        let text = page
            .split_once(&format!("<{element}>"))
            .and_then(|(_, rest)| rest.split_once(&format!("</{element}>")));
        text.map_or(String::new(), |(text, _)| format!(" 'sha256-{}'", BASE64.encode(&Sha256::digest(text))))
    };
    assert_eq!(answer.status, 200);
    let content_type = answer.header("content-type");
    assert_eq!(content_type, Some("text/html; charset=utf-8"));
    assert!(answer.body == page.as_bytes(), "not the page");
    let policy = answer.header("content-security-policy").expect("a policy");
    for rule in [
        "default-src 'none'",
        &format!("script-src 'self'{}", hash("script")),
        &format!("style-src 'self'{}", hash("style")),
        "connect-src 'self' ws://localhost wss://localhost",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.split("; ").any(|this| this == rule), "{policy}");
    }
}

#[test]
fn the_page_may_run_its_own_scripts_and_nothing_else() {
    let server = Server::start(&[]);
    assert_is_page(&ask(&server, get("/")), PAGE);
    assert_is_page(&ask(&server, get("/?utm=1")), PAGE);
    assert_is_page(&ask(&server, get("http://localhost/")), PAGE);
    assert!(!ask(&server, get("/")).header("content-security-policy").expect("a policy").contains("sha256"));
}

#[test]
fn each_file_of_the_page_is_served_and_a_reload_costs_a_304() {
    let server = Server::start(&[]);
    let files = page_files();
    assert!(files.len() > 25, "{}", files.len());
    for (path, text) in files.into_iter().chain([(String::new(), PAGE.to_owned())]) {
        let answer = ask(&server, get(&format!("/{path}")));
        let rooms = [("inspector", cfg!(feature = "inspector")), ("teacher", cfg!(feature = "teacher"))];
        if rooms.iter().any(|(room, is_built)| path.contains(room) && !is_built) {
            assert_eq!(answer.status, 404, "{path}: this server has no such feature");
            continue;
        }
        assert_eq!(answer.status, 200, "{path} is in no table of files");
        assert!(answer.body == text.as_bytes(), "{path}");
        let expected = match path.rsplit_once('.') {
            Some((_, "js")) => "text/javascript; charset=utf-8",
            Some((_, "css")) => "text/css; charset=utf-8",
            _ => "text/html; charset=utf-8",
        };
        assert_eq!(answer.header("content-type"), Some(expected), "{path}");
        assert_eq!(answer.header("cache-control"), Some("no-cache"), "{path}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{path}");

        let tag = answer.header("etag").expect("a tag");
        for known in [tag.to_owned(), format!("\"other\", W/{tag}"), "*".to_owned()] {
            let condition = format!("If-None-Match: {known}\r\n");
            let again = ask(&server, request("GET", &format!("/{path}"), &condition));
            assert_eq!((again.status, again.body.len()), (304, 0), "{path} {known}");
            assert_eq!(again.header("etag"), Some(tag), "{path}");
        }
        let other = request("GET", &format!("/{path}"), "If-None-Match: \"other\"\r\n");
        assert_eq!(ask(&server, other).status, 200, "{path}");
        let head = ask(&server, request("HEAD", &format!("/{path}"), ""));
        assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
        assert_eq!(head.header("content-length"), Some(text.len().to_string().as_str()), "{path}");
        assert_eq!(ask(&server, request("POST", &format!("/{path}"), "")).status, 405, "{path}");
    }
    for path in [
        "/page",
        "/page/",
        "/page/main",
        "/page/main.js/",
        "/page//main.js",
        "/page/../index.html",
        "/page/MAIN.js",
    ] {
        assert_eq!(ask(&server, get(path)).status, 404, "{path}");
    }
}

#[test]
fn a_folder_in_place_of_the_page_serves_what_a_page_is_made_of() {
    let outside = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("folder-{}", std::process::id()));
    let folder = outside.join("page");
    fs::create_dir_all(folder.join("sub")).expect("a folder");
    fs::create_dir_all(folder.join(".hidden")).expect("a folder");
    let write = |path: &str, text: &str| fs::write(folder.join(path), text).expect("a file");
    write("index.html", "<script>let a</script>first");
    write("sub/index.html", "below");
    write("sub/página 1.js", "ñ");
    write("users", "Ana:secret");
    write("users.txt", "Ana:secret");
    write(".hidden/x.js", "hidden");
    write(".hidden.js", "hidden");
    fs::write(outside.join("secret.js"), "secret").expect("a file");
    #[cfg(unix)]
    {
        use std::os::unix::fs::symlink;
        symlink(outside.join("secret.js"), folder.join("link.js")).expect("a link");
        symlink(&outside, folder.join("up")).expect("a link");
        symlink(folder.join("index.html"), folder.join("inside.html")).expect("a link");
    }
    let server = Server::start(&["--page", folder.to_str().expect("a path in UTF-8")]);
    assert_is_page(&ask(&server, get("/")), "<script>let a</script>first");
    write("index.html", "second");
    assert_is_page(&ask(&server, get("/")), "second");
    for (path, text) in [("/index.html", "second"), ("/sub/", "below"), ("/sub/p%C3%A1gina%201.js", "ñ")] {
        let answer = ask(&server, get(path));
        assert_eq!((answer.status, answer.body.as_slice()), (200, text.as_bytes()), "{path}");
    }
    #[cfg(unix)]
    assert_eq!(ask(&server, get("/inside.html")).status, 200, "a link that stays inside");
    let large = fs::File::create(folder.join("large.png")).expect("a file");
    large.set_len((8 << 20) + 1).expect("a size");
    assert_eq!(ask(&server, get("/large.png")).status, 500);
    for path in [
        "/users",
        "/users.txt",
        "/.hidden/x.js",
        "/.hidden.js",
        "/%2ehidden.js",
        "/link.js",
        "/up/secret.js",
        "/../secret.js",
        "/%2e%2e/secret.js",
        "/..%2fsecret.js",
        "/sub/../../secret.js",
        "/sub",
        "/nothing.js",
        "//index.html",
        "/./index.html",
        "/sub//index.html",
        "/page/main.js",
        "/%00.js",
        "/a%5cb.js",
        "/%ff.js",
        "/c:/x.js",
        "/index.html/",
        "/etc/passwd",
    ] {
        assert_eq!(ask(&server, get(path)).status, 404, "{path}");
    }
    assert_eq!(ask(&server, get("/health")).status, 200, "the rest serves");
    fs::remove_dir_all(&outside).expect("the folder can be removed");
    assert_eq!(ask(&server, get("/index.html")).status, 404);
    assert_eq!(ask(&server, get("/")).status, 500);
}

#[test]
fn a_page_in_a_file_is_read_again_for_each_request() {
    let name = format!("page-{}.html", std::process::id());
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let server = Server::start(&["--page", file.to_str().expect("a path in UTF-8")]);
    for script in ["let first", "let second, longer"] {
        let page = format!("<style>b{{}}</style><script>{script}</script>¡hola!");
        fs::write(&file, &page).expect("the page can be written");
        assert_is_page(&ask(&server, get("/")), &page);
    }
    fs::remove_file(&file).expect("the page can be removed");
    let answer = ask(&server, get("/"));
    assert_eq!(answer.status, 500);
    assert!(answer.sentence().contains("cannot be read"));
    assert_eq!(ask(&server, get("/health")).status, 200, "the rest serves");
}

#[test]
fn head_is_get_without_the_body() {
    let server = Server::start(&[]);
    for path in ["/", "/ws", "/echo", "/health", "/nothing"] {
        let mut socket = server.connect();
        let head = ask_on(&mut socket, request("HEAD", path, ""));
        // A body after the head would be read as the begin of the next response.
        let get = ask_on(&mut socket, get(path));
        assert_eq!(lasting_head(&head.head), lasting_head(&get.head));
        assert!(!get.body.is_empty());
    }
}

#[test]
fn health_counts_clients_and_messages() {
    let server = Server::start(&[]);
    let mut ana = Client::join(&server, "Ana");
    let _luis = Client::join(&server, "Luis");
    let _echo = RawClient::open(&server, "/echo");
    ana.say("hola");
    ana.wait_for("message");
    let answer = ask(&server, get("/health"));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    let health: Value = serde_json::from_slice(&answer.body).expect("JSON");
    assert_eq!(health["messages"], 1, "whoever has heard a message finds it counted");
    assert_eq!(health["clients"], 2, "the echo is nobody");
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    assert!(health["uptime"].is_u64());
}

#[test]
fn post_echo_gives_back_every_byte() {
    let server = Server::start(&[]);
    let mut socket = server.connect();
    let longest: Vec<u8> = (0..MAX_BODY).map(|byte| byte as u8).collect();
    for body in [b"", "¡olé!".as_bytes(), b"GET / HTTP/1.1\r\n\r\n", &longest] {
        let head = post(&format!("Content-Length: {}\r\n", body.len()));
        let answer = ask_on(&mut socket, [head.as_bytes(), body].concat());
        assert_eq!(answer.status, 200);
        assert!(answer.body == body, "{} bytes changed", body.len());
    }
    let head = post("Expect: 100-continue\r\nContent-Length: 4\r\n");
    assert_eq!(ask_on(&mut socket, head).status, 100, "go on");
    assert_eq!(ask_on(&mut socket, "hola").text(), "hola");
}

#[test]
fn an_address_for_websockets_says_so() {
    let server = Server::start(&[]);
    let other = request("GET", "/ws", "Connection: Upgrade\r\nUpgrade: h2c\r\n");
    for request in [get("/ws?name=Ana"), get("/echo"), other] {
        let answer = ask(&server, &request);
        assert_eq!(answer.status, 426, "{request}");
        assert_eq!(answer.header("upgrade"), Some("websocket"));
        assert_eq!(answer.header("connection"), Some("Upgrade"));
        assert!(answer.sentence().contains("websocat"));
    }
}

#[test]
fn each_refusal_says_what_was_wrong_to_the_client_and_in_the_log() {
    let server = Server::start(&[]);
    let long = format!("GET /{}", "a".repeat(MAX_HEAD));
    #[rustfmt::skip]
    let refusals = [
        ("hola\r\n\r\n", 400, "not a valid HTTP request"),
        ("GET /\r\n\r\n", 400, "GET /path HTTP/1.1"),
        ("GET / HTTP/3.7\r\nHost: localhost\r\n\r\n", 400, "version"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400, "version"),
        ("\x16\x03\x01\x02\0\x01\0", 400, "TLS"),
        (&get("elsewhere"), 400, "target"),
        (&request("GET", "/", "Space : x\r\n"), 400, "header name"),
        (&request("GET", "/", "Null: \0\r\n"), 400, "header value"),
        (&request("GET", "/", "Folded: a\r\n b\r\n"), 400, "header name"),
        (&request("GET", "/", "Host: localhost\r\n"), 400, "one Host header"),
        ("GET / HTTP/1.1\r\n\r\n", 400, "must have a Host header"),
        ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400, "not a name or address"),
        ("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n", 403, "--host-name"),
        (&request("GET", "/", "Origin: http://evil.example\r\n"), 403, "--origin"),
        (&get("/nothing"), 404, "/ws for the chat"),
        (&post("Content-Length: 1\r\nContent-Length: 2\r\n"), 400, "one number"),
        (&post("Content-Length: +1\r\n"), 400, "one number"),
        (&post("Transfer-Encoding: chunked\r\n"), 411, "Content-Length"),
        (&post("Content-Length: 65537\r\n"), 413, "65536 bytes"),
        (&post("Content-Length: 99999999999999999999999\r\n"), 413, "65536 bytes"),
        (&long, 431, "16384 bytes"),
        (&long, 431, "Cookies of other programs"),
        (&long, 431, "http://127.0.0.1"),
        (&request("GET", "/", &"A: b\r\n".repeat(MAX_HEADERS)), 431, "64 lines"),
    ];
    for (request, status, words) in refusals {
        let answer = ask(&server, request);
        assert_eq!(answer.status, status, "{request:?}: {answer:?}");
        let sentence = answer.sentence();
        assert!(sentence.contains(words), "{request:?}: {sentence}");
        let line = server.wait_for_log(&sentence);
        let answered = format!("answered {status}");
        assert!(line.contains("conn ") && line.contains(&answered), "{line}");
    }
}

#[test]
fn requests_exactly_at_the_limits_are_accepted() {
    let server = Server::start(&[]);
    let bare = request("GET", "/health", "A: \r\n").len();
    for (length, status) in [(MAX_HEAD, 200), (MAX_HEAD + 1, 431)] {
        let padding = "b".repeat(length - bare);
        let head = request("GET", "/health", &format!("A: {padding}\r\n"));
        assert_eq!(ask(&server, head).status, status, "{length} bytes");
    }
    let most = "A: b\r\n".repeat(MAX_HEADERS - 1);
    let head = request("GET", "/health", &most);
    assert_eq!(ask(&server, head).status, 200, "the most headers");
}

#[test]
fn a_wrong_method_is_answered_with_the_right_ones() {
    let server = Server::start(&[]);
    for (method, path, allowed) in [
        ("POST", "/", "GET, HEAD"),
        ("DELETE", "/ws", "GET, HEAD"),
        ("PUT", "/health", "GET, HEAD"),
        ("OPTIONS", "/echo", "GET, HEAD, POST"),
    ] {
        let answer = ask(&server, request(method, path, ""));
        assert_eq!(answer.status, 405, "{method} {path}");
        assert_eq!(answer.header("allow"), Some(allowed));
        assert!(answer.sentence().contains(allowed));
    }
}

#[test]
fn only_our_own_names_and_pages_reach_the_page_and_the_chat() {
    let flags = ["--host-name", "chat.example", "--origin", "https://lms.example"];
    let server = Server::start(&flags);
    #[rustfmt::skip]
    let rows = [
        (true, "Host: LOCALHOST:3000"),
        (true, "Host: 192.168.1.20:3000"),
        (true, "Host: [::1]:3000"),
        (true, "Host: chat.example:80"),
        (true, "Host: localhost:3000\r\nOrigin: http://localhost:3000"),
        (true, "Host: localhost:3000\r\nOrigin: https://lms.example"),
        (false, "Host: lms.example"),
        (false, "Host: localhost.evil.example"),
        (false, "Host: 127.0.0.1.evil.example"),
        (false, "Host: localhost:3000\r\nOrigin: http://localhost:4000"),
        (false, "Host: localhost:3000\r\nOrigin: http://localhost:3000.evil.example"),
        (false, "Host: localhost:3000\r\nOrigin: null"),
        (false, "Host: localhost\r\nOrigin: http://localhost\r\nOrigin: http://evil.example"),
    ];
    for (welcome, lines) in rows {
        for (head, good) in [(get("/"), 200), (handshake("/ws"), 101), (handshake("/echo"), 101)] {
            let answer = ask(&server, head.replacen("Host: localhost", lines, 1));
            assert_eq!(answer.status, if welcome { good } else { 403 }, "{lines}");
            assert!(welcome || answer.sentence().contains("start"));
        }
    }
}

#[test]
fn a_full_server_says_so_and_has_room_again_when_a_client_leaves() {
    let server = Server::start(&["--max-clients", "1"]);
    let mut ana = Client::join(&server, "Ana");
    let answer = ask(&server, handshake("/ws"));
    assert_eq!(answer.status, 503);
    assert_eq!(answer.header("retry-after"), Some("5"));
    assert!(answer.sentence().contains("full"));
    assert_eq!(ask(&server, get("/")).status, 200, "the page is still there");
    ana.websocket.close(None).expect("a client can close");
    ana.read_to_end();
    drop(ana);
    let deadline = Instant::now() + PATIENCE;
    while ask(&server, handshake("/ws")).status != 101 {
        assert!(Instant::now() < deadline, "the place was not given back");
    }
}
