//! When a console is closed, Windows ends each of its programs as soon as that program's handler returns, and the handler of `ctrlc` returns
//! at once. So the server is a second process without that console. The first process, the launcher, stays in the console: it prints what
//! the server prints. When the launcher ends, the server still has the time to stop in order.
//!
//! The server's standard input comes from the launcher: a line of the one byte 3 is Ctrl-C, and its end means that the launcher has ended.

use std::env;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::os::windows::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio, exit};
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use log::warn;

use super::CONTROL_C;
use crate::system::Signal;

/// Environment variable that the server gets: which of the launcher's outputs are a terminal.
const LAUNCHED: &str = "CLASSROOM_LAUNCHED";

/// Environment variable for the tests: if it is set, there is a launcher without a console, too.
const ALWAYS: &str = "CLASSROOM_LAUNCHER";

/// Names in `LAUNCHED`.
pub const STDOUT: &str = "stdout";
pub const STDERR: &str = "stderr";

/// No console of its own that could be seen or closed, and no Ctrl-C from another.
const CREATE_NO_WINDOW: u32 = 0x0800_0000;
const CREATE_NEW_PROCESS_GROUP: u32 = 0x0000_0200;

/// The line that is Ctrl-C, without its end.
const CONTROL_C_LINE: &str = "\x03";

/// Texts that may wait for a console that stands still; then the server's log waits, and drops lines.
const TEXTS: usize = 16;

/// Bytes that are shown in one piece, at most.
const LONGEST_TEXT: usize = 16 << 10;

/// A wait for Ctrl-C is this long at most, then the launcher looks whether the server has ended.
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// How long the launcher waits for the console to show the server's last lines.
const FLUSH_DEADLINE: Duration = Duration::from_millis(500);

/// In a console, starts the program once more without it, and ends with the status of that second process. Returns in the second process,
/// where there is no console, and if the second process cannot be started.
pub fn launch() {
    let has_console = io::stdin().is_terminal() || io::stdout().is_terminal() || io::stderr().is_terminal();
    if is_launched() || !has_console && env::var_os(ALWAYS).is_none() {
        return;
    }
    match start().and_then(follow) {
        Ok(status) => exit(status),
        Err(error) => warn!("closing the console will end the server at once: {error}"),
    }
}

/// This process is the server, and its launcher is in the console.
pub fn is_launched() -> bool {
    env::var_os(LAUNCHED).is_some()
}

/// What is printed here is printed on the launcher's terminal.
pub fn is_terminal(output: &str) -> bool {
    env::var(LAUNCHED).is_ok_and(|terminals| terminals.split(' ').any(|terminal| terminal == output))
}

fn start() -> io::Result<Child> {
    let terminals = [(STDOUT, io::stdout().is_terminal()), (STDERR, io::stderr().is_terminal())];
    let terminals = terminals.map(|(output, is_terminal)| if is_terminal { output } else { "" });
    Command::new(env::current_exe()?)
        .args(env::args_os().skip(1))
        .env(LAUNCHED, terminals.join(" "))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .creation_flags(CREATE_NO_WINDOW | CREATE_NEW_PROCESS_GROUP)
        .spawn()
}

/// The launcher's ends of what connects the console with the server.
struct Console {
    /// To the server.
    input: ChildStdin,
    /// One for each Ctrl-C.
    interrupts: Receiver<()>,
    /// Disconnected as soon as all that the server has said is shown.
    printing: Receiver<()>,
}

/// Connects the server with the console. Returns its status once it has ended.
fn follow(mut server: Child) -> io::Result<i32> {
    let mut console = connect(&mut server).inspect_err(|_| server.kill().unwrap_or_default())?;
    let mut stopping = false;
    let status = loop {
        match console.interrupts.recv_timeout(LONGEST_WAIT) {
            Ok(()) if stopping => {
                // Its own exit may wait for a lock of a thread that it has ended (seen under wine).
                server.kill()?;
                server.wait()?;
                break CONTROL_C;
            }
            Ok(()) => {
                stopping = true;
                // Where the server has ended just now, it needs no Ctrl-C.
                let _ = writeln!(console.input, "{CONTROL_C_LINE}");
            }
            Err(_) => {}
        }
        if let Some(status) = server.try_wait()? {
            break status.code().unwrap_or(CONTROL_C);
        }
    };
    // A console that stands still (marked text) must not keep the launcher.
    let _ = console.printing.recv_timeout(FLUSH_DEADLINE);
    Ok(status)
}

/// Starts the threads.
fn connect(server: &mut Child) -> io::Result<Console> {
    let (Some(input), Some(output), Some(errors)) =
        (server.stdin.take(), server.stdout.take(), server.stderr.take())
    else {
        unreachable!("invariant: all three are piped");
    };
    let (printed, printing) = channel();
    let (to_console, texts) = sync_channel(TEXTS);
    let errors_to_console = to_console.clone();
    thread::Builder::new().spawn(move || read(output, |text| to_console.send((STDOUT, text)).is_ok()))?;
    thread::Builder::new()
        .spawn(move || read(errors, |text| errors_to_console.send((STDERR, text)).is_ok()))?;
    thread::Builder::new().spawn(move || print(texts, printed))?;
    let (interrupt, interrupts) = channel();
    ctrlc::set_handler(move || interrupt.send(()).unwrap_or_default()).map_err(io::Error::other)?;
    Ok(Console { input, interrupts, printing })
}

/// Whole lines, as many as came together: a console accepts no half of a letter.
fn read(from: impl Read, print: impl Fn(Vec<u8>) -> bool) {
    let mut from = BufReader::with_capacity(LONGEST_TEXT, from);
    loop {
        let mut text = Vec::new();
        // At the end there is nothing.
        if !from.read_until(b'\n', &mut text).is_ok_and(|length| length > 0) {
            return;
        }
        let whole_lines = from.buffer().iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        text.extend_from_slice(&from.buffer()[..whole_lines]);
        from.consume(whole_lines);
        if !print(text) {
            return;
        }
    }
}

/// On one thread, so that what came in one piece is shown in one piece.
fn print(texts: Receiver<(&str, Vec<u8>)>, _printed: Sender<()>) {
    for (output, text) in texts {
        // What cannot be printed is dropped, and the server goes on.
        let _ = match output {
            STDOUT => io::stdout().write_all(&text),
            _ => io::stderr().write_all(&text),
        };
    }
}

/// In the server: takes what the launcher sends, on a thread of its own.
pub fn listen(signals: Sender<Signal>) -> io::Result<()> {
    let listen = move || {
        for line in io::stdin().lines().map_while(Result::ok) {
            if line == CONTROL_C_LINE {
                signals.send(Signal::Stop(CONTROL_C)).unwrap_or_default();
            }
        }
        signals.send(Signal::Hangup).unwrap_or_default();
    };
    thread::Builder::new().name("launcher".to_owned()).spawn(listen).map(drop)
}
