//! Replicas are restarted one after the other while clients go on.

use crate::support::{Release, Site, Step, ask};
use holdfast_testkit::{Answer, Http, until};
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

/// What clients and the test tell each other.
struct Load<'a> {
    addresses: &'a [SocketAddr],
    is_over: AtomicBool,
    answered: AtomicUsize,
    /// Connections that were refused before anything was sent: the client went to another replica.
    refused: AtomicUsize,
    /// Answers after which the server closed, and said so.
    closed: AtomicUsize,
    lost: Mutex<Vec<String>>,
}

impl Load<'_> {
    fn goes_on(&self) -> bool {
        !self.is_over.load(Ordering::SeqCst)
    }

    fn answered(&self, answer: &Answer) {
        self.answered.fetch_add(1, Ordering::SeqCst);
        if answer.status != 200 {
            self.lose(format!("{} answered {}: {}", answer.line, answer.status, answer.text()));
        }
        if answer.header("connection") == Some("close") {
            self.closed.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn lose(&self, what: String) {
        self.lost.lock().unwrap().push(what);
    }

    /// A request on a connection of its own. Only one that could not be sent goes to another replica.
    fn send(&self, turn: &mut usize, method: &str, path: &str, body: &[u8]) {
        loop {
            *turn += 1;
            match ask(self.addresses[*turn % self.addresses.len()], method, path, body) {
                Ok(answer) => return self.answered(&answer),
                Err((Step::Connecting, error)) if error.kind() == ErrorKind::ConnectionRefused => {
                    self.refused.fetch_add(1, Ordering::SeqCst);
                }
                Err((step, error)) => return self.lose(format!("{method} {path}, {step:?}: {error}")),
            }
        }
    }

    /// Requests on one connection, as long as the server does not say that it closes it.
    fn converse(&self, turn: &mut usize, token: &str, path: &str) {
        let address = self.addresses[*turn % self.addresses.len()];
        *turn += 1;
        let mut http = match Http::try_connect(address) {
            Ok(http) => http.with_token(token),
            Err(_) => return,
        };
        while self.goes_on() {
            match http.try_send("GET", path, &[], b"") {
                Ok(answer) => {
                    self.answered(&answer);
                    if answer.header("connection") == Some("close") {
                        return;
                    }
                }
                Err(error) => return self.lose(format!("GET {path} on a kept connection: {error}")),
            }
        }
    }
}

/// No request that a replica has taken is lost, and no connection is closed that somebody was told to keep.
pub(crate) fn a_rolling_restart_loses_no_request(site: &mut Site) {
    let rounds = site.count(1, 2);
    let release = Release::new("steady", "1.0.0", vec![7; 100_000]);
    release.publish(site.http(0));
    let (addresses, token) = (site.addresses(), site[0].token().to_owned());
    let load = Load {
        addresses: &addresses,
        is_over: AtomicBool::new(false),
        answered: AtomicUsize::new(0),
        refused: AtomicUsize::new(0),
        closed: AtomicUsize::new(0),
        lost: Mutex::default(),
    };
    let paths = [release.index_path(), release.download_path(), "/api/v1/me".to_owned()];
    let published: Vec<Release> = thread::scope(|scope| {
        let (load, token) = (&load, &token);
        for (number, path) in paths.iter().enumerate() {
            scope.spawn(move || {
                let mut turn = number;
                while load.goes_on() {
                    load.send(&mut turn, "GET", path, b"");
                }
            });
            scope.spawn(move || {
                let mut turn = number;
                while load.goes_on() {
                    load.converse(&mut turn, token, path);
                }
            });
        }
        let publishers: Vec<_> = (0..2).map(|number| scope.spawn(move || publish_on(load, number))).collect();
        // Whatever goes wrong here, the clients must end.
        let restarted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for _ in 0..rounds {
                restart_each(site, load);
            }
        }));
        load.is_over.store(true, Ordering::SeqCst);
        if let Err(panic) = restarted {
            std::panic::resume_unwind(panic);
        }
        publishers.into_iter().flat_map(|publisher| publisher.join().unwrap()).collect()
    });
    let lost = load.lost.into_inner().unwrap();
    let answered = load.answered.into_inner();
    let shown: Vec<&String> = lost.iter().take(5).collect();
    assert!(lost.is_empty(), "{} of {answered} requests were lost: {shown:#?}", lost.len());
    let mut http = site.http(1);
    for release in &published {
        release.assert_alone(&mut http);
    }
    site.assert_unharmed();
    eprintln!(
        "{}: {} restarts, {answered} requests, {} of them publishes, none lost; {} connections refused, {} closed",
        site.kind.scheme(),
        rounds * site.len(),
        published.len(),
        load.refused.into_inner(),
        load.closed.into_inner(),
    );
}

fn restart_each(site: &mut Site, load: &Load<'_>) {
    for number in 0..site.len() {
        // Each is in use when its turn comes.
        let before = load.answered.load(Ordering::SeqCst);
        until("the load to go on", || (load.answered.load(Ordering::SeqCst) > before + 40).then_some(()));
        site[number].stop();
        site[number].restart();
    }
}

/// Publishes crate after crate until the end.
fn publish_on(load: &Load<'_>, publisher: usize) -> Vec<Release> {
    let (mut turn, mut published) = (publisher, Vec::new());
    while load.goes_on() {
        let release = Release::new(&format!("rolling-{publisher}-{}", published.len()), "1.0.0", "");
        load.send(&mut turn, "PUT", "/r/main/api/v1/crates/new", &release.frame);
        published.push(release);
    }
    published
}
