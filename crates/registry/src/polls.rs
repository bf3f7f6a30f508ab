//! How often devices ask that wait to be let in: who asks too often is told to slow down (RFC 8628, section 3.5).

use crate::devices::OPEN;
use holdfast_types::Sha256;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a device waits from one poll to the next, unless it was told to slow down.
pub(crate) const INTERVAL: Duration = Duration::from_secs(5);
/// How much longer it waits each time that it is told.
const SLOWER: Duration = Duration::from_secs(5);
/// How many codes are remembered.
const MOST_CODES: usize = 20_000;

/// When each code was polled last.
///
/// The rule: each process remembers, in memory, the codes that it has answered to wait, and nothing else. So a
/// poll costs no write, and codes that somebody makes up fill no memory. A device whose polls go round among
/// several replicas may poll each of them once an interval. A code is forgotten with its final answer, or when
/// room is needed and it was not polled for as long as a code is open. When there is still no room, all are
/// forgotten: at worst, a device that polls too often is told so one poll later.
#[derive(Default)]
pub(crate) struct Polls(Mutex<HashMap<Sha256, Poll>>);

struct Poll {
    last: Instant,
    interval: Duration,
}

impl Polls {
    /// Whether a poll comes sooner after the one before than it may. The interval of its code then grows, for
    /// the next poll and all that follow.
    pub(crate) fn is_too_soon(&self, code: &Sha256, now: Instant) -> bool {
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(poll) = codes.get_mut(code) else { return false };
        let is_too_soon = now.saturating_duration_since(poll.last) < poll.interval;
        poll.last = now;
        if is_too_soon {
            poll.interval += SLOWER;
        }
        is_too_soon
    }

    /// Remembers a code that was polled and has to wait.
    pub(crate) fn waits(&self, code: Sha256, now: Instant) {
        let mut codes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if codes.len() >= MOST_CODES {
            codes.retain(|_, poll| now.saturating_duration_since(poll.last) < OPEN);
            if codes.len() >= MOST_CODES {
                codes.clear();
            }
        }
        codes.entry(code).or_insert(Poll { last: now, interval: INTERVAL });
    }

    /// Forgets a code that got its final answer.
    pub(crate) fn ended(&self, code: &Sha256) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(code);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(number: usize) -> Sha256 {
        Sha256::of(&number.to_be_bytes())
    }

    #[test]
    fn each_poll_too_soon_makes_the_interval_longer() {
        let polls = Polls::default();
        let mut now = Instant::now();
        assert!(!polls.is_too_soon(&code(1), now));
        polls.waits(code(1), now);
        for (millis, is_too_soon) in [
            (5_000, false),
            (4_999, true),
            (9_999, true),
            (15_000, false),
            (14_999, true),
            (0, true),
            (24_999, true),
            (30_000, false),
        ] {
            now += Duration::from_millis(millis);
            assert_eq!(polls.is_too_soon(&code(1), now), is_too_soon, "after {millis} ms");
            polls.waits(code(1), now);
        }
        assert!(!polls.is_too_soon(&code(2), now), "another code has its own interval");
        polls.ended(&code(1));
        assert!(!polls.is_too_soon(&code(1), now));
    }

    #[test]
    fn memory_is_bounded() {
        let polls = Polls::default();
        let begin = Instant::now();
        let known = || polls.0.lock().expect("no panic").len();
        for number in 0..1000 {
            assert!(!polls.is_too_soon(&code(number), begin), "it is not known that there is such a code");
        }
        assert_eq!(known(), 0);
        (0..MOST_CODES).for_each(|number| polls.waits(code(number), begin));
        assert!(!polls.is_too_soon(&code(7), begin + OPEN / 2));
        polls.waits(code(MOST_CODES), begin + OPEN);
        assert_eq!(known(), 2, "what nobody polls any more goes first");
        (0..MOST_CODES * 2).for_each(|number| polls.waits(code(number), begin + OPEN));
        assert!(known() <= MOST_CODES);
    }
}
