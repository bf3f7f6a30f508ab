//! `cargo xtask test`: every suite in order, one cargo at a time, with a summary at the end.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::arguments::Arguments;
use crate::packages;
use crate::repository::{build_release, cargo, check, command, root, succeeds};
use crate::servers;

/// How long each fuzz target runs; long runs are a matter for a night, not for every change.
const FUZZ_SECONDS: u32 = 10;

struct Suite {
    name: &'static str,
    about: &'static str,
    run: fn() -> Result<Outcome>,
}

enum Outcome {
    Passed,
    Skipped(String),
}

const SUITES: &[Suite] = &[
    Suite { name: "format", about: "rustfmt finds nothing to change", run: format },
    Suite { name: "lint", about: "clippy, pedantic, with the bans of clippy.toml", run: lint },
    Suite { name: "docs", about: "the documentation builds and its links resolve", run: docs },
    Suite { name: "build", about: "the release binary, which the black-box tests drive", run: build },
    Suite {
        name: "servers",
        about: "the databases and object stores that the tests run against are here",
        run: servers,
    },
    Suite {
        name: "tests",
        about: "every test of the workspace, the full black-box suites included",
        run: tests,
    },
    Suite {
        name: "engines",
        about: "real cargo against a server on every engine and object store",
        run: engines,
    },
    Suite {
        name: "tidy",
        about: "the rules of the house (part of `tests`, run alone on request)",
        run: tidy,
    },
    Suite { name: "supply", about: "licences, advisories, bans and sources of dependencies", run: supply },
    Suite { name: "fuzz", about: "every fuzz target for a few seconds", run: fuzz },
];

/// Runs the suites that `words` ask for; fails when one of them does, and says why at the very end.
pub(crate) fn run(words: Vec<String>) -> Result<()> {
    let names: Vec<&str> = SUITES.iter().map(|suite| suite.name).collect();
    let arguments = Arguments::parse(words, &names, &["list"])?;
    if arguments.has("list") {
        for suite in SUITES {
            println!("{:8} {}", suite.name, suite.about);
        }
        return Ok(());
    }
    packages::provide(packages::FOR_TESTS)?;
    let lines: Vec<Line> = SUITES.iter().filter(|suite| is_wanted(&arguments, suite)).map(run_one).collect();
    summarise(&lines)
}

/// `tidy` is a test like any other, so it runs apart only when it is asked for by name.
fn is_wanted(arguments: &Arguments, suite: &Suite) -> bool {
    arguments.wants(suite.name) && (suite.name != "tidy" || !arguments.only.is_empty())
}

struct Line {
    name: &'static str,
    outcome: Result<Outcome>,
    took: Duration,
}

fn run_one(suite: &Suite) -> Line {
    println!("\n==== {}: {} ====", suite.name, suite.about);
    let started = Instant::now();
    let outcome = (suite.run)();
    match &outcome {
        Ok(Outcome::Passed) => {}
        Ok(Outcome::Skipped(reason)) => println!("skipped: {reason}"),
        Err(_) => println!("{} failed, the reason is told at the end", suite.name),
    }
    Line { name: suite.name, outcome, took: started.elapsed() }
}

fn summarise(lines: &[Line]) -> Result<()> {
    for line in lines {
        if let Err(error) = &line.outcome {
            println!("\n==== why {} failed ====\n{error:#}", line.name);
        }
    }
    println!("\n==== summary ====");
    for line in lines {
        let verdict = match &line.outcome {
            Ok(Outcome::Passed) => "passed".to_owned(),
            Ok(Outcome::Skipped(reason)) => format!("skipped: {reason}"),
            Err(_) => "FAILED".to_owned(),
        };
        println!("{:8} {:6.1} s  {verdict}", line.name, line.took.as_secs_f64());
    }
    let failed: Vec<&str> = lines.iter().filter(|line| line.outcome.is_err()).map(|line| line.name).collect();
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    Ok(())
}

fn passed(command: &mut Command) -> Result<Outcome> {
    check(command).map(|()| Outcome::Passed)
}

fn format() -> Result<Outcome> {
    component("fmt", "rustfmt")?;
    passed(&mut cargo(&["fmt", "--all", "--check"]))
}

fn lint() -> Result<Outcome> {
    component("clippy", "clippy")?;
    passed(&mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))
}

fn docs() -> Result<Outcome> {
    passed(cargo(&["doc", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings"))
}

fn build() -> Result<Outcome> {
    build_release().map(|_| Outcome::Passed)
}

/// With cargo-nextest when it is there. Plain `cargo test` otherwise: every package is run even after a
/// failure, so that its closing lines count all tests.
fn tests() -> Result<Outcome> {
    let binary = build_release()?;
    let with_binary = |arguments: &[&str]| {
        let mut command = cargo(arguments);
        command.env("HOLDFAST_BIN", &binary).env("HOLDFAST_FULL", "1");
        // A panic says where it was; the rest would bury what a reader looks for.
        command.env("RUST_BACKTRACE", "0");
        command
    };
    if succeeds(&mut cargo(&["nextest", "--version"])) {
        // The output of failed tests comes last, where a reader of a long record looks.
        let run = ["nextest", "run", "--workspace", "--no-fail-fast", "--failure-output", "final"];
        check(&mut with_binary(&run))?;
        return passed(&mut with_binary(&["test", "--workspace", "--doc", "--no-fail-fast"]));
    }
    passed(&mut with_binary(&["test", "--workspace", "--no-fail-fast"]))
}

fn servers() -> Result<Outcome> {
    servers::provide().map(|()| Outcome::Passed)
}

/// The engines and object stores on which cargo's own suite runs again: the names of `Kind::scheme`. (`tests`
/// ran it on the default.)
const PLACES: &[(&str, Option<&str>)] = &[
    ("redb", None),
    ("postgres", None),
    ("mysql", None),
    ("redis", None),
    ("mongodb", None),
    ("dynamodb", Some("s3")),
];

/// One process for each engine, so that each starts one database server.
fn engines() -> Result<Outcome> {
    let binary = build_release()?;
    let (mut lines, mut failures) = (Vec::new(), Vec::new());
    for (engine, storage) in PLACES {
        println!("-- {engine}, {}", storage.unwrap_or("file"));
        let mut command = cargo(&["test", "--quiet", "--package", "holdfast-tests", "--test", "cargo"]);
        command.env("HOLDFAST_BIN", &binary).env("HOLDFAST_TEST_ENGINE", engine);
        command.envs(storage.map(|storage| ("HOLDFAST_TEST_STORAGE", storage)));
        let began = Instant::now();
        let outcome = check(&mut command);
        if let Err(error) = &outcome {
            failures.push(format!("on {engine}: {error:#}"));
        }
        lines.push((engine, storage, began.elapsed(), outcome.is_ok()));
    }
    println!("\n| engine | storage | time | |\n|---|---|---|---|");
    for (engine, storage, took, good) in lines {
        let verdict = if good { "passed" } else { "FAILED" };
        println!("| {engine} | {} | {:.0} s | {verdict} |", storage.unwrap_or("file"), took.as_secs_f64());
    }
    if !failures.is_empty() {
        bail!("failed {}", failures.join("\n"));
    }
    Ok(Outcome::Passed)
}

fn tidy() -> Result<Outcome> {
    passed(&mut cargo(&["test", "--package", "holdfast-tests", "--test", "tidy"]))
}

fn supply() -> Result<Outcome> {
    if !succeeds(&mut cargo(&["deny", "--version"])) {
        let reason = "cargo-deny is not installed; licences, bans and sources are checked by the tidy test";
        return Ok(Outcome::Skipped(reason.to_owned()));
    }
    passed(&mut cargo(&["deny", "--all-features", "check"]))
}

fn fuzz() -> Result<Outcome> {
    let folder = root().join("fuzz");
    if !folder.join("Cargo.toml").is_file() {
        return Ok(Outcome::Skipped("there are no fuzz targets".to_owned()));
    }
    if !succeeds(command("rustup").args(["run", "nightly", "cargo", "fuzz", "--version"])) {
        let reason = "no nightly toolchain with cargo-fuzz; `rustup toolchain install nightly` and \
                      `cargo install cargo-fuzz` provide them";
        return Ok(Outcome::Skipped(reason.to_owned()));
    }
    for target in fuzz_targets(&folder)? {
        println!("-- {target}");
        let limit = format!("-max_total_time={FUZZ_SECONDS}");
        let report = ["-verbosity=0", "-print_final_stats=1"];
        check(nightly_fuzz(&folder, &["run", &target]).args(["--", &limit]).args(report))?;
    }
    Ok(Outcome::Passed)
}

fn fuzz_targets(folder: &Path) -> Result<Vec<String>> {
    let output = nightly_fuzz(folder, &["list"]).output().context("cannot list the fuzz targets")?;
    let names = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect::<Vec<_>>();
    if !output.status.success() || names.is_empty() {
        bail!("`cargo fuzz list` names no target: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(names)
}

fn nightly_fuzz(folder: &Path, arguments: &[&str]) -> Command {
    let mut rustup = command("rustup");
    rustup.current_dir(folder).args(["run", "nightly", "cargo", "fuzz"]).args(arguments);
    rustup
}

/// Toolchains installed with the minimal profile lack the formatter and clippy.
fn component(subcommand: &str, name: &str) -> Result<()> {
    if succeeds(&mut cargo(&[subcommand, "--version"])) {
        return Ok(());
    }
    check(command("rustup").args(["component", "add", name])).with_context(|| {
        format!("`cargo {subcommand}` is missing, install the `{name}` component of the toolchain")
    })
}
