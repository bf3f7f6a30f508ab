//! Finding crates.

use crate::actor::{Actor, Who};
use crate::entity::{CrateHead, RegistryRecord};
use crate::error::{Error, Kind, Result};
use crate::holdfast::Holdfast;
use crate::rights::{Action, reads_are_limited, require};
use holdfast_search::{Hits, Query, SearchError, SearchIndex, Sort};
use holdfast_store::read_many;
use holdfast_types::{CrateName, RegistryName};
use std::sync::Arc;

/// A search as it is asked.
#[derive(Clone, Debug, Default)]
pub struct SearchRequest {
    /// Words; never a query language.
    pub text: String,
    /// The order.
    pub sort: Sort,
    /// How many hits to pass over.
    pub offset: usize,
    /// At most so many.
    pub limit: usize,
}

/// One page of hits.
#[derive(Clone, Debug)]
pub struct SearchPage {
    /// All hits that the actor may see.
    pub total: u64,
    /// Those of this page.
    pub crates: Vec<CrateHead>,
}

impl Holdfast {
    /// Searches a registry.
    pub async fn search(
        &self,
        actor: &Actor,
        registry: &RegistryName,
        request: SearchRequest,
    ) -> Result<SearchPage> {
        let record = self.registry(registry).await?;
        require(actor, Action::Browse(&record))?;
        let query = Query {
            registry: Some(registry.to_string()),
            text: request.text,
            access: vec![access_label(&record)],
            sort: request.sort,
            offset: request.offset,
            limit: request.limit,
        };
        self.page(actor, &record, move |index| index.search(&query)).await
    }

    /// The crates of a registry that depend on one.
    pub async fn dependents(
        &self,
        actor: &Actor,
        registry: &RegistryName,
        name: &CrateName,
        offset: usize,
        limit: usize,
    ) -> Result<SearchPage> {
        let record = self.registry(registry).await?;
        self.head_to_read(actor, registry, name).await?;
        let (place, krate, access) = (registry.to_string(), name.canonical(), vec![access_label(&record)]);
        self.page(actor, &record, move |index| {
            index.dependents(&place, krate.as_str(), &access, offset, limit)
        })
        .await
    }

    async fn page(
        &self,
        actor: &Actor,
        record: &RegistryRecord,
        ask: impl FnOnce(&SearchIndex) -> Result<Hits, SearchError> + Send + 'static,
    ) -> Result<SearchPage> {
        let index: Arc<SearchIndex> = self
            .search
            .clone()
            .ok_or_else(|| Error::new(Kind::Unavailable, "this process has no search index"))?;
        let task = tokio::task::spawn_blocking(move || ask(&index));
        let hits = task.await.map_err(|e| Error::with_source(Kind::Internal, "the search failed", e))??;
        let keys: Vec<_> = hits
            .crates
            .iter()
            .filter_map(|hit| hit.canonical.parse().ok())
            .map(|krate| CrateHead::key_of(&record.name, &krate))
            .collect();
        let heads = read_many::<CrateHead>(&*self.store, &keys).await?;
        let mut crates: Vec<CrateHead> = heads.into_iter().flatten().map(|(_, head)| head).collect();
        let found = crates.len();
        // The index is a moment behind; what it still has and the store no longer, or the token may not see,
        // is not there.
        crates.retain(|head| head.max_version.is_some() && is_visible(actor, head));
        Ok(SearchPage { total: hits.total.saturating_sub((found - crates.len()) as u64), crates })
    }
}

/// Whether a token that is held to its crate patterns may see a crate.
fn is_visible(actor: &Actor, head: &CrateHead) -> bool {
    match actor.who() {
        Who::Account(account) if reads_are_limited(account) => account.scopes.cover_crate(&head.canonical()),
        Who::Account(_) | Who::Anonymous | Who::Operator => true,
    }
}

/// What a searcher must hold to find the unrestricted crates of a registry.
pub(crate) fn access_label(record: &RegistryRecord) -> String {
    format!("registry:{}", record.name)
}
