//! Handing out a `.crate` file.

use crate::actor::Actor;
use crate::error::{Error, Kind, Result};
use crate::holdfast::Holdfast;
use holdfast_blobs::{Blob, BlobError};
use holdfast_types::{CrateName, RegistryName, Sha256, Version};

/// A file that may be handed out.
pub struct Download {
    /// Its content.
    pub blob: Blob,
    /// Its digest.
    pub sha256: Sha256,
    /// Its size.
    pub size_bytes: u64,
}

impl Holdfast {
    /// The file of a version, yanked or not. Needs no database trip while the crate's index file is fresh.
    pub async fn download(
        &self,
        actor: &Actor,
        registry: &RegistryName,
        name: &CrateName,
        version: &Version,
    ) -> Result<Download> {
        let krate = name.canonical();
        let index = self.crate_file(actor, registry, &krate, name).await?;
        let key = version.key();
        let (sha256, size_bytes) = index.file(&key).ok_or_else(|| {
            Error::not_found(format!("there is no version `{version}` of the crate `{name}` here"))
        })?;
        let blob = self.blobs.get(&sha256).await.map_err(|error| lost(error, name, version))?;
        self.metrics.downloads.inc();
        self.counters.downloaded(registry, &krate, &key);
        Ok(Download { blob, sha256, size_bytes })
    }
}

/// A file that the index names must be there: if it is not, that is a fault of ours and no absence.
fn lost(error: BlobError, name: &CrateName, version: &Version) -> Error {
    match error {
        BlobError::NotFound(_) => Error::with_source(
            Kind::Internal,
            format!(
                "the file of `{name}@{version}` is missing on the server; its operator should run `holdfast fsck`"
            ),
            error,
        ),
        other => other.into(),
    }
}
