//! The engines beside each other: what a publish waits for, what an index file costs that no cache holds, and
//! how often the database is asked for one that a cache does hold.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use holdfast_servers::Kind;

use super::load::{Load, Wrk};
use super::plan::{Plan, TOKEN};
use super::publish::publish_some;
use super::server::{Server, fetch, index_url};
use super::table::{median, percentile};

/// Publishes on each engine, and index files read from it.
const COUNT: usize = 200;

/// The most trips to the database for an index file that a cache holds, under load.
const MOST_TRIPS: f64 = 0.01;

/// What one engine gave.
struct Figures {
    publish: Vec<f64>,
    read: Vec<f64>,
    trips: f64,
}

/// Measures every engine whose server is here and prints a table.
pub(super) fn compare(plan: &Plan, binary: &Path) -> Result<()> {
    let mut lines = Vec::new();
    for embedded in ["sqlite", "redb"] {
        let place = format!("{embedded}:{{data}}/holdfast.{embedded}");
        lines.push((embedded, measure(plan, binary, embedded, &place)));
    }
    for kind in Kind::DATABASES {
        let figures = match kind.try_start() {
            Ok(server) => measure(plan, binary, kind.scheme(), &server.place()),
            Err(missing) => Err(missing.into()),
        };
        lines.push((kind.scheme(), figures));
    }
    println!("| engine | publish p50 | p99 | index file, not cached, p50 | p99 | trips per cached GET |");
    println!("|---|---|---|---|---|---|");
    let mut is_all = true;
    for (engine, figures) in &lines {
        match figures {
            Ok(Figures { publish, read, trips }) => {
                is_all &= *trips <= MOST_TRIPS;
                println!(
                    "| {engine} | {:.2} ms | {:.2} ms | {:.2} ms | {:.2} ms | {trips:.5} |",
                    median(publish),
                    percentile(publish, 0.99),
                    median(read),
                    percentile(read, 0.99),
                );
            }
            Err(error) => println!("| {engine} | not measured: {error:#} | | | | |"),
        }
    }
    ensure!(is_all, "an engine is asked more than {MOST_TRIPS} times for an index file that a cache holds");
    Ok(())
}

fn measure(plan: &Plan, binary: &Path, engine: &str, place: &str) -> Result<Figures> {
    let data = plan.work.join(engine);
    std::fs::create_dir_all(&data)?;
    let place = place.replace("{data}", data.to_str().context("the work folder has a plain name")?);
    std::fs::write(data.join("holdfast.toml"), format!("database = {place:?}\n"))?;
    let server = Server::start(binary, &data)?;
    publish_some(&server, COUNT / 10)?;
    let (names, publish) = publish_some(&server, COUNT)?;
    drop(server);
    // A new process has nothing in memory.
    let server = Server::start(binary, &data)?;
    let mut client = server.client()?;
    fetch(&mut client, "/r/main/index/config.json", &[])?;
    let mut read = Vec::new();
    for name in &names {
        let started = Instant::now();
        fetch(&mut client, &index_url(name), &[])?;
        read.push(started.elapsed().as_secs_f64() * 1e3);
    }
    let trips = trips_under_load(plan, &server, &names[0])?;
    Ok(Figures { publish, read, trips })
}

/// Reads of the database for each GET of one index file, asked for as fast as it goes.
#[expect(clippy::cast_precision_loss, reason = "some million requests")]
fn trips_under_load(plan: &Plan, server: &Server, name: &str) -> Result<f64> {
    let load = Load {
        url: format!("http://{}{}", server.address, index_url(name)),
        headers: vec![format!("Authorization: {TOKEN}")],
        pid: server.pid(),
        least_bytes: 1,
    };
    let wrk = Wrk::new(&plan.work)?;
    wrk.run(&load, Duration::from_secs(1))?;
    let before = (server.metric("holdfast_store_reads_total")?, server.metric("status=\"200\"")?);
    wrk.run(&load, plan.span)?;
    let after = (server.metric("holdfast_store_reads_total")?, server.metric("status=\"200\"")?);
    Ok((after.0 - before.0) as f64 / (after.1 - before.1).max(1) as f64)
}
