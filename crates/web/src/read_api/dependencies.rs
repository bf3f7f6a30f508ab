//! What versions depend on, and what depends on a crate.

use super::crates::{describe, take};
use super::views::{DependencyView, Meta, VersionView};
use crate::error::Result;
use crate::extract::{Caller, Json, Origin, Path, Query};
use crate::web::Shared;
use axum::extract::State;
use holdfast_registry::Kind;
use serde::Serialize;
use std::sync::Arc;

/// The dependencies of a version.
#[derive(Serialize)]
pub(crate) struct DependenciesAnswer {
    dependencies: Vec<DependencyView>,
}

/// `GET …/{crate}/{version}/dependencies`
pub(crate) async fn dependencies(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
) -> Result<Json<DependenciesAnswer>> {
    let (_, _, wanted) = path.version()?;
    let description = describe(&shared, &actor, &path).await?;
    let version = take(&description.head.name, description.versions, &wanted)?;
    let dependencies =
        version.line.deps.iter().map(|dependency| DependencyView::new(&version, dependency)).collect();
    Ok(Json(DependenciesAnswer { dependencies }))
}

/// The newest versions that depend on a crate, and how each does.
#[derive(Serialize)]
pub(crate) struct DependentsAnswer {
    dependencies: Vec<DependencyView>,
    versions: Vec<VersionView>,
    meta: Meta,
}

/// `GET …/{crate}/reverse_dependencies`
pub(crate) async fn reverse_dependencies(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    origin: Origin,
    path: Path,
    query: Query,
) -> Result<Json<DependentsAnswer>> {
    let (registry, krate) = path.krate()?;
    let page = query.page()?;
    let size = page.size as usize;
    let found = shared.holdfast.dependents(&actor, &registry, &krate, page.offset(), size).await?;
    let mut answer = DependentsAnswer {
        dependencies: Vec::new(),
        versions: Vec::new(),
        meta: super::search::meta(&query, page, found.total),
    };
    let krate = krate.canonical();
    for head in found.crates {
        let description = match shared.holdfast.describe(&actor, &registry, &head.name).await {
            Ok(description) => description,
            // Removed since it was found.
            Err(error) if error.kind() == Kind::NotFound => continue,
            Err(error) => return Err(error.into()),
        };
        let newest = description
            .versions
            .into_iter()
            .find(|version| Some(&version.line.vers) == head.max_version.as_ref());
        let Some(newest) = newest else { continue };
        let on_it = newest.line.deps.iter().filter(|dependency| {
            dependency.registry.is_none()
                && dependency
                    .package_name()
                    .parse()
                    .is_ok_and(|name: holdfast_types::CanonicalName| name == krate)
        });
        answer.dependencies.extend(on_it.map(|dependency| DependencyView::new(&newest, dependency)));
        answer.versions.push(VersionView::new(origin.root(), newest, &description.downloads));
    }
    Ok(Json(answer))
}
