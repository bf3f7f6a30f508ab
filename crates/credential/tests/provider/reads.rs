//! Tokens for reading: from the store, renewed in time, by one cargo at a time.

use std::fs::File;

use holdfast_servers::until;
use serde_json::{Value, json};

use crate::conversation::{User, answer_of};
use crate::server::{Server, declined, granted};

const TOKEN: &str = "POST /base/api/v1/device/token";

/// Renews sessions: the refresh token `refresh-secret-N` is good once, and brings `access-secret-N+1` and
/// `refresh-secret-N+1`.
fn rotating() -> Server {
    let mut turn = 0;
    Server::answering(move |route, body| {
        assert_eq!(route, TOKEN);
        assert!(body.contains("client_id=cargo-credential-holdfast&grant_type=refresh_token"), "{body}");
        if !body.ends_with(&format!("refresh_token=refresh-secret-{turn}")) {
            return declined("invalid_grant");
        }
        turn += 1;
        granted(&format!("access-secret-{turn}"), &format!("refresh-secret-{turn}"))
    })
}

#[test]
fn a_fresh_token_is_given_as_it_is() {
    let user = User::of(&Server::silent());
    user.has_session("access-secret", 600, "refresh-secret");
    let expiration = user.stored()["expires_at"].clone();
    let expected = json!({
        "kind": "get", "token": "access-secret", "cache": "expires", "expiration": expiration,
        "operation_independent": false,
    });
    assert_eq!(user.read().done(), expected);
}

#[test]
fn a_token_near_its_end_is_renewed_and_the_new_pair_kept() {
    let server = rotating();
    let user = User::of(&server);
    user.has_session("access-secret-0", 30, "refresh-secret-0");
    for turn in 1..=3 {
        let done = user.read().done();
        assert_eq!(done["token"], format!("access-secret-{turn}"));
        assert_eq!(done["expiration"], user.stored()["expires_at"]);
        let refresh = user.stored()["refresh_token"].as_str().unwrap().to_owned();
        assert_eq!(refresh, format!("refresh-secret-{turn}"));
        // Time passes.
        user.has_session(&format!("access-secret-{turn}"), -5, &refresh);
    }
    assert_eq!(server.routes().len(), 3);
}

#[test]
fn a_server_that_does_not_rotate_is_fine() {
    let server = Server::answering(|_, _| (200, json!({"access_token": "new-secret", "expires_in": 600})));
    let user = User::of(&server);
    user.has_session("old-secret", 0, "refresh-secret");
    assert_eq!(user.read().done()["token"], "new-secret");
    assert_eq!(user.stored()["refresh_token"], "refresh-secret");
}

#[test]
fn of_many_cargos_one_renews() {
    let server = rotating();
    let user = User::of(&server);
    user.has_session("access-secret-0", 30, "refresh-secret-0");
    let read = json!({"kind": "get", "operation": "read"});
    let children: Vec<_> = (0..8).map(|_| user.start(&read)).collect();
    for child in children {
        assert_eq!(answer_of(child).done()["token"], "access-secret-1");
    }
    assert_eq!(server.routes(), [TOKEN]);
}

/// All of them have seen the old session and wait; then somebody else has renewed it.
#[cfg(target_os = "linux")]
#[test]
fn who_waited_for_the_lock_looks_again() {
    let user = User::of(&Server::silent());
    user.has_session("access-secret-0", 30, "refresh-secret-0");
    let lock = File::create(user.home().join("holdfast-credentials.lock")).unwrap();
    lock.lock().unwrap();
    let read = json!({"kind": "get", "operation": "read"});
    let children: Vec<_> = (0..3).map(|_| user.start(&read)).collect();
    until("all of them to wait", || {
        let locks = std::fs::read_to_string("/proc/locks").unwrap();
        let waits =
            |id: u32| locks.lines().any(|line| line.contains("->") && line.contains(&format!(" {id} ")));
        children.iter().all(|child| waits(child.id())).then_some(())
    });
    user.has_session("access-secret-1", 600, "refresh-secret-1");
    drop(lock);
    for child in children {
        assert_eq!(answer_of(child).done()["token"], "access-secret-1");
    }
}

#[test]
fn a_session_that_has_ended_is_told_with_the_way_out() {
    let user = User::of(&rotating());
    user.has_session("access-secret", 0, "stolen-secret");
    let (kind, words) = user.read().refusal();
    let expected = "the session of `corp` has ended; run `cargo login --registry corp`";
    assert_eq!((&*kind, &*words), ("other", expected));
}

#[test]
fn with_nothing_stored_other_providers_are_asked() {
    let user = User::of(&Server::silent());
    for request in [
        json!({"kind": "get", "operation": "read"}),
        json!({"kind": "get", "operation": "yank", "name": "foo", "vers": "1.0.0"}),
        json!({"kind": "logout"}),
    ] {
        let (kind, words) = user.ask(&request).refusal();
        let expected = "there is no credential for `corp`; run `cargo login --registry corp`";
        assert_eq!((&*kind, &*words), ("not-found", expected), "{request}");
    }
    assert_eq!(user.stored(), Value::Null);
}
