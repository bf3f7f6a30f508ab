//! A blob as a reader gets it: bytes when they are in memory, else a stream of chunks.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt, TryStreamExt};
use holdfast_types::{Sha256, Sha256Hasher};
use object_store::path::Path as ObjectPath;
use object_store::{GetOptions, GetRange, GetResult, ObjectStore};
use tokio::task::JoinHandle;

use crate::error::BlobError;

/// How much of a file is read at a time.
const CHUNK_BYTES: u64 = 256 * 1024;

/// A stored blob, or a part of one.
#[derive(Debug)]
pub struct Blob {
    size_bytes: u64,
    range: Range<u64>,
    content: Content,
}

/// The bytes of a [`Blob`].
#[derive(Debug)]
pub enum Content {
    /// All of them; clones are cheap.
    Bytes(Bytes),
    /// One chunk after the other, read as they are taken.
    Chunks(Chunks),
}

/// A blob that is an open file. It stays readable when its name goes.
#[derive(Clone, Debug)]
pub struct BlobFile {
    /// The file, from whose beginning the blob is read.
    pub file: Arc<File>,
    /// The size of the blob.
    pub size_bytes: u64,
}

impl Blob {
    pub(crate) fn whole(bytes: Bytes) -> Blob {
        let size_bytes = bytes.len() as u64;
        Blob { size_bytes, range: 0..size_bytes, content: Content::Bytes(bytes) }
    }

    pub(crate) fn streamed(sha256: Sha256, size_bytes: u64, source: Source) -> Blob {
        let range = 0..size_bytes;
        let state = State::Idle(source);
        let chunks = Chunks { sha256, range: range.clone(), hasher: None, state };
        Blob { size_bytes, range, content: Content::Chunks(chunks) }
    }

    /// The size of the whole blob, also when this is a part.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// Which bytes of the blob these are.
    pub fn range(&self) -> Range<u64> {
        self.range.clone()
    }

    /// Only the given bytes; an end behind the last byte means the last byte. Positions count from the
    /// begin of the whole blob. An empty range is an error, as it is in HTTP.
    pub fn slice(self, range: Range<u64>) -> Result<Blob, BlobError> {
        let (first, last) = (range.start.max(self.range.start), range.end.min(self.range.end));
        if first != range.start || first >= last {
            return Err(BlobError::OutOfRange { range, size_bytes: self.size_bytes });
        }
        let content = match self.content {
            Content::Bytes(bytes) => {
                let position = |at: u64| {
                    usize::try_from(at - self.range.start)
                        .expect("the bytes are in memory, so they can be counted")
                };
                Content::Bytes(bytes.slice(position(first)..position(last)))
            }
            Content::Chunks(chunks) => Content::Chunks(Chunks { range: first..last, ..chunks }),
        };
        Ok(Blob { size_bytes: self.size_bytes, range: first..last, content })
    }

    /// The content, to look at.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// The content, to send.
    pub fn into_content(self) -> Content {
        self.content
    }

    /// All bytes of this part, in memory.
    pub async fn into_bytes(self) -> Result<Bytes, BlobError> {
        let expected_bytes = usize::try_from(self.range.end - self.range.start)
            .map_err(|error| BlobError::unavailable("hold so large a blob in memory", error))?;
        match self.content {
            Content::Bytes(bytes) => Ok(bytes),
            Content::Chunks(mut chunks) => {
                let mut bytes = Vec::with_capacity(expected_bytes);
                while let Some(chunk) = chunks.try_next().await? {
                    bytes.extend_from_slice(&chunk);
                }
                Ok(bytes.into())
            }
        }
    }
}

/// Where chunks come from.
pub(crate) enum Source {
    /// An open file, which stays readable when its name goes.
    File(File),
    /// An object in a store.
    Object(Box<Object>),
}

/// An object in a store, and the answer that told of it: all of its bytes, if they are wanted.
pub(crate) struct Object {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) path: ObjectPath,
    pub(crate) answer: GetResult,
}

/// A stream of the bytes of a large blob. Nothing is read before the first poll; then the next chunk of a
/// file is read while the last one is sent. Content that ends too early ends in an error, and so does the whole
/// of an object with other bytes than those that were kept, before its last chunk.
pub struct Chunks {
    sha256: Sha256,
    /// What is still to be given out.
    range: Range<u64>,
    /// Of what was given out, when all of an object is.
    hasher: Option<Box<Sha256Hasher>>,
    state: State,
}

enum State {
    Idle(Source),
    Reading(JoinHandle<io::Result<(File, Bytes)>>),
    Fetching(BoxStream<'static, object_store::Result<Bytes>>),
    Ended,
}

impl Chunks {
    /// How many bytes are still to come.
    pub fn remaining_bytes(&self) -> u64 {
        self.range.end - self.range.start
    }

    /// Starts reading the next chunk, or ends.
    fn read_on(&self, file: File) -> State {
        let (start, length) = (self.range.start, self.remaining_bytes().min(CHUNK_BYTES));
        if length == 0 {
            return State::Ended;
        }
        State::Reading(tokio::task::spawn_blocking(move || read_chunk(file, start, length)))
    }

    fn poll_file(
        &mut self,
        reading: &mut JoinHandle<io::Result<(File, Bytes)>>,
        context: &mut Context<'_>,
    ) -> Poll<(State, Option<Result<Bytes, BlobError>>)> {
        let failed = |error: io::Error| (State::Ended, Some(Err(BlobError::io("read a blob", error))));
        Poll::Ready(match ready!(Pin::new(reading).poll(context)) {
            Err(lost) => failed(io::Error::other(lost)),
            Ok(Err(error)) => failed(error),
            Ok(Ok((file, chunk))) => match self.give(chunk) {
                Ok(chunk) => (self.read_on(file), Some(Ok(chunk))),
                Err(error) => (State::Ended, Some(Err(error))),
            },
        })
    }

    fn poll_object(
        &mut self,
        mut stream: BoxStream<'static, object_store::Result<Bytes>>,
        context: &mut Context<'_>,
    ) -> (State, Poll<Option<Result<Bytes, BlobError>>>) {
        let (state, item) = match stream.poll_next_unpin(context) {
            Poll::Pending => return (State::Fetching(stream), Poll::Pending),
            Poll::Ready(None) if self.remaining_bytes() == 0 => (State::Ended, None),
            Poll::Ready(None) => (State::Ended, Some(self.give(Bytes::new()))),
            Poll::Ready(Some(Ok(chunk))) => match self.give(chunk) {
                Ok(chunk) => (State::Fetching(stream), Some(Ok(chunk))),
                Err(error) => (State::Ended, Some(Err(error))),
            },
            Poll::Ready(Some(Err(error))) => {
                (State::Ended, Some(Err(BlobError::unavailable("read a blob", error))))
            }
        };
        (state, Poll::Ready(item))
    }

    /// Counts `chunk` as given out; an empty one means that the content ended too early.
    fn give(&mut self, mut chunk: Bytes) -> Result<Bytes, BlobError> {
        if chunk.is_empty() {
            let missing_bytes = self.remaining_bytes();
            return Err(BlobError::Truncated { sha256: self.sha256, missing_bytes });
        }
        chunk.truncate(usize::try_from(self.remaining_bytes()).unwrap_or(usize::MAX));
        self.range.start += chunk.len() as u64;
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&chunk);
        }
        if self.remaining_bytes() == 0
            && let Some(hasher) = self.hasher.take()
            && hasher.finish() != self.sha256
        {
            return Err(BlobError::Damaged(self.sha256));
        }
        Ok(chunk)
    }
}

impl Stream for Chunks {
    type Item = Result<Bytes, BlobError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        loop {
            match std::mem::replace(&mut this.state, State::Ended) {
                State::Ended => return Poll::Ready(None),
                State::Idle(Source::File(file)) => this.state = this.read_on(file),
                State::Idle(Source::Object(object)) => {
                    let is_whole = this.range == (0..object.answer.meta.size);
                    this.hasher = is_whole.then(|| Box::new(Sha256::hasher()));
                    let stream = if is_whole { all(*object) } else { fetch(*object, this.range.clone()) };
                    this.state = State::Fetching(stream);
                }
                State::Reading(mut reading) => match this.poll_file(&mut reading, context) {
                    Poll::Pending => {
                        this.state = State::Reading(reading);
                        return Poll::Pending;
                    }
                    Poll::Ready((state, item)) => {
                        this.state = state;
                        return Poll::Ready(item);
                    }
                },
                State::Fetching(stream) => {
                    let (state, polled) = this.poll_object(stream, context);
                    this.state = state;
                    return polled;
                }
            }
        }
    }
}

impl std::fmt::Debug for Chunks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Chunks")
            .field("sha256", &self.sha256)
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}

/// Reads up to `length` bytes, fewer only at the end of the file.
fn read_chunk(mut file: File, start: u64, length: u64) -> io::Result<(File, Bytes)> {
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::with_capacity(usize::try_from(length).map_err(io::Error::other)?);
    (&mut file).take(length).read_to_end(&mut bytes)?;
    Ok((file, bytes.into()))
}

/// The bytes of the answer that is there.
fn all(object: Object) -> BoxStream<'static, object_store::Result<Bytes>> {
    object.answer.into_stream().try_filter(|chunk| std::future::ready(!chunk.is_empty())).boxed()
}

/// Some bytes of an object, asked for when the stream is first polled.
fn fetch(object: Object, range: Range<u64>) -> BoxStream<'static, object_store::Result<Bytes>> {
    let Object { store, path, .. } = object;
    let request = async move {
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        store.get_opts(&path, options).await.map(GetResult::into_stream)
    };
    futures_util::stream::once(request)
        .try_flatten()
        .try_filter(|chunk| std::future::ready(!chunk.is_empty()))
        .boxed()
}
