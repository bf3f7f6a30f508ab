//! The two ways through the server: a plain read is answered alike on the express lane and by the HTTP
//! library, byte for byte but for the date.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use holdfast_testkit::packages::CrateBuilder;
use holdfast_testkit::{Answer, Http, Server, noise};

/// What an answer says, in an order that does not depend on who wrote it.
fn told(answer: Answer) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let lower = |(name, value): (String, String)| (name.to_ascii_lowercase(), value);
    let mut headers: Vec<_> = answer.headers.into_iter().map(lower).collect();
    headers.retain(|(name, _)| name != "date" && name != "x-request-id");
    headers.sort();
    (answer.status, headers, answer.body)
}

#[track_caller]
fn compare(mut plain: Http, mut general: Http, path: &str, headers: &[(&str, &str)], status: u16) {
    // Anything but a plain read hands a connection over for good.
    general.get("/livez").expect_status(200);
    let ask = |http: &mut Http| told(http.try_send("GET", path, headers, &[]).unwrap());
    let (lane, library) = (ask(&mut plain), ask(&mut general));
    assert_eq!(lane.0, status, "{path}");
    assert_eq!(lane.1, library.1, "{path}");
    assert!(lane == library, "the bodies of {path} differ");
}

#[test]
fn both_ways_say_the_same() {
    let server = Server::start();
    for (name, bytes) in [("small", 100), ("large", 300_000), ("huge", 3_000_000)] {
        let package = CrateBuilder::new(name, "1.0.0").own_index(&server.index("main"));
        let package = package.file("noise.bin", &noise(1, bytes));
        server.http().publish("main", &package.frame()).expect_status(200);
    }
    for version in 1..20 {
        let package = CrateBuilder::new("small", &format!("1.{version}.0")).own_index(&server.index("main"));
        server.http().publish("main", &package.frame()).expect_status(200);
    }
    let etag = server.http().get("/r/main/index/sm/al/small").header("etag").unwrap().to_owned();
    let weak = format!("\"other\", W/{etag}");
    for (path, headers, status) in [
        ("/r/main/index/config.json", &[][..], 200),
        ("/r/main/index/sm/al/small", &[], 200),
        ("/r/main/index/sm/al/small", &[("Accept-Encoding", "deflate, gzip")], 200),
        ("/r/main/index/sm/al/small", &[("Accept-Encoding", "gzip;q=0")], 200),
        ("/r/main/index/sm/al/small", &[("If-None-Match", &etag)], 304),
        ("/r/main/index/sm/al/small", &[("If-None-Match", &weak)], 304),
        ("/r/main/index/sm/al/other", &[], 404),
        ("/r/main/index/no/thing", &[], 404),
        ("/r/other/index/config.json", &[], 404),
        ("/r/main/dl/small/1.0.0/download", &[], 200),
        ("/r/main/dl/large/1.0.0/download", &[], 200),
        ("/r/main/dl/huge/1.0.0/download", &[], 200),
        ("/r/main/dl/huge/1.0.0/download", &[("Range", "bytes=10-19")], 206),
        ("/r/main/dl/huge/1.0.0/download", &[("Range", "bytes=9999999-")], 416),
        ("/r/main/dl/huge/2.0.0/download", &[], 404),
    ] {
        compare(server.http(), server.http(), path, headers, status);
    }
    let stranger = || server.anonymous().with_token("hf_nobody-knows-this");
    for path in ["/r/main/index/config.json", "/r/main/index/sm/al/small", "/r/main/dl/huge/1.0.0/download"] {
        compare(server.anonymous(), server.anonymous(), path, &[], 401);
        compare(stranger(), stranger(), path, &[], 401);
    }
    let file = server.http().get("/r/main/dl/huge/1.0.0/download");
    assert!(file.body.len() > 3_000_000);
}
