//! What one replica knows the others know too, or add to.

use crate::support::{REPLICAS, Release, Site};
use holdfast_testkit::{Http, until};
use std::thread;

/// What a replica has acknowledged, the others serve to whoever asks next.
pub(crate) fn what_is_published_is_everywhere_at_once(site: &Site) {
    for round in 0..REPLICAS {
        let name = format!("herald-{round}");
        let first = Release::new(&name, "1.0.0", "first");
        // Somebody asked before it was there: that it is missing is not remembered.
        for replica in 0..REPLICAS {
            site.http(replica).get(&first.index_path()).expect_status(404);
            site.http(replica).get(&first.download_path()).expect_status(404);
        }
        first.publish(site.http(round));
        for replica in 0..REPLICAS {
            first.assert_alone(&mut site.http(replica));
        }
        // All have its index file in memory now. Whoever knows of a version can have it all the same.
        let second = Release::new(&name, "1.1.0", "second");
        second.publish(site.http(round));
        for replica in 0..REPLICAS {
            second.assert_downloads(&mut site.http(replica));
            let path = format!("/r/main/api/v1/crates/{name}/1.1.0");
            site.http(replica).get(&path).expect_status(200);
        }
    }
}

/// Counts and last uses that replicas hold in memory come together when they are written.
pub(crate) fn downloads_add_up_and_the_latest_use_stays(site: &mut Site) {
    const DOWNLOADS: usize = 20;
    let release = Release::new("popular", "1.0.0", "");
    release.publish(site.http(0));
    let (token, id) = site.user("carl", "reader");
    thread::scope(|scope| {
        for replica in 0..REPLICAS {
            let (mut http, release) = (site.http(replica), &release);
            scope.spawn(move || {
                for _ in 0..DOWNLOADS {
                    release.assert_downloads(&mut http);
                }
            });
        }
    });
    // Each replica sees the token in a later second than the one before, and tells of it in another order.
    let uses: Vec<String> = (0..REPLICAS).map(|replica| last_use(site, replica, &token)).collect();
    assert!(uses.is_sorted(), "{uses:?}");
    for replica in [2, 0, 1] {
        site[replica].stop();
    }
    site[0].restart();
    let krate = site.http(0).get("/r/main/api/v1/crates/popular").expect_status(200).json();
    assert_eq!(krate["crate"]["downloads"], DOWNLOADS * REPLICAS, "{krate}");
    let tokens = site.http(0).get("/api/v1/tokens?user=carl").expect_status(200).json();
    let known = tokens.as_array().unwrap().iter().find(|token| token["id"] == id.as_str()).unwrap();
    assert_eq!(known["last_used_at"], uses[2].as_str(), "{tokens}");
    site[1].restart();
    site[2].restart();
}

/// Uses a token in a second that has just begun, and gives that second as the API writes it.
fn last_use(site: &Site, replica: usize, token: &str) -> String {
    let mut http = site[replica].anonymous().with_token(token);
    let date = |http: &mut Http| http.get("/livez").header("date").unwrap().to_owned();
    let before = date(&mut http);
    let now = until("the next second", || Some(date(&mut http)).filter(|now| *now != before));
    http.get("/api/v1/me").expect_status(200);
    assert_eq!(date(&mut http), now, "the machine stood still for a second; run the test again");
    written(&now)
}

/// `Sat, 21 Nov 2026 14:58:00 GMT` as `2026-11-21T14:58:00Z`.
fn written(date: &str) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let words: Vec<&str> = date.split(' ').collect();
    let month = MONTHS.iter().position(|month| *month == words[2]).unwrap() + 1;
    format!("{}-{month:02}-{}T{}Z", words[3], words[1], words[4])
}
