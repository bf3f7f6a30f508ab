//! Who cargo is: tokens that are kept, missing, wrong, over, or for something else.

use super::consumer;
use holdfast_testkit::{Cargo, Project, Server, until};

#[test]
fn a_token_is_kept_by_login_and_forgotten_by_logout() {
    let server = Server::start();
    let cargo = Cargo::with_registry("main", &server.index("main"));
    let project = Project::library("alpha", "1.0.0").write(&cargo);

    cargo.fails(&project, "publish --no-verify").says("no token found");
    let token = format!("{}\n", server.token());
    cargo
        .run_with_input(&cargo.work(), "login --registry main", &token)
        .ok()
        .says("Login token for `main` saved");
    cargo.ok(&project, "publish --no-verify").says("Published alpha v1.0.0");
    cargo.anywhere("logout --registry main").ok();
    cargo.fails(&project, "yank --version 1.0.0").says("no token found");
}

#[test]
fn a_wrong_token_is_rejected_in_words() {
    let server = Server::start();
    for token in ["not-a-token", "hf_0123", "Bearer nonsense"] {
        let cargo = Cargo::with_registry("main", &server.index("main")).token(token);
        let project = Project::library("alpha", "1.0.0").write(&cargo);
        cargo.fails(&project, "publish --no-verify").says("token rejected for `main`");
        cargo.anywhere("info alpha --registry main").fails().says("token rejected for `main`");
    }
    server.assert_unharmed();
}

#[test]
fn a_token_with_the_word_bearer_is_the_same_token() {
    let server = Server::start();
    let cargo =
        Cargo::with_registry("main", &server.index("main")).token(&format!("Bearer {}", server.token()));
    Project::library("alpha", "1.0.0").publish(&cargo);
}

#[test]
fn a_token_ends_when_its_time_is_over() {
    let server = Server::start();
    server.publish("alpha", "1.0.0");
    let token = server.cli().user("alice", "publisher", "--expires 4s");
    let config = "/r/main/index/config.json";
    let mut http = server.anonymous().with_token(&token);
    http.get(config).expect_status(200);
    let refused = until("the token to end", || Some(http.get(config)).filter(|answer| answer.status != 200));
    assert_eq!(refused.status, 401);
    let cargo = Cargo::with_registry("main", &server.index("main")).token(&token);
    cargo.anywhere("info alpha --registry main").fails().says("token rejected for `main`");
    let project = Project::library("beta", "1.0.0").write(&cargo);
    cargo.fails(&project, "publish --no-verify").says("token rejected for `main`");
}

#[test]
fn a_revoked_token_ends_within_the_staleness() {
    let server = Server::start();
    let cli = server.cli();
    cli.ok("user add alice --role publisher");
    let made = cli.json("token create --user alice --name laptop");
    let mut http = server.anonymous().with_token(made["token"].as_str().unwrap());
    http.get("/r/main/index/config.json").expect_status(200);
    cli.ok(&format!("token revoke {}", made["id"].as_str().unwrap()));
    until("the revoked token to be refused", || {
        (http.get("/r/main/index/config.json").status == 401).then_some(())
    });
}

#[test]
fn a_reading_token_reads_and_its_publish_is_refused_with_the_reason() {
    let server = Server::start();
    Project::library("alpha", "1.0.0").publish(&server.cargo());
    let token = server.cli().user("alice", "publisher", "--scope read");
    let cargo = Cargo::with_registry("main", &server.index("main")).token(&token);
    cargo.ok(&consumer("alpha", "1").write(&cargo), "build");
    let project = Project::library("beta", "1.0.0").write(&cargo);
    cargo.fails(&project, "publish --no-verify").says("status 403").says("has not the scope `publish-new`");
    cargo.fails(&project, "yank alpha@1.0.0").says("has not the scope `yank`");
    cargo.fails(&project, "owner --add bob alpha").says("has not the scope `change-owners`");
}

#[test]
fn a_reader_may_not_publish_whatever_the_token() {
    let server = Server::start();
    let token = server.cli().user("rita", "reader", "");
    let cargo = Cargo::with_registry("main", &server.index("main")).token(&token);
    let project = Project::library("alpha", "1.0.0").write(&cargo);
    cargo.fails(&project, "publish --no-verify").says("status 403").says("`rita` is a reader");
}

#[test]
fn a_token_for_some_crates_is_refused_for_others() {
    let server = Server::start();
    let scopes = "--scope publish-new --scope publish-update --crate acme-*";
    let token = server.cli().user("alice", "publisher", scopes);
    let cargo = Cargo::with_registry("main", &server.index("main")).token(&token);
    Project::library("acme-one", "1.0.0").publish(&cargo);
    Project::library("acme-one", "1.0.1").publish(&cargo);
    let other = Project::library("other", "1.0.0").write(&cargo);
    cargo.fails(&other, "publish --no-verify").says("status 403").says("is not for the crate `other`");
}
