//! Copying files from one storage to another, several at a time, and never one with other bytes than its name
//! says.

use crate::archive::Progress;
use crate::error::{Error, Kind, Result};
use crate::kinds::NeededFile;
use futures_util::TryStreamExt as _;
use holdfast_blobs::{BlobError, Blobs, Content, Staged, Verdict};
use holdfast_types::Sha256;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, SystemTime};
use tokio::task::JoinSet;

/// How many files are under way at a time.
pub(crate) const FILES_AT_A_TIME: usize = 16;

/// Later than any file was kept.
pub(crate) fn end_of_time() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_hours(24 * 365 * 1000)
}

/// Digests, shortened: there may be millions of files, and nobody can make two whose digests begin alike.
type Short = [u8; 16];

fn short(sha256: &Sha256) -> Short {
    let bytes = sha256.as_bytes();
    std::array::from_fn(|at| bytes[at])
}

/// Files that came before.
#[derive(Default)]
pub(crate) struct Seen(HashSet<Short>);

impl Seen {
    /// Notes a file; false when it is known.
    pub(crate) fn insert(&mut self, sha256: &Sha256) -> bool {
        self.0.insert(short(sha256))
    }

    pub(crate) fn contains(&self, sha256: &Sha256) -> bool {
        self.0.contains(&short(sha256))
    }
}

/// What a copy may find at its destination.
pub(crate) enum Present {
    /// These files with these sizes, as they were listed; they are what they should be.
    Listed(HashMap<Short, u64>),
    /// Anything, which is read before it is believed.
    Suspect,
}

impl Present {
    /// Lists a storage.
    pub(crate) async fn list(blobs: &Blobs) -> Result<Present> {
        let (mut listed, mut after) = (HashMap::new(), None);
        loop {
            let page = blobs.list(after, 1000).await?;
            listed.extend(page.blobs.iter().map(|blob| (short(&blob.sha256), blob.size_bytes)));
            after = page.next;
            if after.is_none() {
                return Ok(Present::Listed(listed));
            }
        }
    }
}

/// Copies files.
pub(crate) struct Copier<'p> {
    from: Blobs,
    to: Blobs,
    present: Present,
    under_way: JoinSet<Result<Option<u64>>>,
    progress: &'p Progress,
    /// What was copied, and what was there.
    pub(crate) copied: Copied,
}

/// How much a copier did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Copied {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) skipped: u64,
}

impl<'p> Copier<'p> {
    pub(crate) fn new(from: &Blobs, to: &Blobs, present: Present, progress: &'p Progress) -> Copier<'p> {
        let (from, to, copied) = (from.clone(), to.clone(), Copied::default());
        Copier { from, to, present, under_way: JoinSet::new(), progress, copied }
    }

    /// Begins to copy a file, when there is room.
    pub(crate) async fn copy(&mut self, file: NeededFile) -> Result<()> {
        if let Present::Listed(listed) = &self.present
            && listed.get(&short(&file.sha256)) == Some(&file.size_bytes)
        {
            self.copied.skipped += 1;
            return Ok(());
        }
        while self.under_way.len() >= FILES_AT_A_TIME {
            self.one_more().await?;
        }
        let (from, to) = (self.from.clone(), self.to.clone());
        let is_suspect = matches!(self.present, Present::Suspect);
        self.under_way.spawn(async move {
            if is_suspect && is_intact(&to, &file).await? {
                return Ok(None);
            }
            copy(&from, &to, &file).await.map(|()| Some(file.size_bytes))
        });
        Ok(())
    }

    /// Waits until all files are durable.
    pub(crate) async fn settle(&mut self) -> Result<()> {
        while !self.under_way.is_empty() {
            self.one_more().await?;
        }
        Ok(())
    }

    async fn one_more(&mut self) -> Result<()> {
        let Some(done) = self.under_way.join_next().await else { return Ok(()) };
        match done.map_err(|lost| Error::with_source(Kind::Internal, "a task ended", lost))?? {
            Some(bytes) => {
                self.copied.files += 1;
                self.copied.bytes += bytes;
                self.progress.add_file();
            }
            None => self.copied.skipped += 1,
        }
        Ok(())
    }
}

async fn is_intact(blobs: &Blobs, file: &NeededFile) -> Result<bool> {
    if blobs.size(&file.sha256).await? != Some(file.size_bytes) {
        return Ok(false);
    }
    match blobs.verify(&file.sha256).await {
        Ok(Verdict::Intact { .. }) => {
            // Should it be condemned, it comes back before anything refers to it.
            blobs.restore(&file.sha256).await?;
            Ok(true)
        }
        Ok(Verdict::Corrupt { .. }) => {
            // One of the right size would be taken for the right one when it is kept again.
            blobs.condemn(&file.sha256, end_of_time()).await?;
            blobs.purge(&file.sha256).await?;
            Ok(false)
        }
        Err(BlobError::NotFound(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

async fn copy(from: &Blobs, to: &Blobs, file: &NeededFile) -> Result<()> {
    let blob = from.get(&file.sha256).await.map_err(|error| unreadable(error, file))?;
    let mut staging = to.stage(u64::MAX);
    match blob.into_content() {
        Content::Bytes(bytes) => staging.write(bytes).await?,
        Content::Chunks(mut chunks) => {
            while let Some(chunk) = chunks.try_next().await.map_err(|error| unreadable(error, file))? {
                staging.write(chunk).await?;
            }
        }
    }
    keep(to, staging.finish().await?, file).await
}

/// Keeps a file if its bytes are what they should be.
pub(crate) async fn keep(to: &Blobs, staged: Staged, file: &NeededFile) -> Result<()> {
    if staged.sha256() != file.sha256 || staged.size_bytes() != file.size_bytes {
        return Err(damaged(file));
    }
    to.keep(staged).await?;
    Ok(())
}

/// That the bytes of a file are not those that were published.
pub(crate) fn damaged(file: &NeededFile) -> Error {
    let NeededFile { sha256, version, .. } = file;
    Error::invalid(format!(
        "the file `{sha256}` of `{version}` is damaged; `holdfast fsck --hash` finds all such files"
    ))
}

/// What to say when a file that a version needs cannot be read.
pub(crate) fn unreadable(error: BlobError, file: &NeededFile) -> Error {
    let NeededFile { sha256, version, .. } = file;
    match error {
        BlobError::NotFound(_) => Error::with_source(
            Kind::Invalid,
            format!("the file `{sha256}` of `{version}` is missing; `holdfast fsck` finds all such files"),
            error,
        ),
        BlobError::Truncated { .. } | BlobError::Damaged(_) => damaged(file),
        other => other.into(),
    }
}
