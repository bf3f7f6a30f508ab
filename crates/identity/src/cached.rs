//! What another system was asked lately, kept for a while and asked for by one at a time.

use std::sync::{Arc, Mutex, PoisonError};

use holdfast_types::Timestamp;

use crate::Unavailable;

/// How long an answer counts as new, in seconds.
const FRESH: u64 = 10 * 60;

/// How long it serves when no newer one can be had. A key that was withdrawn may be believed for so long.
const LAST_RESORT: u64 = 60 * 60;

/// How long to wait after an attempt before somebody's wish for a newer answer is another: tokens come from
/// anybody, and each could name a key that nobody knows.
const BETWEEN: u64 = 30;

/// How long to wait after an attempt that failed.
const AFTER_FAILURE: u64 = 2;

/// An answer and how the last attempt to get one ended.
pub(crate) struct Cached<T> {
    state: Mutex<State<T>>,
    /// Whoever holds it asks; the others wait for what comes of it.
    flight: tokio::sync::Mutex<()>,
}

struct State<T> {
    answer: Option<(Timestamp, Arc<T>)>,
    tried: Option<Timestamp>,
    /// Of the last attempt that ended.
    fault: Option<Unavailable>,
    /// How many attempts have ended.
    attempts: u64,
}

/// What will do.
enum Need<'a, T> {
    Fresh,
    OtherThan(&'a Arc<T>),
}

impl<T> Cached<T> {
    pub(crate) fn new() -> Cached<T> {
        let state = State { answer: None, tried: None, fault: None, attempts: 0 };
        Cached { state: Mutex::new(state), flight: tokio::sync::Mutex::new(()) }
    }

    /// An answer that is new enough, asked for where there is none.
    pub(crate) async fn fresh(
        &self,
        now: Timestamp,
        ask: impl AsyncFnOnce() -> Result<T, Unavailable>,
    ) -> Result<Arc<T>, Unavailable> {
        self.settle(now, &Need::Fresh, ask).await
    }

    /// A newer answer than `known`, or `known` once more when the last attempt is not long ago.
    pub(crate) async fn other_than(
        &self,
        known: &Arc<T>,
        now: Timestamp,
        ask: impl AsyncFnOnce() -> Result<T, Unavailable>,
    ) -> Result<Arc<T>, Unavailable> {
        self.settle(now, &Need::OtherThan(known), ask).await
    }

    async fn settle(
        &self,
        now: Timestamp,
        need: &Need<'_, T>,
        ask: impl AsyncFnOnce() -> Result<T, Unavailable>,
    ) -> Result<Arc<T>, Unavailable> {
        let seen = {
            let state = self.lock();
            if let Some(settled) = state.settled(now, need, state.attempts) {
                return settled;
            }
            state.attempts
        };
        let _flight = self.flight.lock().await;
        {
            let mut state = self.lock();
            if let Some(settled) = state.settled(now, need, seen) {
                return settled;
            }
            // Whoever goes away while asking has asked.
            state.tried = Some(now);
        }
        let asked = ask().await;
        let mut state = self.lock();
        state.attempts += 1;
        match asked {
            Ok(answer) => {
                state.answer = Some((now, Arc::new(answer)));
                state.fault = None;
            }
            Err(fault) => {
                if state.answer.is_some() {
                    let error: &dyn std::error::Error = &fault;
                    tracing::warn!(error, "no newer answer, the last one serves for a while");
                }
                state.fault = Some(fault);
            }
        }
        let attempts = state.attempts.wrapping_sub(1);
        state.settled(now, need, attempts).expect("an attempt has just ended")
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> State<T> {
    /// What there is to give without asking, for one who knows of `seen` attempts. `None` says that it is time to
    /// ask.
    fn settled(&self, now: Timestamp, need: &Need<'_, T>, seen: u64) -> Option<Result<Arc<T>, Unavailable>> {
        let since = |then: Timestamp| now.unix_seconds().abs_diff(then.unix_seconds());
        let answer = self.answer.as_ref();
        let recent = answer.filter(|(then, _)| since(*then) < LAST_RESORT).map(|(_, answer)| answer);
        let is_good = match need {
            Need::Fresh => answer.is_some_and(|(then, _)| since(*then) < FRESH),
            Need::OtherThan(known) => recent.is_some_and(|answer| !Arc::ptr_eq(answer, known)),
        };
        if is_good {
            return recent.cloned().map(Ok);
        }
        let pause = if self.fault.is_some() { AFTER_FAILURE } else { BETWEEN };
        let has_tried = self.attempts != seen || self.tried.is_some_and(|then| since(then) < pause);
        if !has_tried {
            return None;
        }
        match (need, recent, &self.fault) {
            // Whether a newer answer has the key cannot be known.
            (Need::OtherThan(_), _, Some(fault)) | (_, None, Some(fault)) => Some(Err(fault.clone())),
            (_, Some(answer), _) => Some(Ok(answer.clone())),
            // Somebody began to ask and went away.
            (_, None, None) => None,
        }
    }
}

#[cfg(test)]
mod tests;
