//! Whether a connection gets on: how many requests came and how much was sent since the last look.
//!
//! One timer a connection looks from time to time; requests only add to counters. (A timer for each request,
//! as the HTTP library has it, costs more than everything else that we do for one.)
//!
//! The counters have one writer, the task of the connection, so adding to one takes no locked instruction.

use bytes::Bytes;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// What a connection did.
#[derive(Debug, Default)]
pub(crate) struct Pulse {
    /// Requests whose head came.
    requests: AtomicU64,
    /// Requests whose response began.
    answers: AtomicU64,
    /// Bytes that the system took.
    sent_bytes: AtomicU64,
}

/// What was seen at a look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Beat {
    requests: u64,
    sent_bytes: u64,
}

impl Pulse {
    /// A request came.
    pub(crate) fn asked(&self) {
        add(&self.requests, 1);
    }

    /// Its response begins.
    pub(crate) fn answered(&self) {
        add(&self.answers, 1);
    }

    /// The system took some bytes.
    pub(crate) fn sent(&self, bytes: usize) {
        add(&self.sent_bytes, bytes as u64);
    }

    /// Looks: whether nothing happened since the last look, although it is the client's turn: to send a
    /// request's head, or to take a response. While a request is answered, its own limits hold.
    pub(crate) fn has_stopped(&self, last: &mut Beat) -> bool {
        let now = Beat { requests: self.requests.load(Relaxed), sent_bytes: self.sent_bytes.load(Relaxed) };
        let is_answering = self.answers.load(Relaxed) < now.requests;
        let is_same = std::mem::replace(last, now) == now;
        is_same && !is_answering
    }
}

/// Adds to a counter that nobody else writes.
fn add(counter: &AtomicU64, more: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(more), Relaxed);
}

/// A connection whose sent bytes are counted, and which begins with bytes that were read already.
pub(crate) struct Counted {
    stream: TcpStream,
    already: Bytes,
    pulse: Arc<Pulse>,
}

impl Counted {
    pub(crate) fn new(stream: TcpStream, already: Bytes, pulse: Arc<Pulse>) -> Counted {
        Counted { stream, already, pulse }
    }

    fn count(&self, sent: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = &sent {
            self.pulse.sent(*bytes);
        }
        sent
    }
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.already.is_empty() {
            let taken = self.already.len().min(buffer.remaining());
            buffer.put_slice(&self.already.split_to(taken));
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.count(sent)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let sent = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.count(sent)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_when_nothing_happens_and_the_client_has_the_turn() {
        let pulse = Pulse::default();
        let mut last = Beat { requests: 7, sent_bytes: 0 };
        assert!(!pulse.has_stopped(&mut last), "the first look");
        assert!(pulse.has_stopped(&mut last), "no head came");
        pulse.asked();
        assert!(!pulse.has_stopped(&mut last), "a head came");
        assert!(!pulse.has_stopped(&mut last), "it is our turn");
        pulse.answered();
        assert!(pulse.has_stopped(&mut last), "nothing was sent");
        pulse.sent_bytes.fetch_add(1, Relaxed);
        assert!(!pulse.has_stopped(&mut last), "it takes the response");
        assert!(pulse.has_stopped(&mut last));
    }
}
