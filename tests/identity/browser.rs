//! The pages in a real browser: by a provider and by a password, a token made on the page and used by cargo.

use crate::support::{add, with_providers};
use holdfast_servers::Oidc;
use holdfast_testkit::{Browser, Cargo, Project, Server};
use std::path::{Path, PathBuf};

fn photograph(browser: &mut Browser, name: &str) {
    browser.photograph(&shots().join(format!("{name}.png")));
}

fn shots() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/screenshots")
}

fn is_page(server: &Server, path: &str) -> impl Fn(&str) -> bool {
    let page = format!("{}{path}", server.url());
    move |url| url == page
}

#[test]
fn somebody_comes_in_by_a_provider() {
    let (Some(oidc), Some(mut browser)) = (Oidc::start(), Browser::open()) else { return };
    let (builder, _folder) = with_providers(&format!(
        "[example]\nkind = \"oidc\"\ntitle = \"Example\"\nissuer = {:?}\nclient-id = {:?}\nclient-secret = {:?}\n\
         [example.rules]\ncreate-users = true\nrole = \"publisher\"\ndomains = [\"example.com\"]\n",
        oidc.issuer(),
        Oidc::CLIENT,
        Oidc::SECRET,
    ));
    let server = builder.start();

    browser.go(&format!("{}/account", server.url()));
    browser.wait_for("the login", |url| url.contains("/login?"));
    photograph(&mut browser, "login");
    browser.click("a.button");
    browser.wait_for("the provider", |url| url.starts_with(&oidc.issuer()));
    browser.fill("input[name=login]", "alice");
    browser.fill("input[name=password]", "any");
    browser.click("button[type=submit]");
    browser.click("form[action*=interaction] button[type=submit]");
    browser.wait_for("the account", is_page(&server, "/account"));
    assert_eq!(browser.text_of("nav a"), "alice");

    // No script may read the session, no other site may use it.
    let cookie = browser.cookie("__Host-holdfast").expect("the browser keeps the session");
    assert_eq!((&cookie["httpOnly"], &cookie["secure"]), (&true.into(), &true.into()), "{cookie}");
    assert_eq!((&cookie["sameSite"], &cookie["path"]), (&"Strict".into(), &"/".into()), "{cookie}");
    assert_eq!(browser.cookie("__Host-holdfast-flow"), None, "the sign-in's own cookie is gone");

    // Whoever comes by a link of another site is not signed in by that, but signed in still.
    browser.go(&format!("{}/account", server.url()));
    assert_eq!(browser.text_of("nav a"), "alice");
    let users = server.http().get("/api/v1/users/alice").expect_status(200).json();
    assert_eq!((&users["role"], &users["email"]), (&"publisher".into(), &"alice@example.com".into()));
    server.assert_unharmed();
}

#[test]
fn somebody_makes_a_token_on_the_page_and_cargo_uses_it() {
    let Some(mut browser) = Browser::open() else { return };
    let (builder, _folder) = with_providers("");
    let server = builder.start();
    add(&server, "alice", "publisher", "a long password");

    browser.go(&format!("{}/login", server.url()));
    browser.fill("input[name=login]", "alice");
    browser.fill("input[name=password]", "a wrong password");
    browser.click("main button");
    assert!(!browser.text_of(".notice").is_empty());
    photograph(&mut browser, "refused");
    browser.fill("input[name=login]", "alice");
    browser.fill("input[name=password]", "a long password");
    browser.click("main button");
    browser.wait_for("the account", is_page(&server, "/account"));
    browser.fill("input[name=label]", "laptop");
    browser.click("form[action$='/account/tokens'] > button");
    browser.wait_for("the token", is_page(&server, "/account/tokens"));
    let token = browser.text_of("pre code");
    photograph(&mut browser, "token");

    let cargo = Cargo::with_registry("main", &server.index("main")).token(&token);
    Project::library("alpha", "1.0.0").publish(&cargo);
    cargo.anywhere("info alpha --registry main").ok();

    browser.go(&format!("{}/account", server.url()));
    assert!(browser.text().contains("laptop") && !browser.text().contains(&token));
    photograph(&mut browser, "account");
    confirm_a_device(&mut browser, &server);

    // The end of the browser's session is not the end of the token.
    browser.click("header button");
    browser.wait_for("the login", is_page(&server, "/login"));
    assert_eq!(browser.cookie("__Host-holdfast"), None);
    browser.go(&format!("{}/account", server.url()));
    browser.wait_for("the login", |url| url.contains("/login?"));
    cargo.anywhere("info alpha --registry main").ok();
    server.assert_unharmed();
}

fn confirm_a_device(browser: &mut Browser, server: &Server) {
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    let form = b"client_id=cargo-credential-holdfast&label=desk";
    let asked = server.anonymous().send("POST", "/api/v1/device/authorize", &headers, form);
    let asked = asked.expect_status(200).json();
    // By a link on a page of another site, as in a mail: the browser keeps the session's cookie back then.
    let address = asked["verification_uri_complete"].as_str().unwrap();
    browser.go(&format!("data:text/html,<a href='{address}'>confirm</a>"));
    browser.click("a");
    assert_eq!(browser.text_of("pre code"), asked["user_code"].as_str().unwrap());
    photograph(browser, "device");
    browser.click("button[value=approve]");
    browser.wait_for("the answer", is_page(server, "/device"));
    assert!(browser.text().contains("It is let in"), "{}", browser.text());
    photograph(browser, "device-done");
}
