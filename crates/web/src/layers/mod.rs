//! What every request passes: limits in time, protection from panics, the request id, numbers and the log.

mod access_log;
mod guard;
mod metrics;
mod request_id;

pub(crate) use access_log::Line;
pub(crate) use guard::{guarded, within};
pub(crate) use metrics::{Class, HttpMetrics};
pub(crate) use request_id::RequestIds;
