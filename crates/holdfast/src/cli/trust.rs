//! Arguments about who needs no secret of ours.

use clap::{ArgAction, Args};

/// What to change of the jobs that are trusted; nothing shows them.
#[derive(Debug, Args)]
pub struct TrustArguments {
    /// Rule about CI jobs to add, as JSON; repeat for several
    #[arg(long = "rule", value_name = "JSON")]
    pub rules: Vec<String>,
    /// Forget the rules so far
    #[arg(long)]
    pub clear: bool,
    /// Whether nobody but trusted jobs may publish the crate
    #[arg(long, value_name = "true|false", action = ArgAction::Set)]
    pub only: Option<bool>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

impl TrustArguments {
    /// Whether the rules are only to be shown.
    pub fn changes_nothing(&self) -> bool {
        self.rules.is_empty() && !self.clear && self.only.is_none()
    }
}

/// `holdfast token add-key`
#[derive(Debug, Args)]
pub struct KeyAdd {
    /// The user that the key stands for
    #[arg(long, value_name = "NAME")]
    pub user: String,
    /// The public half, as `cargo login` prints it
    #[arg(value_name = "k3.public.…")]
    pub key: String,
    /// The subject that the key was made with
    #[arg(long)]
    pub subject: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
