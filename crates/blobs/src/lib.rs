//! Content-addressed files over an object store.
//!
//! A blob's name is the SHA-256 of its bytes, so writing is idempotent and a blob never changes. A blob is
//! durable when [`Blobs::keep`] returns, hence before anything can refer to it.
//!
//! ```text
//! upload ── stage() ─ write()… ─ finish() ──▶ Staged ── keep() ──▶ ab/<sha256>
//!                                                                     │ condemn()   ▲ restore()
//! download ◀─ Blob ◀─ memory ◀─ get() ◀───────────────────────────────┤             │
//!                                     ◀── (still readable) ────── trash/ab/<sha256> ─ purge() ─▶ gone
//! ```
//!
//! Local folders have a path of their own ([`std::fs`], one hop to a blocking thread an operation, one sync
//! of the file and one of its folder a blob); everything else goes through [`object_store::ObjectStore`].

#![cfg_attr(test, expect(clippy::unwrap_used, reason = "tests may panic"))]

mod address;
mod aws;
mod backend;
mod blobs;
mod cache;
mod clouds;
mod content;
mod error;
mod faults;
mod local;
mod local_sweep;
mod objects;
mod open;
mod staging;
mod sweep;
mod upload;

pub use blobs::Blobs;
pub use content::{Blob, BlobFile, Chunks, Content};
pub use error::{BlobError, OpenError};
pub use faults::Call;
#[cfg(feature = "faults")]
pub use faults::{Hook, fail_nth};
pub use open::{Options, SCHEMES};
pub use staging::{MEMORY_LIMIT_BYTES, Staged, StagedReader, Staging};
pub use sweep::{Fate, Page, Stored, Verdict};
pub use url::Url;
