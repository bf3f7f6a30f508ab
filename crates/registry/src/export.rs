//! Writing everything into one stream, beside running servers or without any.

use crate::actor::Actor;
use crate::archive::{FORMAT, FileOutlet, Header, Outlet, Progress, Totals, Writer};
use crate::copy::{Copier, FILES_AT_A_TIME, Seen, damaged, unreadable};
use crate::error::{Error, Kind, Result};
use crate::holdfast::Holdfast;
use crate::kinds::NeededFile;
use crate::rights::{Action, require};
use crate::walk::{Group, Sink, Walk};
use futures_util::TryStreamExt as _;
use holdfast_blobs::{Blob, BlobError, Blobs, Content};
use holdfast_types::Sha256;
use std::collections::VecDeque;
use std::io::Write;
use tokio::task::JoinHandle;

/// Whether the bytes of files go into an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Files {
    /// They do, and the export is all that is needed.
    Included,
    /// They do not: they stay in their storage, where the import must find them.
    LeftOut,
}

impl Holdfast {
    /// Writes all documents, counters and, when asked, files. What others write meanwhile is in it or not, but
    /// what is in it fits together: each crate is as it was at one moment, with its owners and its files.
    pub async fn export<W: Write + Send + 'static>(
        &self,
        actor: &Actor,
        out: W,
        files: Files,
        progress: &Progress,
    ) -> Result<(W, Totals)> {
        require(actor, Action::Administer)?;
        let header = self.header(files);
        let writer = Writer::begin(FileOutlet::new(out), &header, progress).await?;
        let carrying = match files {
            Files::Included => Carrying::Inside(self.blobs.clone()),
            Files::LeftOut => Carrying::Nowhere,
        };
        let (outlet, totals, _) = self.export_to(writer, carrying).await?;
        Ok((outlet.finish().await?, totals))
    }

    /// What an export that begins now says of itself.
    pub(crate) fn header(&self, files: Files) -> Header {
        Header {
            holdfast: "export".to_owned(),
            format: FORMAT,
            id: format!("{:032x}", u128::from_le_bytes(self.outside.entropy())),
            made_at: self.outside.now(),
            release: env!("CARGO_PKG_VERSION").to_owned(),
            files: files == Files::Included,
        }
    }

    /// Walks through everything and gives back what took it.
    pub(crate) async fn export_to<'p, O: Outlet>(
        &self,
        writer: Writer<'p, O>,
        carrying: Carrying<'p>,
    ) -> Result<(O, Totals, Carrying<'p>)> {
        self.require_whole().await?;
        let mut exporter =
            Exporter { writer, carrying, seen: Seen::default(), waiting: VecDeque::new(), opening: 0 };
        Walk::through(&self.store, self.outside.now(), &mut exporter).await?;
        exporter.write_waiting(0).await?;
        if let Carrying::Aside(copier) = &mut exporter.carrying {
            copier.settle().await?;
        }
        let (outlet, totals) = exporter.writer.finish().await?;
        Ok((outlet, totals, exporter.carrying))
    }
}

/// Where files go.
pub(crate) enum Carrying<'p> {
    /// Into the stream, from here.
    Inside(Blobs),
    /// To another storage.
    Aside(Box<Copier<'p>>),
    /// They stay where they are.
    Nowhere,
}

/// Takes what a walk finds to the stream, with files opened ahead.
struct Exporter<'p, O> {
    writer: Writer<'p, O>,
    carrying: Carrying<'p>,
    seen: Seen,
    waiting: VecDeque<Waiting>,
    /// How many files are among those that wait.
    opening: usize,
}

enum Waiting {
    File(NeededFile, JoinHandle<Result<Blob, BlobError>>),
    Group(Group),
}

#[async_trait::async_trait]
impl<O: Outlet> Sink for Exporter<'_, O> {
    async fn take(&mut self, mut group: Group) -> Result<()> {
        for file in std::mem::take(&mut group.files) {
            if !self.seen.insert(&file.sha256) {
                continue;
            }
            match &mut self.carrying {
                Carrying::Inside(blobs) => {
                    let (blobs, sha256) = (blobs.clone(), file.sha256);
                    let opening = tokio::spawn(async move { blobs.get(&sha256).await });
                    self.waiting.push_back(Waiting::File(file, opening));
                    self.opening += 1;
                    self.write_waiting(FILES_AT_A_TIME).await?;
                }
                Carrying::Aside(copier) => copier.copy(file).await?,
                Carrying::Nowhere => {}
            }
        }
        self.waiting.push_back(Waiting::Group(group));
        self.write_waiting(FILES_AT_A_TIME).await
    }
}

impl<O: Outlet> Exporter<'_, O> {
    /// Writes what waits, in its order, until no more files wait than these, nor many documents behind them.
    async fn write_waiting(&mut self, files: usize) -> Result<()> {
        loop {
            let is_due = match self.waiting.front() {
                None => return Ok(()),
                Some(Waiting::Group(_)) => true,
                Some(Waiting::File(..)) => self.opening > files || self.waiting.len() > 4 * files,
            };
            if !is_due {
                return Ok(());
            }
            match self.waiting.pop_front() {
                Some(Waiting::Group(group)) => self.write_group(&group).await?,
                Some(Waiting::File(file, opening)) => {
                    self.opening -= 1;
                    let opened = opening.await.map_err(lost)?;
                    let blob = opened.map_err(|error| unreadable(error, &file))?;
                    self.write_file(&file, blob).await?;
                }
                None => return Ok(()),
            }
        }
    }

    async fn write_group(&mut self, group: &Group) -> Result<()> {
        for doc in &group.documents {
            self.writer.document(doc).await?;
        }
        for (key, count) in &group.counters {
            self.writer.counter(key, *count).await?;
        }
        Ok(())
    }

    async fn write_file(&mut self, file: &NeededFile, blob: Blob) -> Result<()> {
        if blob.size_bytes() != file.size_bytes {
            return Err(damaged(file));
        }
        self.writer.file(file.sha256, file.size_bytes).await?;
        let mut hasher = Sha256::hasher();
        match blob.into_content() {
            Content::Bytes(bytes) => {
                hasher.update(&bytes);
                self.writer.file_bytes(bytes).await?;
            }
            Content::Chunks(mut chunks) => {
                while let Some(chunk) = chunks.try_next().await.map_err(|error| unreadable(error, file))? {
                    hasher.update(&chunk);
                    self.writer.file_bytes(chunk).await?;
                }
            }
        }
        if hasher.finish() != file.sha256 {
            return Err(damaged(file));
        }
        self.writer.end_file().await
    }
}

fn lost(error: tokio::task::JoinError) -> Error {
    Error::with_source(Kind::Internal, "a task ended", error)
}
