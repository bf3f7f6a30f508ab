//! The optimistic retry, as a loop rather than a closure, so that `?` and `return` mean what they say.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::contract::{Store, StoreError};
use crate::tx::Tx;

/// Begins transactions until one commits or the deadline passes.
///
/// ```
/// # use holdfast_store::{Committed, Entity, Key, Retry, Store, StoreError};
/// # use std::sync::Arc;
/// # async fn rename<E: Entity>(store: &Arc<dyn Store>, key: &Key, change: impl Fn(&mut E)) -> Result<(), StoreError> {
/// let mut retry = Retry::new(store);
/// loop {
///     let mut tx = retry.begin().await?;
///     // Read, decide, write; no effect but through `tx`.
///     let Some(mut entity) = tx.get::<E>(key).await? else { return Ok(()) };
///     change(&mut entity);
///     tx.put(&entity).await?;
///     if tx.commit().await? == Committed::Yes {
///         return Ok(());
///     }
/// }
/// # }
/// ```
pub struct Retry<'a> {
    store: &'a Arc<dyn Store>,
    deadline: Instant,
    attempts: u32,
    attempt_began: Instant,
    spent: Duration,
}

impl<'a> Retry<'a> {
    /// How long conflicts are retried.
    pub const DEADLINE: Duration = Duration::from_secs(10);
    const LONGEST_PAUSE: Duration = Duration::from_secs(1);

    /// A loop with the usual deadline.
    pub fn new(store: &'a Arc<dyn Store>) -> Retry<'a> {
        Retry::within(store, Retry::DEADLINE)
    }

    /// A loop that begins no attempt when `limit` has passed, except the first.
    pub fn within(store: &'a Arc<dyn Store>, limit: Duration) -> Retry<'a> {
        let now = Instant::now();
        Retry { store, deadline: now + limit, attempts: 0, attempt_began: now, spent: Duration::ZERO }
    }

    /// How many attempts have begun.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// Starts an attempt. After a conflict it first pauses for a random time in proportion to what an
    /// attempt has cost so far: fixed pauses livelock on a slow engine. Past the deadline it ends with
    /// [`StoreError::Conflict`].
    pub async fn begin(&mut self) -> Result<Tx, StoreError> {
        if self.attempts > 0 {
            self.spent += self.attempt_began.elapsed();
            let cost = self.spent / self.attempts;
            let longest = (cost * 2_u32.pow(self.attempts.min(5))).min(Retry::LONGEST_PAUSE);
            let until = Instant::now() + longest.mul_f64(jitter());
            tokio::time::sleep_until(until.min(self.deadline)).await;
            if self.deadline <= Instant::now() {
                tracing::warn!(attempts = self.attempts, "gave up on a commit that kept conflicting");
                return Err(StoreError::Conflict);
            }
        }
        self.attempts += 1;
        self.attempt_began = Instant::now();
        Ok(Tx::new(self.store))
    }
}

#[expect(clippy::disallowed_methods, reason = "no result depends on how long a pause is")]
fn jitter() -> f64 {
    rand::random()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests may panic")]

    use super::*;
    use crate::Memory;

    #[tokio::test]
    async fn gives_up_at_the_deadline_but_tries_once() {
        let store: Arc<dyn Store> = Arc::new(Memory::new());
        let mut never = Retry::within(&store, Duration::ZERO);
        never.begin().await.unwrap();
        assert!(matches!(never.begin().await, Err(StoreError::Conflict)));
        assert_eq!(never.attempts(), 1);

        let limit = Duration::from_millis(30);
        let (mut retry, began) = (Retry::within(&store, limit), Instant::now());
        while retry.begin().await.is_ok() {}
        assert!(limit <= began.elapsed());
        assert!(retry.attempts() > 2, "{} attempts", retry.attempts());
    }
}
