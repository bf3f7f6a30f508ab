//! Time that passes when a test says so, and randomness that is the same in every run.

use holdfast_registry::Outside;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A clock that stands still between calls of [`FakeOutside::advance`], with seeded random numbers.
pub struct FakeOutside {
    began: Instant,
    elapsed_micros: AtomicU64,
    rng: Mutex<StdRng>,
}

impl FakeOutside {
    /// What the clock shows first, in milliseconds since 1970: the beginning of 2026.
    pub const BEGINNING_MILLIS: u64 = 1_767_225_600_000;

    /// The beginning of a test.
    pub fn new(seed: u64) -> Arc<FakeOutside> {
        let rng = Mutex::new(StdRng::seed_from_u64(seed));
        Arc::new(FakeOutside { began: Instant::now(), elapsed_micros: AtomicU64::new(0), rng })
    }

    /// Lets time pass.
    pub fn advance(&self, duration: Duration) {
        let micros = u64::try_from(duration.as_micros()).expect("a test is shorter than 500,000 years");
        self.elapsed_micros.fetch_add(micros, Ordering::SeqCst);
    }

    /// How much time has passed since the beginning.
    pub fn elapsed(&self) -> Duration {
        Duration::from_micros(self.elapsed_micros.load(Ordering::SeqCst))
    }
}

impl Outside for FakeOutside {
    fn unix_millis(&self) -> u64 {
        FakeOutside::BEGINNING_MILLIS + u64::try_from(self.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn instant(&self) -> Instant {
        self.began + self.elapsed()
    }

    fn random(&self, buffer: &mut [u8]) {
        self.rng.lock().unwrap_or_else(PoisonError::into_inner).fill_bytes(buffer);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_passes_on_demand_and_randomness_repeats() {
        let (one, two) = (FakeOutside::new(7), FakeOutside::new(7));
        let (millis, instant) = (one.unix_millis(), one.instant());
        assert_eq!((one.unix_millis(), one.instant()), (millis, instant));
        one.advance(Duration::from_millis(1500));
        assert_eq!(one.unix_millis(), millis + 1500);
        assert_eq!(one.instant() - instant, Duration::from_millis(1500));
        let (mut first, mut second) = ([0; 32], [0; 32]);
        one.random(&mut first);
        two.random(&mut second);
        assert_eq!(first, second);
        one.random(&mut second);
        assert_ne!(first, second);
    }
}
