//! The body of a response, without a box for what is in memory.

use axum::body::Body;
use bytes::Bytes;
use futures_util::Stream;
use holdfast_blobs::{Blob, Chunks, Content};
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};

/// Why a body broke off.
pub(crate) type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// The body of a response. Its length is known unless it comes from the router.
#[derive(Debug, Default)]
pub enum WebBody {
    /// Nothing (any more).
    #[default]
    Empty,
    /// Bytes in memory.
    Whole(Bytes),
    /// Chunks of a file.
    Chunks(Box<Chunks>),
    /// What a handler behind the router gave.
    Routed(Body),
}

impl WebBody {
    /// The length, when it is known.
    pub(crate) fn length(&self) -> Option<u64> {
        http_body::Body::size_hint(self).exact()
    }
}

impl From<Blob> for WebBody {
    fn from(blob: Blob) -> WebBody {
        match blob.into_content() {
            Content::Bytes(bytes) => WebBody::Whole(bytes),
            Content::Chunks(chunks) => WebBody::Chunks(Box::new(chunks)),
        }
    }
}

impl http_body::Body for WebBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let this = self.get_mut();
        match this {
            WebBody::Empty => Poll::Ready(None),
            WebBody::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                *this = WebBody::Empty;
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            WebBody::Chunks(chunks) => Pin::new(chunks).poll_next(context).map(|chunk| {
                chunk.map(|chunk| {
                    chunk.map(Frame::data).map_err(|error| {
                        tracing::error!(error = ?error, "a file broke off while it was sent");
                        error.into()
                    })
                })
            }),
            WebBody::Routed(body) => Pin::new(body).poll_frame(context).map_err(Into::into),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            WebBody::Empty => true,
            WebBody::Whole(bytes) => bytes.is_empty(),
            WebBody::Chunks(chunks) => chunks.remaining_bytes() == 0,
            WebBody::Routed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            WebBody::Empty => SizeHint::with_exact(0),
            WebBody::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            WebBody::Chunks(chunks) => SizeHint::with_exact(chunks.remaining_bytes()),
            WebBody::Routed(body) => body.size_hint(),
        }
    }
}
