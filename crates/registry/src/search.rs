//! Finding crates.

use crate::actor::{Actor, Who};
use crate::entity::{Audience, CrateHead, RegistryRecord, Role};
use crate::error::{Error, Kind, Result};
use crate::holdfast::Holdfast;
use crate::rights::{Action, limited_reader, may_see, require};
use holdfast_search::{Hits, Query, SearchError, SearchIndex, Sort};
use holdfast_store::read_many;
use holdfast_types::{CanonicalName, CrateName, Principal, RegistryName};
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
        let SearchRequest { text, sort, offset, limit } = request;
        let (registry, access) = (Some(registry.to_string()), access_of(actor, &record));
        let ask = move |index: &SearchIndex, Window { offset, limit }| {
            index.search(&Query { registry, text, access, sort, offset, limit })
        };
        self.page(actor, &record, Window { offset, limit }, ask).await
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
        let (place, krate, access) = (registry.to_string(), name.canonical(), access_of(actor, &record));
        let ask = move |index: &SearchIndex, Window { offset, limit }| {
            index.dependents(&place, krate.as_str(), &access, offset, limit)
        };
        self.page(actor, &record, Window { offset, limit }, ask).await
    }

    async fn page(
        &self,
        actor: &Actor,
        record: &RegistryRecord,
        window: Window,
        ask: impl FnOnce(&SearchIndex, Window) -> Result<Hits, SearchError> + Send + 'static,
    ) -> Result<SearchPage> {
        let index: Arc<SearchIndex> = self
            .search
            .clone()
            .ok_or_else(|| Error::new(Kind::Unavailable, "this process has no search index"))?;
        let limited = limited_reader(actor);
        // The index knows no crate patterns: such a token's page is cut here, so that its total tells nothing
        // of what it may not see.
        let asked = if limited.is_some() { Window::ALL } else { window };
        let task = tokio::task::spawn_blocking(move || ask(&index, asked));
        let hits = task.await.map_err(|e| Error::with_source(Kind::Internal, "the search failed", e))??;
        let mut total = hits.total;
        let mut names: Vec<CanonicalName> =
            hits.crates.iter().filter_map(|hit| hit.canonical.parse().ok()).collect();
        if let Some(account) = limited {
            names.retain(|krate| account.scopes.cover_crate(krate));
            total = names.len() as u64;
            names = names.into_iter().skip(window.offset).take(window.limit).collect();
        }
        let keys: Vec<_> = names.iter().map(|krate| CrateHead::key_of(&record.name, krate)).collect();
        let heads = read_many::<CrateHead>(&*self.store, &keys).await?.into_iter().flatten();
        // The index is a moment behind: what it still has and the store no longer is not there.
        let crates: Vec<CrateHead> =
            heads.map(|(_, head)| head).filter(|head| is_there(actor, head)).collect();
        let gone = (keys.len() - crates.len()) as u64;
        Ok(SearchPage { total: total.saturating_sub(gone), crates })
    }
}

/// Which hits to show.
#[derive(Clone, Copy)]
struct Window {
    offset: usize,
    limit: usize,
}

impl Window {
    const ALL: Window = Window { offset: 0, limit: usize::MAX };
}

/// Whether a hit is still there, and still to be seen.
fn is_there(actor: &Actor, head: &CrateHead) -> bool {
    head.max_version.is_some() && may_see(actor, head.audience().as_ref())
}

/// What a searcher must hold one of to find a crate.
pub(crate) fn access_labels(record: &RegistryRecord, head: &CrateHead) -> Vec<String> {
    match head.audience() {
        None => vec![everybody(record)],
        Some(Audience { principals, .. }) => {
            principals.iter().map(ToString::to_string).chain([ADMINS.to_owned()]).collect()
        }
    }
}

/// What a searcher holds.
fn access_of(actor: &Actor, record: &RegistryRecord) -> Vec<String> {
    let mut labels = vec![everybody(record)];
    match actor.who() {
        Who::Anonymous => {}
        Who::Operator => labels.push(ADMINS.to_owned()),
        Who::Account(account) if account.role == Role::Admin => labels.push(ADMINS.to_owned()),
        Who::Account(account) => {
            let teams = account.teams.iter().cloned().map(Principal::Team);
            let own = account.login().cloned().map(Principal::User);
            labels.extend(teams.chain(own).map(|principal| principal.to_string()));
        }
    }
    labels
}

/// The label of crates that nobody is kept from. No principal is written with a slash.
fn everybody(record: &RegistryRecord) -> String {
    format!("registry/{}", record.name)
}

/// The label that lets admins find every crate.
const ADMINS: &str = "/admins";
