//! A restricted crate is not there for whoever may not see it, by whichever way they ask.

use crate::site::{ADMIN, Answer, Ask, Site, ask, get, own_index, put};
use holdfast_registry::entity::Role;
use holdfast_testkit::packages::{CrateBuilder, Dependency};
use serde_json::json;

/// A server with alice's crates: `secret` (hidden, depends on `known`) and `known`; and rita, who only reads.
struct Hiding {
    site: Site,
    alice: String,
    rita: String,
}

impl Hiding {
    async fn new() -> Hiding {
        let site = Site::new().await;
        let alice = site.user("alice", Role::Publisher).await;
        let rita = site.user("rita", Role::Reader).await;
        site.publish(&alice, "open", &CrateBuilder::new("known", "1.0.0")).await.expect(200);
        let secret = CrateBuilder::new("secret", "1.0.0").dependency(Dependency::new("known", "1"));
        site.publish(&alice, "open", &secret).await.expect(200);
        let path = "/api/v1/registries/open/crates/secret/restriction";
        put(path).token(&alice).json(&json!({"teams": []})).send(&site).await.expect(204);
        Hiding { site, alice, rita }
    }

    /// The answers about the hidden crate and about one that is not there, to each who may not see it.
    async fn check(&self, request: impl Fn(&str) -> Ask) {
        for token in [None, Some(&self.rita)] {
            let with = |name| token.map_or(request(name), |token| request(name).token(token));
            let hidden = with("secret").send(&self.site).await;
            let absent = with("absent").send(&self.site).await;
            assert_eq!(hidden.status, absent.status, "{hidden:?}");
            assert_eq!(told(&hidden), told(&absent).replace("absent", "secret"));
            let names = |answer: &Answer| answer.headers.keys().map(ToString::to_string).collect::<Vec<_>>();
            assert_eq!(names(&hidden), names(&absent));
        }
    }
}

fn told(answer: &Answer) -> String {
    String::from_utf8_lossy(&answer.body).into_owned()
}

#[tokio::test]
async fn every_read_answers_as_for_a_crate_that_is_not_there() {
    let hiding = Hiding::new().await;
    let file = get("/r/open/index/se/cr/secret").token(&hiding.alice).send(&hiding.site).await.expect(200);
    let etag = file.header("etag").unwrap().to_owned();
    let download = "/r/open/dl/secret/1.0.0/download";
    let package = get(download).token(&hiding.alice).send(&hiding.site).await.expect(200);
    let package_etag = package.header("etag").unwrap().to_owned();
    for method in ["GET", "HEAD"] {
        let index = |name: &str| ask(method, &format!("/r/open/index/{}/{}/{name}", &name[..2], &name[2..4]));
        hiding.check(index).await;
        hiding.check(|name| index(name).header("if-none-match", &etag)).await;
        hiding.check(|name| index(name).header("if-none-match", "*")).await;
        let download = |name: &str| ask(method, &format!("/r/open/dl/{name}/1.0.0/download"));
        hiding.check(download).await;
        hiding.check(|name| download(name).header("if-none-match", &package_etag)).await;
        hiding.check(|name| download(name).header("range", "bytes=0-1")).await;
        for rest in [
            "",
            "/versions",
            "/reverse_dependencies",
            "/owners",
            "/owner_user",
            "/owner_team",
            "/downloads",
            "/1.0.0",
            "/1.0.0/dependencies",
            "/1.0.0/download",
        ] {
            hiding.check(|name| ask(method, &format!("/r/open/api/v1/crates/{name}{rest}"))).await;
        }
    }
}

#[tokio::test]
async fn lists_and_totals_do_not_count_it() {
    let hiding = Hiding::new().await;
    hiding.site.index_everything("open", 2).await;
    for token in ["", &hiding.rita] {
        let ask = async |path: &str| {
            let request = get(path);
            let request = if token.is_empty() { request } else { request.token(token) };
            request.send(&hiding.site).await.ok_json()
        };
        for query in ["", "?q=secret", "?q=known", "?per_page=1&page=2", "?q=depends"] {
            let found = ask(&format!("/r/open/api/v1/crates{query}")).await;
            assert!(!found.to_string().contains("\"secret\""), "{found}");
        }
        assert_eq!(ask("/r/open/api/v1/crates").await["meta"]["total"], 1);
        assert_eq!(ask("/r/open/api/v1/crates?q=secret").await["meta"]["total"], 0);
        let dependents = ask("/r/open/api/v1/crates/known/reverse_dependencies").await;
        assert_eq!(
            (&dependents["meta"]["total"], dependents["dependencies"].as_array().unwrap().len()),
            (&json!(0), 0)
        );
        let all = ask("/api/v1/registries/open/crates").await;
        assert_eq!(all.as_array().unwrap().len(), 1);
        assert_eq!(ask("/api/v1/registries/open/crates?after=known").await, json!([]));
    }
    let own = get("/r/open/api/v1/crates").token(&hiding.alice).send(&hiding.site).await.ok_json();
    assert_eq!(own["meta"]["total"], 2);
    let admins = get("/api/v1/registries/open/crates").token(ADMIN).send(&hiding.site).await.ok_json();
    assert_eq!(admins[1]["restricted_to"], json!([]));
}

#[tokio::test]
async fn changes_are_refused_as_for_a_crate_that_is_not_there() {
    let hiding = Hiding::new().await;
    let paul = hiding.site.user("paul", Role::Publisher).await;
    for (method, path) in [
        ("DELETE", "/r/open/api/v1/crates/NAME/1.0.0/yank"),
        ("PUT", "/r/open/api/v1/crates/NAME/owners"),
        ("GET", "/api/v1/registries/open/crates/NAME/trust"),
        ("PUT", "/api/v1/registries/open/crates/NAME/restriction"),
    ] {
        let body = if path.ends_with("owners") { json!({"users": ["paul"]}) } else { json!({"teams": []}) };
        let request = |name: &str| ask(method, &path.replace("NAME", name)).json(&body);
        hiding.check(request).await;
        let hidden = request("secret").token(&paul).send(&hiding.site).await.expect(404);
        let absent = request("absent").token(&paul).send(&hiding.site).await.expect(404);
        assert_eq!(hidden.sentence(), absent.sentence().replace("absent", "secret"));
    }
    // A name is taken or not: whoever may publish finds out, and no more.
    let frame = CrateBuilder::new("secret", "2.0.0").own_index(&own_index("open")).frame();
    let taken =
        put("/r/open/api/v1/crates/new").token(&paul).body(frame).send(&hiding.site).await.expect(403);
    assert!(taken.sentence().contains("the name `secret` is not free"));
}

#[tokio::test]
async fn roles_are_for_admins_to_see() {
    let hiding = Hiding::new().await;
    let role = json!({"role": "maintainer"});
    put("/api/v1/registries/open/roles/rita").token(ADMIN).json(&role).send(&hiding.site).await.expect(204);
    let anybody = get("/api/v1/registries/open").send(&hiding.site).await.ok_json();
    assert_eq!(anybody["roles"], json!(null));
    let admin = get("/api/v1/registries/open").token(ADMIN).send(&hiding.site).await.ok_json();
    assert_eq!(admin["roles"], json!({"rita": "maintainer"}));
}
