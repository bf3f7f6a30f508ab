//! A cache with one rule: what it gives was checked less than the staleness bound ago.
//!
//! An entry younger than half the bound is given at once. An older one is given at once too, while one task
//! in the background checks it again, so that a busy key never waits. Beyond the bound the caller waits for
//! the check, one of them doing it for all. What the process itself changes is forgotten at once. Absence is
//! never kept: a miss always asks.
//!
//! Whoever asks for the same key again and again may take the value along ([`Taken`]): it may be used without the
//! cache for as long as the cache would give it as it is.
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
    bounds: Bounds,
    /// Whether the source did not answer lately.
    is_down: AtomicBool,
    /// How often a key of each slot was forgotten: what was found before must not be kept.
    forgotten: [AtomicU64; 64],
    hasher: RandomState,
}

struct Entry<V> {
    value: V,
    /// When its check began.
    checked: Instant,
    /// Whether somebody is checking it in the background.
    checking: AtomicBool,
    /// Held by whoever checks it for all that wait.
    turn: tokio::sync::Mutex<()>,
}

impl<V> Entry<V> {
    fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.checked)
    }
}

/// A value that was given once, with what tells whether it would be given again.
pub(crate) struct Taken<V> {
    entry: Arc<Entry<V>>,
    slot: usize,
    forgotten: u64,
}

impl<V> Taken<V> {
    /// The value.
    pub(crate) fn value(&self) -> &V {
        &self.entry.value
    }
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
        let entries = Cache::with_weighter(entries, weight, Weigh(weigh));
        let forgotten = std::array::from_fn(|_| AtomicU64::new(0));
        let is_down = AtomicBool::new(false);
        Fresh { entries, outside, bounds, is_down, forgotten, hasher: RandomState::new() }
    }

    /// The value of a key, checked within the bound before `now`. `own` makes the key when the cache has to
    /// keep it.
    pub(crate) async fn get<Q, S>(
        self: &Arc<Self>,
        key: &Q,
        own: impl Fn() -> K,
        source: &S,
        now: Instant,
    ) -> Result<Option<V>, S::Error>
    where
        Q: Hash + Equivalent<K> + ?Sized,
        S: Source<K, V>,
    {
        Ok(self.find(key, own, source, now).await?.map(|entry| entry.value.clone()))
    }

    /// The same, to be taken along.
    pub(crate) async fn take<Q, S>(
        self: &Arc<Self>,
        key: &Q,
        own: impl Fn() -> K,
        source: &S,
        now: Instant,
    ) -> Result<Option<Taken<V>>, S::Error>
    where
        Q: Hash + Equivalent<K> + ?Sized,
        S: Source<K, V>,
    {
        let slot = self.slot(key);
        // Before the search: what is forgotten meanwhile is not to be used again.
        let forgotten = self.forgotten[slot].load(Ordering::SeqCst);
        let entry = self.find(key, own, source, now).await?;
        Ok(entry.map(|entry| Taken { entry, slot, forgotten }))
    }

    /// Whether the cache would give this value at `now`, and without having it checked.
    pub(crate) fn still_gives(&self, taken: &Taken<V>, now: Instant) -> bool {
        taken.entry.age(now) <= self.bounds.staleness / 2
            && self.forgotten[taken.slot].load(Ordering::SeqCst) == taken.forgotten
    }

    async fn find<Q, S>(
        self: &Arc<Self>,
        key: &Q,
        own: impl Fn() -> K,
        source: &S,
        now: Instant,
    ) -> Result<Option<Arc<Entry<V>>>, S::Error>
    where
        Q: Hash + Equivalent<K> + ?Sized,
        S: Source<K, V>,
    {
        let Some(entry) = self.entries.get(key) else { return self.load(own(), None, source).await };
        let (age, bound) = (entry.age(now), self.bounds.staleness);
        if age < bound || self.outlasts(age) {
            if age > bound / 2 && !entry.checking.swap(true, Ordering::Relaxed) {
                self.check_behind(own(), entry.clone(), source.clone());
            }
            return Ok(Some(entry));
        }
        let _turn = entry.turn.lock().await;
        let now = self.outside.instant();
        match self.entries.get(key) {
            Some(newer) if newer.age(now) < bound || self.outlasts(newer.age(now)) => Ok(Some(newer)),
            _ => match self.load(own(), Some(entry.value.clone()), source).await {
                Err(_) if self.outlasts(entry.age(self.outside.instant())) => Ok(Some(entry.clone())),
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
        Ok(self.load(key, known, source).await?.map(|entry| entry.value.clone()))
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
        self.forgotten[self.slot(key)].fetch_add(1, Ordering::SeqCst);
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
    ) -> Result<Option<Arc<Entry<V>>>, S::Error> {
        let checked = self.outside.instant();
        let slot = &self.forgotten[self.slot(&key)];
        let forgotten = slot.load(Ordering::SeqCst);
        let outcome = source.load(&key, known).await;
        let is_down = outcome.as_ref().is_err_and(S::is_outage);
        if is_down != self.is_down.load(Ordering::Relaxed) {
            self.is_down.store(is_down, Ordering::Relaxed);
        }
        let Some(value) = outcome? else {
            self.entries.remove(&key);
            return Ok(None);
        };
        let (checking, turn) = (AtomicBool::new(false), tokio::sync::Mutex::new(()));
        let entry = Arc::new(Entry { value, checked, checking, turn });
        let is_current = || slot.load(Ordering::SeqCst) == forgotten;
        if is_current() {
            self.entries.insert(key.clone(), entry.clone());
        }
        // It may have been forgotten just before it was inserted.
        if !is_current() {
            self.entries.remove(&key);
        }
        Ok(Some(entry))
    }

    fn slot<Q: Hash + ?Sized>(&self, key: &Q) -> usize {
        let hash = self.hasher.hash_one(key);
        usize::try_from(hash % 64).expect("a slot is below 64")
    }

    fn check_behind<S: Source<K, V>>(self: &Arc<Self>, key: K, entry: Arc<Entry<V>>, source: S) {
        let cache = self.clone();
        tokio::spawn(async move {
            // A failure is not an answer: whoever comes after the bound asks again and hears of it.
            let _ = cache.load(key, Some(entry.value.clone()), &source).await;
            entry.checking.store(false, Ordering::Relaxed);
        });
    }
}

#[cfg(test)]
mod tests;
