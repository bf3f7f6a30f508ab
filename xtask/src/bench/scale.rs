//! Size: what a server needs when it holds nothing, and when it holds as much as the public registry.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde_json::Value;

use super::plan::Plan;
use super::publish::{sequence, tell_latency};
use super::seed::{PUBLIC, TEAM};
use super::server::{Server, fetch};
use super::table::{Table, median, percentile, thousands};
use crate::processes::memory;

/// Everyday words; a data set whose texts hold none of them cannot be searched by this bench.
const WORDS: [&str; 6] = ["client", "server", "parser", "async runtime", "json", "fast"];

/// Start and memory of a server with no crates, after a moment of rest.
pub(super) fn idle(plan: &Plan, binary: &Path, table: &mut Table) -> Result<()> {
    let server = Server::start(binary, &plan.work.join("idle"))?;
    std::thread::sleep(Duration::from_secs(2));
    let memory = memory(server.pid())?;
    let ready = server.ready_after.as_secs_f64() * 1e3;
    table.note("start to ready, empty, first start", format!("{ready:.0} ms"));
    let figure = format!("{:.1} MB", memory.resident);
    table.limit("memory, empty and idle", figure, "under 25 MB", memory.resident < 25.0);
    Ok(())
}

/// Start, memory, search and publish with everything there is.
pub(super) fn large(plan: &Plan, binary: &Path, table: &mut Table) -> Result<()> {
    let data = PUBLIC.copy(plan)?;
    let label = PUBLIC.label();
    let server = Server::start(binary, &data)?;
    let ready = server.ready_after.as_secs_f64();
    table.limit(&format!("start to ready, {label}"), format!("{ready:.2} s"), "under 1 s", ready < 1.0);
    search(&server, &label, table)?;
    tell_memory(&server, &label, table)?;
    compare_publish(plan, binary, &server, table)
}

fn tell_memory(server: &Server, label: &str, table: &mut Table) -> Result<()> {
    let memory = memory(server.pid())?;
    let figure = format!("{:.0} MB, peak {:.0} MB", memory.resident, memory.peak);
    table.limit(&format!("memory, {label}, after searches"), figure, "under 300 MB", memory.resident < 300.0);
    Ok(())
}

/// Words and exact names, each asked thirty times.
fn search(server: &Server, label: &str, table: &mut Table) -> Result<()> {
    let waited = server.wait_until_searchable(PUBLIC.crates)?;
    table.note(&format!("search ready, {label}, after the start"), format!("{:.1} s", waited.as_secs_f64()));
    let mut client = server.client()?;
    let mut questions: Vec<String> = WORDS.map(str::to_owned).to_vec();
    let mut hits = 0.0;
    for word in WORDS {
        let answer: Value = serde_json::from_slice(&fetch(&mut client, &search_url(word), &[])?.body)?;
        hits += answer["meta"]["total"].as_f64().unwrap_or(0.0);
        let names =
            answer["crates"].as_array().into_iter().flatten().filter_map(|krate| krate["name"].as_str());
        questions.extend(names.take(3).map(str::to_owned));
    }
    let mut latencies = Vec::new();
    for question in questions.iter().cycle().take(questions.len() * 30) {
        let started = Instant::now();
        fetch(&mut client, &search_url(question), &[])?;
        latencies.push(started.elapsed().as_secs_f64() * 1e3);
    }
    let (middle, slow) = (median(&latencies), percentile(&latencies, 0.99));
    let figure =
        format!("p50 {middle:.1} ms, p99 {slow:.1} ms ({} hits for {} words)", thousands(hits), WORDS.len());
    table.limit(&format!("search, {label}"), figure, "under 20 ms", slow < 20.0);
    Ok(())
}

fn search_url(words: &str) -> String {
    format!("/r/main/api/v1/crates?q={}&per_page=10", words.replace(' ', "%20"))
}

/// The same publishes at both sizes, turn by turn, so that the disk's moods hit both.
fn compare_publish(plan: &Plan, binary: &Path, large: &Server, table: &mut Table) -> Result<()> {
    let team = Server::start(binary, &TEAM.copy(plan)?)?;
    team.wait_until_searchable(TEAM.crates)?;
    let each = plan.publishes / 10;
    let (mut small_waits, mut large_waits) = (Vec::new(), Vec::new());
    sequence(&team, each)?;
    sequence(large, each)?;
    for _ in 0..10 {
        small_waits.extend(sequence(&team, each)?);
        large_waits.extend(sequence(large, each)?);
    }
    tell_latency(&format!("publish, {} present", PUBLIC.label()), &large_waits, table);
    let ratio = median(&large_waits) / median(&small_waits);
    let what = format!("publish p50, {} by {}", PUBLIC.label(), TEAM.label());
    table.limit(&what, format!("{ratio:.2}"), "at most 1.1", ratio <= 1.1);
    Ok(())
}
