//! For operators and their machines: is it alive, is it ready, how is it doing.

use crate::error::{Failure, Result};
use crate::web::Shared;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use holdfast_registry::Error;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderName, StatusCode};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::Registry;
use std::fmt::{self, Display};
use std::sync::Arc;
use std::time::Duration;

/// How long a part may take to say that it works.
const READY_LIMIT: Duration = Duration::from_secs(2);

const NOT_STORED: (HeaderName, &str) = (CACHE_CONTROL, "no-store");

/// Whether the process answers at all.
pub(crate) async fn livez() -> Response {
    ([NOT_STORED], "alive\n").into_response()
}

/// Whether the database and the file storage answer; says which does not. Why not is in the log only.
pub(crate) async fn readyz(State(shared): State<Arc<Shared>>) -> Response {
    let database = async { shared.holdfast.store().check().await.map_err(Error::from) };
    let storage = async { shared.holdfast.blobs().check().await.map_err(Error::from) };
    let (database, storage) = tokio::join!(ask("database", database), ask("storage", storage));
    let is_ready = database == WORKS && storage == WORKS;
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [NOT_STORED], format!("database: {database}\nstorage: {storage}\n")).into_response()
}

const WORKS: &str = "works";

async fn ask(part: &'static str, check: impl Future<Output = Result<(), Error>>) -> &'static str {
    let fault: Box<dyn Display + Send> = match tokio::time::timeout(READY_LIMIT, check).await {
        Ok(Ok(())) => return WORKS,
        Ok(Err(error)) => Box::new(format!("{error:?}")),
        Err(elapsed) => Box::new(elapsed),
    };
    tracing::warn!(part, error = %fault, "not ready");
    "does not work; the server's log says why"
}

/// All numbers, for Prometheus.
pub(crate) async fn metrics(State(shared): State<Arc<Shared>>) -> Result<Response> {
    let mut page = Registry::default();
    shared.holdfast.metrics().register(&mut page);
    page.register_collector(Box::new(shared.metrics.clone()));
    page.register_collector(Box::new(Process {
        uptime: shared.holdfast.outside().instant().saturating_duration_since(shared.started),
        uploads: shared.settings.max_uploads - shared.uploads.available_permits(),
    }));
    let mut body = String::with_capacity(16 * 1024);
    text::encode(&mut body, &page).map_err(|_| Failure::internal("the metrics could not be written"))?;
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    Ok(([(CONTENT_TYPE, kind), NOT_STORED], body).into_response())
}

/// Numbers about the process.
#[derive(Debug)]
struct Process {
    uptime: Duration,
    uploads: usize,
}

impl Collector for Process {
    fn encode(&self, mut page: DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Seconds since the start";
        let gauge = page.encode_descriptor("holdfast_uptime_seconds", help, None, MetricType::Gauge)?;
        ConstGauge::new(self.uptime.as_secs_f64()).encode(gauge)?;
        let help = "Uploads under way";
        let gauge = page.encode_descriptor("holdfast_uploads", help, None, MetricType::Gauge)?;
        ConstGauge::new(i64::try_from(self.uploads).unwrap_or(i64::MAX)).encode(gauge)
    }
}
