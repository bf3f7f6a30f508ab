//! The metadata contract, its memory engine and the typed layer that domain code is written against.
//!
//! - [`contract`](Store): keys, documents, batches, and the trait of an engine.
//! - [`Memory`]: the reference engine, the model that every other engine is compared with.
//! - [`Entity`], [`Tx`], [`Retry`], [`read`], [`scan`]: typed entities with derived indexes and optimistic
//!   transactions, written once over the contract.
//! - [`IndexCheck`]: recomputes the indexes and compares, for `fsck`.
//! - [`View`]: what engines that speak SQL show to people who report.
//! - `conformance` (feature): the suite that every engine runs.
//! - `faults` (feature): a decorator that fails chosen calls.

#[cfg(feature = "conformance")]
pub mod conformance;
mod contract;
#[cfg(feature = "faults")]
pub mod faults;
mod fsck;
mod memory;
mod retry;
mod tx;
mod typed;
mod view;

pub use contract::{Batch, BatchError, Doc, Key, Op, Rev, Scan, Store, StoreError, check_deltas};
pub use fsck::{IndexCheck, Problem, check_indexes};
pub use memory::Memory;
pub use retry::Retry;
pub use tx::{Committed, Tx};
pub use typed::{Entity, Pages, decode, read, read_many, scan, scan_all};
pub use view::{Names, View, ViewColumn, ViewKind, ViewSource, ViewValue};
