//! `holdfast user …` and `holdfast team …`

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::values::lifetime;

/// `holdfast user …`
#[derive(Debug, Subcommand)]
pub enum UserCommand {
    /// Add a user or a service account
    Add(UserAdd),
    /// List all users
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Change what a user may do
    Update {
        /// The user
        name: String,
        /// What the user may do from now on
        #[arg(long, value_enum)]
        role: Role,
    },
    /// Give a user a password, and end what they signed in with the old one
    ///
    /// Without `--stdin` the password is random and shown this once. Access tokens stay.
    Password {
        /// The user
        name: String,
        /// Read the password from the first line of standard input
        #[arg(long)]
        stdin: bool,
    },
    /// Create a link with which somebody makes their own account, and show it, this once
    Invite(UserInvite),
    /// List the invitations that nobody has accepted yet
    Invitations {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Withdraw an invitation that nobody has accepted yet
    Uninvite {
        /// The invitation, as `user invitations` names it
        id: String,
    },
    /// Let somebody whom a provider of sign-in knows be a user
    Link {
        /// The user
        name: String,
        /// Who knows them, as the refusal of their sign-in says
        #[arg(long, value_name = "URL")]
        issuer: String,
        /// What they are called there, as the refusal says
        #[arg(long)]
        subject: String,
    },
    /// Refuse everything to a user, and keep what belongs to it
    Disable {
        /// The user
        name: String,
    },
    /// Undo `disable`
    Enable {
        /// The user
        name: String,
    },
    /// Remove a user and its tokens
    Remove {
        /// The user
        name: String,
    },
}

/// `holdfast user add`
#[derive(Debug, Args)]
pub struct UserAdd {
    /// The login name
    pub name: String,
    /// What the user may do
    #[arg(long, value_enum, default_value_t = Role::Publisher)]
    pub role: Role,
    /// The account belongs to a program
    #[arg(long)]
    pub service: bool,
    /// Team whose members may make and revoke tokens of the service account
    #[arg(long, value_name = "TEAM", requires = "service")]
    pub keeper: Option<String>,
}

/// `holdfast user invite`
#[derive(Debug, Args)]
pub struct UserInvite {
    /// What the new user may do
    #[arg(long, value_enum, default_value_t = Role::Publisher)]
    pub role: Role,
    /// Team that the new user will be in; repeat for several
    #[arg(long = "team", value_name = "TEAM")]
    pub teams: Vec<String>,
    /// Whom it is for, so that people recognise it in a list
    #[arg(long, value_name = "TEXT", default_value = "")]
    pub note: String,
    /// Time after which the link no longer works, at most `30d`
    #[arg(long, value_name = "DURATION", value_parser = lifetime, default_value = "7d")]
    pub expires: Duration,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What a user may do on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Nothing but what single registries give
    Guest,
    /// Read
    Reader,
    /// Read, and publish crates
    Publisher,
    /// Manage every crate that they may see
    Maintainer,
    /// Everything
    Admin,
}

/// `holdfast team …`
#[derive(Debug, Subcommand)]
pub enum TeamCommand {
    /// Add a team
    Add {
        /// The team
        name: String,
    },
    /// Remove a team
    Remove {
        /// The team
        name: String,
    },
    /// List all teams
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Manage the members of a team
    #[command(subcommand)]
    Member(MemberCommand),
}

/// `holdfast team member …`
#[derive(Debug, Subcommand)]
pub enum MemberCommand {
    /// Add a user to a team
    Add {
        /// The team
        team: String,
        /// The user
        user: String,
    },
    /// Remove a user from a team
    Remove {
        /// The team
        team: String,
        /// The user
        user: String,
    },
    /// List the members of a team
    List {
        /// The team
        team: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}
