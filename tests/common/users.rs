//! A list of users in a folder of its own, made by the real binary, and what a client needs to be one of them.

use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use super::Server;
use super::raw::{Answer, ask, handshake, request};

/// Each user's password is the name and this.
const AND_THIS: &str = " has a secret";

pub fn password_of(name: &str) -> String {
    format!("{name}{AND_THIS}")
}

/// The folder is removed when this is dropped.
pub struct Users {
    folder: PathBuf,
}

impl Users {
    /// A list of these people.
    pub fn new(names: &[&str]) -> Users {
        static LISTS: AtomicU32 = AtomicU32::new(0);
        let number = LISTS.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("classroom-users-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).expect("a folder can be made");
        let users = Users { folder };
        if names.is_empty() {
            users.write("# nobody yet\n");
        } else {
            users.add(names);
        }
        users
    }

    pub fn path(&self) -> String {
        self.folder.join("class.txt").to_str().expect("a path that is text").to_owned()
    }

    pub fn text(&self) -> String {
        fs::read_to_string(self.path()).expect("the list can be read")
    }

    pub fn write(&self, text: &str) {
        fs::write(self.path(), text).expect("the list can be written");
    }

    /// Puts these people on the list.
    pub fn add(&self, names: &[&str]) {
        let lines: Vec<String> = names.iter().map(|name| format!("{name},{}\n", password_of(name))).collect();
        let output = self.run(&["--add-users"], &lines.concat());
        assert!(output.status.success(), "{output:?}");
    }

    /// Removes a user from the list.
    pub fn remove(&self, name: &str) {
        let begin = format!("{name}:");
        let text = self.text();
        assert!(text.lines().any(|line| line.starts_with(&begin)), "{name} is not on {text}");
        let rest = text.split_inclusive('\n').filter(|line| !line.starts_with(&begin));
        self.write(&rest.collect::<String>());
    }

    /// The binary with this on its standard input.
    pub fn run(&self, arguments: &[&str], input: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_websocket-classroom"));
        command.args(arguments).args(["--users", &self.path()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary starts");
        // It may end without reading all of it.
        let _ = child.stdin.take().expect("it is piped").write_all(input.as_bytes());
        child.wait_with_output().expect("it ends")
    }

    /// A server where only they may come in.
    pub fn serve(&self, more: &[&str]) -> Server {
        Server::start(&[&["--users", &self.path()], more].concat())
    }
}

impl Drop for Users {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// `POST /login` with JSON.
pub fn sign_in(server: &Server, name: &str, password: &str) -> Answer {
    let body = serde_json::json!({ "name": name, "password": password }).to_string();
    ask(server, post("/login", "application/json", &body, ""))
}

pub fn post(path: &str, content_type: &str, body: &str, more: &str) -> String {
    let length = body.len();
    let head = format!("Content-Type: {content_type}\r\nContent-Length: {length}\r\n{more}");
    request("POST", path, &head) + body
}

/// The cookie that an answer sets, as a browser sends it back: `name=value`.
#[track_caller]
pub fn cookie_of(answer: &Answer) -> String {
    let cookie = answer.header("set-cookie").expect("an answer that sets a cookie");
    cookie.split(';').next().expect("a pair").to_owned()
}

/// Signs in, which must succeed: the cookie.
#[track_caller]
pub fn cookie(server: &Server, name: &str) -> String {
    let answer = sign_in(server, name, &password_of(name));
    assert_eq!(answer.status, 200, "{answer:?}");
    cookie_of(&answer)
}

/// A handshake's head with one more header line.
pub fn handshake_with(path: &str, header: &str) -> String {
    handshake(path).replacen("\r\n", &format!("\r\n{header}\r\n"), 1)
}

/// The header of HTTP's own way to sign in (RFC 7617).
pub fn basic(name: &str, password: &str) -> String {
    let credentials = data_encoding::BASE64.encode(format!("{name}:{password}").as_bytes());
    format!("Authorization: Basic {credentials}")
}
