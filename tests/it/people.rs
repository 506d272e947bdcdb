//! Private messages, history and sessions: who gets which message, and who comes back under which name. One promise per test; all
//! of them together under failures are in `chaos`.

use crate::common::Server;
use crate::common::raw::{ask, request};
use crate::common::returning::{MARK, Person, texts};
use serde_json::{Value, json};

#[test]
fn a_private_message_reaches_only_its_two_members_live_in_history_and_in_replays() {
    let server = Server::start(&[]);
    let [mut ana, mut luis, mut eva] = ["Ana", "Luis", "Eva"].map(|name| Person::join(&server, name));
    let tickets = [&ana, &luis, &eva].map(|person| person.ticket.clone());
    ana.tell("Luis", "psst 1");
    let (own, heard) = (ana.wait_for("message"), luis.wait_for("message"));
    let fields = ["from", "to", "text"].map(|field| &heard[field]);
    assert_eq!(fields, [&json!("Ana"), &json!("Luis"), &json!("psst 1")]);
    assert_eq!((&own["id"], &own["ref"]), (&heard["id"], &json!("psst 1")));
    assert_eq!(heard.get("ref"), None, "the ref is the sender's");
    luis.send(&json!({"type": "message", "to": "ana", "text": "psst 2"}));
    assert_eq!(ana.wait_for("message")["to"], "Ana", "names are compared without regard to case");
    ana.tell("Ana", "psst 3");
    ana.say(MARK);
    assert_eq!(ana.texts_until_mark(), ["psst 3"], "a note to oneself comes once");
    luis.until_mark();

    let mut newcomer = Person::join(&server, "Paz");
    assert!(!format!("{:?}", eva.until_mark()).contains("psst"), "live");
    assert!(!format!("{:?}", newcomer.until_mark()).contains("psst"), "in history");
    let [again_ana, again_luis, again_eva] = tickets.map(|ticket| {
        let events = Person::back(&server, &ticket).until_mark();
        for event in events.iter().filter(|event| event["type"] == "message") {
            let own = event["from"] == ticket.name.as_str() && event["text"] != "psst 2";
            assert_eq!(event.get("ref"), own.then_some(&event["text"]), "{}: {event}", ticket.name);
        }
        texts(&events)
    });
    assert_eq!(again_ana, ["psst 1", "psst 2", "psst 3"]);
    assert_eq!(again_luis, ["psst 1", "psst 2"]);
    assert_eq!(again_eva, [""; 0], "in replays");
}

#[test]
fn a_new_member_under_a_used_name_does_not_get_its_earlier_private_messages() {
    let server = Server::start(&[]);
    let (mut ana, luis) = (Person::join(&server, "Ana"), Person::join(&server, "Luis"));
    ana.tell("Luis", "psst");
    luis.close(1000);
    ana.wait_for("left");
    ana.say(MARK);
    ana.until_mark();
    let mut other = Person::join(&server, "Luis");
    assert_eq!(other.texts_until_mark(), [""; 0]);
}

#[test]
fn a_private_message_to_an_absent_user_is_refused_and_reaches_no_one() {
    let server = Server::start(&[]);
    let (mut ana, mut luis) = (Person::join(&server, "Ana"), Person::join(&server, "Luis"));
    Person::join(&server, "Paz").close(1000);
    luis.wait_for("left");
    for nobody in ["Eva", "Paz", "", "Lu\u{200b}is", "everybody"] {
        ana.tell(nobody, "psst");
        let error = ana.wait_for("error");
        assert_eq!((&error["code"], &error["ref"]), (&json!("no_such_user"), &json!("psst")));
    }
    ana.say(MARK);
    luis.hears_nothing();
    ana.hears_nothing();
}

#[test]
fn no_member_can_send_under_another_name() {
    let server = Server::start(&[]);
    let (mut ana, mut luis) = (Person::join(&server, "Ana"), Person::join(&server, "Luis"));
    let forged = json!({"type": "message", "text": "I am Ana", "from": "Ana", "id": 1, "at": "never",
        "you": "Ana", "session": ana.ticket.session, "name": "Ana"});
    luis.send(&forged);
    let heard = ana.wait_for("message");
    assert_eq!(heard["from"], "Luis");
    assert!(heard["id"] != 1 && heard["at"] != "never" && heard.get("session").is_none());
    for notice in ["joined", "left", "renamed", "crowd", "welcome", "posted", "error"] {
        luis.send(&json!({"type": notice, "name": "Ana", "text": "x", "id": 9}));
        assert_eq!(luis.wait_for("error")["code"], "bad_message");
    }
    luis.say(MARK);
    ana.hears_nothing();
}

#[test]
fn a_new_member_gets_as_much_history_as_the_flag_says() {
    for (history, expected) in
        [("0", &[][..]), ("3", &["3", "4", "5"]), ("10000", &["1", "2", "3", "4", "5"])]
    {
        let server = Server::start(&["--history", history]);
        let (mut ana, _luis) = (Person::join(&server, "Ana"), Person::join(&server, "Luis"));
        for text in ["1", "2", "3", "4", "5"] {
            ana.say(text);
            // What she may not read takes no place in what the newcomer hears.
            ana.tell("Luis", "psst");
        }
        while ana.wait_for("message")["text"] != "5" {}
        let mut eva = Person::join(&server, "Eva");
        ana.say(MARK);
        assert_eq!(eva.texts_until_mark(), expected, "--history {history}");
    }
}

#[test]
fn comings_and_goings_do_not_push_messages_out_of_what_a_new_member_gets() {
    let server = Server::start(&["--history", "20", "--rate", "0"]);
    let mut ana = Person::join(&server, "Ana");
    let said: Vec<String> = (0..20).map(|number| number.to_string()).collect();
    for text in &said {
        ana.say(text);
        ana.wait_for("message");
    }
    for number in 0..50 {
        Person::join(&server, &format!("visitor-{number}")).close(1000);
    }
    for name in ["Anita", "Ana"].into_iter().cycle().take(50) {
        ana.send(&json!({"type": "name", "name": name}));
        ana.wait_for("renamed");
    }
    let mut eva = Person::join(&server, "Eva");
    ana.say(MARK);
    let past = eva.until_mark();
    // `Person` has checked that the ids rise.
    assert_eq!(texts(&past), said);
    let notices = past.iter().filter(|event| event["type"] != "message").count();
    assert!((1..=50).contains(&notices), "{notices} notices");
    let latest = past.last().expect("the past");
    assert_eq!((&latest["type"], &latest["name"]), (&json!("renamed"), &json!("Ana")), "the latest stay");
}

#[test]
fn a_client_that_missed_more_comings_and_goings_than_are_kept_is_not_recovered() {
    let server = Server::start(&["--rate", "0", "--log", "info"]);
    let mut ana = Person::join(&server, "Ana");
    let luis = Person::join(&server, "Luis");
    ana.say("missed");
    ana.wait_for("message");
    let ticket = luis.cut();
    ana.wait_for("left");
    let mut renamed = 0;
    let mut recovered = true;
    while recovered {
        assert!(renamed < 100_000, "there must be an end to what is kept");
        for name in ["Anita", "Ana"].into_iter().cycle().take(2 + renamed) {
            ana.send(&json!({"type": "name", "name": name}));
            ana.wait_for("renamed");
            renamed += 1;
        }
        let mut luis = Person::open(&server, &ticket.path());
        recovered = luis.welcome["recovered"] == true;
        let mark = format!("mark {renamed}");
        ana.say(&mark);
        ana.until(|event| event["text"] == mark.as_str());
        let missed = luis.until(|event| event["text"] == mark.as_str());
        assert_eq!(texts(&missed)[0], "missed", "messages stay");
        let heard = missed.iter().filter(|event| event["type"] == "renamed").count();
        assert!(!recovered || heard == renamed, "{heard} of {renamed}, recovered: {recovered}");
    }
}

#[test]
fn a_member_whose_connection_was_cut_comes_back_under_the_same_name_and_misses_nothing() {
    let server = Server::start(&["--history", "0"]);
    let [mut ana, mut luis, mut eva] = ["Ana", "Luis", "Eva"].map(|name| Person::join(&server, name));
    luis.send(&json!({"type": "name", "name": "Lucho"}));
    luis.wait_for("renamed");
    luis.ticket.name = "Lucho".to_owned();
    ana.say("heard before");
    luis.wait_for("message");
    let ticket = luis.cut();
    let left = ana.wait_for("left");
    assert_eq!((&left["name"], &left["code"]), (&json!("Lucho"), &json!(1006)), "told at once");
    ana.say("missed 1");
    ana.tell("Lucho", "psst");
    while ana.wait_for("message")["text"] != "psst" {}
    eva.tell("Ana", "none of his business");
    eva.say("missed 2");
    while eva.wait_for("message")["text"] != "missed 2" {}

    let mut luis = Person::back(&server, &ticket);
    assert_eq!(luis.welcome["users"], json!(["Ana", "Eva", "Lucho"]));
    ana.until(|event| event["text"] == "missed 2");
    let back = ana.event();
    assert_eq!((&back["type"], &back["name"]), (&json!("joined"), &json!("Lucho")));
    assert_eq!((&back["back"], &back["count"]), (&json!(true), &json!(3)));
    ana.say(MARK);
    let events = luis.until_mark();
    assert_eq!(texts(&events), ["missed 1", "psst", "missed 2"]);
    assert!(events.iter().all(|event| event["id"].as_u64() <= luis.welcome["last"].as_u64()));

    // And again, with nothing missed in between.
    let ticket = luis.cut();
    ana.wait_for("left");
    let mut luis = Person::back(&server, &ticket);
    ana.say(MARK);
    assert_eq!(luis.texts_until_mark(), [""; 0]);
}

#[test]
fn a_stalled_connection_is_closed_with_4501_when_its_session_resumes_elsewhere_and_no_notice_is_sent() {
    let server = Server::start(&[]);
    let (mut ana, mut old) = (Person::join(&server, "Ana"), Person::join(&server, "Luis"));
    ana.say("hola");
    for person in [&mut ana, &mut old] {
        person.wait_for("message");
    }
    let mut new = Person::back(&server, &old.ticket);
    assert_eq!(new.welcome["count"], 2);
    // What still comes on the old connection comes too late.
    old.say("a ghost");
    let (code, _) = old.client.wait_for_close();
    assert_eq!(code, 4501);
    old.client.read_to_end();
    new.say(MARK);
    ana.hears_nothing();
    new.hears_nothing();
}

#[test]
fn without_the_right_session_and_epoch_a_client_joins_as_new_and_does_no_harm() {
    let server = Server::start(&[]);
    let (mut ana, luis) = (Person::join(&server, "Ana"), Person::join(&server, "Luis"));
    ana.wait_for("joined");
    let other_run = Server::start(&[]);
    let right = luis.ticket.clone();
    let mut flipped = right.session.clone().into_bytes();
    // A character that carries six whole bits.
    let place = flipped.len() - 3;
    flipped[place] = if flipped[place] == b'A' { b'B' } else { b'A' };
    let flipped = String::from_utf8(flipped).expect("ASCII");
    let (session, epoch) = (&right.session, &right.epoch);
    for query in [
        format!("session={flipped}&epoch={epoch}&after=0"),
        format!("session={session}&epoch={epoch}x&after=0"),
        format!("session={session}"),
        format!("session=&epoch={epoch}&after=0"),
        format!("session={}&epoch={epoch}&after=0", &session[..session.len() - 1]),
        format!("session={}&epoch={epoch}&after=0", ana.ticket.session.replace('.', "%00")),
        "session=%ff%fe.AAAA&epoch=%0a&after=-1".to_owned(),
        format!("session={}&epoch={epoch}", "9".repeat(4000)),
    ] {
        let mut stranger = Person::open(&server, &format!("/ws?name=Luis&{query}"));
        let welcome = &stranger.welcome;
        assert_eq!(welcome["recovered"], false, "{query}");
        assert_ne!(welcome["you"], "Luis", "{query}");
        assert!(![&json!(session), &Value::Null].contains(&&welcome["session"]), "a new one");
        assert_eq!(stranger.wait_for("error")["code"], "name_taken");
        stranger.close(1000);
    }
    // The same after a restart: another epoch, another story.
    let elsewhere = Person::open(&other_run, &right.path());
    assert_eq!((&elsewhere.welcome["you"], &elsewhere.welcome["recovered"]), (&json!("Luis"), &json!(false)));
    assert_ne!(elsewhere.ticket.epoch, right.epoch);
    assert_ne!(elsewhere.ticket.session, right.session);

    let mut luis = luis;
    luis.say(MARK);
    assert_eq!(ana.texts_until_mark(), [""; 0], "Luis is still here and nobody spoke for him");
    Person::back(&server, &right);
}

#[test]
fn a_client_that_missed_too_much_is_not_recovered_and_a_recovered_one_has_everything() {
    for length in [10, 1000, 30_000] {
        let server = Server::start(&["--rate", "0", "--log", "info"]);
        let mut ana = Person::join(&server, "Ana");
        let ticket = Person::join(&server, "Luis").cut();
        let text = |number: usize| format!("{number} {}", "x".repeat(length));
        let (mut said, mut recovered) = (0, true);
        while recovered {
            assert!(said < 100_000, "there must be an end to what is kept");
            for _ in 0..10 + said / 2 {
                said += 1;
                ana.say(&text(said));
                ana.wait_for("message");
            }
            // Each time as if it had received nothing yet.
            let mut luis = Person::open(&server, &ticket.path());
            assert_eq!(luis.welcome["you"], "Luis", "the session goes on either way");
            recovered = luis.welcome["recovered"] == true;
            said += 1;
            ana.say(&text(said));
            ana.wait_for("message");
            let heard = texts(&luis.until(|event| event["text"] == text(said)));
            let first = if recovered { 1 } else { said - heard.len() };
            let same = heard.iter().eq(&(first..said).map(text).collect::<Vec<_>>());
            assert!(same, "{} of {said}, recovered: {recovered}", heard.len());
        }
    }
}

#[test]
fn a_returning_client_is_not_cut_off_for_what_it_missed_when_its_send_queue_is_small() {
    let server = Server::start(&["--rate", "0", "--log", "info", "--backlog", "20000"]);
    let mut ana = Person::join(&server, "Ana");
    let ticket = Person::join(&server, "Luis").cut();
    for number in 0..600 {
        ana.say(&format!("{number} {}", "x".repeat(1000)));
        ana.wait_for("message");
    }
    let mut luis = Person::open(&server, &ticket.path());
    // Before Luis has read what he missed.
    ana.say(MARK);
    ana.until_mark();
    let heard = luis.texts_until_mark().len();
    assert!(heard == 600 || luis.welcome["recovered"] == false, "{heard} of 600");
}

#[test]
fn a_message_that_is_sent_again_with_its_ref_is_posted_once() {
    let server = Server::start(&[]);
    let [mut ana, mut luis, mut eva] = ["Ana", "Luis", "Eva"].map(|name| Person::join(&server, name));
    let public = json!({"type": "message", "text": "hola", "ref": "r1"});
    let private = json!({"type": "message", "text": "psst", "to": "Ana", "ref": "r2"});
    let ids = [&public, &private].map(|message| {
        luis.send(message);
        luis.wait_for("message")["id"].clone()
    });
    let mut luis = Person::back(&server, &luis.cut());
    for (message, id) in [&public, &private].into_iter().zip(ids) {
        for _ in 0..2 {
            luis.send(message);
            let posted = luis.wait_for("posted");
            assert_eq!(posted, json!({"type": "posted", "ref": message["ref"], "id": id}));
        }
    }
    // A ref is its sender's own business.
    eva.send(&public);
    while eva.wait_for("message")["from"] != "Eva" {}
    eva.say(MARK);
    assert_eq!(ana.texts_until_mark(), ["hola", "psst", "hola"]);
    assert_eq!(luis.texts_until_mark(), ["hola"]);
}

#[test]
fn a_name_stays_reserved_after_a_cut_and_is_free_after_a_goodbye() {
    let server = Server::start(&[]);
    let (mut ana, mut luis) = (Person::join(&server, "Ana"), Person::join(&server, "Luis"));
    luis.say("hola");
    ana.wait_for("message");
    let ticket = luis.cut();
    ana.wait_for("left");
    let mut thief = Person::open(&server, "/ws?name=luis");
    assert_ne!(thief.welcome["you"], "luis");
    assert_eq!(thief.wait_for("error")["code"], "name_taken");
    thief.send(&json!({"type": "name", "name": " LUIS "}));
    assert_eq!(thief.wait_for("error")["code"], "name_taken");
    let mut luis = Person::back(&server, &ticket);
    for _ in 0..2 {
        let ticket = luis.close(1000);
        while ana.wait_for("left")["code"] != 1000 {}
        luis = Person::join(&server, "Luis");
        let late = Person::open(&server, &ticket.path());
        assert_ne!(late.welcome["you"], "Luis", "no name twice");
        late.close(1000);
    }
}

#[test]
fn a_name_is_kept_while_its_page_loads_again_and_so_is_a_private_message() {
    let server = Server::start(&[]);
    let (mut ana, luis) = (Person::join(&server, "Ana"), Person::join(&server, "Luis"));
    // He has said nothing: what a browser sends when a page loads again is enough.
    let ticket = luis.close(1001);
    assert_eq!(ana.wait_for("left")["code"], 1001, "the others see it, as after a cut");
    let mut thief = Person::open(&server, "/ws?name=LUIS");
    assert_eq!(thief.wait_for("error")["code"], "name_taken");
    thief.send(&json!({"type": "name", "name": "Luis"}));
    assert_eq!(thief.wait_for("error")["code"], "name_taken");
    ana.tell("Luis", "psst");
    ana.wait_for("message");
    let mut luis = Person::back(&server, &ticket);
    assert_eq!(luis.wait_for("message")["text"], "psst");
    let back = ana.wait_for("joined");
    assert_eq!((&back["name"], &back["back"]), (&json!("Luis"), &json!(true)));
}

#[test]
fn a_session_is_hard_to_guess_and_never_in_the_log() {
    for level in ["info", "debug", "trace"] {
        let server = Server::start(&["--log", level]);
        let (mut ana, luis) = (Person::join(&server, "Ana"), Person::join(&server, "Luis"));
        let mut luis = Person::back(&server, &luis.ticket);
        let path = luis.ticket.path();
        // At the level trace the log shows messages, so no one may send the text there.
        luis.say(if level == "trace" { "hola" } else { &path });
        ana.wait_for("message");
        let secrets = [&ana, &luis].map(|person| {
            let session = person.ticket.session.clone();
            let secret = session.rsplit('.').next().expect("a last part").to_owned();
            let only_hexadecimal = secret.bytes().all(|byte| byte.is_ascii_hexdigit());
            let bits = secret.len() * if only_hexadecimal { 4 } else { 6 };
            assert!(bits >= 128, "{bits} bits: {session}");
            secret
        });
        assert_ne!(secrets[0], secrets[1]);
        // Also where a request goes wrong.
        for (path, status) in [(path.clone(), 426), (format!("/nowhere{path}"), 404)] {
            assert_eq!(ask(&server, request("GET", &path, "")).status, status);
            server.wait_for_log(&format!("answered {status}"));
        }
        let broken = format!("GET {path} x HTTP/1.1\r\nHost: localhost\r\n\r\n");
        assert_eq!(ask(&server, broken).status, 400);
        server.wait_for_log("answered 400");
        luis.close(1000);
        server.wait_for_log("1000 (normal closure), answered");
        for line in server.log() {
            assert!(!secrets.iter().any(|secret| line.contains(secret)), "at {level}: {line}");
        }
    }
}

#[test]
fn typing_reaches_the_other_members_but_not_the_history_and_not_a_crowd() {
    let server = Server::start(&["--rate", "0"]);
    let (mut ana, mut luis) = (Person::join(&server, "Ana"), Person::join(&server, "Luis"));
    let typing = json!({"type": "typing"});
    luis.send(&json!({"type": "typing", "name": "Ana"}));
    assert_eq!(ana.wait_for("typing"), json!({"type": "typing", "name": "Luis"}));
    luis.say(MARK);
    assert!(!luis.until_mark().iter().any(|event| event["type"] == "typing"), "not to oneself");
    ana.until_mark();
    let mut crowd: Vec<Person> =
        (3..=31).map(|number| Person::join(&server, &format!("pupil-{number}"))).collect();
    assert_eq!(crowd.last().expect("a crowd").welcome["count"], 31);
    luis.send(&typing);
    luis.say("in the crowd");
    let heard = ana.until(|event| event["text"] == "in the crowd");
    assert!(!heard.iter().any(|event| event["type"] == "typing"), "31 are too many");
    crowd.pop().expect("a crowd").close(1000);
    // The notice comes alone or merged. With several servers, the next message may come by another server, before the notice.
    ana.until(|event| event["count"] == 30);
    luis.send(&typing);
    assert_eq!(ana.wait_for("typing")["name"], "Luis", "30 are not");
    luis.say("once more");
    let mut newcomer = Person::join(&server, "Eva");
    let past = newcomer.until(|event| event["text"] == "once more");
    assert!(!past.iter().any(|event| event["type"] == "typing"));
}

/// All pages of the list of members, as a page reads them: the answers, with what else came between them applied.
fn list_members(person: &mut Person) -> std::collections::BTreeSet<String> {
    let mut here = std::collections::BTreeSet::new();
    let mut after = Value::Null;
    loop {
        person.send(&json!({"type": "members", "after": after, "ref": "m"}));
        let mut begins_again = false;
        let page = loop {
            let event = person.event();
            let name = |field: &str| event[field].as_str().expect("a name").to_owned();
            match event["type"].as_str() {
                Some("members") => break event,
                Some("joined") => drop(here.insert(name("name"))),
                Some("left") => drop(here.remove(&name("name"))),
                Some("renamed") => {
                    here.remove(&name("from"));
                    here.insert(name("name"));
                }
                Some("crowd") => begins_again = true,
                _ => {}
            }
        };
        assert_eq!(page["ref"], "m");
        assert!(page["last"].as_u64() >= Some(person.ticket.after), "{page}");
        let users = page["users"].as_array().expect("a list");
        assert!(users.len() <= 100);
        here.extend(users.iter().map(|name| name.as_str().expect("a name").to_owned()));
        after = page["next"].clone();
        if begins_again {
            here.clear();
            after = Value::Null;
            continue;
        }
        if after.is_null() {
            return here;
        }
        assert_eq!(after, users[users.len() - 1]);
    }
}

#[test]
fn after_three_hundred_joined_at_once_the_list_of_members_is_whole_and_right() {
    let server = Server::start(&["--rate", "0", "--log", "info"]);
    let mut ana = Person::join(&server, "Ana");
    let mut class: Vec<Person> =
        (0..300).map(|number| Person::join(&server, &format!("pupil-{number}"))).collect();
    while ana.event()["count"] != 301 {}
    let mut expected: std::collections::BTreeSet<String> =
        (0..300).map(|number| format!("pupil-{number}")).chain(["Ana".to_owned()]).collect();
    assert_eq!(list_members(&mut ana), expected);
    // Half of them go, some are cut off, one has another name.
    for person in class.split_off(150) {
        expected.remove(&person.ticket.name);
        if person.ticket.name.ends_with('7') {
            person.cut();
        } else {
            person.close(1001);
        }
    }
    class[0].send(&json!({"type": "name", "name": "Zoe"}));
    expected.remove("pupil-0");
    expected.insert("Zoe".to_owned());
    class[0].wait_for("renamed");
    while ana.event()["count"] != 151 {}
    assert_eq!(list_members(&mut ana), expected, "no ghosts");
}

#[test]
fn a_page_of_the_list_of_members_goes_on_after_a_name_that_is_gone_and_goes_to_no_one_else() {
    let server = Server::start(&[]);
    let [mut ana, mut luis] = ["Ana", "Luis"].map(|name| Person::join(&server, name));
    let eva = Person::join(&server, "Eva");
    eva.close(1000);
    ana.wait_for("left");
    ana.send(&json!({"type": "members", "after": "Eva"}));
    let page = ana.wait_for("members");
    let last = ana.ticket.after;
    assert_eq!(page, json!({"type": "members", "users": ["Luis"], "count": 2, "next": null, "last": last}));
    ana.send(&json!({"type": "members", "after": "", "ref": "m1"}));
    let error = ana.wait_for("error");
    assert_eq!((&error["code"], &error["ref"]), (&json!("bad_name"), &json!("m1")));
    ana.say(MARK);
    assert!(!luis.until_mark().iter().any(|event| event["type"] == "members"));
}
