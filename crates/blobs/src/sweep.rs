//! The values that the sweeper and `fsck` work with.

use std::time::SystemTime;

use holdfast_types::Sha256;

/// A blob as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Its name.
    pub sha256: Sha256,
    /// Its size.
    pub size_bytes: u64,
    /// When it was last kept (live blobs) or condemned (condemned ones), by the clock of the storage.
    pub modified: SystemTime,
}

/// Some blobs in the order of their names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The blobs.
    pub blobs: Vec<Stored>,
    /// What to pass as `after` for the next page; none when this is the last one.
    pub next: Option<Sha256>,
}

impl Page {
    /// A page that was cut at `limit`.
    pub(crate) fn cut(blobs: Vec<Stored>, limit: usize) -> Page {
        let next = if blobs.len() < limit { None } else { blobs.last().map(|last| last.sha256) };
        Page { blobs, next }
    }
}

/// What [`crate::Blobs::condemn`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The blob is in the trash now: still readable, until it is purged.
    Condemned,
    /// It was kept again after the given time, so it stays.
    Spared,
    /// There is no such live blob.
    Absent,
}

/// What [`crate::Blobs::verify`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The bytes have the hash that their name says.
    Intact {
        /// How many they are.
        size_bytes: u64,
    },
    /// They don't.
    Corrupt {
        /// The hash that they have.
        actual: Sha256,
        /// How many they are.
        size_bytes: u64,
    },
}

impl Verdict {
    /// Compares what a name says with what the bytes are.
    pub(crate) fn of(expected: &Sha256, actual: Sha256, size_bytes: u64) -> Verdict {
        if *expected == actual {
            Verdict::Intact { size_bytes }
        } else {
            Verdict::Corrupt { actual, size_bytes }
        }
    }
}
