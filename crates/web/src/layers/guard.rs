//! The limits that hold for every request.

use crate::error::{Failure, Result};
use futures_util::FutureExt;
use holdfast_registry::{Error, Kind};
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

/// Awaits the answer to a request, which is best handed in pinned: a future that is handed on by value is
/// copied each time. A panic becomes a failure (the panic hook has logged it), and so does an
/// answer that takes longer than the limit. An answer that needs no waiting costs no timer.
pub(crate) async fn guarded<T>(limit: Option<Duration>, answer: impl Future<Output = T>) -> Result<T> {
    let answer = AssertUnwindSafe(answer).catch_unwind();
    let result = match limit {
        None => answer.await,
        Some(limit) => within(limit, answer).await.map_err(|_| too_slow(limit))?,
    };
    result.map_err(|_| Failure::internal("the server failed at this request; its log says more"))
}

/// Awaits something for a limited time; no timer is made when it needs no waiting.
pub(crate) async fn within<T>(limit: Duration, future: impl Future<Output = T>) -> Result<T, Elapsed> {
    let mut future = pin!(future);
    match std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await {
        Poll::Ready(result) => Ok(result),
        Poll::Pending => timeout(limit, future).await,
    }
}

fn too_slow(limit: Duration) -> Failure {
    let detail = format!("the server could not answer within {} seconds; try again later", limit.as_secs());
    Error::new(Kind::Unavailable, detail).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::StatusCode;

    #[tokio::test]
    async fn waiting_and_panics_end() {
        let limit = Some(Duration::from_millis(20));
        assert_eq!(guarded(limit, async { 1 }).await.expect("at once"), 1);
        let slow = guarded(limit, std::future::pending::<()>()).await.expect_err("never");
        assert_eq!(slow.status(), StatusCode::SERVICE_UNAVAILABLE);
        for wait in [false, true] {
            let fails = guarded(limit, async move {
                if wait {
                    tokio::task::yield_now().await;
                }
                panic!("on purpose")
            });
            let failure: Result<()> = fails.await;
            assert_eq!(failure.expect_err("a panic").status(), StatusCode::INTERNAL_SERVER_ERROR);
        }
    }
}
