//! Downloads, counted in memory and added to the store every few seconds. A crash loses what was not yet
//! flushed: at most [`FLUSH_INTERVAL`] of counts.

use crate::error::Result;
use crate::holdfast::Holdfast;
use holdfast_store::Key;
use holdfast_types::{CanonicalName, RegistryName, VersionKey};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How often counts go to the store.
pub(crate) const FLUSH_INTERVAL: Duration = Duration::from_secs(10);

/// How many counters go to the store at once.
const FLUSH_CHUNK: usize = 99;

/// Counts since the last flush.
#[derive(Default)]
pub(crate) struct Counters(Mutex<HashMap<Counted, i64>>);

#[derive(PartialEq, Eq, Hash)]
struct Counted {
    registry: RegistryName,
    krate: CanonicalName,
    version: VersionKey,
}

/// The partition of a crate's download counters. Sort keys are `total`, `version/V` and `day/D/V`.
pub(crate) fn part(registry: &RegistryName, krate: &CanonicalName) -> String {
    format!("downloads/{registry}/{krate}")
}

impl Counters {
    /// Counts one download.
    pub(crate) fn downloaded(&self, registry: &RegistryName, krate: &CanonicalName, version: &VersionKey) {
        let counted = Counted { registry: registry.clone(), krate: krate.clone(), version: version.clone() };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(counted).or_default() += 1;
    }

    fn take(&self) -> HashMap<Counted, i64> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn give_back(&self, counts: impl IntoIterator<Item = (Counted, i64)>) {
        let mut buffer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (counted, count) in counts {
            *buffer.entry(counted).or_default() += count;
        }
    }
}

impl Holdfast {
    /// Adds what was counted to the store. What the store did not take is kept for the next time.
    pub async fn flush_counters(&self) -> Result<()> {
        let day = self.outside.now().day();
        let mut counts: Vec<(Counted, i64)> = self.counters.take().into_iter().collect();
        while !counts.is_empty() {
            let chunk = counts.split_off(counts.len().saturating_sub(FLUSH_CHUNK / 3));
            let mut deltas: HashMap<Key, i64> = HashMap::new();
            for (Counted { registry, krate, version }, count) in &chunk {
                let part = part(registry, krate);
                for sort in ["total".to_owned(), format!("version/{version}"), format!("day/{day}/{version}")]
                {
                    *deltas.entry(Key::new(&*part, sort)).or_default() += count;
                }
            }
            let deltas: Vec<(Key, i64)> = deltas.into_iter().collect();
            if let Err(error) = self.store.count(&deltas).await {
                self.counters.give_back(chunk.into_iter().chain(counts));
                return Err(error.into());
            }
        }
        Ok(())
    }
}
