//! Signing out.

use serde_json::{Value, json};

use crate::conversation::User;
use crate::server::{Server, declined, granted};

const CURRENT: &str = "DELETE /base/api/v1/tokens/current";

fn logout() -> Value {
    json!({"kind": "logout"})
}

#[test]
fn the_session_ends_at_the_server_and_here() {
    let server = Server::answering(|_, _| (200, json!({"ok": true})));
    let user = User::of(&server);
    user.has_session("access-secret", 600, "refresh-secret");
    let outcome = user.ask(&logout());
    assert_eq!(outcome.words, "");
    assert_eq!(outcome.done(), json!({"kind": "logout"}));
    let expected = (CURRENT.to_owned(), "Bearer access-secret".to_owned(), String::new());
    assert_eq!((server.seen(), user.stored()), (vec![expected], Value::Null));
    assert_eq!(user.ask(&logout()).refusal().0, "not-found");
}

#[test]
fn an_old_session_is_renewed_to_be_ended() {
    let server = Server::answering(|route, _| match route {
        CURRENT => (200, json!({})),
        _ => granted("new-secret", "refresh-secret-2"),
    });
    let user = User::of(&server);
    user.has_session("old-secret", 0, "refresh-secret");
    assert_eq!(user.ask(&logout()).words, "");
    assert_eq!((server.seen()[1].1.as_str(), user.stored()), ("Bearer new-secret", Value::Null));
}

#[test]
fn a_session_that_has_ended_already_is_forgotten_quietly() {
    let user = User::of(&Server::answering(|_, _| declined("invalid_grant")));
    user.has_session("old-secret", 0, "refresh-secret");
    let outcome = user.ask(&logout());
    assert_eq!(outcome.words, "");
    outcome.done();
    assert_eq!(user.stored(), Value::Null);
}

#[test]
fn a_server_that_fails_does_not_keep_the_user_signed_in() {
    let server = Server::answering(|_, _| (503, json!({"errors": [{"detail": "the database is away"}]})));
    let user = User::of(&server);
    user.has_session("access-secret", 600, "refresh-secret");
    let outcome = user.ask(&logout());
    for told in ["warning: the session is forgotten here, but the server did not end it", "database is away"]
    {
        assert!(outcome.words.contains(told), "{}", outcome.words);
    }
    outcome.done();
    assert_eq!(user.stored(), Value::Null);
}

#[test]
fn a_token_that_the_user_brought_stays_good() {
    let user = User::of(&Server::silent());
    user.has(&json!({"kind": "token", "token": "hf_secret"}));
    let outcome = user.ask(&logout());
    assert!(outcome.words.contains("still good"), "{}", outcome.words);
    outcome.done();
    assert_eq!(user.stored(), Value::Null);
}
