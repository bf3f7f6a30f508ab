//! The format of an export: one stream that any release from this one on reads.
//!
//! ```text
//! {"holdfast":"export","format":1,"id":"…","made_at":"2026-01-31T12:00:00Z","release":"0.1.0","files":true}
//! {"part":"server","sort":"server","body":{"v":1,…}}
//! {"file":"ba78…","size":1234}
//! …1234 bytes…
//! {"part":"version/main/foo","sort":"1.0.0","body":{"v":1,…}}
//! {"part":"downloads/main/foo","sort":"total","count":7}
//! {"check":"90ab…"}
//! {"end":{"documents":2,"counters":1,"files":1,"file_bytes":1234},"check":"17fe…"}
//! ```
//!
//! Everything but the bytes of files is lines of JSON. A file comes before the version that needs it, and once.
//! Each check is the SHA-256 of all bytes before its line, so that a reader can use what came since the last
//! one before it has the rest. Index entries are not in it: they follow from the documents. The whole may be
//! compressed with gzip.

mod pipe;
mod reader;
mod writer;

use holdfast_store::Key;
use holdfast_types::{Sha256, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) use pipe::{BlobInlet, FileInlet, FileOutlet};
pub(crate) use reader::{Inlet, Line, Reader};
pub(crate) use writer::{GzipOutlet, Outlet, Writer};

/// The newest format that this release reads, and the one that it writes.
pub(crate) const FORMAT: u32 = 1;

/// After so many bytes of lines comes a check; what a reader holds back until then is not much more.
pub(crate) const SECTION_BYTES: usize = 1024 * 1024;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Header {
    /// Always `export`.
    pub(crate) holdfast: String,
    pub(crate) format: u32,
    /// Made at random: no other export has it.
    pub(crate) id: String,
    /// When it was begun.
    pub(crate) made_at: Timestamp,
    /// By which release.
    pub(crate) release: String,
    /// Whether the bytes of files are in it.
    pub(crate) files: bool,
}

/// What an export holds, or what of it has been moved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Documents.
    pub documents: u64,
    /// Counters.
    pub counters: u64,
    /// Files.
    pub files: u64,
    /// Their bytes.
    pub file_bytes: u64,
}

/// What has been moved so far, for whoever watches; any thread may look at it at any time.
#[derive(Debug, Default)]
pub struct Progress {
    documents: AtomicU64,
    files: AtomicU64,
    bytes: AtomicU64,
}

impl Progress {
    /// Documents.
    pub fn documents(&self) -> u64 {
        self.documents.load(Ordering::Relaxed)
    }

    /// Files.
    pub fn files(&self) -> u64 {
        self.files.load(Ordering::Relaxed)
    }

    /// Bytes of the stream, as it is stored.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn add_documents(&self, count: u64) {
        self.documents.fetch_add(count, Ordering::Relaxed);
    }

    pub(crate) fn add_file(&self) {
        self.files.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn add_bytes(&self, count: usize) {
        self.bytes.fetch_add(count as u64, Ordering::Relaxed);
    }
}

/// Every line but the first. Which fields are there says what it is.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Record<'a> {
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    part: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    sort: Option<Cow<'a, str>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    body: Option<&'a RawValue>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    count: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    file: Option<Sha256>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    end: Option<Totals>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    check: Option<Sha256>,
}

impl<'a> Record<'a> {
    fn at(key: &'a Key) -> Record<'a> {
        let (part, sort) = (Cow::Borrowed(&*key.part), Cow::Borrowed(&*key.sort));
        Record { part: Some(part), sort: Some(sort), ..Record::default() }
    }
}

#[cfg(test)]
mod tests;
