//! A credential provider for cargo that speaks with a Holdfast registry server: it signs in through the browser,
//! keeps the session fresh, and asks the server for a token for each change. In a CI job it exchanges the job's
//! own token.
//!
//! Cargo starts it with `--cargo-plugin` and talks to it in lines of JSON over its input and output, so
//! everything for the user goes to the error output.

mod browser;
mod device;
mod environment;
mod grant;
mod http;
mod job;
mod login;
mod logout;
mod place;
mod protocol;
mod provider;
mod refusal;
mod secret;
mod session;
mod store;
mod tokens;

use std::io;
use std::process::ExitCode;

use environment::Environment;
use provider::Provider;

fn main() -> ExitCode {
    if !environment::is_started_by_cargo() {
        eprintln!("cargo starts this program by itself. Name it in `.cargo/config.toml`:\n");
        eprintln!("[registry]");
        eprintln!("global-credential-providers = [\"cargo:token\", \"cargo-credential-holdfast\"]");
        return ExitCode::FAILURE;
    }
    let provider = Provider::new(Environment::read());
    match protocol::serve(io::stdin().lock(), io::stdout().lock(), |request| provider.answer(request)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: cargo went away in the middle of a conversation: {error}");
            ExitCode::FAILURE
        }
    }
}
