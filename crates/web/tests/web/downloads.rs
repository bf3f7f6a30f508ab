//! `.crate` files.

use crate::site::{ADMIN, Site, ask, get};
use holdfast_blobs::Blobs;
use holdfast_testkit::packages::CrateBuilder;
use holdfast_types::Sha256;

async fn filled() -> (Site, Vec<u8>) {
    let site = Site::new().await;
    let package = CrateBuilder::new("abc", "1.0.0-rc.1+b").own_index(&crate::site::own_index("main"));
    site.publish(ADMIN, "main", &package).await.expect(200);
    let bytes = package.package();
    (site, bytes)
}

const PATH: &str = "/r/main/dl/abc/1.0.0-rc.1+b/download";

#[tokio::test]
async fn a_file_is_served_as_it_came() {
    let (site, bytes) = filled().await;
    let other_spelling = "/r/main/dl/ABC/1.0.0-rc.1/download";
    let encoded = "/r/main/dl/abc/1.0.0-rc.1%2Bb/download";
    let api = "/r/main/api/v1/crates/abc/1.0.0-rc.1+b/download";
    for path in [PATH, other_spelling, encoded, api, "/r/main//dl/abc/1.0.0-rc.1+b/download"] {
        let file = get(path).token(ADMIN).header("accept-encoding", "gzip").send(&site).await.expect(200);
        assert_eq!(file.body, bytes, "{path}");
        assert_eq!(file.header("content-type"), Some("application/octet-stream"));
        assert_eq!(file.header("content-encoding"), None);
        assert_eq!(file.header("accept-ranges"), Some("bytes"));
        assert_eq!(file.header("cache-control"), Some("private, max-age=31536000, immutable"));
        assert_eq!(file.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(file.header("etag"), Some(format!("\"{}\"", Sha256::of(&bytes)).as_str()));
    }
    let file = get(PATH).token(ADMIN).send(&site).await.expect(200);
    assert_eq!(file.header("content-disposition"), Some("attachment; filename=\"abc-1.0.0-rc.1+b.crate\""));
}

#[tokio::test]
async fn head_and_conditions() {
    let (site, bytes) = filled().await;
    let head = ask("HEAD", PATH).token(ADMIN).send(&site).await.expect(200);
    assert_eq!(head.header("content-length"), Some(bytes.len().to_string().as_str()));
    assert!(head.body.is_empty());
    let etag = head.header("etag").unwrap();
    let same = get(PATH).token(ADMIN).header("if-none-match", etag).send(&site).await.expect(304);
    assert!(same.body.is_empty());
    assert_eq!(same.header("etag"), Some(etag));
    get(PATH).token(ADMIN).header("if-none-match", "\"x\"").send(&site).await.expect(200);
}

#[tokio::test]
async fn ranges() {
    let (site, bytes) = filled().await;
    let size = bytes.len();
    let part = get(PATH).token(ADMIN).header("range", "bytes=2-5").send(&site).await.expect(206);
    assert_eq!(part.body, &bytes[2..6]);
    assert_eq!(part.header("content-range"), Some(format!("bytes 2-5/{size}").as_str()));
    let tail = get(PATH).token(ADMIN).header("range", "bytes=-3").send(&site).await.expect(206);
    assert_eq!(tail.body, &bytes[size - 3..]);
    let beyond = get(PATH).token(ADMIN).header("range", "bytes=999999-").send(&site).await.expect(416);
    assert_eq!(beyond.header("content-range"), Some(format!("bytes */{size}").as_str()));
    for ignored in ["bytes=0-1,3-4", "lines=1-2", "nonsense"] {
        get(PATH).token(ADMIN).header("range", ignored).send(&site).await.expect(200);
    }
    let stale = get(PATH).token(ADMIN).header("range", "bytes=0-1").header("if-range", "\"x\"");
    stale.send(&site).await.expect(200);
}

#[tokio::test]
async fn absence_and_refusal_are_text() {
    let (site, _) = filled().await;
    for path in [
        "/r/main/dl/abc/9.9.9/download",
        "/r/main/dl/abc/nonsense/download",
        "/r/main/dl/missing/1.0.0/download",
        "/r/main/dl/../1.0.0/download",
        "/r/main/dl/%2e%2e/1.0.0/download",
        "/r/main/dl/abc/1.0.0-rc.1%00/download",
        "/r/main/dl/abc/1.0.0-rc.1 b/download",
        "/r/main/dl/abc/1.0.0-rc.1",
    ] {
        let path = path.replace(' ', "%20");
        let absent = get(&path).token(ADMIN).send(&site).await.expect(404);
        assert_eq!(absent.header("content-type"), Some("text/plain; charset=utf-8"), "{path}");
    }
    let refused = get(PATH).send(&site).await.expect(401);
    assert_eq!(refused.header("content-type"), Some("text/plain; charset=utf-8"));
}

#[tokio::test]
async fn large_files_come_in_chunks_with_their_length() {
    let noise: Vec<u8> = (0..3_000_000_u32)
        .map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0] ^ n.to_le_bytes()[1])
        .collect();
    let folder = tempfile::tempdir().unwrap();
    let outside = holdfast_testkit::FakeOutside::new(2);
    let holdfast = holdfast_registry::Holdfast::new(holdfast_registry::Parts {
        store: std::sync::Arc::new(holdfast_store::Memory::new()),
        blobs: Blobs::open(&format!("file:{}", folder.path().display())).await.unwrap(),
        search: None,
        outside: outside.clone(),
        settings: holdfast_registry::Settings::default(),
        providers: Vec::new(),
    });
    holdfast.start(Some(&ADMIN.parse().unwrap())).await.unwrap();
    let web = holdfast_web::Web::new(holdfast.clone(), holdfast_web::WebSettings::default());
    let site = Site { web, holdfast, outside };
    let package = CrateBuilder::new("big", "1.0.0")
        .file("noise.bin", &noise)
        .own_index(&crate::site::own_index("main"));
    site.publish(ADMIN, "main", &package).await.expect(200);
    let bytes = package.package();
    let path = "/r/main/dl/big/1.0.0/download";
    let file = get(path).token(ADMIN).send(&site).await.expect(200);
    assert!(bytes.len() > 1_000_000 && file.body == bytes);
    let head = ask("HEAD", path).token(ADMIN).send(&site).await.expect(200);
    assert_eq!(head.header("content-length"), Some(bytes.len().to_string().as_str()));
    let part = get(path).token(ADMIN).header("range", "bytes=900000-").send(&site).await.expect(206);
    assert_eq!(part.body, &bytes[900_000..]);
}
