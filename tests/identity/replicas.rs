//! What ends on one replica ends on the others within the staleness bound.

use crate::support::{Person, add, quick};
use holdfast_testkit::Server;
use serde_json::json;
use std::time::{Duration, Instant};

/// The default of the option `staleness`.
const BOUND: Duration = Duration::from_secs(1);
const TOKEN: &str = "the-token-of-both-replicas-0123456789";

/// What a caller is to a replica: the status of `/api/v1/me`, and the role there.
type Standing = (u16, Option<String>);

fn standing(server: &Server, headers: &[(&str, &str)]) -> Standing {
    let answer = server.anonymous().send("GET", "/api/v1/me", headers, b"");
    let role = (answer.status == 200).then(|| answer.json()["role"].as_str().unwrap().to_owned());
    (answer.status, role)
}

/// Changes something on a replica and asks the other until it knows. The promise is exact: whoever asks later than
/// the bound after the change was acknowledged sees it.
#[track_caller]
fn arrives(what: &str, other: &Server, headers: &[(&str, &str)], change: impl FnOnce()) -> Standing {
    let before = standing(other, headers);
    assert_eq!(before.0, 200, "{what}, before");
    change();
    let changed = Instant::now();
    loop {
        let asked = changed.elapsed();
        let now = standing(other, headers);
        if now != before {
            return now;
        }
        assert!(asked < BOUND, "{what} was not known {asked:?} after it was acknowledged");
    }
}

#[test]
fn what_ends_on_one_replica_ends_on_the_other() {
    let folder = tempfile::tempdir().unwrap();
    let builder = quick().data(&folder.path().join("data")).token(TOKEN);
    let (here, there) = (builder.clone().start(), builder.start());
    let mut admin = here.http();
    add(&here, "alice", "publisher", "a long password");
    let token = |label: &str| {
        let wanted = json!({ "user": "alice", "label": label });
        let made = here.http().post_json("/api/v1/tokens", &wanted).expect_status(201).json();
        (made["token"].as_str().unwrap().to_owned(), made["id"].as_str().unwrap().to_owned())
    };
    let ended = |standing: &Standing| assert_eq!(standing, &(401, None));

    let (secret, id) = token("revoked by an admin");
    ended(&arrives("a revoked token", &there, &[("Authorization", &secret)], || {
        admin.delete(&format!("/api/v1/tokens/{id}"), b"").expect_status(204);
    }));
    let (secret, _) = token("revoked by itself");
    ended(&arrives("a token that revoked itself", &there, &[("Authorization", &secret)], || {
        here.anonymous().with_token(&secret).delete("/api/v1/tokens/current", b"").expect_status(204);
    }));

    // A session that began here counts there at once, and ends there with its end here.
    let mut alice = Person::sign_in(&here, "alice", "a long password").ok().unwrap();
    let cookie = format!("__Host-holdfast={}", alice.session());
    ended(&arrives("a session", &there, &[("Cookie", &cookie)], || {
        alice.post("/logout", &[]).expect_status(303);
    }));
    let alice = Person::sign_in(&here, "alice", "a long password").ok().unwrap();
    let cookie = format!("__Host-holdfast={}", alice.session());
    ended(&arrives("a session before a new password", &there, &[("Cookie", &cookie)], || {
        admin
            .put_json("/api/v1/users/alice/password", &json!({ "new": "a new password" }))
            .expect_status(204);
    }));

    let (secret, _) = token("laptop");
    let headers = [("Authorization", secret.as_str())];
    let patch = |http: &mut holdfast_testkit::Http, change: &serde_json::Value| {
        let headers = [("Content-Type", "application/json")];
        http.send("PATCH", "/api/v1/users/alice", &headers, change.to_string().as_bytes()).expect_status(200);
    };
    let lowered =
        arrives("a lower role", &there, &headers, || patch(&mut admin, &json!({ "role": "reader" })));
    assert_eq!(lowered, (200, Some("reader".to_owned())));
    ended(&arrives("a disabled user", &there, &headers, || patch(&mut admin, &json!({ "disabled": true }))));
    here.assert_unharmed();
    there.assert_unharmed();
}
