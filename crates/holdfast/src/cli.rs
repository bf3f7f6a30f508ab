//! The command line: every command with its arguments. The global flags come from the table of options.

mod krate;
mod moving;
mod registry;
mod token;
mod trust;
mod user;
mod values;

use std::ffi::OsString;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub use self::krate::{CrateCommand, OwnerCommand, VersionArguments};
pub use self::moving::{Backup, Export, Import, Restore};
pub use self::registry::{
    RegistryCommand, RegistryCreate, RegistryKind, RegistryRole, RegistrySettings, RegistryUpdate,
};
pub use self::token::{Scope, TokenCommand, TokenCreate};
pub use self::trust::{KeyAdd, TrustArguments};
pub use self::user::{MemberCommand, Role, TeamCommand, UserAdd, UserCommand, UserInvite};
pub use self::values::{CrateSpec, FieldList, Since, VersionSpec};

use crate::options::{Flags, attach_flags};

/// A private Cargo registry
///
/// `holdfast serve` starts one that needs no other set-up. The other commands administrate it, with the server
/// running or not.
#[derive(Debug, Parser)]
#[command(name = "holdfast", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Every command.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start the server
    ///
    /// Without options it keeps its data in `./holdfast-data` and serves on `127.0.0.1:8000`. The first start
    /// creates an admin and prints what cargo needs to log in.
    Serve,
    /// Show, check and document the options
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Manage users and service accounts
    #[command(subcommand)]
    User(UserCommand),
    /// Manage teams
    #[command(subcommand)]
    Team(TeamCommand),
    /// Manage tokens
    #[command(subcommand)]
    Token(TokenCommand),
    /// Manage registries
    #[command(subcommand)]
    Registry(RegistryCommand),
    /// Manage crates, with no server needed
    #[command(subcommand)]
    Crate(CrateCommand),
    /// Compare what is stored with what it should be
    Fsck(Fsck),
    /// Delete stored files that nothing refers to
    Gc(Gc),
    /// Show who did what
    Audit(Audit),
    /// Write everything into one file
    ///
    /// A running server goes on. What is published meanwhile is in the file or not; what is in it fits together.
    Export(Export),
    /// Read what `export` wrote into an empty database
    ///
    /// The database and the storage may be of other kinds than those that the export was made from.
    Import(Import),
    /// Save everything, copying only files that are new
    ///
    /// A running server goes on, as with `export`.
    Backup(Backup),
    /// Read a backup into an empty database
    Restore(Restore),
}

/// `holdfast config …`
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Show the value of every option
    Show(ConfigShow),
    /// Find what is wrong with the configuration, without starting anything
    Check,
    /// Print the reference of all options as Markdown
    Reference,
}

/// `holdfast config show`
#[derive(Debug, Args)]
pub struct ConfigShow {
    /// Show where each value comes from
    #[arg(long)]
    pub sources: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `holdfast fsck`
#[derive(Debug, Args)]
pub struct Fsck {
    /// Read every stored file and compare its checksum
    #[arg(long)]
    pub hash: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `holdfast gc`
#[derive(Debug, Args)]
pub struct Gc {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `holdfast audit`
#[derive(Debug, Args)]
pub struct Audit {
    /// Most entries to show, newest first
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub limit: u32,
    /// Only what this user did
    #[arg(long, value_name = "NAME")]
    pub actor: Option<String>,
    /// Only this action, such as `publish`
    #[arg(long)]
    pub action: Option<String>,
    /// Only in this registry
    #[arg(long, value_name = "NAME")]
    pub registry: Option<String>,
    /// Only about this: a user, a crate with all its versions, or one version as `CRATE@VERSION`
    #[arg(long, value_name = "NAME")]
    pub subject: Option<String>,
    /// Only what was refused
    #[arg(long)]
    pub refused: bool,
    /// Only since then: how long ago, such as `7d`, or a time such as `2026-01-31T12:00:00Z`
    #[arg(long, value_name = "TIME")]
    pub since: Option<Since>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// Parses the arguments of the process, the name of the program first.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<(Cli, Flags), clap::Error> {
    let matches = command().try_get_matches_from(arguments)?;
    let cli = Cli::from_arg_matches(&matches)?;
    Ok((cli, Flags::from_matches(&matches)))
}

/// The whole command line, for parsing and for help.
pub fn command() -> clap::Command {
    attach_flags(Cli::command())
}

#[cfg(test)]
mod tests;
