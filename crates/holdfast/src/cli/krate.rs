//! `holdfast crate …`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::trust::TrustArguments;
use super::values::{CrateSpec, VersionSpec};

/// `holdfast crate …`
#[derive(Debug, Subcommand)]
pub enum CrateCommand {
    /// Publish `.crate` files
    Add {
        /// The registry
        registry: String,
        /// The files
        #[arg(required = true, value_name = "FILE.crate")]
        files: Vec<PathBuf>,
    },
    /// List the crates of a registry
    List {
        /// The registry
        registry: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a crate and its versions
    Show {
        /// The registry
        registry: String,
        /// The crate
        #[arg(value_name = "CRATE")]
        krate: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Keep new lock files from choosing a version
    Yank(VersionArguments),
    /// Undo `yank`
    Unyank(VersionArguments),
    /// Remove a version, or a crate with all its versions, for good
    Remove {
        /// The registry
        registry: String,
        /// The crate, or one version of it
        #[arg(value_name = "CRATE[@VERSION]")]
        krate: CrateSpec,
    },
    /// Hide a crate from all but its owners, some teams and admins
    Restrict {
        /// The registry
        registry: String,
        /// The crate
        #[arg(value_name = "CRATE")]
        krate: String,
        /// Team that may see it beside its owners; repeat for several
        #[arg(long = "team", value_name = "TEAM")]
        teams: Vec<String>,
        /// Show it again to everybody who may read the registry
        #[arg(long, conflicts_with = "teams")]
        lift: bool,
    },
    /// Show or change the CI jobs that may publish a crate without a secret
    Trust {
        /// The registry
        registry: String,
        /// The crate
        #[arg(value_name = "CRATE")]
        krate: String,
        /// What to change.
        #[command(flatten)]
        trust: TrustArguments,
    },
    /// Manage the owners of a crate
    #[command(subcommand)]
    Owner(OwnerCommand),
}

/// One version of a crate in a registry.
#[derive(Debug, Args)]
pub struct VersionArguments {
    /// The registry
    pub registry: String,
    /// The version
    #[arg(value_name = "CRATE@VERSION")]
    pub target: VersionSpec,
}

/// `holdfast crate owner …`
#[derive(Debug, Subcommand)]
pub enum OwnerCommand {
    /// List the owners of a crate
    List {
        /// The registry
        registry: String,
        /// The crate
        #[arg(value_name = "CRATE")]
        krate: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Add an owner
    Add {
        /// The registry
        registry: String,
        /// The crate
        #[arg(value_name = "CRATE")]
        krate: String,
        /// A user, or a team as `team:NAME`
        principal: String,
    },
    /// Remove an owner
    Remove {
        /// The registry
        registry: String,
        /// The crate
        #[arg(value_name = "CRATE")]
        krate: String,
        /// A user, or a team as `team:NAME`
        principal: String,
    },
}
