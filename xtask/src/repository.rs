//! Where things are, and how the tools that build them are called.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, bail};

/// How much of what a failed command printed last is told again, in bytes: enough for a few failed tests.
const TAIL: usize = 8_000;

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().expect("xtask is one folder below the root").to_path_buf()
}

/// The folder that cargo builds into.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), |folder| root().join(folder))
}

/// The release binary, whether or not it is built.
pub(crate) fn binary() -> PathBuf {
    target().join("release").join("holdfast")
}

/// A command at the root of the repository that reads no terminal. What `cargo run` told this program about
/// its own package is removed, so that it never changes what a nested cargo believes it must rebuild.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root()).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// The cargo that runs this task.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.args(arguments);
    command
}

/// Runs `command`, its output shown, and fails when it fails. The error tells again what the command printed
/// last: in the long record of a whole run, that is what a reader looks for.
pub(crate) fn check(command: &mut Command) -> Result<()> {
    let line = line_of(command);
    if std::io::stdout().is_terminal() {
        command.env("CARGO_TERM_COLOR", "always");
    }
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start `{line}`"))?;
    let tail = Mutex::new(VecDeque::new());
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    std::thread::scope(|scope| {
        scope.spawn(|| pass_on(stdout, std::io::stdout(), &tail));
        scope.spawn(|| pass_on(stderr, std::io::stderr(), &tail));
    });
    let status = child.wait()?;
    if !status.success() {
        let tail: Vec<u8> = tail.into_inner().unwrap_or_else(PoisonError::into_inner).into();
        bail!("`{line}` failed ({status}), having printed last:\n{}", String::from_utf8_lossy(&tail).trim());
    }
    Ok(())
}

/// Copies `from` to `to` until its end, and its last [`TAIL`] bytes to `tail`.
fn pass_on(from: Option<impl Read>, mut to: impl Write, tail: &Mutex<VecDeque<u8>>) {
    let Some(mut from) = from else { return };
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let read = buffer.get(..length).unwrap_or_default();
        // A reader of ours that went away is no reason to stop the command.
        to.write_all(read).and_then(|()| to.flush()).ok();
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.extend(read);
        let surplus = tail.len().saturating_sub(TAIL);
        tail.drain(..surplus);
    }
}

/// Whether `command` runs and succeeds; its output is not shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Builds the release binary and says where it is.
pub(crate) fn build_release() -> Result<PathBuf> {
    check(&mut cargo(&["build", "--release", "--package", "holdfast"]))?;
    let binary = binary();
    if !binary.is_file() {
        bail!("`{}` is missing after the build, unset `CARGO_BUILD_TARGET`", binary.display());
    }
    Ok(binary)
}

/// `command` as one would type it.
pub(crate) fn line_of(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut words = vec![program.file_name().unwrap_or(program.as_os_str()).to_string_lossy()];
    words.extend(command.get_args().map(OsStr::to_string_lossy));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::Mutex;

    use super::{TAIL, check, command, pass_on};

    #[test]
    fn a_failure_tells_what_was_printed() {
        let error = check(command("sh").args(["-c", "echo the cause >&2; exit 3"])).expect_err("it fails");
        let text = error.to_string();
        assert!(text.contains("exit status: 3") && text.ends_with("the cause"), "{text}");
    }

    #[test]
    fn the_end_of_a_long_output_is_kept_and_all_is_shown() {
        let printed: Vec<u8> = (0_u8..=250).cycle().take(3 * TAIL + 17).collect();
        let (mut shown, tail) = (Vec::new(), Mutex::new(VecDeque::new()));
        pass_on(Some(printed.as_slice()), &mut shown, &tail);
        assert_eq!(shown, printed);
        assert_eq!(tail.into_inner().expect("nobody panicked"), &printed[printed.len() - TAIL..]);
    }
}
