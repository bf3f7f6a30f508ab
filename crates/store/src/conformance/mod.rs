//! The suite that every engine runs: what the contract promises, checked from outside.
//!
//! An engine gives a [`Site`] and gets one named test per check:
//!
//! ```ignore
//! holdfast_store::conformance!(MySite::new());
//! ```

#![expect(clippy::unwrap_used, reason = "a check panics when it fails")]

use std::pin::Pin;
use std::sync::Arc;

use crate::contract::{Batch, Doc, Key, Op, Rev, Scan, Store, StoreError};

mod concurrency;
mod counters;
mod differential;
mod documents;
mod scans;
mod typed;

pub use concurrency::{lost_updates, one_creator_wins, two_engines_on_one_place, write_skew};
pub use counters::{counter_batches, counter_scans, counters_add_up};
pub use differential::{indexes_equal_recomputed, random_differential};
pub use documents::{
    atomic_batches, big_bodies, body_shapes, get_many_order, guards, limits, nul_refused, reopened,
    whole_batches,
};
pub use scans::{exclusive_bounds, order_and_pages, unknown_partitions};
pub use typed::{publish_race, typed_indexes};

/// A place where an engine keeps data, empty at first and gone when this value is dropped.
#[async_trait::async_trait]
pub trait Site: Send + Sync {
    /// Opens the engine on this place. A second call opens a second engine on the same data, whether or not
    /// the first is still open; an engine without persistence gives the same store again.
    async fn open(&self) -> Arc<dyn Store>;
}

/// Makes one test of every check; the argument gives a new [`Site`] each time it is evaluated. The crate
/// that says this depends on `tokio` with `macros` and `rt-multi-thread`.
#[macro_export]
macro_rules! conformance {
    ($site:expr) => {
        $crate::with_checks! { $crate::conformance_tests, $site }
    };
}

/// Hands the list of checks to a macro.
#[doc(hidden)]
#[macro_export]
macro_rules! with_checks {
    ($($make:ident)::+, $site:expr) => {
        $($make)::+! { $site;
            guards atomic_batches whole_batches get_many_order body_shapes big_bodies limits nul_refused
            reopened order_and_pages exclusive_bounds unknown_partitions counters_add_up counter_batches
            counter_scans one_creator_wins lost_updates write_skew two_engines_on_one_place typed_indexes
            publish_race random_differential indexes_equal_recomputed
        }
    };
}

/// Runs every check on a [`Site`] of its own, and panics with the names of those that failed: for engines
/// whose server takes longer to start than a check to run.
pub async fn run_all<S: Site + 'static>(mut site: impl FnMut() -> S) {
    let mut failed = Vec::new();
    for (name, check) in checks() {
        let began = std::time::Instant::now();
        let site: Arc<dyn Site> = Arc::new(site());
        let outcome = tokio::spawn(check(site)).await;
        println!("{name}: {:?}", began.elapsed());
        if let Err(panic) = outcome {
            println!("{name} failed: {panic}");
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "failed: {}", failed.join(", "));
}

type Check = fn(Arc<dyn Site>) -> Pin<Box<dyn Future<Output = ()> + Send>>;

fn checks() -> Vec<(&'static str, Check)> {
    macro_rules! list {
        ($site:expr; $($check:ident)*) => {
            vec![$((stringify!($check), |site| Box::pin(async move { $check(&*site).await }))),*]
        };
    }
    crate::with_checks! { list, () }
}

/// What [`conformance!`] expands to.
#[doc(hidden)]
#[macro_export]
macro_rules! conformance_tests {
    ($site:expr; $($check:ident)*) => { $(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $check() {
            let site = $site;
            $crate::conformance::$check(&site).await;
        }
    )* };
}

fn batch(ops: impl IntoIterator<Item = (Key, Op)>) -> Batch {
    let mut batch = Batch::new();
    for (key, op) in ops {
        batch.add(key, op).unwrap();
    }
    batch
}

fn json(number: impl std::fmt::Display) -> String {
    format!("{{\"n\":{number}}}")
}

/// Commits and gives the revision.
async fn commit(store: &dyn Store, ops: impl IntoIterator<Item = (Key, Op)>) -> Rev {
    let batch = batch(ops);
    let rev = batch.rev();
    store.commit(batch).await.unwrap();
    rev
}

/// Whether the commit was a conflict; any other failure is a failure of the check.
async fn conflicts(store: &dyn Store, batch: Batch) -> bool {
    match store.commit(batch).await {
        Ok(()) => false,
        Err(StoreError::Conflict) => true,
        Err(error) => panic!("{error:?}"),
    }
}

async fn read_doc(store: &dyn Store, key: &Key) -> Option<Doc> {
    store.get_many(std::slice::from_ref(key)).await.unwrap().pop().unwrap()
}

async fn sorts(store: &dyn Store, scan: &Scan) -> Vec<String> {
    store.scan(scan).await.unwrap().into_iter().map(|doc| doc.key.sort).collect()
}
