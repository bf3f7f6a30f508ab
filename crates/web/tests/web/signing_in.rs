//! Signing in and out in a browser, and one's own account.

use crate::keys::public_key;
use crate::site::{ADMIN, Answer, PASSWORD, Site, delete, get, post};
use holdfast_registry::Settings;
use holdfast_registry::entity::Role;
use holdfast_web::WebSettings;
use serde_json::{Value, json};
use std::time::Duration;

/// A server with alice, who has a password.
async fn with_alice() -> Site {
    let site = Site::new().await;
    site.user("alice", Role::Publisher).await;
    site.password("alice").await;
    site
}

/// The secret in the cookie of an answer, whose other words are as they must be.
fn cookie_of(answer: &Answer) -> String {
    let cookie = answer.header("set-cookie").unwrap();
    let secret = cookie.strip_prefix("__Host-holdfast=").unwrap();
    let (secret, attributes) = secret.split_once(';').unwrap();
    assert_eq!(attributes, " Path=/; Max-Age=604800; Secure; HttpOnly; SameSite=Strict");
    secret.to_owned()
}

async fn sign_in(site: &Site, login: &str, password: &str) -> Answer {
    post("/login").form(&[("login", login), ("password", password)]).send(site).await
}

#[tokio::test]
async fn in_and_out() {
    let site = with_alice().await;
    let page = get("/account").send(&site).await.expect(303);
    assert_eq!(page.header("location"), Some("/login?to=%2Faccount"));
    let answer = sign_in(&site, " Alice ", PASSWORD).await.expect(303);
    assert_eq!(answer.header("location"), Some("/account"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    let session = cookie_of(&answer);
    let account = get("/account").session(&session).send(&site).await.expect(200);
    assert!(account.text().contains("this browser"));
    assert_eq!(account.header("cache-control"), Some("private, no-store"));
    let again = get("/login").session(&session).send(&site).await.expect(303);
    assert_eq!(again.header("location"), Some("/account"));
    let out = post("/logout").session(&session).send(&site).await.expect(303);
    let cleared = "__Host-holdfast=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict";
    assert_eq!(out.header("set-cookie"), Some(cleared));
    get("/account").session(&session).send(&site).await.expect(303);
    post("/logout").session(&session).send(&site).await.expect(303);
}

#[tokio::test]
async fn each_sign_in_is_a_session_of_its_own() {
    let site = with_alice().await;
    let request = post("/login").form(&[("login", "alice"), ("password", PASSWORD)]);
    let planted = "hf_somethingthatanotherpersonchose";
    let fixed = request.header("cookie", &format!("__Host-holdfast={planted}")).send(&site).await.expect(303);
    let (one, two) = (cookie_of(&fixed), cookie_of(&sign_in(&site, "alice", PASSWORD).await));
    assert!(one != two && one != planted);
    get("/account").session(planted).send(&site).await.expect(303);
}

#[tokio::test]
async fn a_wrong_password_keeps_the_form() {
    let site = with_alice().await;
    site.user("robot", Role::Publisher).await;
    let mut pages = Vec::new();
    for (login, password) in
        [("alice", "a-guess"), ("nobody", "a-guess"), ("robot", "a-guess"), ("<b>", PASSWORD)]
    {
        let page = sign_in(&site, login, password).await.expect(401);
        assert!(page.text().contains("the name or the password is wrong"), "{}", page.text());
        assert!(page.text().contains("name=\"password\"") && page.header("set-cookie").is_none());
        assert!(!page.text().contains(password));
        pages.push(page.body);
    }
    assert!(pages.iter().all(|page| *page == pages[0]), "nothing tells which names there are");
    let empty = sign_in(&site, "alice", "").await.expect(400);
    assert!(empty.text().contains("the password is empty"));
    site.holdfast
        .disable_user(&holdfast_registry::Actor::operator(), &"alice".parse().unwrap())
        .await
        .unwrap();
    assert_eq!(sign_in(&site, "alice", PASSWORD).await.expect(401).body, pages[0]);
}

#[tokio::test]
async fn guessing_is_bounded() {
    let site = with_alice().await;
    for _ in 0..10 {
        sign_in(&site, "alice", "wrong").await.expect(401);
    }
    let refused = async |after: u64| {
        site.outside.advance(Duration::from_secs(after));
        let page = sign_in(&site, "alice", PASSWORD).await.expect(429);
        let (_, words) =
            page.text().split_once("too many failed attempts from your address; try again in ").unwrap();
        let words = words.split('<').next().unwrap().to_owned();
        (page.header("retry-after").unwrap().to_owned(), words)
    };
    let (minutes, seconds) = ("15 minutes".to_owned(), "50 seconds".to_owned());
    assert_eq!(refused(0).await, ("900".to_owned(), minutes));
    assert_eq!(refused(850).await, ("50".to_owned(), seconds));
    let script = json!({"password": PASSWORD});
    let script = post("/ktra/api/v1/login/alice").json(&script).send(&site).await.expect(429);
    assert_eq!(script.header("retry-after"), Some("50"), "the same for whoever comes without a browser");
    site.outside.advance(Duration::from_secs(50));
    sign_in(&site, "alice", PASSWORD).await.expect(303);
    assert_eq!(sign_in(&site, "alice", "wrong").await.expect(401).header("retry-after"), None);
}

#[tokio::test]
async fn only_pages_of_ours_are_gone_on_to() {
    let site = with_alice().await;
    for (to, location) in [
        ("/device?code=ABCD-EFGH", "/device?code=ABCD-EFGH"),
        ("//evil.example", "/account"),
        ("https://evil.example", "/account"),
        ("/\\evil.example", "/account"),
        ("/a\r\nset-cookie: x=y", "/account"),
        ("javascript:alert(1)", "/account"),
        ("", "/account"),
    ] {
        let fields = [("login", "alice"), ("password", PASSWORD), ("to", to)];
        let answer = post("/login").form(&fields).send(&site).await.expect(303);
        assert_eq!(answer.header("location"), Some(location), "{to:?}");
    }
    let page = get("/login?to=%22%3E%3Cscript%3E").send(&site).await.expect(200);
    assert!(!page.text().contains("<script"));
    let page = get("/login?to=/%22%3E%3Cscript%3E").send(&site).await.expect(200);
    assert!(page.text().contains("&quot;&gt;&lt;script&gt;") && !page.text().contains("<script"));
}

#[tokio::test]
async fn sessions_end_by_themselves() {
    let site = with_alice().await;
    let session = site.session("alice").await;
    for _ in 0..13 {
        site.outside.advance(Duration::from_hours(11));
        get("/account").session(&session).send(&site).await.expect(200);
        site.holdfast.flush_token_uses().await.unwrap();
    }
    site.outside.advance(Duration::from_hours(13));
    get("/account").session(&session).send(&site).await.expect(303);
    let session = site.session("alice").await;
    for _ in 0..24 {
        site.outside.advance(Duration::from_hours(7));
        let _ = get("/account").session(&session).send(&site).await;
        site.holdfast.flush_token_uses().await.unwrap();
    }
    get("/account").session(&session).send(&site).await.expect(303);
}

#[tokio::test]
async fn sessions_are_listed_and_ended() {
    let site = with_alice().await;
    let (here, there) = (site.session("alice").await, site.session("alice").await);
    let page = get("/account").session(&here).send(&site).await.expect(200);
    assert_eq!(page.text().matches("<span title=\"Test/1.0\">Test</span> (password)").count(), 2);
    let me = get("/api/v1/me").session(&there).send(&site).await.ok_json();
    let id = me["token"]["id"].as_str().unwrap();
    let end = format!("/account/tokens/{id}/revoke");
    assert!(page.text().contains(&format!("action=\"{end}\"")));
    post(&end).session(&here).send(&site).await.expect(303);
    get("/account").session(&there).send(&site).await.expect(303);
    get("/account").session(&here).send(&site).await.expect(200);
}

#[tokio::test]
async fn secrets_count_in_their_own_place_only() {
    let site = with_alice().await;
    let session = site.session("alice").await;
    let token = site.token("alice", &[], &[], None).await;
    for path in [
        "/r/main/index/config.json",
        "/r/main/api/v1/crates",
        "/r/main/index/3/a/abc",
        "//r/main/api/v1/crates",
    ] {
        get(path).session(&session).send(&site).await.expect(401);
        get(path).token(&session).send(&site).await.expect(401);
    }
    get("/r/main/index/config.json").token(&token).send(&site).await.expect(200);
    get("/account").session(&token).send(&site).await.expect(303);
    get("/api/v1/me").token(&session).send(&site).await.expect(401);
    // A token that is sent counts, not the cookie beside it.
    get("/api/v1/me").session(&session).token("wrong").send(&site).await.expect(401);
    let admin = get("/api/v1/me").session(&session).token(ADMIN).send(&site).await.ok_json();
    assert_eq!(admin["login"], "admin");
}

#[tokio::test]
async fn a_new_token_is_shown_once() {
    let site = with_alice().await;
    let session = site.session("alice").await;
    let fields = [("label", "my <laptop>"), ("scope:read", "on"), ("crates", "acme-* abc"), ("days", "30")];
    let page = post("/account/tokens").session(&session).form(&fields).send(&site).await.expect(200);
    let secret = page.text().split("<code>").find(|text| text.starts_with("hf_")).unwrap();
    let secret = secret.split('<').next().unwrap();
    let me: Value = get("/api/v1/me").token(secret).send(&site).await.ok_json();
    assert_eq!(me["token"]["scopes"]["endpoints"], serde_json::json!(["read"]));
    assert_eq!(me["token"]["expires_at"], "2026-01-31T00:00:00Z");
    let account = get("/account").session(&session).send(&site).await.expect(200);
    assert!(account.text().contains("my &lt;laptop&gt;") && !account.text().contains(secret));
    let bad = [("label", ""), ("days", "30")];
    let refused = post("/account/tokens").session(&session).form(&bad).send(&site).await.expect(400);
    assert!(refused.text().contains("class=\"notice\"") && refused.text().contains("Make a token"));
    for field in ["scope:everything", "registry:No Name"] {
        let bad = [("label", "x"), (field, "on")];
        post("/account/tokens").session(&session).form(&bad).send(&site).await.expect(400);
    }
}

#[tokio::test]
async fn a_new_token_comes_with_the_command_for_its_registry() {
    let site = with_alice().await;
    let session = site.session("alice").await;
    let page = async |fields: &[(&str, &str)]| {
        let fields = [&[("label", "x"), ("days", "30")], fields].concat();
        let page = post("/account/tokens").session(&session).form(&fields).send(&site).await.expect(200);
        page.text().to_owned()
    };
    let login = |name: &str| format!("<code>cargo login --registry {name}</code>");
    let also = |names: &str| format!("It works for these too: {names}.");
    for name in ["beta", "alpha", "zeta"] {
        let registry = json!({"name": name});
        post("/api/v1/registries").token(ADMIN).json(&registry).send(&site).await.expect(201);
    }
    let text = page(&[]).await;
    assert!(text.contains(&login("main")) && text.contains(&also("alpha, beta, open, zeta")), "{text}");
    let text = page(&[("registry:zeta", "on"), ("registry:beta", "on")]).await;
    assert!(text.contains(&login("beta")) && text.contains(&also("zeta")), "{text}");
    let text = page(&[("registry:zeta", "on")]).await;
    assert!(text.contains(&login("zeta")) && !text.contains("these too"), "{text}");
    for name in ["main", "beta"] {
        delete(&format!("/api/v1/registries/{name}")).token(ADMIN).send(&site).await.expect(204);
    }
    let text = page(&[]).await;
    assert!(text.contains(&login("alpha")) && text.contains(&also("open, zeta")), "{text}");
    // What somebody may not enter is not named.
    let gina = {
        site.user("gina", Role::Guest).await;
        site.password("gina").await;
        site.session("gina").await
    };
    let fields = [("label", "x"), ("days", "30")];
    let text = post("/account/tokens").session(&gina).form(&fields).send(&site).await.expect(200);
    assert!(text.text().contains(&login("open")) && !text.text().contains("alpha"), "{}", text.text());
}

#[tokio::test]
async fn a_changed_password_ends_the_other_sessions() {
    let site = with_alice().await;
    let (here, there) = (site.session("alice").await, site.session("alice").await);
    let token = site.token("alice", &[], &[], None).await;
    let change = async |old: &str, new: &str, again: &str| {
        let fields = [("old", old), ("new", new), ("again", again)];
        post("/account/password").session(&here).form(&fields).send(&site).await
    };
    let new = "staple battery horse";
    let page = change("wrong", new, new).await.expect(401);
    assert!(page.text().contains("the name or the password is wrong"));
    assert!(
        change(PASSWORD, new, "another").await.expect(400).text().contains("the two new passwords differ")
    );
    assert!(change(PASSWORD, "short", "short").await.expect(400).text().contains("at least 10 characters"));
    change(PASSWORD, new, new).await.expect(303);
    get("/account").session(&here).send(&site).await.expect(200);
    get("/account").session(&there).send(&site).await.expect(303);
    get("/api/v1/me").token(&token).send(&site).await.expect(200);
    sign_in(&site, "alice", PASSWORD).await.expect(401);
    sign_in(&site, "alice", new).await.expect(303);
}

#[tokio::test]
async fn plain_http_is_pointed_out() {
    let notice = "Browsers keep a session for https addresses only";
    let page = get("/login").send(&Site::new().await).await.expect(200);
    assert!(page.text().contains(notice));
    let site = under("https://crates.example").await;
    assert!(!get("/login").send(&site).await.expect(200).text().contains(notice));
}

async fn under(url: &str) -> Site {
    let public_url = Some(url.to_owned());
    Site::with(WebSettings { public_url, ..WebSettings::default() }, Settings::default()).await
}

#[tokio::test]
async fn all_links_carry_the_path_of_the_server() {
    let site = under("https://host.example/crates").await;
    site.password("admin").await;
    let session = site.session("admin").await;
    let pages = [get("/crates/"), get("/crates/login"), get("/crates/device").session(&session)];
    for page in pages.into_iter().chain([get("/account").session(&session), get("/r/main/me")]) {
        let page = page.send(&site).await.expect(200);
        for attribute in ["href=\"", "action=\""] {
            for link in page.text().split(attribute).skip(1) {
                assert!(link.starts_with("/crates/"), "{link}");
            }
        }
    }
    let fields = [("login", "admin"), ("password", PASSWORD)];
    let answer = post("/crates/login").form(&fields).send(&site).await.expect(303);
    assert_eq!(answer.header("location"), Some("/crates/account"));
    let answer = get("/crates/account").send(&site).await.expect(303);
    assert_eq!(answer.header("location"), Some("/crates/login?to=%2Faccount"));
    // The path of the server does not make an address of cargo one where cookies count.
    get("/crates/r/main/api/v1/crates").session(&session).send(&site).await.expect(401);
}

#[tokio::test]
async fn the_account_shows_its_keys_and_ends_them() {
    let site = with_alice().await;
    let session = site.session("alice").await;
    let page = async || get("/account").session(&session).send(&site).await.expect(200).text().to_owned();
    assert!(!page().await.contains("Keys that sign for you"));
    let key = json!({ "key": public_key(1) });
    let made = post("/api/v1/keys").session(&session).json(&key).send(&site).await.expect(201).json();
    let id = made["id"].as_str().unwrap();
    let end = format!("/account/keys/{id}/revoke");
    let shown = page().await;
    assert!(shown.contains(&format!("<code>{id}</code>")) && shown.contains(&end), "{shown}");
    post(&end).session(&session).form(&[]).send(&site).await.expect(303);
    assert!(!page().await.contains(id));
}
