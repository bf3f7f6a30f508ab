//! Publishing: how long one waits, and what a second publisher at the same time adds.

use std::path::Path;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use anyhow::{Context, Result};

use super::client::Client;
use super::krate::Krate;
use super::plan::Plan;
use super::seed::TEAM;
use super::server::{Server, fetch, index_url, publish};
use super::table::{Table, median, percentile};

/// Publishers at the same time.
const CROWD: usize = 8;

/// Names that were not used before, over all servers of a run.
static NAMES: AtomicUsize = AtomicUsize::new(0);

/// Latency and concurrency with a team's number of crates present.
pub(super) fn measure(plan: &Plan, binary: &Path, table: &mut Table) -> Result<()> {
    let server = Server::start(binary, &TEAM.copy(plan)?)?;
    // A server that is not new has its search index.
    server.wait_until_searchable(TEAM.crates)?;
    sequence(&server, plan.publishes / 10)?;
    let latencies = sequence(&server, plan.publishes)?;
    tell_latency(&format!("publish, {} present", TEAM.label()), &latencies, table);
    crowd(plan, &server, table)
}

/// Publishes `count` new crates one after the other on one connection; the wait for each in milliseconds.
pub(super) fn sequence(server: &Server, count: usize) -> Result<Vec<f64>> {
    publish_some(server, count).map(|(_, latencies)| latencies)
}

/// The same, with the names of the crates.
pub(super) fn publish_some(server: &Server, count: usize) -> Result<(Vec<String>, Vec<f64>)> {
    let frames = frames(count)?;
    let mut client = server.client()?;
    let latencies = frames.iter().map(|(_, frame)| timed(&mut client, frame)).collect::<Result<Vec<_>>>()?;
    let (last, _) = frames.last().context("at least one publish")?;
    fetch(&mut client, &index_url(last), &[]).context("what was published last is in the index")?;
    Ok((frames.into_iter().map(|(name, _)| name).collect(), latencies))
}

/// Adds the lines of p50 and p99.
pub(super) fn tell_latency(what: &str, latencies: &[f64], table: &mut Table) {
    let (middle, slow) = (median(latencies), percentile(latencies, 0.99));
    table.limit(&format!("{what}, p50"), format!("{middle:.2} ms"), "under 2 ms", middle < 2.0);
    table.limit(&format!("{what}, p99"), format!("{slow:.2} ms"), "under 10 ms", slow < 10.0);
}

fn timed(client: &mut Client, frame: &[u8]) -> Result<f64> {
    let started = Instant::now();
    publish(client, frame)?;
    Ok(started.elapsed().as_secs_f64() * 1e3)
}

/// One publisher and eight, turn by turn; each publisher has a connection and its frames ready.
fn crowd(plan: &Plan, server: &Server, table: &mut Table) -> Result<()> {
    let (mut alone, mut together) = (Vec::new(), Vec::new());
    for _ in 0..plan.rounds {
        alone.push(rate(server, 1, plan.publishes / 4)?);
        together.push(rate(server, CROWD, plan.publishes / 4)?);
    }
    let (alone, together) = (median(&alone), median(&together));
    let ratio = together / alone;
    let figure = format!("{alone:.0}/s and {together:.0}/s, {ratio:.1} times");
    table.limit("publishers, 1 and 8 at the same time", figure, "at least 3 times", ratio >= 3.0);
    Ok(())
}

/// Publishes in a second, by `publishers` with `each` crates.
#[expect(clippy::cast_precision_loss, reason = "a few thousand publishes")]
fn rate(server: &Server, publishers: usize, each: usize) -> Result<f64> {
    let work = (0..publishers).map(|_| Ok((server.client()?, frames(each)?))).collect::<Result<Vec<_>>>()?;
    let barrier = Barrier::new(publishers + 1);
    let elapsed = std::thread::scope(|scope| {
        let threads: Vec<_> = work
            .into_iter()
            .map(|(mut client, frames)| {
                let barrier = &barrier;
                scope.spawn(move || {
                    barrier.wait();
                    frames.iter().try_for_each(|(_, frame)| publish(&mut client, frame))
                })
            })
            .collect();
        barrier.wait();
        let started = Instant::now();
        for thread in threads {
            thread.join().expect("publishers return their errors")?;
        }
        anyhow::Ok(started.elapsed())
    })?;
    Ok((publishers * each) as f64 / elapsed.as_secs_f64())
}

/// Crates with new names and their publish frames, made before any clock runs.
fn frames(count: usize) -> Result<Vec<(String, Vec<u8>)>> {
    let frame = |_| {
        let name = format!("bench-published-{}", NAMES.fetch_add(1, Ordering::Relaxed));
        let frame = Krate { name: &name, version: "0.1.0", ballast: 0 }.frame()?;
        Ok((name, frame))
    };
    (0..count).map(frame).collect()
}
