//! Programs that tests start: found, run to their end within a limit, signalled by their id.

use holdfast_servers::{PATIENCE, seen_within};
use std::fs::File;
use std::io::Seek;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// How long a program may run before it is killed. Far above what a build of a small package takes.
const LIMIT: Duration = Duration::from_mins(3);

/// How a program ended.
#[derive(Clone, Debug)]
pub struct Ran {
    line: String,
    status: ExitStatus,
    /// What it printed as its result.
    pub stdout: String,
    /// What else it said.
    pub stderr: String,
}

impl Ran {
    /// Whether it succeeded.
    pub fn is_success(&self) -> bool {
        self.status.success()
    }

    /// The exit code; none when a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Everything it printed.
    pub fn output(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    /// Panics unless it succeeded.
    #[track_caller]
    pub fn ok(self) -> Ran {
        assert!(self.is_success(), "{}", self.report("failed"));
        self
    }

    /// Panics unless it failed by itself.
    #[track_caller]
    pub fn fails(self) -> Ran {
        assert!(!self.is_success(), "{}", self.report("should have failed"));
        assert!(self.code().is_some(), "{}", self.report("was killed"));
        self
    }

    /// Panics unless `words` are in what it printed.
    #[track_caller]
    pub fn says(self, words: &str) -> Ran {
        assert!(self.output().contains(words), "{}", self.report(&format!("did not say `{words}`")));
        self
    }

    /// Panics if `words` are in what it printed.
    #[track_caller]
    pub fn never_says(self, words: &str) -> Ran {
        assert!(!self.output().contains(words), "{}", self.report(&format!("said `{words}`")));
        self
    }

    fn report(&self, fault: &str) -> String {
        let Ran { line, status, stdout, stderr } = self;
        format!("`{line}` {fault} ({status})\n--- stdout\n{stdout}\n--- stderr\n{stderr}")
    }
}

/// A program that runs. Dropping it ends it.
#[derive(Debug)]
pub struct Running {
    line: String,
    child: Child,
    stdout: File,
    stderr: File,
}

/// Runs `command` to its end, with `input` to read, and kills it when it takes too long.
#[track_caller]
pub fn run(command: &mut Command, input: &str) -> Ran {
    start(command, input).wait()
}

/// Starts `command`, with `input` to read.
#[track_caller]
pub(crate) fn start(command: &mut Command, input: &str) -> Running {
    let line = line_of(command);
    let file = || tempfile::tempfile().expect("the temporary folder takes files");
    let (stdin, stdout, stderr) = (file(), file(), file());
    std::io::Write::write_all(&mut &stdin, input.as_bytes()).expect("a temporary file takes text");
    (&stdin).rewind().expect("a file can be read again");
    let clone = |file: &File| Stdio::from(file.try_clone().expect("a file can be shared"));
    command.stdin(stdin).stdout(clone(&stdout)).stderr(clone(&stderr));
    let child = command.spawn().unwrap_or_else(|error| panic!("cannot start `{line}`: {error}"));
    Running { line, child, stdout, stderr }
}

impl Running {
    /// Waits until it has said something that `find` takes, on its error output.
    #[track_caller]
    pub fn hear<T>(&mut self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        let heard = seen_within(PATIENCE, || find(&text_of(&self.stderr)));
        heard.unwrap_or_else(|| panic!("`{}` did not say {what}: {}", self.line, text_of(&self.stderr)))
    }

    /// Waits until it has ended, and kills it when it takes too long.
    #[track_caller]
    pub fn wait(mut self) -> Ran {
        let ended = seen_within(LIMIT, || self.child.try_wait().expect("our own child can be waited for"));
        let status = ended.unwrap_or_else(|| {
            self.child.kill().ok();
            self.child.wait().expect("our own child can be waited for")
        });
        let (stdout, stderr) = (text_of(&self.stdout), text_of(&self.stderr));
        Ran { line: std::mem::take(&mut self.line), status, stdout, stderr }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// All that is in a file by now, read without moving the place at which the program writes.
fn text_of(file: &File) -> String {
    let (mut bytes, mut part) = (Vec::new(), [0; 8192]);
    loop {
        let at = u64::try_from(bytes.len()).expect("a test says little");
        match file.read_at(&mut part, at).expect("a temporary file can be read") {
            0 => return String::from_utf8_lossy(&bytes).into_owned(),
            length => bytes.extend_from_slice(&part[..length]),
        }
    }
}

fn line_of(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// The binary under test: `$HOLDFAST_BIN`, or the one that cargo built next to this test.
pub fn binary() -> PathBuf {
    built("HOLDFAST_BIN", "holdfast", "holdfast")
}

/// The credential provider under test: `$HOLDFAST_CREDENTIAL_BIN`, or the one that cargo built next to this test.
pub fn credential_provider() -> PathBuf {
    built("HOLDFAST_CREDENTIAL_BIN", "cargo-credential-holdfast", "cargo-credential-holdfast")
}

#[expect(clippy::disallowed_methods, reason = "a test is told by its environment which binary to test")]
fn built(variable: &str, package: &str, name: &str) -> PathBuf {
    let path = std::env::var_os(variable).map_or_else(|| next_to_this_test(name), PathBuf::from);
    assert!(
        path.is_file(),
        "there is no binary `{}`: run `cargo build -p {package}`, or set {variable}",
        path.display()
    );
    path
}

fn next_to_this_test(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own file");
    let folder = test.parent().expect("a file is in a folder");
    let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    folder.join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

/// Removes what this process inherited for others: options of the server, and all that cargo set or reads.
#[expect(clippy::disallowed_methods, reason = "a clean environment begins with knowing the present one")]
pub(crate) fn clean(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("HOLDFAST_") || text.starts_with("CARGO") || text.starts_with("RUSTC") {
            command.env_remove(&name);
        }
    }
    for name in ["RUSTFLAGS", "RUSTDOCFLAGS", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        command.env_remove(name);
    }
    command
}

/// A copy of `path` that must be UTF-8, for configuration files.
pub(crate) fn utf8(path: &Path) -> &str {
    path.to_str().expect("temporary folders have plain names")
}
