//! Stopping: what is being answered is answered, nothing new begins, and the process ends in time by itself.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use holdfast_testkit::packages::CrateBuilder;
use holdfast_testkit::{Http, Server, noise, until};
use std::time::{Duration, Instant};

/// How long an idle connection may stay open, and an idle server run, after the server was asked to stop.
const SOON: Duration = Duration::from_secs(5);

/// Begins a publish, all of it sent but its last byte, and waits until the server has taken it up.
fn begun(server: &Server, frame: &[u8]) -> Http {
    let mut http = server.http();
    let head = http.head("PUT", "/r/main/api/v1/crates/new", &[], frame.len());
    http.write(&[head.as_bytes(), &frame[..frame.len() - 1]].concat()).unwrap();
    let staging = server.data().join("blobs/staging");
    until("the upload to wait in a file", || std::fs::read_dir(&staging).unwrap().next().map(|_| ()));
    http
}

/// A publish large enough to wait in a file, so that a test can see it.
fn large_frame(server: &Server) -> Vec<u8> {
    CrateBuilder::new("alpha", "1.0.0")
        .own_index(&server.index("main"))
        .file("noise.bin", &noise(1, 1_000_000))
        .frame()
}

#[test]
fn a_publish_that_has_begun_is_finished_and_nothing_new_begins() {
    let mut server = Server::start();
    let frame = large_frame(&server);
    let mut idle = server.http().with_patience(SOON);
    idle.get("/r/main/index/config.json").expect_status(200);
    let mut silent = server.anonymous().with_patience(SOON);
    let mut publish = begun(&server, &frame);
    server.ask_to_stop();
    until("new connections to be refused", || {
        let refused =
            Http::try_connect(server.address()).and_then(|mut http| http.try_send("GET", "/livez", &[], &[]));
        refused.is_err().then_some(())
    });
    // Idle connections are closed, for their clients would wait in vain.
    assert_eq!(idle.rest().expect("a connection that waits for nothing is closed"), b"");
    assert_eq!(silent.rest().expect("a connection that never asked is closed"), b"");
    publish.write(&frame[frame.len() - 1..]).unwrap();
    assert_eq!(publish.answer().unwrap().status, 200);
    assert!(server.wait_for_end().success(), "the exit code tells that all went well");

    server.restart();
    server.http().get("/r/main/index/al/ph/alpha").expect_status(200);
    server.http().get("/r/main/dl/alpha/1.0.0/download").expect_status(200);
    server.cli().assert_clean();
}

#[test]
fn a_client_that_stands_still_does_not_hold_up_the_end() {
    let mut server = Server::builder().env("HOLDFAST_SHUTDOWN_TIMEOUT", "1s").start();
    let frame = large_frame(&server);
    let _stuck = begun(&server, &frame);
    let asked = Instant::now();
    server.ask_to_stop();
    let status = server.wait_for_end();
    assert!(asked.elapsed() < 2 * SOON, "it took {:?}", asked.elapsed());
    assert!(status.success(), "the server ended with {status}");
    server.restart();
    server.http().get("/r/main/index/al/ph/alpha").expect_status(404);
    server.cli().assert_clean();
}

#[test]
fn counts_of_downloads_survive_a_stop() {
    let mut server = Server::start();
    server.publish("alpha", "1.0.0");
    for _ in 0..3 {
        server.http().get("/r/main/dl/alpha/1.0.0/download").expect_status(200);
    }
    server.stop();
    assert_eq!(server.cli().json("crate show main alpha")["downloads"], 3);
}

#[test]
fn an_idle_server_stops_at_once() {
    let mut server = Server::start();
    let asked = Instant::now();
    server.stop();
    assert!(asked.elapsed() < SOON, "it took {:?}", asked.elapsed());
}
