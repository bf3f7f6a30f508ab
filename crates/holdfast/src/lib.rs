//! What the `holdfast` binary is made of: options, the command line, and the commands. `main.rs` only hands in
//! the process.

#![cfg_attr(test, expect(clippy::unwrap_used, reason = "a test that panics says where"))]

mod access;
pub mod application;
pub mod cli;
pub mod commands;
mod failure;
pub mod logging;
pub mod options;
mod outside;
mod progress;
mod providers;
pub mod runtime;
mod terminal;

use std::ffi::OsString;

pub use self::failure::{Exit, Failure, Problem};
pub use self::options::Environment;
pub use self::terminal::{Table, Terminal};

/// Runs the program: parses the command line, executes the command, reports what went wrong.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> Exit {
    let outcome = match cli::parse(arguments) {
        Ok((cli, flags)) => commands::run(cli.command, &flags, environment, terminal),
        Err(error) => return terminal.usage(&error),
    };
    match outcome {
        Ok(()) => Exit::Success,
        Err(failure) => failure.report(terminal),
    }
}

#[cfg(test)]
mod tests;
