//! The object store answers with errors, late, in part or wrongly, or not at all: downloads are right or are
//! refused for now.

use crate::support::{REPLICAS, Release, Site};
use holdfast_servers::{Act, Front, Kind, Request, seen_within};
use holdfast_testkit::{Answer, Project, Server, noise};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How soon after the end of the trouble every replica must work again.
const SOON: Duration = Duration::from_secs(20);

/// How long a client may have to wait while the store does not answer.
const PATIENT: Duration = Duration::from_secs(40);

/// How late a slow store answers.
const LATE: Duration = Duration::from_millis(700);

/// What the store does, and whether a client gets its file nevertheless.
struct Trouble {
    what: &'static str,
    script: fn(&Request) -> Act,
    downloads: u16,
}

const TROUBLES: &[Trouble] = &[
    Trouble { what: "answers 500", script: |_| Act::Answer(500, "<Error/>".to_owned()), downloads: 503 },
    Trouble { what: "answers 503", script: |_| Act::Answer(503, "<Error/>".to_owned()), downloads: 503 },
    Trouble { what: "hangs", script: |_| Act::Hang, downloads: 503 },
    Trouble { what: "is slow", script: slow, downloads: 200 },
    Trouble { what: "is cut off", script: |request| of_objects(request, Act::Change(cut)), downloads: 503 },
    Trouble { what: "lies", script: |request| of_objects(request, Act::Change(bent)), downloads: 500 },
    Trouble { what: "finds nothing", script: |_| Act::Answer(404, "<Error/>".to_owned()), downloads: 503 },
];

fn slow(_: &Request) -> Act {
    // The fault itself, not a way to wait for anything.
    std::thread::sleep(LATE);
    Act::Forward
}

/// Leaves alone what the store says about itself.
fn of_objects(request: &Request, act: Act) -> Act {
    if request.line.starts_with("GET ") && !request.line.contains("holdfast-storage") {
        act
    } else {
        Act::Forward
    }
}

/// Without the second half of what comes after the head.
fn cut(mut answer: Vec<u8>) -> Vec<u8> {
    let body = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").map_or(0, |end| end + 4);
    answer.truncate(body + (answer.len() - body) / 2);
    answer
}

/// With another last byte.
fn bent(mut answer: Vec<u8>) -> Vec<u8> {
    if let Some(last) = answer.last_mut() {
        *last ^= 1;
    }
    answer
}

#[test]
fn an_object_store_in_trouble_hides_nothing() {
    let (Some(store), Some(database)) = (Kind::S3.start(), Kind::Redis.start()) else { return };
    let place = store.place();
    let address = address_in(&place);
    let front = Front::before(address);
    let place = place.replace(&address.to_string(), &front.address().to_string());
    let site = Site::on(Kind::Redis, &database.place(), Some(&place), |builder| {
        builder.env("HOLDFAST_BLOB_CACHE_SIZE", "1MiB")
    });
    let known = Release::new("known", "1.0.0", "");
    known.publish(site.http(0));
    for replica in 0..REPLICAS {
        known.assert_downloads(&mut site.http(replica));
    }
    for (number, trouble) in TROUBLES.iter().enumerate() {
        // New ones each time, so that nobody has them in memory. The large one is streamed.
        let small = Release::new(&format!("small-{number}"), "1.0.0", noise(number as u64, 20_000));
        let large = Release::new(&format!("large-{number}"), "1.0.0", noise(number as u64, 1_500_000));
        for release in [&small, &large] {
            release.publish(site.http(number));
        }
        front.script(trouble.script);
        endure(&site, trouble, &known, &small, &large);
        front.script(|_| Act::Forward);
        let took = recover(&site, trouble, &[&small, &large]);
        eprintln!("a store that {} is worked with again after {took:.2?}", trouble.what);
    }
    site.assert_unharmed();
}

fn endure(site: &Site, trouble: &Trouble, known: &Release, small: &Release, large: &Release) {
    std::thread::scope(|scope| {
        for replica in 0..REPLICAS {
            scope.spawn(move || {
                let what = trouble.what;
                let mut http = site.http(replica);
                known.assert_alone(&mut http);
                http.get("/livez").expect_status(200);
                for release in [small, large] {
                    http.get(&release.index_path()).expect_status(200);
                    let began = Instant::now();
                    let answer = site.http(replica).try_send("GET", &release.download_path(), &[], b"");
                    assert!(began.elapsed() < PATIENT, "{what}: a download took {:?}", began.elapsed());
                    assert_right(what, &answer, release, trouble.downloads);
                }
            });
        }
    });
}

/// The right bytes, a refusal for now, or, when it had begun, an answer that breaks off.
fn assert_right(what: &str, answer: &std::io::Result<Answer>, release: &Release, expected: u16) {
    let path = release.download_path();
    let Ok(answer) = answer else {
        assert!(path.contains("large"), "{what}: {path} broke off");
        return;
    };
    if answer.status == 200 {
        assert!(answer.body == release.package, "{what}: {path} has other bytes");
    }
    assert_eq!(answer.status, expected, "{what}: {path}: {}", answer.text());
    assert_eq!(answer.header("retry-after").is_some(), answer.status == 503, "{what}: {path}");
}

/// By itself and soon, every replica hands out everything and publishes.
fn recover(site: &Site, trouble: &Trouble, releases: &[&Release]) -> Duration {
    let began = Instant::now();
    for replica in 0..REPLICAS {
        let works = seen_within(SOON, || {
            let mut http = site.http(replica);
            let reads = releases.iter().all(|release| http.get(&release.download_path()).status == 200);
            let again = http.publish("main", &releases[0].frame).status;
            (reads && http.get("/readyz").status == 200 && again == 200).then_some(())
        });
        works.unwrap_or_else(|| panic!("replica {replica} did not recover: the store {}", trouble.what));
        for release in releases {
            release.assert_downloads(&mut site.http(replica));
        }
    }
    began.elapsed()
}

/// Cargo follows the server's redirect to the store, which checks the signature and never sees the token.
#[test]
fn downloads_can_come_from_the_store_itself() {
    let Some(store) = Kind::S3.start() else { return };
    let place = store.place();
    let front = Front::before(address_in(&place));
    let place = place.replace(&address_in(&place).to_string(), &front.address().to_string());
    let server = Server::builder().storage(&format!("{place}&presign=60")).start();
    let cargo = server.cargo();
    Project::library("alpha", "1.0.0").publish(&cargo);

    let seen = Arc::new(Mutex::new(Vec::new()));
    let record = seen.clone();
    front.script(move |request| {
        record.lock().unwrap().push(request.clone());
        Act::Forward
    });
    let program =
        Project::program("consumer", "0.1.0", &["alpha::name()"]).depends("alpha", "1").write(&cargo);
    assert_eq!(cargo.ok(&program, "run --quiet").stdout.trim(), "alpha 1.0.0");
    let from_cargo: Vec<Request> =
        seen.lock().unwrap().drain(..).filter(|request| request.line.contains("X-Amz-Signature=")).collect();
    assert_eq!(from_cargo.len(), 1, "{from_cargo:?}");
    assert_eq!(from_cargo[0].header("authorization"), None, "the store was told the token");

    let path = "/r/main/dl/alpha/1.0.0/download";
    let answer = server.http().get(path).expect_status(302);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert!(answer.header("location").unwrap().starts_with(&format!("http://{}/", front.address())));
    server.anonymous().get(path).expect_status(401);
    server.http().get("/r/main/dl/alpha/9.9.9/download").expect_status(404);
    front.script(|_| Act::Answer(404, "<Error/>".to_owned()));
    server.http().get(path).expect_status(503);
    let log = server.log();
    assert!(!log.contains("X-Amz-Signature"), "whoever reads the log could read the file:\n{log}");
    server.assert_unharmed();
}

fn address_in(place: &str) -> SocketAddr {
    place.split("endpoint=http://").nth(1).unwrap().split('&').next().unwrap().parse().unwrap()
}
