//! The real cargo that signs its own tokens (RFC 3231), which only its nightly features know yet.

use holdfast_testkit::{Cargo, Project, Server};
use serde_json::json;

/// A cargo with a new key, and the key's public half.
fn cargo(server: &Server) -> (Cargo, String) {
    let config = format!(
        "[registry]\ndefault = \"main\"\nglobal-credential-providers = [\"cargo:token\", \"cargo:paseto\"]\n\n\
         [registries.main]\nindex = {:?}\n\n[unstable]\nasymmetric-token = true\n",
        server.index("main"),
    );
    let cargo = Cargo::with_config(&config).env("RUSTC_BOOTSTRAP", "1");
    let said = cargo.anywhere("login --registry main").ok().output();
    let key = said.split_whitespace().find(|word| word.starts_with("k3.public."));
    let key = key.unwrap_or_else(|| panic!("no key in {said}")).to_owned();
    (cargo, key)
}

#[test]
fn cargo_does_everything_with_a_key_of_its_own() {
    let server = Server::builder().with_public_url().start();
    let alice = server.cli().user("alice", "publisher", "");
    server.cli().ok("user add bob");
    let (cargo, key) = cargo(&server);
    let library = Project::library("alpha", "1.0.0").write(&cargo);
    cargo.fails(&library, "publish --no-verify").says("token rejected");

    let mut http = server.anonymous().with_token(&alice);
    let registered = http.post_json("/api/v1/keys", &json!({ "key": key })).expect_status(201).json();
    cargo.ok(&library, "publish").says("Published alpha v1.0.0");
    cargo.ok(&library, "owner --add bob");
    cargo.ok(&library, "owner --list").says("alice").says("bob");
    cargo.ok(&library, "owner --remove bob");
    cargo.ok(&library, "yank --version 1.0.0").says("Yank");
    cargo.ok(&library, "yank --version 1.0.0 --undo").says("Unyank");
    let program = Project::program("consumer", "0.1.0", &["alpha::name()"]).write(&cargo);
    cargo.ok(&program, "add alpha --registry main");
    assert_eq!(cargo.ok(&program, "run --quiet").stdout, "alpha 1.0.0\n");
    cargo.anywhere("search alpha --registry main").ok().says("alpha = \"1.0.0\"");

    // It may do what its user may, and no more.
    server.publish("other", "1.0.0");
    let other = Project::library("other", "1.0.1").write(&cargo);
    cargo.fails(&other, "publish --no-verify").says("status 403");

    let id = registered["id"].as_str().unwrap();
    http.delete(&format!("/api/v1/keys/{id}"), b"").expect_status(204);
    cargo.fails(&library, "yank --version 1.0.0");
    cargo.anywhere("info alpha --registry main").fails().says("token rejected");
    server.assert_unharmed();
}

#[test]
fn a_server_that_does_not_know_its_address_takes_no_signed_tokens() {
    let server = Server::start();
    let (cargo, key) = cargo(&server);
    server.http().post_json("/api/v1/keys", &json!({ "key": key })).expect_status(201);
    let library = Project::library("alpha", "1.0.0").write(&cargo);
    cargo.fails(&library, "publish --no-verify").says("public-url");
}
