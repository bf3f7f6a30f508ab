//! Files and pipes on threads of their own, so that nobody who waits for a slow pipe holds up the rest, and
//! stored files as streams.

use super::reader::Inlet;
use super::writer::Outlet;
use crate::error::{Error, Kind, Result};
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use holdfast_blobs::{Blob, Content};
use std::io::{self, Read, Write};
use std::thread;
use tokio::sync::{mpsc, oneshot};

/// How many chunks wait between a thread and the rest.
const CHUNKS: usize = 4;

/// How much is read at a time.
const CHUNK_BYTES: usize = 256 * 1024;

/// Writes to a file or pipe.
pub(crate) struct FileOutlet<W> {
    chunks: mpsc::Sender<Bytes>,
    end: oneshot::Receiver<io::Result<W>>,
}

impl<W: Write + Send + 'static> FileOutlet<W> {
    /// Starts the thread. It is not waited for when the program ends.
    pub(crate) fn new(mut out: W) -> FileOutlet<W> {
        let (chunks, mut inbox) = mpsc::channel::<Bytes>(CHUNKS);
        let (ended, end) = oneshot::channel();
        thread::spawn(move || {
            let mut pump = || {
                while let Some(chunk) = inbox.blocking_recv() {
                    out.write_all(&chunk)?;
                }
                out.flush()
            };
            let written = pump();
            // Whoever does not listen any more has given up.
            let _ = ended.send(written.map(|()| out));
        });
        FileOutlet { chunks, end }
    }

    /// Waits until everything is written.
    pub(crate) async fn finish(self) -> Result<W> {
        drop(self.chunks);
        let ended = self.end.await.map_err(io::Error::other).flatten();
        ended.map_err(unwritten)
    }
}

#[async_trait::async_trait]
impl<W: Send + 'static> Outlet for FileOutlet<W> {
    async fn write(&mut self, bytes: Bytes) -> Result<()> {
        if self.chunks.send(bytes).await.is_ok() {
            return Ok(());
        }
        let ended = (&mut self.end).await.map_err(io::Error::other).flatten();
        Err(unwritten(ended.err().unwrap_or_else(|| io::ErrorKind::BrokenPipe.into())))
    }
}

fn unwritten(error: io::Error) -> Error {
    Error::with_source(Kind::Unavailable, "the export cannot be written", error)
}

/// Reads from a file or pipe.
pub(crate) struct FileInlet(mpsc::Receiver<io::Result<Bytes>>);

impl FileInlet {
    /// Starts the thread. It is not waited for when the program ends.
    pub(crate) fn new(mut file: impl Read + Send + 'static) -> FileInlet {
        let (outbox, chunks) = mpsc::channel(CHUNKS);
        thread::spawn(move || {
            let mut buffer = vec![0; CHUNK_BYTES];
            loop {
                let read = match file.read(&mut buffer) {
                    Ok(0) => return,
                    Ok(length) => Ok(Bytes::copy_from_slice(&buffer[..length])),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Err(error),
                };
                let failed = read.is_err();
                if outbox.blocking_send(read).is_err() || failed {
                    return;
                }
            }
        });
        FileInlet(chunks)
    }
}

#[async_trait::async_trait]
impl Inlet for FileInlet {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        let unread = |error| Error::with_source(Kind::Unavailable, "the export cannot be read", error);
        self.0.recv().await.transpose().map_err(unread)
    }
}

/// Reads a stored file.
pub(crate) struct BlobInlet(Option<Content>);

impl BlobInlet {
    pub(crate) fn new(blob: Blob) -> BlobInlet {
        BlobInlet(Some(blob.into_content()))
    }
}

#[async_trait::async_trait]
impl Inlet for BlobInlet {
    async fn next(&mut self) -> Result<Option<Bytes>> {
        match self.0.take() {
            None => Ok(None),
            Some(Content::Bytes(bytes)) => Ok(Some(bytes).filter(|bytes| !bytes.is_empty())),
            Some(Content::Chunks(mut chunks)) => {
                let next = chunks.try_next().await?;
                self.0 = Some(Content::Chunks(chunks));
                Ok(next)
            }
        }
    }
}
