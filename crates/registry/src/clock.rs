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

impl dyn Outside {
    /// The present moment.
    pub fn now(&self) -> Timestamp {
        Timestamp::from_unix_seconds(i64::try_from(self.unix_millis() / 1000).unwrap_or(i64::MAX))
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
