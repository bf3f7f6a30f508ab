//! An upload on its way: hashed while it arrives, in memory while it is small, in a temporary file after.

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use holdfast_types::{Sha256, Sha256Hasher};
use tempfile::NamedTempFile;

use crate::backend::blocking;
use crate::error::{BlobError, at};
use crate::faults::{Call, Faults};

/// Uploads up to this size never touch a file before they are kept.
pub const MEMORY_LIMIT_BYTES: usize = 256 * 1024;

/// More than this is hashed on a blocking thread.
const INLINE_HASH_BYTES: usize = 64 * 1024;

/// How the names of temporary files begin.
pub(crate) const TEMPORARY_PREFIX: &str = "upload-";

/// Where the bytes of larger uploads wait.
#[derive(Clone, Debug)]
pub(crate) enum Spool {
    /// In a temporary file in this folder.
    Folder(PathBuf),
    /// In memory, like the smaller ones.
    Memory,
}

/// An upload that takes bytes. Dropping it removes whatever it made.
#[derive(Debug)]
pub struct Staging {
    spool: Spool,
    limit_bytes: u64,
    size_bytes: u64,
    faults: Arc<Faults>,
    /// Absent while a blocking thread has it, hence for ever when a write was cancelled.
    progress: Option<Progress>,
}

#[derive(Debug)]
struct Progress {
    hasher: Sha256Hasher,
    /// Bytes that are neither hashed nor in the file.
    pending: Vec<u8>,
    file: Option<NamedTempFile>,
}

impl Staging {
    pub(crate) fn new(spool: Spool, limit_bytes: u64, faults: Arc<Faults>) -> Staging {
        let progress = Progress { hasher: Sha256::hasher(), pending: Vec::new(), file: None };
        Staging { spool, limit_bytes, size_bytes: 0, faults, progress: Some(progress) }
    }

    /// How many bytes have arrived.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Takes the next bytes. After an error, or when this future was dropped half-way, only dropping is left.
    pub async fn write(&mut self, chunk: Bytes) -> Result<(), BlobError> {
        self.faults.pass(Call::Write)?;
        let size_bytes = self.size_bytes.saturating_add(chunk.len() as u64);
        if size_bytes > self.limit_bytes {
            self.progress = None;
            return Err(BlobError::TooLarge { limit_bytes: self.limit_bytes });
        }
        self.size_bytes = size_bytes;
        let mut progress = self.take()?;
        progress.pending.extend_from_slice(&chunk);
        self.progress = Some(match &self.spool {
            Spool::Folder(folder) if progress.pending.len() > MEMORY_LIMIT_BYTES => {
                let folder = folder.clone();
                blocking(move || progress.spill(&folder)).await?
            }
            Spool::Folder(_) | Spool::Memory => progress,
        });
        Ok(())
    }

    /// Ends the upload and names it.
    pub async fn finish(mut self) -> Result<Staged, BlobError> {
        let progress = self.take()?;
        if progress.file.is_none() && progress.pending.len() <= INLINE_HASH_BYTES {
            return Ok(progress.into_staged(self.size_bytes));
        }
        let (spool, size_bytes) = (self.spool.clone(), self.size_bytes);
        blocking(move || {
            let progress = match &spool {
                Spool::Folder(folder) if progress.file.is_some() => progress.spill(folder)?,
                Spool::Folder(_) | Spool::Memory => progress,
            };
            Ok(progress.into_staged(size_bytes))
        })
        .await
    }

    fn take(&mut self) -> Result<Progress, BlobError> {
        let lost =
            || BlobError::unavailable("go on with an upload", "an earlier part of it was refused or cut off");
        self.progress.take().ok_or_else(lost)
    }
}

impl Progress {
    /// Moves the pending bytes into the file.
    fn spill(mut self, folder: &Path) -> Result<Progress, BlobError> {
        let mut spill = || -> io::Result<NamedTempFile> {
            let mut file = match self.file.take() {
                Some(file) => file,
                None => create_temporary(folder)?,
            };
            file.as_file_mut().write_all(&self.pending).map_err(at(file.path()))?;
            Ok(file)
        };
        let file = spill().map_err(|error| BlobError::io("write an upload", error))?;
        self.hasher.update(&self.pending);
        self.pending.clear();
        Ok(Progress { file: Some(file), ..self })
    }

    fn into_staged(mut self, size_bytes: u64) -> Staged {
        self.hasher.update(&self.pending);
        let content = match self.file {
            Some(file) => StagedContent::File(file),
            None => StagedContent::Memory(Bytes::from(self.pending)),
        };
        Staged { sha256: self.hasher.finish(), size_bytes, content }
    }
}

/// Makes a temporary file that is removed when dropped.
pub(crate) fn create_temporary(folder: &Path) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(TEMPORARY_PREFIX).tempfile_in(folder).map_err(at(folder))
}

/// A complete upload with a name, not yet kept. Dropping it removes it.
#[derive(Debug)]
pub struct Staged {
    sha256: Sha256,
    size_bytes: u64,
    pub(crate) content: StagedContent,
}

#[derive(Debug)]
pub(crate) enum StagedContent {
    Memory(Bytes),
    File(NamedTempFile),
}

impl Staged {
    /// Names bytes that are in memory already.
    pub(crate) async fn of(bytes: Bytes) -> Result<Staged, BlobError> {
        let sha256 = if bytes.len() <= INLINE_HASH_BYTES {
            Sha256::of(&bytes)
        } else {
            let bytes = bytes.clone();
            blocking(move || Ok(Sha256::of(&bytes))).await?
        };
        Ok(Staged { sha256, size_bytes: bytes.len() as u64, content: StagedContent::Memory(bytes) })
    }

    /// The name under which the bytes will be kept.
    pub fn sha256(&self) -> Sha256 {
        self.sha256
    }

    /// How many bytes there are.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// The bytes, when they are in memory.
    pub fn bytes(&self) -> Option<&Bytes> {
        match &self.content {
            StagedContent::Memory(bytes) => Some(bytes),
            StagedContent::File(_) => None,
        }
    }

    /// A reader of the bytes from their begin, for a blocking thread. Each call gives an independent one.
    pub fn reader(&self) -> io::Result<StagedReader> {
        Ok(StagedReader(match &self.content {
            StagedContent::Memory(bytes) => Source::Memory(Cursor::new(bytes.clone())),
            StagedContent::File(file) => Source::File(file.reopen().map_err(at(file.path()))?),
        }))
    }
}

/// Reads a [`Staged`] upload; unbuffered.
#[derive(Debug)]
pub struct StagedReader(Source);

#[derive(Debug)]
enum Source {
    Memory(Cursor<Bytes>),
    File(std::fs::File),
}

impl Read for StagedReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Source::Memory(cursor) => cursor.read(buffer),
            Source::File(file) => file.read(buffer),
        }
    }
}

impl Seek for StagedReader {
    fn seek(&mut self, position: SeekFrom) -> io::Result<u64> {
        match &mut self.0 {
            Source::Memory(cursor) => cursor.seek(position),
            Source::File(file) => file.seek(position),
        }
    }
}
