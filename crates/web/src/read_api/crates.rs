//! Crates, versions and their downloads.

use super::views::{CrateView, Meta, TagView, VersionView};
use crate::cargo_api::owners::number;
use crate::error::{Failure, Result};
use crate::extract::{Caller, Json, Origin, Path};
use crate::web::Shared;
use axum::extract::State;
use holdfast_registry::entity::Version as Stored;
use holdfast_registry::{Actor, Description};
use holdfast_types::{CrateName, Version};
use serde::Serialize;
use std::sync::Arc;

/// The answer about a crate.
#[derive(Serialize)]
pub(crate) struct CrateAnswer {
    #[serde(rename = "crate")]
    krate: CrateView,
    versions: Vec<VersionView>,
    keywords: Vec<TagView>,
    categories: Vec<TagView>,
}

/// The answer about the versions of a crate.
#[derive(Serialize)]
pub(crate) struct VersionsAnswer {
    versions: Vec<VersionView>,
    meta: Meta,
}

/// The answer about one version.
#[derive(Serialize)]
pub(crate) struct VersionAnswer {
    version: VersionView,
}

/// `GET …/{crate}`
pub(crate) async fn krate(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    origin: Origin,
    path: Path,
) -> Result<Json<CrateAnswer>> {
    let Description { head, versions, downloads } = describe(&shared, &actor, &path).await?;
    let keywords = head.about.keywords.iter().map(|word| TagView::keyword(word)).collect();
    let categories = head.about.categories.iter().map(|word| TagView::category(word)).collect();
    let name = head.name.clone();
    let krate = CrateView::with_versions(origin.root(), head, &versions, &downloads)
        .ok_or_else(|| no_version(&name))?;
    let versions =
        versions.into_iter().map(|version| VersionView::new(origin.root(), version, &downloads)).collect();
    Ok(Json(CrateAnswer { krate, versions, keywords, categories }))
}

/// `GET …/{crate}/versions`
pub(crate) async fn versions(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    origin: Origin,
    path: Path,
) -> Result<Json<VersionsAnswer>> {
    let Description { versions, downloads, .. } = describe(&shared, &actor, &path).await?;
    let versions: Vec<_> =
        versions.into_iter().map(|version| VersionView::new(origin.root(), version, &downloads)).collect();
    Ok(Json(VersionsAnswer { meta: Meta::whole(versions.len()), versions }))
}

/// `GET …/{crate}/{version}`
pub(crate) async fn version(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    origin: Origin,
    path: Path,
) -> Result<Json<VersionAnswer>> {
    let (_, _, wanted) = path.version()?;
    let Description { head, versions, downloads } = describe(&shared, &actor, &path).await?;
    let version = take(&head.name, versions, &wanted)?;
    Ok(Json(VersionAnswer { version: VersionView::new(origin.root(), version, &downloads) }))
}

/// The downloads of a crate in the last 90 days.
#[derive(Serialize)]
pub(crate) struct DownloadsAnswer {
    version_downloads: Vec<DayView>,
    meta: DownloadsMeta,
}

#[derive(Serialize)]
struct DayView {
    version: u32,
    num: String,
    downloads: u64,
    date: String,
}

#[derive(Serialize)]
struct DownloadsMeta {
    extra_downloads: [(); 0],
}

/// `GET …/{crate}/downloads`
pub(crate) async fn downloads(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
) -> Result<Json<DownloadsAnswer>> {
    let (registry, krate) = path.krate()?;
    let days = shared.holdfast.downloads_by_day(&actor, &registry, &krate).await?;
    let canonical = krate.canonical();
    let version_downloads = days
        .into_iter()
        .map(|day| DayView {
            version: number(&format!("{registry}/{canonical}@{}", day.version)),
            num: day.version.to_string(),
            downloads: day.count,
            date: day.day,
        })
        .collect();
    Ok(Json(DownloadsAnswer { version_downloads, meta: DownloadsMeta { extra_downloads: [] } }))
}

/// All about the crate that a path names.
pub(super) async fn describe(shared: &Shared, actor: &Actor, path: &Path) -> Result<Description> {
    let (registry, krate) = path.krate()?;
    Ok(shared.holdfast.describe(actor, &registry, &krate).await?)
}

/// One of the versions of a crate.
pub(super) fn take(krate: &CrateName, versions: Vec<Stored>, wanted: &Version) -> Result<Stored> {
    let key = wanted.key();
    let found = versions.into_iter().find(|version| version.line.vers.key() == key);
    found.ok_or_else(|| {
        Failure::not_found(format!("there is no version `{wanted}` of the crate `{krate}` here"))
    })
}

fn no_version(krate: &CrateName) -> Failure {
    Failure::not_found(format!("there is no version of the crate `{krate}` here"))
}
