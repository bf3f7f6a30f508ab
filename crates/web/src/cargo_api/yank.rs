//! Yank and unyank.

use crate::error::Result;
use crate::extract::{Caller, Json, Path};
use crate::web::Shared;
use axum::extract::State;
use holdfast_registry::{Actor, Yank};
use holdfast_types::ApiOk;
use std::sync::Arc;

/// `DELETE …/{crate}/{version}/yank`
pub(crate) async fn yank(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
) -> Result<Json<ApiOk>> {
    change(&shared, &actor, &path, Yank::Yes).await
}

/// `PUT …/{crate}/{version}/unyank`
pub(crate) async fn unyank(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    path: Path,
) -> Result<Json<ApiOk>> {
    change(&shared, &actor, &path, Yank::No).await
}

async fn change(shared: &Shared, actor: &Actor, path: &Path, yank: Yank) -> Result<Json<ApiOk>> {
    let (registry, krate, version) = path.version()?;
    let done = if let Yank::Yes = yank { "is yanked" } else { "is no longer yanked" };
    shared.holdfast.yank(actor, &registry, &krate, &version, yank).await?;
    Ok(Json(ApiOk::new(format!("`{krate}@{version}` {done}"))))
}
