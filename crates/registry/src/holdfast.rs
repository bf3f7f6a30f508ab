//! The context of all operations: where things are kept, what time it is, what is cached. Every operation
//! is a method on [`Holdfast`], in the file named by its verb.

use crate::audit::RefusalBudget;
use crate::authenticate::{AccountCache, TokenUses};
use crate::clock::Outside;
use crate::counters::Counters;
use crate::hasher::Hasher;
use crate::metrics::Metrics;
use crate::polls::Polls;
use crate::provided::Provider;
use crate::registries::RegistryCache;
use crate::resolve::IndexCache;
use crate::settings::Settings;
use crate::throttle::Throttle;
use crate::watched::Watched;
use holdfast_blobs::Blobs;
use holdfast_identity::{Client, Issuer};
use holdfast_search::SearchIndex;
use holdfast_store::{Retry, Store};
use std::collections::HashMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, OnceLock};

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
    /// The ways to sign in, beside passwords of our own.
    pub providers: Vec<Provider>,
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
    pub(crate) hasher: Hasher,
    pub(crate) throttle: Throttle,
    pub(crate) polls: Polls,
    pub(crate) providers: Vec<Provider>,
    /// The issuers of CI jobs' tokens that somebody here trusts, as they were asked for.
    pub(crate) issuers: Mutex<HashMap<String, Arc<Issuer>>>,
    /// Made when a CI job first comes: reading the system's certificates costs memory.
    client: OnceLock<Client>,
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
        let Parts { store, blobs, search, outside, settings, providers } = parts;
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
            hasher: Hasher::new(settings.password_cost),
            throttle: Throttle::default(),
            polls: Polls::default(),
            providers,
            issuers: Mutex::default(),
            client: OnceLock::new(),
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

    /// What asks issuers for their keys.
    pub(crate) fn identity_client(&self) -> crate::Result<Client> {
        if let Some(client) = self.client.get() {
            return Ok(client.clone());
        }
        let client = Client::new().map_err(|error| {
            crate::Error::with_source(crate::Kind::Internal, "the server cannot ask other systems", error)
        })?;
        Ok(self.client.get_or_init(|| client).clone())
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
