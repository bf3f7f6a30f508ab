//! Health, numbers, pages, and addresses behind proxies.

use crate::site::{ADMIN, Site, get};
use holdfast_registry::Settings;
use holdfast_testkit::packages::CrateBuilder;
use holdfast_web::{ROUTES, WebSettings};
use insta::assert_snapshot;

#[tokio::test]
async fn alive_and_ready() {
    let site = Site::new().await;
    assert_eq!(get("/livez").send(&site).await.expect(200).text(), "alive\n");
    assert_eq!(get("/readyz").send(&site).await.expect(200).text(), "database: works\nstorage: works\n");
}

#[tokio::test]
async fn readiness_names_the_part_that_fails() {
    let site = Site::new().await;
    let fail = holdfast_blobs::fail_nth(holdfast_blobs::Call::Check, 1);
    site.holdfast.blobs().inject(Some(fail));
    let answer = get("/readyz").send(&site).await.expect(503);
    assert_snapshot!(answer.text(), @r"
    database: works
    storage: does not work; the server's log says why
    ");
    get("/livez").send(&site).await.expect(200);
}

#[tokio::test]
async fn numbers() {
    let site = Site::new().await;
    site.publish(ADMIN, "main", &CrateBuilder::new("abc", "1.0.0")).await.expect(200);
    get("/r/main/index/3/a/abc").token(ADMIN).send(&site).await.expect(200);
    get("/r/main/index/3/a/abc").send(&site).await.expect(401);
    get("/r/main/dl/abc/1.0.0/download").token(ADMIN).send(&site).await.expect(200);
    let page = get("/metrics").send(&site).await.expect(200);
    assert_eq!(
        page.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    for line in [
        "holdfast_http_requests_total{class=\"publish\",status=\"200\"} 1",
        "holdfast_http_requests_total{class=\"index\",status=\"200\"} 1",
        "holdfast_http_requests_total{class=\"index\",status=\"401\"} 1",
        "holdfast_http_request_duration_seconds_count{class=\"index\"} 2",
        "holdfast_http_request_duration_seconds_bucket{le=\"+Inf\",class=\"index\"} 2",
        "holdfast_http_requests_in_flight 1",
        "holdfast_uploads 0",
        "holdfast_published_total 1",
        "holdfast_downloads_total 1",
    ] {
        assert!(page.text().lines().any(|found| found == line), "{line} is not in\n{}", page.text());
    }
    let bytes = page
        .text()
        .lines()
        .find(|line| line.starts_with("holdfast_http_sent_bytes_total{class=\"download\"}"));
    assert!(bytes.unwrap().rsplit(' ').next().unwrap().parse::<u64>().unwrap() > 100);
}

#[tokio::test]
async fn pages_are_plain() {
    let site = Site::new().await;
    for path in ["/", "/me", "/r/main", "/r/main/me", "/r/any-name/me"] {
        let page = get(path).send(&site).await.expect(200);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
        assert!(!page.text().contains("<script") && !page.text().contains("style="));
    }
    let open = get("/").send(&site).await.expect(200);
    assert!(open.text().contains("[registries.open]") && !open.text().contains("[registries.main]"));
    assert_snapshot!(get("/r/my-team/me").send(&site).await.expect(200).text());
    let style = get("/style.css").send(&site).await.expect(200);
    assert!(style.text().contains("prefers-color-scheme: dark"));
    for path in ["/r/Not%20a%20name/me", "/r/%3Cscript%3E/me", "/favicon.ico", "/r/main/nothing"] {
        let absent = get(path).send(&site).await.expect(404);
        assert_eq!(absent.header("content-type"), Some("text/plain; charset=utf-8"));
    }
}

#[tokio::test]
async fn a_public_url_with_a_path() {
    let public_url = Some("https://host.example/crates".to_owned());
    let site = Site::with(WebSettings { public_url, ..WebSettings::default() }, Settings::default()).await;
    // Whether the proxy takes the path off or not.
    for path in ["/crates/r/open/index/config.json", "/r/open/index/config.json"] {
        let config = get(path).send(&site).await.expect(200);
        let base = "https://host.example/crates/r/open";
        assert_eq!(
            config.text(),
            format!("{{\"dl\":\"{base}/dl\",\"api\":\"{base}\",\"auth-required\":false}}")
        );
    }
    for path in
        ["/crates", "/crates/", "/crates/livez", "/crates//api/v1/registries", "/crates/r/open/api/v1/crates"]
    {
        get(path).send(&site).await.expect(200);
    }
    let refused = get("/crates/r/main/index/config.json").send(&site).await.expect(401);
    assert_eq!(
        refused.header("www-authenticate"),
        Some("Cargo login_url=\"https://host.example/crates/r/main/me\"")
    );
    let absent = get("/crates/r/open/api/v1/nothing").send(&site).await.expect(404);
    absent.sentence();
    get("/cratesx/livez").send(&site).await.expect(404);
}

#[tokio::test]
async fn another_front_can_mount_the_router() {
    let site = Site::new().await;
    let outer = axum::Router::new().nest_service("/sub/path", site.web.router());
    for path in ["/sub/path/r/open/index/config.json", "/sub/path/livez", "/sub/path/"] {
        get(path).send_to(outer.clone()).await.expect(200);
    }
    get("/livez").send_to(outer).await.expect(404);
}

#[test]
fn routes_are_unique() {
    for (number, route) in ROUTES.iter().enumerate() {
        let same = ROUTES.iter().filter(|other| (other.method, other.path) == (route.method, route.path));
        assert_eq!(same.count(), 1, "route {number}: {} {}", route.method, route.path);
    }
}
