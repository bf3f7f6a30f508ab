//! The commands, one file a noun.

mod config;

use std::fs;

use crate::cli::Command;
use crate::failure::Failure;
use crate::options::{self, Environment, Flags, Provenance};
use crate::terminal::Terminal;

/// Executes a command.
pub fn run(
    command: Command,
    flags: &Flags,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    match command {
        Command::Config(command) => {
            config::run(&command, flags, environment, &|path| fs::read_to_string(path), terminal)
        }
        Command::Serve
        | Command::User(_)
        | Command::Team(_)
        | Command::Token(_)
        | Command::Registry(_)
        | Command::Crate(_)
        | Command::Fsck(_)
        | Command::Gc(_)
        | Command::Audit(_) => Err(Failure::new("this build has only the `config` commands")),
    }
}

/// Tells about variables that look like options and are none.
fn warn_of_unknown_variables(provenance: &Provenance, terminal: &mut Terminal<'_>) {
    for name in &provenance.unknown_environment {
        terminal.warning(&format!("the environment variable `{name}` is set, but no option has that name"));
        if let Some(near) = options::nearest_variable(name) {
            terminal.hint(&format!("did you mean `{near}`?"));
        }
    }
}
