//! What a crash may not take: every acknowledged publish downloads and verifies, no index line is without its
//! bytes, the server starts again by itself, and `fsck` is clean.
#![expect(clippy::disallowed_methods, reason = "the environment says whether this is the full suite")]
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use holdfast_testkit::packages::CrateBuilder;
use holdfast_testkit::{Http, Server, noise};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::SocketAddr;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

const PUBLISHERS: usize = 4;

/// A publish that was sent.
#[derive(Clone)]
struct Sent {
    name: String,
    version: String,
    frame: Vec<u8>,
    package: Vec<u8>,
}

impl Sent {
    fn new(name: &str, version: &str, index: &str, text: &str) -> Sent {
        let builder = CrateBuilder::new(name, version).own_index(index).file("text.txt", text.as_bytes());
        let (frame, package) = (builder.frame(), builder.package());
        Sent { name: name.to_owned(), version: version.to_owned(), frame, package }
    }

    fn index_path(&self) -> String {
        format!("/r/main/index/{}/{}/{}", &self.name[..2], &self.name[2..4], self.name)
    }
}

fn rounds() -> usize {
    if std::env::var_os("HOLDFAST_FULL").is_some_and(|full| full == "1") { 200 } else { 5 }
}

/// A number that nobody foresees.
fn random(below: u64) -> u64 {
    RandomState::new().build_hasher().finish() % below
}

/// Publishes until the server dies; gives what was acknowledged, and what was under way at the end.
fn publish_until_killed(
    address: SocketAddr,
    token: &str,
    index: &str,
    name: &str,
    unanswered: Option<Sent>,
) -> (Vec<Sent>, Sent) {
    let mut http = Http::connect(address).with_token(token);
    let mut acknowledged = Vec::new();
    let mut next = unanswered.unwrap_or_else(|| Sent::new(name, "1.0.0", index, ""));
    for patch in 1.. {
        match http.try_send("PUT", "/r/main/api/v1/crates/new", &[], &next.frame) {
            Ok(answer) => {
                assert_eq!(answer.status, 200, "{}@{}: {}", next.name, next.version, answer.text());
                acknowledged.push(next);
            }
            Err(_) => return (acknowledged, next),
        }
        // Some are large enough to wait in a file.
        let text = if patch % 7 == 0 { noise_text(800_000) } else { noise_text(200) };
        next = Sent::new(name, &format!("1.0.{patch}"), index, &text);
    }
    unreachable!("nobody publishes for ever")
}

fn noise_text(length: usize) -> String {
    noise(random(u64::MAX), length / 2).iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}

/// Looks at every crate of which something was acknowledged from `first` on, or is unanswered: what was
/// acknowledged is in the index and downloads as sent, and whatever is in the index has its bytes.
fn verify(server: &Server, acknowledged: &[Sent], first: usize, unanswered: &[Sent]) {
    let mut http = server.http();
    let mut known: BTreeMap<String, Vec<&Sent>> = BTreeMap::new();
    for sent in acknowledged.iter().chain(unanswered) {
        known.entry(sent.index_path()).or_default().push(sent);
    }
    let looked_at: BTreeSet<String> =
        acknowledged[first..].iter().chain(unanswered).map(Sent::index_path).collect();
    for path in looked_at {
        let sent = &known[&path];
        let answer = http.get(&path);
        let lines = if answer.status == 404 { Vec::new() } else { answer.expect_status(200).index_lines() };
        for sent in acknowledged.iter().filter(|sent| sent.index_path() == path) {
            let there = lines.iter().any(|line| line["vers"] == sent.version.as_str());
            assert!(there, "{}@{} was acknowledged and is lost", sent.name, sent.version);
        }
        for line in lines {
            let version = line["vers"].as_str().unwrap();
            let sent = sent.iter().find(|sent| sent.version == version).expect("nobody else publishes");
            let path = format!("/r/main/dl/{}/{version}/download", sent.name);
            // The checksum in the line is of the same bytes: fsck reads and hashes them at the end.
            assert!(http.get(&path).expect_status(200).body == sent.package, "{path} has other bytes");
        }
    }
}

#[test]
fn acknowledged_publishes_survive_kill_nine() {
    let mut server = Server::start();
    let (address, token, index) = (server.address(), server.token().to_owned(), server.index("main"));
    let mut everything = Vec::new();
    let mut unanswered: Vec<Option<Sent>> = vec![None; PUBLISHERS];
    for round in 0..rounds() {
        let (token, index) = (&token, &index);
        let results: Vec<(Vec<Sent>, Sent)> = thread::scope(|scope| {
            let publishers: Vec<_> = std::mem::take(&mut unanswered)
                .into_iter()
                .enumerate()
                .map(|(number, before)| {
                    let name = format!("round-{round}-{number}");
                    scope.spawn(move || publish_until_killed(address, token, index, &name, before))
                })
                .collect();
            // The moment of the crash is the subject of this test, not a way to wait for anything.
            thread::sleep(Duration::from_micros(2_000 + random(120_000)));
            server.kill();
            publishers.into_iter().map(|publisher| publisher.join().unwrap()).collect()
        });
        server.restart();
        let (acknowledged, last): (Vec<_>, Vec<_>) = results.into_iter().unzip();
        let first = everything.len();
        everything.extend(acknowledged.into_iter().flatten());
        verify(&server, &everything, first, &last);
        // The next round repeats what got no answer: the same bytes must succeed, saved or not.
        unanswered = last.into_iter().map(Some).collect();
    }
    assert!(everything.len() > rounds(), "only {} publishes were acknowledged", everything.len());
    verify(&server, &everything, 0, &unanswered.into_iter().flatten().collect::<Vec<_>>());
    server.cli().assert_clean();
    server.stop();
    server.cli().assert_clean();
    eprintln!("{} rounds, {} acknowledged publishes", rounds(), everything.len());
}

#[test]
fn a_crash_leaves_no_upload_behind_for_long() {
    let mut server = Server::start();
    let sent = Sent::new("alpha", "1.0.0", &server.index("main"), &noise_text(1_500_000));
    let mut http = server.http();
    let head = http.head("PUT", "/r/main/api/v1/crates/new", &[], sent.frame.len());
    http.write(&[head.as_bytes(), &sent.frame[..sent.frame.len() - 1]].concat()).unwrap();
    let staging = server.data().join("blobs/staging");
    holdfast_testkit::until("the upload to wait in a file", || {
        std::fs::read_dir(&staging).unwrap().next().map(|_| ())
    });
    server.kill();
    server.restart();
    server.http().get(&sent.index_path()).expect_status(404);
    server.cli().assert_clean();
    server.http().publish("main", &sent.frame).expect_status(200);
    verify(&server, &[sent], 0, &[]);
}

#[test]
fn of_many_publishes_of_one_version_one_wins() {
    let server = Server::start();
    let index = server.index("main");
    let different: Vec<Sent> =
        (0..32).map(|number| Sent::new("alpha", "1.0.0", &index, &format!("bytes of {number}"))).collect();
    let barrier = Barrier::new(different.len());
    let answers: Vec<_> = thread::scope(|scope| {
        let publishers: Vec<_> = different
            .iter()
            .map(|sent| {
                let (mut http, barrier) = (server.http(), &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    http.publish("main", &sent.frame)
                })
            })
            .collect();
        publishers.into_iter().map(|publisher| publisher.join().unwrap()).collect()
    });
    let winners: Vec<usize> = (0..32).filter(|number| answers[*number].status == 200).collect();
    assert_eq!(winners.len(), 1, "{winners:?} were all told that they won");
    for (number, answer) in answers.into_iter().enumerate().filter(|(number, _)| *number != winners[0]) {
        let sentence = answer.expect_status(409).sentence();
        assert!(sentence.contains("`alpha@1.0.0` is already published"), "{number}: {sentence}");
    }
    let winner = &different[winners[0]];
    verify(&server, std::slice::from_ref(winner), 0, &[]);
    // The winner's answer may have been lost: the same again is success, and others stay refused.
    server.http().publish("main", &winner.frame).expect_status(200);
    let loser = &different[(winners[0] + 1) % 32];
    server.http().publish("main", &loser.frame).expect_status(409);
    assert_eq!(server.http().get("/r/main/index/al/ph/alpha").index_lines().len(), 1);
    server.cli().assert_clean();
    server.assert_unharmed();
}

#[test]
fn many_publishes_of_one_crate_are_all_kept() {
    let server = Server::start();
    let index = server.index("main");
    server.publish("alpha", "0.1.0");
    thread::scope(|scope| {
        for number in 0..16 {
            let (mut http, sent) = (server.http(), Sent::new("alpha", &format!("1.0.{number}"), &index, ""));
            scope.spawn(move || http.publish("main", &sent.frame).expect_status(200));
        }
    });
    assert_eq!(server.http().get("/r/main/index/al/ph/alpha").index_lines().len(), 17);
    server.cli().assert_clean();
}
