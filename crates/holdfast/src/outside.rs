//! The real clock and the operating system's random numbers.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use holdfast_registry::Outside;

/// The world outside of the process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RealOutside;

impl Outside for RealOutside {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that all others stand for")]
    fn unix_millis(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn instant(&self) -> Instant {
        Instant::now()
    }

    fn random(&self, buffer: &mut [u8]) {
        // Without random numbers no token can be made and no commit named: there is no way to go on.
        getrandom::fill(buffer).expect("the operating system gives random numbers");
    }
}
