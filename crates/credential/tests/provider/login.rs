//! Signing in.

use std::fs;

use holdfast_servers::until;
use serde_json::{Value, json};

use crate::conversation::User;
use crate::server::{Server, declined, granted};

const AUTHORIZE: &str = "POST /base/api/v1/device/authorize";
const TOKEN: &str = "POST /base/api/v1/device/token";

/// Invites, lets the user take his time for as many questions as there are `answers`, and grants.
fn inviting(mut answers: Vec<(u16, Value)>) -> Server {
    Server::answering(move |route, body| match route {
        AUTHORIZE => {
            assert!(body.starts_with("client_id=cargo-credential-holdfast&label="), "{body}");
            let invitation = json!({
                "device_code": "device-secret", "user_code": "WDJB-MJHT", "expires_in": 600, "interval": 1,
                "verification_uri": "https://h/device", "verification_uri_complete": "https://h/device?code=x",
            });
            (200, invitation)
        }
        TOKEN => {
            assert!(body.contains("client_id=cargo-credential-holdfast"), "{body}");
            assert!(
                body.contains("grant-type%3Adevice_code") && body.contains("device_code=device-secret"),
                "{body}"
            );
            if answers.is_empty() { granted("access-secret", "refresh-secret") } else { answers.remove(0) }
        }
        other => panic!("{other}"),
    })
}

fn login() -> Value {
    json!({"kind": "login", "login-url": "https://h/me"})
}

#[test]
fn the_user_confirms_in_a_browser() {
    let server = inviting(vec![declined("authorization_pending")]);
    let user = User::of(&server);
    let outcome = user.ask(&login());
    for told in ["https://h/device\n", "WDJB-MJHT", "`corp`"] {
        assert!(outcome.words.contains(told), "{}", outcome.words);
    }
    assert_eq!(outcome.done(), json!({"kind": "login"}));
    assert_eq!(server.routes(), [AUTHORIZE, TOKEN, TOKEN]);
    let stored = user.stored();
    assert_eq!((&stored["kind"], &stored["access_token"]), (&json!("session"), &json!("access-secret")));
    assert_eq!(user.read().done()["token"], "access-secret");
}

#[cfg(unix)]
#[test]
fn the_file_is_for_its_owner_from_the_beginning() {
    use std::os::unix::fs::PermissionsExt as _;
    let user = User::of(&inviting(Vec::new()));
    user.ask(&login()).done();
    let mode = |path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(user.book()), 0o600);
    fs::set_permissions(user.book(), fs::Permissions::from_mode(0o640)).unwrap();
    let outcome = user.read();
    assert!(outcome.words.contains("warning: others could read"), "{}", outcome.words);
    assert_eq!((outcome.done()["token"].clone(), mode(user.book())), (json!("access-secret"), 0o600));
}

#[cfg(target_os = "linux")]
#[test]
fn a_browser_is_opened_where_there_is_a_screen() {
    let opened = "printf %s \"$1\" > \"$0.opened\"";
    let user = User::of(&inviting(Vec::new())).with("DISPLAY", ":0").with_program("xdg-open", opened);
    user.ask(&login()).done();
    until("the browser", || {
        let address = fs::read_to_string(user.home().join("xdg-open.opened")).ok()?;
        (address == "https://h/device?code=x").then_some(())
    });
    for unwanted in ["HOLDFAST_NO_BROWSER", "CI"] {
        let user = User::of(&inviting(Vec::new())).with("DISPLAY", ":0").with_program("xdg-open", opened);
        let user = user.with(unwanted, "true");
        user.ask(&login()).done();
        assert!(!user.home().join("xdg-open.opened").exists(), "{unwanted}");
    }
}

#[test]
fn a_sign_in_that_is_refused_stores_nothing() {
    for (code, words) in [
        ("access_denied", "refused in the browser"),
        ("expired_token", "nobody confirmed the code in time; run `cargo login` again"),
        ("invalid_grant", "answered: invalid_grant"),
    ] {
        let user = User::of(&inviting(vec![declined(code)]));
        let (kind, told) = user.ask(&login()).refusal();
        assert_eq!(kind, "other");
        assert!(told.contains(words), "{told}");
        assert!(!user.book().exists());
    }
}

#[test]
fn a_token_that_the_user_has_is_kept_and_given_for_everything() {
    let user = User::of(&Server::silent());
    let request = json!({"kind": "login", "token": "hf_secret\n"});
    user.ask(&request).done();
    let expected = json!({
        "kind": "get", "token": "hf_secret", "cache": "session", "operation_independent": true,
    });
    assert_eq!((user.read().done(), user.publish().done()), (expected.clone(), expected));
}

#[test]
fn what_cannot_be_a_token_is_not_kept() {
    let user = User::of(&Server::silent());
    let (kind, words) = user.ask(&json!({"kind": "login", "token": "my secret token"})).refusal();
    assert!(kind == "other" && words.contains("without spaces"), "{words}");
    assert!(!user.book().exists());
}
