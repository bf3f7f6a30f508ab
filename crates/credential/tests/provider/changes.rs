//! Tokens for one change each.

use serde_json::{Value, json};

use crate::conversation::User;
use crate::server::{Server, granted};

const BOUND: &str = "POST /base/api/v1/tokens/bound";

#[test]
fn each_change_gets_a_token_of_its_own() {
    for (request, expected) in [
        (
            json!({"operation": "publish", "name": "foo", "vers": "0.1.0", "cksum": "f501"}),
            json!({"operation": "publish", "name": "foo", "vers": "0.1.0", "cksum": "f501", "registry": "main"}),
        ),
        (
            json!({"operation": "yank", "name": "foo", "vers": "0.1.0"}),
            json!({"operation": "yank", "name": "foo", "vers": "0.1.0", "registry": "main"}),
        ),
        (
            json!({"operation": "unyank", "name": "foo", "vers": "0.1.0"}),
            json!({"operation": "unyank", "name": "foo", "vers": "0.1.0", "registry": "main"}),
        ),
        (
            json!({"operation": "owners", "name": "foo"}),
            json!({"operation": "owners", "name": "foo", "registry": "main"}),
        ),
    ] {
        let server = Server::answering(|_, _| {
            (201, json!({"token": "bound-secret", "expires_at": "2030-01-01T00:00:00Z"}))
        });
        let user = User::of(&server);
        user.has_session("access-secret", 600, "refresh-secret");
        let mut asked = request;
        asked["kind"] = json!("get");
        let done = user.ask(&asked).done();
        let reply = json!({
            "kind": "get", "token": "bound-secret", "cache": "never", "operation_independent": false,
        });
        assert_eq!(done, reply);
        let [(route, authorization, body)] = &*server.seen() else { panic!("one request") };
        assert_eq!((&**route, &**authorization), (BOUND, "Bearer access-secret"));
        assert_eq!(serde_json::from_str::<Value>(body).unwrap(), expected);
    }
}

#[test]
fn an_old_session_is_renewed_first() {
    let server = Server::answering(|route, _| match route {
        BOUND => (201, json!({"token": "bound-secret", "expires_at": 1})),
        _ => granted("new-secret", "refresh-secret-2"),
    });
    let user = User::of(&server);
    user.has_session("old-secret", 10, "refresh-secret");
    assert_eq!(user.publish().done()["token"], "bound-secret");
    assert_eq!(server.routes(), ["POST /base/api/v1/device/token", BOUND]);
    assert_eq!(server.seen()[1].1, "Bearer new-secret");
}

#[test]
fn the_words_of_the_server_reach_the_user() {
    let server = Server::answering(|_, _| {
        (403, json!({"errors": [{"detail": "you do not own `foo`;\u{1b}[2J ask an owner"}]}))
    });
    let user = User::of(&server);
    user.has_session("access-secret", 600, "refresh-secret");
    let (kind, words) = user.publish().refusal();
    assert_eq!(kind, "other");
    assert!(words.starts_with("the server gave no token for this operation: "), "{words}");
    assert!(words.contains("you do not own `foo`; [2J ask an owner (status 403)"), "{words}");
}

#[test]
fn what_a_later_cargo_wants_is_declined() {
    let user = User::of(&Server::silent());
    user.has_session("access-secret", 600, "refresh-secret");
    for request in [json!({"kind": "get", "operation": "delete"}), json!({"kind": "renew"})] {
        let (kind, words) = user.ask(&request).refusal();
        assert_eq!(kind, "operation-not-supported");
        assert!(words.contains("newer `cargo-credential-holdfast`"), "{words}");
    }
}
