//! People sign in by plain OAuth 2.0, and by GitHub: scripts answer as its documentation says.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use holdfast_identity::{BadAnswer, Callback, Flow, Person, SignInError};
use holdfast_servers::{Act, Front, Request};
use serde_json::{Value, json};

use crate::site::{begin, now, path_of, provider, redirect_uri};

/// Signs in where the script answers; the code is always the same.
async fn sign_in(config: &Value) -> Result<Person, SignInError> {
    let provider = provider(config);
    let begun = begin(&provider, 3).await.unwrap();
    provider.finish(now(), &redirect_uri(), &begun.flow, &back(&begun.flow)).await
}

fn back(flow: &Flow) -> Callback {
    let state = serde_json::to_value(flow).unwrap()["state"].as_str().map(str::to_owned);
    Callback { code: Some("the code".to_owned()), state, ..Callback::default() }
}

/// What a script has been asked.
type Log = Arc<Mutex<Vec<Request>>>;

fn script(front: &Front, answers: impl Fn(&str) -> (u16, Value) + Send + 'static) -> Log {
    let log = Log::default();
    let kept = log.clone();
    front.script(move |request| {
        kept.lock().unwrap().push(request.clone());
        let (status, body) = answers(request.line.split(' ').nth(1).unwrap());
        Act::Answer(status, body.to_string())
    });
    log
}

fn body_of(request: &Request) -> String {
    String::from_utf8(request.body.clone()).unwrap()
}

fn github(front: &Front) -> Value {
    let url = format!("http://{}", front.address());
    json!({"kind": "github", "client-id": "us", "client-secret": "hush", "url": url})
}

fn answers_of_github(target: &str) -> (u16, Value) {
    let organization = |number: usize| json!({"login": format!("org-{number}"), "id": number});
    let body = match target {
        "/login/oauth/access_token" => json!({"access_token": "abc", "token_type": "bearer", "scope": "x"}),
        "/api/v3/user" => json!({"id": 583_231, "login": "ann", "name": "Ann", "email": "shown@example.com"}),
        "/api/v3/user/emails?per_page=100&page=1" => json!([
            {"email": "old@example.com", "primary": false, "verified": true, "visibility": null},
            {"email": "ann@example.com", "primary": true, "verified": true, "visibility": "private"},
        ]),
        "/api/v3/user/orgs?per_page=100&page=1" => (0..100).map(organization).collect(),
        "/api/v3/user/orgs?per_page=100&page=2" => json!([{"login": "last"}]),
        "/api/v3/user/teams?per_page=100&page=1" => {
            json!([{"slug": "core", "name": "Core", "organization": {"login": "last"}}])
        }
        other => panic!("{other}"),
    };
    (200, body)
}

#[tokio::test]
async fn people_sign_in_by_github() {
    let front = Front::alone();
    let log = script(&front, answers_of_github);
    let ann = sign_in(&github(&front)).await.unwrap();
    assert_eq!((ann.issuer, ann.subject.as_str()), (format!("http://{}", front.address()), "583231"));
    assert_eq!((ann.login.as_deref(), ann.full_name.as_deref()), (Some("ann"), Some("Ann")));
    assert_eq!((ann.email.as_deref(), ann.email_verified), (Some("ann@example.com"), true));
    assert_eq!(ann.groups.len(), 102);
    assert!(["org-0", "org-99", "last", "last/core"].iter().all(|group| ann.groups.contains(*group)));

    let log = log.lock().unwrap();
    let form = body_of(&log[0]);
    assert!(form.contains("code=the+code") && form.contains("client_secret=hush"), "{form}");
    assert!(form.contains("code_verifier=") && log[0].header("authorization").is_none(), "{form}");
    assert!(log[1..].iter().all(|request| request.header("authorization") == Some("Bearer abc")));
    assert!(log.iter().all(|request| request.header("user-agent") == Some("holdfast")));
}

#[tokio::test]
async fn groups_of_github_are_asked_for_on_demand() {
    let front = Front::alone();
    let log = script(&front, answers_of_github);
    let mut config = github(&front);
    config["groups"] = json!(false);
    assert_eq!(sign_in(&config).await.unwrap().groups, BTreeSet::new());
    assert!(log.lock().unwrap().iter().all(|request| !path_of(request).ends_with("orgs")));
    let url = begin(&provider(&config), 1).await.unwrap().url;
    assert!(!url.as_str().contains("read%3Aorg"), "{url}");
    let url = begin(&provider(&github(&front)), 1).await.unwrap().url;
    assert!(url.as_str().contains("scope=read%3Auser+user%3Aemail+read%3Aorg"), "{url}");
}

#[tokio::test]
async fn refusals_of_github_have_a_status_of_success() {
    let front = Front::alone();
    let body = json!({"error": "bad_verification_code", "error_description": "The code is incorrect."});
    script(&front, move |_| (200, body.clone()));
    let error = sign_in(&github(&front)).await.unwrap_err().to_string();
    assert_eq!(error, "the provider refused: bad_verification_code: The code is incorrect.");
    script(&front, |target| match target {
        "/api/v3/user/teams?per_page=100&page=1" => (403, json!({"message": "no"})),
        other => answers_of_github(other),
    });
    // Without the groups, somebody could lose rights.
    assert!(matches!(sign_in(&github(&front)).await, Err(SignInError::Unavailable(_))));
}

fn anybody(front: &Front) -> Value {
    let at = |path: &str| format!("http://{}{path}", front.address());
    json!({
        "kind": "oauth",
        "authorize-url": at("/authorize?realm=x"),
        "token-url": at("/token"),
        "user-url": at("/me"),
        "client-id": "us & them",
        "client-secret": "hush: hush",
        "scopes": ["me", "teams"],
        "subject": "/user/id",
        "claims": {"login": "/user/nick", "email": "/user/mails/0", "groups": "/teams"},
    })
}

#[tokio::test]
async fn people_sign_in_by_anybody() {
    let front = Front::alone();
    let log = script(&front, |target| match target {
        "/token" => (200, json!({"access_token": "abc", "token_type": "Bearer"})),
        "/me" => (
            200,
            json!({"user": {"id": 7, "nick": "ann", "mails": ["ann@example.com"]}, "name": " ", "teams": ["a"]}),
        ),
        other => panic!("{other}"),
    });
    let config = anybody(&front);
    let url = begin(&provider(&config), 1).await.unwrap().url;
    assert!(url.as_str().contains("/authorize?realm=x&response_type=code&client_id=us+%26+them&"), "{url}");
    assert!(url.as_str().ends_with("&scope=me+teams"), "{url}");
    let ann = sign_in(&config).await.unwrap();
    assert_eq!((ann.issuer, ann.subject.as_str()), (format!("http://{}/me", front.address()), "7"));
    assert_eq!((ann.login.as_deref(), ann.full_name), (Some("ann"), None));
    assert_eq!((ann.email.as_deref(), ann.email_verified), (Some("ann@example.com"), false));
    assert_eq!(ann.groups, BTreeSet::from(["a".to_owned()]));
    // Each part as a form writes it, then both in base64.
    let expected = "Basic dXMrJTI2K3RoZW06aHVzaCUzQStodXNo";
    assert_eq!(log.lock().unwrap()[0].header("authorization"), Some(expected));
}

#[tokio::test]
async fn bad_answers_are_told_apart() {
    let front = Front::alone();
    let config = anybody(&front);
    for (token, me, expected) in [
        (json!({"token_type": "bearer"}), json!({}), BadAnswer::NoAccessToken),
        (json!({"access_token": "a", "token_type": "mac"}), json!({}), BadAnswer::NoAccessToken),
        (json!({"access_token": "a"}), json!({}), BadAnswer::NoSubject),
        (json!({"access_token": "a"}), json!({"user": {"id": "x".repeat(256)}}), BadAnswer::NoSubject),
        (json!({"access_token": "a"}), json!({"user": {"id": {}}}), BadAnswer::NoSubject),
    ] {
        script(&front, move |target| (200, if target == "/token" { token.clone() } else { me.clone() }));
        let refused = sign_in(&config).await;
        assert!(matches!(&refused, Err(SignInError::BadAnswer(found)) if *found == expected), "{refused:?}");
    }
    for (status, body) in
        [(200, json!([])), (400, json!("no")), (500, json!({"error": "x"})), (302, json!({}))]
    {
        script(&front, move |_| (status, body.clone()));
        assert!(matches!(sign_in(&config).await, Err(SignInError::Unavailable(_))), "{status}");
    }
}
