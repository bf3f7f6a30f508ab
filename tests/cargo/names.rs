//! Spellings: capital letters, hyphens and underscores, build metadata.

use super::output_of;
use holdfast_testkit::packages::CrateBuilder;
use holdfast_testkit::{Project, Server};

#[test]
fn capital_letters_are_kept_and_name_one_crate() {
    let server = Server::start();
    let cargo = server.cargo();
    Project::library("CamelCase", "1.0.0").publish(&cargo);
    Project::library("CamelCase", "1.0.1").publish(&cargo);
    let program = Project::program("consumer", "0.1.0", &["CamelCase::name()"]).depends("CamelCase", "1");
    assert_eq!(output_of(&cargo, &program.write(&cargo)), "CamelCase 1.0.1");
    let other = Project::library("camelcase", "2.0.0").write(&cargo);
    cargo
        .fails(&other, "publish --no-verify")
        .says("status 409")
        .says("the crate is called `CamelCase` here");
    cargo.anywhere("yank camelcase@1.0.1 --registry main").ok();
    cargo.anywhere("owner --list CAMELCASE --registry main").ok().says("admin");
}

#[test]
fn hyphens_and_underscores_name_one_crate() {
    let server = Server::start();
    let cargo = server.cargo();
    Project::library("foo-bar", "1.0.0").publish(&cargo);
    let other = Project::library("foo_bar", "1.0.1").write(&cargo);
    cargo.fails(&other, "publish --no-verify").says("status 409").says("the crate is called `foo-bar` here");
    let program = Project::program("consumer", "0.1.0", &["foo_bar::name()"]).write(&cargo);
    cargo.ok(&program, "add foo_bar --registry main").says("translating `foo_bar` to `foo-bar`");
    assert_eq!(output_of(&cargo, &program), "foo-bar 1.0.0");
    // A file of the index belongs to the published spelling alone, or cargo would take it for another crate.
    server.http().get("/r/main/index/fo/o_/foo_bar").expect_status(404);
}

#[test]
fn build_metadata_makes_no_other_version() {
    let server = Server::start();
    let cargo = server.cargo();
    Project::library("alpha", "1.0.0+a").publish(&cargo);
    let other = Project::library("alpha", "1.0.0+b").write(&cargo);
    cargo.fails(&other, "publish --no-verify").says("already exists on");
    let frame = CrateBuilder::new("alpha", "1.0.0+b").own_index(&server.index("main")).frame();
    let refused = server.http().publish("main", &frame).expect_status(409).sentence();
    assert!(refused.contains("build metadata does not make `1.0.0+b` another version"), "{refused}");

    let program = Project::program("consumer", "0.1.0", &["alpha::name()"]).depends("alpha", "1");
    assert_eq!(output_of(&cargo, &program.write(&cargo)), "alpha 1.0.0+a");
    cargo.anywhere("yank alpha@1.0.0+a --registry main").ok();
    assert_eq!(server.http().get("/r/main/index/al/ph/alpha").index_lines()[0]["yanked"], true);
}

#[test]
fn reserved_and_impossible_names_are_refused_in_words() {
    let server = Server::start();
    let cargo = server.cargo();
    for name in ["nul", "com1", "rustc"] {
        let project = Project::library(name, "1.0.0").write(&cargo);
        cargo.fails(&project, "publish --no-verify").says("is reserved");
    }
    let long = Project::library(&"a".repeat(65), "1.0.0").write(&cargo);
    cargo.fails(&long, "publish --no-verify").says("status 400").says("64");
}
