//! Jobs that one process does for all: whoever holds the lease of a job.
//!
//! A lease is a document with a holder and an end. It is taken in one commit that is guarded by what was read,
//! so of several processes that find it free one gets it. The holder renews it while it works and, when the work
//! is done, keeps it until the work is due again, so that the others do not repeat it. The lease of a process that
//! died ends by itself.
//!
//! The end is a time of the holder's clock, and a holder may stand still for longer than its term: two processes
//! may hold a lease at once. A job must be harmless then; its lease only saves the work.

use crate::clock::Outside;
use crate::error::Result;
use holdfast_store::{Committed, Entity, Key, Retry, Store};
use serde::{Deserialize, Serialize};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, interval_at};

/// Who does a job, and until when nobody else does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Lease {
    /// The job.
    name: String,
    /// Random digits, made each time that a lease is taken.
    holder: String,
    /// In milliseconds since 1970.
    until_millis: u64,
}

impl Lease {
    fn key_of(name: &str) -> Key {
        Key::new("lease", name)
    }
}

impl Entity for Lease {
    const VERSION: u32 = 1;

    holdfast_store::body_by_serde!();

    fn key(&self) -> Key {
        Lease::key_of(&self.name)
    }
}

/// Whose turn it is.
pub(crate) enum Turn {
    /// Ours: the job is to be done now.
    Ours(Held),
    /// Another process's, for so long.
    Theirs(Duration),
}

/// A lease that is held. Dropping it leaves it to end by itself.
pub(crate) struct Held {
    store: Arc<dyn Store>,
    outside: Arc<dyn Outside>,
    name: &'static str,
    holder: String,
    term: Duration,
}

impl Held {
    /// Takes the lease of a job for `term`, unless somebody holds it.
    pub(crate) async fn take(
        store: &Arc<dyn Store>,
        outside: &Arc<dyn Outside>,
        name: &'static str,
        term: Duration,
    ) -> Result<Turn> {
        let holder = u128::from_le_bytes(outside.entropy());
        let holder = format!("{holder:032x}");
        let held = Held { store: store.clone(), outside: outside.clone(), name, holder, term };
        let mut retry = Retry::new(store);
        loop {
            let mut tx = retry.begin().await?;
            let now = outside.unix_millis();
            if let Some(lease) = tx.get::<Lease>(&Lease::key_of(name)).await?
                && lease.until_millis > now
            {
                return Ok(Turn::Theirs(Duration::from_millis(lease.until_millis - now)));
            }
            tx.put(&held.lease(term)).await?;
            if let Committed::Yes = tx.commit().await? {
                return Ok(Turn::Ours(held));
            }
        }
    }

    /// Does the job while renewing the lease; `None` when the lease was lost, with the job left where it was.
    pub(crate) async fn during<T>(&self, job: impl Future<Output = Result<T>>) -> Result<Option<T>> {
        let mut job = pin!(job);
        let pause = self.term / 3;
        let mut renewals = interval_at(Instant::now() + pause, pause);
        loop {
            tokio::select! {
                outcome = &mut job => return outcome.map(Some),
                _ = renewals.tick() => if !self.extend(self.term).await? {
                    return Ok(None);
                },
            }
        }
    }

    /// Keeps others from the job for some more time, or, with none, gives it to whoever comes.
    pub(crate) async fn rest(self, time: Duration) -> Result<()> {
        self.extend(time).await.map(drop)
    }

    /// Moves the end; `false` when another process has the lease.
    async fn extend(&self, term: Duration) -> Result<bool> {
        let mut retry = Retry::new(&self.store);
        loop {
            let mut tx = retry.begin().await?;
            let lease = tx.get::<Lease>(&Lease::key_of(self.name)).await?;
            if lease.is_none_or(|lease| lease.holder != self.holder) {
                return Ok(false);
            }
            tx.put(&self.lease(term)).await?;
            if let Committed::Yes = tx.commit().await? {
                return Ok(true);
            }
        }
    }

    fn lease(&self, term: Duration) -> Lease {
        let term = u64::try_from(term.as_millis()).unwrap_or(u64::MAX);
        let until_millis = self.outside.unix_millis().saturating_add(term);
        Lease { name: self.name.to_owned(), holder: self.holder.clone(), until_millis }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests may panic")]

    use super::*;
    use crate::error::{Error, Kind};
    use holdfast_store::{Memory, read};
    use std::sync::atomic::{AtomicU64, Ordering};

    const TERM: Duration = Duration::from_mins(1);

    /// A clock that stands still until it is moved, and counts instead of throwing dice.
    #[derive(Default)]
    struct Clock {
        millis: AtomicU64,
        dice: AtomicU64,
    }

    impl Outside for Clock {
        fn unix_millis(&self) -> u64 {
            self.millis.load(Ordering::SeqCst)
        }

        fn instant(&self) -> std::time::Instant {
            unreachable!("leases measure no ages")
        }

        fn random(&self, buffer: &mut [u8]) {
            let number = self.dice.fetch_add(1, Ordering::SeqCst);
            buffer[..8].copy_from_slice(&number.to_le_bytes());
        }
    }

    struct Site {
        store: Arc<dyn Store>,
        clock: Arc<Clock>,
    }

    impl Site {
        fn new() -> Site {
            Site { store: Arc::new(Memory::new()), clock: Arc::default() }
        }

        async fn take(&self) -> Turn {
            let outside: Arc<dyn Outside> = self.clock.clone();
            Held::take(&self.store, &outside, "job", TERM).await.unwrap()
        }

        async fn ours(&self) -> Held {
            match self.take().await {
                Turn::Ours(held) => held,
                Turn::Theirs(time) => panic!("somebody has it for {time:?}"),
            }
        }

        async fn theirs(&self) -> Duration {
            match self.take().await {
                Turn::Ours(_) => panic!("nobody has it"),
                Turn::Theirs(time) => time,
            }
        }

        fn pass(&self, time: Duration) {
            self.clock.millis.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::SeqCst);
        }
    }

    #[tokio::test]
    async fn one_has_it_until_its_end() {
        let site = Site::new();
        let first = site.ours().await;
        assert_eq!(site.theirs().await, TERM);
        site.pass(TERM / 2);
        assert_eq!(site.theirs().await, TERM / 2);
        assert!(first.extend(TERM).await.unwrap());
        assert_eq!(site.theirs().await, TERM, "renewed");
        site.pass(TERM);
        let second = site.ours().await;
        assert!(!first.extend(TERM).await.unwrap(), "it is another's now");
        assert_eq!(site.theirs().await, TERM);
        second.rest(2 * TERM).await.unwrap();
        assert_eq!(site.theirs().await, 2 * TERM, "done, and not due again before");
        site.pass(2 * TERM);
        site.ours().await.rest(Duration::ZERO).await.unwrap();
        site.ours().await;
    }

    #[tokio::test]
    async fn of_many_that_come_at_once_one_gets_it() {
        let site = Arc::new(Site::new());
        let tasks = (0..16).map(|_| {
            let site = site.clone();
            tokio::spawn(async move { matches!(site.take().await, Turn::Ours(_)) })
        });
        let mut winners = 0;
        for task in tasks.collect::<Vec<_>>() {
            winners += usize::from(task.await.unwrap());
        }
        assert_eq!(winners, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_renewed_while_the_job_is_done() {
        let site = Site::new();
        let held = site.ours().await;
        let job = async {
            for _ in 0..10 {
                site.pass(TERM / 2);
                tokio::time::sleep(TERM / 2).await;
                assert!(site.theirs().await > TERM / 4);
            }
            Ok("done")
        };
        assert_eq!(held.during(job).await.unwrap(), Some("done"));
        let failed = held.during(async { Err::<(), _>(Error::new(Kind::Internal, "no")) }).await;
        assert_eq!(failed.unwrap_err().kind(), Kind::Internal);
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_whose_lease_is_lost_stops() {
        let site = Site::new();
        let held = site.ours().await;
        site.pass(TERM);
        let other = site.ours().await;
        let outcome = held.during(std::future::pending::<Result<()>>()).await;
        assert_eq!(outcome.unwrap(), None);
        let stored = read::<Lease>(&*site.store, &Lease::key_of("job")).await.unwrap();
        assert_eq!(stored.unwrap().1.holder, other.holder);
    }
}
