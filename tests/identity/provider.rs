//! The real cargo with the credential provider: signed in through the web, with no token anywhere.

use crate::support::{Person, add, cargo};
use holdfast_testkit::{Cargo, Project, Server, until};
use std::fs;
use std::path::PathBuf;

/// Runs `cargo login`, and confirms what it asks for as somebody who is signed in at the server.
#[track_caller]
fn sign_in(cargo: &Cargo, person: &mut Person) {
    let mut login = cargo.start(&cargo.work(), "login --registry main");
    let code = login.hear("a code", |said| {
        let (_, rest) = said.split_once("enter the code ")?;
        Some(rest.split(' ').next()?.to_owned())
    });
    let page = person.get(&format!("/device?code={code}")).expect_status(200);
    assert!(page.text().contains(&code), "{}", page.text());
    person.post("/device", &[("code", &code), ("decision", "approve")]).expect_status(200);
    login.wait().ok().says("is kept in");
}

#[test]
fn cargo_signs_in_through_the_web_and_needs_no_token() {
    let server = crate::support::quick().start();
    add(&server, "alice", "publisher", "a long password");
    add(&server, "bob", "publisher", "another password");
    let mut alice = Person::sign_in(&server, "alice", "a long password").ok().unwrap();
    let cargo = cargo(&server);
    let library = Project::library("alpha", "1.0.0").write(&cargo);
    cargo.fails(&library, "publish --no-verify").says("run `cargo login");

    sign_in(&cargo, &mut alice);
    cargo.ok(&library, "publish").says("Published alpha v1.0.0");
    cargo.ok(&library, "owner --add bob").says("Owner `bob` may now publish");
    cargo.ok(&library, "owner --list").says("alice").says("bob");
    cargo.ok(&library, "owner --remove bob");
    cargo.ok(&library, "yank --version 1.0.0").says("Yank");
    cargo.ok(&library, "yank --version 1.0.0 --undo").says("Unyank");
    let program = Project::program("consumer", "0.1.0", &["alpha::name()"]).write(&cargo);
    cargo.ok(&program, "add alpha --registry main");
    assert_eq!(cargo.ok(&program, "run --quiet").stdout, "alpha 1.0.0\n");
    cargo.anywhere("search alpha --registry main").ok().says("alpha = \"1.0.0\"");

    // Each change was made with a token of its own, for this change alone.
    let log = server.cli().json("audit");
    let entries = log.as_array().unwrap().iter();
    let changes = entries.filter(|entry| entry["action"] == "publish" || entry["action"] == "yank");
    let tokens: Vec<_> = changes.map(|entry| entry["token"].as_str().unwrap().to_owned()).collect();
    assert!(tokens.len() >= 2 && tokens[0] != tokens[1], "{tokens:?}");
    ends_with_logout(&server, &cargo);
    server.assert_unharmed();
}

fn kept_in(cargo: &Cargo) -> PathBuf {
    cargo.home().join("holdfast-credentials.json")
}

/// The access token that the provider keeps.
fn kept_token(cargo: &Cargo) -> String {
    let kept: serde_json::Value = serde_json::from_slice(&fs::read(kept_in(cargo)).unwrap()).unwrap();
    let (_, session) = kept["registries"].as_object().unwrap().iter().next().unwrap();
    let token = session["access_token"].as_str().unwrap().to_owned();
    assert!(token.starts_with("hf_"), "{token}");
    token
}

/// `cargo logout` ends the session here and at the server.
fn ends_with_logout(server: &Server, cargo: &Cargo) {
    let token = kept_token(cargo);
    let mut device = server.anonymous().with_token(&token);
    device.get("/api/v1/me").expect_status(200);
    cargo.anywhere("logout --registry main").ok();
    device.get("/api/v1/me").expect_status(401);
    let kept = fs::read_to_string(kept_in(cargo)).unwrap_or_default();
    assert!(!kept.contains("hf_"), "something is left: {kept}");
    cargo.anywhere("info alpha --registry main").fails().says("run `cargo login");
}

#[test]
fn whoever_ends_a_device_on_the_page_ends_it_for_cargo() {
    let server = crate::support::quick().start();
    add(&server, "alice", "publisher", "a long password");
    let mut alice = Person::sign_in(&server, "alice", "a long password").ok().unwrap();
    let cargo = cargo(&server);
    sign_in(&cargo, &mut alice);
    let library = Project::library("alpha", "1.0.0").write(&cargo);
    cargo.ok(&library, "publish --no-verify");

    let tokens = alice.get("/api/v1/tokens").expect_status(200).json();
    let devices = tokens.as_array().unwrap().iter().filter(|token| token["purpose"] == "device");
    let device = devices.map(|token| token["id"].as_str().unwrap()).next().unwrap();
    let mut http = server.anonymous().with_token(&kept_token(&cargo));
    http.get("/api/v1/me").expect_status(200);
    alice.post(&format!("/account/tokens/{device}/revoke"), &[]).expect_status(303);
    until("the device's token to end", || (http.get("/api/v1/me").status == 401).then_some(()));
    cargo.fails(&library, "yank --version 1.0.0");
    cargo.anywhere("info alpha --registry main").fails();
}

#[test]
fn whoever_refuses_ends_the_waiting() {
    let server = crate::support::quick().start();
    add(&server, "alice", "publisher", "a long password");
    let mut alice = Person::sign_in(&server, "alice", "a long password").ok().unwrap();
    let cargo = cargo(&server);
    let mut login = cargo.start(&cargo.work(), "login --registry main");
    let code = login.hear("a code", |said| {
        let (_, rest) = said.split_once("enter the code ")?;
        Some(rest.split(' ').next()?.to_owned())
    });
    alice.post("/device", &[("code", &code), ("decision", "deny")]).expect_status(200);
    login.wait().fails().says("refused");
}
