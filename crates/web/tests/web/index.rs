//! The sparse index.

use crate::site::{ADMIN, Site, ask, get};
use flate2_read::gunzip;
use holdfast_testkit::packages::{CrateBuilder, Dependency};
use insta::assert_snapshot;

/// Enough lines for a compressed variant.
async fn filled() -> Site {
    let site = Site::new().await;
    for registry in ["main", "open"] {
        for minor in 0..12 {
            let package = CrateBuilder::new("Large-One", &format!("1.{minor}.0"));
            site.publish(ADMIN, registry, &package).await.expect(200);
        }
        site.publish(ADMIN, registry, &CrateBuilder::new("abc", "0.1.0")).await.expect(200);
    }
    site
}

mod flate2_read {
    //! Unpacking what was compressed for transport.

    /// Unpacks gzip.
    pub(super) fn gunzip(bytes: &[u8]) -> Vec<u8> {
        use std::io::Read as _;
        let mut unpacked = Vec::new();
        flate2::read::GzDecoder::new(bytes).read_to_end(&mut unpacked).unwrap();
        unpacked
    }
}

#[tokio::test]
async fn config_says_where_everything_is() {
    let site = Site::new().await;
    let private = get("/r/main/index/config.json").token(ADMIN).send(&site).await.expect(200);
    assert_snapshot!(private.text(), @r#"{"dl":"http://crates.example/r/main/dl","api":"http://crates.example/r/main","auth-required":true}"#);
    assert_eq!(private.header("cache-control"), Some("private, no-cache"));
    let open = get("/r/open/index/config.json").send(&site).await.expect(200);
    assert_snapshot!(open.text(), @r#"{"dl":"http://crates.example/r/open/dl","api":"http://crates.example/r/open","auth-required":false}"#);
    assert_eq!(open.header("cache-control"), Some("public, no-cache"));
}

#[tokio::test]
async fn config_is_never_not_modified() {
    let site = Site::new().await;
    for (name, value) in [("if-none-match", "*"), ("if-modified-since", "Fri, 01 Jan 2100 00:00:00 GMT")] {
        let answer = get("/r/open/index/config.json").header(name, value).send(&site).await.expect(200);
        assert_eq!((answer.header("etag"), answer.header("last-modified")), (None, None));
        assert!(!answer.body.is_empty());
    }
}

#[tokio::test]
async fn whoever_needs_a_login_is_told_first() {
    let site = filled().await;
    for path in ["config.json", "la/rg/large-one", "1/x"] {
        let refused = get(&format!("/r/main/index/{path}")).send(&site).await.expect(401);
        assert_eq!(
            refused.header("www-authenticate"),
            Some("Cargo login_url=\"http://crates.example/r/main/me\"")
        );
        assert_eq!(refused.header("content-type"), Some("text/plain; charset=utf-8"));
        assert_eq!(refused.header("cache-control"), Some("no-store"));
        assert!(refused.header("x-request-id").is_some());
    }
    let wrong = get("/r/open/index/config.json").token("wrong").send(&site).await.expect(401);
    assert!(wrong.text().len() < 300, "{}", wrong.text());
    let no_host = get("/r/main/index/config.json").without("host").send(&site).await.expect(401);
    assert_eq!(
        no_host.header("www-authenticate"),
        Some("Cargo"),
        "an address that is not absolute is an error"
    );
    get("/r/open/index/config.json").without("host").send(&site).await.expect(400);
}

#[tokio::test]
async fn files_have_lines_in_order_and_headers_for_caches() {
    let site = filled().await;
    let file = get("/r/main/index/la/rg/large-one").token(ADMIN).send(&site).await.expect(200);
    let versions: Vec<String> = file
        .text()
        .lines()
        .map(|line| {
            serde_json::from_str::<serde_json::Value>(line).unwrap()["vers"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(versions, (0..12).map(|minor| format!("1.{minor}.0")).collect::<Vec<_>>());
    assert!(file.text().ends_with('\n'));
    assert_eq!(file.header("content-type"), Some("text/plain"));
    assert_eq!(file.header("cache-control"), Some("private, no-cache"));
    assert_eq!(file.header("vary"), Some("Accept-Encoding, Authorization"));
    assert_eq!(file.header("content-encoding"), None);
    assert_eq!(file.header("content-length"), Some(file.body.len().to_string().as_str()));
    assert_eq!(file.header("last-modified"), None, "one validator is enough");
    let etag = file.header("etag").unwrap();
    assert!(etag.starts_with('"') && etag.ends_with('"') && etag.len() == 34, "{etag}");
    let open = get("/r/open/index/3/a/abc").send(&site).await.expect(200);
    assert_eq!(open.header("cache-control"), Some("public, no-cache"));
    let known = get("/r/open/index/3/a/abc").token(ADMIN).send(&site).await.expect(200);
    assert_eq!(known.header("cache-control"), Some("private, no-cache"));
}

#[tokio::test]
async fn one_line() {
    let site = Site::new().await;
    let dependency = Dependency::new("other", "^1").optional();
    site.publish(ADMIN, "open", &CrateBuilder::new("other", "1.0.0")).await.expect(200);
    let package = CrateBuilder::new("abc", "0.1.0+build").dependency(dependency).feature("f", &["dep:other"]);
    site.publish(ADMIN, "open", &package).await.expect(200);
    let file = get("/r/open/index/3/a/abc").send(&site).await.expect(200);
    let mut line = file.json();
    assert_eq!(line["cksum"].as_str().map(str::len), Some(64));
    line["cksum"] = "…".into();
    assert_snapshot!(line);
}

#[tokio::test]
async fn any_validator_that_holds_is_not_modified() {
    let site = filled().await;
    let path = "/r/main/index/la/rg/large-one";
    let first = get(path).token(ADMIN).send(&site).await.expect(200);
    let etag = first.header("etag").unwrap();
    for condition in [etag, "*", &format!("W/{etag}"), &format!("\"x\", W/{etag}"), &format!("\"x\",{etag}")]
    {
        let again = get(path).token(ADMIN).header("if-none-match", condition).send(&site).await.expect(304);
        assert!(again.body.is_empty());
        assert_eq!(again.header("etag"), Some(etag));
        assert_eq!(again.header("cache-control"), Some("private, no-cache"));
        assert_eq!(again.header("vary"), Some("Accept-Encoding, Authorization"));
        assert_eq!(again.header("content-type"), None);
    }
    for condition in ["\"x\"", "", "W/\"x\", \"y\""] {
        get(path).token(ADMIN).header("if-none-match", condition).send(&site).await.expect(200);
    }
    get(path).header("if-none-match", "*").send(&site).await.expect(401);
    site.publish(ADMIN, "main", &CrateBuilder::new("Large-One", "2.0.0")).await.expect(200);
    get(path).token(ADMIN).header("if-none-match", etag).send(&site).await.expect(200);
}

#[tokio::test]
async fn gzip_only_for_those_who_ask() {
    let site = filled().await;
    let path = "/r/open/index/la/rg/large-one";
    let plain = get(path).send(&site).await.expect(200);
    for accepted in ["gzip", "deflate, gzip", "br;q=1, gzip;q=0.5", "*"] {
        let packed = get(path).header("accept-encoding", accepted).send(&site).await.expect(200);
        assert_eq!(packed.header("content-encoding"), Some("gzip"), "{accepted}");
        assert_eq!(gunzip(&packed.body), plain.body);
        let etag = packed.header("etag").unwrap();
        get(path).header("if-none-match", etag).send(&site).await.expect(304);
    }
    for refused in ["gzip;q=0", "identity", "br, zstd", "*;q=0", "gzip;q=0.0, *"] {
        let answer = get(path).header("accept-encoding", refused).send(&site).await.expect(200);
        assert_eq!(answer.header("content-encoding"), None, "{refused}");
        assert_eq!(answer.body, plain.body);
    }
    let small = get("/r/open/index/3/a/abc").header("accept-encoding", "gzip").send(&site).await.expect(200);
    assert_eq!(small.header("content-encoding"), None, "what fits in a packet is not compressed");
}

#[tokio::test]
async fn absence_is_404_and_text() {
    let site = filled().await;
    for path in [
        "1/x",
        "ab/cd/abcd",
        "3/b/abc",
        "la/rg/Large-One",
        "LA/RG/LARGE-ONE",
        "la/rg/large_one",
        "la/xx/large-one",
        "config.JSON",
        "..",
        "../config.json",
        "la/rg/",
        "la/rg/large-one/",
        "la/rg",
        "%2e%2e/config.json",
        "3/a/abc%00",
        "",
        "3/a/%ff",
    ] {
        let absent = get(&format!("/r/open/index/{path}")).send(&site).await.expect(404);
        assert_eq!(absent.header("content-type"), Some("text/plain; charset=utf-8"), "{path}");
        assert_eq!(
            absent.header("cache-control"),
            Some("no-store"),
            "no proxy may answer the poll after a publish"
        );
    }
    for path in ["/r/nothing/index/config.json", "/r/Nothing/index/1/a", "/r//index/1/a"] {
        get(path).token(ADMIN).send(&site).await.expect(404);
    }
}

#[tokio::test]
async fn percent_signs_go_the_long_way_to_the_same_files() {
    let site = filled().await;
    let plain = get("/r/open/index/3/a/abc").send(&site).await.expect(200);
    let encoded = get("/r/open/index/3/a/%61bc").send(&site).await.expect(200);
    assert_eq!((plain.body, plain.headers), (encoded.body, encoded.headers));
    get("/r/open//index//3/a/abc").send(&site).await.expect(200);
    get("/r/open/index/config%2Ejson").send(&site).await.expect(404);
}

#[tokio::test]
async fn head_has_the_length_and_no_body() {
    let site = filled().await;
    let whole = get("/r/open/index/3/a/abc").send(&site).await.expect(200);
    let head = ask("HEAD", "/r/open/index/3/a/abc").send(&site).await.expect(200);
    assert_eq!(head.header("content-length"), Some(whole.body.len().to_string().as_str()));
    assert!(head.body.is_empty());
    assert_eq!(head.header("etag"), whole.header("etag"));
}

#[tokio::test]
async fn git_clients_get_a_hint() {
    let site = Site::new().await;
    for path in
        ["/r/open/index/info/refs?service=git-upload-pack", "/r/open/info/refs", "/r/open/git/info/refs"]
    {
        let answer = get(path).send(&site).await.expect(404);
        assert!(answer.text().contains("`sparse+"), "{}", answer.text());
    }
}

#[tokio::test]
async fn only_reading_is_possible() {
    let site = filled().await;
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let answer = ask(method, "/r/open/index/3/a/abc").send(&site).await.expect(405);
        assert_eq!(answer.header("allow"), Some("GET,HEAD"));
        assert_eq!(answer.header("content-type"), Some("text/plain; charset=utf-8"));
    }
}
