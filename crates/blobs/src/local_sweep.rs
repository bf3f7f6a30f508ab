//! The sweeper's and `fsck`'s half of a local folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::path::Path;
use std::time::SystemTime;

use holdfast_types::Sha256;

use crate::backend::Area;
use crate::error::{BlobError, at};
use crate::local::{LocalFiles, create_folder, now, parent, sync_folder};
use crate::staging::TEMPORARY_PREFIX;
use crate::sweep::{Fate, Page, Stored, Verdict};

/// How much is read at a time to hash it.
const HASH_BYTES: usize = 256 * 1024;

impl LocalFiles {
    /// The blobs after `after`, shard by shard.
    pub(crate) fn list(&self, area: Area, after: Option<Sha256>, limit: usize) -> Result<Page, BlobError> {
        let list = || -> io::Result<Page> {
            let mut blobs = Vec::new();
            for shard in after.map_or(0, |sha256| sha256.as_bytes()[0])..=u8::MAX {
                if blobs.len() >= limit {
                    break;
                }
                let folder = self.area(area).join(format!("{shard:02x}"));
                let names = names_after(&folder, after.as_ref(), area)?;
                let stored = names.iter().filter_map(|sha256| stat(&folder, sha256).transpose());
                let room = limit - blobs.len();
                for blob in stored.take(room) {
                    blobs.push(blob?);
                }
            }
            Ok(Page::cut(blobs, limit))
        };
        list().map_err(|error| BlobError::io("list blobs", error))
    }

    /// See [`crate::Blobs::condemn`].
    pub(crate) fn condemn(&self, sha256: &Sha256, unless_since: SystemTime) -> Result<Fate, BlobError> {
        let (live, trash) = (self.path(Area::Live, sha256), self.path(Area::Trash, sha256));
        let condemn = || -> io::Result<Fate> {
            match modified(&live)? {
                None => return Ok(Fate::Absent),
                Some(modified) if modified >= unless_since => return Ok(Fate::Spared),
                Some(_) => {}
            }
            if !parent(&trash).is_dir() {
                create_folder(parent(&trash))?;
                sync_folder(&self.area(Area::Trash))?;
            }
            if !move_file(&live, &trash)? {
                return Ok(Fate::Absent);
            }
            // A publish may have kept the blob between the look at its time and the move; see `renew`.
            if modified(&trash)?.is_some_and(|modified| modified >= unless_since) {
                move_file(&trash, &live)?;
                sync_folder(parent(&live))?;
                return Ok(Fate::Spared);
            }
            touch(&trash)?;
            sync_folder(parent(&trash))?;
            sync_folder(parent(&live))?;
            Ok(Fate::Condemned)
        };
        condemn().map_err(|error| BlobError::io("condemn a blob", error))
    }

    /// Moves a condemned blob back; false when it isn't in the trash.
    pub(crate) fn restore(&self, sha256: &Sha256) -> Result<bool, BlobError> {
        let (live, trash) = (self.path(Area::Live, sha256), self.path(Area::Trash, sha256));
        let restore = || -> io::Result<bool> {
            if modified(&trash)?.is_none() {
                return Ok(false);
            }
            touch(&trash)?;
            if !move_file(&trash, &live)? {
                return Ok(false);
            }
            sync_folder(parent(&live))?;
            sync_folder(parent(&trash))?;
            Ok(true)
        };
        restore().map_err(|error| BlobError::io("restore a blob", error))
    }

    /// Deletes a condemned blob; false when it isn't in the trash.
    pub(crate) fn purge(&self, sha256: &Sha256) -> Result<bool, BlobError> {
        let trash = self.path(Area::Trash, sha256);
        absent_as_none(fs::remove_file(&trash), &trash)
            .map(|removed| removed.is_some())
            .map_err(|error| BlobError::io("purge a blob", error))
    }

    /// Hashes the blob again.
    pub(crate) fn verify(&self, sha256: &Sha256) -> Result<Verdict, BlobError> {
        let hash = || -> io::Result<Option<(Sha256, u64)>> {
            let Some((file, path)) = self.find(sha256)? else { return Ok(None) };
            hash_file(file).map(Some).map_err(at(&path))
        };
        match hash().map_err(|error| BlobError::io("read a blob to verify it", error))? {
            Some((actual, size_bytes)) => Ok(Verdict::of(sha256, actual, size_bytes)),
            None => Err(BlobError::NotFound(*sha256)),
        }
    }

    /// Removes temporary files that were last written before the given time.
    pub(crate) fn tidy_staging(&self, before: SystemTime) -> Result<usize, BlobError> {
        let staging = self.staging();
        let tidy = || -> io::Result<usize> {
            let mut removed = 0;
            for entry in fs::read_dir(&staging).map_err(at(&staging))? {
                let entry = entry.map_err(at(&staging))?;
                if !entry.file_name().to_string_lossy().starts_with(TEMPORARY_PREFIX) {
                    continue;
                }
                let path = entry.path();
                if modified(&path)?.is_some_and(|modified| modified < before) {
                    let gone = absent_as_none(fs::remove_file(&path), &path)?;
                    removed += usize::from(gone.is_some());
                }
            }
            Ok(removed)
        };
        tidy().map_err(|error| BlobError::io("tidy the staging folder", error))
    }
}

/// The blobs of a shard in order. Other files are not blobs; a missing shard of the trash is an empty one.
fn names_after(folder: &Path, after: Option<&Sha256>, area: Area) -> io::Result<Vec<Sha256>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound && area == Area::Trash => return Ok(Vec::new()),
        entries => entries.map_err(at(folder))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let name = entry.map_err(at(folder))?.file_name();
        let sha256 = name.to_str().and_then(|name| name.parse::<Sha256>().ok());
        names.extend(sha256.filter(|sha256| Some(sha256) > after));
    }
    names.sort_unstable();
    Ok(names)
}

/// A listed blob; nothing when it went meanwhile.
fn stat(folder: &Path, sha256: &Sha256) -> io::Result<Option<Stored>> {
    let path = folder.join(sha256.to_string());
    let Some(metadata) = absent_as_none(fs::metadata(&path), &path)? else { return Ok(None) };
    Ok(Some(Stored { sha256: *sha256, size_bytes: metadata.len(), modified: metadata.modified()? }))
}

fn modified(path: &Path) -> io::Result<Option<SystemTime>> {
    absent_as_none(fs::metadata(path).and_then(|metadata| metadata.modified()), path)
}

fn touch(path: &Path) -> io::Result<()> {
    let touched = OpenOptions::new().write(true).open(path).and_then(|file| file.set_modified(now()));
    absent_as_none(touched, path).map(|_| ())
}

/// Renames; false when there is nothing to rename.
fn move_file(from: &Path, to: &Path) -> io::Result<bool> {
    absent_as_none(fs::rename(from, to), from).map(|moved| moved.is_some())
}

fn absent_as_none<T>(result: io::Result<T>, path: &Path) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(at(path)(error)),
    }
}

fn hash_file(mut file: File) -> io::Result<(Sha256, u64)> {
    let mut buffer = vec![0; HASH_BYTES];
    let mut hasher = Sha256::hasher();
    let mut size_bytes = 0;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok((hasher.finish(), size_bytes)),
            Ok(length) => {
                hasher.update(&buffer[..length]);
                size_bytes += length as u64;
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
