//! Work beside the requests: the search index, counts, the sweeper. Each task is supervised: it runs in a
//! loop, a failure is logged, counted and retried after a growing pause, and a shutdown lets it finish.

use crate::actor::Actor;
use crate::counters::FLUSH_INTERVAL;
use crate::error::Result;
use crate::holdfast::Holdfast;
use crate::indexing::Tail;
use crate::lease::{Held, Turn};
use std::time::Duration;
use tokio::sync::watch;

/// How often the search index looks for changes that other processes made.
const INDEX_INTERVAL: Duration = Duration::from_secs(1);
/// After a local change the search index waits so long for more of them,
const INDEX_GATHER: Duration = Duration::from_millis(50);
/// or, when changes come without end, so many times as long as indexing the last ones took, up to the interval.
const INDEX_REST: u32 = 9;
/// For how long a process that sweeps says so at a time; when it dies, another one sweeps after that.
const SWEEP_TERM: Duration = Duration::from_secs(20);
/// How often what is over is cleared away.
const CLEAR_INTERVAL: Duration = Duration::from_hours(1);
/// The longest pause after a failure.
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Tells tasks to end; dropping it does too.
pub type Shutdown = watch::Receiver<bool>;

impl Holdfast {
    /// Runs everything until the shutdown, and then writes out what is counted in memory.
    pub async fn run_background(&self, shutdown: Shutdown) {
        tokio::join!(
            self.supervise("search-index", shutdown.clone(), super::holdfast::Holdfast::keep_index),
            self.supervise("counters", shutdown.clone(), super::holdfast::Holdfast::keep_counts),
            self.supervise("ended", shutdown.clone(), super::holdfast::Holdfast::keep_clearing),
            self.supervise("sweeper", shutdown, super::holdfast::Holdfast::keep_sweeping),
        );
    }

    async fn supervise<F>(
        &self,
        task: &'static str,
        mut shutdown: Shutdown,
        run: impl Fn(Holdfast, Shutdown) -> F,
    ) where
        F: Future<Output = Result<()>> + Send + 'static,
    {
        let mut pause = Duration::from_secs(1);
        loop {
            // A task of its own, so that a panic ends this run only.
            match tokio::spawn(run(self.clone(), shutdown.clone())).await {
                Ok(Ok(())) => return,
                Ok(Err(error)) => tracing::error!(task, error = ?error, "a background task failed"),
                Err(error) => tracing::error!(task, error = ?error, "a background task panicked"),
            }
            self.metrics.restarts.get_or_create(&vec![("task".to_owned(), task.to_owned())]).inc();
            if ended(&mut shutdown, pause).await {
                return;
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn keep_index(self, mut shutdown: Shutdown) -> Result<()> {
        let mut tail = Tail::default();
        loop {
            let began = self.outside.instant();
            self.index_changes(&mut tail).await?;
            let rest = (self.outside.age(began) * INDEX_REST).clamp(INDEX_GATHER, INDEX_INTERVAL);
            tokio::select! {
                is_over = ended(&mut shutdown, INDEX_INTERVAL) => if is_over { return Ok(()) },
                () = self.changed.notified() => if ended(&mut shutdown, rest).await { return Ok(()) },
            }
        }
    }

    async fn keep_counts(self, mut shutdown: Shutdown) -> Result<()> {
        loop {
            let is_over = ended(&mut shutdown, FLUSH_INTERVAL).await;
            self.flush_counters().await?;
            self.flush_token_uses().await?;
            if is_over {
                return Ok(());
            }
        }
    }

    async fn keep_clearing(self, mut shutdown: Shutdown) -> Result<()> {
        let mut wait = CLEAR_INTERVAL;
        while !ended(&mut shutdown, wait).await {
            wait = match Held::take(&self.store, &self.outside, "ended", SWEEP_TERM).await? {
                Turn::Theirs(time) => time.min(CLEAR_INTERVAL),
                Turn::Ours(held) => {
                    let cleared = held.during(self.clear_ended()).await?;
                    held.rest(CLEAR_INTERVAL).await?;
                    tracing::debug!(cleared, "cleared away what is over");
                    CLEAR_INTERVAL
                }
            };
        }
        Ok(())
    }

    async fn keep_sweeping(self, mut shutdown: Shutdown) -> Result<()> {
        let interval = self.settings.sweep_interval;
        if interval.is_zero() {
            return Ok(());
        }
        // The first sweep comes an interval after the start: a server that is started often sweeps seldom.
        let mut wait = interval;
        while !ended(&mut shutdown, wait).await {
            wait = match Held::take(&self.store, &self.outside, "sweep", SWEEP_TERM).await? {
                Turn::Theirs(time) => time.min(interval),
                Turn::Ours(held) => {
                    self.sweep_for_all(held, interval).await?;
                    interval
                }
            };
        }
        Ok(())
    }

    /// Sweeps, so that no process sweeps again before the interval is over.
    async fn sweep_for_all(&self, held: Held, interval: Duration) -> Result<()> {
        let swept = match held.during(self.sweep(&Actor::operator(), self.settings.sweep_grace)).await {
            Ok(Some(swept)) => swept,
            Ok(None) => {
                tracing::warn!("stopped sweeping, because another process began to");
                return Ok(());
            }
            Err(error) => {
                // The failure is what matters; a lease that cannot be given back ends by itself.
                let _ = held.rest(Duration::ZERO).await;
                return Err(error);
            }
        };
        tracing::info!(
            seen = swept.seen,
            condemned = swept.condemned,
            restored = swept.restored,
            purged = swept.purged,
            "swept unreferenced files"
        );
        held.rest(interval).await
    }
}

/// Waits; `true` when the shutdown came first.
async fn ended(shutdown: &mut Shutdown, wait: Duration) -> bool {
    tokio::time::timeout(wait, shutdown.wait_for(|over| *over)).await.is_ok()
}
