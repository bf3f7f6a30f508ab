//! What the server counts about its operations, in Prometheus' terms.

use crate::watched::StoreMetrics;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;

/// The numbers of the operations; the web adds those of its requests.
#[derive(Default)]
pub struct Metrics {
    /// Versions published.
    pub published: Counter,
    /// Crate files handed out.
    pub downloads: Counter,
    /// Writes refused, by verb.
    pub refused: Family<Vec<(String, String)>, Counter>,
    /// How the database answers.
    pub(crate) store: StoreMetrics,
    /// Index files, accounts and registries read from the database rather than from memory.
    pub store_reads: Counter,
    /// Background tasks that ended with an error and were started again, by task.
    pub restarts: Family<Vec<(String, String)>, Counter>,
    /// Crates in the search index.
    pub searchable: Gauge,
    /// Refusals that were too many to be written to the audit log.
    pub unaudited: Counter,
}

impl Metrics {
    /// Puts them on a page.
    pub fn register(&self, page: &mut Registry) {
        self.store.register(page);
        page.register("holdfast_published", "Versions published", self.published.clone());
        page.register("holdfast_downloads", "Crate files handed out", self.downloads.clone());
        page.register("holdfast_refused", "Writes refused, by verb", self.refused.clone());
        page.register(
            "holdfast_store_reads",
            "Cache misses and checks that asked the database",
            self.store_reads.clone(),
        );
        page.register(
            "holdfast_task_restarts",
            "Background tasks started again, by task",
            self.restarts.clone(),
        );
        page.register("holdfast_searchable_crates", "Crates in the search index", self.searchable.clone());
        page.register(
            "holdfast_unaudited_refusals",
            "Refusals beyond the audit log's rate",
            self.unaudited.clone(),
        );
    }
}
