//! What this provider learns from its surroundings. No other file reads the environment, the command line or the
//! clock.
#![expect(clippy::disallowed_methods, reason = "this program has no other place to learn these things from")]

use std::env;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::job::Job;
use crate::secret::Secret;

/// The surroundings, read once.
pub(crate) struct Environment {
    /// Cargo's own folder, where the credentials are.
    pub(crate) cargo_home: Option<PathBuf>,
    /// The value of `HOLDFAST_CREDENTIAL_STORE`.
    pub(crate) store: Option<String>,
    /// A file of further certificate authorities.
    pub(crate) authorities: Option<PathBuf>,
    /// Whether somebody sits before a screen of this machine.
    pub(crate) screen: Screen,
    /// What this machine is called, for the list of sessions at the server.
    pub(crate) machine: String,
    /// What the CI system gives to this job.
    pub(crate) job: Job,
}

/// Whether a browser can be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Screen {
    Present,
    Absent,
}

impl Environment {
    pub(crate) fn read() -> Environment {
        Environment {
            cargo_home: cargo_home(),
            store: variable("HOLDFAST_CREDENTIAL_STORE"),
            authorities: path("CARGO_HTTP_CAINFO"),
            screen: screen(),
            machine: machine().unwrap_or_else(|| "unnamed machine".to_owned()),
            job: Job {
                id_token: secret("HOLDFAST_ID_TOKEN"),
                actions: variable("ACTIONS_ID_TOKEN_REQUEST_URL")
                    .zip(secret("ACTIONS_ID_TOKEN_REQUEST_TOKEN")),
                is_buildkite: is_set("BUILDKITE"),
            },
        }
    }
}

/// Whether cargo started this program, and not a person.
pub(crate) fn is_started_by_cargo() -> bool {
    env::args_os().skip(1).any(|argument| argument == "--cargo-plugin")
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn path(name: &str) -> Option<PathBuf> {
    env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn secret(name: &str) -> Option<Secret> {
    let value = variable(name)?;
    let secret = Secret::try_from(value).ok();
    if secret.is_none() {
        eprintln!("warning: `{name}` is ignored: its value cannot be a token");
    }
    secret
}

fn is_set(name: &str) -> bool {
    variable(name).is_some_and(|value| value != "false" && value != "0")
}

fn cargo_home() -> Option<PathBuf> {
    let set = path("CARGO_HOME");
    set.or_else(|| {
        env::home_dir().filter(|home| !home.as_os_str().is_empty()).map(|home| home.join(".cargo"))
    })
}

fn screen() -> Screen {
    let is_unwanted = is_set("HOLDFAST_NO_BROWSER") || is_set("CI");
    let has_display = cfg!(any(windows, target_os = "macos"))
        || ["DISPLAY", "WAYLAND_DISPLAY"].into_iter().any(|name| variable(name).is_some());
    if has_display && !is_unwanted { Screen::Present } else { Screen::Absent }
}

#[cfg(unix)]
fn machine() -> Option<String> {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    Some(name).filter(|name| !name.is_empty())
}

#[cfg(not(unix))]
fn machine() -> Option<String> {
    variable("COMPUTERNAME")
}
