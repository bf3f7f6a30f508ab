//! From a storage address to a working storage.

use std::path::PathBuf;
use std::sync::Arc;

use object_store::memory::InMemory;

use crate::backend::Backend;
use crate::clouds;
use crate::error::OpenError;
use crate::local::LocalFiles;
use crate::objects::Objects;
use crate::staging::Spool;

/// How storage addresses begin that [`crate::Blobs::open`] understands.
pub const SCHEMES: &[&str] = &["file:", "s3://", "gs://", "az://", "memory:"];

/// How much memory blobs may take.
#[derive(Clone, Debug)]
pub struct Options {
    /// Bytes of blobs to hold in memory; 0 turns the cache off.
    pub cache_bytes: u64,
    /// Blobs above this size are never cached but streamed.
    pub cache_blob_bytes: u64,
    /// Without a cache, blobs up to this size are read at once, others are streamed.
    pub whole_blob_bytes: u64,
    /// Where uploads over [`crate::MEMORY_LIMIT_BYTES`] wait when the storage isn't a local folder (which has
    /// its own place); none holds them in memory.
    pub spool: Option<PathBuf>,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            cache_bytes: 64 * 1024 * 1024,
            cache_blob_bytes: 8 * 1024 * 1024,
            whole_blob_bytes: 1024 * 1024,
            spool: None,
        }
    }
}

/// Opens what `url` names and proves that it works.
pub(crate) async fn open(url: &str, spool: Option<PathBuf>) -> Result<(Backend, Spool), OpenError> {
    if let Some(path) = url.strip_prefix("file:") {
        let root = folder_of(path).ok_or_else(|| OpenError::NoPath(url.to_owned()))?;
        let opened = tokio::task::spawn_blocking(move || LocalFiles::open(root)).await;
        let files = opened.expect("opening a folder doesn't panic")?;
        let spool = Spool::Folder(files.staging());
        return Ok((Backend::Local(Arc::new(files)), spool));
    }
    let scheme = url.split_once(':').map_or("", |(scheme, _)| scheme);
    let objects = match scheme {
        "memory" if url == "memory:" => Objects::in_memory(Arc::new(InMemory::new())),
        "s3" => clouds::s3(url)?,
        "gs" => clouds::gs(url)?,
        "az" => clouds::az(url)?,
        _ => return Err(OpenError::Unsupported(format!("{scheme}:"))),
    };
    objects.probe().await.map_err(OpenError::Probe)?;
    Ok((Backend::Objects(Arc::new(objects)), spool.map_or(Spool::Memory, Spool::Folder)))
}

/// `PATH`, or `///PATH` as in `file:///var/lib/holdfast`. Other hosts' files are not ours to open.
fn folder_of(path: &str) -> Option<PathBuf> {
    let path = match path.strip_prefix("//") {
        Some(absolute) if absolute.starts_with('/') => absolute,
        Some(_) => return None,
        None => path,
    };
    if path.is_empty() { None } else { Some(PathBuf::from(path)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_name_folders() {
        let check =
            |path: &str, expected: Option<&str>| assert_eq!(folder_of(path), expected.map(PathBuf::from));
        check("blobs", Some("blobs"));
        check("./a b/c", Some("./a b/c"));
        check("/var/lib/x", Some("/var/lib/x"));
        check("///var/lib/x", Some("/var/lib/x"));
        check("//host/share", None);
        check("//", None);
        check("", None);
    }
}
