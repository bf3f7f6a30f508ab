//! The real cargo against a registry that requires a login for everything: each command of cargo that talks
//! to a registry, as a developer uses it.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod discover;
mod features;
mod login;
mod names;
mod owners;
mod places;
mod publish;
mod resolve;

use holdfast_testkit::{Cargo, Project};
use std::path::Path;

/// A program that depends on `name` and prints what the library says it is.
fn consumer(name: &str, requirement: &str) -> Project {
    let module = name.replace('-', "_");
    Project::program("consumer", "0.1.0", &[&format!("{module}::name()")]).depends(name, requirement)
}

/// Builds and runs the program in `folder`, and gives what it prints.
#[track_caller]
fn output_of(cargo: &Cargo, folder: &Path) -> String {
    cargo.ok(folder, "run --quiet").stdout.trim().to_owned()
}

/// The versions of `name` in the lock file in `folder`.
#[track_caller]
fn locked(folder: &Path, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("Cargo.lock")).unwrap();
    let lock: toml::Table = text.parse().unwrap();
    let packages = lock["package"].as_array().unwrap().iter();
    let versions = packages.filter(|package| package["name"].as_str() == Some(name));
    versions.map(|package| package["version"].as_str().unwrap().to_owned()).collect()
}
