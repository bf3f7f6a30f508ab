//! Numbers about requests: how many, how long, how large, how many at this moment.
//!
//! A request writes a few counters that are its thread's own; labels exist only on the page. Hence no lock, no
//! locked instruction, and no cache line that two cores fight for.

use http::{Method, StatusCode};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use std::fmt;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use thread_local::ThreadLocal;

/// Kinds of addresses, for the numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Class {
    /// `config.json`
    Config,
    /// Index files.
    Index,
    /// `.crate` files.
    Download,
    /// Publishes.
    Publish,
    /// Other writes of cargo's web API.
    Change,
    /// Reads of cargo's web API.
    Read,
    /// The server's own API.
    Api,
    /// Pages, and what does not exist.
    Page,
    /// Health and metrics.
    Operations,
}

const CLASSES: [(Class, &str); 9] = [
    (Class::Config, "config"),
    (Class::Index, "index"),
    (Class::Download, "download"),
    (Class::Publish, "publish"),
    (Class::Change, "change"),
    (Class::Read, "read"),
    (Class::Api, "api"),
    (Class::Page, "page"),
    (Class::Operations, "operations"),
];

impl Class {
    /// The class of a request that is none of the hot ones.
    pub(crate) fn of(method: &Method, path: &str) -> Class {
        let Some(rest) = path.strip_prefix("/r/") else {
            return match path {
                "/livez" | "/readyz" | "/metrics" => Class::Operations,
                _ if path.starts_with("/api/") => Class::Api,
                _ => Class::Page,
            };
        };
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        match rest.split_once('/').map_or("", |(_, inner)| inner) {
            "index/config.json" => Class::Config,
            "api/v1/crates/new" if *method == Method::PUT => Class::Publish,
            inner if inner.starts_with("index/") => Class::Index,
            inner if inner.starts_with("dl/") => Class::Download,
            inner if inner.starts_with("api/") && inner.ends_with("/download") && is_read => Class::Download,
            inner if inner.starts_with("api/") => {
                if is_read {
                    Class::Read
                } else {
                    Class::Change
                }
            }
            _ => Class::Page,
        }
    }
}

/// The statuses that are sent; the last slot counts all others.
const STATUSES: [u16; 20] =
    [200, 201, 204, 206, 304, 400, 401, 403, 404, 405, 408, 409, 413, 416, 429, 500, 501, 502, 503, 0];

/// Upper bounds of the latency buckets in microseconds.
const BOUNDS: [u64; 16] = [
    50,
    100,
    250,
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    1_000_000,
    5_000_000,
    30_000_000,
    u64::MAX,
];

/// The numbers of one class.
#[derive(Default)]
struct Numbers {
    statuses: [AtomicU64; STATUSES.len()],
    buckets: [AtomicU64; BOUNDS.len()],
    micros: AtomicU64,
    bytes: AtomicU64,
}

/// The numbers that one thread writes; aligned so that no two shards share a cache line.
#[derive(Default)]
#[repr(align(128))]
struct Shard {
    classes: [Numbers; CLASSES.len()],
    /// Those that began here less those that ended here.
    in_flight: AtomicI64,
}

/// All numbers about requests.
#[derive(Default)]
pub(crate) struct HttpMetrics(ThreadLocal<Shard>);

/// A request that is being answered; counts itself out when dropped, also when its client went away.
pub(crate) struct InFlight<'a>(&'a HttpMetrics);

impl HttpMetrics {
    /// Counts a request in.
    pub(crate) fn begin(&self) -> InFlight<'_> {
        self.add_in_flight(1);
        InFlight(self)
    }

    /// Counts an answer.
    pub(crate) fn answered(&self, class: Class, status: StatusCode, elapsed: Duration, bytes: u64) {
        let numbers = &self.0.get_or_default().classes[class as usize];
        let code = status.as_u16();
        let slot = STATUSES.iter().position(|known| *known == code).unwrap_or(STATUSES.len() - 1);
        let micros = u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.iter().position(|bound| micros <= *bound).unwrap_or(BOUNDS.len() - 1);
        add(&numbers.statuses[slot], 1);
        add(&numbers.buckets[bucket], 1);
        add(&numbers.micros, micros);
        add(&numbers.bytes, bytes);
    }

    fn add_in_flight(&self, more: i64) {
        let in_flight = &self.0.get_or_default().in_flight;
        in_flight.store(in_flight.load(Relaxed).wrapping_add(more), Relaxed);
    }

    fn count_in_flight(&self) -> i64 {
        self.0.iter().map(|shard| shard.in_flight.load(Relaxed)).sum()
    }

    fn sum(&self, of: impl Fn(&Shard) -> &AtomicU64) -> u64 {
        self.0.iter().map(|shard| of(shard).load(Relaxed)).sum()
    }

    fn encode_counts(&self, page: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Requests answered, by class of address and status";
        let mut family = page.encode_descriptor("holdfast_http_requests", help, None, MetricType::Counter)?;
        for (class, label) in CLASSES {
            for (slot, status) in STATUSES.iter().enumerate() {
                let count = self.sum(|shard| &shard.classes[class as usize].statuses[slot]);
                if count > 0 {
                    let status = if *status == 0 { "other".to_owned() } else { status.to_string() };
                    let labels = [("class", label), ("status", status.as_str())];
                    ConstCounter::new(count).encode(family.encode_family(&labels)?)?;
                }
            }
        }
        Ok(())
    }

    fn encode_bytes(&self, page: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Bytes of answered bodies, by class of address";
        let mut family =
            page.encode_descriptor("holdfast_http_sent_bytes", help, None, MetricType::Counter)?;
        for (class, label) in CLASSES {
            let bytes = self.sum(|shard| &shard.classes[class as usize].bytes);
            ConstCounter::new(bytes).encode(family.encode_family(&[("class", label)])?)?;
        }
        Ok(())
    }

    fn encode_latencies(&self, page: &mut DescriptorEncoder<'_>) -> fmt::Result {
        let help = "Time until a response began, by class of address";
        let name = "holdfast_http_request_duration_seconds";
        let mut family = page.encode_descriptor(name, help, None, MetricType::Histogram)?;
        for (class, label) in CLASSES {
            self.encode_latency(class, family.encode_family(&[("class", label)])?)?;
        }
        Ok(())
    }

    fn encode_latency(&self, class: Class, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let buckets: Vec<(f64, u64)> = BOUNDS
            .iter()
            .enumerate()
            .map(|(slot, bound)| {
                let seconds = if *bound == u64::MAX {
                    f64::INFINITY
                } else {
                    Duration::from_micros(*bound).as_secs_f64()
                };
                (seconds, self.sum(|shard| &shard.classes[class as usize].buckets[slot]))
            })
            .collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        let micros = self.sum(|shard| &shard.classes[class as usize].micros);
        let seconds = Duration::from_micros(micros).as_secs_f64();
        encoder.encode_histogram::<NoLabelSet>(seconds, count, &buckets, None)
    }
}

impl Collector for HttpMetrics {
    fn encode(&self, mut page: DescriptorEncoder<'_>) -> fmt::Result {
        self.encode_counts(&mut page)?;
        self.encode_bytes(&mut page)?;
        self.encode_latencies(&mut page)?;
        let help = "Requests that are being answered";
        let gauge =
            page.encode_descriptor("holdfast_http_requests_in_flight", help, None, MetricType::Gauge)?;
        ConstGauge::new(self.count_in_flight()).encode(gauge)
    }
}

impl fmt::Debug for HttpMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HttpMetrics")
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.add_in_flight(-1);
    }
}

/// Adds to a counter that only this thread writes.
fn add(counter: &AtomicU64, more: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(more), Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_of_classes_is_in_the_order_of_the_enum() {
        for (position, (class, _)) in CLASSES.iter().enumerate() {
            assert_eq!(*class as usize, position);
        }
    }

    #[test]
    fn classes_of_addresses() {
        for (method, path, class) in [
            (Method::GET, "/r/main/index/config.json", Class::Config),
            (Method::GET, "/r/main/index/1/a%20", Class::Index),
            (Method::GET, "/r/main/dl/a/1.0.0%2Bb/download", Class::Download),
            (Method::GET, "/r/main/api/v1/crates/a/1.0.0/download", Class::Download),
            (Method::PUT, "/r/main/api/v1/crates/new", Class::Publish),
            (Method::DELETE, "/r/main/api/v1/crates/a/1.0.0/yank", Class::Change),
            (Method::GET, "/r/main/api/v1/crates", Class::Read),
            (Method::GET, "/api/v1/users", Class::Api),
            (Method::GET, "/metrics", Class::Operations),
            (Method::GET, "/r/main/me", Class::Page),
            (Method::GET, "/nothing", Class::Page),
        ] {
            assert_eq!(Class::of(&method, path), class, "{method} {path}");
        }
    }

    #[test]
    fn a_request_counts_once() {
        let metrics = HttpMetrics::default();
        let in_flight = metrics.begin();
        metrics.answered(Class::Index, StatusCode::OK, Duration::from_micros(70), 100);
        metrics.answered(Class::Index, StatusCode::IM_A_TEAPOT, Duration::from_secs(99), 0);
        assert_eq!(metrics.sum(|shard| &shard.classes[Class::Index as usize].statuses[0]), 1);
        assert_eq!(
            metrics.sum(|shard| &shard.classes[Class::Index as usize].statuses[STATUSES.len() - 1]),
            1
        );
        assert_eq!(metrics.sum(|shard| &shard.classes[Class::Index as usize].buckets[1]), 1);
        drop(in_flight);
        assert_eq!(metrics.count_in_flight(), 0);
    }
}
