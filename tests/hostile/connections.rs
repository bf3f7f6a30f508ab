//! Clients that are slow, silent, too generous, or gone.

use super::{NEW, assert_untouched, refused, server};
use holdfast_testkit::packages::CrateBuilder;
use holdfast_testkit::{Http, Server, noise, until};
use std::fs;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

/// A frame whose package is large enough to wait in a file.
fn large_frame(server: &Server) -> Vec<u8> {
    CrateBuilder::new("alpha", "1.0.0")
        .own_index(&server.index("main"))
        .file("noise", &noise(1, 1_000_000))
        .frame()
}

fn waiting(server: &Server) -> usize {
    fs::read_dir(server.data().join("blobs/staging")).unwrap().count()
}

#[test]
fn a_body_that_stops_half_way_leaves_nothing() {
    let server = server();
    let frame = large_frame(&server);
    for part in [4, 100, 300_000, frame.len() / 2, frame.len() - 1] {
        let mut http = server.http();
        let head = http.head("PUT", NEW, &[], frame.len());
        http.write(&[head.as_bytes(), &frame[..part]].concat()).unwrap();
        if part > 300_000 {
            until("the upload to wait in a file", || (waiting(&server) > 0).then_some(()));
        }
        drop(http);
        until("the upload to be cleared away", || (waiting(&server) == 0).then_some(()));
    }
    server.http().get("/r/main/index/al/ph/alpha").expect_status(404);
    assert_untouched(&server);
}

#[test]
fn a_chunked_body_is_as_good_as_any_and_ends_as_early() {
    let server = server();
    let frame = CrateBuilder::new("chunked", "1.0.0").own_index(&server.index("main")).frame();
    let head = format!(
        "PUT {NEW} HTTP/1.1\r\nHost: {}\r\nAuthorization: {}\r\nTransfer-Encoding: chunked\r\n\r\n",
        server.address(),
        server.token()
    );
    let chunks: Vec<u8> = frame
        .chunks(100)
        .flat_map(|chunk| [format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat())
        .collect();
    for (end, is_whole) in [("0\r\n\r\n", true), ("zz\r\n", false), ("", false)] {
        let mut http = Http::connect(server.address());
        http.write(&[head.as_bytes(), &chunks, end.as_bytes()].concat()).unwrap();
        if end.is_empty() {
            http.end_sending();
        }
        match http.answer() {
            Ok(answer) if is_whole => assert_eq!(answer.status, 200, "{}", answer.text()),
            Ok(answer) => assert!((400..500).contains(&answer.status), "{end:?}: {}", answer.status),
            Err(error) => assert!(!is_whole, "{error}"),
        }
    }
    server.cli().ok("crate remove main chunked");
    server.assert_unharmed();
}

#[test]
fn a_head_that_comes_byte_by_byte_is_cut_off() {
    let server = Server::builder().env("HOLDFAST_REQUEST_TIMEOUT", "1s").start();
    let began = Instant::now();
    let mut http = Http::connect(server.address());
    let head = format!("GET /livez HTTP/1.1\r\nHost: {}\r\nX-Slow: {}", server.address(), "x".repeat(1000));
    // The pace is the subject of this test: a byte each tenth of a second, for ever if nobody ends it.
    let mut bytes = head.bytes();
    let cut = loop {
        let Some(byte) = bytes.next() else { break false };
        if http.write(&[byte]).is_err() {
            break true;
        }
        if began.elapsed() > Duration::from_secs(20) {
            break false;
        }
        thread::sleep(Duration::from_millis(100));
    };
    assert!(cut, "the server still listens after {:?}", began.elapsed());
    server.assert_unharmed();
}

#[test]
fn a_body_that_stands_still_is_given_up() {
    let server = Server::builder().env("HOLDFAST_REQUEST_TIMEOUT", "1s").start();
    let frame = large_frame(&server);
    let mut http = server.http();
    let head = http.head("PUT", NEW, &[], frame.len());
    let began = Instant::now();
    http.write(&[head.as_bytes(), &frame[..500_000]].concat()).unwrap();
    match http.answer() {
        Ok(answer) => assert_eq!(answer.status, 408, "{}", answer.text()),
        Err(error) => assert_ne!(error.kind(), io::ErrorKind::WouldBlock, "the server never gave up"),
    }
    assert!(began.elapsed() < Duration::from_secs(20), "it took {:?}", began.elapsed());
    assert_untouched(&server);
}

#[test]
fn a_slow_body_that_gets_on_is_waited_for() {
    let server = Server::builder().env("HOLDFAST_REQUEST_TIMEOUT", "1s").start();
    let frame = CrateBuilder::new("alpha", "1.0.0").own_index(&server.index("main")).frame();
    let mut http = server.http();
    let head = http.head("PUT", NEW, &[], frame.len());
    http.write(head.as_bytes()).unwrap();
    let piece = frame.len() / 12;
    // Longer than the limit as a whole, shorter at each step: the pace is the subject.
    for piece in frame.chunks(piece) {
        http.write(piece).unwrap();
        thread::sleep(Duration::from_millis(200));
    }
    let answer = http.answer().unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
}

#[test]
fn a_body_above_the_limit_is_refused_before_it_is_sent() {
    // What is sent all the same is read for so long, so that its sender gets to read the answer.
    let server = Server::builder().env("HOLDFAST_REQUEST_TIMEOUT", "1s").start();
    for headers in [&[][..], &[("Expect", "100-continue")]] {
        let mut http = server.http();
        let head = http.head("PUT", NEW, headers, 100 << 20);
        http.write(&[head.as_bytes(), &4_u32.to_le_bytes()].concat()).unwrap();
        // The rest is never sent, so only an early answer can come.
        let answer = http.answer().unwrap();
        assert_eq!(answer.status, 413, "{}", answer.text());
        assert!(refused("100 MiB", &answer).contains("at most 10485760"), "{}", answer.text());
    }
    assert_untouched(&server);
}

#[test]
fn whoever_may_not_publish_is_told_before_the_upload() {
    let server = server();
    let frame = large_frame(&server);
    let mut http = server.anonymous();
    let head = http.head("PUT", NEW, &[("Expect", "100-continue")], frame.len());
    http.write(head.as_bytes()).unwrap();
    let answer = http.answer().unwrap();
    assert_eq!(answer.status, 401, "{}", answer.text());
    assert!(
        answer.header("www-authenticate").is_some_and(|value| value.starts_with("Cargo login_url=\"http://"))
    );
    assert_untouched(&server);
}

#[test]
fn an_upload_that_waits_for_the_word_to_go_on_gets_it() {
    let server = server();
    let frame = large_frame(&server);
    let mut http = server.http();
    let head = http.head("PUT", NEW, &[("Expect", "100-continue")], frame.len());
    http.write(head.as_bytes()).unwrap();
    assert_eq!(http.interim().unwrap(), 100);
    http.write(&frame).unwrap();
    assert_eq!(http.answer().unwrap().status, 200);
    server.assert_unharmed();
}

#[test]
fn clients_that_leave_without_reading_harm_nobody() {
    let server = server();
    server.publish("alpha", "1.0.0");
    for _ in 0..200 {
        let mut http = server.http();
        let head = http.head("GET", "/r/main/dl/alpha/1.0.0/download", &[], 0);
        http.write(head.as_bytes()).unwrap();
    }
    server.http().get("/r/main/dl/alpha/1.0.0/download").expect_status(200);
    server.assert_unharmed();
}

#[test]
fn offers_to_upgrade_are_ignored() {
    let server = server();
    let mut http = server.http();
    let headers = [
        ("Connection", "Upgrade, HTTP2-Settings"),
        ("Upgrade", "h2c"),
        ("HTTP2-Settings", "AAMAAABkAAQAoAAAAAIAAAAA"),
    ];
    http.send("GET", "/r/main/index/config.json", &headers, &[]).expect_status(200);
    let frame = CrateBuilder::new("alpha", "1.0.0").own_index(&server.index("main")).frame();
    http.send("PUT", NEW, &headers, &frame).expect_status(200);
    http.send("GET", "/r/main/index/al/ph/alpha", &headers, &[]).expect_status(200);
}
