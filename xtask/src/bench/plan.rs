//! How much is measured: rounds, seconds, counts.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::arguments::Arguments;

/// The first admin token of every server of a run; it never leaves this machine.
pub(super) const TOKEN: &str = "bench0123456789abcdef0123456789abcdef0123456789";

/// The size of one run.
pub(super) struct Plan {
    /// Where the run keeps its files.
    pub work: PathBuf,
    /// Whether only the yardstick is measured.
    pub nginx_alone: bool,
    /// Whether the engines are measured beside each other, and nothing else.
    pub engines: bool,
    /// Whether cached data sets are made anew.
    pub reseed: bool,
    /// Interleaved rounds of each pair.
    pub rounds: usize,
    /// How long each side of a round is under load.
    pub span: Duration,
    /// Publishes in a sequence whose latencies are told.
    pub publishes: usize,
    arguments: Arguments,
}

impl Plan {
    /// The plan that the command line asks for, with an empty work folder.
    pub(super) fn new(arguments: Arguments) -> Result<Plan> {
        let quick = arguments.has("quick");
        let work = super::work_folder();
        std::fs::remove_dir_all(&work).ok();
        std::fs::create_dir_all(&work).with_context(|| format!("cannot create `{}`", work.display()))?;
        Ok(Plan {
            work,
            nginx_alone: arguments.has("nginx-alone"),
            engines: arguments.has("engines"),
            reseed: arguments.has("reseed"),
            rounds: if quick { 3 } else { 5 },
            span: Duration::from_secs(if quick { 2 } else { 5 }),
            publishes: if quick { 400 } else { 2000 },
            arguments,
        })
    }

    /// Whether `part` is measured.
    pub(super) fn wants(&self, part: &str) -> bool {
        self.arguments.wants(part)
    }
}
