//! `holdfast token …`

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::trust::KeyAdd;
use super::values::lifetime;

/// `holdfast token …`
#[derive(Debug, Subcommand)]
pub enum TokenCommand {
    /// Create a token and show it, this once
    Create(TokenCreate),
    /// List tokens, without their secrets
    List {
        /// Only the tokens of this user
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make a token invalid
    Revoke {
        /// The token, as `token list` names it
        id: String,
    },
    /// Register a key with which cargo signs its own tokens
    AddKey(KeyAdd),
    /// Forget such a key
    RevokeKey {
        /// The key, or its id
        #[arg(value_name = "k3.public.…")]
        key: String,
    },
    /// List such keys
    Keys {
        /// Only the keys of this user
        #[arg(long, value_name = "NAME")]
        user: Option<String>,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// `holdfast token create`
#[derive(Debug, Args)]
pub struct TokenCreate {
    /// The user or service account that the token stands for
    #[arg(long, value_name = "NAME")]
    pub user: String,
    /// What the token is for, so that people recognise it in a list
    #[arg(long, value_name = "LABEL")]
    pub name: String,
    /// Operation that the token is limited to; repeat for several, leave out for no limit
    #[arg(long = "scope", value_name = "OP", value_enum)]
    pub scopes: Vec<Scope>,
    /// Crate that the token is limited to, such as `acme-core` or `acme-*`; repeat for several
    #[arg(long = "crate", value_name = "PATTERN")]
    pub crates: Vec<String>,
    /// Registry that the token is limited to; repeat for several
    #[arg(long = "registry", value_name = "NAME")]
    pub registries: Vec<String>,
    /// Time after which the token ends, such as `30d` or `3600s`
    #[arg(long, value_name = "DURATION", value_parser = lifetime)]
    pub expires: Option<Duration>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What a token may be used for (RFC 2947, and reading).
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scope {
    /// Read the index, crates and pages
    Read,
    /// Publish new crates
    PublishNew,
    /// Publish new versions of crates
    PublishUpdate,
    /// Yank and unyank versions
    Yank,
    /// Add and remove owners
    ChangeOwners,
    /// Manage users, teams, registries and other people's tokens, and remove versions
    Admin,
}
