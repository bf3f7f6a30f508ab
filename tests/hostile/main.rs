//! Bad input through real sockets: none of it may harm the server, be answered with a 500, or leave a trace.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod archives;
mod connections;
mod disk;
mod frames;
mod paths;

use holdfast_testkit::{Answer, Server, until};
use std::fs;

/// The path of a publish.
const NEW: &str = "/r/main/api/v1/crates/new";

/// A server that logs all it does, so that a secret in any line is found.
fn server() -> Server {
    Server::builder().env("HOLDFAST_LOG", "debug").start()
}

/// A body of a publish whose length prefixes tell the truth.
fn frame(metadata: &[u8], package: &[u8]) -> Vec<u8> {
    let length = |part: &[u8]| u32::try_from(part.len()).unwrap().to_le_bytes();
    [&length(metadata)[..], metadata, &length(package)[..], package].concat()
}

/// An answer that refuses in words that cargo prints, with a status in the range of the client's faults.
#[track_caller]
fn refused(what: &str, answer: &Answer) -> String {
    assert!((400..500).contains(&answer.status), "{what}: {} with `{}`", answer.status, answer.text());
    answer.sentence()
}

/// Nothing was stored, nothing waits, nothing panicked, no secret was logged, and publishing goes on.
#[track_caller]
fn assert_untouched(server: &Server) {
    until("the uploads to be cleared away", || {
        let waiting = fs::read_dir(server.data().join("blobs/staging")).unwrap().count();
        (waiting == 0).then_some(())
    });
    let findings = server.cli().json("fsck");
    assert_eq!(findings["crates"], 0, "something was published: {}", server.cli().ok("crate list main"));
    server.publish("after-all", "1.0.0");
    server.cli().assert_clean();
    server.assert_unharmed();
}
