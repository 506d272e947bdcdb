//! The teacher's hand: what a teacher may do, what others may not, and that it is the same after a return, with a history and with
//! the inspector. Several servers: `shared`.

use crate::common::raw::{RawClient, TEXT, ask, frame, handshake, read_answer, request};
use crate::common::returning::{MARK, Person};
use crate::common::users::{Users, basic, post};
use crate::common::{Client, Server};
use serde_json::{Value, json};

const KEY: &str = "teacher-key";

fn start(more: &[&str]) -> Server {
    Server::start(&[&["--teacher-key", KEY, "--rate", "0"], more].concat())
}

/// Comes in and shows the key.
fn teacher(server: &Server, name: &str) -> Person {
    let mut teacher = Person::join(server, name);
    teacher.send(&json!({"type": "teach", "key": KEY}));
    teacher.wait_for("teaching");
    teacher.wait_for("room");
    teacher
}

/// The `code` and `why` of the next error, for this `ref`.
#[track_caller]
fn refused(person: &mut Person, reference: &str) -> (String, String) {
    let error = person.wait_for("error");
    assert_eq!(error["ref"], reference, "{error}");
    let text = |field: &str| error[field].as_str().unwrap_or_default().to_owned();
    (text("code"), text("why"))
}

fn asked(code: &str, why: &str) -> (String, String) {
    (code.to_owned(), why.to_owned())
}

#[test]
fn who_has_not_shown_the_key_may_do_nothing() {
    let server = start(&["--history", "10"]);
    let mut eva = Person::join(&server, "Eva");
    let mut tom = Person::join(&server, "Tom");
    eva.wait_for("joined");
    tom.say("one");
    let id = eva.wait_for("message")["id"].clone();
    tom.wait_for("message");
    let commands = [
        json!({"type": "remove", "message": id, "ref": "r"}),
        json!({"type": "clear", "ref": "r"}),
        json!({"type": "mute", "name": "Tom", "on": true, "ref": "r"}),
        json!({"type": "mute", "name": "Tom", "on": false, "ref": "r"}),
        json!({"type": "listen", "on": true, "ref": "r"}),
        json!({"type": "lock", "on": true, "ref": "r"}),
        json!({"type": "expel", "name": "Tom", "ref": "r"}),
        json!({"type": "readmit", "name": "Tom", "ref": "r"}),
        json!({"type": "hand", "name": "Tom", "on": false, "ref": "r"}),
    ];
    for command in &commands {
        eva.send(command);
        assert_eq!(refused(&mut eva, "r"), asked("not_allowed", "no_teacher"), "{command}");
    }
    for key in [json!("teacher-keY"), json!(""), json!(null), json!("teacher-key ")] {
        eva.send(&json!({"type": "teach", "key": key, "ref": "r"}));
        assert_eq!(refused(&mut eva, "r"), asked("not_allowed", "wrong_key"));
    }
    // Nothing of it reached anyone.
    eva.say(MARK);
    tom.hears_nothing();
    assert_eq!(Person::join(&server, "new").texts_until_mark(), ["one"]);
}

#[test]
fn a_command_that_lacks_something_says_what() {
    let server = start(&[]);
    let mut ana = teacher(&server, "Ana");
    for (command, code, why) in [
        (json!({"type": "remove"}), "bad_message", "no_message_id"),
        (json!({"type": "remove", "message": -1}), "bad_message", "wrong_field"),
        (json!({"type": "remove", "message": 999}), "no_such_message", ""),
        (json!({"type": "remove", "message": u64::MAX}), "no_such_message", ""),
        (json!({"type": "mute", "on": true}), "bad_message", "no_name"),
        (json!({"type": "mute", "name": "Ana"}), "bad_message", "no_on"),
        (json!({"type": "mute", "name": "Ana", "on": 1}), "bad_message", "wrong_field"),
        (json!({"type": "mute", "name": "Tom", "on": true}), "no_such_user", ""),
        (json!({"type": "mute", "name": "Tom", "on": false}), "no_such_user", ""),
        (json!({"type": "mute", "name": "\u{7}", "on": true}), "no_such_user", ""),
        (json!({"type": "listen"}), "bad_message", "no_on"),
        (json!({"type": "lock"}), "bad_message", "no_on"),
        (json!({"type": "expel", "name": "Tom"}), "no_such_user", ""),
        (json!({"type": "expel", "name": "Ana", "minutes": 0}), "bad_message", "wrong_minutes"),
        (json!({"type": "expel", "name": "Ana", "minutes": 241}), "bad_message", "wrong_minutes"),
        (json!({"type": "readmit", "name": "Tom"}), "no_such_user", ""),
        (json!({"type": "hand", "name": "Tom", "on": false}), "no_such_user", ""),
        // Against a teacher, oneself included.
        (json!({"type": "mute", "name": "Ana", "on": true}), "not_allowed", "a_teacher"),
        (json!({"type": "expel", "name": "Ana"}), "not_allowed", "a_teacher"),
    ] {
        ana.send(&command);
        let error = ana.wait_for("error");
        let found = (error["code"].as_str().unwrap(), error["why"].as_str().unwrap_or_default());
        assert_eq!(found, (code, why), "{command}: {error}");
    }
}

#[test]
fn a_message_that_is_taken_back_is_in_no_history_and_in_no_return() {
    let server = start(&["--history", "10"]);
    let mut ana = teacher(&server, "Ana");
    let mut tom = Person::join(&server, "Tom");
    let eva = Person::join(&server, "Eva");
    let away = eva.cut();
    tom.send(&json!({"type": "message", "text": "an insult", "ref": "1"}));
    tom.say("fine");
    let insult = ana.wait_for("message");
    assert_eq!(insult["text"], "an insult");
    let lisa = Person::join(&server, "Lisa").cut();
    ana.send(&json!({"type": "remove", "message": insult["id"]}));
    let removed = ana.wait_for("removed");
    assert_eq!((&removed["message"], &removed["by"]), (&insult["id"], &json!("Ana")));
    assert!(removed["id"].as_u64() > insult["id"].as_u64() && removed["at"].is_string());
    assert_eq!(tom.wait_for("removed"), removed);

    // The first never had it; the second had it, and learns that it is gone. Neither gets its text.
    for ticket in [&away, &lisa] {
        let mut back = Person::back(&server, ticket);
        let mut missed = back.until(|event| event["type"] == "removed");
        missed.retain(|event| event["type"] == "message");
        assert!(!missed.iter().any(|event| event["text"] == "an insult"), "{missed:?}");
    }
    ana.say(MARK);
    assert_eq!(Person::join(&server, "new").texts_until_mark(), ["fine"]);
    // Sent again by its sender, it is not posted again.
    tom.send(&json!({"type": "message", "text": "an insult", "ref": "1"}));
    assert_eq!(tom.wait_for("posted")["id"], insult["id"]);
    // Taken back once more.
    ana.send(&json!({"type": "remove", "message": insult["id"], "ref": "x"}));
    assert_eq!(refused(&mut ana, "x").0, "no_such_message");
    server.wait_for_log(&format!("\"Ana\" asks as a teacher: take back message {}", insult["id"]));
}

#[test]
fn of_two_teachers_at_once_one_takes_a_message_back() {
    let server = start(&[]);
    let mut ana = teacher(&server, "Ana");
    let mut rosa = teacher(&server, "Rosa");
    let mut tom = Person::join(&server, "Tom");
    for number in 0..20 {
        tom.say(&format!("message {number}"));
        let id = tom.wait_for("message")["id"].clone();
        let command = json!({"type": "remove", "message": id, "ref": "r"});
        ana.send(&command);
        rosa.send(&command);
        let outcome = |person: &mut Person| {
            let event = person.until(|event| event["type"] == "error" || event["type"] == "removed");
            drop(event);
        };
        outcome(&mut ana);
        outcome(&mut rosa);
        let removed = tom.wait_for("removed");
        assert_eq!(removed["message"], id);
    }
    tom.say(MARK);
    tom.hears_nothing();
}

#[test]
fn the_talk_is_cleared() {
    let server = start(&["--history", "10"]);
    let mut ana = teacher(&server, "Ana");
    let away = Person::join(&server, "Eva").cut();
    ana.say("one");
    ana.send(&json!({"type": "message", "text": "two", "ref": "2"}));
    ana.send(&json!({"type": "clear"}));
    assert_eq!(ana.wait_for("cleared")["by"], "Ana");
    ana.say("three");
    ana.say(MARK);
    assert_eq!(Person::join(&server, "new").texts_until_mark(), ["three"]);
    let mut back = Person::back(&server, &away);
    let missed = back.until(|event| event["type"] == "cleared");
    assert!(missed.iter().all(|event| event["type"] != "message"), "{missed:?}");
    assert_eq!(back.texts_until_mark(), ["three"]);
}

#[test]
fn who_is_muted_is_told_so_and_reaches_no_one() {
    let server = start(&[]);
    let mut ana = teacher(&server, "Ana");
    let mut tom = Person::join(&server, "Tom");
    let mut eva = Person::join(&server, "Eva");
    ana.send(&json!({"type": "mute", "name": "tom", "on": true}));
    assert_eq!(ana.wait_for("restricted")["muted"], json!(["Tom"]));
    for command in [
        json!({"type": "message", "text": "hello", "ref": "a"}),
        json!({"type": "message", "text": "psst", "to": "Eva", "ref": "a"}),
    ] {
        tom.send(&command);
        assert_eq!(refused(&mut tom, "a"), asked("muted", "muted"));
    }
    // A name can be an insult, too. Typing is not worth an answer.
    tom.send(&json!({"type": "name", "name": "Ana is silly"}));
    assert_eq!(tom.wait_for("error")["code"], "muted");
    tom.send(&json!({"type": "typing"}));
    tom.send(&json!({"type": "members", "ref": "m"}));
    assert_eq!(tom.event()["type"], "members");
    // Nor by going and coming again.
    let ticket = tom.close(1000);
    while ana.wait_for("left")["code"] != 1000 {}
    let mut tom = Person::join(&server, "Tom");
    tom.send(&json!({"type": "message", "text": "again", "ref": "a"}));
    assert_eq!(refused(&mut tom, "a").1, "muted");
    let mut same = Person::open(&server, &ticket.path());
    same.say("and again");
    assert_eq!(same.wait_for("error")["code"], "muted");
    ana.say("now");
    let heard = eva.until(|event| event["text"] == "now");
    assert!(heard.iter().all(|event| event["type"] != "message" && event["type"] != "typing"), "{heard:?}");

    ana.send(&json!({"type": "mute", "name": "Tom", "on": false}));
    assert_eq!(ana.wait_for("restricted")["muted"], json!([]));
    tom.say("thank you");
    assert_eq!(eva.wait_for("message")["text"], "thank you");
}

#[test]
fn a_muted_flood_ends_like_any_other() {
    let server = Server::start(&["--teacher-key", KEY, "--rate", "2"]);
    let mut ana = teacher(&server, "Ana");
    let mut tom = Person::join(&server, "Tom");
    ana.send(&json!({"type": "mute", "name": "Tom", "on": true}));
    ana.wait_for("restricted");
    let mut flood = Vec::new();
    for _ in 0..100 {
        flood.push(tom.client.websocket.send(tungstenite::Message::text("x")).is_ok());
    }
    let (code, reason) = tom.client.wait_for_close();
    assert!(code == 1008 && reason.starts_with("too_fast: "), "{code} {reason}");
}

#[test]
fn only_the_teacher_may_write_while_the_class_is_to_listen() {
    let server = start(&[]);
    let mut ana = teacher(&server, "Ana");
    let mut tom = Person::join(&server, "Tom");
    assert_eq!(
        tom.wait_for("room"),
        json!({"type": "room", "teachers": ["Ana"], "hands": [], "listen": false, "locked": false})
    );
    ana.send(&json!({"type": "listen", "on": true}));
    assert_eq!(tom.wait_for("room")["listen"], true);
    tom.send(&json!({"type": "message", "text": "but", "ref": "a"}));
    assert_eq!(refused(&mut tom, "a"), asked("muted", "listen"));
    // Who comes now knows it.
    let mut eva = Person::join(&server, "Eva");
    assert_eq!(eva.wait_for("room")["listen"], true);
    ana.say("listen");
    let message = tom.wait_for("message");
    assert_eq!((&message["text"], &message["teacher"]), (&json!("listen"), &json!(true)));
    ana.send(&json!({"type": "listen", "on": false}));
    assert_eq!(tom.wait_for("room")["listen"], false);
    tom.say("thank you");
    let message = eva.until(|event| event["text"] == "thank you");
    assert_eq!(message.iter().filter(|event| event["type"] == "message").count(), 1);
}

#[test]
fn no_newcomers_are_admitted_and_members_may_return() {
    let server = start(&[]);
    let mut ana = teacher(&server, "Ana");
    let away = Person::join(&server, "Tom").cut();
    ana.send(&json!({"type": "lock", "on": true}));
    assert_eq!(ana.until(|event| event["locked"] == true).len(), ana.ticket.after as usize - 1);
    let answer = ask(&server, handshake("/ws?name=Eva"));
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("the teacher admits no one new"), "{}", answer.text());
    assert_eq!(ask(&server, handshake("/ws?name=Eva").replace("/ws", "/")).status, 503);
    // The page still loads, and says why.
    assert_eq!(ask(&server, request("GET", "/", "")).status, 200);
    let mut eva = RawClient::open(&server, "/ws?join=message");
    eva.send(&frame(TEXT, br#"{"type":"join","name":"Eva"}"#));
    let (code, reason) = eva.wait_for_end();
    assert!(code == 1013 && reason.starts_with("locked: "), "{code} {reason}");
    let mut forged = RawClient::open(&server, "/ws?session=1.AAAAAAAAAAAAAAAAAAAAAA&epoch=x&after=0");
    assert_eq!(forged.wait_for_end().0, 1013);
    let mut tom = Person::back(&server, &away);
    tom.say("here again");
    ana.send(&json!({"type": "lock", "on": false}));
    tom.wait_for("room");
    while ask(&server, handshake("/ws?name=Eva")).status == 503 {}
    Person::join(&server, "Lisa");
}

#[test]
fn whose_connections_are_closed_does_not_return_for_a_time() {
    let server = start(&[]);
    let mut ana = teacher(&server, "Ana");
    let mut tom = Person::join(&server, "Tom");
    let mut eva = Person::join(&server, "Eva");
    ana.send(&json!({"type": "expel", "name": "Tom", "minutes": 5}));
    let (code, reason) = tom.client.wait_for_close();
    assert_eq!(
        (code, reason.as_str()),
        (4502, "expelled: the teacher closed your connection; you may come back in 5 min")
    );
    let left = eva.wait_for("left");
    assert_eq!((&left["name"], &left["code"]), (&json!("Tom"), &json!(4502)));
    assert_eq!(ana.wait_for("restricted")["expelled"], json!(["Tom"]));
    // By session, by name, however it is written, in the address or in the first message.
    let ticket = tom.cut();
    for path in [ticket.path(), "/ws?name=Tom".to_owned(), "/ws?name=%20TOM".to_owned()] {
        let (code, reason) = RawClient::open(&server, &path).wait_for_end();
        assert!(code == 4502 && reason.starts_with("expelled: "), "{path}: {code} {reason}");
    }
    let mut again = RawClient::open(&server, "/ws?join=message");
    again.send(&frame(TEXT, br#"{"type":"join","name":"Tom"}"#));
    assert_eq!(again.wait_for_end().0, 4502);
    eva.send(&json!({"type": "name", "name": "Tom"}));
    assert_eq!(eva.wait_for("error")["code"], "name_taken");

    ana.send(&json!({"type": "readmit", "name": "Tom"}));
    assert_eq!(ana.wait_for("restricted")["expelled"], json!([]));
    Person::join(&server, "Tom");
}

#[test]
fn an_address_is_kept_out_if_asked_and_never_ones_own() {
    let server = start(&["--host", "127.0.0.1"]);
    let mut ana = teacher(&server, "Ana");
    let from = |path: &str| {
        let socket = server.connect_from("127.0.0.7".parse().expect("an address"));
        let mut client = RawClient::over(socket);
        client.send(handshake(path).as_bytes());
        assert_eq!(read_answer(&mut client.socket, true).status, 101);
        client
    };
    let mut tom = from("/ws?name=Tom");
    let mut neighbour = Person::join(&server, "Eva");
    ana.wait_for("joined");
    ana.send(&json!({"type": "expel", "name": "Eva", "address": true, "ref": "e"}));
    assert_eq!(refused(&mut ana, "e"), asked("not_allowed", "own_address"));
    ana.send(&json!({"type": "expel", "name": "Tom", "address": true}));
    assert_eq!(tom.wait_for_end().0, 4502);
    ana.wait_for("restricted");
    let mut socket = server.connect_from("127.0.0.7".parse().expect("an address"));
    let answer = crate::common::raw::ask_on(&mut socket, handshake("/ws?name=Other"));
    assert!(answer.status == 403 && answer.text().contains("no one from this address"), "{}", answer.text());
    let mut other = from("/ws?join=message");
    other.send(&frame(TEXT, br#"{"type":"join","name":"Other"}"#));
    assert_eq!(other.wait_for_end().0, 4502);
    neighbour.say("still here");
    assert_eq!(ana.wait_for("message")["text"], "still here");
    ana.send(&json!({"type": "readmit", "name": "Tom"}));
    ana.wait_for("restricted");
    from("/ws?name=Tom").wait_for(TEXT);
}

#[test]
fn hands_are_raised_in_order_and_taken_down() {
    let server = start(&[]);
    let mut ana = teacher(&server, "Ana");
    let (mut tom, mut eva) = (Person::join(&server, "Tom"), Person::join(&server, "Eva"));
    let hands = |person: &mut Person, expected: Value| {
        while person.wait_for("room")["hands"] != expected {}
    };
    eva.send(&json!({"type": "hand", "on": true}));
    hands(&mut ana, json!(["Eva"]));
    tom.send(&json!({"type": "hand", "on": true}));
    hands(&mut ana, json!(["Eva", "Tom"]));
    // Raised is raised.
    eva.send(&json!({"type": "hand", "on": true}));
    // Its owner's new name is its name.
    eva.send(&json!({"type": "name", "name": "Eva M."}));
    hands(&mut tom, json!(["Eva M.", "Tom"]));
    // Gone and back, it is still up.
    let away = eva.cut();
    hands(&mut tom, json!(["Tom"]));
    let mut eva = Person::open(&server, &away.path());
    hands(&mut tom, json!(["Eva M.", "Tom"]));
    ana.send(&json!({"type": "hand", "name": "Eva M.", "on": false}));
    hands(&mut tom, json!(["Tom"]));
    tom.send(&json!({"type": "hand", "on": false}));
    hands(&mut tom, json!([]));
    eva.say(MARK);
    tom.until_mark();
}

#[test]
fn the_mark_of_teachers_stays_through_a_return_and_cannot_be_imitated() {
    let server = start(&[]);
    let mut ana = teacher(&server, "Ana");
    let mut tom = Person::join(&server, "Tom");
    for name in ["Tom 🎓", "🎓", "🏫 Ana", "To\u{1f393}m", "👩\u{200d}🏫"] {
        tom.send(&json!({"type": "name", "name": name}));
        let error = tom.wait_for("error");
        assert_eq!((&error["code"], &error["why"]), (&json!("bad_name"), &json!("teachers_mark")), "{name}");
    }
    // No field of a message is taken over.
    tom.send(&json!({"type": "message", "text": "I am the teacher", "teacher": true, "ref": "1"}));
    let message = ana.wait_for("message");
    assert_eq!(message.get("teacher"), None, "{message}");
    ana.send(&json!({"type": "name", "name": "Frau-Ana"}));
    while tom.wait_for("room")["teachers"] != json!(["Frau-Ana"]) {}
    let away = ana.cut();
    while tom.wait_for("room")["teachers"] != json!([]) {}
    let mut ana = Person::open(&server, &away.path());
    ana.wait_for("teaching");
    ana.send(&json!({"type": "listen", "on": true}));
    assert_eq!(
        ana.until(|event| event["listen"] == true).iter().filter(|event| event["type"] == "error").count(),
        0
    );
    // A member who takes the name later has no mark with it.
    ana.close(1000);
    while tom.wait_for("left")["code"] != 1000 {}
    let mut impostor = Person::join(&server, "Frau-Ana");
    impostor.send(&json!({"type": "clear", "ref": "x"}));
    assert_eq!(refused(&mut impostor, "x").0, "not_allowed");
}

#[test]
fn a_link_works_once_and_an_old_one_does_not() {
    let server = Server::start(&[]);
    let code = server.banner.split("#teach=").nth(1).and_then(|rest| rest.split(' ').next()).expect("a link");
    assert!(!server.banner.contains("#teacher="), "{}", server.banner);
    let exchange = |code: &str| ask(&server, post("/teacher", "text/plain", code, ""));
    for wrong in ["x", &code[1..], &code.to_uppercase(), "#teach="] {
        assert_eq!(exchange(wrong).status, 403, "{wrong}");
    }
    let answer = exchange(code);
    assert_eq!(answer.status, 200);
    let key: Value = serde_json::from_slice(&answer.body).expect("JSON");
    let refused = exchange(code);
    assert!(refused.status == 403 && refused.text().contains("works once"), "{}", refused.text());

    let mut ana = Person::join(&server, "Ana");
    ana.send(&json!({"type": "teach", "key": key["key"]}));
    ana.wait_for("teaching");
    // The code itself is no key, and the key stands in no line.
    ana.send(&json!({"type": "teach", "key": code, "ref": "x"}));
    assert_eq!(refused_why(&mut ana), "wrong_key");
    let key = key["key"].as_str().expect("a text");
    assert!(!server.log().iter().any(|line| line.contains(key) || line.contains(code)));

    // A page asks for a new one; the old one, stolen or not, is worth nothing then.
    let server = Server::start(&[]);
    let old = server.banner.split("#teach=").nth(1).and_then(|rest| rest.split(' ').next()).expect("a link");
    assert_eq!(ask(&server, post("/teacher", "text/plain", "", "")).status, 202);
    assert_eq!(ask(&server, post("/teacher", "text/plain", "", "")).status, 429);
    assert_eq!(ask(&server, post("/teacher", "text/plain", old, "")).status, 403);
    assert_eq!(ask(&server, request("GET", "/teacher", "")).status, 405);
}

fn refused_why(person: &mut Person) -> String {
    person.wait_for("error")["why"].as_str().unwrap_or_default().to_owned()
}

#[test]
#[cfg(feature = "inspector")]
fn no_watcher_sees_the_key_or_a_text_that_was_taken_back_before_it_came() {
    use crate::common::wire::{TEACHER, WIRE_KEY, Watcher};
    let server = Server::start(&["--teacher-key", TEACHER, "--log", "trace", "--history", "10"]);
    let mut all = Watcher::open(&server, TEACHER);
    let mut own = Watcher::open(&server, WIRE_KEY);
    let mut ana = Client::open(&server, &format!("/ws?name=Ana&wire={WIRE_KEY}"));
    ana.wait_for("welcome");
    let secret = "k3y-that-no-watcher-may-see";
    for text in [
        format!(r#"{{"type":"teach","key":"{TEACHER}"}}"#),
        format!(r#" {{"key":"{secret}","type":"teach"}}"#),
        format!(r#"{{"type":"message","text":"x","key":"{secret}","to":"Ana"}}"#),
        format!(r#"{{"type":"teach","key":"{secret}""#),
    ] {
        ana.say(&text);
    }
    ana.wait_for("teaching");
    for _ in 0..2 {
        ana.wait_for("error");
    }
    ana.say("an insult");
    let id = ana.wait_for("message")["id"].clone();
    ana.say(&json!({"type": "remove", "message": id}).to_string());
    ana.wait_for("removed");
    let mut late = Watcher::open(&server, TEACHER);
    ana.leave();
    for watcher in [&mut all, &mut own] {
        watcher.until_closed();
        watcher.assert_never_saw(secret);
        watcher.assert_never_saw(TEACHER);
    }
    late.until_closed();
    late.assert_never_saw("an insult");
    assert!(!server.log().iter().any(|line| line.contains(secret) || line.contains(TEACHER)));
}

#[test]
#[cfg(feature = "accounts")]
fn a_mark_on_the_list_of_users_gives_the_right_without_a_key() {
    let users = Users::new(&["Ana", "Tom"]);
    let marked: String = users
        .text()
        .lines()
        .map(|line| match line.starts_with("Ana:") {
            true => format!("{line}:teacher\n"),
            false => format!("{line}\n"),
        })
        .collect();
    users.write(&marked);
    let server = users.serve(&[]);
    let open = |name: &str| Client::open_as(&server, "/ws", &format!("Authorization: {}", basic_of(name)));
    let mut ana = open("Ana");
    ana.wait_for("teaching");
    let mut tom = open("Tom");
    tom.wait_for("welcome");
    tom.say(r#"{"type":"clear"}"#);
    assert_eq!(tom.wait_for("error")["code"], "not_allowed");
    ana.say(r#"{"type":"expel","name":"Tom"}"#);
    assert_eq!(tom.wait_for_close().0, 4502);
    // The account may sign in, but not come in.
    assert_eq!(open("Tom").wait_for_close().0, 4502);
    // Another password leaves the mark where it is; without the mark the right ends.
    users.add(&["Ana"]);
    assert!(
        users.text().lines().any(|line| line.starts_with("Ana:") && line.ends_with(":teacher")),
        "{}",
        users.text()
    );
    assert_eq!(ana.wait_for_close().0, 4500);
    let mut ana = open("Ana");
    ana.wait_for("teaching");
    users.write(&users.text().replace(":teacher", ""));
    let (code, reason) = ana.wait_for_close();
    assert!(code == 4500 && reason.starts_with("new_mark: "), "{code} {reason}");
    let mut ana = open("Ana");
    ana.wait_for("welcome");
    ana.say(r#"{"type":"clear"}"#);
    assert_eq!(ana.wait_for("error")["code"], "not_allowed");
}

#[cfg(feature = "accounts")]
fn basic_of(name: &str) -> String {
    let header = basic(name, &crate::common::users::password_of(name));
    header.trim().trim_start_matches("Authorization: ").to_owned()
}

#[cfg(feature = "redis")]
mod shared {
    use super::*;
    use crate::common::redis::Redis;
    use std::process::Command;
    use std::time::Instant;

    fn join_at(server: &Server, number: usize, name: &str) -> (Client, Value) {
        let mut client = Client::open_at(server, number, &format!("/ws?name={name}"));
        let welcome = client.wait_for("welcome");
        assert_eq!(welcome["you"], name);
        (client, welcome)
    }

    /// All that Redis stores, as text.
    fn stored(redis: &Redis) -> String {
        let script = "local all = {} \
            for _, key in ipairs(redis.call('keys', '*')) do table.insert(all, redis.call('dump', key)) \
            local kind = redis.call('type', key).ok \
            if kind == 'stream' then for _, e in ipairs(redis.call('xrange', key, '-', '+')) do table.insert(all, table.concat(e[2], ' ')) end end \
            if kind == 'hash' then table.insert(all, table.concat(redis.call('hgetall', key), ' ')) end end \
            return table.concat(all, '\\n')";
        let output =
            Command::new("redis-cli").args(["-p", &redis.port().to_string(), "eval", script, "0"]).output();
        String::from_utf8_lossy(&output.expect("redis-cli is there").stdout).into_owned()
    }

    #[test]
    #[ignore = "needs redis-server: run by make test"]
    fn all_servers_do_what_a_teacher_at_one_of_them_says() {
        let server = Server::start_many(2, &["--teacher-key", KEY]);
        let (mut ana, _) = join_at(&server, 0, "Ana");
        ana.say(&json!({"type": "teach", "key": KEY}).to_string());
        ana.wait_for("teaching");
        let (mut tom, _) = join_at(&server, 1, "Tom");
        let (mut eva, _) = join_at(&server, 1, "Eva");
        assert_eq!(eva.wait_for("room")["teachers"], json!(["Ana"]));
        eva.say(r#"{"type":"hand","on":true}"#);
        assert_eq!(ana.wait_for("room")["hands"], json!([]));
        while ana.wait_for("room")["hands"] != json!(["Eva"]) {}
        ana.say(r#"{"type":"mute","name":"Tom","on":true}"#);
        ana.wait_for("restricted");
        tom.say(r#"{"type":"message","text":"x","ref":"r"}"#);
        let error = tom.wait_for("error");
        assert_eq!((&error["code"], &error["ref"]), (&json!("muted"), &json!("r")));
        ana.say(r#"{"type":"expel","name":"Tom"}"#);
        assert_eq!(tom.wait_for_close().0, 4502);
        for number in [0, 1] {
            assert_eq!(Client::open_at(&server, number, "/ws?name=Tom").wait_for_close().0, 4502);
        }
        ana.say(r#"{"type":"lock","on":true}"#);
        while eva.wait_for("room")["locked"] != true {}
        while ana.wait_for("room")["locked"] != true {}
        for number in [0, 1] {
            let socket = std::net::TcpStream::connect(("127.0.0.1", server.port_of(number)));
            let mut socket = socket.expect("the server accepts");
            assert_eq!(crate::common::raw::ask_on(&mut socket, handshake("/ws?name=New")).status, 503);
        }
    }

    #[test]
    #[ignore = "needs redis-server: run by make test"]
    fn a_text_that_was_taken_back_leaves_redis_and_no_member_is_closed_for_it() {
        const INSULT: &str = "an-insult-that-must-go";
        let redis = Redis::start();
        let flags = ["--teacher-key", KEY, "--history", "10", "--rate", "0"];
        let one = Server::start_sharing(&redis.url(), &flags);
        let two = Server::start_sharing(&redis.url(), &flags);
        let mut ana = Client::join(&one, "Ana");
        let mut tom = Client::join(&two, "Tom");
        ana.say(&json!({"type": "teach", "key": KEY}).to_string());
        ana.wait_for("teaching");
        for forget in ["remove", "clear"] {
            tom.say(INSULT);
            let mut message = ana.wait_for("message");
            while message["text"] != INSULT {
                message = ana.wait_for("message");
            }
            assert!(stored(&redis).contains(INSULT));
            ana.say(&json!({"type": forget, "message": message["id"]}).to_string());
            let done = if forget == "remove" { "removed" } else { "cleared" };
            tom.wait_for(done);
            let begun = Instant::now();
            while stored(&redis).contains(INSULT) {
                assert!(begun.elapsed() < crate::common::PATIENCE, "{}", stored(&redis));
                tom.say("meanwhile");
                assert_eq!(tom.wait_for("message")["text"], "meanwhile");
            }
        }
        // A server that comes later has the same chat.
        let three = Server::start_sharing(&redis.url(), &flags);
        let mut eva = Client::join(&three, "Eva");
        eva.say(MARK);
        loop {
            let (_, text) = eva.message();
            assert_ne!(text, INSULT);
            if text == MARK {
                break;
            }
        }
        tom.say("the end");
        while ana.message().1 != "the end" {}
    }
}
