//! What cargo resolves: added, updated, yanked and locked versions.

use super::{consumer, locked, output_of};
use holdfast_testkit::{Cargo, Project, Proxy, Server};

#[test]
fn add_writes_the_newest_version_with_its_features() {
    let server = Server::start();
    let cargo = server.cargo();
    Project::library("alpha", "1.0.0").publish(&cargo);
    Project::library("alpha", "1.2.0")
        .toml("[features]\ndefault = [\"std\"]\nstd = []\nextra = []")
        .publish(&cargo);
    let program = Project::program("consumer", "0.1.0", &["alpha::name()"]).write(&cargo);
    cargo.ok(&program, "add alpha --registry main").says("Adding alpha v1.2.0").says("- extra");
    let manifest = std::fs::read_to_string(program.join("Cargo.toml")).unwrap();
    assert!(
        manifest.contains("version = \"1.2.0\"") && manifest.contains("registry = \"main\""),
        "{manifest}"
    );
    assert_eq!(output_of(&cargo, &program), "alpha 1.2.0");
}

#[test]
fn update_finds_a_new_version_and_asks_for_nothing_twice() {
    let server = Server::start();
    let proxy = Proxy::start();
    proxy.forward_to(server.address(), "");
    let index = format!("sparse+{}/r/main/index/", proxy.url());
    let cargo = Cargo::with_registry("main", &index).token(server.token());
    Project::library("alpha", "1.0.0").publish(&cargo);
    let program = consumer("alpha", "1").write(&cargo);
    cargo.ok(&program, "generate-lockfile");

    proxy.take_seen();
    cargo.ok(&program, "update").never_says("Updating alpha");
    let config = "GET /r/main/index/config.json 200";
    assert_eq!(proxy.take_seen(), [config, "GET /r/main/index/al/ph/alpha 304"]);

    Project::library("alpha", "1.0.1").publish(&cargo);
    proxy.take_seen();
    cargo.ok(&program, "update").says("Updating alpha v1.0.0");
    // The publish has polled the index until the new version was there.
    assert_eq!(proxy.take_seen(), [config, "GET /r/main/index/al/ph/alpha 304"]);
    assert_eq!(locked(&program, "alpha"), ["1.0.1"]);
}

#[test]
fn a_session_without_a_cache_is_asked_for_its_token_once() {
    let server = Server::start();
    let proxy = Proxy::start();
    proxy.forward_to(server.address(), "");
    Project::library("alpha", "1.0.0").publish(&server.cargo());
    let index = format!("sparse+{}/r/main/index/", proxy.url());
    let cargo = Cargo::with_registry("main", &index).token(server.token());
    let program = consumer("alpha", "1").write(&cargo);
    cargo.ok(&program, "fetch");
    let expected = [
        "GET /r/main/index/config.json 401",
        "GET /r/main/index/config.json 200",
        "GET /r/main/index/al/ph/alpha 200",
        "GET /r/main/dl/alpha/1.0.0/download 200",
    ];
    assert_eq!(proxy.take_seen(), expected);
    cargo.ok(&program, "build");
    assert_eq!(proxy.take_seen(), [""; 0]);
}

#[test]
fn a_yanked_version_stays_in_lock_files_and_leaves_new_ones() {
    let server = Server::start();
    let cargo = server.cargo();
    Project::library("alpha", "1.0.0").publish(&cargo);
    Project::library("alpha", "1.0.1").publish(&cargo);
    let early = consumer("alpha", "1").write(&cargo);
    cargo.ok(&early, "generate-lockfile");

    cargo.anywhere("yank alpha@1.0.1 --registry main").ok().says("Yank alpha@1.0.1");
    // Nothing is cached in a new home: the lock file must lead to the yanked version and its file.
    let elsewhere = server.cargo();
    elsewhere.ok(&early, "fetch --locked");
    assert_eq!(output_of(&elsewhere, &early), "alpha 1.0.1");
    let late = consumer("alpha", "1").write(&elsewhere);
    assert_eq!(output_of(&elsewhere, &late), "alpha 1.0.0");
    let exact = consumer("alpha", "=1.0.1").write(&elsewhere);
    elsewhere.fails(&exact, "generate-lockfile").says("yanked");

    cargo.anywhere("yank alpha@1.0.1 --undo --registry main").ok().says("Unyank alpha@1.0.1");
    // Both are idempotent.
    cargo.anywhere("yank alpha@1.0.1 --undo --registry main").ok();
    cargo.ok(&late, "update").says("Updating alpha v1.0.0");
    assert_eq!(locked(&late, "alpha"), ["1.0.1"]);
}

#[test]
fn what_is_not_there_is_told_apart_from_what_fails() {
    let server = Server::start();
    let cargo = server.cargo();
    Project::library("alpha", "1.0.0").publish(&cargo);
    let missing = consumer("nothing-here", "1").write(&cargo);
    cargo.fails(&missing, "generate-lockfile").says("no matching package named `nothing-here` found");
    cargo
        .anywhere("yank nothing-here@1.0.0 --registry main")
        .fails()
        .says("status 404")
        .says("`nothing-here`");
    cargo.anywhere("yank alpha@9.9.9 --registry main").fails().says("status 404").says("`9.9.9`");
    cargo.anywhere("owner --list nothing-here --registry main").fails().says("status 404");
}
