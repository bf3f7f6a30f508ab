//! Small blobs in memory, and a bound on what is in memory outside of the cache.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use holdfast_types::Sha256;
use quick_cache::sync::{Cache as QuickCache, DefaultLifecycle, PlaceholderGuard};
use quick_cache::{DefaultHashBuilder, OptionsBuilder, Weighter};

/// What an entry costs beside its bytes.
const ENTRY_OVERHEAD_BYTES: u64 = 192;

/// What the cache knows about a blob.
#[derive(Clone)]
pub(crate) enum Entry {
    /// All of its bytes; cloning them is cheap.
    Whole(Bytes),
    /// It is too large for the cache, so that readers need not wait for one another.
    Large,
}

#[derive(Clone)]
pub(crate) struct EntryWeight;

impl Weighter<Sha256, Entry> for EntryWeight {
    fn weight(&self, _: &Sha256, entry: &Entry) -> u64 {
        match entry {
            Entry::Whole(bytes) => bytes.len() as u64 + ENTRY_OVERHEAD_BYTES,
            Entry::Large => ENTRY_OVERHEAD_BYTES,
        }
    }
}

type Guard<'a> =
    PlaceholderGuard<'a, Sha256, Entry, EntryWeight, DefaultHashBuilder, DefaultLifecycle<Sha256, Entry>>;

/// Blobs in memory, weighed by bytes; each is loaded once however many ask for it.
pub(crate) struct Cache(QuickCache<Sha256, Entry, EntryWeight>);

impl Cache {
    /// A cache of `budget_bytes`, whose shards are large enough to hold several blobs of `blob_bytes` each.
    pub(crate) fn new(budget_bytes: u64, blob_bytes: u64) -> Cache {
        let shards = (budget_bytes / blob_bytes.saturating_mul(4).max(1)).clamp(1, 64);
        let shards = 1 << shards.ilog2();
        let options = OptionsBuilder::new()
            .shards(shards)
            .estimated_items_capacity(
                usize::try_from(budget_bytes / 32_768).unwrap_or(usize::MAX).max(shards * 64),
            )
            .weight_capacity(budget_bytes)
            .build()
            .expect("the weight and the number of items are given");
        let lifecycle = DefaultLifecycle::default();
        Cache(QuickCache::with_options(options, EntryWeight, DefaultHashBuilder::default(), lifecycle))
    }

    /// The entry if it is there now.
    pub(crate) fn get(&self, sha256: &Sha256) -> Option<Entry> {
        self.0.get(sha256)
    }

    /// The entry, or the right (held by one caller at a time) to load it.
    pub(crate) async fn entry_or_guard(&self, sha256: &Sha256) -> Result<Entry, Guard<'_>> {
        self.0.get_value_or_guard_async(sha256).await
    }

    /// Forgets the blob, and makes a load that runs now forget it too.
    pub(crate) fn remove(&self, sha256: &Sha256) {
        self.0.remove(sha256);
    }
}

/// Bounds the bytes of whole blobs that are alive at a time, cached or on their way to slow clients.
pub(crate) struct Budget {
    limit_bytes: u64,
    alive_bytes: AtomicU64,
}

impl Budget {
    pub(crate) fn new(limit_bytes: u64) -> Arc<Budget> {
        Arc::new(Budget { limit_bytes, alive_bytes: AtomicU64::new(0) })
    }

    /// Room for `size_bytes`, or nothing when they should be streamed instead.
    pub(crate) fn reserve(self: &Arc<Self>, size_bytes: u64) -> Option<Reservation> {
        self.alive_bytes
            .try_update(Ordering::AcqRel, Ordering::Acquire, |alive| {
                alive.checked_add(size_bytes).filter(|sum| *sum <= self.limit_bytes)
            })
            .ok()
            .map(|_| Reservation { budget: Arc::clone(self), size_bytes })
    }
}

/// Room in a [`Budget`], given back when dropped.
pub(crate) struct Reservation {
    budget: Arc<Budget>,
    size_bytes: u64,
}

impl Reservation {
    /// Ties the room to the life of `bytes` and all their clones.
    pub(crate) fn attach(self, bytes: Bytes) -> Bytes {
        if bytes.is_empty() { bytes } else { Bytes::from_owner(Reserved { bytes, _room: self }) }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.alive_bytes.fetch_sub(self.size_bytes, Ordering::AcqRel);
    }
}

struct Reserved {
    bytes: Bytes,
    _room: Reservation,
}

impl AsRef<[u8]> for Reserved {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budget_is_given_back_with_the_last_clone() {
        let budget = Budget::new(10);
        let bytes = budget.reserve(8).unwrap().attach(Bytes::from_static(b"12345678"));
        let clone = bytes.clone();
        drop(bytes);
        assert!(budget.reserve(3).is_none());
        assert!(budget.reserve(u64::MAX).is_none());
        drop(clone);
        assert!(budget.reserve(10).is_some());
    }

    #[test]
    fn a_blob_of_the_largest_size_fits_into_a_shard() {
        for (budget_bytes, blob_bytes) in [(64 << 20, 8 << 20), (1 << 20, 1 << 19), (1 << 30, 8 << 20)] {
            let cache = Cache::new(budget_bytes, blob_bytes);
            let sha256 = Sha256::of(b"large");
            let bytes = Bytes::from(vec![0; usize::try_from(blob_bytes).unwrap()]);
            cache.0.insert(sha256, Entry::Whole(bytes));
            assert!(cache.get(&sha256).is_some(), "{budget_bytes} {blob_bytes}");
        }
    }
}
