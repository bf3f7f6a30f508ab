//! `seed --data DIR --crates N --versions M`: fills a new data folder with N crates of M versions each, for
//! measurements at a size that nobody publishes over HTTP. `HOLDFAST_BOOTSTRAP_TOKEN` is the admin's token.
#![expect(clippy::disallowed_methods, reason = "a program reads its arguments and its environment")]

use holdfast_testkit::seed::{Seed, seed};
use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "Usage: seed --data DIR --crates N --versions M    (with HOLDFAST_BOOTSTRAP_TOKEN set)";

fn main() -> ExitCode {
    let token = std::env::var("HOLDFAST_BOOTSTRAP_TOKEN").ok();
    let Some(wanted) = token.and_then(|token| parse(std::env::args().skip(1), token)) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    match seed(&wanted) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut words: impl Iterator<Item = String>, token: String) -> Option<Seed> {
    let (mut data, mut crates, mut versions) = (None, None, None);
    while let Some(word) = words.next() {
        let value = words.next()?;
        match word.as_str() {
            "--data" => data = Some(PathBuf::from(value)),
            "--crates" => crates = Some(value.parse().ok()?),
            "--versions" => versions = Some(value.parse().ok()?),
            _ => return None,
        }
    }
    Some(Seed { data: data?, crates: crates?, versions: versions?, token })
}
