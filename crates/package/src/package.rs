//! A package that was opened and found to be in order.

use crate::contents::{self, Contents};
use crate::manifest::Manifest;
use crate::{Limits, PackageError, RequiredFields, agreement, features, fields};
use holdfast_types::PublishMetadata;
use serde::Deserialize;
use std::io::Read;

/// What a `.crate` file says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Everything that cargo sends with a publish, here from the packaged `Cargo.toml`, which is what
    /// builds see. A dependency on this registry has no `registry`. The README is cut off at
    /// [`Limits::readme_bytes`]; its text is missing when it is not UTF-8.
    pub metadata: PublishMetadata,
    /// `edition`
    pub edition: Option<String>,
    /// Whether others can depend on it.
    pub has_library: bool,
    /// Names of what `cargo install` installs, in order.
    pub binaries: Vec<String>,
    /// The commit that it was made from.
    pub vcs: Option<VcsInfo>,
    /// Bytes of the tar archive.
    pub unpacked_bytes: u64,
    /// Entries of the tar archive.
    pub entries: u32,
    /// What its author should know, each one sentence.
    pub warnings: Vec<String>,
}

/// The commit that a package was made from (`.cargo_vcs_info.json`), as its author's cargo says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VcsInfo {
    /// The commit, in lower-case hex.
    pub sha1: String,
    /// Whether files differed from the commit.
    pub is_dirty: bool,
    /// Where the package lies in the repository; empty at its root.
    pub path_in_vcs: String,
}

impl VcsInfo {
    /// Reads the file; what is not understood says nothing.
    pub(crate) fn parse(json: &[u8]) -> Option<VcsInfo> {
        #[derive(Deserialize)]
        struct File {
            git: Git,
            #[serde(default)]
            path_in_vcs: String,
        }
        #[derive(Deserialize)]
        struct Git {
            sha1: String,
            #[serde(default)]
            dirty: bool,
        }
        let File { git, path_in_vcs } = serde_json::from_slice(json).ok()?;
        let is_hex = git.sha1.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let is_commit = is_hex && matches!(git.sha1.len(), 40 | 64);
        is_commit.then_some(VcsInfo { sha1: git.sha1, is_dirty: git.dirty, path_in_vcs })
    }
}

/// Opens a package that is being published and compares it with what cargo sent. `own_index` is the address
/// of the index that it is published to, as in `registry-index` of `Cargo.toml`.
pub fn verify(
    packed: impl Read,
    limits: &Limits,
    sent: &PublishMetadata,
    required: &RequiredFields,
    own_index: &str,
) -> Result<Package, PackageError> {
    let root = format!("{}-{}", sent.name, sent.vers);
    let mut package =
        open(packed, limits, Some(root), own_index, |manifest| agreement::check(sent, manifest, own_index))?;
    if let Some(fault) = fields::faults(&package.metadata).into_iter().next() {
        return Err(fault);
    }
    required.check(&package.metadata)?;
    package.warnings.extend(fields::warnings(&package.metadata));
    Ok(package)
}

/// Opens a package that was published elsewhere. Faults of single fields that do no harm are warnings here;
/// addresses that no page may link to are taken out.
pub fn read(packed: impl Read, limits: &Limits, own_index: &str) -> Result<Package, PackageError> {
    let mut package = open(packed, limits, None, own_index, |_| Ok(Vec::new()))?;
    let faults = fields::faults(&package.metadata).into_iter().map(|fault| fault.to_string());
    package.warnings.extend(faults);
    fields::drop_addresses(&mut package.metadata);
    package.warnings.extend(fields::warnings(&package.metadata));
    Ok(package)
}

/// Reads one file of a package, `path` being relative to its top folder; `None` when there is none. For
/// packages that [`verify`] or [`read`] found in order: it stops at the file and checks no other.
pub fn file(
    packed: impl Read,
    limits: &Limits,
    path: &str,
    max_bytes: u64,
) -> Result<Option<Vec<u8>>, PackageError> {
    contents::file(packed, limits, path, max_bytes)
}

fn open(
    packed: impl Read,
    limits: &Limits,
    root: Option<String>,
    own_index: &str,
    agree: impl FnOnce(&mut PublishMetadata) -> Result<Vec<String>, PackageError>,
) -> Result<Package, PackageError> {
    let contents = contents::read(packed, limits, root, own_index)?;
    let binaries = binaries(&contents);
    let Contents { root, manifest, readme, vcs, has_library, unpacked_bytes, entries, .. } = contents;
    let has_library = has_library || manifest.has_library;
    let Manifest { mut metadata, edition, .. } = manifest;
    let warnings = agree(&mut metadata)?;
    let expected = format!("{}-{}", metadata.name, metadata.vers);
    if root != expected {
        return Err(PackageError::Root { found: crate::error::printable(&root), expected });
    }
    features::check(&metadata.features, &metadata.deps)?;
    if let Some((path, text)) = readme {
        (metadata.readme_file, metadata.readme) = (Some(path), text);
    }
    Ok(Package { metadata, edition, has_library, binaries, vcs, unpacked_bytes, entries, warnings })
}

/// The binaries that are listed, and those that cargo finds by their paths.
fn binaries(contents: &Contents) -> Vec<String> {
    let Manifest { binaries, finds_binaries, metadata, .. } = &contents.manifest;
    let mut names: Vec<String> = binaries.iter().map(|(name, _)| name.clone()).collect();
    if *finds_binaries {
        let is_listed = |path: &&String| !binaries.iter().any(|(_, listed)| listed.as_ref() == Some(path));
        let found = contents.binary_paths.iter().filter(is_listed);
        names.extend(found.map(|path| {
            contents::binary_name(path).map_or_else(|| metadata.name.to_string(), str::to_owned)
        }));
    }
    names.sort();
    names.dedup();
    names
}
