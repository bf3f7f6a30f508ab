//! What one replica changes reaches the caches of the others within the staleness bound.

use crate::support::{Release, Site, patch, post};
use holdfast_servers::PATIENCE;
use holdfast_testkit::Http;
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

/// The default of the option `staleness`.
const BOUND: Duration = Duration::from_secs(1);

const INDEX: &str = "/r/main/index/vo/la/volatile";

/// A change on the first replica, and how another one shows that it knows.
struct Change<'a> {
    what: &'static str,
    make: Box<dyn FnOnce(&mut Http) + Send + 'a>,
    /// Whether the replica still has what was before.
    is_old: Box<dyn Fn(usize) -> bool + Send + Sync + 'a>,
}

/// The promise is exact: whoever asks later than the bound after the change was acknowledged sees it. So it
/// holds on a slow machine too.
pub(crate) fn changes_arrive_within_the_bound(site: &Site) {
    Release::new("volatile", "1.0.0", "").publish(site.http(0));
    let (revoked, revoked_id) = site.user("revoked", "reader");
    let (disabled, _) = site.user("disabled", "reader");
    let (member, _) = site.user("member", "publisher");
    let mut admin = site.http(0);
    post(&mut admin, "/api/v1/teams", r#"{"name":"keepers"}"#).expect_status(201);
    admin.put("/api/v1/teams/keepers/members/member", b"").expect_status(204);
    admin.put("/r/main/api/v1/crates/volatile/owners", br#"{"users":["team:keepers"]}"#).expect_status(200);
    post(&mut admin, "/api/v1/registries", r#"{"name":"open","anonymous_read":true}"#).expect_status(201);

    let read_as = |token: &str, replica: usize| {
        let token = token.to_owned();
        site[replica].anonymous().with_token(&token).get(INDEX).status
    };
    let changes = vec![
        Change {
            what: "a yank",
            make: Box::new(|http| {
                http.delete("/r/main/api/v1/crates/volatile/1.0.0/yank", b"").expect_status(200);
            }),
            is_old: Box::new(|replica| site.http(replica).get(INDEX).index_lines()[0]["yanked"] == false),
        },
        Change {
            what: "a revoked token",
            make: Box::new(|http| {
                http.delete(&format!("/api/v1/tokens/{revoked_id}"), b"").expect_status(204);
            }),
            is_old: Box::new(|replica| is_either(read_as(&revoked, replica), 200, 401)),
        },
        Change {
            what: "a disabled user",
            make: Box::new(|http| {
                patch(http, "/api/v1/users/disabled", r#"{"disabled":true}"#).expect_status(200);
            }),
            is_old: Box::new(|replica| is_either(read_as(&disabled, replica), 200, 401)),
        },
        Change {
            what: "a member who left",
            make: Box::new(|http| {
                http.delete("/api/v1/teams/keepers/members/member", b"").expect_status(204);
            }),
            is_old: Box::new(|replica| {
                let mut http = site[replica].anonymous().with_token(&member);
                let answer = http.put("/r/main/api/v1/crates/volatile/9.9.9/unyank", b"");
                is_either(answer.status, 404, 403)
            }),
        },
        Change {
            what: "a closed registry",
            make: Box::new(|http| {
                patch(http, "/api/v1/registries/open", r#"{"anonymous_read":false}"#).expect_status(200);
            }),
            is_old: Box::new(|replica| {
                let answer = site[replica].anonymous().get("/r/open/index/config.json");
                is_either(answer.status, 200, 401)
            }),
        },
    ];
    for replica in [1, 2] {
        assert_cached(site, replica);
    }
    let figures = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for Change { what, make, is_old } in changes {
            let figures = &figures;
            let mut admin = site.http(0);
            scope.spawn(move || {
                for replica in [1, 2] {
                    assert!(is_old(replica), "{what} on replica {replica}, before");
                }
                make(&mut admin);
                let changed = Instant::now();
                let times = [1, 2].map(|replica| last_old(what, changed, || is_old(replica)));
                figures.lock().unwrap().push(format!("{what} {:.2} s", times[0].max(times[1]).as_secs_f64()));
            });
        }
    });
    // An owner who is none any more is refused at once: rights to change are read with what is changed.
    admin.put("/r/main/api/v1/crates/volatile/owners", br#"{"users":["revoked"]}"#).expect_status(200);
    admin.delete("/r/main/api/v1/crates/volatile/owners", br#"{"users":["revoked"]}"#).expect_status(200);
    eprintln!("{}: last seen on others: {}", site.kind.scheme(), figures.into_inner().unwrap().join(", "));
}

fn is_either(status: u16, old: u16, new: u16) -> bool {
    assert!(status == old || status == new, "{status}");
    status == old
}

/// Asks until the answer is a new one; how long after the change the last old one was asked for.
fn last_old(what: &str, changed: Instant, is_old: impl Fn() -> bool) -> Duration {
    let mut last = Duration::ZERO;
    loop {
        let asked = changed.elapsed();
        if !is_old() {
            return last;
        }
        assert!(asked < BOUND, "{what} was not known {asked:?} after it was acknowledged");
        assert!(asked < PATIENCE);
        last = asked;
    }
}

/// Makes sure that the replica answers from memory, so that there is something to go stale.
fn assert_cached(site: &Site, replica: usize) {
    const READS: u64 = 200;
    let mut http = site.http(replica);
    http.get(INDEX).expect_status(200);
    let (before, began) = (store_reads(&mut http), Instant::now());
    for _ in 0..READS {
        http.get(INDEX).expect_status(200);
    }
    let (reads, took) = (store_reads(&mut http) - before, began.elapsed());
    // Of the account, the registry and the index file: one check each in half a bound at most.
    let most = 3 * (2 + took.as_millis() / (BOUND.as_millis() / 2));
    assert!(u128::from(reads) <= most, "{READS} reads in {took:?} asked the database {reads} times");
}

fn store_reads(http: &mut Http) -> u64 {
    let page = http.get("/metrics").expect_status(200).text();
    let line = page.lines().find_map(|line| line.strip_prefix("holdfast_store_reads_total ")).unwrap();
    line.parse().unwrap()
}
