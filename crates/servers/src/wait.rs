//! Waiting for what another process does: look, and look again until a deadline. Never a fixed pause.

use std::time::{Duration, Instant};

/// How long anything may take before a test gives up on it: far above what a busy machine needs.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How often to look.
const STEP: Duration = Duration::from_millis(5);

/// Looks until there is something to see, and panics when [`PATIENCE`] has passed without.
#[track_caller]
pub fn until<T>(what: &str, look: impl FnMut() -> Option<T>) -> T {
    match seen_within(PATIENCE, look) {
        Some(seen) => seen,
        None => panic!("waited {} s in vain: {what}", PATIENCE.as_secs()),
    }
}

/// Looks until there is something to see or the time is over.
pub fn seen_within<T>(limit: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let began = Instant::now();
    loop {
        if let Some(seen) = look() {
            return Some(seen);
        }
        if began.elapsed() > limit {
            return None;
        }
        std::thread::sleep(STEP);
    }
}
