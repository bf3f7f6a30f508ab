//! `holdfast export`, `import`, `backup` and `restore`

use std::num::NonZero;
use std::path::PathBuf;

use clap::Args;

/// `holdfast export`
#[derive(Debug, Args)]
pub struct Export {
    /// File to write, which must not be there yet; `-` for standard output
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Leave the crate files where they are, to move to another database only
    #[arg(long)]
    pub without_files: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `holdfast import`
#[derive(Debug, Args)]
pub struct Import {
    /// File to read, as `holdfast export` wrote it; `-` for standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Go on with an import of the same file that was interrupted
    #[arg(long)]
    pub resume: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `holdfast backup`
#[derive(Debug, Args)]
pub struct Backup {
    /// Folder or storage URL (`file:PATH`, `s3://BUCKET/PREFIX`, …) that holds all backups
    #[arg(value_name = "PLACE")]
    pub place: String,
    /// Delete all but the N newest backups afterwards
    #[arg(long, value_name = "N")]
    pub keep: Option<NonZero<u32>>,
    /// Delete files that no backup needs; they are set aside first, and deleted a `sweep-grace` later
    #[arg(long)]
    pub prune: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `holdfast restore`
#[derive(Debug, Args)]
pub struct Restore {
    /// Folder or storage URL that holds the backups
    #[arg(value_name = "PLACE")]
    pub place: String,
    /// The backup of this time instead of the newest
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Show which backups there are, and restore none
    #[arg(long, conflicts_with_all = ["at", "resume"])]
    pub list: bool,
    /// Go on with a restore of the same backup that was interrupted
    #[arg(long)]
    pub resume: bool,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
