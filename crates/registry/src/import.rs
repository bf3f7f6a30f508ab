//! Storing what an export holds: in an empty database, or in one where this was begun before.
//!
//! Nothing is stored before its checksum was seen to agree, no version before its file, and every document in
//! one commit with its index entries. The first commit leaves a mark, with which no server starts, and the last
//! one takes it away; so an import that was interrupted is either gone on with or thrown away.

mod target;
mod writing;

use self::target::{UnfinishedImport, unfinished};
use self::writing::{Unit, write_counters, write_units};
use crate::actor::Actor;
use crate::archive::{FileInlet, Header, Inlet, Line, Progress, Reader, Totals};
use crate::audit::Deed;
use crate::copy::{Copier, FILES_AT_A_TIME, Seen, keep};
use crate::entity::{AuditEntry, Outcome, ServerRecord};
use crate::error::{Error, Kind, Result};
use crate::holdfast::Holdfast;
use crate::kinds::{Meaning, NeededFile, entity};
use crate::rights::{Action, require};
use holdfast_store::{Committed, Entity as _, Key, StoreError, Tx};
use holdfast_types::{Sha256, Timestamp};
use std::io::Read;
use tokio::task::JoinSet;

/// Whether an import may find a part of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resume {
    /// No: the database must be empty.
    No,
    /// Yes: what is there is compared and left alone.
    Yes,
}

/// What an import did.
#[derive(Clone, Copy, Debug)]
pub struct Imported {
    /// When the export was begun.
    pub made_at: Timestamp,
    /// What it held.
    pub totals: Totals,
    /// How many documents were there already.
    pub skipped_documents: u64,
    /// How many files were there already.
    pub skipped_files: u64,
}

/// Where the files of the versions come from.
pub(crate) enum Source<'p> {
    /// Out of the stream.
    Inside,
    /// Out of another storage.
    Beside(Box<Copier<'p>>),
    /// They are there.
    InPlace,
}

impl Holdfast {
    /// Stores everything that an export holds.
    pub async fn import(
        &self,
        actor: &Actor,
        input: impl Read + Send + 'static,
        resume: Resume,
        progress: &Progress,
    ) -> Result<Imported> {
        require(actor, Action::Administer)?;
        let (reader, header) = Reader::begin(FileInlet::new(input), progress).await?;
        let source = if header.files { Source::Inside } else { Source::InPlace };
        self.import_from(reader, header, source, resume, progress).await
    }

    pub(crate) async fn import_from<I: Inlet>(
        &self,
        mut reader: Reader<'_, I>,
        header: Header,
        source: Source<'_>,
        resume: Resume,
        progress: &Progress,
    ) -> Result<Imported> {
        let is_begun = self.is_begun(&header, resume).await?;
        let mut import = Import::new(self, header, source, is_begun, progress);
        loop {
            match reader.next().await? {
                Line::Document(key, body) => import.documents.push((key, body)),
                Line::Counter(key, count) => import.counters.push((key, count)),
                Line::File(sha256, size_bytes) => import.file(&mut reader, sha256, size_bytes).await?,
                Line::Checked => import.store().await?,
                Line::End => {
                    import.store().await?;
                    return import.finish().await;
                }
            }
        }
    }
}

/// An import on its way.
struct Import<'a> {
    holdfast: &'a Holdfast,
    header: Header,
    source: Source<'a>,
    /// Whether something was found that this import may have left before.
    is_resumed: bool,
    /// Whether the mark is there.
    is_marked: bool,
    /// What came since the last check.
    documents: Vec<(Key, String)>,
    counters: Vec<(Key, i64)>,
    /// The counter that was stored last.
    last_counter: Option<Key>,
    /// Files that are being kept or looked for.
    settling: JoinSet<Result<()>>,
    seen: Seen,
    server: Option<ServerRecord>,
    progress: &'a Progress,
    imported: Imported,
}

impl<'a> Import<'a> {
    fn new(
        holdfast: &'a Holdfast,
        header: Header,
        source: Source<'a>,
        is_begun: bool,
        progress: &'a Progress,
    ) -> Import<'a> {
        let (made_at, totals) = (header.made_at, Totals::default());
        Import {
            holdfast,
            header,
            source,
            is_resumed: is_begun,
            is_marked: is_begun,
            documents: Vec::new(),
            counters: Vec::new(),
            last_counter: None,
            settling: JoinSet::new(),
            seen: Seen::default(),
            server: None,
            progress,
            imported: Imported { made_at, totals, skipped_documents: 0, skipped_files: 0 },
        }
    }

    /// Takes a file out of the stream.
    async fn file<I: Inlet>(
        &mut self,
        reader: &mut Reader<'_, I>,
        sha256: Sha256,
        size_bytes: u64,
    ) -> Result<()> {
        let blobs = &self.holdfast.blobs;
        let is_there = self.is_resumed && blobs.size(&sha256).await? == Some(size_bytes);
        let mut staging = blobs.stage(size_bytes);
        while let Some(bytes) = reader.file_bytes().await? {
            if !is_there {
                staging.write(bytes).await?;
            }
        }
        self.seen.insert(&sha256);
        self.imported.totals.files += 1;
        self.imported.totals.file_bytes += size_bytes;
        if is_there {
            // Should it be condemned, it comes back before anything refers to it.
            blobs.restore(&sha256).await?;
            self.imported.skipped_files += 1;
            return Ok(());
        }
        let staged = staging.finish().await?;
        if staged.sha256() != sha256 {
            return Err(reader.damaged(format_args!("the file `{sha256}` has other bytes")));
        }
        let file = NeededFile { sha256, size_bytes, version: String::new() };
        let (blobs, progress) = (blobs.clone(), self.progress);
        self.settle_but(FILES_AT_A_TIME - 1).await?;
        self.settling.spawn(async move { keep(&blobs, staged, &file).await });
        progress.add_file();
        Ok(())
    }

    /// Stores what came since the last check, which agreed.
    async fn store(&mut self) -> Result<()> {
        let mut units = Vec::with_capacity(self.documents.len());
        for (key, body) in std::mem::take(&mut self.documents) {
            let Meaning { entries, file } = Meaning::of(&key, &body)?;
            if let Some(file) = file {
                self.need(file).await?;
            }
            self.imported.totals.documents += 1;
            if key == ServerRecord::key_of() {
                self.server = Some(entity::<ServerRecord>(&key, &body)?);
            } else {
                units.push(Unit::new(key, body, entries));
            }
        }
        if let Source::Beside(copier) = &mut self.source {
            copier.settle().await?;
        }
        self.settle_but(0).await?;
        self.mark().await?;
        let count = units.len() as u64;
        self.imported.skipped_documents += write_units(&self.holdfast.store, units, self.is_resumed).await?;
        self.progress.add_documents(count);
        let counters = std::mem::take(&mut self.counters);
        self.imported.totals.counters += counters.len() as u64;
        let last = counters.last().map(|(key, _)| key.clone());
        write_counters(&self.holdfast.store, counters, self.last_counter.take()).await?;
        self.last_counter = last;
        Ok(())
    }

    /// Makes sure that a file is there before the version that needs it.
    async fn need(&mut self, file: NeededFile) -> Result<()> {
        match &mut self.source {
            Source::Inside if self.seen.contains(&file.sha256) => {}
            Source::Inside => {
                let version = file.version;
                return Err(Error::invalid(format!("the export has `{version}` without its file")));
            }
            Source::Beside(copier) => {
                if self.seen.insert(&file.sha256) {
                    copier.copy(file).await?;
                }
            }
            Source::InPlace => {
                if self.seen.insert(&file.sha256) {
                    self.settle_but(FILES_AT_A_TIME - 1).await?;
                    let blobs = self.holdfast.blobs.clone();
                    self.settling.spawn(async move { require_in_place(&blobs, &file).await });
                }
            }
        }
        Ok(())
    }

    /// Waits until no more than these files are on their way.
    async fn settle_but(&mut self, files: usize) -> Result<()> {
        while self.settling.len() > files {
            let Some(settled) = self.settling.join_next().await else { return Ok(()) };
            settled.map_err(|lost| Error::with_source(Kind::Internal, "a task ended", lost))??;
        }
        Ok(())
    }

    async fn mark(&mut self) -> Result<()> {
        if self.is_marked {
            return Ok(());
        }
        let Header { id, made_at, .. } = self.header.clone();
        let mark = UnfinishedImport { id, made_at, begun_at: self.holdfast.outside.now() };
        let mut retry = self.holdfast.retry();
        loop {
            let mut tx = retry.begin().await?;
            match tx.get::<UnfinishedImport>(&mark.key()).await? {
                Some(ours) if ours.id == mark.id && retry.attempts() > 1 => break,
                Some(other) => return Err(unfinished(&other)),
                None => tx.create(&mark).await?,
            }
            match tx.commit().await {
                Ok(Committed::Yes) => break,
                Ok(Committed::Conflict) | Err(StoreError::UnknownOutcome { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        self.is_marked = true;
        Ok(())
    }

    /// Makes a server of what was stored.
    async fn finish(mut self) -> Result<Imported> {
        let Some(server) = self.server.take() else {
            return Err(Error::invalid("the export does not say which server it is of"));
        };
        if let Source::Beside(copier) = &self.source {
            self.imported.totals.files = copier.copied.files + copier.copied.skipped;
            self.imported.totals.file_bytes = copier.copied.bytes;
            self.imported.skipped_files = copier.copied.skipped;
        }
        let deed = Deed { action: "import", registry: None, subject: "server" };
        let words = format!("what was saved at `{}`", self.header.made_at);
        let entry = self.holdfast.audit(&Actor::operator(), deed, Outcome::Done, Some(words));
        let mut retry = self.holdfast.retry();
        loop {
            let mut tx = retry.begin().await?;
            let mark = tx.get::<UnfinishedImport>(&UnfinishedImport::key_of()).await?;
            if mark.is_none() && retry.attempts() > 1 {
                return Ok(self.imported);
            }
            self.write_end(&mut tx, &server, &entry).await?;
            match tx.commit().await {
                Ok(Committed::Yes) => return Ok(self.imported),
                Ok(Committed::Conflict) | Err(StoreError::UnknownOutcome { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn write_end(&self, tx: &mut Tx, server: &ServerRecord, entry: &AuditEntry) -> Result<()> {
        tx.create(server).await?;
        tx.create(entry).await?;
        Ok(tx.delete::<UnfinishedImport>(&UnfinishedImport::key_of()).await?)
    }
}

/// Refuses a version whose file is not where the import was told that it is.
async fn require_in_place(blobs: &holdfast_blobs::Blobs, file: &NeededFile) -> Result<()> {
    let NeededFile { sha256, size_bytes, version } = file;
    match blobs.size(sha256).await? {
        Some(found) if found == *size_bytes => {
            blobs.restore(sha256).await?;
            Ok(())
        }
        Some(found) => Err(Error::invalid(format!(
            "the file `{sha256}` of `{version}` has {found} bytes in this storage, not {size_bytes}"
        ))),
        None => Err(Error::invalid(format!(
            "this export was made without files, and the file `{sha256}` of `{version}` is not in this storage; \
             choose the right one with `--storage URL`, or export with files"
        ))),
    }
}
