//! A directory of people (LDAP): its passwords, its groups, its trouble.

use crate::support::{Person, add, with_providers};
use holdfast_servers::Slapd;
use holdfast_testkit::{Answer, Server};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// How long the server waits for the directory, as [`config`] says.
const LIMIT: Duration = Duration::from_secs(5);

const RULES: &str = "[office.rules]\ncreate-users = true\nteams = { developers = \"devs\" }\n\
     roles = { release = \"maintainer\", developers = \"publisher\" }\n";

fn config(slapd: &Slapd) -> String {
    format!(
        "[office]\nkind = \"ldap\"\ntitle = \"Office\"\nurl = {:?}\nbind-dn = {:?}\nbind-password = {:?}\n\
         base-dn = {:?}\ngroup-filter = \"(&(objectClass=groupOfNames)(member={{dn}}))\"\ntimeout-seconds = 5\n{RULES}",
        slapd.url(),
        Slapd::READER,
        Slapd::PASSWORD,
        Slapd::BASE,
    )
}

fn user(server: &Server, login: &str) -> Value {
    server.http().get(&format!("/api/v1/users/{login}")).expect_status(200).json()
}

fn members(server: &Server) -> String {
    server.http().get("/api/v1/teams/devs/members").expect_status(200).text()
}

#[track_caller]
fn refused(server: &Server, login: &str, password: &str) -> Answer {
    match Person::sign_in(server, login, password) {
        Ok(_) => panic!("`{login}` came in"),
        Err(answer) => answer,
    }
}

#[test]
fn people_of_a_directory_sign_in_by_the_form() {
    let Some(slapd) = Slapd::start() else { return };
    let (builder, _folder) = with_providers(&config(&slapd));
    let server = builder.start();
    server.http().post_json("/api/v1/teams", &json!({ "name": "devs" })).expect_status(201);
    add(&server, "paul", "reader", "a long password");

    let mut alice = Person::sign_in(&server, "alice", "wonderland").ok().unwrap();
    let me = alice.get("/api/v1/me").expect_status(200).json();
    assert_eq!((&me["login"], &me["role"]), (&"alice".into(), &"maintainer".into()), "{me}");
    assert_eq!(me["teams"], json!(["devs"]), "{me}");
    assert_eq!(user(&server, "alice")["email"], "alice@example.org");
    Person::sign_in(&server, "carol", "christmas").ok().unwrap();
    assert_eq!(user(&server, "carol")["role"], "publisher");
    // No group says anything about him.
    Person::sign_in(&server, "bob", "builder").ok().unwrap();
    assert_eq!(user(&server, "bob")["role"], "reader");
    assert!(members(&server).contains("carol") && !members(&server).contains("bob"), "{}", members(&server));

    // Whoever is wrong hears the same, whatever is wrong, and a password of ours is not asked about there.
    let wrong = refused(&server, "alice", "wrong password");
    assert_eq!(wrong.status, 401);
    for (login, password) in [("nobody", "wonderland"), ("dave", " "), ("paul", "wonderland")] {
        let answer = refused(&server, login, password);
        assert_eq!(notice(&answer), notice(&wrong), "{login}");
    }
    Person::sign_in(&server, "paul", "a long password").ok().unwrap();
    // Which of the two nobody can say.
    assert_eq!(refused(&server, "twin", "twin").status, 503);

    // A disabled account stays so.
    server.cli().ok("user disable alice");
    assert_ne!(refused(&server, "alice", "wonderland").status, 303);
    server.assert_unharmed();
}

/// What the form says.
fn notice(answer: &Answer) -> String {
    let text = answer.text();
    let (_, rest) = text.split_once("role=\"alert\">").unwrap_or_else(|| panic!("no notice in {text}"));
    rest.split('<').next().unwrap().to_owned()
}

#[test]
fn a_directory_that_hangs_keeps_nobody_else_out() {
    let Some(slapd) = Slapd::start() else { return };
    let (builder, _folder) = with_providers(&config(&slapd));
    let server = builder.start();
    add(&server, "paul", "reader", "a long password");
    let mut alice = Person::sign_in(&server, "alice", "wonderland").ok().unwrap();

    slapd.process().freeze();
    let began = Instant::now();
    Person::sign_in(&server, "paul", "a long password").ok().unwrap();
    assert_eq!(refused(&server, "paul", "wrong password").status, 401);
    assert!(began.elapsed() < LIMIT, "the directory was asked: {:?}", began.elapsed());
    assert_eq!(refused(&server, "alice", "wonderland").status, 503);
    server.anonymous().get("/readyz").expect_status(200);
    // Who is in stays in.
    alice.get("/api/v1/me").expect_status(200);

    slapd.process().thaw();
    Person::sign_in(&server, "alice", "wonderland").ok().unwrap();
    server.assert_unharmed();
}

#[test]
fn a_directory_that_is_down_keeps_no_server_from_starting() {
    let Some(slapd) = Slapd::start() else { return };
    slapd.process().kill();
    let (builder, _folder) = with_providers(&config(&slapd));
    let server = builder.start();
    add(&server, "paul", "reader", "a long password");
    Person::sign_in(&server, "paul", "a long password").ok().unwrap();
    assert_eq!(refused(&server, "alice", "wonderland").status, 503);
    slapd.process().start_again();
    Person::sign_in(&server, "alice", "wonderland").ok().unwrap();
}
