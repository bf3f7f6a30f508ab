//! What the disk charges for durability, since every publish pays it.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use anyhow::Result;

use super::table::{median, percentile};

const SYNCS: usize = 200;

/// Appends 4 kB and syncs, again and again, in `folder`; one sentence with the figures.
pub(super) fn describe(folder: &Path) -> Result<String> {
    let path = folder.join("sync-probe");
    let mut file = File::create(&path)?;
    let mut costs = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let started = Instant::now();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        costs.push(started.elapsed().as_secs_f64() * 1e3);
    }
    std::fs::remove_file(&path)?;
    let (middle, slow) = (median(&costs), percentile(&costs, 0.99));
    Ok(format!("An append of 4 kB with fdatasync costs {middle:.2} ms here (p99 {slow:.2} ms)."))
}
