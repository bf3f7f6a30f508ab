//! The scripts: what must happen at once, on the server.

use super::wire::Command;

/// A script that each connection has loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Script {
    Commit,
    Count,
    Scan,
    Counters,
}

impl Script {
    /// In the order of their numbers.
    pub(super) const ALL: [Script; 4] = [Script::Commit, Script::Count, Script::Scan, Script::Counters];

    pub(super) fn text(self) -> &'static str {
        match self {
            Script::Commit => include_str!("commit.lua"),
            Script::Count => include_str!("count.lua"),
            Script::Scan => include_str!("scan.lua"),
            Script::Counters => include_str!("counters.lua"),
        }
    }
}

/// Makes a place ours; runs once when an engine opens.
pub(super) const OPEN: &str = include_str!("open.lua");

/// What to ask the server.
pub(super) struct Call {
    /// None for a plain command.
    pub(super) script: Option<Script>,
    /// The command, or the keys and arguments of the script.
    pub(super) arguments: Command,
    /// How many replicas must have what was written before it counts as written.
    pub(super) replicas: usize,
}

impl Call {
    /// Runs a script that only reads.
    pub(super) fn read(script: Script, keys: &[String], arguments: &[String]) -> Call {
        Call { script: Some(script), arguments: script_arguments(keys, arguments), replicas: 0 }
    }
}

/// How many keys there are, the keys, and the other arguments.
pub(super) fn script_arguments<T: AsRef<[u8]>>(keys: &[String], arguments: &[T]) -> Command {
    let mut command = Command::default();
    command.push(keys.len().to_string());
    for key in keys {
        command.push(key);
    }
    for argument in arguments {
        command.push(argument);
    }
    command
}
