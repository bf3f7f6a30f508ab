//! Reading an export, with every check that it holds.

use super::{FORMAT, Header, Progress, Record, SECTION_BYTES, Totals};
use crate::error::{Error, Kind, Result};
use bytes::{Buf as _, Bytes, BytesMut};
use flate2::write::MultiGzDecoder;
use holdfast_store::{Batch, Key};
use holdfast_types::{Sha256, Sha256Hasher};
use std::fmt;
use std::io::Write as _;

/// No line is longer: a document's body, its key, and some room.
const LONGEST_LINE_BYTES: usize = Batch::MAX_BODY_BYTES + 64 * 1024;

/// No reader holds back more than this: a section, and what one line may be longer.
const LONGEST_SECTION_BYTES: usize = SECTION_BYTES + 2 * LONGEST_LINE_BYTES;

/// How much is unpacked at a time: gzip makes up to a thousand times as much of it.
const PACKED_SLICE_BYTES: usize = 8 * 1024;

/// Where an export comes from.
#[async_trait::async_trait]
pub(crate) trait Inlet: Send {
    /// The next bytes, never none; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>>;
}

/// A line, or what belongs to one.
#[derive(Debug)]
pub(crate) enum Line {
    /// A document.
    Document(Key, String),
    /// A counter.
    Counter(Key, i64),
    /// A file, whose bytes are to be taken with [`Reader::file_bytes`] before the next line.
    File(Sha256, u64),
    /// All lines until here are as they were written.
    Checked,
    /// So are all, and they are complete.
    End,
}

/// Takes the stream apart.
pub(crate) struct Reader<'p, I> {
    inlet: I,
    progress: &'p Progress,
    unpacking: Option<MultiGzDecoder<Vec<u8>>>,
    /// Bytes as they are stored, for the unpacking to do.
    packed: Bytes,
    /// What was read and not yet used.
    buffer: BytesMut,
    /// How much of the stream was used.
    used_bytes: u64,
    hasher: Sha256Hasher,
    unchecked_bytes: usize,
    file_bytes: u64,
    totals: Totals,
}

impl<'p, I: Inlet> Reader<'p, I> {
    /// Reads the first line.
    pub(crate) async fn begin(inlet: I, progress: &'p Progress) -> Result<(Reader<'p, I>, Header)> {
        let mut reader = Reader {
            inlet,
            progress,
            unpacking: None,
            packed: Bytes::new(),
            buffer: BytesMut::new(),
            used_bytes: 0,
            hasher: Sha256::hasher(),
            unchecked_bytes: 0,
            file_bytes: 0,
            totals: Totals::default(),
        };
        if reader.fill(2).await? && reader.buffer.starts_with(&[0x1f, 0x8b]) {
            reader.unpacking = Some(MultiGzDecoder::new(Vec::new()));
            reader.packed = std::mem::take(&mut reader.buffer).freeze();
        }
        let line = reader.line().await.map_err(|_| no_export())?;
        reader.hasher.update(&line);
        let header: Header = serde_json::from_slice(&line).map_err(|_| no_export())?;
        if header.holdfast != "export" {
            return Err(no_export());
        }
        if header.format > FORMAT {
            let Header { format, release, .. } = &header;
            return Err(Error::invalid(format!(
                "the export has format `{format}`, newer than the `{FORMAT}` that this release reads; \
                 use release `{release}` or a newer one"
            )));
        }
        Ok((reader, header))
    }

    /// The next line. What was given since the last [`Line::Checked`] is not to be trusted before the next.
    pub(crate) async fn next(&mut self) -> Result<Line> {
        let line = self.line().await?;
        let record: Record<'_> = serde_json::from_slice(&line).map_err(|error| self.damaged(error))?;
        let read = match record {
            Record { check: Some(check), end, .. } => return self.checked(&line, check, end).await,
            Record { part: Some(part), sort: Some(sort), body: Some(body), .. } => {
                Line::Document(Key::new(part, sort), body.get().to_owned())
            }
            Record { part: Some(part), sort: Some(sort), count: Some(count), .. } => {
                Line::Counter(Key::new(part, sort), count)
            }
            Record { file: Some(sha256), size: Some(size_bytes), .. } => Line::File(sha256, size_bytes),
            _ => return Err(self.damaged("a line is of no known kind")),
        };
        self.note(&read, &line)?;
        Ok(read)
    }

    /// The next bytes of the file that was announced; `None` when it has ended.
    pub(crate) async fn file_bytes(&mut self) -> Result<Option<Bytes>> {
        if self.file_bytes == 0 {
            self.need(1).await?;
            let feed = self.take(1);
            return if feed[..] == *b"\n" { Ok(None) } else { Err(self.damaged("a file is too long")) };
        }
        self.need(1).await?;
        let length = usize::try_from(self.file_bytes).unwrap_or(usize::MAX).min(self.buffer.len());
        self.file_bytes -= length as u64;
        Ok(Some(self.take(length)))
    }

    /// That the stream is not as it was written.
    pub(crate) fn damaged(&self, reason: impl fmt::Display) -> Error {
        let at = self.used_bytes;
        Error::invalid(format!("the export is damaged shortly before byte {at}: {reason}; get it again"))
    }

    fn note(&mut self, read: &Line, line: &[u8]) -> Result<()> {
        self.hasher.update(line);
        self.unchecked_bytes += line.len();
        if self.unchecked_bytes > LONGEST_SECTION_BYTES {
            return Err(self.damaged("it has no check where there must be one"));
        }
        match read {
            Line::Document(..) => self.totals.documents += 1,
            Line::Counter(..) => self.totals.counters += 1,
            Line::File(_, size_bytes) => {
                self.totals.files += 1;
                self.totals.file_bytes = self.totals.file_bytes.saturating_add(*size_bytes);
                self.file_bytes = *size_bytes;
            }
            Line::Checked | Line::End => {}
        }
        Ok(())
    }

    async fn checked(&mut self, line: &[u8], check: Sha256, end: Option<Totals>) -> Result<Line> {
        if self.hasher.clone().finish() != check {
            return Err(self.damaged("a checksum does not agree"));
        }
        self.hasher.update(line);
        self.unchecked_bytes = 0;
        let Some(end) = end else { return Ok(Line::Checked) };
        if end != self.totals {
            return Err(self.damaged("its last line counts other things than there are"));
        }
        if self.fill(1).await? {
            return Err(self.damaged("something follows its last line"));
        }
        Ok(Line::End)
    }

    /// The next line with its line feed, which is not in the hash yet.
    async fn line(&mut self) -> Result<Bytes> {
        let mut seen = 0;
        loop {
            if let Some(at) = self.buffer[seen..].iter().position(|byte| *byte == b'\n') {
                let length = seen + at + 1;
                self.used_bytes += length as u64;
                return Ok(self.buffer.split_to(length).freeze());
            }
            seen = self.buffer.len();
            if seen > LONGEST_LINE_BYTES {
                return Err(self.damaged("a line is too long"));
            }
            self.need(seen + 1).await?;
        }
    }

    /// The next bytes of a file, hashed.
    fn take(&mut self, length: usize) -> Bytes {
        self.used_bytes += length as u64;
        let taken = self.buffer.split_to(length).freeze();
        self.hasher.update(&taken);
        taken
    }

    async fn need(&mut self, length: usize) -> Result<()> {
        if self.fill(length).await? {
            return Ok(());
        }
        let at = self.used_bytes + self.buffer.len() as u64;
        Err(Error::invalid(format!(
            "the export ends too early, after {at} bytes and without its last line; get the rest of it"
        )))
    }

    /// Reads until so many bytes are there; false when the stream ends before.
    async fn fill(&mut self, length: usize) -> Result<bool> {
        while self.buffer.len() < length {
            if self.packed.is_empty() {
                let Some(bytes) = self.inlet.next().await? else { return Ok(false) };
                self.progress.add_bytes(bytes.len());
                self.packed = bytes;
            }
            let Some(unpacking) = &mut self.unpacking else {
                self.buffer.extend_from_slice(&self.packed);
                self.packed.clear();
                continue;
            };
            let slice = self.packed.len().min(PACKED_SLICE_BYTES);
            let unpacked = unpacking.write_all(&self.packed[..slice]).and_then(|()| unpacking.flush());
            self.packed.advance(slice);
            let bytes = std::mem::take(unpacking.get_mut());
            self.buffer.extend_from_slice(&bytes);
            unpacked.map_err(|error| self.damaged(error))?;
        }
        Ok(true)
    }
}

fn no_export() -> Error {
    Error::new(
        Kind::Invalid,
        "this is no export: it does not begin with the line that `holdfast export` writes",
    )
}
