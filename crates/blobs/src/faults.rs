//! Failpoints: with the feature `faults`, a test decides which call fails. Without it they cost nothing.

use crate::error::BlobError;

/// A point at which a call can be made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// Bytes arrive for an upload.
    Write,
    /// Before a blob is kept: nothing is stored.
    Keep,
    /// After a blob was kept: it is durable, but its keeper hears of a failure.
    Kept,
    /// Before a blob is opened.
    Get,
    /// Before a blob's size is looked up.
    Size,
    /// Before live or condemned blobs are listed.
    List,
    /// Before a blob is moved to the trash.
    Condemn,
    /// Before a blob is moved back.
    Restore,
    /// Before a condemned blob is deleted.
    Purge,
    /// Before a blob is hashed again.
    Verify,
    /// Before the readiness probe.
    Check,
}

/// Decides for each call whether it goes on.
#[cfg(feature = "faults")]
pub type Hook = std::sync::Arc<dyn Fn(Call) -> Result<(), BlobError> + Send + Sync>;

/// A hook that fails the `nth` (from 1) occurrence of `call` and lets all others pass.
#[cfg(feature = "faults")]
pub fn fail_nth(call: Call, nth: u64) -> Hook {
    let seen = std::sync::atomic::AtomicU64::new(0);
    std::sync::Arc::new(move |now| {
        if now == call && seen.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1 == nth {
            return Err(BlobError::unavailable(
                "pass a failpoint",
                format!("injected fault at {call:?} {nth}"),
            ));
        }
        Ok(())
    })
}

/// The hook that is set now.
#[derive(Default)]
pub(crate) struct Faults {
    #[cfg(feature = "faults")]
    hook: std::sync::RwLock<Option<Hook>>,
}

impl Faults {
    /// Asks the hook whether `call` may go on.
    #[cfg(feature = "faults")]
    pub(crate) fn pass(&self, call: Call) -> Result<(), BlobError> {
        let hook = self.hook.read().expect("no holder of this lock panics").clone();
        hook.map_or(Ok(()), |hook| hook(call))
    }

    /// Always goes on: failpoints are not in this build.
    #[cfg(not(feature = "faults"))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "same shape as with the feature")]
    #[inline]
    pub(crate) fn pass(&self, _call: Call) -> Result<(), BlobError> {
        Ok(())
    }

    /// Sets or clears the hook.
    #[cfg(feature = "faults")]
    pub(crate) fn set(&self, hook: Option<Hook>) {
        *self.hook.write().expect("no holder of this lock panics") = hook;
    }
}

impl std::fmt::Debug for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Faults")
    }
}
