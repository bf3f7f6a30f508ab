//! `holdfast user …` and `holdfast team …`

use clap::{Args, Subcommand, ValueEnum};

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
}

/// What a user may do on the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Everything
    Admin,
    /// Read, and publish crates
    Publisher,
    /// Read
    Reader,
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
