//! With `--users` only users on the list are admitted: signing in and out, by cookie and by name and password.

use crate::common::raw::{Answer, RawClient, TEXT, ask, handshake, request};
use crate::common::users::{Users, basic, cookie, cookie_of, handshake_with, password_of, post, sign_in};
use crate::common::wire::{TEACHER, WIRE_KEY};
use crate::common::{Client, Server};
use serde_json::Value;

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

fn me(server: &Server, cookie: &str) -> Value {
    let answer = ask(server, request("GET", "/me", &format!("Cookie: {cookie}\r\n")));
    assert_eq!(answer.status, 200);
    serde_json::from_slice::<Value>(&answer.body).expect("JSON")["name"].clone()
}

fn sign_out(server: &Server, cookie: &str) -> Answer {
    ask(server, post("/logout", JSON, "", &format!("Cookie: {cookie}\r\n")))
}

/// How a handshake at this path is answered.
fn asked(server: &Server, path: &str, header: &str) -> Answer {
    ask(server, handshake_with(path, header))
}

#[test]
fn without_the_flag_everyone_may_join_and_there_is_no_sign_in() {
    let server = Server::start(&[]);
    Client::join(&server, "Ana");
    for (method, path) in [("POST", "/login"), ("POST", "/logout"), ("GET", "/me")] {
        assert_eq!(ask(&server, request(method, path, "")).status, 404, "{path}");
    }
    let health: Value =
        serde_json::from_slice(&ask(&server, request("GET", "/health", "")).body).expect("JSON");
    assert_eq!(health["sign_in"], false);
}

#[test]
fn a_cookie_opens_the_chat_under_the_accounts_name() {
    let users = Users::new(&["Ana María", "Luis"]);
    let server = users.serve(&[]);
    // However the name is written, and by JSON or by a form.
    let form = format!("name=ANA++mar%C3%ADa&password={}", password_of("Ana María").replace(' ', "+"));
    let answers = [
        sign_in(&server, "Ana María", &password_of("Ana María")),
        ask(&server, post("/login", FORM, &form, "")),
    ];
    for answer in &answers {
        assert_eq!(answer.status, 200, "{answer:?}");
        let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
        assert_eq!(body["name"], "Ana María");
        let cookie = answer.header("set-cookie").expect("a cookie");
        let (_, attributes) = cookie.split_once("; ").expect("attributes");
        assert_eq!(attributes, "Max-Age=43200; Path=/; HttpOnly; SameSite=Strict");
        let cookie = cookie_of(answer);
        assert_eq!(me(&server, &format!("other=x; {cookie}; more=y")), "Ana María");
        let head = handshake_with("/ws?name=Luis", &format!("Cookie: {cookie}"));
        let mut tab = RawClient::open_with(&server, head.as_bytes());
        let welcome: Value = serde_json::from_slice(&tab.wait_for(TEXT)).expect("JSON");
        assert_eq!(welcome["you"], "Ana María", "what is wished for does not count");
    }
    assert_ne!(cookie_of(&answers[0]), cookie_of(&answers[1]), "each sign-in is a session");
    assert_eq!(me(&server, "classroom-session=AAAAAAAAAAAAAAAAAAAAAA"), Value::Null);
    server.wait_for_log("signed in as \"Ana María\"");
}

#[test]
fn without_signing_in_every_websocket_is_refused() {
    let users = Users::new(&["Ana"]);
    let server = users.serve(&["--teacher-key", TEACHER]);
    let wire = format!("/wire?key={WIRE_KEY}");
    for path in ["/ws", "/", "/echo", &wire] {
        for header in [
            "X-Nothing: x",
            "Cookie: classroom-session=AAAAAAAAAAAAAAAAAAAAAA",
            "Cookie: classroom-session=",
            "Authorization: Bearer x",
            "Authorization: Basic !",
            "Authorization: Basic QW5h",
        ] {
            let answer = asked(&server, path, header);
            assert_eq!(answer.status, 401, "{path} {header}");
            let challenge = answer.header("www-authenticate");
            assert_eq!(challenge, Some(r#"Basic realm="websocket-classroom", charset="UTF-8""#));
            assert!(answer.sentence().contains("sign in"), "{answer:?}");
        }
        let right = basic("ana", &password_of("Ana"));
        assert_eq!(asked(&server, path, &right).status, 101, "{path}");
        let wrong = asked(&server, path, &basic("Ana", "wrong"));
        assert_eq!((wrong.status, wrong.header("set-cookie")), (401, None), "{path}");
    }
    // The teacher needs only the key. Plain HTTP stays open to everyone.
    assert_eq!(ask(&server, handshake(&format!("/wire?key={TEACHER}"))).status, 101);
    assert_eq!(ask(&server, request("GET", "/", "")).status, 200);
    // A handshake that is none costs no comparison.
    let broken = handshake_with("/ws", &basic("Ana", "x")).replace("Version: 13", "Version: 12");
    assert_eq!(ask(&server, broken).status, 426);
}

#[test]
fn the_cookie_is_for_tls_alone_where_the_page_came_by_tls() {
    let users = Users::new(&["Ana"]);
    let server = users.serve(&[]);
    let body = serde_json::json!({ "name": "Ana", "password": password_of("Ana") }).to_string();
    for (header, is_secure) in [
        ("Origin: http://localhost\r\n", false),
        ("Origin: https://localhost\r\n", true),
        ("X-Forwarded-Proto: https\r\n", true),
        ("X-Forwarded-Proto: http\r\n", false),
    ] {
        let answer = ask(&server, post("/login", JSON, &body, header));
        let cookie = answer.header("set-cookie").expect("a cookie");
        assert_eq!(cookie.ends_with("; Secure"), is_secure, "{header}{cookie}");
    }
}

#[test]
fn pages_of_other_sites_cannot_sign_a_user_in_or_out() {
    let users = Users::new(&["Ana"]);
    let server = users.serve(&[]);
    let cookie = cookie(&server, "Ana");
    let body = serde_json::json!({ "name": "Ana", "password": password_of("Ana") }).to_string();
    for origin in ["http://evil.example", "null", "http://localhost:4000"] {
        let foreign = format!("Origin: {origin}\r\nCookie: {cookie}\r\n");
        for path in ["/login", "/logout"] {
            let answer = ask(&server, post(path, JSON, &body, &foreign));
            assert_eq!((answer.status, answer.header("set-cookie")), (403, None), "{origin}");
        }
    }
    assert_eq!(me(&server, &cookie), "Ana");
}

#[test]
fn a_malformed_sign_in_is_refused_with_a_sentence() {
    let users = Users::new(&["Ana"]);
    let server = users.serve(&[]);
    let secret = "S3CRET";
    let long = format!(r#"{{"name":"Ana","password":"{}"}}"#, "x".repeat(9000));
    let deep = format!(r#"{{"name":"Ana","password":"S3CRET","x":{}"#, "[".repeat(8000));
    for (content_type, body, status) in [
        ("text/plain", "name=Ana&password=S3CRET", 415),
        ("", "name=Ana&password=S3CRET", 415),
        (JSON, "name=Ana&password=S3CRET", 400),
        (JSON, r#"{"name":"Ana"}"#, 400),
        (JSON, r#"{"name":"Ana","password":"S3CRET""#, 400),
        (JSON, r#"{"name":"Ana","password":["S3CRET"]}"#, 400),
        (JSON, r#"{"name":"Ana","password":"S3CRET\u0000"}"#, 400),
        (JSON, r#"{"name":"Ana","password":""}"#, 400),
        (JSON, r#"["Ana","S3CRET"]"#, 400),
        (JSON, r#"{"name":"Ana","password":"S3CRET","password":"S3CRET"}"#, 400),
        (JSON, r#"{"name":"Ana","password":"S3CRET\ud800"}"#, 400),
        (JSON, r#"{"name":"Ana","password":"S3CRET"} {}"#, 400),
        (JSON, "\u{feff}{\"name\":\"Ana\",\"password\":\"S3CRET\"}", 400),
        (JSON, &deep, 400),
        (FORM, "name=Ana", 400),
        (FORM, "password=S3CRET", 400),
        (JSON, &long, 413),
    ] {
        let answer = ask(&server, post("/login", content_type, body, ""));
        assert_eq!(answer.status, status, "{body:.40}");
        assert!(!answer.sentence().contains(secret), "{answer:?}");
    }
    for path in ["/login", "/logout"] {
        let answer = ask(&server, request("GET", path, ""));
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
    }
    assert!(!server.log().iter().any(|line| line.contains(secret) || line.contains("was checked")));
}

#[test]
fn signing_out_closes_all_connections_of_that_user_and_no_other() {
    let users = Users::new(&["Ana", "Luis"]);
    let server = users.serve(&[]);
    let ana = cookie(&server, "Ana");
    let in_another_browser = cookie(&server, "Ana");
    let with_cookie = format!("Cookie: {ana}");
    let mut tab = Client::open_as(&server, "/ws", &with_cookie);
    let mut program = Client::open_as(&server, "/ws", &basic("Ana", &password_of("Ana")));
    let mut echo = Client::open_as(&server, "/echo", &with_cookie);
    let mut watcher = Client::open_as(&server, &format!("/wire?key={WIRE_KEY}"), &with_cookie);
    let mut luis = Client::open_as(&server, "/ws", &basic("Luis", &password_of("Luis")));
    luis.wait_for("welcome");

    let answer = sign_out(&server, &ana);
    assert_eq!(answer.status, 200);
    let gone = "classroom-session=; Max-Age=0; Path=/; HttpOnly; SameSite=Strict";
    assert_eq!(answer.header("set-cookie"), Some(gone));
    for connection in [&mut tab, &mut program, &mut echo, &mut watcher] {
        assert_eq!(connection.wait_for_close(), (4500, "signed_out: you signed out".to_owned()));
        connection.read_to_end();
    }
    let left = luis.wait_for("left");
    assert_eq!((&left["name"], &left["code"]), (&"Ana".into(), &4500.into()));
    luis.say("still here");
    assert_eq!(luis.message().1, "still here");
    // The cookie is worth nothing now, but she can come again.
    assert_eq!(me(&server, &ana), Value::Null);
    assert_eq!(me(&server, &in_another_browser), Value::Null);
    assert_eq!(asked(&server, "/ws", &with_cookie).status, 401);
    assert_eq!(sign_out(&server, &ana).status, 200);
    let again = format!("Cookie: {}", cookie(&server, "Ana"));
    let mut tab = Client::open_as(&server, "/ws", &again);
    tab.wait_for("welcome");
    assert_eq!(luis.wait_for("joined")["name"], "Ana");
}

#[test]
fn when_a_user_has_too_many_sessions_the_oldest_ends_with_its_connections() {
    let users = Users::new(&["Ana"]);
    let server = users.serve(&[]);
    let first = cookie(&server, "Ana");
    let mut first_tab = Client::open_as(&server, "/ws", &format!("Cookie: {first}"));
    let second = cookie(&server, "Ana");
    let mut second_tab = Client::open_as(&server, "/ws", &format!("Cookie: {second}"));
    second_tab.wait_for("welcome");
    for _ in 0..15 {
        cookie(&server, "Ana");
    }
    assert_eq!(first_tab.wait_for_close().0, 4500);
    assert_eq!((me(&server, &first), me(&server, &second)), (Value::Null, "Ana".into()));
    second_tab.say("still here");
    assert_eq!(second_tab.message().1, "still here");
}

#[test]
fn several_tabs_are_one_person() {
    let users = Users::new(&["Ana", "Luis"]);
    let server = users.serve(&[]);
    let open = |name: &str, query: &str| {
        let path = format!("/ws{query}");
        let mut tab = Client::open_as(&server, &path, &basic(name, &password_of(name)));
        let welcome = tab.wait_for("welcome");
        (tab, welcome)
    };
    let (mut luis, _) = open("Luis", "");
    let (mut one, welcome) = open("Ana", "");
    assert_eq!(luis.wait_for("joined")["name"], "Ana");
    let (mut two, second) = open("Ana", "");
    assert_eq!((&second["count"], &second["users"]), (&2.into(), &welcome["users"]));

    // A private message reaches all tabs of both; the sender's ref only the one it came from.
    one.say(r#"{"type":"message","text":"psst","to":"Luis","ref":"r1"}"#);
    for (tab, reference) in [(&mut one, Value::from("r1")), (&mut two, Value::Null)] {
        let message = tab.wait_for("message");
        assert_eq!((&message["text"], &message["ref"]), (&"psst".into(), &reference));
    }
    let heard = luis.event();
    assert_eq!(heard["text"], "psst", "no second joined before: {heard}");
    luis.say(r#"{"type":"message","text":"answer","to":"ana"}"#);
    assert_eq!(luis.message().1, "answer");
    for tab in [&mut one, &mut two] {
        assert_eq!(tab.message(), ("Luis".into(), "answer".into()));
    }

    // The name stays what it is.
    one.say(r#"{"type":"name","name":"Eva"}"#);
    assert_eq!(one.wait_for("error")["code"], "name_fixed");

    // A tab that drops comes back as itself: that one alone is closed, and misses nothing.
    let text = |field: &str| welcome[field].as_str().expect("a text").to_owned();
    let (session, epoch) = (text("session"), text("epoch"));
    let query = format!("?session={session}&epoch={epoch}&after={}", welcome["last"]);
    let (mut again, welcome) = open("Ana", &query);
    assert_eq!(welcome["recovered"], true);
    assert_eq!(again.message().1, "psst");
    assert_eq!(one.wait_for_close().0, 4501);
    assert_eq!(again.message().1, "answer");
    two.say("all are here");
    for tab in [&mut again, &mut two, &mut luis] {
        assert_eq!(tab.message(), ("Ana".into(), "all are here".into()));
    }
    again.leave();
    two.say("one left");
    assert_eq!(luis.event()["text"], "one left");
    two.leave();
    assert_eq!(luis.wait_for("left")["name"], "Ana");
    luis.say(r#"{"type":"message","text":"psst","to":"Ana"}"#);
    assert_eq!(luis.wait_for("error")["code"], "no_such_user");
}

#[test]
fn two_programs_of_one_person_may_use_the_same_ref() {
    let users = Users::new(&["Ana"]);
    let server = users.serve(&[]);
    let open = || Client::open_as(&server, "/ws", &basic("Ana", &password_of("Ana")));
    let (mut one, mut two) = (open(), open());
    two.wait_for("welcome");
    one.say(r#"{"type":"message","text":"from the first","ref":"1"}"#);
    assert_eq!(two.message().1, "from the first");
    two.say(r#"{"type":"message","text":"from the second","ref":"1"}"#);
    assert_eq!(two.message().1, "from the second");
    // Sent again after a cut it is the same message, also on another connection.
    two.say(r#"{"type":"message","text":"from the first","ref":"1"}"#);
    assert_eq!(two.wait_for("posted")["ref"], "1");
}

#[test]
fn when_a_user_has_too_many_connections_the_oldest_ends() {
    let users = Users::new(&["Ana", "Luis"]);
    let server = users.serve(&[]);
    let mut luis = Client::open_as(&server, "/ws", &basic("Luis", &password_of("Luis")));
    luis.wait_for("welcome");
    let ana = format!("Cookie: {}", cookie(&server, "Ana"));
    // The welcome says that the broadcaster has the client; the 101 before it does not, and threads may overtake each other.
    let open = || {
        let mut tab = Client::open_as(&server, "/ws", &ana);
        tab.wait_for("welcome");
        tab
    };
    let mut tabs: Vec<Client> = (0..33).map(|_| open()).collect();
    assert_eq!(tabs[0].wait_for_close().0, 4501);
    luis.say(r#"{"type":"message","text":"psst","to":"Ana"}"#);
    for tab in &mut tabs[1..] {
        assert_eq!(tab.message().1, "psst");
    }
    drop(tabs);
    assert_eq!(luis.wait_for("left")["name"], "Ana");
}

#[test]
fn signing_in_signs_out_the_previous_user_of_the_browser() {
    let users = Users::new(&["Ana", "Luis"]);
    let server = users.serve(&[]);
    let ana = cookie(&server, "Ana");
    let mut tab = Client::open_as(&server, "/ws", &format!("Cookie: {ana}"));
    tab.wait_for("welcome");
    let body = |name| serde_json::json!({ "name": name, "password": password_of(name) }).to_string();
    let with_cookie = format!("Cookie: {ana}\r\n");
    // Herself, in another tab: nothing ends.
    let again = ask(&server, post("/login", JSON, &body("Ana"), &with_cookie));
    assert_eq!((again.status, me(&server, &ana)), (200, "Ana".into()));
    let luis = ask(&server, post("/login", JSON, &body("Luis"), &with_cookie));
    assert_eq!(me(&server, &cookie_of(&luis)), "Luis");
    assert_eq!(tab.wait_for_close().0, 4500);
    assert_eq!(me(&server, &ana), Value::Null);
}

#[test]
fn another_spelling_of_a_name_is_the_same_user() {
    let users = Users::new(&["ana", "Luis"]);
    let server = users.serve(&[]);
    let open = || {
        let mut tab = Client::open_as(&server, "/ws", &basic("Ana", &password_of("ana")));
        (tab.wait_for("welcome")["you"].clone(), tab)
    };
    let (name, mut tab) = open();
    assert_eq!(name, "ana");
    tab.leave();
    users.write(&users.text().replace("ana:", "Ana:"));
    server.wait_for_log("2 on it; 0 new, 0 removed, 0 with another password");
    assert_eq!(open().0, "Ana");
}

#[test]
fn a_user_who_is_removed_from_the_list_is_signed_out() {
    let users = Users::new(&["Ana", "Luis"]);
    let server = users.serve(&[]);
    let ana = cookie(&server, "Ana");
    let mut tab = Client::open_as(&server, "/ws", &format!("Cookie: {ana}"));
    let mut program = Client::open_as(&server, "/echo", &basic("Ana", &password_of("Ana")));
    let luis_cookie = cookie(&server, "Luis");
    let mut luis = Client::open_as(&server, "/ws", &format!("Cookie: {luis_cookie}"));
    luis.wait_for("welcome");
    tab.wait_for("welcome");

    users.remove("Ana");
    for connection in [&mut tab, &mut program] {
        let (code, reason) = connection.wait_for_close();
        assert_eq!((code, reason.as_str()), (4500, "account_removed: your account is no longer on the list"));
    }
    let left = luis.wait_for("left");
    assert_eq!((&left["name"], &left["code"]), (&"Ana".into(), &4500.into()));
    assert_eq!(me(&server, &ana), Value::Null);
    assert_eq!(sign_in(&server, "Ana", &password_of("Ana")).status, 401);

    // Who comes new comes in; who has a new password is out, and in again with that.
    users.add(&["Eva"]);
    server.wait_for_log("2 on it; 1 new, 0 removed");
    assert_eq!(me(&server, &cookie(&server, "Eva")), "Eva");
    assert_eq!(me(&server, &luis_cookie), "Luis");
    assert!(users.run(&["--add-user", "luis"], "another secret\n").status.success());
    assert_eq!(luis.wait_for_close().0, 4500);
    assert_eq!(me(&server, &luis_cookie), Value::Null);
    assert_eq!(sign_in(&server, "Luis", &password_of("Luis")).status, 401);
    assert_eq!(sign_in(&server, "Luis", "another secret").status, 200);
}

#[test]
fn a_new_owner_of_a_name_does_not_get_the_old_owners_private_messages() {
    let users = Users::new(&["Ana", "Luis"]);
    let server = users.serve(&[]);
    let open = |name: &str| {
        let mut tab = Client::open_as(&server, "/ws", &basic(name, &password_of(name)));
        tab.wait_for("welcome");
        tab
    };
    let (mut ana, mut luis) = (open("Ana"), open("Luis"));
    ana.say(r#"{"type":"message","text":"psst","to":"Luis"}"#);
    assert_eq!(luis.message().1, "psst");
    luis.leave();
    let mut luis = open("Luis");
    assert_eq!(luis.message().1, "psst", "he himself reads it again");
    users.remove("Luis");
    assert_eq!(luis.wait_for_close().0, 4500);
    users.add(&["Luis"]);
    server.wait_for_log("2 on it; 1 new");
    let mut other = open("Luis");
    ana.say("hello, new Luis");
    assert_eq!(other.message().1, "hello, new Luis");
}

#[test]
fn a_wrong_list_is_logged_with_its_line_and_the_old_one_stays_in_force() {
    let users = Users::new(&["Ana", "Luis"]);
    let server = users.serve(&[]);
    let mut ana = Client::open_as(&server, "/ws", &basic("Ana", &password_of("Ana")));
    let good = users.text();
    users.write(&format!("# a comment\n{good}Eva:secret\n"));
    let line = server.wait_for_log("stays in force");
    assert!(line.contains("class.txt: line 4: ") && !line.contains("secret"), "{line}");
    assert_eq!(sign_in(&server, "Luis", &password_of("Luis")).status, 200);
    ana.say("still here");
    assert_eq!(ana.message().1, "still here");
    std::fs::remove_file(users.path()).expect("it is there");
    server.wait_for_log("No such file");
    assert_eq!(sign_in(&server, "Luis", &password_of("Luis")).status, 200);
    users.write(&good.replace("Luis:", "Luisa:"));
    server.wait_for_log("2 on it; 1 new, 1 removed");
    ana.say("still here, too");
    assert_eq!(ana.message().1, "still here, too");
}

#[test]
fn an_empty_list_admits_no_one_until_a_user_is_added() {
    let users = Users::new(&[]);
    let server = users.serve(&[]);
    server.wait_for_log("the list of users has no accounts yet");
    assert_eq!(sign_in(&server, "Ana", &password_of("Ana")).status, 401);
    users.add(&["Ana"]);
    server.wait_for_log("1 on it; 1 new");
    let mut ana = Client::open_as(&server, "/ws", &basic("Ana", &password_of("Ana")));
    ana.wait_for("welcome");
    // Also when the last one goes.
    users.write("");
    assert_eq!(ana.wait_for_close().0, 4500);
    server.wait_for_log("0 on it; 0 new, 1 removed");
}
