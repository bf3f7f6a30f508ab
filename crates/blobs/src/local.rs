//! Blobs in a local folder: `ab/<sha256>` live, `trash/ab/<sha256>` condemned, `staging/` on their way.
//!
//! Durability: the file is synced before it is renamed into place and the shard folder after. The 256 shard
//! folders are made and synced when the storage is opened, so that keeping a blob never has to.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use holdfast_types::Sha256;
use tempfile::NamedTempFile;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::backend::{Area, Whole};
use crate::content::{Blob, BlobFile, Source};
use crate::error::{BlobError, OpenError, at};
use crate::staging::{Staged, StagedContent, create_temporary};

/// How many readiness probes may hang at a time when the disk doesn't answer.
const PROBES: usize = 4;

/// What a probe writes and wants back.
const PROBE: &[u8] = b"holdfast storage probe\n";

/// The operations of a local folder. All of them block.
pub(crate) struct LocalFiles {
    root: PathBuf,
    probes: Arc<Semaphore>,
}

impl LocalFiles {
    /// Makes what is missing of the folder and proves that it works.
    pub(crate) fn open(root: PathBuf) -> Result<LocalFiles, OpenError> {
        let files = LocalFiles { root, probes: Arc::new(Semaphore::new(PROBES)) };
        let path = files.root.clone();
        let unusable = |attempt| move |source| OpenError::Unusable { attempt, path, source };
        files.create_folders().map_err(unusable.clone()("make or open"))?;
        files.probe(Durability::Synced).map_err(unusable("write, sync, read and delete a file in"))?;
        Ok(files)
    }

    pub(crate) fn staging(&self) -> PathBuf {
        self.root.join("staging")
    }

    pub(crate) fn area(&self, area: Area) -> PathBuf {
        match area {
            Area::Live => self.root.clone(),
            Area::Trash => self.root.join("trash"),
        }
    }

    pub(crate) fn path(&self, area: Area, sha256: &Sha256) -> PathBuf {
        let name = sha256.to_string();
        let mut path = self.area(area);
        path.push(&name[..2]);
        path.push(name);
        path
    }

    fn create_folders(&self) -> io::Result<()> {
        create_folder_durably(&self.root)?;
        let mut present = HashSet::new();
        for entry in fs::read_dir(&self.root).map_err(at(&self.root))? {
            present.insert(entry?.file_name());
        }
        let shards = (0..=u8::MAX).map(|shard| format!("{shard:02x}"));
        let missing: Vec<String> = shards
            .chain(["staging".to_owned(), "trash".to_owned()])
            .filter(|name| !present.contains(OsStr::new(name)))
            .collect();
        for name in &missing {
            create_folder(&self.root.join(name))?;
        }
        if missing.is_empty() { Ok(()) } else { sync_folder(&self.root) }
    }

    /// Stores the blob durably; see [`crate::Blobs::keep`].
    pub(crate) fn keep(&self, staged: Staged) -> Result<(), BlobError> {
        self.try_keep(staged).map_err(|error| BlobError::io("keep a blob", error))
    }

    fn try_keep(&self, staged: Staged) -> io::Result<()> {
        let path = self.path(Area::Live, &staged.sha256());
        if renew(&path, staged.size_bytes())? {
            return sync_folder(parent(&path));
        }
        let file = match staged.content {
            StagedContent::File(file) => file,
            StagedContent::Memory(bytes) => self.write_temporary(&bytes)?,
        };
        file.as_file().sync_all().map_err(at(file.path()))?;
        file.persist(&path).map_err(|failed| at(&path)(failed.error))?;
        sync_folder(parent(&path))
    }

    fn write_temporary(&self, bytes: &[u8]) -> io::Result<NamedTempFile> {
        let mut file = create_temporary(&self.staging())?;
        file.as_file_mut().write_all(bytes).map_err(at(file.path()))?;
        Ok(file)
    }

    /// Opens the blob, and reads it when it is small.
    pub(crate) fn open_blob(&self, sha256: &Sha256, whole: &Whole) -> Result<Blob, BlobError> {
        let failed = |error| BlobError::io("open a blob", error);
        let (mut file, path, size_bytes) = self.open_regular(sha256)?;
        let room = if size_bytes <= whole.limit_bytes { whole.budget.reserve(size_bytes) } else { None };
        let Some(room) = room else {
            return Ok(Blob::streamed(*sha256, size_bytes, Source::File(file)));
        };
        let mut bytes = Vec::with_capacity(usize::try_from(size_bytes).unwrap_or(0));
        (&mut file).take(size_bytes).read_to_end(&mut bytes).map_err(at(&path)).map_err(failed)?;
        match size_bytes - bytes.len() as u64 {
            0 => Ok(Blob::whole(room.attach(Bytes::from(bytes)))),
            missing_bytes => Err(BlobError::Truncated { sha256: *sha256, missing_bytes }),
        }
    }

    /// Opens the blob to be sent by the system, and reads it once, so that sending needs no disk.
    pub(crate) fn open_file(&self, sha256: &Sha256) -> Result<BlobFile, BlobError> {
        let (mut file, path, size_bytes) = self.open_regular(sha256)?;
        let failed = |error| BlobError::io("read a blob", error);
        let read_bytes = io::copy(&mut file, &mut io::sink()).map_err(at(&path)).map_err(failed)?;
        if read_bytes < size_bytes {
            return Err(BlobError::Truncated { sha256: *sha256, missing_bytes: size_bytes - read_bytes });
        }
        Ok(BlobFile { file: Arc::new(file), size_bytes })
    }

    fn open_regular(&self, sha256: &Sha256) -> Result<(File, PathBuf, u64), BlobError> {
        let failed = |error| BlobError::io("open a blob", error);
        let Some((file, path)) = self.find(sha256).map_err(failed)? else {
            return Err(BlobError::NotFound(*sha256));
        };
        let metadata = file.metadata().map_err(at(&path)).map_err(failed)?;
        if !metadata.is_file() {
            return Err(failed(at(&path)(io::Error::other("not a regular file"))));
        }
        Ok((file, path, metadata.len()))
    }

    /// The size of the blob if there is one, live or condemned.
    pub(crate) fn size(&self, sha256: &Sha256) -> Result<Option<u64>, BlobError> {
        let size = self.look(sha256, |path| fs::metadata(path)).map(|found| found.map(|(it, _)| it.len()));
        size.map_err(|error| BlobError::io("look for a blob", error))
    }

    /// Opens the file of the blob.
    pub(crate) fn find(&self, sha256: &Sha256) -> io::Result<Option<(File, PathBuf)>> {
        self.look(sha256, |path| File::open(path))
    }

    /// Tries the live name, then the trash, then the live name again: the blob may be condemned and restored
    /// meanwhile. Not twice, because restoring renews its time and the sweeper spares what is new.
    fn look<T>(
        &self,
        sha256: &Sha256,
        attempt: impl Fn(&Path) -> io::Result<T>,
    ) -> io::Result<Option<(T, PathBuf)>> {
        for area in [Area::Live, Area::Trash, Area::Live] {
            let path = self.path(area, sha256);
            match attempt(&path) {
                Ok(found) => return Ok(Some((found, path))),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(at(&path)(error)),
            }
        }
        // Every shard folder was made at the start: without it, this is a lost disk and not a missing blob.
        let live = self.path(Area::Live, sha256);
        let shard = parent(&live);
        fs::metadata(shard).map(|_| None).map_err(at(shard))
    }

    /// The right to probe. When the disk hangs, so do only a few threads.
    pub(crate) async fn probe_permit(&self) -> OwnedSemaphorePermit {
        let probes = Arc::clone(&self.probes);
        probes.acquire_owned().await.expect("this semaphore is never closed")
    }

    pub(crate) fn check(&self) -> Result<(), BlobError> {
        self.probe(Durability::Written).map_err(|error| BlobError::io("write and read a probe", error))
    }

    /// Writes, reads and deletes a file.
    fn probe(&self, durability: Durability) -> io::Result<()> {
        let staging = self.staging();
        let file = self.write_temporary(PROBE)?;
        if durability == Durability::Synced {
            file.as_file().sync_all().map_err(at(file.path()))?;
            sync_folder(&staging)?;
        }
        if fs::read(file.path()).map_err(at(file.path()))? != PROBE {
            return Err(at(file.path())(io::Error::new(ErrorKind::InvalidData, "other bytes came back")));
        }
        file.close().map_err(at(&staging))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Durability {
    Synced,
    Written,
}

/// Marks an existing blob as kept just now, so that the sweeper leaves it alone. False when it isn't there,
/// has another size (a damaged file, which is then replaced), or was condemned meanwhile.
fn renew(path: &Path, size_bytes: u64) -> io::Result<bool> {
    let file = match OpenOptions::new().write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(at(path)(error)),
    };
    renew_opened(&file, path, size_bytes)
}

fn renew_opened(file: &File, path: &Path, size_bytes: u64) -> io::Result<bool> {
    let found_bytes = file.metadata().map_err(at(path))?.len();
    if found_bytes != size_bytes {
        tracing::warn!(path = %path.display(), size_bytes, found_bytes, "replacing a damaged blob");
        return Ok(false);
    }
    file.set_modified(now()).and_then(|()| file.sync_all()).map_err(at(path))?;
    // `condemn` renames, then looks at the time; here the time is set before the name is looked at. So one
    // of the two notices the other.
    fs::exists(path).map_err(at(path))
}

pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().expect("the path of a blob has a folder")
}

/// The time of files.
#[expect(
    clippy::disallowed_methods,
    reason = "files that are written get the machine's time, so touched ones do too"
)]
pub(crate) fn now() -> SystemTime {
    SystemTime::now()
}

/// Makes a folder unless it exists.
pub(crate) fn create_folder(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(at(path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Makes a folder and those above it, and makes their names durable.
fn create_folder_durably(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let above = match path.parent() {
        Some(above) if above.as_os_str().is_empty() => Path::new("."),
        Some(above) => above,
        None => return create_folder(path),
    };
    create_folder_durably(above)?;
    create_folder(path)?;
    sync_folder(above)
}

/// Makes the names in a folder durable.
#[cfg(unix)]
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path).and_then(|folder| folder.sync_all()).map_err(at(path))
}

/// Folders cannot be synced here.
#[cfg(not(unix))]
#[expect(clippy::unnecessary_wraps, reason = "same shape as on Unix")]
pub(crate) fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn a_blob_that_is_restored_between_two_looks_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let files = LocalFiles::open(folder.path().to_owned()).unwrap();
        let looks = Cell::new(0);
        let found = files.look(&Sha256::of(b""), |_| {
            looks.set(looks.get() + 1);
            if looks.get() < 3 { Err(ErrorKind::NotFound.into()) } else { Ok(()) }
        });
        let live = files.path(Area::Live, &Sha256::of(b""));
        assert_eq!(found.unwrap(), Some(((), live)));
    }

    #[test]
    fn a_blob_that_is_condemned_while_it_is_renewed_is_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("blob");
        fs::write(&path, b"content").unwrap();
        let file = File::options().write(true).open(&path).unwrap();
        assert!(renew_opened(&file, &path, 7).unwrap());
        fs::rename(&path, folder.path().join("condemned")).unwrap();
        assert!(!renew_opened(&file, &path, 7).unwrap());
    }
}
