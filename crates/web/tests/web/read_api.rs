//! The read API in the public registry's shape.

use crate::site::{ADMIN, Site, get, own_index};
use holdfast_testkit::packages::{CrateBuilder, Dependency};
use insta::{assert_json_snapshot, assert_snapshot};
use serde_json::{Value, json};

const API: &str = "/r/main/api/v1/crates";

async fn filled() -> Site {
    let site = Site::new().await;
    let base = CrateBuilder::new("base-lib", "1.0.0").own_index(&own_index("main"));
    site.publish(ADMIN, "main", &base).await.expect(200);
    let package = |version| {
        CrateBuilder::new("Tool", version)
            .own_index(&own_index("main"))
            .field("description", "A tool")
            .field("license", "MIT")
            .field("repository", "https://example.com/tool")
            .field("keywords", vec!["one", "two"])
            .field("rust-version", "1.70")
            .dependency(Dependency::new("base-lib", "^1").alias("renamed").optional())
            .feature("extra", &["dep:renamed"])
    };
    for version in ["1.0.0", "1.1.0", "2.0.0-rc.1"] {
        site.publish(ADMIN, "main", &package(version)).await.expect(200);
    }
    site
}

async fn ask(site: &Site, path: &str) -> Value {
    get(path).token(ADMIN).send(site).await.ok_json()
}

/// Digests and sizes depend on how packages are packed.
fn without_bytes(mut answer: Value) -> Value {
    fn walk(value: &mut Value) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    match name.as_str() {
                        "checksum" => *value = json!("…"),
                        "crate_size" => *value = json!(0),
                        _ => walk(value),
                    }
                }
            }
            Value::Array(values) => values.iter_mut().for_each(walk),
            _ => {}
        }
    }
    walk(&mut answer);
    answer
}

#[tokio::test]
async fn a_crate_and_its_versions() {
    let site = filled().await;
    get("/r/main/dl/tool/1.0.0/download").token(ADMIN).send(&site).await.expect(200);
    assert_json_snapshot!("crate", without_bytes(ask(&site, &format!("{API}/tool")).await));
    let versions = ask(&site, &format!("{API}/Tool/versions")).await;
    let numbers: Vec<&str> =
        versions["versions"].as_array().unwrap().iter().map(|v| v["num"].as_str().unwrap()).collect();
    assert_eq!(numbers, ["2.0.0-rc.1", "1.1.0", "1.0.0"]);
    assert_eq!(versions["meta"]["total"], json!(3));
    let version = ask(&site, &format!("{API}/Tool/1.1.0+any")).await;
    assert_eq!(version["version"], versions["versions"][1]);
    get(&format!("{API}/Tool/3.0.0")).token(ADMIN).send(&site).await.expect(404);
}

#[tokio::test]
async fn dependencies_both_ways() {
    let site = filled().await;
    assert_json_snapshot!("dependencies", ask(&site, &format!("{API}/Tool/1.0.0/dependencies")).await);
    site.index_everything("main", 2).await;
    let dependents = ask(&site, &format!("{API}/base_lib/reverse_dependencies")).await;
    assert_eq!(dependents["meta"]["total"], json!(1), "{dependents}");
    assert_eq!(dependents["versions"][0]["crate"], json!("Tool"));
    assert_eq!(dependents["versions"][0]["num"], json!("1.1.0"), "a pre-release is not what one uses");
    assert_eq!(dependents["dependencies"][0]["version_id"], dependents["versions"][0]["id"]);
    assert_eq!(dependents["dependencies"][0]["crate_id"], json!("base-lib"));
}

#[tokio::test]
async fn owners_apart() {
    let site = filled().await;
    let users = ask(&site, &format!("{API}/Tool/owner_user")).await;
    assert_eq!(users["users"][0]["login"], json!("admin"));
    assert_eq!(ask(&site, &format!("{API}/Tool/owner_team")).await, json!({"teams": []}));
}

#[tokio::test]
async fn downloads_by_day() {
    let site = filled().await;
    let empty = ask(&site, &format!("{API}/Tool/downloads")).await;
    assert_eq!(empty, json!({"version_downloads": [], "meta": {"extra_downloads": []}}));
    let file = "/r/main/dl/Tool/1.0.0/download";
    get(file).token(ADMIN).send(&site).await.expect(200);
    // Only who gets the first bytes downloads it.
    crate::site::ask("HEAD", file).token(ADMIN).send(&site).await.expect(200);
    get(file).token(ADMIN).header("if-none-match", "*").send(&site).await.expect(304);
    get(file).token(ADMIN).header("range", "bytes=1-2").send(&site).await.expect(206);
    get(file).token(ADMIN).header("range", "bytes=999999-").send(&site).await.expect(416);
    // Counts are written out at the end of the background tasks.
    site.index_everything("main", 2).await;
    let days = ask(&site, &format!("{API}/Tool/downloads")).await;
    assert_snapshot!(days["version_downloads"]);
    let krate = ask(&site, &format!("{API}/Tool")).await;
    assert_eq!(krate["crate"]["downloads"], json!(1));
    assert_eq!(krate["versions"][2]["downloads"], json!(1));
    assert_eq!(krate["versions"][2]["id"], days["version_downloads"][0]["version"]);
    let found = ask(&site, &format!("{API}?q=tool")).await;
    assert_eq!((&found["crates"][0]["name"], &found["crates"][0]["downloads"]), (&json!("Tool"), &json!(1)));
}

#[tokio::test]
async fn search_as_cargo_asks() {
    let site = filled().await;
    site.index_everything("main", 2).await;
    let found = ask(&site, &format!("{API}?q=tool&per_page=10")).await;
    assert_json_snapshot!("search", found);
    let all = ask(&site, &format!("{API}?per_page=1")).await;
    assert_eq!(all["meta"], json!({"total": 2, "next_page": "?per_page=1&page=2", "prev_page": null}));
    let next = all["meta"]["next_page"].as_str().unwrap();
    let second = ask(&site, &format!("{API}{next}")).await;
    assert_eq!(second["meta"], json!({"total": 2, "next_page": null, "prev_page": "?per_page=1&page=1"}));
    assert_ne!(all["crates"][0]["name"], second["crates"][0]["name"]);
    let words = ask(&site, &format!("{API}?q=%22%20AND%20%28%20%2A%3A%2A%20%5Bx%20TO&per_page=1000")).await;
    assert!(words["meta"]["total"].is_u64(), "a search is never a query language");
    for sort in
        ["relevance", "downloads", "recent-downloads", "recent-updates", "new", "alphabetical", "nonsense"]
    {
        assert_eq!(ask(&site, &format!("{API}?sort={sort}")).await["meta"]["total"], json!(2), "{sort}");
    }
    for bad in ["page=0", "page=x", "per_page=0", "page=4294967296", "page=99999999", "per_page=-1"] {
        get(&format!("{API}?{bad}")).token(ADMIN).send(&site).await.expect(400);
    }
}
