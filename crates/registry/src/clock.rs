//! Time and randomness, as arguments: the binary passes the real ones, tests their own.

use holdfast_types::Timestamp;
use std::time::{Duration, Instant};

/// What an operation may ask the world outside.
pub trait Outside: Send + Sync {
    /// Milliseconds since 1970 began.
    fn unix_millis(&self) -> u64;

    /// A clock that only goes forward, to measure ages.
    fn instant(&self) -> Instant;

    /// Fills a buffer with unpredictable bytes.
    fn random(&self, buffer: &mut [u8]);
}

/// A moment on both clocks, for fronts that ask once for all that one request needs.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// On the clock that only goes forward.
    pub instant: Instant,
    /// Milliseconds since 1970 began.
    pub unix_millis: u64,
}

impl Moment {
    /// The time of day, to the second.
    pub fn timestamp(self) -> Timestamp {
        timestamp(self.unix_millis)
    }
}

fn timestamp(unix_millis: u64) -> Timestamp {
    Timestamp::from_unix_seconds(i64::try_from(unix_millis / 1000).unwrap_or(i64::MAX))
}

impl dyn Outside {
    /// The present moment.
    pub fn moment(&self) -> Moment {
        Moment { instant: self.instant(), unix_millis: self.unix_millis() }
    }

    /// The present time of day, to the second.
    pub fn now(&self) -> Timestamp {
        timestamp(self.unix_millis())
    }

    /// So many unpredictable bytes.
    pub fn entropy<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.random(&mut bytes);
        bytes
    }

    /// How long ago a moment of [`Outside::instant`] was.
    pub fn age(&self, since: Instant) -> Duration {
        self.instant().saturating_duration_since(since)
    }
}
