//! Every route as every kind of actor. A new route shows up in the snapshots, and with it who may use it.

use crate::site::{ADMIN, Ask, Site, ask, own_index};
use holdfast_registry::Actor;
use holdfast_registry::entity::Role;
use holdfast_testkit::packages::CrateBuilder;
use holdfast_types::Endpoint;
use holdfast_web::{ROUTES, Route};
use insta::assert_snapshot;
use serde_json::json;
use std::fmt::Write as _;
use std::time::Duration;

/// A server whose crate `abc` belongs to olga and otto, and tokens of all kinds.
struct Cast {
    site: Site,
    tokens: Vec<(&'static str, Option<String>)>,
    /// A token of paul's, to be revoked.
    token_id: String,
}

impl Cast {
    async fn new(registry: &str) -> Cast {
        let site = Site::new().await;
        let reader = site.user("rita", Role::Reader).await;
        let publisher = site.user("paul", Role::Publisher).await;
        let owner = site.user("olga", Role::Publisher).await;
        let disabled = site.user("dora", Role::Publisher).await;
        site.user("otto", Role::Publisher).await;
        site.publish(&owner, registry, &CrateBuilder::new("abc", "1.0.0")).await.expect(200);
        let owners = format!("/r/{registry}/api/v1/crates/abc/owners");
        ask("PUT", &owners).token(&owner).json(&json!({"users": ["otto"]})).send(&site).await.expect(200);
        let read_only = site.token("olga", &[Endpoint::Read], &[], None).await;
        let publish_new = site.token("olga", &[Endpoint::PublishNew], &[], None).await;
        let other_crate = site.token("olga", &[], &["other"], None).await;
        let other_reader = site.token("olga", &[Endpoint::Read], &["other"], None).await;
        let expired = site.token("olga", &[], &[], Some(Duration::from_hours(1))).await;
        site.outside.advance(Duration::from_hours(2));
        let revoked = site.token("olga", &[], &[], None).await;
        ask("DELETE", "/api/v1/tokens/current").token(&revoked).send(&site).await.expect(204);
        let operator = Actor::operator();
        site.holdfast.disable_user(&operator, &"dora".parse().unwrap()).await.unwrap();
        let core = "core".parse().unwrap();
        site.holdfast.add_team(&operator, &core).await.unwrap();
        site.holdfast.add_member(&operator, &core, &"paul".parse().unwrap()).await.unwrap();
        let mine = site.holdfast.list_tokens(&operator, Some(&"paul".parse().unwrap())).await.unwrap();
        let tokens = vec![
            ("anonymous", None),
            ("expired", Some(expired)),
            ("revoked", Some(revoked)),
            ("disabled", Some(disabled)),
            ("reader", Some(reader)),
            ("read-only", Some(read_only)),
            ("other-read", Some(other_reader)),
            ("other-crate", Some(other_crate)),
            ("new-only", Some(publish_new)),
            ("publisher", Some(publisher)),
            ("owner", Some(owner)),
            ("admin", Some(ADMIN.to_owned())),
        ];
        Cast { site, tokens, token_id: mine[0].0.id.to_string() }
    }

    fn request(&self, route: &Route, registry: &str, krate: &str) -> Ask {
        let path = route
            .path
            .replace("{registry}", registry)
            .replace("{crate}", "abc")
            .replace("{version}", "1.0.0")
            .replace("{*path}", "3/a/abc")
            .replace("{login}", "paul")
            .replace("{team}", "core")
            .replace("{id}", &self.token_id);
        assert!(!path.contains('{'), "give `{path}` a value for its capture");
        let request = ask(route.method, &path);
        match (route.method, route.path) {
            ("PUT", "/r/{registry}/api/v1/crates/new") => {
                let version = if krate == "abc" { "1.1.0" } else { "1.0.0" };
                request.body(CrateBuilder::new(krate, version).own_index(&own_index(registry)).frame())
            }
            (_, "/r/{registry}/api/v1/crates/{crate}/owners") if route.method != "GET" => {
                request.json(&json!({"users": ["otto"]}))
            }
            ("POST", "/api/v1/tokens") => request.json(&json!({"label": "new"})),
            ("POST", "/api/v1/users") => request.json(&json!({"login": "new"})),
            ("POST", _) => request.json(&json!({"name": "new"})),
            ("PATCH", "/api/v1/users/{login}") => request.json(&json!({"disabled": true})),
            ("PATCH", _) => request.json(&json!({"anonymous_read": registry == "open"})),
            _ => request,
        }
    }
}

/// The statuses of all routes whose path begins so, one row a route.
async fn table(registry: &str, prefix: &str) -> String {
    let mut cast = Cast::new(registry).await;
    let mut table = format!("{:86}", "");
    for (name, _) in &cast.tokens {
        write!(table, " {name}").unwrap();
    }
    for route in ROUTES.iter().filter(|route| route.path.starts_with(prefix)) {
        let is_publish = route.path.ends_with("/crates/new");
        for krate in if is_publish { &["abc", "another"][..] } else { &["abc"] } {
            let what = if is_publish { format!("{} ({krate})", route.path) } else { route.path.to_owned() };
            write!(table, "\n{:7}{what:72}{:7}", route.method, format!("{:?}", route.needs)).unwrap();
            for number in 0..cast.tokens.len() {
                let (name, token) = cast.tokens[number].clone();
                let mut request = cast.request(route, registry, krate);
                if let Some(token) = token {
                    request = request.token(&token);
                }
                let answer = request.send(&cast.site).await;
                assert!(answer.status < 500, "{} {}: {:?}", route.method, route.path, answer.body);
                write!(table, " {:>width$}", answer.status, width = name.len()).unwrap();
                if route.method != "GET" && answer.status < 300 {
                    cast = Cast::new(registry).await;
                }
            }
        }
    }
    table
}

#[tokio::test]
async fn a_registry_that_needs_a_login() {
    assert_snapshot!(table("main", "/r/").await);
}

#[tokio::test]
async fn a_registry_that_is_open() {
    assert_snapshot!(table("open", "/r/").await);
}

#[tokio::test]
async fn the_server_itself() {
    let (api, rest) = (table("main", "/api/").await, table("main", "/").await);
    let rest: Vec<&str> =
        rest.lines().filter(|line| !line.contains(" /r/") && !line.contains(" /api/")).collect();
    assert_snapshot!(format!("{api}\n{}", rest[1..].join("\n")));
}
