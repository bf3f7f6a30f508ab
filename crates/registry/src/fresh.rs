//! A cache with one rule: what it gives was checked less than the staleness bound ago.
//!
//! An entry younger than half the bound is given at once. An older one is given at once too, while one task
//! in the background checks it again, so that a busy key never waits. Beyond the bound the caller waits for
//! the check, one of them doing it for all. What the process itself changes is forgotten at once. Absence is
//! never kept: a miss always asks.
//!
//! While the source is down, what is in memory goes on being served for the time of the outage grace; the first
//! answer of the source ends that for all keys.

use crate::clock::Outside;
use quick_cache::{Equivalent, Weighter, sync::Cache};
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How a cache gets its values.
pub(crate) trait Source<K, V>: Clone + Send + Sync + 'static {
    /// Why a value could not be had.
    type Error: Send;

    /// The present value, or `None` if there is none; `known` is what the cache has, to be given back when it
    /// still holds.
    fn load(&self, key: &K, known: Option<V>) -> impl Future<Output = Result<Option<V>, Self::Error>> + Send;

    /// Whether an error means that the source does not answer now, which says nothing about the value.
    fn is_outage(error: &Self::Error) -> bool;
}

/// How old what is given may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// While the source answers.
    pub(crate) staleness: Duration,
    /// While it does not.
    pub(crate) outage_grace: Duration,
}

/// The cache. `V` is cheap to clone.
pub(crate) struct Fresh<K, V> {
    entries: Cache<K, Arc<Entry<V>>, Weigh<V>>,
    outside: Arc<dyn Outside>,
    epoch: Instant,
    bounds: Bounds,
    /// Whether the source did not answer lately.
    is_down: AtomicBool,
    /// How often a key of each slot was forgotten: a check that began before must not be kept.
    forgotten: [AtomicU64; 64],
    hasher: RandomState,
}

struct Entry<V> {
    value: V,
    /// When its check began, in microseconds after the cache's epoch.
    checked_micros: u64,
    /// Whether somebody is checking it in the background.
    checking: AtomicBool,
    /// Held by whoever checks it for all that wait.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Clone)]
struct Weigh<V>(fn(&V) -> u64);

impl<K, V> Weighter<K, Arc<Entry<V>>> for Weigh<V> {
    fn weight(&self, _: &K, entry: &Arc<Entry<V>>) -> u64 {
        (self.0)(&entry.value).max(1)
    }
}

impl<K, V> Fresh<K, V>
where
    K: Hash + Eq + Clone + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    /// A cache of about `entries` entries that weigh at most `weight` together.
    pub(crate) fn new(
        outside: Arc<dyn Outside>,
        bounds: Bounds,
        entries: usize,
        weight: u64,
        weigh: fn(&V) -> u64,
    ) -> Fresh<K, V> {
        let epoch = outside.instant();
        let entries = Cache::with_weighter(entries, weight, Weigh(weigh));
        let forgotten = std::array::from_fn(|_| AtomicU64::new(0));
        let is_down = AtomicBool::new(false);
        Fresh { entries, outside, epoch, bounds, is_down, forgotten, hasher: RandomState::new() }
    }

    /// The value of a key, checked within the bound. `own` makes the key when the cache has to keep it.
    pub(crate) async fn get<Q, S>(
        self: &Arc<Self>,
        key: &Q,
        own: impl Fn() -> K,
        source: &S,
    ) -> Result<Option<V>, S::Error>
    where
        Q: Hash + Equivalent<K> + ?Sized,
        S: Source<K, V>,
    {
        let Some(entry) = self.entries.get(key) else { return self.load(own(), None, source).await };
        let (age, bound) = (self.age(&entry), self.bounds.staleness);
        if age < bound || self.outlasts(age) {
            if age > bound / 2 && !entry.checking.swap(true, Ordering::Relaxed) {
                self.check_behind(own(), entry.clone(), source.clone());
            }
            return Ok(Some(entry.value.clone()));
        }
        let _turn = entry.turn.lock().await;
        match self.entries.get(key) {
            Some(newer) if self.age(&newer) < bound || self.outlasts(self.age(&newer)) => {
                Ok(Some(newer.value.clone()))
            }
            _ => match self.load(own(), Some(entry.value.clone()), source).await {
                Err(_) if self.outlasts(self.age(&entry)) => Ok(Some(entry.value.clone())),
                outcome => outcome,
            },
        }
    }

    /// Whether something is kept of a key, however old.
    pub(crate) fn keeps<Q>(&self, key: &Q) -> bool
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.entries.contains_key(key)
    }

    /// The value of a key as the source has it now, for whoever misses something in what the cache has.
    pub(crate) async fn get_now<S: Source<K, V>>(&self, key: K, source: &S) -> Result<Option<V>, S::Error> {
        let known = self.entries.get(&key).map(|entry| entry.value.clone());
        self.load(key, known, source).await
    }

    /// Whether an entry of this age is given because the source is down.
    fn outlasts(&self, age: Duration) -> bool {
        age < self.bounds.outage_grace && self.is_down.load(Ordering::Relaxed)
    }

    /// Forgets a key, because this process changed it.
    pub(crate) fn forget<Q>(&self, key: &Q)
    where
        Q: Hash + Equivalent<K> + ?Sized,
    {
        self.slot(key).fetch_add(1, Ordering::SeqCst);
        self.entries.remove(key);
    }

    /// Forgets everything.
    pub(crate) fn clear(&self) {
        for slot in &self.forgotten {
            slot.fetch_add(1, Ordering::SeqCst);
        }
        self.entries.clear();
    }

    async fn load<S: Source<K, V>>(
        &self,
        key: K,
        known: Option<V>,
        source: &S,
    ) -> Result<Option<V>, S::Error> {
        let checked_micros = self.micros();
        let forgotten = self.slot(&key).load(Ordering::SeqCst);
        let outcome = source.load(&key, known).await;
        let is_down = outcome.as_ref().is_err_and(S::is_outage);
        if is_down != self.is_down.load(Ordering::Relaxed) {
            self.is_down.store(is_down, Ordering::Relaxed);
        }
        let found = outcome?;
        match &found {
            Some(value) => {
                let (checking, turn) = (AtomicBool::new(false), tokio::sync::Mutex::new(()));
                let entry = Entry { value: value.clone(), checked_micros, checking, turn };
                let is_current = || self.slot(&key).load(Ordering::SeqCst) == forgotten;
                if is_current() {
                    self.entries.insert(key.clone(), Arc::new(entry));
                }
                // It may have been forgotten just before it was inserted.
                if !is_current() {
                    self.entries.remove(&key);
                }
            }
            None => {
                self.entries.remove(&key);
            }
        }
        Ok(found)
    }

    fn slot<Q: Hash + ?Sized>(&self, key: &Q) -> &AtomicU64 {
        let hash = self.hasher.hash_one(key);
        &self.forgotten[usize::try_from(hash % 64).expect("a slot is below 64")]
    }

    fn check_behind<S: Source<K, V>>(self: &Arc<Self>, key: K, entry: Arc<Entry<V>>, source: S) {
        let cache = self.clone();
        tokio::spawn(async move {
            // A failure is not an answer: whoever comes after the bound asks again and hears of it.
            let _ = cache.load(key, Some(entry.value.clone()), &source).await;
            entry.checking.store(false, Ordering::Relaxed);
        });
    }

    fn age(&self, entry: &Entry<V>) -> Duration {
        Duration::from_micros(self.micros().saturating_sub(entry.checked_micros))
    }

    fn micros(&self) -> u64 {
        u64::try_from(self.outside.age(self.epoch).as_micros()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests;
