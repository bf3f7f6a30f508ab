//! The process of a server, and what can befall it.

use crate::wait::{PATIENCE, seen_within, until};
use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A program that a test needs is not installed.
#[derive(Debug)]
pub struct Missing {
    program: String,
    install: &'static str,
}

impl Missing {
    /// A program, and how it comes.
    pub fn new(program: impl Into<String>, install: &'static str) -> Missing {
        Missing { program: program.into(), install }
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "there is no `{}`; install it: {}", self.program, self.install)
    }
}

impl std::error::Error for Missing {}

/// Finds a program in the path, in the folders of the administrator's programs, or in `folders`.
pub(crate) fn find(program: &str, folders: &[PathBuf], install: &'static str) -> Result<PathBuf, Missing> {
    #[expect(clippy::disallowed_methods, reason = "the path is where programs are found")]
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/local/sbin", "/sbin"].map(PathBuf::from))
        .chain(folders.iter().cloned())
        .map(|folder| folder.join(program))
        .find(|candidate| candidate.is_file())
        .ok_or_else(|| Missing::new(program, install))
}

/// A program that runs as another user, when this process is root's. `setpriv` becomes what it starts, so the
/// child's id is the program's.
pub(crate) fn command(path: &Path, user: Option<&str>) -> Command {
    match user {
        Some(user) if rustix::process::geteuid().is_root() => {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", user, "--regid", user, "--clear-groups"]).arg(path);
            command
        }
        _ => Command::new(path),
    }
}

/// Gives a folder and what is in it to another user, when this process is root's.
pub(crate) fn give(folder: &Path, user: &str) {
    if rustix::process::geteuid().is_root() {
        let given = Command::new("chown").args(["-R", user]).arg(folder).status();
        assert!(given.is_ok_and(|status| status.success()), "cannot give {} to {user}", folder.display());
    }
}

/// How a program is started, each time.
#[derive(Clone, Debug)]
pub struct Program {
    /// The file.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// What is set in its environment.
    pub variables: Vec<(String, String)>,
    /// The user it runs as, for servers that refuse to be root's. Files of its folder must be that user's.
    pub user: Option<&'static str>,
}

/// A process that ends with this value, or with the process that holds it.
pub struct Process {
    program: Program,
    folder: PathBuf,
    is_ready: Box<dyn Fn() -> bool + Send + Sync>,
    running: Mutex<Option<Running>>,
}

struct Running {
    child: Child,
    /// Of the server itself, which `child` has become.
    pid: u32,
    _watchdog: Watchdog,
}

impl Process {
    /// Starts a program, whose words go to `log` in `folder`, and waits until `is_ready`.
    #[track_caller]
    pub fn start(
        program: Program,
        folder: &Path,
        is_ready: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Process {
        let is_ready = Box::new(is_ready);
        let process = Process { program, folder: folder.to_owned(), is_ready, running: Mutex::new(None) };
        process.start_again();
        process
    }

    /// Starts the program, which must not be running, and waits until it is ready.
    #[track_caller]
    pub fn start_again(&self) {
        let mut running = self.lock();
        assert!(running.is_none(), "`{}` is running", self.program.path.display());
        let log = File::options().create(true).append(true).open(self.log_path());
        let log = log.expect("the temporary folder takes files");
        let mut command = command(&self.program.path, self.program.user);
        command.args(&self.program.arguments).envs(self.program.variables.iter().cloned());
        command.current_dir(&self.folder).stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a file can be shared")).stderr(log);
        let child = command.spawn().unwrap_or_else(|error| panic!("cannot start `{command:?}`: {error}"));
        let pid = child.id();
        let mut started = Running { child, pid, _watchdog: Watchdog::over(pid) };
        let ready = seen_within(2 * PATIENCE, || {
            let ended = started.child.try_wait().expect("our own child can be waited for");
            assert!(ended.is_none(), "`{command:?}` ended: {}", self.log());
            (self.is_ready)().then_some(())
        });
        assert!(ready.is_some(), "`{command:?}` is not ready: {}", self.log());
        *running = Some(started);
    }

    /// What the server wrote.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Ends it at once, as a loss of power does.
    pub fn kill(&self) {
        self.end("KILL");
    }

    /// Asks it to end, and waits until it has.
    pub fn stop(&self) {
        // PostgreSQL waits for its clients to go when it is asked in the usual way.
        let is_postgres = self.program.path.ends_with("postgres");
        self.end(if is_postgres { "INT" } else { "TERM" });
    }

    /// Hangs it: it neither answers nor refuses, from when this returns.
    pub fn freeze(&self) {
        if let Some(running) = &*self.lock() {
            signal_family("STOP", running.pid);
            until("the server to stand still", || is_still(running.pid).then_some(()));
        }
    }

    /// Goes on after [`Process::freeze`].
    pub fn thaw(&self) {
        if let Some(running) = &*self.lock() {
            signal_family("CONT", running.pid);
        }
    }

    fn end(&self, name: &str) {
        let Some(mut running) = self.lock().take() else { return };
        if name == "KILL" {
            signal_family(name, running.pid);
        } else {
            signal(name, running.pid);
        }
        let ended = seen_within(Duration::from_secs(20), || running.child.try_wait().ok().flatten());
        if ended.is_none() {
            running.child.kill().ok();
            running.child.wait().ok();
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log_path(&self) -> PathBuf {
        self.folder.join("log")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A hung process does not hear that it shall end.
        self.thaw();
        self.kill();
    }
}

/// Sends a signal by the shell's own `kill`, since unsafe code is forbidden and a shell is always there.
pub fn signal(name: &str, pid: u32) {
    Command::new("sh").args(["-c", &format!("kill -{name} {pid}")]).status().expect("there is a shell");
}

/// Sends a signal to a process and to those that it started: some servers have one for each connection, which
/// would go on alone.
fn signal_family(name: &str, pid: u32) {
    // The shell reads the list before it sends anything.
    let children = format!("$(cat /proc/{pid}/task/*/children 2>/dev/null)");
    let script = format!("kill -{name} {pid} {children}");
    Command::new("sh").args(["-c", &script]).stderr(Stdio::null()).status().expect("there is a shell");
}

/// Whether no thread of a process and of those that it started runs: a signal only says that they shall stop.
fn is_still(pid: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return true };
    threads.flatten().map(|thread| thread.path()).all(|thread| {
        let read = |name: &str| fs::read_to_string(thread.join(name)).unwrap_or_default();
        // The state comes after the name, which stands in brackets. A thread that is gone has none.
        let state = read("stat").rsplit_once(") ").and_then(|(_, rest)| rest.chars().next());
        let children = read("children");
        matches!(state, None | Some('T' | 't' | 'Z' | 'X'))
            && children.split_whitespace().filter_map(|child| child.parse().ok()).all(is_still)
    })
}

/// Ends a process by its id when this process dies without doing so itself.
pub struct Watchdog {
    shell: std::process::Child,
}

impl Watchdog {
    /// Watches over `pid`: the end of our side of a pipe, however it comes, ends that process.
    pub fn over(pid: u32) -> Watchdog {
        let mut shell = Command::new("sh");
        shell.args(["-c", "read -r _ || kill -9 \"$1\"", "sh", &pid.to_string()]);
        let shell = shell.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Watchdog { shell: shell.spawn().expect("there is a shell") }
    }
}

impl Drop for Watchdog {
    /// The process is gone already: nothing is left to end.
    fn drop(&mut self) {
        if let Some(mut pipe) = self.shell.stdin.take() {
            std::io::Write::write_all(&mut pipe, b"\n").ok();
        }
        self.shell.wait().ok();
    }
}
