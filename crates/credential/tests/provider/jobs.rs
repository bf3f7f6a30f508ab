//! CI jobs: the token of the job is exchanged, and nothing is stored unless the job has no other.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::conversation::{Outcome, User};
use crate::server::Server;

const EXCHANGE: &str = "POST /base/api/v1/trusted_publishing/tokens";

/// Gives job tokens as GitHub does, and exchanges them.
fn exchanging() -> Server {
    Server::answering(|route, body| match route {
        EXCHANGE => {
            let asked: Value = serde_json::from_str(body).unwrap();
            let access = asked["access"].as_str().unwrap_or("publish").to_owned();
            (200, json!({"token": format!("{access}-secret"), "expires_in": 1800}))
        }
        _ => (200, json!({"count": 1, "value": "jwt-secret"})),
    })
}

/// A token as CI systems sign them, for somebody.
fn id_token(audience: &Value, job: &str) -> String {
    let claims = URL_SAFE_NO_PAD.encode(json!({ "aud": audience, "sub": job }).to_string());
    format!("e30.{claims}.c2lnbmF0dXJl")
}

/// The audience of the server.
fn audience(server: &Server) -> Value {
    json!(format!("{}/base", server.host()))
}

/// The exchanges that the server saw.
fn exchanges(server: &Server) -> Vec<Value> {
    let seen = server.seen().into_iter().filter(|(route, _, _)| route == EXCHANGE);
    seen.map(|(_, _, body)| serde_json::from_str(&body).unwrap()).collect()
}

#[track_caller]
fn gives(outcome: Outcome, token: &str, cache: &str) {
    let expected = json!({"kind": "get", "token": token, "cache": cache, "operation_independent": false});
    assert_eq!(outcome.done(), expected);
}

#[track_caller]
fn reads_and_publishes(server: &Server, user: &User, jwt: &str) {
    gives(user.read(), "read-secret", "session");
    gives(user.publish(), "publish-secret", "never");
    let expected = [json!({"jwt": jwt, "access": "read", "registry": "main"}), json!({"jwt": jwt})];
    assert_eq!(exchanges(server), expected);
}

#[test]
fn actions_give_a_token_for_the_audience_of_the_server() {
    for (query, sign) in [("?api-version=2.0", '&'), ("", '?')] {
        let server = exchanging();
        let user = User::of(&server)
            .with("ACTIONS_ID_TOKEN_REQUEST_URL", format!("http://{}/oidc{query}", server.host()))
            .with("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "runner-secret");
        reads_and_publishes(&server, &user, "jwt-secret");
        assert!(!user.book().exists());
        let (route, authorization, _) = server.seen().remove(0);
        let audience =
            format!("{}/base", server.host()).replace('.', "%2E").replace(':', "%3A").replace('/', "%2F");
        assert_eq!(route, format!("GET /oidc{query}{sign}audience={audience}"));
        assert_eq!(authorization, "Bearer runner-secret");
    }
}

#[test]
fn a_finished_token_is_taken_from_the_environment() {
    let server = exchanging();
    let jwt = id_token(&audience(&server), "first");
    let user = User::of(&server).with("HOLDFAST_ID_TOKEN", &jwt);
    reads_and_publishes(&server, &user, &jwt);
    // It is good for one exchange: the next crate is published with what came for it.
    gives(user.publish(), "publish-secret", "never");
    assert_eq!(exchanges(&server).len(), 2);
    let book = std::fs::read_to_string(user.book()).unwrap();
    assert!(!book.contains(&jwt), "the job's own token is not kept");
    let next = user.with("HOLDFAST_ID_TOKEN", id_token(&json!([audience(&server)]), "next"));
    gives(next.publish(), "publish-secret", "never");
    assert_eq!(exchanges(&server).len(), 3);
}

/// A crate may depend on one of a registry that nobody here chose.
#[test]
fn a_token_for_another_server_is_not_shown_around() {
    let server = Server::silent();
    for other in
        [json!("crates.example.com"), json!(["crates.example.com"]), json!(server.host()), Value::Null]
    {
        let user = User::of(&server).with("HOLDFAST_ID_TOKEN", id_token(&other, "job"));
        for outcome in [user.read(), user.publish()] {
            assert_eq!(outcome.refusal().0, "not-found", "{other}");
        }
    }
    let user = User::of(&server).with("HOLDFAST_ID_TOKEN", "no-such-token");
    assert_eq!(user.read().refusal().0, "not-found");
}

#[cfg(unix)]
#[test]
fn the_agent_of_buildkite_is_asked() {
    let server = exchanging();
    let script =
        format!("[ \"$*\" = 'oidc request-token --audience {}/base' ] && echo jwt-secret", server.host());
    let user = User::of(&server).with("BUILDKITE", "true").with_program("buildkite-agent", &script);
    reads_and_publishes(&server, &user, "jwt-secret");
    let user = User::of(&server).with("BUILDKITE", "true").with_program("buildkite-agent", "exit 1");
    let (kind, words) = user.read().refusal();
    assert!(kind == "other" && words.contains("`buildkite-agent oidc request-token` failed"), "{words}");
}

#[test]
fn what_is_stored_goes_before_the_token_of_the_job() {
    let user = User::of(&Server::silent()).with("HOLDFAST_ID_TOKEN", "jwt-secret");
    user.has_session("access-secret", 600, "refresh-secret");
    assert_eq!(user.read().done()["token"], "access-secret");
}

#[test]
fn a_job_can_neither_yank_nor_change_owners() {
    let user = User::of(&Server::silent()).with("HOLDFAST_ID_TOKEN", "jwt-secret");
    for operation in ["yank", "unyank", "owners"] {
        let asked = json!({"kind": "get", "operation": operation, "name": "foo", "vers": "0.1.0"});
        assert_eq!(user.ask(&asked).refusal().0, "not-found");
    }
}

#[test]
fn a_refused_exchange_is_told() {
    let server =
        Server::answering(|_, _| (403, json!({"errors": [{"detail": "no crate trusts this workflow"}]})));
    let user = User::of(&server).with("HOLDFAST_ID_TOKEN", id_token(&audience(&server), "job"));
    let (kind, words) = user.publish().refusal();
    assert_eq!(kind, "other");
    assert!(words.contains("cannot exchange the token of this CI job"), "{words}");
    assert!(words.contains("no crate trusts this workflow (status 403)"), "{words}");
}
