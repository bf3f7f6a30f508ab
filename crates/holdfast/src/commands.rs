//! The commands, one file a noun.

mod config;
mod krate;
mod moving;
mod purpose;
mod registry;
mod serve;
mod token;
mod trust;
mod upkeep;
mod user;
mod welcome;

use std::fmt::Display;
use std::fs;
use std::str::FromStr;

use crate::application;
use crate::cli::Command;
use crate::failure::Failure;
use crate::options::{self, Config, Environment, Flags, Provenance};
use crate::terminal::Terminal;
use crate::{logging, runtime};

/// Executes a command.
pub fn run(
    command: Command,
    flags: &Flags,
    environment: &Environment,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    if let Command::Config(command) = command {
        return config::run(&command, flags, environment, &|path| fs::read_to_string(path), terminal);
    }
    let (config, provenance) = options::load(flags, environment, &|path| fs::read_to_string(path))?;
    warn_of_unknown_variables(&provenance, terminal);
    match command {
        Command::Serve => {
            logging::start(&config)?;
            runtime::finish(&runtime::for_server()?, serve::run(&config, terminal))
        }
        Command::Export(command) => {
            runtime::finish(&runtime::for_server()?, moving::export(&command, &config, terminal))
        }
        Command::Import(command) => {
            runtime::finish(&runtime::for_server()?, moving::import(&command, &config, terminal))
        }
        Command::Backup(command) => {
            runtime::finish(&runtime::for_server()?, moving::backup(&command, &config, terminal))
        }
        Command::Restore(command) => {
            runtime::finish(&runtime::for_server()?, moving::restore(&command, &config, terminal))
        }
        command => runtime::finish(&runtime::for_command()?, administrate(command, &config, terminal)),
    }
}

/// The commands that work on the storage itself.
async fn administrate(command: Command, config: &Config, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    let holdfast = application::open(config, purpose::of(&command)).await?;
    let holdfast = &holdfast;
    let first = holdfast.start(application::bootstrap_token(config)?.as_ref()).await?;
    if let Some(secret) = &first.token {
        terminal.hint(&format!("this storage is new; the token of its user `admin` is {}", secret.reveal()));
    }
    match command {
        Command::User(command) => user::run(command, config, holdfast, terminal).await,
        Command::Team(command) => user::run_team(command, holdfast, terminal).await,
        Command::Token(command) => token::run(command, holdfast, terminal).await,
        Command::Registry(command) => registry::run(command, holdfast, terminal).await,
        Command::Crate(command) => krate::run(command, config, holdfast, terminal).await,
        Command::Fsck(command) => upkeep::fsck(&command, holdfast, terminal).await,
        Command::Gc(command) => upkeep::gc(&command, config, holdfast, terminal).await,
        Command::Audit(command) => upkeep::audit(command, holdfast, terminal).await,
        Command::Serve
        | Command::Config(_)
        | Command::Export(_)
        | Command::Import(_)
        | Command::Backup(_)
        | Command::Restore(_) => Err(Failure::new("this command makes no server")),
    }
}

/// Reads an argument as the value that it must be.
fn parse<T: FromStr<Err: Display>>(text: &str) -> Result<T, Failure> {
    text.parse().map_err(|error: T::Err| Failure::new(error.to_string()))
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
