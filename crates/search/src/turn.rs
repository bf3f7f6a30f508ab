//! Several servers may share a folder, and one at a time writes to it: who finds it being written waits for its turn.

use std::thread::sleep;
use std::time::{Duration, Instant};

use tantivy::TantivyError;
use tantivy::directory::error::LockError;

/// For how long others are waited for. A batch takes them less than a second, and merges in the largest registries
/// some seconds; who writes for longer hangs.
const PATIENCE: Duration = Duration::from_secs(10);

/// The pause between two tries: shorter than the time in which a writer collects its next batch.
const PAUSE: Duration = Duration::from_millis(20);

/// What needs the lock of the writer, once no other process holds it.
pub(crate) fn wait_for<T>(attempt: impl FnMut() -> Result<T, TantivyError>) -> Result<T, TantivyError> {
    wait_at_most(PATIENCE, attempt)
}

fn wait_at_most<T>(
    patience: Duration,
    mut attempt: impl FnMut() -> Result<T, TantivyError>,
) -> Result<T, TantivyError> {
    let began = Instant::now();
    loop {
        match attempt() {
            Err(error) if is_busy(&error) && began.elapsed() < patience => sleep(PAUSE),
            outcome => return outcome,
        }
    }
}

/// Whether another process writes.
pub(crate) fn is_busy(error: &TantivyError) -> bool {
    matches!(error, TantivyError::LockFailure(LockError::LockBusy, _))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tantivy::TantivyError;
    use tantivy::directory::error::LockError;

    use super::{is_busy, wait_at_most};

    #[test]
    fn others_are_waited_for_and_failures_are_not() {
        let outcome = |patience: Duration, busy: u32, last: Result<(), &'static str>| {
            let mut tries = 0;
            let outcome = wait_at_most(patience, || {
                tries += 1;
                if tries <= busy {
                    return Err(TantivyError::LockFailure(LockError::LockBusy, None));
                }
                last.map_err(|text| TantivyError::InternalError(text.to_owned()))
            });
            (outcome, tries)
        };
        let minute = Duration::from_mins(1);
        assert!(matches!(outcome(minute, 2, Ok(())), (Ok(()), 3)));
        assert!(matches!(outcome(minute, 1, Err("full disk")), (Err(TantivyError::InternalError(_)), 2)));
        assert!(matches!(outcome(Duration::ZERO, 2, Ok(())), (Err(error), 1) if is_busy(&error)));
    }
}
