//! Handing out a `.crate` file.

use crate::actor::Actor;
use crate::entity::RegistryRecord;
use crate::error::{Error, Kind, Result};
use crate::holdfast::Holdfast;
use holdfast_blobs::{Blob, BlobError, BlobFile};
use holdfast_types::{CrateName, RegistryName, Sha256, Version};

/// Below this a file is copied faster than the system sends it.
const SMALL_BYTES: u64 = 16 * 1024;

/// A file that may be handed out.
pub struct Download {
    /// Its content.
    pub blob: Blob,
    /// Its digest.
    pub sha256: Sha256,
    /// Its size.
    pub size_bytes: u64,
}

/// A file that may be handed out, open.
pub struct OpenDownload {
    /// The file.
    pub file: BlobFile,
    /// Its digest.
    pub sha256: Sha256,
}

impl Holdfast {
    /// The file of a version, yanked or not, for whoever takes all of it: it is counted. Needs no database trip
    /// while the crate's index file is fresh.
    pub async fn download(
        &self,
        actor: &Actor,
        registry: &RegistryName,
        name: &CrateName,
        version: &Version,
    ) -> Result<Download> {
        let download = self.find_download(actor, registry, name, version).await?;
        self.count_download(registry, name, version);
        Ok(download)
    }

    /// The same for a front that has yet to see what is wanted of it, and then counts.
    pub async fn find_download(
        &self,
        actor: &Actor,
        registry: &RegistryName,
        name: &CrateName,
        version: &Version,
    ) -> Result<Download> {
        let record = self.registry(registry).await?;
        let (sha256, size_bytes) = self.locate(actor, &record, name, version).await?;
        let blob = self.blobs.get(&sha256).await.map_err(|error| lost(error, name, version))?;
        Ok(Download { blob, sha256, size_bytes })
    }

    /// The same as an open file, where files are kept on a local disk: for fronts that have the registry at hand and
    /// can have the system send the file. `None` for a file that is small, which is better sent from memory, and where there is none.
    pub async fn open_download(
        &self,
        actor: &Actor,
        record: &RegistryRecord,
        name: &CrateName,
        version: &Version,
    ) -> Result<Option<OpenDownload>> {
        let (sha256, size_bytes) = self.locate(actor, record, name, version).await?;
        if size_bytes < SMALL_BYTES {
            return Ok(None);
        }
        let file = self.blobs.file(&sha256).await.map_err(|error| lost(error, name, version))?;
        let Some(file) = file.filter(|file| file.size_bytes == size_bytes) else { return Ok(None) };
        self.count_download(&record.name, name, version);
        Ok(Some(OpenDownload { file, sha256 }))
    }

    /// The address under which the storage itself hands out the file for a while, to whoever has it; `None`
    /// where the storage does not do so or was not asked to. Not counted.
    pub async fn signed_download(
        &self,
        actor: &Actor,
        registry: &RegistryName,
        name: &CrateName,
        version: &Version,
    ) -> Result<Option<String>> {
        if !self.blobs.signs() {
            return Ok(None);
        }
        let record = self.registry(registry).await?;
        let (sha256, _) = self.locate(actor, &record, name, version).await?;
        let url = self.blobs.presigned(&sha256).await.map_err(|error| lost(error, name, version))?;
        Ok(url.map(String::from))
    }

    /// The digest and size of the file that the actor may have.
    async fn locate(
        &self,
        actor: &Actor,
        record: &RegistryRecord,
        name: &CrateName,
        version: &Version,
    ) -> Result<(Sha256, u64)> {
        let krate = name.canonical();
        let index = self.crate_file(actor, record, &krate, name, self.outside.instant()).await?;
        if let Some(found) = index.file(&version.key()) {
            return Ok(found);
        }
        // Another process may have published it just now, and its client comes here next.
        let index = self.crate_file_now(actor, &record.name, &krate, name).await?;
        index.file(&version.key()).ok_or_else(|| {
            Error::not_found(format!("there is no version `{version}` of the crate `{name}` here"))
        })
    }

    /// Counts that a version was handed out, once for each time.
    pub fn count_download(&self, registry: &RegistryName, name: &CrateName, version: &Version) {
        self.metrics.downloads.inc();
        self.counters.downloaded(registry, &name.canonical(), &version.key());
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
