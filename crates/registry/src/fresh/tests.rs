//! The rule of the cache, over a source whose answers wait until a test lets them go.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use super::*;
use std::sync::Mutex;
use tokio::sync::{mpsc, oneshot};

const BOUND: Duration = Duration::from_secs(1);

/// A clock that stands still until it is moved.
struct Clock {
    began: Instant,
    millis: AtomicU64,
}

impl Outside for Clock {
    fn unix_millis(&self) -> u64 {
        self.millis.load(Ordering::SeqCst)
    }

    fn instant(&self) -> Instant {
        self.began + Duration::from_millis(self.unix_millis())
    }

    fn random(&self, _: &mut [u8]) {}
}

type Answer = Result<Option<u32>, &'static str>;
type Asked = (Option<u32>, oneshot::Sender<Answer>);

/// Hands each question to the test, with what the cache knew, and waits for its answer.
#[derive(Clone)]
struct Slow(mpsc::UnboundedSender<Asked>);

impl Source<String, u32> for Slow {
    type Error = &'static str;

    fn is_outage(error: &&'static str) -> bool {
        *error == "outage"
    }

    async fn load(&self, _: &String, known: Option<u32>) -> Answer {
        let (answer, answered) = oneshot::channel();
        self.0.send((known, answer)).unwrap();
        answered.await.unwrap()
    }
}

/// Answers at once, and counts.
#[derive(Clone)]
struct Quick(Arc<Mutex<(u32, Answer)>>);

impl Quick {
    fn new(answer: Answer) -> Quick {
        Quick(Arc::new(Mutex::new((0, answer))))
    }

    fn set(&self, answer: Answer) {
        self.0.lock().unwrap().1 = answer;
    }

    fn loads(&self) -> u32 {
        self.0.lock().unwrap().0
    }
}

impl Source<String, u32> for Quick {
    type Error = &'static str;

    fn is_outage(error: &&'static str) -> bool {
        *error == "outage"
    }

    async fn load(&self, _: &String, _: Option<u32>) -> Answer {
        let mut state = self.0.lock().unwrap();
        state.0 += 1;
        state.1
    }
}

fn cache() -> (Arc<Clock>, Arc<Fresh<String, u32>>) {
    let clock = Arc::new(Clock { began: Instant::now(), millis: AtomicU64::new(0) });
    let bounds = Bounds { staleness: BOUND, outage_grace: 10 * BOUND };
    let cache = Fresh::new(clock.clone(), bounds, 100, 100, |_| 1);
    (clock, Arc::new(cache))
}

fn slow() -> (Slow, mpsc::UnboundedReceiver<Asked>) {
    let (asked, questions) = mpsc::unbounded_channel();
    (Slow(asked), questions)
}

async fn get<S: Source<String, u32, Error = &'static str>>(
    cache: &Arc<Fresh<String, u32>>,
    source: &S,
) -> Answer {
    cache.get("key", || "key".to_owned(), source, cache.outside.instant()).await
}

fn spawn(cache: &Arc<Fresh<String, u32>>, source: &Slow) -> tokio::task::JoinHandle<Answer> {
    let (cache, source) = (cache.clone(), source.clone());
    tokio::spawn(async move { get(&cache, &source).await })
}

fn pass(clock: &Clock, millis: u64) {
    clock.millis.fetch_add(millis, Ordering::SeqCst);
}

async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn ages_decide_who_waits() {
    let (clock, cache) = cache();
    let source = Quick::new(Ok(Some(1)));
    assert_eq!(get(&cache, &source).await, Ok(Some(1)));
    source.set(Ok(Some(2)));
    pass(&clock, 500);
    assert_eq!(get(&cache, &source).await, Ok(Some(1)));
    settle().await;
    assert_eq!(source.loads(), 1, "half the bound is still young");
    pass(&clock, 1);
    assert_eq!(get(&cache, &source).await, Ok(Some(1)));
    settle().await;
    assert_eq!((source.loads(), get(&cache, &source).await), (2, Ok(Some(2))));
    source.set(Ok(Some(3)));
    pass(&clock, 1000);
    assert_eq!((get(&cache, &source).await, source.loads()), (Ok(Some(3)), 3));
}

#[tokio::test]
async fn what_is_taken_along_is_good_while_it_is_young_and_not_forgotten() {
    let (clock, cache) = cache();
    let source = Quick::new(Ok(Some(1)));
    let take = async || {
        let taken = cache.take("key", || "key".to_owned(), &source, clock.instant()).await;
        taken.unwrap().unwrap()
    };
    let taken = take().await;
    pass(&clock, 500);
    assert!(cache.still_gives(&taken, clock.instant()));
    pass(&clock, 1);
    assert!(!cache.still_gives(&taken, clock.instant()), "it is time for a check");
    cache.forget("key");
    let taken = take().await;
    assert!(cache.still_gives(&taken, clock.instant()));
    cache.forget("key");
    assert!(!cache.still_gives(&taken, clock.instant()));
    let taken = take().await;
    cache.clear();
    assert!(!cache.still_gives(&taken, clock.instant()));
    assert_eq!((*taken.value(), source.loads()), (1, 3));
}

#[tokio::test]
async fn absence_and_failure_are_not_kept() {
    let (clock, cache) = cache();
    let source = Quick::new(Ok(None));
    assert_eq!((get(&cache, &source).await, get(&cache, &source).await), (Ok(None), Ok(None)));
    assert_eq!(source.loads(), 2);
    source.set(Err("down"));
    assert_eq!(get(&cache, &source).await, Err("down"));
    source.set(Ok(Some(1)));
    assert_eq!(get(&cache, &source).await, Ok(Some(1)));
    // A failed check behind leaves the entry as it is, and the next caller tries again.
    source.set(Err("down"));
    pass(&clock, 600);
    for loads in [5, 6] {
        assert_eq!(get(&cache, &source).await, Ok(Some(1)));
        settle().await;
        assert_eq!(source.loads(), loads);
    }
    pass(&clock, 400);
    assert_eq!(get(&cache, &source).await, Err("down"), "beyond the bound there is no answer");
    source.set(Ok(None));
    assert_eq!(get(&cache, &source).await, Ok(None));
    source.set(Err("down"));
    assert_eq!(get(&cache, &source).await, Err("down"), "what is gone is not remembered");
}

#[tokio::test]
async fn one_checks_for_all_that_wait() {
    let (clock, cache) = cache();
    get(&cache, &Quick::new(Ok(Some(1)))).await.unwrap();
    pass(&clock, 1000);
    let (source, mut questions) = slow();
    let waiting: Vec<_> = (0..5).map(|_| spawn(&cache, &source)).collect();
    settle().await;
    let (known, answer) = questions.recv().await.unwrap();
    assert_eq!(known, Some(1));
    answer.send(Ok(Some(2))).unwrap();
    for waiting in waiting {
        assert_eq!(waiting.await.unwrap(), Ok(Some(2)));
    }
    assert!(questions.try_recv().is_err());
}

#[tokio::test]
async fn a_load_that_began_before_a_forget_is_not_kept() {
    let (_, cache) = cache();
    let (source, mut questions) = slow();
    let early = spawn(&cache, &source);
    let (_, early_answer) = questions.recv().await.unwrap();
    cache.forget("key");
    let late = spawn(&cache, &source);
    let (_, late_answer) = questions.recv().await.unwrap();
    late_answer.send(Ok(Some(2))).unwrap();
    assert_eq!(late.await.unwrap(), Ok(Some(2)));
    early_answer.send(Ok(Some(1))).unwrap();
    assert_eq!(early.await.unwrap(), Ok(Some(1)), "whoever asked before the change may see what was before");
    // Nobody after does: the next one gets the new value, or asks.
    let source = Quick::new(Ok(Some(2)));
    assert_eq!(get(&cache, &source).await, Ok(Some(2)));
}

#[tokio::test]
async fn clearing_forgets_loads_that_are_under_way() {
    let (_, cache) = cache();
    let (source, mut questions) = slow();
    let early = spawn(&cache, &source);
    let (_, answer) = questions.recv().await.unwrap();
    cache.clear();
    answer.send(Ok(Some(1))).unwrap();
    assert_eq!(early.await.unwrap(), Ok(Some(1)));
    assert_eq!(get(&cache, &Quick::new(Ok(Some(2)))).await, Ok(Some(2)));
}

#[tokio::test]
async fn a_slow_check_counts_from_its_beginning() {
    let (clock, cache) = cache();
    let (source, mut questions) = slow();
    let slow = spawn(&cache, &source);
    let (_, answer) = questions.recv().await.unwrap();
    pass(&clock, 1500);
    answer.send(Ok(Some(1))).unwrap();
    assert_eq!(slow.await.unwrap(), Ok(Some(1)));
    assert_eq!(get(&cache, &Quick::new(Ok(Some(2)))).await, Ok(Some(2)), "it was old when it came");
}

#[tokio::test]
async fn an_outage_is_outlasted_until_the_source_answers_or_the_grace_ends() {
    let (clock, cache) = cache();
    let source = Quick::new(Ok(Some(1)));
    assert_eq!(get(&cache, &source).await, Ok(Some(1)));
    source.set(Err("outage"));
    pass(&clock, 5000);
    assert_eq!(get(&cache, &source).await, Ok(Some(1)), "the one who hears of the outage");
    assert_eq!(get(&cache, &source).await, Ok(Some(1)), "whoever comes after");
    settle().await;
    source.set(Ok(Some(2)));
    assert_eq!(get(&cache, &source).await, Ok(Some(1)), "does not wait to see whether it is over");
    settle().await;
    assert_eq!(get(&cache, &source).await, Ok(Some(2)));
    source.set(Err("outage"));
    pass(&clock, 10_000);
    assert_eq!(get(&cache, &source).await, Err("outage"), "the grace is over");
    assert_eq!(get(&cache, &source).await, Err("outage"));
    source.set(Err("broken"));
    pass(&clock, 1);
    assert_eq!(get(&cache, &source).await, Err("broken"), "not an outage");
}

#[tokio::test]
async fn whoever_misses_something_asks_at_once_and_for_all() {
    let (_, cache) = cache();
    let source = Quick::new(Ok(Some(1)));
    let get_now = || cache.get_now("key".to_owned(), &source);
    assert_eq!(get(&cache, &source).await, Ok(Some(1)));
    source.set(Ok(Some(2)));
    assert_eq!(get_now().await, Ok(Some(2)));
    assert_eq!((get(&cache, &source).await, source.loads()), (Ok(Some(2)), 2));
    source.set(Err("outage"));
    assert_eq!(get_now().await, Err("outage"));
    assert_eq!(get(&cache, &source).await, Ok(Some(2)), "what is there stays there");
}
