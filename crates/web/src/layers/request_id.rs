//! Names for requests, so that an error that somebody sees can be found in the log.

use holdfast_registry::Outside;
use std::sync::atomic::{AtomicU64, Ordering};

/// Gives out request ids: unique in the process by a counter, between processes by a random beginning.
pub(crate) struct RequestIds {
    process: u32,
    next: AtomicU64,
}

impl RequestIds {
    pub(crate) fn new(outside: &dyn Outside) -> RequestIds {
        let mut process = [0; 4];
        outside.random(&mut process);
        RequestIds { process: u32::from_le_bytes(process), next: AtomicU64::new(1) }
    }

    /// The next id.
    pub(crate) fn next(&self) -> String {
        format!("{:08x}-{:x}", self.process, self.next.fetch_add(1, Ordering::Relaxed))
    }
}
