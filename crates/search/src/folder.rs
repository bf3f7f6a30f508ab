//! The folder of an index: opened if it is sound and of this version, else emptied and begun anew.

use std::path::Path;
use std::{fs, io};

use tantivy::directory::{Directory, INDEX_WRITER_LOCK, MmapDirectory, RamDirectory};
use tantivy::{Index, IndexReader, IndexSettings, ReloadPolicy, TantivyError};

use crate::error::SearchError;
use crate::schema::{cursor_in, schema, tokenizers};
use crate::turn;

/// An index with the one reader that all searches share.
pub(crate) struct Opened {
    pub(crate) index: Index,
    pub(crate) reader: IndexReader,
    pub(crate) cursor: Option<String>,
}

/// Opens the index in a folder. Damage costs the content, not the start of the server.
pub(crate) fn open(folder: &Path) -> Result<Opened, SearchError> {
    let unusable = |source| SearchError::Folder { path: folder.to_owned(), source };
    make_private(folder).map_err(unusable)?;
    if folder.join("meta.json").exists() {
        match open_existing(folder) {
            Ok(opened) => return Ok(opened),
            Err(error) => tracing::warn!(%error, folder = %folder.display(), "search index is begun anew"),
        }
    }
    let directory = MmapDirectory::open(folder).map_err(TantivyError::from)?;
    let lock = turn::wait_for(|| Ok(directory.acquire_lock(&INDEX_WRITER_LOCK)?))?;
    // Whoever had the lock before may have begun the index.
    if let Ok(opened) = open_existing(folder) {
        return Ok(opened);
    }
    remove_index(folder).map_err(unusable)?;
    let opened = ready(Index::create(directory, schema().0, settings())?)?;
    drop(lock);
    Ok(opened)
}

/// Makes the folder, which only we may look into: words of crates that are hidden stand in its files, and those are
/// made with whatever mode the index gives them. Some file systems know no modes; they do not keep us from starting.
fn make_private(folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        const PRIVATE: u32 = 0o700;
        if fs::metadata(folder)?.permissions().mode() & 0o777 != PRIVATE
            && let Err(error) = fs::set_permissions(folder, fs::Permissions::from_mode(PRIVATE))
        {
            tracing::warn!(%error, folder = %folder.display(), "search index may be read by other users");
        }
    }
    Ok(())
}

/// A fresh index in memory.
pub(crate) fn memory() -> Result<Opened, SearchError> {
    Ok(ready(Index::create(RamDirectory::create(), schema().0, settings())?)?)
}

fn open_existing(folder: &Path) -> Result<Opened, TantivyError> {
    let index = Index::open(MmapDirectory::open(folder)?)?;
    if index.schema() != schema().0 {
        return Err(TantivyError::SchemaError("the index has other fields".to_owned()));
    }
    ready(index)
}

fn ready(mut index: Index) -> Result<Opened, TantivyError> {
    index.set_tokenizers(tokenizers());
    let cursor = cursor_in(index.load_metas()?.payload.as_deref())?;
    let reader = index.reader_builder().reload_policy(ReloadPolicy::Manual).try_into()?;
    Ok(Opened { index, reader, cursor })
}

/// Nothing is stored, so nothing is compressed.
fn settings() -> IndexSettings {
    IndexSettings {
        docstore_compression: tantivy::store::Compressor::None,
        docstore_compress_dedicated_thread: false,
        ..IndexSettings::default()
    }
}

/// Removes the files of an index, and only those, should the folder be shared by mistake. Locks stay: they are
/// held.
fn remove_index(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(is_index_file) && entry.file_type()?.is_file() {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Segment files are named by 32 hexadecimal digits.
fn is_index_file(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default();
    matches!(name, "meta.json" | ".managed.json")
        || (stem.len() == 32 && stem.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::is_index_file;

    #[test]
    fn only_files_of_an_index_are_recognised() {
        assert!(is_index_file("0123456789abcdef0123456789abcdef.fast"));
        assert!(is_index_file("0123456789abcdef0123456789abcdef.42.del"));
        assert!(is_index_file("meta.json"));
        assert!(!is_index_file(".tantivy-writer.lock"));
        assert!(!is_index_file("holdfast.sqlite"));
    }
}
