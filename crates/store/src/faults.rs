//! A decorator that fails chosen calls, for tests of what an operation leaves behind.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::contract::{Batch, Doc, Key, Scan, Store, StoreError};

/// How a call fails. A read can only be unavailable, whatever the fault says, and only a commit conflicts;
/// elsewhere a conflict is unavailability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing happens, and the caller is told so.
    Unavailable,
    /// Nothing happens, and the caller is told that the outcome is unknown.
    UnknownBefore,
    /// It takes effect, and the caller is told that the outcome is unknown.
    UnknownAfter,
    /// Nothing happens, as if another commit had come first.
    Conflict,
}

/// One call of a store, as a predicate sees it.
#[derive(Clone, Copy, Debug)]
pub enum Call<'a> {
    /// [`Store::get_many`].
    GetMany(&'a [Key]),
    /// [`Store::scan`].
    Scan(&'a Scan),
    /// [`Store::commit`].
    Commit(&'a Batch),
    /// [`Store::count`].
    Count(&'a [(Key, i64)]),
    /// [`Store::counters`].
    Counters(&'a Scan),
    /// [`Store::check`].
    Check,
}

/// A store in front of another one that fails when it is told to. Nothing fails until then.
///
/// A failpoint test runs its operation with the first call failing, then the second, until a run in which
/// nothing [fired](Faults::fired).
pub struct Faults {
    inner: Arc<dyn Store>,
    plan: Mutex<Plan>,
}

type Predicate = Box<dyn Fn(&Call<'_>) -> bool + Send + Sync>;

#[derive(Default)]
struct Plan {
    calls: u64,
    fired: u64,
    nth: Option<(u64, Fault)>,
    when: Option<(Predicate, Fault)>,
}

impl Faults {
    /// Stands in front of `inner`.
    pub fn new(inner: Arc<dyn Store>) -> Faults {
        Faults { inner, plan: Mutex::default() }
    }

    /// Fails the `nth` call from now on, counted from 1, and none after it.
    pub fn fail_nth(&self, nth: u64, fault: Fault) {
        let mut plan = self.plan();
        plan.nth = Some((plan.calls + nth, fault));
    }

    /// Fails every call that the predicate chooses, until [`Faults::clear`].
    pub fn fail_when(&self, fault: Fault, choose: impl Fn(&Call<'_>) -> bool + Send + Sync + 'static) {
        self.plan().when = Some((Box::new(choose), fault));
    }

    /// Lets every call through again.
    pub fn clear(&self) {
        let mut plan = self.plan();
        (plan.nth, plan.when) = (None, None);
    }

    /// How many calls were made, failed ones included.
    pub fn calls(&self) -> u64 {
        self.plan().calls
    }

    /// How many calls were failed.
    pub fn fired(&self) -> u64 {
        self.plan().fired
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault(&self, call: &Call<'_>) -> Option<Fault> {
        let mut plan = self.plan();
        plan.calls += 1;
        let calls = plan.calls;
        let nth = plan.nth.take_if(|(nth, _)| *nth <= calls).map(|(_, fault)| fault);
        let when = plan.when.as_ref().filter(|(choose, _)| choose(call)).map(|(_, fault)| *fault);
        let fault = nth.or(when);
        plan.fired += u64::from(fault.is_some());
        fault
    }

    fn read(&self, call: &Call<'_>) -> Result<(), StoreError> {
        self.fault(call).map_or(Ok(()), |fault| Err(unavailable(fault)))
    }
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Faults").field("engine", &self.inner.engine()).finish_non_exhaustive()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("a planned fault: {0:?}")]
struct Planned(Fault);

const ENGINE: &str = "faults";

fn unavailable(fault: Fault) -> StoreError {
    StoreError::Unavailable { engine: ENGINE, source: Planned(fault).into() }
}

fn unknown(fault: Fault) -> StoreError {
    StoreError::UnknownOutcome { engine: ENGINE, source: Planned(fault).into() }
}

#[async_trait::async_trait]
impl Store for Faults {
    fn engine(&self) -> &'static str {
        self.inner.engine()
    }

    async fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Doc>>, StoreError> {
        self.read(&Call::GetMany(keys))?;
        self.inner.get_many(keys).await
    }

    async fn scan(&self, scan: &Scan) -> Result<Vec<Doc>, StoreError> {
        self.read(&Call::Scan(scan))?;
        self.inner.scan(scan).await
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        match self.fault(&Call::Commit(&batch)) {
            None => self.inner.commit(batch).await,
            Some(Fault::Conflict) => Err(StoreError::Conflict),
            Some(fault @ Fault::Unavailable) => Err(unavailable(fault)),
            Some(fault @ Fault::UnknownBefore) => Err(unknown(fault)),
            Some(fault @ Fault::UnknownAfter) => {
                self.inner.commit(batch).await?;
                Err(unknown(fault))
            }
        }
    }

    async fn count(&self, deltas: &[(Key, i64)]) -> Result<(), StoreError> {
        match self.fault(&Call::Count(deltas)) {
            None => self.inner.count(deltas).await,
            Some(fault @ (Fault::Unavailable | Fault::Conflict)) => Err(unavailable(fault)),
            Some(fault @ Fault::UnknownBefore) => Err(unknown(fault)),
            Some(fault @ Fault::UnknownAfter) => {
                self.inner.count(deltas).await?;
                Err(unknown(fault))
            }
        }
    }

    async fn counters(&self, scan: &Scan) -> Result<Vec<(Key, i64)>, StoreError> {
        self.read(&Call::Counters(scan))?;
        self.inner.counters(scan).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.read(&Call::Check)?;
        self.inner.check().await
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests may panic")]

    use super::*;
    use crate::{Memory, Op};

    fn create(sort: &str) -> Batch {
        let mut batch = Batch::new();
        batch.add(Key::new("p", sort), Op::Create("{}".into())).unwrap();
        batch
    }

    #[tokio::test]
    async fn each_fault_does_what_it_says() {
        for (fault, applied, expected) in [
            (Fault::Unavailable, false, "Unavailable"),
            (Fault::UnknownBefore, false, "UnknownOutcome"),
            (Fault::UnknownAfter, true, "UnknownOutcome"),
            (Fault::Conflict, false, "Conflict"),
        ] {
            let store = Faults::new(Arc::new(Memory::new()));
            store.fail_nth(2, fault);
            store.commit(create("first")).await.unwrap();
            let error = store.commit(create("second")).await.unwrap_err();
            assert!(format!("{error:?}").starts_with(expected), "{fault:?}: {error:?}");
            let found = store.get_many(&[Key::new("p", "second")]).await.unwrap();
            assert_eq!(found[0].is_some(), applied, "{fault:?}");
            assert_eq!((store.calls(), store.fired()), (3, 1));
        }
    }

    #[tokio::test]
    async fn a_predicate_chooses_until_cleared() {
        let store = Faults::new(Arc::new(Memory::new()));
        store.fail_when(Fault::Conflict, |call| matches!(call, Call::Scan(scan) if scan.part == "p"));
        assert!(matches!(store.scan(&Scan::first("p", 1)).await, Err(StoreError::Unavailable { .. })));
        store.scan(&Scan::first("q", 1)).await.unwrap();
        assert!(store.scan(&Scan::first("p", 1)).await.is_err());
        store.clear();
        store.scan(&Scan::first("p", 1)).await.unwrap();
        assert_eq!((store.calls(), store.fired()), (4, 2));
    }
}
