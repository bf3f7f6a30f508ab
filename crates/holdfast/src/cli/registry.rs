//! `holdfast registry …`

use clap::{ArgAction, Args, Subcommand, ValueEnum};

use super::trust::TrustArguments;
use super::values::FieldList;

/// `holdfast registry …`
#[derive(Debug, Subcommand)]
pub enum RegistryCommand {
    /// Create a registry
    Create(RegistryCreate),
    /// List all registries
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Change the settings of a registry
    Update(RegistryUpdate),
    /// Give a user or a team a role in one registry, or take it
    Role {
        /// The registry
        registry: String,
        /// A user, or a team as `team:NAME`
        principal: String,
        /// What they may do there, if they may not do more everywhere
        #[arg(value_enum)]
        role: RegistryRole,
    },
    /// Show or change the CI jobs that may read a registry without a secret
    Trust {
        /// The registry
        name: String,
        /// What to change.
        #[command(flatten)]
        trust: TrustArguments,
    },
    /// Remove a registry that has no crates
    Remove {
        /// The registry
        name: String,
    },
}

/// What somebody may do in one registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RegistryRole {
    /// What they may everywhere
    None,
    /// Read
    Reader,
    /// Read, and publish crates
    Publisher,
    /// Manage every crate that they may see
    Maintainer,
}

/// `holdfast registry create`
#[derive(Debug, Args)]
pub struct RegistryCreate {
    /// The name, which becomes part of its permanent address
    pub name: String,
    /// What kind of registry it is
    #[arg(long, value_enum)]
    pub kind: RegistryKind,
}

/// What a registry does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RegistryKind {
    /// Takes publishes
    Hosted,
}

/// `holdfast registry update`
#[derive(Debug, Args)]
pub struct RegistryUpdate {
    /// The registry
    pub name: String,
    /// What to change.
    #[command(flatten)]
    pub settings: RegistrySettings,
}

/// What `holdfast registry update` changes, at least one.
#[derive(Debug, Args)]
#[group(required = true, multiple = true)]
pub struct RegistrySettings {
    /// Whether everybody may read it without a login
    #[arg(long, value_name = "true|false", action = ArgAction::Set)]
    pub anonymous_read: Option<bool>,
    /// Manifest fields that a crate must have, separated by commas; `none` for none
    #[arg(long, value_name = "FIELDS")]
    pub required_fields: Option<FieldList>,
}
