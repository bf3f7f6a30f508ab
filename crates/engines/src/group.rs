//! Group commit for embedded engines: one thread writes, and everything that waits for it becomes one
//! transaction and pays one sync.

use std::error::Error;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use holdfast_store::StoreError;
use tokio::sync::{mpsc, oneshot};

/// Requests that may wait for the writer before callers wait to hand theirs over.
const QUEUE: usize = 256;

/// The most requests of one transaction.
const GROUP: usize = 64;

/// How long callers are waited for: less than a sync of a good disk.
const GATHER: Duration = Duration::from_micros(100);

/// What an engine gives to its writer thread.
pub(crate) trait Committer: Send + 'static {
    /// What callers ask for.
    type Work: Send + 'static;
    /// What the engine says when it fails.
    type Error: Error + Send + Sync + 'static;
    /// The engine's name.
    const ENGINE: &'static str;
    /// Whether each of a group that certainly failed is tried again alone: the fault may be of one only (too
    /// large for what is left of the disk).
    const RETRIES_ALONE: bool;

    /// One transaction of the whole group, durable when this returns. Work whose guards broke is left out,
    /// the rest is not.
    fn commit(&mut self, group: &[Self::Work]) -> Result<Vec<Guards>, Failure<Self::Error>>;
}

/// Whether the guards of a piece of work held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guards {
    Held,
    /// Nothing of it is in the transaction.
    Broken,
}

/// Why a group was not committed.
#[derive(Debug)]
pub(crate) enum Failure<E> {
    /// Nothing of it was written.
    Certain(E),
    /// The commit itself failed.
    Unknown(E),
}

/// The callers' side of the thread, which ends with this value, after everything asked is answered.
pub(crate) struct Writer<W> {
    engine: &'static str,
    /// `None` only while dropping.
    requests: Option<mpsc::Sender<Request<W>>>,
    thread: Option<JoinHandle<()>>,
}

/// Work, and who waits for it.
struct Request<W> {
    work: W,
    reply: Reply,
}

type Reply = oneshot::Sender<Result<(), StoreError>>;

impl<W: Send + 'static> Writer<W> {
    pub(crate) fn start<C: Committer<Work = W>>(committer: C) -> std::io::Result<Writer<W>> {
        let (requests, receiver) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new().name(format!("{}-writer", C::ENGINE));
        let thread = thread.spawn(move || Loop { committer, requests: receiver }.run())?;
        Ok(Writer { engine: C::ENGINE, requests: Some(requests), thread: Some(thread) })
    }

    /// Hands work to the thread and waits until it is durable.
    pub(crate) async fn write(&self, work: W) -> Result<(), StoreError> {
        let engine = self.engine;
        let (reply, answer) = oneshot::channel();
        let requests = self.requests.as_ref().expect("the sender is there until the writer is dropped");
        let sent = requests.send(Request { work, reply }).await;
        sent.map_err(|_| StoreError::Unavailable { engine, source: Stopped.into() })?;
        // The thread took the request and died before it answered.
        answer.await.map_err(|_| StoreError::UnknownOutcome { engine, source: Stopped.into() })?
    }

    /// As after a panic of the thread: nobody receives.
    #[cfg(test)]
    pub(crate) fn lose_thread(&mut self) {
        let (closed, _) = mpsc::channel(1);
        self.requests = Some(closed);
    }
}

impl<W> Drop for Writer<W> {
    fn drop(&mut self) {
        drop(self.requests.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!(engine = self.engine, "the writer thread had panicked");
        }
    }
}

/// The thread's side.
struct Loop<C: Committer> {
    committer: C,
    requests: mpsc::Receiver<Request<C::Work>>,
}

impl<C: Committer> Loop<C> {
    /// Works until nobody can ask any more and everything asked is answered.
    fn run(mut self) {
        let mut group = Vec::with_capacity(GROUP);
        let mut callers = 0;
        while self.requests.blocking_recv_many(&mut group, GROUP) > 0 {
            self.gather(&mut group, callers);
            callers = group.len();
            let (works, replies) = group.drain(..).map(|request| (request.work, request.reply)).unzip();
            self.commit(works, replies);
        }
    }

    /// Waits a moment for the callers of the last group, who were just answered and are about to ask again:
    /// without them each would pay a sync of its own, or two groups would take turns. One caller alone never
    /// waits.
    fn gather(&mut self, group: &mut Vec<Request<C::Work>>, callers: usize) {
        let until = Instant::now() + GATHER;
        while group.len() < callers && Instant::now() < until {
            match self.requests.try_recv() {
                Ok(request) => group.push(request),
                Err(_) => std::thread::yield_now(),
            }
        }
    }

    fn commit(&mut self, works: Vec<C::Work>, replies: Vec<Reply>) {
        match self.committer.commit(&works) {
            Ok(outcomes) => {
                for (reply, guards) in replies.into_iter().zip(outcomes) {
                    answer(reply, if guards == Guards::Held { Ok(()) } else { Err(StoreError::Conflict) });
                }
            }
            Err(Failure::Certain(_)) if C::RETRIES_ALONE && works.len() > 1 => {
                for (work, reply) in works.into_iter().zip(replies) {
                    self.commit(vec![work], vec![reply]);
                }
            }
            Err(Failure::Certain(error)) => {
                answer_all::<C>(replies, error, |engine, source| StoreError::Unavailable { engine, source });
            }
            Err(Failure::Unknown(error)) => answer_all::<C>(replies, error, |engine, source| {
                StoreError::UnknownOutcome { engine, source }
            }),
        }
    }
}

fn answer(reply: Reply, answer: Result<(), StoreError>) {
    // A caller that went away needs none.
    let _ = reply.send(answer);
}

/// Every caller is told the same, and the whole error is shared between them.
fn answer_all<C: Committer>(
    replies: Vec<Reply>,
    error: C::Error,
    tell: fn(&'static str, Box<dyn Error + Send + Sync>) -> StoreError,
) {
    let error = Arc::new(error);
    for reply in replies {
        answer(reply, Err(tell(C::ENGINE, Box::new(Shared(error.clone())))));
    }
}

/// One error that several callers get.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct Shared<E: Error + Send + Sync + 'static>(Arc<E>);

#[derive(Debug, thiserror::Error)]
#[error("its thread has stopped; restart the server")]
struct Stopped;
