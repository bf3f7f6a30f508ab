//! Starts logging: to standard error, as text or as JSON.

use std::io;

use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::failure::Failure;
use crate::options::{Config, LogFormat};

/// Sends the events of this process to standard error. Can be done once a process.
pub fn start(config: &Config) -> Result<(), Failure> {
    let lines = fmt().with_max_level(LevelFilter::TRACE).with_writer(io::stderr).with_ansi(false);
    let filter = config.log.filter();
    let started = match config.log_format {
        LogFormat::Text => lines.finish().with(filter).try_init(),
        LogFormat::Json => lines.json().flatten_event(true).finish().with(filter).try_init(),
    };
    started.map_err(|error| Failure::new(format!("cannot start logging: {error}")))
}
