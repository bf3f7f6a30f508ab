//! `cargo xtask bench`: the registry beside nginx on the same bytes, in one run on one machine, pair by pair.
//!
//! nginx serves static files without any check of who asks, and so is the limit of what a registry that
//! checks every request can reach. Targets are those of the design; the figures are printed as one table.

mod client;
mod disk;
mod engines;
mod guessing;
mod krate;
mod load;
mod nginx;
mod plan;
mod publish;
mod reads;
mod scale;
mod seed;
mod server;
mod table;

use anyhow::Result;

use crate::arguments::Arguments;
use crate::packages;
use crate::processes::clean_up_on_interrupt;
use crate::repository::{build_release, target};
use crate::servers;
use plan::Plan;
use table::Table;

const PARTS: &[(&str, &str)] = &[
    ("index", "index file, 304 and gzip variant at 64 connections, processor time"),
    ("guessing", "index file while a hundred guess passwords"),
    ("download", "crate files of 50 kB and 5 MB"),
    ("idle", "start and memory of an empty server"),
    ("publish", "latency with 20,000 crates, one publisher and eight"),
    ("large", "start, memory, search and publish with 200,000 crates of 10 versions"),
];

/// Measures the parts that `words` ask for and prints the table.
pub(crate) fn run(words: Vec<String>) -> Result<()> {
    let names: Vec<&str> = PARTS.iter().map(|(name, _)| *name).collect();
    let arguments = Arguments::parse(words, &names, &["quick", "reseed", "nginx-alone", "engines", "list"])?;
    if arguments.has("list") {
        for (name, about) in PARTS {
            println!("{name:9} {about}");
        }
        return Ok(());
    }
    packages::provide(packages::FOR_BENCH)?;
    if arguments.has("engines") {
        servers::provide()?;
    }
    let plan = Plan::new(arguments)?;
    clean_up_on_interrupt(plan.work.clone())?;
    let outcome = measure(&plan);
    std::fs::remove_dir_all(&plan.work).ok();
    outcome
}

fn measure(plan: &Plan) -> Result<()> {
    let mut table = Table::default();
    println!("{}\n", disk::describe(&plan.work)?);
    if plan.nginx_alone {
        reads::nginx_alone(plan, &mut table)?;
    } else if plan.engines {
        return engines::compare(plan, &build_release()?);
    } else {
        let binary = build_release()?;
        let wants = |part: &str| plan.wants(part);
        if wants("index") || wants("download") {
            reads::side_by_side(plan, &binary, &mut table)?;
        }
        if wants("guessing") {
            guessing::measure(plan, &binary, &mut table)?;
        }
        if wants("idle") {
            scale::idle(plan, &binary, &mut table)?;
        }
        if wants("publish") {
            publish::measure(plan, &binary, &mut table)?;
        }
        if wants("large") {
            scale::large(plan, &binary, &mut table)?;
        }
    }
    print!("{table}");
    Ok(())
}

/// Where everything of one run lies; emptied at the start and removed at the end of a run.
fn work_folder() -> std::path::PathBuf {
    target().join("bench-work")
}
