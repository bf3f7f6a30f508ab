//! Many clients want the same thing at once, or a replica dies under them.

use crate::support::{REPLICAS, Release, Site, index_path};
use holdfast_servers::{Act, Front, Kind, PATIENCE, seen_within};
use holdfast_testkit::{Answer, Http};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Of many publishers of one version, spread over the replicas, one wins, and all replicas have its bytes.
pub(crate) fn one_version_has_one_winner(site: &Site) {
    let releases: Vec<Release> =
        (0..32).map(|number| Release::new("contested", "1.0.0", format!("bytes of {number}"))).collect();
    let barrier = Barrier::new(releases.len());
    let answers: Vec<Answer> = thread::scope(|scope| {
        let publishers = releases.iter().enumerate().map(|(number, release)| {
            let (mut http, barrier) = (site.http(number), &barrier);
            scope.spawn(move || {
                barrier.wait();
                http.publish("main", &release.frame)
            })
        });
        publishers.collect::<Vec<_>>().into_iter().map(|publisher| publisher.join().unwrap()).collect()
    });
    let winners: Vec<usize> = (0..32).filter(|number| answers[*number].status == 200).collect();
    assert_eq!(winners.len(), 1, "{winners:?} were all told that they won");
    for (number, answer) in answers.into_iter().enumerate().filter(|(number, _)| *number != winners[0]) {
        let sentence = answer.expect_status(409).sentence();
        assert!(sentence.contains("`contested@1.0.0` is already published"), "{number}: {sentence}");
    }
    let winner = &releases[winners[0]];
    for replica in 0..REPLICAS {
        winner.assert_alone(&mut site.http(replica));
        // Its answer may have been lost: the same again is success, and everybody else stays refused.
        winner.publish(site.http(replica));
        site.http(replica).publish("main", &releases[(winners[0] + 1) % 32].frame).expect_status(409);
    }
}

/// Two owners remove each other at the same moment on two replicas, again and again.
pub(crate) fn an_owner_always_stays(site: &Site) {
    let owners = [("anna", site.user("anna", "publisher").0), ("bert", site.user("bert", "publisher").0)];
    Release::new("disputed", "1.0.0", "").publish(site.http(0));
    let path = "/r/main/api/v1/crates/disputed/owners";
    let (mut both, mut removed) = (site.http(2), [0, 0]);
    let rounds = site.count(8, 25);
    for round in 0..rounds {
        both.put(path, br#"{"users":["anna","bert"]}"#).expect_status(200);
        if round == 0 {
            both.delete(path, br#"{"users":["admin"]}"#).expect_status(200);
        }
        let barrier = Barrier::new(2);
        let statuses = thread::scope(|scope| {
            let remove = |me: usize| {
                let (barrier, other) = (&barrier, owners[1 - me].0);
                let mut http = site.replicas[(round + me) % REPLICAS].anonymous().with_token(&owners[me].1);
                scope.spawn(move || {
                    barrier.wait();
                    http.delete(path, format!("{{\"users\":[{other:?}]}}").as_bytes()).status
                })
            };
            let (first, second) = (remove(0), remove(1));
            [first.join().unwrap(), second.join().unwrap()]
        });
        let winners = statuses.iter().filter(|status| **status == 200).count();
        assert_eq!(winners, 1, "round {round}: {statuses:?}");
        // Whoever lost owns nothing any more when its turn comes.
        assert!(statuses.contains(&403), "round {round}: {statuses:?}");
        removed[usize::from(statuses[1] == 200)] += 1;
        for replica in 0..REPLICAS {
            let left = site.http(replica).get(path).expect_status(200).json();
            let left = left["users"].as_array().unwrap();
            let winner = owners[usize::from(statuses[1] == 200)].0;
            assert!(left.len() == 1 && left[0]["login"] == winner, "round {round}: {left:?}");
        }
    }
    eprintln!("{}: {rounds} rounds of two owners, won {removed:?} times", site.kind.scheme());
}

/// A publish whose answer was lost is repeated on another replica.
pub(crate) fn a_lost_answer_is_made_good_elsewhere(site: &Site) {
    let front = Front::before(site[0].address());
    front.script(|_| Act::Lose);
    let release = Release::new("unheard", "1.0.0", "");
    let mut lost = Http::connect(front.address()).with_token(site[0].token());
    lost.try_send("PUT", "/r/main/api/v1/crates/new", &[], &release.frame).unwrap_err();
    release.publish(site.http(1));
    for replica in 0..REPLICAS {
        release.assert_alone(&mut site.http(replica));
    }
}

/// Publishers of different crates, spread over the replicas, one of which is killed in the middle.
pub(crate) fn no_publish_is_lost_with_a_replica(site: &mut Site) {
    let count = match site.kind {
        // Stand-ins that take a tenth of a second for each.
        Kind::Dynamodb | Kind::Mongodb => 45,
        _ => site.count(120, 1000),
    };
    let (addresses, token) = (site.addresses(), site[0].token().to_owned());
    let (next, acknowledged) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let began = Instant::now();
    let repeated: usize = thread::scope(|scope| {
        let publishers: Vec<_> = (0..6)
            .map(|number| {
                let mut client = Client::new(&addresses, &token, number);
                let (next, acknowledged) = (&next, &acknowledged);
                scope.spawn(move || {
                    loop {
                        let number = next.fetch_add(1, Ordering::SeqCst);
                        if number >= count {
                            return client.repeated;
                        }
                        client.publish(&release(number));
                        acknowledged.fetch_add(1, Ordering::SeqCst);
                    }
                })
            })
            .collect();
        let is_half = || (acknowledged.load(Ordering::SeqCst) >= count / 2).then_some(());
        seen_within(Duration::from_mins(2), is_half).expect("half of the publishes to be acknowledged");
        site[1].kill();
        publishers.into_iter().map(|publisher| publisher.join().unwrap()).sum()
    });
    let took = began.elapsed();
    assert_eq!(acknowledged.load(Ordering::SeqCst), count);
    thread::scope(|scope| {
        for (first, replica) in [(0, 0), (1, 2)] {
            let mut http = site.http(replica);
            scope.spawn(move || {
                for number in (first..count).step_by(2) {
                    release(number).assert_alone(&mut http);
                }
            });
        }
    });
    let path = "/api/v1/registries/main/crates?limit=1000";
    let listed = site.http(0).get(path).expect_status(200).json();
    let listed: BTreeSet<&str> =
        listed.as_array().unwrap().iter().map(|krate| krate["name"].as_str().unwrap()).collect();
    assert_eq!(listed.len(), count, "nothing is there that was not published");
    let found = site[0].cli().json("fsck --hash");
    assert_eq!((&found["crates"], &found["versions"]), (&count.into(), &count.into()), "{found}");
    site[1].restart();
    release(0).assert_alone(&mut site.http(1));
    site.assert_unharmed();
    let rate = f64::from(u32::try_from(count).unwrap()) / took.as_secs_f64();
    eprintln!(
        "{}: {count} publishes over {REPLICAS} replicas, one killed: none lost, {repeated} repeated; {rate:.0}/s",
        site.kind.scheme()
    );
}

fn release(number: usize) -> Release {
    Release::new(&format!("crate-{number:04}"), "1.0.0", number.to_string())
}

/// A publisher that goes to the next replica when one does not answer, or says that it cannot now: a slow
/// stand-in of a database does not always find the time in which to settle who of many is first.
struct Client<'a> {
    addresses: &'a [SocketAddr],
    token: &'a str,
    turn: usize,
    connection: Option<Http>,
    repeated: usize,
}

impl<'a> Client<'a> {
    fn new(addresses: &'a [SocketAddr], token: &'a str, turn: usize) -> Client<'a> {
        Client { addresses, token, turn, connection: None, repeated: 0 }
    }

    fn publish(&mut self, release: &Release) {
        let answered = seen_within(PATIENCE, || {
            let answer = self.try_publish(release).ok().filter(|answer| answer.status != 503);
            if answer.is_none() {
                self.turn += 1;
                self.repeated += 1;
            }
            answer
        });
        let answer = answered.unwrap_or_else(|| panic!("nobody answers {}", index_path(&release.name)));
        answer.expect_status(200);
    }

    fn try_publish(&mut self, release: &Release) -> std::io::Result<Answer> {
        let address = self.addresses[self.turn % self.addresses.len()];
        let connect = || Ok::<_, std::io::Error>(Http::try_connect(address)?.with_token(self.token));
        let mut http = self.connection.take().map_or_else(connect, Ok)?;
        let answer = http.try_send("PUT", "/r/main/api/v1/crates/new", &[], &release.frame)?;
        self.connection = Some(http);
        Ok(answer)
    }
}
