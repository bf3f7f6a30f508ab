//! The tar layer: entry after entry, only regular files and folders. Written over [`tar::Header`] rather
//! than [`tar::Archive`], because extension headers must be bounded and nothing may be ambiguous: an archive
//! that two readers could see differently is refused.

use crate::error::printable;
use crate::inflate::Inflated;
use crate::path::PathFault;
use crate::{Limits, PackageError};
use std::io::Read;
use tar::{EntryType, Header, PaxExtensions};

const BLOCK: usize = 512;
/// Room for a path of the longest length and its record.
const EXTENSION_BYTES: u64 = 4096;

/// An archive that is read from front to back.
pub(crate) struct Archive<R: Read> {
    input: Inflated<R>,
    limits: Limits,
    entries: u32,
    /// Bytes of the entry's content that were not read yet, and of its padding.
    content: u64,
    padding: u64,
}

/// A file or a folder.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its path as written, without a slash at the end.
    pub(crate) path: String,
    /// Whether it is a folder.
    pub(crate) is_folder: bool,
    /// The bytes of a file.
    pub(crate) bytes: u64,
}

/// What extension headers say about the entry that follows.
#[derive(Default)]
struct Extension {
    path: Option<Vec<u8>>,
    bytes: Option<u64>,
}

fn malformed(reason: &'static str) -> PackageError {
    PackageError::Tar { reason }
}

impl<R: Read> Archive<R> {
    pub(crate) fn new(packed: R, limits: &Limits) -> Archive<R> {
        Archive { input: Inflated::new(packed, *limits), limits: *limits, entries: 0, content: 0, padding: 0 }
    }

    /// How many entries were read so far.
    pub(crate) fn entries(&self) -> u32 {
        self.entries
    }

    /// The next file or folder; none at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Entry>, PackageError> {
        let mut extension = Extension::default();
        loop {
            self.skip(self.content + self.padding)?;
            (self.content, self.padding) = (0, 0);
            let Some(header) = self.header()? else {
                if extension.path.is_some() || extension.bytes.is_some() {
                    return Err(malformed("it ends after an extension header"));
                }
                return Ok(None);
            };
            let bytes = header.entry_size().map_err(|_| malformed("a size is not a number"))?;
            self.input.expect(bytes)?;
            self.content = bytes;
            self.padding = bytes.wrapping_neg() % BLOCK as u64;
            match header.entry_type() {
                EntryType::GNULongName => self.long_name(&mut extension)?,
                EntryType::XHeader => self.pax(&mut extension)?,
                kind => return entry(&header, kind, bytes, extension).map(Some),
            }
        }
    }

    /// The content of the entry that [`Archive::next`] gave, as far as `most` bytes.
    pub(crate) fn read(&mut self, most: usize) -> Result<Vec<u8>, PackageError> {
        let wanted = usize::try_from(self.content).unwrap_or(usize::MAX).min(most);
        let mut content = vec![0; wanted];
        if self.input.fill(&mut content)? < wanted {
            return Err(malformed("it ends in the middle of a file"));
        }
        self.content -= wanted as u64;
        Ok(content)
    }

    /// Makes sure that nothing but zeros follows. To be called at the end of the entries.
    pub(crate) fn finish(mut self) -> Result<u64, PackageError> {
        loop {
            let rest = self.input.peek()?;
            let bytes = rest.len();
            if rest.iter().any(|byte| *byte != 0) {
                return Err(malformed("it goes on after its end"));
            }
            if bytes == 0 {
                let unpacked = self.input.unpacked();
                return self.input.finish().map(|()| unpacked);
            }
            self.input.consume(bytes);
        }
    }

    fn header(&mut self) -> Result<Option<Header>, PackageError> {
        let mut header = Header::new_old();
        let block = header.as_mut_bytes();
        match self.input.fill(block)? {
            0 => return Ok(None),
            BLOCK => {}
            _ => return Err(malformed("it ends in the middle of a header")),
        }
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(PackageError::TooManyEntries { limit: self.limits.entries });
        }
        let sum = |bytes: &[u8]| bytes.iter().map(|byte| u32::from(*byte)).sum::<u32>();
        // The checksum's own field counts as eight spaces.
        let expected = sum(&block[..148]) + 8 * 32 + sum(&block[156..]);
        if header.cksum().ok() != Some(expected) {
            return Err(malformed("the checksum of a header is wrong"));
        }
        Ok(Some(header))
    }

    fn skip(&mut self, mut bytes: u64) -> Result<(), PackageError> {
        while bytes > 0 {
            let available = self.input.peek()?.len();
            if available == 0 {
                return Err(malformed("it ends in the middle of a file"));
            }
            let skipped = usize::try_from(bytes).unwrap_or(usize::MAX).min(available);
            self.input.consume(skipped);
            bytes -= skipped as u64;
        }
        Ok(())
    }

    fn extension_bytes(&mut self) -> Result<Vec<u8>, PackageError> {
        if self.content > EXTENSION_BYTES {
            return Err(malformed("an extension header is too large"));
        }
        self.read(BLOCK * 8)
    }

    fn long_name(&mut self, extension: &mut Extension) -> Result<(), PackageError> {
        let mut path = self.extension_bytes()?;
        if path.last() == Some(&0) {
            path.pop();
        }
        if extension.path.replace(path).is_some() {
            return Err(malformed("an entry has two long names"));
        }
        Ok(())
    }

    fn pax(&mut self, extension: &mut Extension) -> Result<(), PackageError> {
        let records = self.extension_bytes()?;
        // The iterator takes an empty line for the end, other readers don't.
        if records.starts_with(b"\n") || records.windows(2).any(|pair| pair == b"\n\n") {
            return Err(malformed("a pax header is malformed"));
        }
        for record in PaxExtensions::new(&records) {
            let record = record.map_err(|_| malformed("a pax header is malformed"))?;
            let value = record.value_bytes();
            let repeated = match record.key_bytes() {
                b"path" => extension.path.replace(value.to_vec()).is_some(),
                b"size" => {
                    let bytes = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
                    let bytes = bytes.ok_or_else(|| malformed("a pax size is not a number"))?;
                    extension.bytes.replace(bytes).is_some()
                }
                b"linkpath" => return Err(malformed("a pax header names a link")),
                key if key.starts_with(b"GNU.sparse.") => {
                    return Err(malformed("a pax header describes a sparse file"));
                }
                _ => false,
            };
            if repeated {
                return Err(malformed("an entry has two paths or two sizes"));
            }
        }
        Ok(())
    }
}

fn entry(header: &Header, kind: EntryType, bytes: u64, extension: Extension) -> Result<Entry, PackageError> {
    let path = extension.path.unwrap_or_else(|| header.path_bytes().into_owned());
    let path = String::from_utf8(path).map_err(|e| PackageError::Path {
        path: printable(&String::from_utf8_lossy(e.as_bytes())),
        fault: PathFault::NotUtf8,
    })?;
    let is_folder = match kind {
        EntryType::Regular => false,
        EntryType::Directory => true,
        _ => return Err(PackageError::EntryKind { path: printable(&path), kind: kind_in_words(kind) }),
    };
    if extension.bytes.is_some_and(|announced| announced != bytes) {
        return Err(malformed("a pax size differs from the size in the header"));
    }
    if is_folder && bytes != 0 {
        return Err(malformed("a folder has content"));
    }
    let path = match path.strip_suffix('/') {
        Some(folder) if is_folder => folder.to_owned(),
        _ => path,
    };
    Ok(Entry { path, is_folder, bytes })
}

fn kind_in_words(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Link => "a hard link",
        EntryType::Symlink => "a symbolic link",
        EntryType::Char | EntryType::Block => "a device",
        EntryType::Fifo => "a named pipe",
        EntryType::Continuous => "a contiguous file",
        EntryType::GNUSparse => "a sparse file",
        EntryType::GNULongLink => "a link with a long name",
        EntryType::XGlobalHeader => "a global pax header",
        _ => "an entry of an unknown kind",
    }
}
