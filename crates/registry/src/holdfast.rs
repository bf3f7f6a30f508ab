//! The context of all operations: where things are kept, what time it is, what is cached. Every operation
//! is a method on [`Holdfast`], in the file named by its verb.

use crate::audit::RefusalBudget;
use crate::authenticate::{AccountCache, TokenUses};
use crate::clock::Outside;
use crate::counters::Counters;
use crate::metrics::Metrics;
use crate::registries::RegistryCache;
use crate::resolve::IndexCache;
use crate::settings::Settings;
use crate::watched::Watched;
use holdfast_blobs::Blobs;
use holdfast_search::SearchIndex;
use holdfast_store::{Retry, Store};
use std::ops::Deref;
use std::sync::Arc;

/// A registry server without its front: cheap to clone, shared by all requests.
#[derive(Clone)]
pub struct Holdfast(Arc<Inner>);

/// What a [`Holdfast`] is made of.
pub struct Parts {
    /// The metadata.
    pub store: Arc<dyn Store>,
    /// The files.
    pub blobs: Blobs,
    /// The full-text index; `None` for a command line that searches nothing.
    pub search: Option<Arc<SearchIndex>>,
    /// Time and randomness.
    pub outside: Arc<dyn Outside>,
    /// What the operator set.
    pub settings: Settings,
}

/// The shared inside of a [`Holdfast`].
pub struct Inner {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) blobs: Blobs,
    pub(crate) search: Option<Arc<SearchIndex>>,
    pub(crate) outside: Arc<dyn Outside>,
    pub(crate) settings: Settings,
    pub(crate) metrics: Metrics,
    pub(crate) counters: Counters,
    pub(crate) anonymous_refusals: RefusalBudget,
    pub(crate) registry_cache: Arc<RegistryCache>,
    pub(crate) account_cache: Arc<AccountCache>,
    pub(crate) index_cache: Arc<IndexCache>,
    pub(crate) token_uses: TokenUses,
    /// Rung after each local change of a crate, for the search index.
    pub(crate) changed: tokio::sync::Notify,
}

impl Deref for Holdfast {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl Holdfast {
    /// Puts the parts together. Nothing runs and nothing is written before it is asked for.
    pub fn new(parts: Parts) -> Holdfast {
        let Parts { store, blobs, search, outside, settings } = parts;
        let metrics = Metrics::default();
        let store: Arc<dyn Store> = Arc::new(Watched::new(store, &settings, metrics.store.clone()));
        Holdfast(Arc::new(Inner {
            registry_cache: Arc::new(crate::registries::cache(&outside, &settings)),
            account_cache: Arc::new(crate::authenticate::cache(&outside, &settings)),
            index_cache: Arc::new(crate::resolve::cache(&outside, &settings)),
            metrics,
            counters: Counters::default(),
            anonymous_refusals: RefusalBudget::default(),
            token_uses: TokenUses::default(),
            changed: tokio::sync::Notify::new(),
            store,
            blobs,
            search,
            outside,
            settings,
        }))
    }

    /// The loop of a write: read, decide, commit, and again when another commit came first.
    pub(crate) fn retry(&self) -> Retry<'_> {
        Retry::new(&self.store)
    }

    /// The store, for tools that check it as a whole.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The files, for tools that check them as a whole.
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// What the server counts about itself.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// What the operator set.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Time and randomness.
    pub fn outside(&self) -> &Arc<dyn Outside> {
        &self.outside
    }

    /// Whether the database and the file storage answer.
    pub async fn check(&self) -> crate::Result<()> {
        self.store.check().await?;
        Ok(self.blobs.check().await?)
    }
}
