//! Several servers that share one chat through a real Redis, and failures of both.

use std::process::Command;

use crate::common::gate::Gate;
use crate::common::raw::{ask, ask_on, request};
use crate::common::redis::Redis;
use crate::common::users::{Users, basic, cookie, handshake_with, password_of, post, sign_in};
#[cfg(feature = "inspector")]
use crate::common::wire::{TEACHER, Watcher};
use crate::common::{Client, Server};
use serde_json::{Value, json};

/// A member at one of the servers, and its welcome.
fn join_at(server: &Server, number: usize, name: &str) -> (Client, Value) {
    let mut client = Client::open_at(server, number, &format!("/ws?name={name}"));
    let welcome = client.wait_for("welcome");
    assert_eq!(welcome["you"], name);
    (client, welcome)
}

/// The address that resumes a session after the event `after`.
fn return_of(welcome: &Value, after: u64) -> String {
    let text = |field: &str| welcome[field].as_str().expect("a text").to_owned();
    format!("/ws?session={}&epoch={}&after={after}", text("session"), text("epoch"))
}

fn health_of(server: &Server, number: usize) -> Value {
    let socket = std::net::TcpStream::connect(("127.0.0.1", server.port_of(number)));
    let answer = ask_on(&mut socket.expect("the server accepts"), request("GET", "/health", ""));
    serde_json::from_slice(&answer.body).expect("JSON")
}

#[test]
#[ignore = "needs redis-server: run by make test"]
fn a_disconnected_member_comes_back_at_another_server() {
    let server = Server::start_many(2, &[]);
    let (mut ana, welcome) = join_at(&server, 0, "Ana");
    let (mut luis, _) = join_at(&server, 1, "Luis");
    ana.wait_for("joined");
    // While the old connection still hangs.
    luis.say("one");
    luis.say(r#"{"type":"message","text":"psst","to":"Ana"}"#);
    let mut again = Client::open_at(&server, 1, &return_of(&welcome, 0));
    let back = again.wait_for("welcome");
    assert_eq!((&back["you"], &back["recovered"]), (&json!("Ana"), &json!(true)));
    assert_eq!((again.message().1.as_str(), again.message().1.as_str()), ("one", "psst"));
    assert_eq!(ana.wait_for_close().0, 4501);
    again.say(r#"{"type":"message","text":"here","ref":"1"}"#);
    assert_eq!(luis.wait_for("message")["text"], "one");
    assert_eq!(luis.wait_for("message")["text"], "psst");
    assert_eq!(luis.wait_for("message")["text"], "here");
    // Sent again at the other server, it is posted once.
    let mut third = Client::open_at(&server, 0, &return_of(&back, 100));
    third.wait_for("welcome");
    third.say(r#"{"type":"message","text":"here","ref":"1"}"#);
    assert_eq!(third.wait_for("posted")["ref"], "1");
}

#[test]
#[ignore = "needs redis-server: run by make test"]
fn while_redis_is_lost_all_clients_know_it_and_messages_wait() {
    let server = Server::start_many(2, &["--rate", "0"]);
    let (mut ana, _) = join_at(&server, 0, "Ana");
    let (mut luis, _) = join_at(&server, 1, "Luis");
    ana.wait_for("joined");
    server.redis().stop();
    for client in [&mut ana, &mut luis] {
        assert_eq!(client.wait_for("backplane")["connected"], false);
    }
    for number in 0..50 {
        ana.say(&format!("Ana {number}"));
        luis.say(&format!("Luis {number}"));
    }
    for number in 0..2 {
        assert_eq!(health_of(&server, number)["redis"], "lost");
    }
    // A client that joins now waits, too.
    let mut eva = Client::open_at(&server, 0, "/ws?name=Eva");
    server.redis().start_again();
    let mut heard = Vec::new();
    for client in [&mut ana, &mut luis] {
        assert_eq!(client.wait_for("backplane")["connected"], true);
        let messages: Vec<_> = (0..100).map(|_| client.message()).collect();
        for name in ["Ana", "Luis"] {
            let said = messages.iter().filter(|(from, _)| from == name);
            let said: Vec<String> = said.map(|(_, text)| text.clone()).collect();
            assert_eq!(said, (0..50).map(|number| format!("{name} {number}")).collect::<Vec<_>>());
        }
        heard.push(messages);
    }
    assert_eq!(heard[0], heard[1], "in the same order");
    assert_eq!(health_of(&server, 0)["redis"], "connected");
    assert_eq!(eva.wait_for("welcome")["you"], "Eva");
}

#[test]
#[ignore = "needs redis-server: run by make test"]
fn a_heartbeat_is_answered_while_redis_is_lost_and_before_a_welcome_that_waits_for_it() {
    let server = Server::start_many(2, &["--rate", "7"]);
    let (mut ana, welcome) = join_at(&server, 1, "Ana");
    assert_eq!(welcome["limits"]["rate"], 7, "each server's own limits");
    server.redis().stop();
    while ana.wait_for("backplane")["connected"] != false {}
    let mut luis = Client::open_at(&server, 0, "/ws?name=Luis");
    for client in [&mut ana, &mut luis] {
        client.say(r#"{"type":"heartbeat","ref":"h1"}"#);
        assert_eq!(client.wait_for("heartbeat"), json!({"type": "heartbeat", "ref": "h1"}));
    }
}

#[test]
#[ignore = "needs redis-server: run by make test"]
fn a_redis_that_hangs_delays_the_chat_and_nothing_else() {
    let users = Users::new(&["Ana"]);
    let redis = Redis::start();
    let list = users.path();
    let server = Server::start_sharing(&redis.url(), &["--users", list.as_str()]);
    let ana = basic("Ana", &password_of("Ana"));
    let mut chat = Client::open_as(&server, "/ws", &ana);
    chat.wait_for("welcome");
    redis.signal("STOP");
    chat.say("waits");
    assert_eq!(chat.wait_for("backplane")["connected"], false);
    // The broadcaster goes on, and so do sign-ins.
    let mut echo = Client::open_as(&server, "/echo", &ana);
    echo.say("at once");
    let answer = echo.websocket.read().expect("an echo").into_text().expect("a text");
    assert_eq!(answer.as_str(), "at once");
    assert_eq!(sign_in(&server, "Ana", &password_of("Ana")).status, 200);
    redis.signal("CONT");
    assert_eq!(chat.message().1, "waits");
    chat.say("only once");
    assert_eq!(chat.message().1, "only once");
}

#[test]
#[ignore = "needs redis-server: run by make test"]
fn when_too_much_waits_for_redis_messages_are_refused_and_none_is_lost() {
    const MESSAGES: usize = 200;
    let server = Server::start_many(2, &["--rate", "0", "--backlog", "100000000"]);
    let (mut ana, _) = join_at(&server, 0, "Ana");
    server.redis().stop();
    ana.wait_for("backplane");
    let long = "x".repeat(60_000);
    for number in 0..MESSAGES {
        ana.say(&json!({"type": "message", "text": long, "ref": number.to_string()}).to_string());
    }
    server.wait_for_log_times("to client: text frame", 10);
    server.redis().start_again();
    let (mut posted, mut refused) = (Vec::new(), Vec::new());
    while posted.len() + refused.len() < MESSAGES {
        let event = ana.event();
        let number = || event["ref"].as_str().and_then(|number| number.parse().ok()).expect("a ref");
        match event["type"].as_str() {
            Some("message") => posted.push(number()),
            Some("error") => {
                assert_eq!(event["code"], "unavailable");
                refused.push(number());
            }
            _ => {}
        }
    }
    assert!(posted.is_sorted() && refused.is_sorted() && !refused.is_empty());
    assert!(posted.len() >= 100, "8 MiB wait: {} were posted", posted.len());
    let mut all: Vec<usize> = [posted, refused].concat();
    all.sort_unstable();
    assert_eq!(all, (0..MESSAGES).collect::<Vec<_>>());
}

#[test]
#[ignore = "needs redis-server: run by make test"]
fn when_redis_has_lost_everything_a_new_epoch_begins_and_all_clients_learn_it() {
    let server = Server::start_many(2, &[]);
    let (mut ana, welcome) = join_at(&server, 0, "Ana");
    let (mut luis, _) = join_at(&server, 1, "Luis");
    ana.say("before");
    assert_eq!(luis.message().1, "before");
    {
        let mut redis = server.redis();
        redis.stop();
        redis.lose_everything();
        redis.start_again();
    }
    for client in [&mut ana, &mut luis] {
        let (code, reason) = client.wait_for_close();
        assert_eq!(
            (code, reason.as_str()),
            (4013, "new_chat: a new chat begins, without the earlier messages")
        );
    }
    let mut ana = Client::open_at(&server, 1, &(return_of(&welcome, 1) + "&name=Ana"));
    let back = ana.wait_for("welcome");
    assert_ne!(back["epoch"], welcome["epoch"]);
    assert_eq!((&back["recovered"], &back["you"], &back["count"]), (&json!(false), &json!("Ana"), &json!(1)));
    let (mut luis, _) = join_at(&server, 0, "Luis");
    ana.wait_for("joined");
    luis.say("after");
    assert_eq!(ana.message().1, "after");
}

#[test]
#[ignore = "needs redis-server: run by make test"]
fn when_redis_has_lost_the_latest_entries_a_new_epoch_begins() {
    let server = Server::start_many(2, &[]);
    let (mut ana, before_welcome) = join_at(&server, 0, "Ana");
    let (mut luis, _) = join_at(&server, 1, "Luis");
    let before = server.redis().copy();
    ana.say("lost later");
    assert_eq!(ana.message().1, "lost later");
    {
        let mut redis = server.redis();
        redis.stop();
        server.wait_for_log_times("Redis is lost", 2);
        // This message waits. It comes after the gap and must not hide the loss.
        ana.say("waiting");
        redis.put_back(before);
        redis.start_again();
    }
    // Each server finds out by itself.
    for client in [&mut ana, &mut luis] {
        assert_eq!(client.wait_for_close().0, 4013);
    }
    let (_, welcome) = join_at(&server, 1, "Ana");
    assert_ne!(welcome["epoch"], before_welcome["epoch"]);
}

#[test]
#[ignore = "needs redis-server: run by make test"]
fn the_members_of_a_killed_server_are_announced_as_gone_once_and_can_come_back_at_another() {
    let mut server = Server::start_many(3, &[]);
    let (ana, welcome) = join_at(&server, 0, "Ana");
    let (mut luis, _) = join_at(&server, 1, "Luis");
    let (mut eva, _) = join_at(&server, 2, "Eva");
    server.signal("KILL");
    server.wait();
    drop(ana);
    for client in [&mut luis, &mut eva] {
        let left = client.wait_for("left");
        assert_eq!((&left["name"], &left["code"], &left["count"]), (&json!("Ana"), &json!(1006), &json!(2)));
    }
    luis.say("meanwhile");
    assert_eq!(eva.message().1, "meanwhile", "told once");
    let mut ana =
        Client::open_at(&server, 2, &return_of(&welcome, welcome["last"].as_u64().expect("a number")));
    assert_eq!(ana.wait_for("welcome")["recovered"], true);
    assert_eq!(ana.message().1, "meanwhile");
    let joined = luis.wait_for("joined");
    assert_eq!(
        (&joined["name"], &joined["back"], &joined["count"]),
        (&json!("Ana"), &json!(true), &json!(3))
    );
}

#[test]
#[ignore = "needs redis-server: run by make test"]
fn after_a_server_hung_no_name_is_used_twice() {
    let server = Server::start_many(2, &[]);
    let (mut ana, welcome) = join_at(&server, 0, "Ana");
    let (mut luis, _) = join_at(&server, 1, "Luis");
    server.signal("STOP");
    assert_eq!(luis.wait_for("left")["name"], "Ana");
    let mut again = Client::open_at(&server, 1, &return_of(&welcome, 0));
    assert_eq!(again.wait_for("welcome")["you"], "Ana");
    assert_eq!(luis.wait_for("joined")["name"], "Ana");
    // A message to the stopped server comes from a member who is gone already.
    ana.say("a ghost");
    server.signal("CONT");
    let (code, reason) = ana.wait_for_close();
    assert_eq!(code, 4013, "{reason}");
    server.wait_for_log("the other servers declared this one gone");
    again.say("the real one");
    assert_eq!(luis.message(), ("Ana".into(), "the real one".into()));
    let (mut eva, welcome) = join_at(&server, 0, "Eva");
    assert_eq!(welcome["users"], json!(["Luis", "Ana", "Eva"]));
    eva.say("all is well");
    while luis.message().1 != "all is well" {}
}

#[test]
#[ignore = "needs redis-server: run by make test"]
fn when_one_server_loses_redis_it_comes_back_without_losing_messages() {
    let redis = Redis::start();
    let gate = Gate::start(redis.port());
    let near = Server::start_sharing(&redis.url(), &[]);
    let far = Server::start_sharing(&format!("redis://127.0.0.1:{}", gate.port()), &[]);
    let (mut luis, _) = join_at(&near, 0, "Luis");
    let (mut ana, welcome) = join_at(&far, 0, "Ana");
    luis.wait_for("joined");
    gate.close();
    assert_eq!(ana.wait_for("backplane")["connected"], false);
    ana.say(r#"{"type":"message","text":"said while cut off","ref":"1"}"#);
    let left = luis.wait_for("left");
    assert_eq!((&left["name"], &left["code"]), (&json!("Ana"), &json!(1006)));
    luis.say("said meanwhile");
    luis.message();
    gate.open();
    // The others have given it up: its people come in again, and send again what was not confirmed.
    assert_eq!(ana.wait_for_close().0, 4013);
    let mut ana = Client::open_at(&far, 0, &return_of(&welcome, welcome["last"].as_u64().expect("a number")));
    assert_eq!(ana.wait_for("welcome")["recovered"], true);
    assert_eq!(ana.message().1, "said meanwhile");
    ana.say(r#"{"type":"message","text":"said while cut off","ref":"1"}"#);
    assert_eq!(luis.message(), ("Ana".into(), "said while cut off".into()));
    ana.say("only once");
    assert_eq!(luis.message().1, "only once");
}

#[test]
#[ignore = "needs redis-server: run by make test"]
fn a_server_that_starts_later_has_the_whole_chat() {
    // So short a stream that it must have been handed over.
    let redis = Redis::start();
    let flags = ["--rate", "0", "--redis-events", "1000"];
    let first = Server::start_sharing(&redis.url(), &flags);
    let (mut ana, welcome) = join_at(&first, 0, "Ana");
    for number in 0..5000 {
        ana.say(&format!("message {number}"));
        ana.message();
    }
    let second = Server::start_sharing(&redis.url(), &flags);
    let (mut luis, later) = join_at(&second, 0, "Luis");
    assert_eq!((&later["users"], &later["epoch"]), (&json!(["Ana", "Luis"]), &welcome["epoch"]));
    assert_eq!(luis.message().1, "message 4900", "the last hundred");
    luis.say("hello");
    while ana.message().1 != "hello" {}
    let mut again = Client::open_at(&second, 0, &return_of(&welcome, 4990));
    assert_eq!(again.wait_for("welcome")["recovered"], true);
}

#[test]
#[ignore = "needs redis-server: run by make test"]
fn a_server_that_shuts_down_announces_that_its_members_left() {
    let mut server = Server::start_many(2, &[]);
    let (mut ana, _) = join_at(&server, 0, "Ana");
    let (mut luis, _) = join_at(&server, 1, "Luis");
    assert!(server.stop().success());
    assert_eq!(ana.wait_for_close().0, 1001);
    let left = luis.wait_for("left");
    assert_eq!((&left["name"], &left["code"]), (&json!("Ana"), &json!(1001)));
}

#[test]
#[ignore = "needs redis-server: run by make test"]
fn a_user_signed_in_at_one_server_is_signed_in_at_all_until_signing_out_at_any() {
    let users = Users::new(&["Ana", "Luis"]);
    let redis = Redis::start();
    let list = users.path();
    let flags = ["--users", list.as_str()];
    let servers = [(); 2].map(|()| Server::start_sharing(&redis.url(), &flags));
    let header = format!("Cookie: {}", cookie(&servers[0], "Ana"));
    let mut tabs = [0, 1].map(|number: usize| Client::open_as(&servers[number], "/ws", &header));
    for (number, tab) in tabs.iter_mut().enumerate() {
        let welcome = tab.wait_for("welcome");
        assert_eq!((&welcome["you"], &welcome["count"]), (&json!("Ana"), &json!(1)), "{number}");
    }
    // One person in two tabs at two servers.
    let luis = basic("Luis", &password_of("Luis"));
    let mut luis = Client::open_as(&servers[1], "/ws", &luis);
    luis.wait_for("welcome");
    luis.say(r#"{"type":"message","text":"psst","to":"Ana"}"#);
    for tab in &mut tabs {
        assert_eq!(tab.message().1, "psst");
    }
    let head = format!("{header}\r\n");
    assert_eq!(ask(&servers[1], post("/logout", "application/json", "", &head)).status, 200);
    for tab in &mut tabs {
        assert_eq!(tab.wait_for_close(), (4500, "signed_out: you signed out".to_owned()));
    }
    assert_eq!(luis.wait_for("left")["code"], 4500);
    for server in &servers {
        assert_eq!(ask(server, handshake_with("/ws", &header)).status, 401);
    }
    // At a server that has never seen the cookie.
    let header = format!("Cookie: {}", cookie(&servers[0], "Ana"));
    let mut tab = Client::open_as(&servers[0], "/ws", &header);
    tab.wait_for("welcome");
    let head = format!("{header}\r\n");
    assert_eq!(ask(&servers[1], post("/logout", "application/json", "", &head)).status, 200);
    assert_eq!(tab.wait_for_close().0, 4500);
    // With a new password the old sessions are over everywhere.
    let header = format!("Cookie: {}", cookie(&servers[0], "Ana"));
    assert!(users.run(&["--add-user", "Ana"], "another secret\n").status.success());
    for server in &servers {
        server.wait_for_log("1 with another password");
    }
    for server in &servers {
        assert_eq!(ask(server, handshake_with("/ws", &header)).status, 401);
    }
}

#[test]
#[ignore = "needs redis-server: run by make test"]
fn wrong_passwords_are_counted_for_all_servers_together() {
    let users = Users::new(&["Ana", "Luis"]);
    let redis = Redis::start();
    let list = users.path();
    let flags = ["--users", list.as_str()];
    let servers = [(); 2].map(|()| Server::start_sharing(&redis.url(), &flags));
    std::thread::scope(|scope| {
        for number in 0..10 {
            let server = &servers[number % 2];
            scope.spawn(move || assert_eq!(sign_in(server, "Ana", "wrong").status, 401));
        }
    });
    for server in &servers {
        let answer = sign_in(server, "ANA", &password_of("Ana"));
        assert_eq!(answer.status, 429);
        let wait: u32 = answer.header("retry-after").and_then(|wait| wait.parse().ok()).expect("s");
        assert!((1..=30).contains(&wait), "{answer:?}");
        assert_eq!(sign_in(server, "Luis", &password_of("Luis")).status, 200);
    }
}

#[test]
#[ignore = "needs redis-server: run by make test"]
fn while_redis_is_lost_each_server_uses_the_sign_ins_that_it_knows() {
    let users = Users::new(&["Ana"]);
    let mut redis = Redis::start();
    let list = users.path();
    let server = Server::start_sharing(&redis.url(), &["--users", list.as_str()]);
    let before = cookie(&server, "Ana");
    redis.stop();
    server.wait_for_log("Redis is lost");
    let meanwhile = cookie(&server, "Ana");
    let is_known = |cookie: &str| {
        let head = handshake_with("/echo", &format!("Cookie: {cookie}"));
        ask(&server, head).status == 101
    };
    assert!(is_known(&before) && is_known(&meanwhile));
    redis.start_again();
    server.wait_for_log("Redis is back");
    assert!(is_known(&before) && is_known(&meanwhile));
}

#[test]
#[ignore = "needs redis-server: run by make test"]
fn chats_of_different_prefixes_are_different_chats() {
    let redis = Redis::start();
    let one = Server::start_sharing(&redis.url(), &["--redis-prefix", "3a"]);
    let other = Server::start_sharing(&redis.url(), &["--redis-prefix", "3b"]);
    let (mut ana, _) = join_at(&one, 0, "Ana");
    let (mut too, welcome) = join_at(&other, 0, "Ana");
    assert_eq!(welcome["count"], 1);
    too.say("to nobody there");
    too.message();
    ana.say("to nobody here");
    assert_eq!(ana.message().1, "to nobody here");
}

#[test]
#[ignore = "needs redis-server: run by make test"]
fn the_connection_to_redis_can_be_encrypted_and_its_certificate_is_checked() {
    let (redis, certificate) = Redis::start_with_tls();
    let url = format!("rediss://localhost:{}", redis.port());
    let trusting = |file: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_websocket-classroom"));
        command.args(["--port", "0", "--redis", &url]).env("SSL_CERT_FILE", file);
        Server::spawn(command)
    };
    join_at(&trusting(&certificate), 0, "Ana");
    trusting("/dev/null").wait_for_log("Redis is lost");
}

#[test]
#[ignore = "needs redis-server: run by make test"]
fn the_password_of_redis_is_used_and_never_logged() {
    let redis = Redis::start_with(&["--requirepass", "S3CRET-of-redis"]);
    let url = |password: &str| format!("redis://:{password}@127.0.0.1:{}", redis.port());
    let server = Server::start_sharing(&url("S3CRET-of-redis"), &["--log", "trace"]);
    join_at(&server, 0, "Ana");
    let wrong = Server::start_sharing(&url("S3CRET-wrong"), &["--log", "trace"]);
    wrong.wait_for_log("Redis is lost");
    for server in [&server, &wrong] {
        let log = server.log();
        assert_eq!(log.iter().find(|line| line.contains("S3CRET")), None);
    }
}

#[test]
#[cfg(feature = "inspector")]
#[ignore = "needs redis-server: run by make test"]
fn a_watcher_learns_names_though_they_come_through_redis() {
    let redis = Redis::start();
    let server = Server::start_sharing(&redis.url(), &["--teacher-key", TEACHER]);
    let mut teacher = Watcher::open(&server, TEACHER);
    let mut ana = Client::join(&server, "Ana");
    let mut named = || loop {
        let event = teacher.event();
        if let ("opened" | "named", Some(name)) =
            (event["type"].as_str().unwrap_or(""), event["name"].as_str())
        {
            break name.to_owned();
        }
    };
    assert_eq!(named(), "Ana");
    ana.say(r#"{"type":"name","name":"Eva"}"#);
    assert_eq!(named(), "Eva");
}
