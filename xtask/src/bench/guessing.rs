//! Index reads while somebody guesses passwords: a hundred wrong ones at a time, from as many addresses.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::net::{AddressFamily, SocketType, bind, connect, socket};

use super::krate::Krate;
use super::load::{Load, Sample, Wrk, middle};
use super::plan::{Plan, TOKEN};
use super::server::{Server, index_url};
use super::table::{Row, Table, thousands};

const INDEX: &str = "bench-index";
const GUESSERS: u8 = 100;

/// Measures the index alone and under guesses, turn by turn.
pub(super) fn measure(plan: &Plan, binary: &Path, table: &mut Table) -> Result<()> {
    let server = Server::start(binary, &plan.work.join("guessing"))?;
    server.publish(&Krate { name: INDEX, version: "1.0.0", ballast: 0 })?;
    let wrk = Wrk::new(&plan.work)?;
    let load = Load {
        url: format!("http://{}{}", server.address, index_url(INDEX)),
        headers: vec![format!("Authorization: {TOKEN}")],
        pid: server.pid(),
        least_bytes: 0,
    };
    let (mut quiet, mut besieged) = (Vec::new(), Vec::new());
    let mut guesses = 0;
    for round in 0..plan.rounds {
        quiet.push(wrk.run(&load, plan.span)?);
        let (sample, made) = under_guesses(&server, round, || wrk.run(&load, plan.span))?;
        besieged.push(sample);
        guesses += made;
    }
    let (alone, under) = (middle(&quiet), middle(&besieged));
    let ratio = under.rate / alone.rate;
    table.add(Row {
        what: format!("index file while {GUESSERS} guess passwords ({guesses} guesses)"),
        holdfast: format!("{}/s, alone {}/s", thousands(under.rate), thousands(alone.rate)),
        nginx: "-".to_owned(),
        ratio: format!("{ratio:.2}"),
        target: "at least 0.9".to_owned(),
        met: Some(ratio >= 0.9),
    });
    Ok(())
}

/// Takes a sample while every guesser guesses, each once a second, so that what is measured is the hashing.
fn under_guesses(
    server: &Server,
    round: usize,
    measured: impl FnOnce() -> Result<Sample>,
) -> Result<(Sample, u64)> {
    let (is_over, made) = (AtomicBool::new(false), AtomicU64::new(0));
    thread::scope(|scope| {
        for number in 0..GUESSERS {
            let (is_over, made, address) = (&is_over, &made, server.address);
            scope.spawn(move || {
                let from = Ipv4Addr::new(127, 1, u8::try_from(round).unwrap_or(u8::MAX), number + 1);
                while !is_over.load(Ordering::Relaxed) {
                    if guess(address, from).is_ok() {
                        made.fetch_add(1, Ordering::Relaxed);
                    }
                    thread::sleep(Duration::from_secs(1));
                }
            });
        }
        let sample = measured();
        is_over.store(true, Ordering::Relaxed);
        sample.map(|sample| (sample, made.load(Ordering::Relaxed)))
    })
}

/// One wrong password from an address of the loopback network.
fn guess(server: SocketAddr, from: Ipv4Addr) -> Result<()> {
    let descriptor = socket(AddressFamily::INET, SocketType::STREAM, None)?;
    bind(&descriptor, &SocketAddr::from((from, 0)))?;
    connect(&descriptor, &server)?;
    let mut stream = TcpStream::from(descriptor);
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let body = r#"{"password":"a wrong password"}"#;
    write!(
        stream,
        "POST /ktra/api/v1/login/admin HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let status = answer.split(' ').nth(1).context("the guess was answered with something else")?;
    anyhow::ensure!(matches!(status, "401" | "429"), "a guess was answered {status}");
    Ok(())
}
