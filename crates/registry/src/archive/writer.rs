//! Writing an export.

use super::{Header, Progress, Record, SECTION_BYTES, Totals};
use crate::error::{Error, Kind, Result};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use holdfast_blobs::{Staged, Staging};
use holdfast_store::{Doc, Key};
use holdfast_types::{Sha256, Sha256Hasher};
use serde::Serialize;
use serde_json::value::RawValue;
use std::io::Write as _;

/// How much is handed on at a time.
const CHUNK_BYTES: usize = 256 * 1024;

/// Where an export goes.
#[async_trait::async_trait]
pub(crate) trait Outlet: Send {
    /// Takes the next bytes.
    async fn write(&mut self, bytes: Bytes) -> Result<()>;
}

/// Makes the stream.
pub(crate) struct Writer<'p, O> {
    outlet: O,
    buffer: Vec<u8>,
    hasher: Sha256Hasher,
    /// Bytes of lines since the last check.
    unchecked_bytes: usize,
    totals: Totals,
    progress: &'p Progress,
}

impl<'p, O: Outlet> Writer<'p, O> {
    /// Writes the first line.
    pub(crate) async fn begin(outlet: O, header: &Header, progress: &'p Progress) -> Result<Writer<'p, O>> {
        let mut writer = Writer {
            outlet,
            buffer: Vec::new(),
            hasher: Sha256::hasher(),
            unchecked_bytes: 0,
            totals: Totals::default(),
            progress,
        };
        writer.line(header).await?;
        Ok(writer)
    }

    /// Writes a document as it is.
    pub(crate) async fn document(&mut self, doc: &Doc) -> Result<()> {
        let unfit = |error| Error::with_source(Kind::Invalid, format!("`{}` is no JSON", doc.key), error);
        // Between the words of JSON a line feed is a space; inside of them there is none.
        let line = if doc.body.contains(['\n', '\r']) {
            doc.body.replace(['\n', '\r'], " ")
        } else {
            doc.body.clone()
        };
        let body = RawValue::from_string(line).map_err(unfit)?;
        self.line(&Record { body: Some(&body), ..Record::at(&doc.key) }).await?;
        self.totals.documents += 1;
        self.progress.add_documents(1);
        self.check_if_due().await
    }

    /// Writes a counter.
    pub(crate) async fn counter(&mut self, key: &Key, count: i64) -> Result<()> {
        self.line(&Record { count: Some(count), ..Record::at(key) }).await?;
        self.totals.counters += 1;
        self.check_if_due().await
    }

    /// Announces a file; exactly so many bytes must follow.
    pub(crate) async fn file(&mut self, sha256: Sha256, size_bytes: u64) -> Result<()> {
        self.line(&Record { file: Some(sha256), size: Some(size_bytes), ..Record::default() }).await?;
        self.totals.files += 1;
        self.totals.file_bytes += size_bytes;
        Ok(())
    }

    /// Writes bytes of the file that was announced.
    pub(crate) async fn file_bytes(&mut self, bytes: Bytes) -> Result<()> {
        self.hasher.update(&bytes);
        if bytes.len() < CHUNK_BYTES {
            self.buffer.extend_from_slice(&bytes);
            return self.hand_on(CHUNK_BYTES).await;
        }
        self.hand_on(0).await?;
        self.progress.add_bytes(bytes.len());
        self.outlet.write(bytes).await
    }

    /// Ends the file that was announced.
    pub(crate) async fn end_file(&mut self) -> Result<()> {
        self.progress.add_file();
        self.file_bytes(Bytes::from_static(b"\n")).await
    }

    /// Writes the last line.
    pub(crate) async fn finish(mut self) -> Result<(O, Totals)> {
        let (check, totals) = (self.hasher.clone().finish(), self.totals);
        self.line(&Record { end: Some(totals), check: Some(check), ..Record::default() }).await?;
        self.hand_on(0).await?;
        Ok((self.outlet, totals))
    }

    async fn check_if_due(&mut self) -> Result<()> {
        if self.unchecked_bytes < SECTION_BYTES {
            return Ok(());
        }
        let check = self.hasher.clone().finish();
        self.line(&Record { check: Some(check), ..Record::default() }).await?;
        self.unchecked_bytes = 0;
        Ok(())
    }

    async fn line(&mut self, line: &impl Serialize) -> Result<()> {
        let start = self.buffer.len();
        serde_json::to_writer(&mut self.buffer, line)
            .map_err(|error| Error::with_source(Kind::Internal, "a line cannot be written", error))?;
        self.buffer.push(b'\n');
        self.hasher.update(&self.buffer[start..]);
        self.unchecked_bytes += self.buffer.len() - start;
        self.hand_on(CHUNK_BYTES).await
    }

    /// Hands on what is written, when it is more than nothing and at least so much.
    async fn hand_on(&mut self, at_least: usize) -> Result<()> {
        if self.buffer.is_empty() || self.buffer.len() < at_least {
            return Ok(());
        }
        let bytes = Bytes::from(std::mem::take(&mut self.buffer));
        self.progress.add_bytes(bytes.len());
        self.outlet.write(bytes).await
    }
}

/// An upload to a storage, compressed.
pub(crate) struct GzipOutlet {
    encoder: GzEncoder<Vec<u8>>,
    staging: Staging,
}

impl GzipOutlet {
    pub(crate) fn new(staging: Staging) -> GzipOutlet {
        GzipOutlet { encoder: GzEncoder::new(Vec::new(), Compression::new(6)), staging }
    }

    /// Ends the upload, which is then to be kept.
    pub(crate) async fn finish(self) -> Result<Staged> {
        let GzipOutlet { encoder, mut staging } = self;
        let rest = encoder.finish().expect("writing to memory does not fail");
        staging.write(rest.into()).await?;
        Ok(staging.finish().await?)
    }
}

#[async_trait::async_trait]
impl Outlet for GzipOutlet {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        self.encoder.write_all(&bytes).expect("writing to memory does not fail");
        let packed = std::mem::take(self.encoder.get_mut());
        Ok(self.staging.write(packed.into()).await?)
    }
}
