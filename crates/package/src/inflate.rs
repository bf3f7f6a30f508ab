//! The gzip layer: one member, complete, nothing after it, within limits.

use crate::{Limits, PackageError};
use flate2::bufread::GzDecoder;
use std::io::{self, BufRead, BufReader, Read};

/// Most packages are small, and buffers cost time to make.
const BUFFER_BYTES: usize = 8 * 1024;

/// The unpacked bytes of a `.crate` file, counted while they come.
pub(crate) struct Inflated<R: Read> {
    gzip: GzDecoder<BufReader<Packed<R>>>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    unpacked: u64,
    limits: Limits,
}

impl<R: Read> Inflated<R> {
    pub(crate) fn new(packed: R, limits: Limits) -> Inflated<R> {
        let packed = Packed { inner: packed, bytes: 0, limit: limits.packed_bytes, failure: None };
        Inflated {
            gzip: GzDecoder::new(BufReader::with_capacity(BUFFER_BYTES, packed)),
            buffer: vec![0; BUFFER_BYTES],
            start: 0,
            end: 0,
            unpacked: 0,
            limits,
        }
    }

    /// How many bytes were unpacked so far.
    pub(crate) fn unpacked(&self) -> u64 {
        self.unpacked
    }

    /// Refuses an announced number of bytes that cannot be within the limit.
    pub(crate) fn expect(&self, bytes: u64) -> Result<(), PackageError> {
        let read = self.unpacked - (self.end - self.start) as u64;
        if read.saturating_add(bytes) > self.limits.unpacked_bytes {
            return Err(PackageError::UnpackedTooLarge { limit: self.limits.unpacked_bytes });
        }
        Ok(())
    }

    /// The next bytes; none at the end.
    pub(crate) fn peek(&mut self) -> Result<&[u8], PackageError> {
        if self.start == self.end {
            self.start = 0;
            self.end = 0;
            self.end = self.inflate()?;
        }
        Ok(&self.buffer[self.start..self.end])
    }

    /// Passes over bytes that [`Inflated::peek`] showed.
    pub(crate) fn consume(&mut self, bytes: usize) {
        self.start += bytes;
    }

    /// Fills `target` as far as there are bytes, and says how far.
    pub(crate) fn fill(&mut self, target: &mut [u8]) -> Result<usize, PackageError> {
        let mut filled = 0;
        while filled < target.len() {
            let next = self.peek()?;
            let taken = next.len().min(target.len() - filled);
            if taken == 0 {
                break;
            }
            target[filled..filled + taken].copy_from_slice(&next[..taken]);
            self.consume(taken);
            filled += taken;
        }
        Ok(filled)
    }

    /// Makes sure that the file ends where its gzip data ends. To be called at the end of those.
    pub(crate) fn finish(mut self) -> Result<(), PackageError> {
        let rest = self.gzip.get_mut();
        match rest.fill_buf() {
            Ok([]) => Ok(()),
            Ok(_) => Err(PackageError::TrailingBytes),
            Err(e) => Err(self.failure(&e)),
        }
    }

    fn inflate(&mut self) -> Result<usize, PackageError> {
        let inflated = loop {
            match self.gzip.read(&mut self.buffer) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let bytes = inflated.map_err(|e| self.failure(&e))?;
        self.unpacked += bytes as u64;
        if self.unpacked > self.limits.unpacked_bytes {
            return Err(PackageError::UnpackedTooLarge { limit: self.limits.unpacked_bytes });
        }
        let packed = self.gzip.get_ref().get_ref().bytes;
        if self.unpacked > Limits::RATIO_FLOOR && self.unpacked / u64::from(self.limits.ratio) > packed {
            return Err(PackageError::Ratio { limit: self.limits.ratio });
        }
        Ok(bytes)
    }

    /// What went wrong: the reader itself, a limit, or else the gzip data.
    fn failure(&mut self, error: &io::Error) -> PackageError {
        let below = self.gzip.get_mut().get_mut().failure.take();
        below.unwrap_or_else(|| PackageError::Gzip {
            reason: match error.kind() {
                io::ErrorKind::UnexpectedEof => "it ends early".to_owned(),
                _ => error.to_string(),
            },
        })
    }
}

/// The reader that was given, counted. The decoder above turns every error into one of its own, so the true
/// one waits here.
struct Packed<R> {
    inner: R,
    bytes: u64,
    limit: u64,
    failure: Option<PackageError>,
}

impl<R: Read> Read for Packed<R> {
    fn read(&mut self, target: &mut [u8]) -> io::Result<usize> {
        match self.inner.read(target) {
            Ok(bytes) => {
                self.bytes += bytes as u64;
                if self.bytes > self.limit {
                    self.failure = Some(PackageError::PackedTooLarge { limit: self.limit });
                    return Err(io::Error::other("over the limit"));
                }
                Ok(bytes)
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => Err(e),
            Err(e) => {
                self.failure = Some(PackageError::Read(e));
                Err(io::Error::other("the reader failed"))
            }
        }
    }
}
