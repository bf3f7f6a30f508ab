//! Signing in by a real OpenID provider: the browser goes there and comes back.

use crate::site::{Answer, Site, get};
use holdfast_identity::{Client, SignIn};
use holdfast_registry::entity::Role;
use holdfast_registry::{Outside as _, Provider, ProviderRules, Settings};
use holdfast_servers::Oidc;
use holdfast_web::WebSettings;
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;

/// A server that lets people in by a provider called `corp`.
async fn with_corp() -> Option<(Site, Oidc)> {
    let oidc = Oidc::start()?;
    let config = json!({"kind": "oidc", "issuer": oidc.issuer(), "client-id": Oidc::CLIENT,
        "client-secret": Oidc::SECRET});
    let provider = |name: &str| Provider {
        name: name.to_owned(),
        sign_in: SignIn::new(serde_json::from_value(config.clone()).unwrap(), &Client::new().unwrap())
            .unwrap(),
        rules: ProviderRules {
            create_users: true,
            role: Role::Reader,
            domains: Vec::new(),
            groups: Vec::new(),
            teams: BTreeMap::new(),
            roles: BTreeMap::new(),
        },
    };
    let public_url = Some("http://127.0.0.1:1".to_owned());
    let settings = WebSettings { public_url, ..WebSettings::default() };
    let providers = vec![provider("corp"), provider("other")];
    let site = Site::with_providers(settings, Settings::default(), providers).await;
    #[expect(clippy::disallowed_methods, reason = "another program's clock must be met")]
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
    site.outside.advance(now.saturating_sub(Duration::from_millis(site.outside.unix_millis())));
    Some((site, oidc))
}

/// Begins a sign-in: where the browser is sent, and the cookie that it takes along.
async fn begin(site: &Site, query: &str) -> (String, String) {
    let answer = get(&format!("/login/corp{query}")).send(site).await.expect(303);
    let (cookie, attributes) = answer.header("set-cookie").unwrap().split_once(';').unwrap();
    assert!(cookie.starts_with("__Host-holdfast-flow="));
    assert_eq!(attributes, " Path=/; Max-Age=900; Secure; HttpOnly; SameSite=Lax");
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    (answer.header("location").unwrap().to_owned(), cookie.to_owned())
}

/// What the provider gives a browser to come back with.
async fn way_back(oidc: Oidc, url: String, name: &'static str) -> (Oidc, String) {
    let back = tokio::task::spawn_blocking(move || {
        let back = oidc.sign_in(&url, name);
        (oidc, back)
    });
    let (oidc, back) = back.await.unwrap();
    let path = back.strip_prefix("http://127.0.0.1:1").unwrap().to_owned();
    (oidc, path)
}

fn cookies(answer: &Answer) -> Vec<&str> {
    answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect()
}

async fn come_back(site: &Site, path: &str, cookie: &str) -> Answer {
    get(path).header("cookie", cookie).header("sec-fetch-site", "cross-site").send(site).await
}

#[tokio::test]
async fn somebody_signs_in() {
    let Some((site, oidc)) = with_corp().await else { return };
    let page = get("/login?to=/device").send(&site).await.expect(200);
    assert!(page.text().contains("href=\"/login/corp?to=%2Fdevice\""));
    let (url, cookie) = begin(&site, "?to=/device").await;
    let (_oidc, back) = way_back(oidc, url, "ann").await;
    assert!(back.starts_with("/login/corp/callback?"), "{back}");
    let answer = come_back(&site, &back, &cookie).await.expect(200);
    assert!(answer.text().contains("content=\"0;url=/device\"") && answer.text().contains("ann"));
    let [session, flow] = cookies(&answer)[..] else { panic!("{answer:?}") };
    assert_eq!(flow, "__Host-holdfast-flow=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax");
    let (session, attributes) = session.strip_prefix("__Host-holdfast=").unwrap().split_once(';').unwrap();
    assert_eq!(attributes, " Path=/; Max-Age=604800; Secure; HttpOnly; SameSite=Strict");
    let me = get("/api/v1/me").session(session).send(&site).await.ok_json();
    assert_eq!((&me["login"], &me["role"]), (&json!("ann"), &json!("reader")));
    let again = come_back(&site, &back, &cookie).await.expect(403);
    assert!(cookies(&again).is_empty(), "a code works once");
}

#[tokio::test]
async fn a_sign_in_ends_in_the_browser_where_it_was_begun() {
    let Some((site, oidc)) = with_corp().await else { return };
    let (url, cookie) = begin(&site, "").await;
    let (_, others) = begin(&site, "").await;
    let (_oidc, back) = way_back(oidc, url, "mallory").await;
    // Somebody is sent the last step of a sign-in that is not theirs.
    for (path, cookie, status) in [
        (back.clone(), "a=b", 400),
        (back.clone(), "__Host-holdfast-flow=e30", 400),
        (back.clone(), &*others, 403),
        (back.replace("/corp/", "/other/"), &*cookie, 400),
        (back.replace("code=", "code=x"), &*cookie, 403),
        ("/login/corp/callback?error=access_denied".to_owned(), &*cookie, 403),
    ] {
        let refused = come_back(&site, &path, cookie).await.expect(status);
        assert!(cookies(&refused).is_empty(), "{path}");
        assert!(refused.text().contains("Not signed in"));
    }
    get("/login/none").send(&site).await.expect(404);
}

#[tokio::test]
async fn a_name_alone_gives_nobody_an_account() {
    let Some((site, oidc)) = with_corp().await else { return };
    let (url, cookie) = begin(&site, "?to=//evil.example").await;
    let (_oidc, back) = way_back(oidc, url, "admin").await;
    let refused = come_back(&site, &back, &cookie).await.expect(409);
    assert!(refused.text().contains("there is an account `admin` that is not yours yet"));
    assert!(cookies(&refused).is_empty());
}

#[tokio::test]
async fn a_provider_that_is_down_disturbs_nobody_else() {
    let Some((site, oidc)) = with_corp().await else { return };
    drop(oidc);
    site.password("admin").await;
    get("/login/corp").send(&site).await.expect(503);
    get("/login").send(&site).await.expect(200);
    get("/account").session(&site.session("admin").await).send(&site).await.expect(200);
    get("/readyz").send(&site).await.expect(200);
}
