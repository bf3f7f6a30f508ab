//! Programs that tests start: found, run to their end within a limit, signalled by their id.

use holdfast_servers::seen_within;
use std::fs::File;
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
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

/// Runs `command` to its end, with `input` to read, and kills it when it takes too long.
#[track_caller]
pub fn run(command: &mut Command, input: &str) -> Ran {
    let line = line_of(command);
    let file = || tempfile::tempfile().expect("the temporary folder takes files");
    let (stdin, stdout, stderr) = (file(), file(), file());
    std::io::Write::write_all(&mut &stdin, input.as_bytes()).expect("a temporary file takes text");
    (&stdin).rewind().expect("a file can be read again");
    let clone = |file: &File| Stdio::from(file.try_clone().expect("a file can be shared"));
    command.stdin(stdin).stdout(clone(&stdout)).stderr(clone(&stderr));
    let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start `{line}`: {error}"));
    let ended = seen_within(LIMIT, || child.try_wait().expect("our own child can be waited for"));
    let status = ended.unwrap_or_else(|| {
        child.kill().ok();
        child.wait().expect("our own child can be waited for")
    });
    Ran { line, status, stdout: text_of(stdout), stderr: text_of(stderr) }
}

fn text_of(mut file: File) -> String {
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).expect("a temporary file can be read");
    String::from_utf8_lossy(&bytes).into_owned()
}

fn line_of(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// The binary under test: `$HOLDFAST_BIN`, or the one that cargo built next to this test.
#[expect(clippy::disallowed_methods, reason = "a test is told by its environment which binary to test")]
pub fn binary() -> PathBuf {
    let path = std::env::var_os("HOLDFAST_BIN").map_or_else(next_to_this_test, PathBuf::from);
    assert!(
        path.is_file(),
        "there is no binary `{}`: run `cargo build -p holdfast`, or set HOLDFAST_BIN",
        path.display()
    );
    path
}

fn next_to_this_test() -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own file");
    let folder = test.parent().expect("a file is in a folder");
    let folder = if folder.ends_with("deps") { folder.parent().unwrap_or(folder) } else { folder };
    folder.join(format!("holdfast{}", std::env::consts::EXE_SUFFIX))
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
