//! Requests that nobody honest sends: never a 500, never a panic.

use crate::site::{ADMIN, Site, ask};
use holdfast_testkit::packages::CrateBuilder;
use holdfast_web::ROUTES;

const EVIL: &[&str] = &[
    "..",
    ".",
    "%2e%2e",
    "%2E%2E%2F%2E%2E",
    "%00",
    "a%00b",
    "%ff%fe",
    "%C0%AE",
    "%",
    "%zz",
    "%25",
    "~",
    "*",
    "a:b",
    "a;b",
    "'",
    "!",
    "\u{e9}",
    "con",
    "nul",
    "std",
    "_",
    "-",
    "0",
    "%20",
    "+",
    "a+b",
    "1.0.0",
    "1.0.0+%2B",
    "99999999999999999999.0.0",
    "%F0%9F%A6%80",
    "%0d%0aset-cookie:x",
    "<script>",
    "team:core",
    "{crate}",
    "current",
    "new",
];

#[tokio::test]
async fn captures_from_hell() {
    let site = Site::new().await;
    site.publish(ADMIN, "main", &CrateBuilder::new("abc", "1.0.0")).await.expect(200);
    let long = "a".repeat(9000);
    for route in ROUTES {
        for evil in EVIL.iter().copied().chain([long.as_str()]) {
            for capture in ["{registry}", "{crate}", "{version}", "{*path}", "{login}", "{team}", "{id}"] {
                if !route.path.contains(capture) {
                    continue;
                }
                let path = route
                    .path
                    .replace(capture, evil)
                    .replace("{registry}", "main")
                    .replace("{crate}", "abc")
                    .replace("{version}", "1.0.0")
                    .replace("{*path}", "3/a/abc")
                    .replace(['{', '}'], "");
                if path.parse::<http::Uri>().is_err() {
                    continue;
                }
                let answer = ask(route.method, &path).token(ADMIN).body("{}").send(&site).await;
                assert!(answer.status < 500, "{} {path}: {} {:?}", route.method, answer.status, answer.body);
                let names = |name: &str| answer.header(name).is_none();
                assert!(names("set-cookie") && names("location"), "{path}");
            }
        }
    }
}

#[tokio::test]
async fn queries_and_headers_from_hell() {
    let site = Site::new().await;
    let long = "x".repeat(5000);
    for query in [
        "q=%00",
        "q=%ff",
        "q",
        "=",
        "&&&",
        "q=*&page=1",
        "q=%22",
        "q=\\",
        "page=%00",
        "user=%00",
        "before=%ff",
        "limit=-1",
        &long,
    ] {
        for path in ["/r/open/api/v1/crates", "/api/v1/tokens", "/api/v1/audit", "/r/open/index/3/a/abc", "/"]
        {
            let answer = ask("GET", &format!("{path}?{query}")).token(ADMIN).send(&site).await;
            assert!(answer.status < 500, "{path}?{query}: {:?}", answer.body);
        }
    }
    for (name, value) in [
        ("host", "\"><script>"),
        ("host", "a b"),
        ("range", "bytes=18446744073709551615-"),
        ("range", "bytes=-18446744073709551616"),
        ("if-none-match", "\""),
        ("accept-encoding", "gzip;q=x"),
        ("x-forwarded-host", "evil.example"),
        ("forwarded", "host=evil.example;proto=javascript"),
        ("content-length", "99999999999999999999"),
        ("expect", "nonsense"),
    ] {
        for path in
            ["/r/open/index/config.json", "/", "/r/open/api/v1/crates", "/r/open/dl/abc/1.0.0/download"]
        {
            let answer = ask("GET", path).header(name, value).send(&site).await;
            assert!(answer.status < 500, "{path} {name}: {value}: {:?}", answer.body);
            assert!(!String::from_utf8_lossy(&answer.body).contains("evil"), "{path} {name}");
            assert!(!String::from_utf8_lossy(&answer.body).contains("<script"), "{path} {name}");
        }
    }
}
