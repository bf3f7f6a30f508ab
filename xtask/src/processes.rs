//! Processes that a task starts: each is stopped by its id when it goes out of scope, and all are when the
//! task is interrupted. What they cost is read from `/proc`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// Linux tells processor time in hundredths of a second on every architecture it has.
const TICKS_PER_SECOND: f64 = 100.0;

/// How long a process may take to stop when asked, before it is made to.
const PATIENCE: Duration = Duration::from_secs(15);

static STARTED: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

fn started() -> MutexGuard<'static, BTreeSet<u32>> {
    STARTED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A process of ours that runs, and stops when this is dropped.
pub(crate) struct Running {
    child: Child,
    name: String,
}

impl Running {
    /// Starts `command`.
    pub(crate) fn start(command: &mut Command, name: &str) -> Result<Running> {
        let child = command.spawn().with_context(|| format!("cannot start `{name}`"))?;
        started().insert(child.id());
        Ok(Running { child, name: name.to_owned() })
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Fails when the process has ended by itself.
    pub(crate) fn check_alive(&mut self) -> Result<()> {
        if let Some(status) = self.child.try_wait()? {
            bail!("`{}` ended early ({status})", self.name);
        }
        Ok(())
    }

    /// Waits for the end of a process whose output was captured.
    pub(crate) fn finish(mut self) -> Result<Output> {
        let mut output =
            Output { status: std::process::ExitStatus::default(), stdout: vec![], stderr: vec![] };
        if let Some(mut pipe) = self.child.stdout.take() {
            std::io::Read::read_to_end(&mut pipe, &mut output.stdout)?;
        }
        if let Some(mut pipe) = self.child.stderr.take() {
            std::io::Read::read_to_end(&mut pipe, &mut output.stderr)?;
        }
        output.status = self.child.wait()?;
        Ok(output)
    }

    /// Asks the process to end and waits; after [`PATIENCE`] it and its children are killed.
    pub(crate) fn stop(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        signal("TERM", self.pid());
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                started().remove(&self.pid());
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        eprintln!("warning: `{}` did not stop when asked and is killed", self.name);
        for pid in tree(self.pid()) {
            signal("KILL", pid);
        }
        // Nothing is left to do when even this fails: the id is gone.
        self.child.wait().ok();
        started().remove(&self.pid());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.stop();
        }
        started().remove(&self.pid());
    }
}

/// From now on Ctrl-C and SIGTERM stop what was started and remove `folder` before this program ends.
pub(crate) fn clean_up_on_interrupt(folder: PathBuf) -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            stop_everything();
            std::fs::remove_dir_all(&folder).ok();
            end_interrupted();
        }
    });
    Ok(())
}

/// A short grace, since whoever interrupts wants an end: what was measured is lost anyway.
fn stop_everything() {
    let pids: Vec<u32> = started().iter().copied().flat_map(tree).collect();
    for pid in &pids {
        signal("TERM", *pid);
    }
    std::thread::sleep(Duration::from_millis(300));
    for pid in pids.into_iter().filter(|pid| stat(*pid).is_some()) {
        signal("KILL", pid);
    }
}

#[expect(
    clippy::exit,
    reason = "the main thread waits for processes that are gone; there is nobody to return to"
)]
fn end_interrupted() -> ! {
    eprintln!("interrupted: everything that was started is stopped");
    std::process::exit(130)
}

/// The shell's own `kill`, since this workspace forbids unsafe code and the shell is always there.
fn signal(name: &str, pid: u32) {
    let line = format!("kill -{name} {pid}");
    Command::new("sh").args(["-c", &line]).stderr(Stdio::null()).status().ok();
}

/// The process `pid` and everything below it.
pub(crate) fn tree(pid: u32) -> Vec<u32> {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(child) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if let Some(stat) = stat(child) {
            children.entry(stat.parent).or_default().push(child);
        }
    }
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(parent) = found.get(next) {
        found.extend(children.get(parent).into_iter().flatten());
        next += 1;
    }
    found
}

/// Processor seconds that `pid` and everything below it have used so far.
pub(crate) fn processor_seconds(pid: u32) -> f64 {
    tree(pid).into_iter().filter_map(stat).map(|stat| stat.seconds).sum()
}

/// What `/proc/PID/status` says of memory, in megabytes.
pub(crate) struct Memory {
    /// Resident now.
    pub resident: f64,
    /// The most that was ever resident.
    pub peak: f64,
}

/// The memory of the process `pid` alone.
pub(crate) fn memory(pid: u32) -> Result<Memory> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let megabytes = |field: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(field));
        let kilobytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
        kilobytes.map(|value| value * 1024.0 / 1e6).with_context(|| format!("no `{field}` for process {pid}"))
    };
    Ok(Memory { resident: megabytes("VmRSS:")?, peak: megabytes("VmHWM:")? })
}

#[derive(Debug, PartialEq)]
struct Stat {
    parent: u32,
    seconds: f64,
}

fn stat(pid: u32) -> Option<Stat> {
    let path = Path::new("/proc").join(pid.to_string()).join("stat");
    parse_stat(&std::fs::read_to_string(path).ok()?)
}

/// The name in parentheses may hold anything, so the fields are counted after the last parenthesis.
fn parse_stat(text: &str) -> Option<Stat> {
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field)?.parse::<f64>().ok();
    Some(Stat { parent: fields.get(1)?.parse().ok()?, seconds: (ticks(11)? + ticks(12)?) / TICKS_PER_SECOND })
}

#[cfg(test)]
mod tests {
    use super::{Stat, parse_stat, processor_seconds, tree};

    #[test]
    fn stat_survives_any_process_name() {
        let text = "77 (a) b (c) S 5 77 77 0 -1 4194560 1 0 0 0 150 25 9 9 20 0 1 0 100 1 1";
        assert_eq!(parse_stat(text), Some(Stat { parent: 5, seconds: 1.75 }));
        assert_eq!(parse_stat("77 (short) S 5"), None);
    }

    #[test]
    fn a_tree_holds_its_root_and_its_time() {
        let own = std::process::id();
        assert_eq!(tree(own).first(), Some(&own));
        assert!(processor_seconds(own) >= 0.0);
    }
}
