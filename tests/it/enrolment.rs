//! Adding users to the list: `--add-user` and `--add-users`, with the real binary, also in a real terminal.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;

use crate::common::users::{Users, password_of, sign_in};

/// The only line on standard error of a command that failed.
#[track_caller]
fn refused(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!((errors.lines().count(), output.stdout.len()), (1, 0), "{errors}");
    let line = errors.trim_end().to_owned();
    assert!(line.starts_with("websocket-classroom: "), "{line}");
    line
}

/// The names on the list and the lines that are none, in order.
fn lines(users: &Users) -> Vec<String> {
    let text = users.text();
    text.lines()
        .map(|line| line.split_once(":$argon2id$v=19$m=19456,t=2,p=1$").map_or(line, |(name, _)| name))
        .map(str::to_owned)
        .collect()
}

#[test]
fn a_password_comes_on_standard_input_and_only_its_hash_is_kept() {
    let users = Users::new(&[]);
    fs::remove_file(users.path()).expect("it is there");
    let output = users.run(&["--add-user", "Ana  María"], "contraseña de Ana\n");
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
    let told = String::from_utf8(output.stdout).expect("text");
    assert_eq!(told, format!("Ana María may sign in now; 1 on the list {}\n", users.path()));
    assert_eq!(lines(&users), ["Ana María"]);
    assert!(!users.text().contains("contraseña"));
    let mode = fs::metadata(users.path()).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let server = users.serve(&[]);
    assert_eq!(sign_in(&server, "ana maría", "contraseña de Ana").status, 200);
}

#[test]
fn a_line_is_replaced_in_its_place_and_comments_stay() {
    let users = Users::new(&["Ana", "Luis"]);
    let [ana, luis] = users.text().lines().map(str::to_owned).collect::<Vec<_>>().try_into().expect("two");
    users.write(&format!("# class 3b\n{ana}\n\n# guests\n{luis}"));
    fs::set_permissions(users.path(), fs::Permissions::from_mode(0o644)).expect("it is ours");
    for name in ["ANA", "Eva"] {
        assert!(users.run(&["--add-user", name], "another secret\r\n").status.success());
    }
    assert_eq!(lines(&users), ["# class 3b", "ANA", "", "# guests", "Luis", "Eva"]);
    assert!(users.text().contains(&luis) && !users.text().contains(&ana));
    let mode = fs::metadata(users.path()).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "whatever it was before");
    let server = users.serve(&[]);
    assert_eq!(sign_in(&server, "Ana", "another secret").status, 200);
    assert_eq!(sign_in(&server, "Luis", &password_of("Luis")).status, 200);
}

#[test]
fn a_class_list_is_added_whole_or_not_at_all() {
    let users = Users::new(&["Ana"]);
    let before = users.text();
    for (class, wrong) in [
        ("Luis,secret-of-luis\nEva\n", "line 2: it is not like name,password"),
        ("Luis,secret-of-luis\nE:va,secret-of-eva\n", "line 2: an account's name has no colon"),
        ("Luis,\n", "line 1: a password needs at least one character"),
        ("Luis,secret-of-luis\nluis,secret-of-luis\n", "line 2: the name was there before"),
        (
            "Luis,secret-of-luis\nEva,secret-of-eva,eva@school.example\n",
            "line 2: it has more than two columns",
        ),
        ("name,password,email\nLuis,secret-of-luis,x\n", "line 1: it has more than two columns"),
        ("Luis;secret-of-luis\n", "line 1: it is not like name,password"),
        ("Luis;secret,of-luis\n", "line 1: it is not like name,password"),
        ("user,pass\n", "the list is empty"),
        ("", "the list is empty"),
    ] {
        let line = refused(&users.run(&["--add-users"], class));
        assert!(line.contains(wrong) && !line.contains("secret"), "{line}");
        assert_eq!(users.text(), before);
    }
    let class = "\u{feff}Name,Password\r\n# 3b\r\nLuis,secret-of-luis\r\nana,secret of ana\r\n";
    let output = users.run(&["--add-users"], class);
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8(output.stdout).expect("text");
    assert!(told.starts_with("2 people may sign in now; 2 on the list "), "{told}");
    assert_eq!(lines(&users), ["ana", "Luis"]);
    let server = users.serve(&[]);
    assert_eq!(sign_in(&server, "Ana", "secret of ana").status, 200);
    assert_eq!(sign_in(&server, "Luis", "secret-of-luis").status, 200);
}

#[test]
fn the_heading_of_a_class_list_is_no_user_in_spanish_and_english() {
    for heading in [
        "user,pass",
        "Name, Password",
        "USERNAME,PWD",
        "nombre,contraseña",
        "Usuario,Clave",
        "Alumno/a,Contrasena",
        "Nombre y apellidos,Contraseña",
        "full name,password",
        "\u{feff}user,pass",
        "# made today\n\nuser,pass",
    ] {
        let users = Users::new(&[]);
        let output = users.run(&["--add-users"], &format!("{heading}\nLuis,secret-of-luis\n"));
        assert!(output.status.success(), "{heading}: {output:?}");
        assert_eq!(lines(&users), ["# nobody yet", "Luis"], "{heading}");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.contains("is the heading, not a user"), "{told}");
    }
    // Only the first line can be one, and "Pass" may be a name.
    let users = Users::new(&[]);
    let output = users.run(&["--add-users"], "Pass,secret-of-pass\nuser,password\n");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(lines(&users), ["# nobody yet", "Pass", "user"]);
}

#[test]
fn a_short_password_is_taken_with_a_warning() {
    let users = Users::new(&[]);
    let output = users.run(&["--add-user", "Ana"], "hola");
    assert!(output.status.success());
    let warning = String::from_utf8(output.stderr).expect("text");
    assert!(warning.contains("the password of Ana: shorter than 8 characters"), "{warning}");
    let output = users.run(&["--add-users"], "Luis,hola\nEva,a longer one\n");
    let warning = String::from_utf8(output.stderr).expect("text");
    assert!(warning.contains("1 of the 2 passwords: shorter"), "{warning}");
}

#[test]
fn a_failure_is_reported_in_one_line_and_changes_nothing() {
    let users = Users::new(&["Ana"]);
    let before = users.text();
    for (name, input, wrong) in [
        ("", "a secret\n", "is empty"),
        ("  ", "a secret\n", "at least one character"),
        ("a:b", "a secret\n", "no colon"),
        ("#a", "a secret\n", "does not begin with #"),
        ("\u{202e}", "a secret\n", "invisible"),
        ("Luis", "", "no password on standard input"),
        ("Luis", "\n", "a password needs at least one character"),
        ("Luis", &"x".repeat(5000), "at most 1024 bytes"),
    ] {
        let output = users.run(&["--add-user", name], input);
        let line = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && line.contains(wrong), "{name:?}: {line}");
        assert_eq!(line.lines().count(), 1, "{line}");
        assert_eq!(users.text(), before);
    }
    // A list that is broken already is not made worse.
    users.write(&format!("{before}Luis:secret\n"));
    let line = refused(&users.run(&["--add-user", "Eva"], "a secret\n"));
    assert!(line.contains("class.txt: line 2: ") && !line.contains("secret"), "{line}");
    // Nor is a server started with it, or without any.
    let line = refused(&users.run(&["--port", "0"], ""));
    assert!(line.contains("class.txt: line 2: "), "{line}");
    fs::remove_file(users.path()).expect("it is there");
    assert!(refused(&users.run(&["--port", "0"], "")).contains("No such file"));
    // What cannot be read again, or replaced, is no list: a folder, a device, a pipe.
    fs::create_dir(users.path()).expect("a folder in its place");
    let pipe = users.path() + ".pipe";
    assert!(Command::new("mkfifo").arg(&pipe).status().expect("it is installed").success());
    for path in [users.path().as_str(), "/dev/null", "/dev/stdin", &pipe] {
        for what in [&["--add-user", "Eva"][..], &["--port", "0"]] {
            let line = refused(&run_with(path, what, "a secret\n"));
            assert!(line.contains("not a regular file"), "{path}: {line}");
        }
    }
}

/// The binary with another list.
fn run_with(path: &str, what: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_websocket-classroom"));
    command.args(what).args(["--users", path]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let _ = child.stdin.take().expect("it is piped").write_all(input.as_bytes());
    child.wait_with_output().expect("it ends")
}

#[test]
fn many_changes_at_once_lose_no_user() {
    let users = Users::new(&[]);
    let names: Vec<String> = (0..12).map(|number| format!("name {number}")).collect();
    thread::scope(|scope| {
        for name in &names {
            let users = &users;
            scope.spawn(move || {
                let output = users.run(&["--add-user", name], "a long secret\n");
                assert!(output.status.success(), "{output:?}");
            });
        }
    });
    let mut found = lines(&users);
    let comment = found.remove(0);
    found.sort_by_key(|name| name[5..].parse::<u32>().expect("a number"));
    assert_eq!((comment.as_str(), found), ("# nobody yet", names));
}

#[test]
fn a_link_stays_a_link_and_a_left_over_temporary_file_is_replaced() {
    let users = Users::new(&["Ana"]);
    let real = users.path() + ".real";
    fs::rename(users.path(), &real).expect("it is there");
    symlink(&real, users.path()).expect("a link can be made");
    let new = Path::new(&real).with_file_name(".new-list-of-users");
    fs::write(&new, "half of a li").expect("a file can be written");
    assert!(users.run(&["--add-user", "Luis"], "a long secret\n").status.success());
    assert!(fs::symlink_metadata(users.path()).expect("it is there").is_symlink());
    assert_eq!(lines(&users), ["Ana", "Luis"]);
    assert!(fs::metadata(&new).is_err());
    let inode = fs::metadata(&real).expect("it is there").ino();
    assert!(users.run(&["--add-user", "Eva"], "a long secret\n").status.success());
    assert_ne!(fs::metadata(&real).expect("it is there").ino(), inode, "replaced in one step");
    // Also a link to a file that is not there yet.
    fs::remove_file(&real).expect("it is there");
    assert!(users.run(&["--add-user", "Eva"], "a long secret\n").status.success());
    assert!(fs::symlink_metadata(users.path()).expect("it is there").is_symlink());
    assert_eq!(lines(&users), ["Eva"]);
}

#[test]
fn a_list_that_root_changes_keeps_its_owner() {
    const NOBODY: u32 = 65_534;
    let users = Users::new(&["Ana"]);
    // Only root can give a file away.
    if chown(users.path(), Some(NOBODY), Some(NOBODY)).is_err() {
        return;
    }
    assert!(users.run(&["--add-user", "Luis"], "a long secret\n").status.success());
    let file = fs::metadata(users.path()).expect("it is there");
    assert_eq!((file.uid(), file.gid(), file.mode() & 0o777), (NOBODY, NOBODY, 0o600));
}

/// `--add-user Ana` in a terminal of its own; what is written to it is typed, what is read is what a person sees.
fn in_terminal(users: &Users, after: &str) -> Child {
    let binary = env!("CARGO_BIN_EXE_websocket-classroom");
    // Ctrl-C reaches the shell, too, which is to live on and tell how the program ended.
    let command = format!("trap : INT; {binary} --add-user Ana --users {}; {after}", users.path());
    let mut script = Command::new("script");
    script.env("SHELL", "/bin/sh");
    script.args(["--quiet", "--return", "--flush", "--command", &command, "/dev/null"]);
    script.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    script.spawn().expect("script is installed")
}

/// Reads until this is on the screen; returns all so far.
fn until(child: &mut Child, text: &str) -> String {
    let mut seen = Vec::new();
    let output = child.stdout.as_mut().expect("it is piped");
    let mut byte = [0];
    while !String::from_utf8_lossy(&seen).contains(text) {
        let length = output.read(&mut byte).expect("a terminal can be read");
        assert_ne!(length, 0, "no {text:?} in {:?}", String::from_utf8_lossy(&seen));
        seen.push(byte[0]);
    }
    String::from_utf8_lossy(&seen).into_owned()
}

fn type_in(child: &mut Child, text: &str) {
    child.stdin.as_mut().expect("it is piped").write_all(text.as_bytes()).expect("it is there");
}

/// The rest of what is seen, when everything has ended.
fn rest(mut child: Child) -> String {
    drop(child.stdin.take());
    let mut seen = Vec::new();
    child.stdout.take().expect("it is piped").read_to_end(&mut seen).expect("it can be read");
    child.wait().expect("it ends");
    String::from_utf8_lossy(&seen).into_owned()
}

#[test]
#[ignore = "needs script(1): run by make test"]
fn in_a_terminal_a_password_is_typed_twice_and_never_shown() {
    let users = Users::new(&[]);
    let mut terminal = in_terminal(&users, "stty -a");
    let mut seen = until(&mut terminal, "Password for Ana: ");
    // Ctrl-Z does nothing: it would leave the terminal as it is.
    type_in(&mut terminal, "\u{1a}");
    type_in(&mut terminal, "a long secret\n");
    seen += &until(&mut terminal, "The same again: ");
    type_in(&mut terminal, "a long secret\n");
    seen += &until(&mut terminal, "1 on the list");
    seen += &rest(terminal);
    assert!(!seen.contains("secret"), "{seen}");
    assert!(seen.contains(" echo "), "the terminal shows again what is typed: {seen}");
    let server = users.serve(&[]);
    assert_eq!(sign_in(&server, "Ana", "a long secret").status, 200);
}

#[test]
#[ignore = "needs script(1): run by make test"]
fn in_a_terminal_two_different_passwords_change_nothing() {
    let users = Users::new(&[]);
    let mut terminal = in_terminal(&users, "stty -a");
    until(&mut terminal, "Password for Ana: ");
    type_in(&mut terminal, "a long secret\n");
    until(&mut terminal, "The same again: ");
    type_in(&mut terminal, "a lomg secret\n");
    let seen = rest(terminal);
    assert!(seen.contains("the two passwords differ; nothing was changed"), "{seen}");
    assert!(!seen.contains("secret") && seen.contains(" echo "), "{seen}");
    assert_eq!(users.text(), "# nobody yet\n");
}

#[test]
#[ignore = "needs script(1): run by make test"]
fn after_an_interrupted_question_the_terminal_shows_again_what_is_typed() {
    let users = Users::new(&[]);
    let mut terminal = in_terminal(&users, "echo status $?; stty -a");
    until(&mut terminal, "Password for Ana: ");
    type_in(&mut terminal, "\u{3}");
    let seen = until(&mut terminal, "status 130") + &rest(terminal);
    assert!(seen.contains(" echo "), "{seen}");
    assert_eq!(users.text(), "# nobody yet\n");
}
