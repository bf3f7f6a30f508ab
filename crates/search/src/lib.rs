//! The full-text index of crates: derived from the store, rebuildable from it, and therefore expendable.
//!
//! It knows nothing of stores, users or HTTP. The caller feeds it [`Change`]s with a cursor that says how far
//! it has read, and asks with a [`Query`] that carries the access labels of the one who asks. All calls block;
//! asynchronous callers use a blocking thread.
//!
//! How a query is answered: per segment one dense array of scores, filled term by term from the posting lists.
//! At the size of a registry (some hundred thousand crates) this costs a few milliseconds whatever the words
//! are, gives the exact total for nothing, and lets the ranking follow the fields in a fixed order.

mod document;
mod error;
mod folder;
mod index;
mod mask;
mod matching;
mod query;
mod ranking;
mod schema;
mod searchers;
mod terms;
mod tokens;
mod turn;
mod writing;

pub use document::{Change, Document};
pub use error::SearchError;
pub use index::SearchIndex;
pub use query::{Hit, Hits, Query, Sort};
