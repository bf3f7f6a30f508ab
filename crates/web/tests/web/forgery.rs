//! Requests that another site has somebody's browser send.

use crate::site::{Ask, HOST, PASSWORD, Site, ask, delete, post, put};
use holdfast_registry::entity::Role;
use holdfast_web::ROUTES;
use serde_json::json;

/// How browsers say that a request comes from elsewhere, or do not say anything.
const FOREIGN: &[&[(&str, &str)]] = &[
    &[("sec-fetch-site", "cross-site")],
    &[("sec-fetch-site", "same-site")],
    &[("sec-fetch-site", "none")],
    &[("sec-fetch-site", "cross-site"), ("origin", "http://crates.example")],
    &[("origin", "null")],
    &[("origin", "https://crates.example")],
    &[("origin", "http://crates.example.evil.example")],
    &[("origin", "http://evil.example")],
    &[("referer", "http://crates.example/account")],
    &[],
];

fn with(mut request: Ask, headers: &'static [(&'static str, &'static str)]) -> Ask {
    for (name, value) in headers {
        request = request.header(name, value);
    }
    request
}

#[tokio::test]
async fn a_session_changes_nothing_on_the_word_of_others() {
    let site = Site::new().await;
    site.password("admin").await;
    let cookie = format!("__Host-holdfast={}", site.session("admin").await);
    let routes = ROUTES.iter().filter(|route| route.method != "GET" && !route.path.starts_with("/r/"));
    for route in routes.filter(|route| !takes_no_cookie(route.path)) {
        let path = route.path.replace("{registry}", "main").replace("{login}", "admin");
        let path = path.replace("{secret}", "hf_x").replace(['{', '}'], "");
        for headers in FOREIGN {
            let request = with(ask(route.method, &path).header("cookie", &cookie), headers);
            let answer = request.send(&site).await;
            assert_eq!(answer.status, 403, "{} {path} {headers:?}: {:?}", route.method, answer.body);
            assert!(answer.header("set-cookie").is_none(), "{path}");
        }
    }
}

/// What needs a secret in its body, whoever sends it.
fn takes_no_cookie(path: &str) -> bool {
    let is_exchange = path == "/api/v1/trusted_publishing/tokens";
    path.starts_with("/ktra/") || path.starts_with("/api/v1/device/") || is_exchange
}

#[tokio::test]
async fn forms_for_strangers_are_our_own_too() {
    let site = Site::new().await;
    site.user("alice", Role::Publisher).await;
    site.password("alice").await;
    let fields = [("login", "alice"), ("password", PASSWORD), ("again", PASSWORD)];
    for path in ["/login", "/logout", "/register", "/invitation/hf_x"] {
        for headers in FOREIGN {
            let request = with(post(path).form(&fields).without("sec-fetch-site"), headers);
            let answer = request.send(&site).await.expect(403);
            assert!(
                answer.header("set-cookie").is_none(),
                "{path}: nobody is signed in or out from elsewhere"
            );
        }
    }
    let ours = format!("http://{HOST}");
    let older = post("/login").form(&fields).without("sec-fetch-site").header("origin", &ours);
    older.send(&site).await.expect(303);
}

#[tokio::test]
async fn pages_let_browsers_say_where_forms_come_from() {
    let page = crate::site::get("/login").send(&Site::new().await).await.expect(200);
    // With `no-referrer`, the `Origin` of our own forms would be `null`.
    assert_eq!(page.header("referrer-policy"), Some("same-origin"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("form-action 'self'"));
}

#[tokio::test]
async fn our_own_pages_use_the_api() {
    let site = Site::new().await;
    site.password("admin").await;
    let session = site.session("admin").await;
    let token = json!({"label": "x"});
    post("/api/v1/tokens").session(&session).json(&token).send(&site).await.expect(201);
    put("/api/v1/users/admin/password")
        .session(&session)
        .json(&json!({"new": PASSWORD}))
        .send(&site)
        .await
        .expect(204);
    // Without a cookie there is nothing to protect: the token itself is in the request.
    let made = post("/api/v1/tokens").token(crate::site::ADMIN).header("sec-fetch-site", "cross-site");
    made.json(&token).send(&site).await.expect(201);
    delete("/api/v1/tokens/current").token(crate::site::ADMIN).send(&site).await.expect(204);
}
