//! The store as the operations see it: every call has a deadline, and its time and its fate are counted.
//!
//! An engine that hangs looks like one that is down. A read or a commit that took too long is given up; what a
//! commit given up has done is not known, as after a lost answer.

use crate::settings::Settings;
use holdfast_store::{Batch, Doc, Key, Scan, Store, StoreError};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

type Labels = [(&'static str, &'static str); 1];
type TwoLabels = [(&'static str, &'static str); 2];

/// The numbers about the store.
#[derive(Clone)]
pub(crate) struct StoreMetrics {
    seconds: Family<Labels, Histogram, fn() -> Histogram>,
    failures: Family<TwoLabels, Counter>,
}

impl Default for StoreMetrics {
    fn default() -> StoreMetrics {
        // From a tenth of a millisecond to some seconds.
        let buckets: fn() -> Histogram = || Histogram::new(exponential_buckets(0.0001, 3.0, 11));
        StoreMetrics { seconds: Family::new_with_constructor(buckets), failures: Family::default() }
    }
}

impl StoreMetrics {
    /// Puts them on a page.
    pub(crate) fn register(&self, page: &mut Registry) {
        let help = "Time that the database took to answer, by call";
        page.register("holdfast_store_seconds", help, self.seconds.clone());
        let help = "Calls of the database that failed, by call and reason; a conflict is tried again";
        page.register("holdfast_store_failures", help, self.failures.clone());
    }

    fn note<T>(&self, call: &'static str, began: Instant, outcome: &Result<T, StoreError>) {
        self.seconds.get_or_create(&[("call", call)]).observe(began.elapsed().as_secs_f64());
        let reason = match outcome {
            Ok(_) => return,
            Err(StoreError::Conflict) => "conflict",
            Err(StoreError::Unavailable { .. }) => "unavailable",
            Err(StoreError::UnknownOutcome { .. }) => "unknown-outcome",
            Err(StoreError::Batch(_)) => "too-large",
            Err(StoreError::Corrupt { .. }) => "corrupt",
        };
        self.failures.get_or_create(&[("call", call), ("reason", reason)]).inc();
    }
}

/// A store with deadlines and numbers.
pub(crate) struct Watched {
    store: Arc<dyn Store>,
    metrics: StoreMetrics,
    read_limit: Duration,
    write_limit: Duration,
}

/// The engine did not answer in time.
#[derive(Debug, thiserror::Error)]
#[error("no answer within {} seconds", .0.as_secs_f32())]
struct TooSlow(Duration);

impl Watched {
    pub(crate) fn new(store: Arc<dyn Store>, settings: &Settings, metrics: StoreMetrics) -> Watched {
        let (read_limit, write_limit) = (settings.store_read_limit, settings.store_write_limit);
        Watched { store, metrics, read_limit, write_limit }
    }

    async fn read<T>(
        &self,
        name: &'static str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let (engine, limit) = (self.store.engine(), self.read_limit);
        let began = Instant::now();
        let outcome = timeout(limit, call)
            .await
            .unwrap_or_else(|_| Err(StoreError::Unavailable { engine, source: TooSlow(limit).into() }));
        self.metrics.note(name, began, &outcome);
        outcome
    }

    async fn write(
        &self,
        name: &'static str,
        call: impl Future<Output = Result<(), StoreError>>,
    ) -> Result<(), StoreError> {
        let (engine, limit) = (self.store.engine(), self.write_limit);
        let began = Instant::now();
        let outcome = timeout(limit, call)
            .await
            .unwrap_or_else(|_| Err(StoreError::UnknownOutcome { engine, source: TooSlow(limit).into() }));
        self.metrics.note(name, began, &outcome);
        outcome
    }
}

#[async_trait::async_trait]
impl Store for Watched {
    fn engine(&self) -> &'static str {
        self.store.engine()
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Doc>>, StoreError> {
        self.read("get", self.store.get_many(keys)).await
    }

    async fn scan(&self, scan: &Scan) -> Result<Vec<Doc>, StoreError> {
        self.read("scan", self.store.scan(scan)).await
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.write("commit", self.store.commit(batch)).await
    }

    async fn count(&self, deltas: &[(Key, i64)]) -> Result<(), StoreError> {
        self.write("count", self.store.count(deltas)).await
    }

    async fn counters(&self, scan: &Scan) -> Result<Vec<(Key, i64)>, StoreError> {
        self.read("counters", self.store.counters(scan)).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.read("check", self.store.check()).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdfast_store::{Memory, Op};

    /// A store that never answers.
    struct Hung;

    #[async_trait::async_trait]
    impl Store for Hung {
        fn engine(&self) -> &'static str {
            "hung"
        }
        async fn get_many(&self, _: &[Key]) -> Result<Vec<Option<Doc>>, StoreError> {
            std::future::pending().await
        }
        async fn scan(&self, _: &Scan) -> Result<Vec<Doc>, StoreError> {
            std::future::pending().await
        }
        async fn commit(&self, _: Batch) -> Result<(), StoreError> {
            std::future::pending().await
        }
        async fn count(&self, _: &[(Key, i64)]) -> Result<(), StoreError> {
            std::future::pending().await
        }
        async fn counters(&self, _: &Scan) -> Result<Vec<(Key, i64)>, StoreError> {
            std::future::pending().await
        }
        async fn check(&self) -> Result<(), StoreError> {
            std::future::pending().await
        }
    }

    fn page(metrics: &StoreMetrics) -> String {
        let mut page = Registry::default();
        metrics.register(&mut page);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &page).expect("memory takes text");
        text
    }

    fn commit_of(key: &Key) -> Batch {
        let mut batch = Batch::new();
        batch.add(key.clone(), Op::Create("1".to_owned())).expect("a small batch");
        batch
    }

    #[tokio::test]
    async fn what_hangs_is_given_up_and_counted() {
        let metrics = StoreMetrics::default();
        let limit = Duration::from_millis(5);
        let settings = Settings { store_read_limit: limit, store_write_limit: limit, ..Settings::default() };
        let store = Watched::new(Arc::new(Hung), &settings, metrics.clone());
        let key = Key::new("p", "s");
        let read = store.get_many(std::slice::from_ref(&key)).await;
        assert!(matches!(read, Err(StoreError::Unavailable { engine: "hung", .. })), "{read:?}");
        let written = store.commit(commit_of(&key)).await;
        assert!(matches!(written, Err(StoreError::UnknownOutcome { .. })), "{written:?}");
        let page = page(&metrics);
        assert!(
            page.contains(r#"holdfast_store_failures_total{call="get",reason="unavailable"} 1"#),
            "{page}"
        );
        assert!(page.contains(r#"{call="commit",reason="unknown-outcome"} 1"#), "{page}");
    }

    #[tokio::test]
    async fn answers_pass_and_conflicts_are_counted() {
        let metrics = StoreMetrics::default();
        let store = Watched::new(Arc::new(Memory::new()), &Settings::default(), metrics.clone());
        let key = Key::new("p", "s");
        assert!(store.commit(commit_of(&key)).await.is_ok());
        assert!(matches!(store.commit(commit_of(&key)).await, Err(StoreError::Conflict)));
        let page = page(&metrics);
        assert!(page.contains(r#"{call="commit",reason="conflict"} 1"#), "{page}");
        assert!(page.contains(r#"holdfast_store_seconds_count{call="commit"} 2"#), "{page}");
    }
}
