//! Connections that stay open between calls, for engines whose driver has no pool of this kind: a lease that
//! is dropped before its call ended closes its connection, so that nobody else ever gets it, and one that
//! ended well gives it back.

use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, SemaphorePermit};

/// What went wrong, for the source of an error.
pub(crate) type Fault = Box<dyn std::error::Error + Send + Sync>;

/// All that a fault says, in one line.
pub(crate) fn reason(fault: &Fault) -> String {
    let first: &dyn std::error::Error = &**fault;
    let said: Vec<String> =
        std::iter::successors(Some(first), |error| error.source()).map(ToString::to_string).collect();
    said.join(": ")
}

/// How connections are made and asked.
pub(crate) trait Connect: Send + Sync {
    /// An open connection; dropping it closes it.
    type Connection: Send;

    /// Opens one.
    fn connect(&self) -> impl Future<Output = Result<Self::Connection, Fault>> + Send;

    /// Whether it can be used, after it lay `idle` for so long.
    fn is_alive(
        &self,
        connection: &mut Self::Connection,
        idle: Duration,
    ) -> impl Future<Output = bool> + Send;
}

/// At most so many connections, made when they are needed.
pub(crate) struct Pool<C: Connect> {
    connector: C,
    permits: Semaphore,
    idle: Mutex<Vec<Idle<C::Connection>>>,
}

struct Idle<T> {
    connection: T,
    born: Instant,
    since: Instant,
}

/// A connection for one call. [`Lease::give_back`] keeps it for others; dropping closes it.
pub(crate) struct Lease<'a, C: Connect> {
    /// `None` only after it was given back.
    connection: Option<C::Connection>,
    born: Instant,
    was_idle: bool,
    pool: &'a Pool<C>,
    permit: SemaphorePermit<'a>,
}

impl<C: Connect> Pool<C> {
    /// How many connections there are unless the URL says otherwise.
    pub(crate) const DEFAULT_SIZE: usize = 16;
    /// How long a connection may take to open.
    const CONNECT: Duration = Duration::from_secs(4);
    /// How long an idle connection may take to show that it is alive.
    const PROBE: Duration = Duration::from_secs(1);
    /// An idle connection is closed after this.
    const IDLE: Duration = Duration::from_mins(10);
    /// A connection is replaced after this, so that changed addresses and accounts are noticed.
    const AGE: Duration = Duration::from_mins(30);

    pub(crate) fn new(connector: C, size: usize) -> Pool<C> {
        Pool { connector, permits: Semaphore::new(size), idle: Mutex::default() }
    }

    /// How its connections are made.
    #[cfg(feature = "redis")]
    pub(crate) fn connector(&self) -> &C {
        &self.connector
    }

    /// A connection that is open as far as can be known, waiting for one to be given back when all are used.
    pub(crate) async fn get(&self) -> Result<Lease<'_, C>, Fault> {
        let permit = self.permits.acquire().await?;
        let Some(idle) = self.pop() else { return self.open(permit).await };
        let mut lease = self.lease(idle.connection, idle.born, permit);
        lease.was_idle = true;
        if self.answers(&mut lease, idle.since.elapsed()).await {
            return Ok(lease);
        }
        // The others will be as dead: do not wait for each of them.
        self.forget_idle();
        self.open(lease.close()).await
    }

    /// A connection that was opened just now, after one that was not turned out to be dead.
    pub(crate) async fn get_new(&self) -> Result<Lease<'_, C>, Fault> {
        self.forget_idle();
        self.open(self.permits.acquire().await?).await
    }

    async fn open<'a>(&'a self, permit: SemaphorePermit<'a>) -> Result<Lease<'a, C>, Fault> {
        let connection = tokio::time::timeout(Self::CONNECT, self.connector.connect()).await;
        let connection = connection.map_err(|_| Silent { seconds: Self::CONNECT.as_secs() })??;
        Ok(self.lease(connection, Instant::now(), permit))
    }

    async fn answers(&self, connection: &mut C::Connection, idle: Duration) -> bool {
        tokio::time::timeout(Self::PROBE, self.connector.is_alive(connection, idle)).await == Ok(true)
    }

    fn lease<'a>(
        &'a self,
        connection: C::Connection,
        born: Instant,
        permit: SemaphorePermit<'a>,
    ) -> Lease<'a, C> {
        Lease { connection: Some(connection), born, was_idle: false, pool: self, permit }
    }

    /// The connection that was used last, so that those which are not needed grow old.
    fn pop(&self) -> Option<Idle<C::Connection>> {
        self.idle().pop()
    }

    fn forget_idle(&self) {
        let forgotten = std::mem::take(&mut *self.idle());
        drop(forgotten);
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle<C::Connection>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a, C: Connect> Lease<'a, C> {
    /// Whether it was used before, so that it may have died unnoticed.
    pub(crate) fn was_idle(&self) -> bool {
        self.was_idle
    }

    /// Keeps the connection for the next caller. Only for one on which nothing is open or on its way.
    pub(crate) fn give_back(mut self) {
        let Some(connection) = self.connection.take() else { return };
        let now = Instant::now();
        let mut idle = self.pool.idle();
        if now.duration_since(self.born) < Pool::<C>::AGE {
            idle.push(Idle { connection, born: self.born, since: now });
        }
        idle.retain(|idle| now.duration_since(idle.since) < Pool::<C>::IDLE);
    }

    /// Closes the connection and keeps the right to open another.
    fn close(self) -> SemaphorePermit<'a> {
        self.permit
    }
}

impl<C: Connect> Deref for Lease<'_, C> {
    type Target = C::Connection;

    fn deref(&self) -> &C::Connection {
        self.connection.as_ref().expect("it is there until it is given back, which takes the lease")
    }
}

impl<C: Connect> DerefMut for Lease<'_, C> {
    fn deref_mut(&mut self) -> &mut C::Connection {
        self.connection.as_mut().expect("it is there until it is given back, which takes the lease")
    }
}

#[derive(Debug, thiserror::Error)]
#[error("no connection within {seconds} s")]
struct Silent {
    seconds: u64,
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests may panic")]

    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use super::*;

    /// Numbers its connections; the probe answers as it is told.
    #[derive(Default)]
    struct Numbers {
        opened: AtomicUsize,
        dead: AtomicBool,
    }

    impl Connect for Numbers {
        type Connection = usize;

        async fn connect(&self) -> Result<usize, Fault> {
            Ok(self.opened.fetch_add(1, Ordering::Relaxed))
        }

        async fn is_alive(&self, _: &mut usize, _: Duration) -> bool {
            !self.dead.load(Ordering::Relaxed)
        }
    }

    #[tokio::test]
    async fn what_is_given_back_is_used_again_and_what_is_dropped_is_not() {
        let pool = Pool::new(Numbers::default(), 2);
        pool.get().await.unwrap().give_back();
        let again = pool.get().await.unwrap();
        assert_eq!((*again, again.was_idle()), (0, true));
        drop(again);
        let other = pool.get().await.unwrap();
        assert_eq!((*other, other.was_idle()), (1, false));
        other.give_back();
        let new = pool.get_new().await.unwrap();
        assert_eq!((*new, new.was_idle()), (2, false));
    }

    #[tokio::test]
    async fn a_dead_connection_takes_the_other_idle_ones_with_it() {
        let pool = Pool::new(Numbers::default(), 3);
        let leases = [pool.get().await.unwrap(), pool.get().await.unwrap()];
        leases.into_iter().for_each(Lease::give_back);
        pool.connector.dead.store(true, Ordering::Relaxed);
        let lease = pool.get().await.unwrap();
        assert_eq!((*lease, pool.idle().len()), (2, 0));
    }

    #[tokio::test]
    async fn callers_wait_for_a_connection() {
        let pool = Pool::new(Numbers::default(), 1);
        let held = pool.get().await.unwrap();
        let waiting = pool.get();
        tokio::pin!(waiting);
        let first = std::future::poll_fn(|context| std::task::Poll::Ready(waiting.as_mut().poll(context)));
        assert!(first.await.is_pending());
        held.give_back();
        assert_eq!(*waiting.await.unwrap(), 0);
    }
}
