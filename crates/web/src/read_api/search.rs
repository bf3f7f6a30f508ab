//! Search: cargo's and everybody's.

use super::views::{CrateView, Meta};
use crate::error::Result;
use crate::extract::{Caller, Json, Origin, Page, Path, Query};
use crate::web::Shared;
use axum::extract::State;
use holdfast_registry::{SearchRequest, Sort};
use holdfast_types::CrateName;
use serde::Serialize;
use std::sync::Arc;

/// One page of hits.
#[derive(Serialize)]
pub(crate) struct SearchAnswer {
    crates: Vec<CrateView>,
    meta: Meta,
}

/// `GET …/crates?q=&page=&per_page=&sort=`
pub(crate) async fn search(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    origin: Origin,
    path: Path,
    query: Query,
) -> Result<Json<SearchAnswer>> {
    let registry = path.registry()?;
    let page = query.page()?;
    let text = query.text("q").unwrap_or_default();
    let request = SearchRequest {
        text: text.to_owned(),
        sort: sort(query.text("sort"), text),
        offset: page.offset(),
        limit: page.size as usize,
    };
    let exact = text.trim().parse::<CrateName>().ok().map(|name| name.canonical());
    let found = shared.holdfast.search(&actor, &registry, request).await?;
    let downloads = shared.holdfast.total_downloads(&found.crates).await?;
    let crates = found.crates.into_iter().zip(downloads).filter_map(|(head, downloads)| {
        let is_exact = Some(head.canonical()) == exact;
        CrateView::listed(origin.root(), head, downloads, is_exact)
    });
    Ok(Json(SearchAnswer { crates: crates.collect(), meta: meta(&query, page, found.total) }))
}

/// The order for a word; the public registry's words, and those that mean nothing here mean the default.
fn sort(word: Option<&str>, text: &str) -> Sort {
    match word {
        Some("downloads" | "recent-downloads") => Sort::Downloads,
        Some("recent-updates" | "new") => Sort::RecentUpdate,
        Some("alphabetical" | "alpha" | "name") => Sort::Name,
        _ if text.trim().is_empty() => Sort::Name,
        _ => Sort::Relevance,
    }
}

/// The size of a list and its neighbours.
pub(super) fn meta(query: &Query, page: Page, total: u64) -> Meta {
    Meta {
        total,
        next_page: page.has_next(total).then(|| query.with_page(page.number + 1)),
        prev_page: (page.number > 1).then(|| query.with_page(page.number - 1)),
    }
}
