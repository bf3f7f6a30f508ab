//! Addresses that are not ours, servers that are away or answer nonsense, and files that are broken.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::process::Command;

use holdfast_servers::{Act, Port};
use serde_json::json;

use crate::conversation::User;
use crate::server::Server;

#[test]
fn other_registries_are_left_to_other_providers() {
    for index in [
        "sparse+https://h/index/",
        "https://github.com/rust-lang/crates.io-index",
        "sparse+https://h/r/main/",
        "sparse+http://registry.example/r/main/index/",
    ] {
        let user = User::at(index.to_owned()).with("HOLDFAST_ID_TOKEN", "jwt-secret");
        for request in [json!({"kind": "get", "operation": "read"}), json!({"kind": "logout"})] {
            assert_eq!(user.ask(&request).refusal().0, "url-not-supported", "{index}");
        }
    }
    let login = json!({"kind": "login"});
    assert_eq!(User::at("sparse+https://h/index/".to_owned()).ask(&login).refusal().0, "url-not-supported");
    let clear = User::at("sparse+http://registry.example/r/main/index/".to_owned());
    let (kind, words) = clear.ask(&login).refusal();
    assert!(kind == "other" && words.contains("is not encrypted; write `https`"), "{words}");
}

#[test]
fn a_server_that_is_away_is_told() {
    let port = Port::free();
    let user = User::at(format!("sparse+http://{}/r/main/index/", port.address()));
    user.has_session("access-secret", 0, "refresh-secret");
    let unreachable = format!("cannot reach `{}`; check the network", port.address());
    for request in [json!({"kind": "get", "operation": "read"}), json!({"kind": "login"})] {
        let (kind, words) = user.ask(&request).refusal();
        assert!(kind == "other" && words.contains(&unreachable), "{words}");
    }
    // The session may be good again when the server is.
    assert_eq!(user.stored()["refresh_token"], "refresh-secret");
}

#[test]
fn tokens_do_not_follow_a_redirect() {
    let elsewhere = Server::silent();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let user = User::at(format!("sparse+http://{}/r/main/index/", listener.local_addr().unwrap()));
    user.has_session("access-secret", 600, "refresh-secret");
    let location = format!("http://{}/", elsewhere.host());
    let redirecting = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        client.read_exact(&mut [0]).unwrap();
        let head = format!("HTTP/1.1 307 So\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n");
        client.write_all(head.as_bytes()).unwrap();
        // Until the client goes.
        client.read_to_end(&mut Vec::new()).ok();
    });
    let (kind, words) = user.publish().refusal();
    assert!(kind == "other" && words.contains("status 307"), "{words}");
    redirecting.join().unwrap();
    assert_eq!(elsewhere.routes(), [""; 0]);
}

#[test]
fn a_call_to_this_machine_takes_no_proxy() {
    let server = Server::answering(|_, _| (201, json!({"token": "bound-secret"})));
    let proxy = format!("http://{}", Port::free().address());
    let user = User::of(&server).with("HTTP_PROXY", proxy.clone()).with("ALL_PROXY", proxy);
    user.has_session("access-secret", 600, "refresh-secret");
    assert_eq!(user.publish().done()["token"], "bound-secret");
}

#[test]
fn nonsense_is_not_taken_for_an_answer() {
    let large = format!("{{\"token\":\"{}\"}}", "secret".repeat(100_000));
    for (status, body) in [
        (200, "<html>secret</html>".to_owned()),
        (200, r#"{"token":"two secret words"}"#.to_owned()),
        (200, r#"{"access_token":"secret"}"#.to_owned()),
        (200, large),
        (302, String::new()),
        (404, "not found, secret".to_owned()),
        (500, r#"{"errors":[]}"#.to_owned()),
    ] {
        let answer = body.clone();
        let server = Server::acting(move |_| Act::Answer(status, answer.clone()));
        let user = User::of(&server);
        let shown = &body[..body.len().min(40)];
        for seconds_left in [600, 0] {
            user.has_session("access-secret", seconds_left, "refresh-secret");
            let (kind, words) = user.publish().refusal();
            assert!(kind == "other" && words.contains(&server.host()), "{shown}: {words}");
            assert_eq!(user.stored()["refresh_token"], "refresh-secret", "{shown}");
        }
        let (kind, words) = user.ask(&json!({"kind": "login"})).refusal();
        assert!(kind == "other" && words.contains(&server.host()), "{shown}: {words}");
    }
}

#[test]
fn a_broken_file_is_told_and_left_alone() {
    let user = User::of(&Server::silent());
    fs::write(user.book(), "{secret").unwrap();
    for request in
        [json!({"kind": "get", "operation": "read"}), json!({"kind": "login", "token": "hf_secret"})]
    {
        let (kind, words) = user.ask(&request).refusal();
        assert!(kind == "other" && words.contains("delete it and run `cargo login` again"), "{words}");
    }
    assert_eq!(fs::read_to_string(user.book()).unwrap(), "{secret");
}

#[test]
fn a_choice_of_store_that_is_unknown_is_told() {
    let user = User::of(&Server::silent()).with("HOLDFAST_CREDENTIAL_STORE", "paper");
    let (kind, words) = user.read().refusal();
    assert!(kind == "other" && words.contains("use `file` or `keyring`"), "{words}");
}

#[test]
fn a_person_who_starts_it_learns_what_it_is_for() {
    let output = Command::new(env!("CARGO_BIN_EXE_cargo-credential-holdfast")).output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && words.contains("global-credential-providers"), "{words}");
    assert!(output.stdout.is_empty());
}
