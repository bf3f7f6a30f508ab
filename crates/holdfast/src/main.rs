//! The `holdfast` binary: hands the process's arguments, environment and streams to the library.

use std::process::ExitCode;

use holdfast::{Environment, Terminal};

#[expect(clippy::disallowed_methods, reason = "this is the one place that reads the process")]
fn main() -> ExitCode {
    let environment: Environment = std::env::vars_os().collect();
    let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
    holdfast::run(std::env::args_os(), &environment, &mut Terminal::new(&mut out, &mut err)).into()
}
