//! Facts about a process and the machine, read from `/proc`.

use std::fs;
use std::io;

/// `/proc/PID/stat` counts in ticks of 1/100 s (`USER_HZ`, the same on x86, ARM and RISC-V). Over a
/// window of seconds that is fine to a fraction of a per cent, and unlike the finer `schedstat`
/// it is one file for all threads, those that have ended included.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU seconds, user and system, that all threads of a process have used since it began.
pub fn cpu_seconds(pid: u32) -> io::Result<f64> {
    let stat = read(pid, "stat")?;
    // The second field is the program's name in parentheses and may itself hold spaces.
    let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let mut fields = after_name.split_whitespace();
    // After the name, user time is the 12th field and system time the 13th.
    let user = fields.nth(11).and_then(|field| field.parse::<u64>().ok());
    let system = fields.next().and_then(|field| field.parse::<u64>().ok());
    match (user, system) {
        (Some(user), Some(system)) => Ok((user + system) as f64 / TICKS_PER_SECOND),
        _ => Err(io::Error::other(format!("/proc/{pid}/stat has no CPU times: {stat}"))),
    }
}

/// CPU seconds of the whole machine that were not idle, what a hypervisor took away included.
pub fn machine_cpu_seconds() -> io::Result<f64> {
    let stat = fs::read_to_string("/proc/stat")?;
    let total = stat.lines().next().unwrap_or_default();
    let ticks: Vec<u64> = total.split_whitespace().filter_map(|field| field.parse().ok()).collect();
    // user, nice, system, idle, waiting for a disk, interrupts, soft interrupts, stolen
    match ticks[..] {
        [user, nice, system, _, _, interrupts, soft_interrupts, stolen, ..] => {
            let busy = user + nice + system + interrupts + soft_interrupts + stolen;
            Ok(busy as f64 / TICKS_PER_SECOND)
        }
        _ => Err(io::Error::other("/proc/stat has no CPU times")),
    }
}

/// Resident memory in KiB; a page that several processes share counts for each by its part (PSS).
pub fn proportional_memory_kib(pid: u32) -> io::Result<u64> {
    number_after(pid, "smaps_rollup", "Pss:")
}

pub fn thread_count(pid: u32) -> io::Result<u64> {
    number_after(pid, "status", "Threads:")
}

fn number_after(pid: u32, file: &str, label: &str) -> io::Result<u64> {
    let text = read(pid, file)?;
    text.lines()
        .find_map(|line| line.strip_prefix(label))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|number| number.parse().ok())
        .ok_or_else(|| io::Error::other(format!("/proc/{pid}/{file} has no line {label}")))
}

fn read(pid: u32, file: &str) -> io::Result<String> {
    let path = format!("/proc/{pid}/{file}");
    fs::read_to_string(&path).map_err(|error| {
        io::Error::new(error.kind(), format!("{path} (this benchmark needs Linux): {error}"))
    })
}

/// One line on the machine, because a number without it means nothing.
pub fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
    let processor = fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    });
    let processor = processor.unwrap_or_else(|| "unknown processor".to_owned());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split_whitespace().next().unwrap_or("?");
    format!(
        "{cores} cores, {processor}, {} {}, load average {load} at the start",
        std::env::consts::OS,
        kernel.trim()
    )
}
