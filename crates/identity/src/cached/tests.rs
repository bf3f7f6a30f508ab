//! How often others are asked, and what serves when they do not answer.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::Cause;

const START: i64 = 1_800_000_000;

/// A system that counts how often it is asked.
struct Asked {
    cached: Cached<u32>,
    times: AtomicU32,
}

impl Asked {
    fn new() -> Asked {
        Asked { cached: Cached::new(), times: AtomicU32::new(0) }
    }

    async fn ask(&self, is_up: bool) -> Result<u32, Unavailable> {
        let times = self.times.fetch_add(1, Ordering::Relaxed) + 1;
        // Lets the others run.
        tokio::task::yield_now().await;
        let url = "https://i.example".parse().unwrap();
        if is_up { Ok(times) } else { Err(Unavailable { url, cause: Cause::Slow }) }
    }

    async fn fresh(&self, second: i64, is_up: bool) -> Option<u32> {
        let now = Timestamp::from_unix_seconds(START + second);
        self.cached.fresh(now, async || self.ask(is_up).await).await.ok().map(|answer| *answer)
    }

    async fn other(&self, second: i64, is_up: bool) -> Option<u32> {
        let now = Timestamp::from_unix_seconds(START + second);
        let known = self.cached.lock().answer.clone().unwrap().1;
        self.cached.other_than(&known, now, async || self.ask(is_up).await).await.ok().map(|answer| *answer)
    }
}

#[tokio::test]
async fn an_answer_serves_for_minutes() {
    let asked = Asked::new();
    assert_eq!(asked.fresh(0, true).await, Some(1));
    assert_eq!(asked.fresh(599, false).await, Some(1));
    assert_eq!(asked.fresh(600, true).await, Some(2));
}

#[tokio::test]
async fn an_old_answer_serves_for_an_hour_when_there_is_no_other() {
    let asked = Asked::new();
    assert_eq!(asked.fresh(0, true).await, Some(1));
    assert_eq!(asked.fresh(3599, false).await, Some(1));
    assert_eq!(asked.fresh(3600, false).await, None);
    assert_eq!(asked.fresh(3602, true).await, Some(3));
}

#[tokio::test]
async fn a_newer_answer_is_asked_for_twice_a_minute_at_most() {
    let asked = Asked::new();
    assert_eq!(asked.fresh(0, true).await, Some(1));
    assert_eq!(asked.other(29, true).await, Some(1));
    assert_eq!(asked.other(30, true).await, Some(2));
    assert_eq!(asked.other(59, true).await, Some(2));
    assert_eq!(asked.other(60, false).await, None);
    assert_eq!(asked.other(61, true).await, None);
    assert_eq!(asked.fresh(61, true).await, Some(2), "others do not notice");
    assert_eq!(asked.other(62, true).await, Some(4));
}

#[tokio::test]
async fn failures_are_not_repeated_at_once() {
    let asked = Asked::new();
    assert_eq!(asked.fresh(0, false).await, None);
    assert_eq!(asked.fresh(1, true).await, None);
    assert_eq!(asked.fresh(2, true).await, Some(2));
}

#[tokio::test]
async fn many_wait_for_one() {
    for is_up in [true, false] {
        let asked = Arc::new(Asked::new());
        // Those that come while somebody asks may come much later than that one did.
        let tasks: Vec<_> = (0..50)
            .map(|number| {
                let asked = asked.clone();
                tokio::spawn(async move { asked.fresh(number, is_up).await })
            })
            .collect();
        for task in tasks {
            assert_eq!(task.await.unwrap(), is_up.then_some(1));
        }
        assert_eq!(asked.times.load(Ordering::Relaxed), 1);
    }
}

#[tokio::test]
async fn whoever_gives_up_leaves_the_question_to_the_next() {
    let asked = Asked::new();
    let mut first = Box::pin(asked.fresh(0, true));
    assert!(
        std::future::poll_fn(|context| std::task::Poll::Ready(first.as_mut().poll(context)))
            .await
            .is_pending()
    );
    drop(first);
    assert_eq!(asked.fresh(0, true).await, Some(2));
}
