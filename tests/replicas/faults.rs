//! The database hangs, dies or comes back while replicas serve: what they have in memory goes on, everything
//! else says that it does not know now, and afterwards all is well by itself.

use crate::support::{REPLICAS, Release, Site, index_path, is_full_run};
use holdfast_servers::{Kind, Server as Database, seen_within};
use holdfast_testkit::{Answer, Server, until};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How soon after the end of an outage every replica must work again.
const SOON: Duration = Duration::from_secs(20);

/// How long the database hangs in a full run.
const HANG: Duration = Duration::from_secs(5);

/// How long clients may have to wait during an outage: some time limits one after the other.
const PATIENT: Duration = Duration::from_secs(20);

pub(crate) fn a_database_in_trouble_hides_nothing(kind: Kind) {
    let Some(database) = kind.start() else { return };
    let site = Site::on(kind, &database.place(), None, |builder| {
        let builder = builder.env("HOLDFAST_DATABASE_READ_TIMEOUT", "800ms");
        builder.env("HOLDFAST_DATABASE_WRITE_TIMEOUT", "1600ms")
    });
    let mut trial = Trial::new(&site);
    let began = Instant::now();
    database.process().freeze();
    trial.assert_honest("hung");
    if is_full_run() {
        until("the hang to last long enough", || (began.elapsed() > HANG).then_some(()));
        trial.assert_honest("still hung");
    }
    database.process().thaw();
    let after_hang = trial.assert_recovers("a hang");

    // The stand-in for DynamoDB forgets everything when it ends, as no database of an operator's does.
    let after_end = (kind != Kind::Dynamodb).then(|| {
        trial.publish_another();
        database.process().kill();
        trial.assert_honest("gone");
        database.process().start_again();
        let after_end = trial.assert_recovers("an end");
        a_restart_under_load(&site, &*database);
        trial.assert_recovers("a restart under load");
        after_end
    });
    for release in [&trial.known, &trial.unknown] {
        release.assert_alone(&mut site.http(0));
    }
    site.assert_unharmed();
    let after_end = after_end.map_or_else(|| "never ended".to_owned(), |time| format!("an end {time:.2?}"));
    eprintln!("{}: works again after a hang {after_hang:.2?}, after {after_end}", kind.scheme());
}

/// What is asked during an outage, and is there or not.
struct Trial<'a> {
    site: &'a Site,
    /// In the memory of every replica.
    known: Release,
    /// In the memory of none when an outage begins.
    unknown: Release,
}

impl<'a> Trial<'a> {
    fn new(site: &'a Site) -> Trial<'a> {
        let known = Release::new("known", "1.0.0", "");
        known.publish(site.http(0));
        let mut trial = Trial { site, unknown: known.clone(), known };
        trial.publish_another();
        trial
    }

    /// Makes ready for an outage: whatever happened before, one crate is known to all and one to none.
    fn publish_another(&mut self) {
        self.unknown = Release::new(&format!("{}-un", self.unknown.name), "1.0.0", "");
        self.unknown.publish(self.site.http(0));
        for replica in 0..REPLICAS {
            self.known.assert_alone(&mut self.site.http(replica));
        }
    }

    /// On every replica: what is known is served, nothing is said to be missing, and nothing is promised.
    fn assert_honest(&self, state: &str) {
        thread::scope(|scope| {
            for replica in &self.site.replicas {
                scope.spawn(move || self.assert_honest_on(replica, state));
            }
        });
    }

    fn assert_honest_on(&self, replica: &Server, state: &str) {
        let ask = |method: &str, path: &str, body: &[u8]| {
            let began = Instant::now();
            let answer = replica.http().send(method, path, &[], body);
            assert!(began.elapsed() < PATIENT, "{method} {path} took {:?}", began.elapsed());
            answer
        };
        let get = |path: &str| ask("GET", path, b"");
        for _ in 0..3 {
            let known = get(&self.known.index_path());
            assert_eq!(known.status, 200, "{state}: what is in memory: {}", known.text());
            assert_eq!(known.index_lines()[0]["cksum"], self.known.checksum());
        }
        assert!(get(&self.known.download_path()).expect_status(200).body == self.known.package, "{state}");
        assert_eq!(get("/livez").status, 200, "{state}");
        let ready = get("/readyz");
        assert!(ready.status == 503 && ready.text().contains("database: does not work"), "{}", ready.text());
        for path in [
            &*self.unknown.index_path(),
            &*self.unknown.download_path(),
            &*index_path("never-heard-of"),
            "/r/main/dl/never-heard-of/1.0.0/download",
            "/r/main/dl/known/9.9.9/download",
            "/r/never-heard-of/index/config.json",
            "/r/main/api/v1/crates/known/owners",
            "/r/main/api/v1/crates/never-heard-of/1.0.0",
            "/api/v1/users/admin",
        ] {
            assert_unavailable(&get(path), state);
        }
        let stranger = replica.anonymous().with_token("nobody-has-seen-this-token-yet-0123456789");
        assert_unavailable(&{ stranger }.get(&self.known.index_path()), state);
        let hopeless = Release::new("hopeless", "1.0.0", replica.url());
        assert_unavailable(&ask("PUT", "/r/main/api/v1/crates/new", &hopeless.frame), state);
        assert_unavailable(&ask("DELETE", "/r/main/api/v1/crates/known/1.0.0/yank", b""), state);
    }

    /// By itself and soon, every replica is ready, serves everything and publishes.
    fn assert_recovers(&self, from: &str) -> Duration {
        let began = Instant::now();
        thread::scope(|scope| {
            for (number, replica) in self.site.replicas.iter().enumerate() {
                scope.spawn(move || {
                    let works = seen_within(SOON, || {
                        let is_ready = replica.anonymous().get("/readyz").status == 200;
                        let release = Release::new(&format!("after-{number}"), "1.0.0", from);
                        let paths = [self.unknown.index_path(), self.unknown.download_path()];
                        let reads = paths.iter().all(|path| replica.http().get(path).status == 200);
                        let published = replica.http().publish("main", &release.frame).status;
                        // From the second outage on the version is there, with the bytes of the first.
                        (is_ready && reads && matches!(published, 200 | 409)).then_some(())
                    });
                    works.unwrap_or_else(|| panic!("replica {number} did not recover from {from}"));
                });
            }
        });
        let took = began.elapsed();
        // A yank that was given up may have been carried out, or be carried out when the database goes on.
        let mut http = self.site.http(0);
        http.put("/r/main/api/v1/crates/known/1.0.0/unyank", b"").expect_status(200);
        for replica in 0..REPLICAS {
            self.site.http(replica).get(&index_path("never-heard-of")).expect_status(404);
        }
        took
    }
}

#[track_caller]
fn assert_unavailable(answer: &Answer, state: &str) {
    let Answer { line, status, .. } = answer;
    assert_eq!(*status, 503, "{state}: {line} answered {status}: {}", answer.text());
    let seconds = answer.header("retry-after").and_then(|value| value.parse::<u32>().ok());
    assert!(seconds.is_some_and(|seconds| (1..=10).contains(&seconds)), "{state}: {line}: {answer:?}");
}

/// The database is killed and started while clients read and publish: readers notice nothing, publishers are
/// told to come again, and what they were told is true.
fn a_restart_under_load(site: &Site, database: &dyn Database) {
    let is_over = AtomicBool::new(false);
    let published: Vec<Release> = thread::scope(|scope| {
        let publishers: Vec<_> = (0..REPLICAS)
            .map(|number| {
                let (is_over, replica) = (&is_over, &site.replicas[number]);
                scope.spawn(move || {
                    let mut published = Vec::new();
                    while !is_over.load(Ordering::SeqCst) {
                        replica.http().get(&index_path("known")).expect_status(200);
                        let name = format!("meanwhile-{number}-{}", published.len());
                        let release = Release::new(&name, "1.0.0", &name);
                        until("the publish to succeed", || {
                            let answer = replica.http().publish("main", &release.frame);
                            assert!(matches!(answer.status, 200 | 503), "{}", answer.text());
                            (answer.status == 200).then_some(())
                        });
                        published.push(release);
                    }
                    published
                })
            })
            .collect();
        database.process().kill();
        database.process().start_again();
        until("every replica to be ready", || {
            let is_ready = |replica: &Server| replica.anonymous().get("/readyz").status == 200;
            site.replicas.iter().all(is_ready).then_some(())
        });
        is_over.store(true, Ordering::SeqCst);
        publishers.into_iter().flat_map(|publisher| publisher.join().unwrap()).collect()
    });
    for (number, release) in published.iter().enumerate() {
        release.assert_alone(&mut site.http(number));
    }
}
