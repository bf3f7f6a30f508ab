//! Publish: what is decided before the body, what its frame may do, what it leaves behind.

use crate::site::{ADMIN, Answer, Site, get, own_index, put};
use axum::body::Body;
use bytes::Bytes;
use holdfast_registry::entity::Role;
use holdfast_registry::{Settings, rights};
use holdfast_testkit::packages::CrateBuilder;
use holdfast_web::WebSettings;
use http::Request;
use insta::assert_snapshot;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tower::ServiceExt;

const NEW: &str = "/r/main/api/v1/crates/new";

fn package() -> CrateBuilder {
    CrateBuilder::new("abc", "0.1.0").own_index(&own_index("main"))
}

/// A body whose frames a test chooses; after them it ends, breaks off or stands still.
struct Stream {
    frames: std::vec::IntoIter<Bytes>,
    end: End,
    was_read: std::sync::Arc<std::sync::atomic::AtomicUsize>,
}

#[derive(Clone, Copy)]
enum End {
    Broken,
    Still,
    Clean,
}

impl http_body::Body for Stream {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, std::io::Error>>> {
        self.was_read.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        match (self.frames.next(), self.end) {
            (Some(frame), _) => Poll::Ready(Some(Ok(http_body::Frame::data(frame)))),
            (None, End::Clean) => Poll::Ready(None),
            (None, End::Broken) => Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionReset.into()))),
            (None, End::Still) => Poll::Pending,
        }
    }
}

/// Sends a body of frames and says how often it was read.
async fn stream(site: &Site, frames: Vec<Bytes>, end: End, headers: &[(&str, &str)]) -> (u16, String, usize) {
    stream_to(NEW, site, frames, end, headers).await
}

async fn stream_to(
    path: &str,
    site: &Site,
    frames: Vec<Bytes>,
    end: End,
    headers: &[(&str, &str)],
) -> (u16, String, usize) {
    let was_read = std::sync::Arc::<std::sync::atomic::AtomicUsize>::default();
    let body = Stream { frames: frames.into_iter(), end, was_read: was_read.clone() };
    let mut request = Request::put(path).header("host", crate::site::HOST);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = site.web.router().oneshot(request.body(Body::new(body)).unwrap()).await.unwrap();
    let status = response.status().as_u16();
    let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
    let read = was_read.load(std::sync::atomic::Ordering::SeqCst);
    (status, String::from_utf8(body.to_vec()).unwrap(), read)
}

async fn is_published(site: &Site) -> bool {
    get("/r/main/index/3/a/abc").token(ADMIN).send(site).await.status == 200
}

#[tokio::test]
async fn a_publish_is_there_at_once() {
    let site = Site::new().await;
    let published = site.publish(ADMIN, "main", &package()).await.expect(200);
    assert_snapshot!(published.text(), @r#"{"warnings":{"invalid_categories":[],"invalid_badges":[],"other":[]}}"#);
    assert_eq!(published.header("content-type"), Some("application/json"));
    assert!(is_published(&site).await);
    site.publish(ADMIN, "main", &package()).await.expect(200);
    let other = site.publish(ADMIN, "main", &package().file("src/x.rs", b"//")).await.expect(409);
    assert!(other.sentence().contains("0.1.0"), "{}", other.sentence());
}

#[tokio::test]
async fn warnings_reach_the_author() {
    let site = Site::new().await;
    let package = package().field("license", "Odd").without("license-file");
    let answer = site.publish(ADMIN, "main", &package).await.ok_json();
    assert!(answer["warnings"]["other"][0].as_str().unwrap().contains("SPDX"), "{answer}");
}

#[tokio::test]
async fn refusals_need_no_body() {
    let site = Site::new().await;
    let reader = site.user("rita", Role::Reader).await;
    let frame = || vec![Bytes::from(package().frame())];
    let expect = ("expect", "100-continue");
    for (headers, status) in [
        (vec![expect], 401),
        (vec![expect, ("authorization", "wrong")], 401),
        (vec![expect, ("authorization", reader.as_str())], 403),
        (vec![expect, ("authorization", ADMIN), ("content-length", "99999999")], 413),
    ] {
        let (found, body, read) = stream(&site, frame(), End::Still, &headers).await;
        assert_eq!((found, read), (status, 0), "{body}");
        assert!(body.starts_with("{\"errors\":[{\"detail\":\""), "{body}");
    }
    // Who sends without waiting is read to the end, or else the answer may get lost.
    let (status, _, read) = stream(&site, frame(), End::Clean, &[]).await;
    assert_eq!((status, read), (401, 2));
    assert!(!is_published(&site).await);
}

#[tokio::test]
async fn every_refusal_is_in_the_audit_log() {
    let site = Site::new().await;
    let reader = site.user("rita", Role::Reader).await;
    put(NEW).send(&site).await.expect(401);
    put(NEW).token(&reader).send(&site).await.expect(403);
    put(NEW).token(ADMIN).header("content-length", "99999999").send(&site).await.expect(413);
    put(NEW).token(ADMIN).body("\u{5}\0\0\0{").send(&site).await.expect(400);
    let log = get("/api/v1/audit?action=publish").token(ADMIN).send(&site).await.ok_json();
    let actors: Vec<&str> =
        log.as_array().unwrap().iter().map(|entry| entry["actor"].as_str().unwrap()).collect();
    assert_eq!(actors.len(), 4, "{log}");
    for actor in ["anonymous", "rita", "admin"] {
        assert!(actors.contains(&actor), "{log}");
    }
    assert!(log.as_array().unwrap().iter().all(|entry| entry["refused"].is_string()), "{log}");
    let subject = rights::unauthenticated();
    assert!(log.to_string().contains(&subject.detail()[..20]), "{log}");
}

#[tokio::test]
async fn frames_that_lie_leave_nothing() {
    let site = Site::new().await;
    let frame = package().frame();
    let huge = u32::MAX.to_le_bytes();
    let send = async |body: Vec<u8>| -> Answer { put(NEW).token(ADMIN).body(body).send(&site).await };
    send(vec![]).await.expect(400);
    send(huge.to_vec()).await.expect(413);
    send([&huge[..], b"{}"].concat()).await.expect(413);
    send([&2_u32.to_le_bytes()[..], b"{}", &huge[..], b"x"].concat()).await.expect(413);
    send(frame[..frame.len() - 1].to_vec()).await.expect(400);
    send([&frame[..], b"!"].concat()).await.expect(400);
    send([&3_u32.to_le_bytes()[..], b"\xff\xfe\xfd", &0_u32.to_le_bytes()[..]].concat()).await.expect(400);
    send([&2_u32.to_le_bytes()[..], b"{}", &0_u32.to_le_bytes()[..]].concat()).await.expect(400);
    let deep = format!("{{\"deps\":{}", "[".repeat(100_000));
    let length = u32::try_from(deep.len()).unwrap().to_le_bytes();
    let answer = send([&length[..], deep.as_bytes(), &0_u32.to_le_bytes()[..]].concat()).await.expect(400);
    assert!(answer.sentence().len() < 500, "{}", answer.sentence());
    assert!(!is_published(&site).await);
    send(frame).await.expect(200);
}

#[tokio::test]
async fn bodies_that_stop() {
    let settings = WebSettings { request_timeout: Duration::from_millis(50), ..WebSettings::default() };
    let site = Site::with(settings, Settings::default()).await;
    let token = ("authorization", ADMIN);
    let half = || vec![Bytes::from(package().frame()).slice(..200)];
    let (status, body, _) = stream(&site, half(), End::Broken, &[token]).await;
    assert_eq!(status, 400, "{body}");
    let (status, body, _) = stream(&site, half(), End::Still, &[token]).await;
    assert_eq!(status, 408, "{body}");
    assert!(body.starts_with("{\"errors\""), "{body}");
    assert!(!is_published(&site).await);
    let pieces = package().frame().chunks(7).map(Bytes::copy_from_slice).collect();
    let (status, body, _) = stream(&site, pieces, End::Clean, &[token]).await;
    assert_eq!(status, 200, "{body}");
}

#[tokio::test]
async fn small_bodies_that_stop_are_the_fault_of_their_senders() {
    let settings = WebSettings { request_timeout: Duration::from_millis(200), ..WebSettings::default() };
    let site = Site::with(settings, Settings::default()).await;
    let half = vec![Bytes::from_static(b"{\"users\"")];
    let owners = "/r/main/api/v1/crates/abc/owners";
    let token = ("authorization", ADMIN);
    let (status, body, _) = stream_to(owners, &site, half.clone(), End::Still, &[token]).await;
    assert_eq!(status, 408, "{body}");
    let (status, body, _) = stream_to(owners, &site, half, End::Broken, &[token]).await;
    assert_eq!(status, 400, "{body}");
}

#[tokio::test]
async fn refusals_before_the_frame_are_found_by_registry() {
    let site = Site::new().await;
    put(NEW).token(ADMIN).body(vec![1]).send(&site).await.expect(400);
    put(NEW).token(ADMIN).body(CrateBuilder::new("std", "1.0.0").frame()).send(&site).await.expect(400);
    put(NEW).send(&site).await.expect(401);
    let log = get("/api/v1/audit?registry=main&action=publish").token(ADMIN).send(&site).await.ok_json();
    let about: Vec<_> = log.as_array().unwrap().iter().map(|entry| entry["subject"].clone()).collect();
    assert_eq!(about, ["main", "main", "main"]);
}

#[tokio::test]
async fn an_upload_as_a_whole_has_a_limit() {
    let settings = WebSettings { upload_timeout: Duration::from_millis(30), ..WebSettings::default() };
    let site = Site::with(settings, Settings::default()).await;
    let (status, body, _) = stream(&site, vec![], End::Still, &[("authorization", ADMIN)]).await;
    assert_eq!(status, 408, "{body}");
}

#[tokio::test]
async fn beyond_the_limit_of_uploads_clients_are_asked_to_wait() {
    let settings = WebSettings { max_uploads: 1, ..WebSettings::default() };
    let site = std::sync::Arc::new(Site::with(settings, Settings::default()).await);
    let slow = tokio::spawn({
        let site = site.clone();
        async move { stream(&site, vec![], End::Still, &[("authorization", ADMIN)]).await }
    });
    while get("/metrics").send(&site).await.text().contains("holdfast_uploads 0") {
        tokio::task::yield_now().await;
    }
    let busy = put(NEW).token(ADMIN).body(package().frame()).send(&site).await.expect(503);
    assert_eq!(busy.header("retry-after"), Some("2"));
    assert!(busy.sentence().contains("try again"));
    slow.abort();
    assert!(slow.await.unwrap_err().is_cancelled());
    put(NEW).token(ADMIN).body(package().frame()).send(&site).await.expect(200);
}
