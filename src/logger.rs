//! The log's own thread: no other thread ever waits for a terminal.
//!
//! A line on its way to a stopped terminal (Ctrl-S) or a full pipe blocks the thread that writes it. If that were
//! the broadcaster, the whole chat would stop. So every thread puts its finished line into a bounded queue, and the thread here
//! prints it: on a terminal in the short form of `terminal`, elsewhere with `simple_logger`. If standard error is closed, lines are
//! dropped without a message.

mod terminal;

use std::io::{self, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, SystemTime};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use log::{Level, LevelFilter, Log, Metadata, Record};
use simple_logger::SimpleLogger;

use self::terminal::Terminal;
use crate::deadline::Deadline;

/// Lines that may wait for the terminal; later ones are dropped and counted.
const QUEUE: usize = 8192;

/// How long [`flush`] waits for the terminal.
const FLUSH_DEADLINE: Duration = Duration::from_millis(500);

/// How long nothing is printed after a line that could not be printed: the next one most likely could not be either.
const PAUSE: Duration = Duration::from_secs(1);

/// Only our own modules are logged: what a library logs is not about the lesson.
const CRATE: &str = "websocket_classroom";

enum Entry {
    Line(Line),
    /// Answered once every line before it is printed.
    Flush(Sender<()>),
}

struct Line {
    level: Level,
    /// That of the event, not that of printing.
    time: SystemTime,
    /// It names the file in the sources.
    module: String,
    text: String,
}

struct QueueLogger {
    level: LevelFilter,
    queue: Sender<Entry>,
    lost: AtomicU64,
}

/// Switches the log on at `level`, for the whole program.
///
/// # Errors
/// If the thread cannot be created, or there is a logger already.
pub fn start(level: LevelFilter) -> Result<(), Box<dyn std::error::Error>> {
    let (queue, entries) = bounded(QUEUE);
    thread::Builder::new()
        .name("log".to_owned())
        .spawn(move || print(&entries, Terminal::of_standard_error(level)))?;
    log::set_boxed_logger(Box::new(QueueLogger { level, queue, lost: AtomicU64::new(0) }))?;
    log::set_max_level(level);
    Ok(())
}

/// Waits until all lines so far are printed, or half a second.
pub fn flush() {
    log::logger().flush();
}

/// The log thread's loop.
fn print(entries: &Receiver<Entry>, terminal: Option<Terminal>) {
    let printer = SimpleLogger::new();
    let (mut lost, mut pause) = (0, None::<Deadline>);
    for entry in entries {
        let line = match entry {
            Entry::Flush(done) => {
                // The thread that flushes may have stopped waiting.
                let _ = done.send(());
                continue;
            }
            Entry::Line(line) => line,
        };
        if pause.is_some_and(|pause| pause.remaining().is_some()) {
            lost += 1;
            continue;
        }
        if lost > 0 && is_printed(&printer, terminal, &dropped(lost, "standard error did not accept them")) {
            lost = 0;
        }
        if lost > 0 || !is_printed(&printer, terminal, &line) {
            lost += 1;
            pause = Some(Deadline::after(PAUSE));
        }
    }
}

/// Prints a line; `false` if standard error does not accept it. simple_logger panics then, which must not end this thread.
fn is_printed(printer: &SimpleLogger, terminal: Option<Terminal>, line: &Line) -> bool {
    if let Some(terminal) = terminal {
        let text = terminal.line(line.time, line.level, &line.module, &line.text);
        return io::stderr().write_all(text.as_bytes()).is_ok();
    }
    let target = format!("{} {}", humantime::format_rfc3339_millis(line.time), line.module);
    let printed = catch_unwind(AssertUnwindSafe(|| {
        let mut record = Record::builder();
        record.level(line.level).target(&target);
        printer.log(&record.args(format_args!("{}", line.text)).build());
    }));
    printed.is_ok()
}

impl Line {
    fn new(level: Level, module: &str, text: String) -> Line {
        let module = module.strip_prefix(CRATE).unwrap_or(module).trim_start_matches("::");
        let module = if module.is_empty() { "main" } else { module };
        Line { level, time: SystemTime::now(), module: module.to_owned(), text }
    }
}

fn dropped(lines: u64, why: &str) -> Line {
    Line::new(Level::Warn, module_path!(), format!("{lines} log lines were dropped: {why}"))
}

impl Log for QueueLogger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= self.level && metadata.target().starts_with(CRATE)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            let line = dropped(lost, "standard error is too slow");
            if self.queue.try_send(Entry::Line(line)).is_err() {
                self.lost.fetch_add(lost, Ordering::Relaxed);
            }
        }
        let line = Line::new(record.level(), record.target(), record.args().to_string());
        if let Err(TrySendError::Full(_)) = self.queue.try_send(Entry::Line(line)) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn flush(&self) {
        let (done, printed) = bounded(1);
        if self.queue.send_timeout(Entry::Flush(done), FLUSH_DEADLINE).is_ok() {
            let _ = printed.recv_timeout(FLUSH_DEADLINE);
        }
    }
}
