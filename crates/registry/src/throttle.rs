//! A bound on guessing. What counts is who guesses: an address that fails too often at one account, or at
//! many, has to wait. An account itself is never locked, so nobody can be locked out by somebody else.
//!
//! Each process counts for itself, in memory; an attempt counts from its beginning, so that a thousand at once
//! are bounded like a thousand in a row.

use crate::error::{Error, Kind, Result};
use holdfast_types::Timestamp;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// For how long failures count, in seconds.
const WINDOW_SECONDS: i64 = 15 * 60;
/// How many wrong guesses an address has for everything that can be guessed.
const PER_ADDRESS: u32 = 50;
/// How many windows are remembered. When there are more, those that are over go; when none is, all do: whoever
/// has so many addresses is not bounded by addresses, and others must not be locked out.
const MOST_WINDOWS: usize = 20_000;

/// How much of a name tells it from others; no login is longer.
const SUBJECT_CHARS: usize = 64;

/// What somebody tries who may not be who they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Attempt<'a> {
    /// The password of an account.
    Password(&'a str),
    /// The secret of an invitation.
    Invitation,
    /// The code of a device.
    DeviceCode,
    /// To make an account without an invitation.
    Registration,
    /// To have a device let in: nothing is guessed, but each leaves a document.
    Device,
    /// To exchange the token of a CI job: nothing is guessed, and many jobs may share an address.
    Job,
}

impl Attempt<'_> {
    /// What it counts as, how many of it an address has, and whether it is a guess like others.
    fn bounds(self) -> (String, u32, bool) {
        match self {
            Attempt::Password(login) => {
                let login: String = login.chars().take(SUBJECT_CHARS).collect();
                (format!("@{}", login.to_ascii_lowercase()), 10, true)
            }
            Attempt::Invitation => ("invitation".to_owned(), 10, true),
            Attempt::DeviceCode => ("device code".to_owned(), 20, true),
            Attempt::Registration => ("registration".to_owned(), 10, true),
            Attempt::Device => ("device".to_owned(), 200, false),
            Attempt::Job => ("job".to_owned(), 500, false),
        }
    }
}

/// The failures of late.
#[derive(Default)]
pub(crate) struct Throttle(Mutex<HashMap<Source, Window>>);

/// Who fails, and at what; `None` for everything together.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Source {
    network: Option<IpAddr>,
    subject: Option<String>,
}

#[derive(Clone, Copy)]
struct Window {
    since: i64,
    failures: u32,
}

impl Throttle {
    /// Counts an attempt, or refuses it and says how long to wait.
    pub(crate) fn attempt(
        &self,
        attempt: Attempt<'_>,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<()> {
        let now = now.unix_seconds();
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= MOST_WINDOWS {
            windows.retain(|_, window| window.is_open(now));
            if windows.len() >= MOST_WINDOWS {
                windows.clear();
            }
        }
        let sources = sources(attempt, address);
        let full = sources.iter().filter_map(|(source, most)| {
            windows.get(source).filter(|window| window.is_open(now) && window.failures >= *most)
        });
        // The last of them to end: before that, the attempt would be refused again.
        if let Some(seconds) = full.map(|window| window.since + WINDOW_SECONDS - now).max() {
            return Err(too_many(Duration::from_secs(seconds.max(1).unsigned_abs())));
        }
        // Only now, so that an address which is refused fills no memory with names that it makes up.
        for (source, _) in sources {
            let window = windows.entry(source).or_insert(Window { since: now, failures: 0 });
            if !window.is_open(now) {
                *window = Window { since: now, failures: 0 };
            }
            window.failures += 1;
        }
        Ok(())
    }

    /// Takes an attempt back that was no guess.
    pub(crate) fn succeeded(&self, attempt: Attempt<'_>, address: Option<IpAddr>) {
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (source, _) in sources(attempt, address) {
            if let Some(window) = windows.get_mut(&source) {
                window.failures = window.failures.saturating_sub(1);
            }
        }
    }
}

impl Window {
    fn is_open(self, now: i64) -> bool {
        now - self.since < WINDOW_SECONDS
    }
}

fn sources(attempt: Attempt<'_>, address: Option<IpAddr>) -> Vec<(Source, u32)> {
    let network = address.map(network);
    let (subject, most, is_guess) = attempt.bounds();
    let mut sources = vec![(Source { network, subject: Some(subject) }, most)];
    if is_guess {
        sources.push((Source { network, subject: None }, PER_ADDRESS));
    }
    sources
}

/// One subscriber has a whole /64 of IPv6.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
    }
}

fn too_many(wait: Duration) -> Error {
    let words = in_words(wait);
    let sentence = format!("too many failed attempts from your address; try again in {words}");
    Error::new(Kind::TooMany, sentence).with_wait(wait)
}

/// A wait as people say it, and never shorter than it is.
fn in_words(wait: Duration) -> String {
    match wait.as_secs() {
        1 => "1 second".to_owned(),
        seconds @ ..120 => format!("{seconds} seconds"),
        seconds => format!("{} minutes", seconds.div_ceil(60)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(seconds)
    }

    fn attempts(throttle: &Throttle, subject: &str, address: &str, now: i64) -> usize {
        let address = address.parse().ok();
        (0..1000)
            .take_while(|_| throttle.attempt(Attempt::Password(subject), address, at(now)).is_ok())
            .count()
    }

    #[test]
    fn an_address_is_bounded_and_others_are_not() {
        let throttle = Throttle::default();
        assert_eq!(attempts(&throttle, "alice", "192.0.2.1", 0), 10);
        assert_eq!(attempts(&throttle, "Alice", "192.0.2.1", 1), 0, "however it is written");
        assert_eq!(attempts(&throttle, "alice", "192.0.2.2", 1), 10, "alice herself is elsewhere");
        assert_eq!(attempts(&throttle, "alice", "192.0.2.1", 900), 10, "after a while it is forgotten");
    }

    #[test]
    fn a_refusal_says_how_long_to_wait() {
        let throttle = Throttle::default();
        let address = "192.0.2.1".parse().ok();
        let refused = |subject: &str, now: i64| {
            let refused =
                throttle.attempt(Attempt::Password(subject), address, at(now)).expect_err("refused");
            (refused.wait().expect("a time").as_secs(), refused.to_string())
        };
        assert_eq!(attempts(&throttle, "alice", "192.0.2.1", 100), 10);
        let begin = "too many failed attempts from your address; try again in ";
        for (now, seconds, words) in [
            (100, 900, "15 minutes"),
            (101, 899, "15 minutes"),
            (881, 119, "119 seconds"),
            (999, 1, "1 second"),
        ] {
            assert_eq!(refused("alice", now), (seconds, format!("{begin}{words}")));
        }
        // The address has now failed 50 times since 100, ten of them at eve's account since 400.
        for subject in ["bob", "carol", "dave", "eve"] {
            assert_eq!(attempts(&throttle, subject, "192.0.2.1", 400), 10);
        }
        assert_eq!(refused("alice", 400).0, 600, "of both, what ends later");
        assert_eq!(refused("frank", 400).0, 600);
        assert_eq!(refused("eve", 400).0, 900);
        assert_eq!(attempts(&throttle, "frank", "192.0.2.1", 1000), 10);
    }

    #[test]
    fn many_accounts_are_one_attack() {
        let throttle = Throttle::default();
        let tries = (0..1000).filter(|n| attempts(&throttle, &format!("user{n}"), "192.0.2.1", 0) > 0);
        assert_eq!(tries.count(), 5);
        assert_eq!(attempts(&throttle, "bob", "2001:db8::1", 0), 10);
        assert_eq!(attempts(&throttle, "bob", "2001:db8::2", 0), 0, "the same subscriber");
        assert_eq!(attempts(&throttle, "bob", "2001:db8:0:1::1", 0), 10);
    }

    #[test]
    fn one_address_fills_no_memory() {
        let throttle = Throttle::default();
        for number in 0..30_000 {
            let _ = throttle.attempt(
                Attempt::Password(&format!("user{number}")),
                "192.0.2.1".parse().ok(),
                at(0),
            );
        }
        assert_eq!(throttle.0.lock().expect("no panic").len(), 51);
        assert!(throttle.attempt(Attempt::Password("alice"), "192.0.2.2".parse().ok(), at(0)).is_ok());
    }

    #[test]
    fn successes_do_not_count() {
        let throttle = Throttle::default();
        for _ in 0..1000 {
            throttle.attempt(Attempt::Password("alice"), None, at(0)).expect("never refused");
            throttle.succeeded(Attempt::Password("alice"), None);
        }
    }

    #[test]
    fn devices_and_jobs_of_an_office_share_an_address() {
        let throttle = Throttle::default();
        let tries = |attempt: Attempt<'_>| {
            (0..1000).take_while(|_| throttle.attempt(attempt, None, at(0)).is_ok()).count()
        };
        assert_eq!(tries(Attempt::Device), 200);
        assert_eq!(tries(Attempt::Job), 500);
        assert_eq!(tries(Attempt::Password("alice")), 10, "what is no guess does not count as one");
    }

    #[test]
    fn memory_is_bounded() {
        let throttle = Throttle::default();
        for number in 0..30_000_u32 {
            let address = IpAddr::from(number.to_be_bytes());
            let _ = throttle.attempt(Attempt::Password("x"), Some(address), at(0));
        }
        assert!(throttle.0.lock().expect("no panic").len() <= MOST_WINDOWS + 2);
        assert!(throttle.attempt(Attempt::Password("x"), None, at(901)).is_ok());
    }
}
