//! Reading: index files, 304s and downloads, ours and nginx's turn by turn on the same bytes.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;

use super::krate::{Krate, noise};
use super::load::{Load, Sample, Wrk, middle, spread};
use super::nginx::Nginx;
use super::plan::{Plan, TOKEN};
use super::server::{Server, download_url, fetch, index_url};
use super::table::{Row, Table, thousands};

/// How long the index file is made: what a crate of an everyday age has.
const INDEX_BYTES: usize = 2000;

const INDEX: &str = "bench-index";
const SMALL: (&str, usize) = ("bench-small", 50_000);
const LARGE: (&str, usize) = ("bench-large", 5_000_000);

/// What both servers serve.
struct Files {
    index: Vec<u8>,
    gzipped: Vec<u8>,
    small: Vec<u8>,
    large: Vec<u8>,
}

/// One question put to both, each in its own words.
struct Question {
    what: &'static str,
    part: &'static str,
    ours: Load,
    nginx: Load,
    /// The least ratio of rates that the design accepts.
    target: f64,
    told: Told,
}

/// Whether the processor time gets a line of its own.
#[derive(PartialEq)]
enum Told {
    Rate,
    RateAndProcessor,
}

/// Measures reads on a new server and on nginx.
pub(super) fn side_by_side(plan: &Plan, binary: &Path, table: &mut Table) -> Result<()> {
    let server = Server::start(binary, &plan.work.join("reads"))?;
    let files = fill(&server)?;
    let nginx = start_nginx(plan, &files)?;
    let wrk = Wrk::new(&plan.work)?;
    for question in questions(&server, &nginx, &files)? {
        if !plan.wants(question.part) {
            continue;
        }
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..plan.rounds {
            ours.push(wrk.run(&question.ours, plan.span)?);
            theirs.push(wrk.run(&question.nginx, plan.span)?);
        }
        tell(&question, &ours, &theirs, table);
    }
    Ok(())
}

/// Measures only the yardstick, on bytes of the same sizes.
pub(super) fn nginx_alone(plan: &Plan, table: &mut Table) -> Result<()> {
    let index = index_like();
    let gzipped = gzip(&index)?;
    let files = Files { index, gzipped, small: noise(SMALL.1), large: noise(LARGE.1) };
    let nginx = start_nginx(plan, &files)?;
    let wrk = Wrk::new(&plan.work)?;
    for (what, part, load) in nginx_loads(&nginx, &files)? {
        if !plan.wants(part) {
            continue;
        }
        let samples: Vec<Sample> =
            (0..plan.rounds).map(|_| wrk.run(&load, plan.span)).collect::<Result<_>>()?;
        let sample = middle(&samples);
        table.add(Row {
            what: what.to_owned(),
            holdfast: "-".to_owned(),
            nginx: format!("{}, {:.2} CPU s per 100,000", figure(&samples), sample.processor),
            ratio: "-".to_owned(),
            target: "-".to_owned(),
            met: None,
        });
    }
    Ok(())
}

fn tell(question: &Question, ours: &[Sample], theirs: &[Sample], table: &mut Table) {
    let (our, their) = (middle(ours), middle(theirs));
    let ratio = our.rate / their.rate;
    table.add(Row {
        what: format!("{}, 64 connections", question.what),
        holdfast: figure(ours),
        nginx: figure(theirs),
        ratio: format!("{ratio:.2}"),
        target: format!("at least {:.1}", question.target),
        met: Some(ratio >= question.target),
    });
    if question.told == Told::RateAndProcessor {
        table.add(Row {
            what: format!("{}, CPU s per 100,000", question.what),
            holdfast: format!("{:.2}", our.processor),
            nginx: format!("{:.2}", their.processor),
            ratio: format!("{:.2}", our.processor / their.processor),
            target: "at most 1.0".to_owned(),
            met: Some(our.processor <= their.processor),
        });
    }
}

fn figure(samples: &[Sample]) -> String {
    let sample = middle(samples);
    let spread = spread(samples) * 100.0;
    format!("{}/s ± {:.0} %, p99 {:.1} ms", thousands(sample.rate), spread / 2.0, sample.slow)
}

/// Publishes what is to be read, and reads it back once.
fn fill(server: &Server) -> Result<Files> {
    let mut client = server.client()?;
    let mut index = Vec::new();
    for minor in 0.. {
        server.publish(&Krate { name: INDEX, version: &format!("0.{minor}.0"), ballast: 0 })?;
        index = fetch(&mut client, &index_url(INDEX), &[])?.body;
        if index.len() >= INDEX_BYTES {
            break;
        }
    }
    let answer = fetch(&mut client, &index_url(INDEX), &[("Accept-Encoding", "gzip")])?;
    let gzipped = match answer.header("content-encoding") {
        Some("gzip") => answer.body,
        _ => gzip(&index)?,
    };
    let mut download = |(name, ballast): (&str, usize)| {
        server.publish(&Krate { name, version: "1.0.0", ballast })?;
        let body = fetch(&mut client, &download_url(name, "1.0.0"), &[])?.body;
        ensure!(body.len() >= ballast, "the download of `{name}` is {} bytes short", ballast - body.len());
        Ok(body)
    };
    let (small, large) = (download(SMALL)?, download(LARGE)?);
    Ok(Files { index, gzipped, small, large })
}

fn start_nginx(plan: &Plan, files: &Files) -> Result<Nginx> {
    Nginx::start(
        &plan.work.join("nginx"),
        &[
            ("index/file", &files.index),
            ("index-gzip/file", &files.index),
            ("index-gzip/file.gz", &files.gzipped),
            ("small.crate", &files.small),
            ("large/file", &files.large),
        ],
    )
}

/// What nginx is asked, in the order of the table.
fn nginx_loads(nginx: &Nginx, files: &Files) -> Result<Vec<(&'static str, &'static str, Load)>> {
    let load = |path: &str, headers: &[String], least_bytes| Load {
        url: format!("http://{}{path}", nginx.address),
        headers: headers.to_vec(),
        pid: nginx.pid(),
        least_bytes,
    };
    let answer = super::client::Client::connect(nginx.address)?.get("/index/file", &[])?;
    let etag = answer.header("etag").context("nginx sends an ETag")?;
    let gzip = ["Accept-Encoding: gzip".to_owned()];
    Ok(vec![
        ("index file", "index", load("/index/file", &[], files.index.len())),
        ("index file, 304", "index", load("/index/file", &[format!("If-None-Match: {etag}")], 0)),
        ("index file, gzip", "index", load("/index-gzip/file", &gzip, files.gzipped.len())),
        ("crate of 50 kB", "download", load("/small.crate", &[], files.small.len())),
        ("crate of 5 MB", "download", load("/large/file", &[], files.large.len())),
    ])
}

/// The same questions to us, each with the token.
fn our_loads(server: &Server, files: &Files) -> Result<Vec<Load>> {
    let token = format!("Authorization: {TOKEN}");
    let load = |path: &str, header: Option<String>, least_bytes| Load {
        url: format!("http://{}{path}", server.address),
        headers: std::iter::once(token.clone()).chain(header).collect(),
        pid: server.pid(),
        least_bytes,
    };
    let mut client = server.client()?;
    let answer = fetch(&mut client, &index_url(INDEX), &[])?;
    let etag = answer.header("etag").context("index files carry an ETag")?;
    let unchanged = client.get(&index_url(INDEX), &[("Authorization", TOKEN), ("If-None-Match", etag)])?;
    unchanged.expect(304, "an index file with its ETag")?;
    Ok(vec![
        load(&index_url(INDEX), None, files.index.len()),
        load(&index_url(INDEX), Some(format!("If-None-Match: {etag}")), 0),
        load(&index_url(INDEX), Some("Accept-Encoding: gzip".to_owned()), files.gzipped.len()),
        load(&download_url(SMALL.0, "1.0.0"), None, files.small.len()),
        load(&download_url(LARGE.0, "1.0.0"), None, files.large.len()),
    ])
}

fn questions(server: &Server, nginx: &Nginx, files: &Files) -> Result<Vec<Question>> {
    let pairs = our_loads(server, files)?.into_iter().zip(nginx_loads(nginx, files)?);
    let question = |(ours, (what, part, nginx))| {
        let target = if part == "download" { 0.9 } else { 1.0 };
        let told = if what == "index file" { Told::RateAndProcessor } else { Told::Rate };
        Question { what, part, ours, nginx, target, told }
    };
    Ok(pairs.map(question).collect())
}

/// Text of the length and the kind of an index file, its checksums as hard to compress as real ones.
fn index_like() -> Vec<u8> {
    let mut text = String::new();
    for (minor, checksum) in noise(9 * 32).chunks_exact(32).enumerate() {
        let mut digits = String::new();
        for byte in checksum {
            write!(digits, "{byte:02x}").expect("writing to a string cannot fail");
        }
        writeln!(
            text,
            "{{\"name\":\"{INDEX}\",\"vers\":\"0.{minor}.0\",\"deps\":[],\"cksum\":\"{digits}\",\
             \"features\":{{\"serde\":[],\"std\":[],\"tracing\":[]}},\"yanked\":false}}"
        )
        .expect("writing to a string cannot fail");
    }
    text.into_bytes()
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}
