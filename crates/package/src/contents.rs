//! One pass over an archive: every path is checked, and the few files that matter are kept.

use crate::archive::{Archive, Entry};
use crate::error::printable;
use crate::manifest::Manifest;
use crate::path::{self, Layout};
use crate::{Limits, PackageError, VcsInfo};
use std::io::Read;

/// READMEs that come before the manifest, which says which one it is; more are not kept.
const CANDIDATES: usize = 8;
const VCS_BYTES: usize = 64 * 1024;

/// What an archive holds.
#[derive(Debug)]
pub(crate) struct Contents {
    /// The one top folder.
    pub(crate) root: String,
    pub(crate) manifest: Manifest,
    /// Path and text of the README.
    pub(crate) readme: Option<(String, Option<String>)>,
    pub(crate) vcs: Option<VcsInfo>,
    /// Whether there is a `src/lib.rs`.
    pub(crate) has_library: bool,
    /// Paths that cargo takes for binaries when the manifest lists none.
    pub(crate) binary_paths: Vec<String>,
    pub(crate) unpacked_bytes: u64,
    pub(crate) entries: u32,
}

/// Reads a whole package. Its top folder must be `root`; without one, the first entry says what it is.
pub(crate) fn read(
    packed: impl Read,
    limits: &Limits,
    root: Option<String>,
    own_index: &str,
) -> Result<Contents, PackageError> {
    let mut archive = Archive::new(packed, limits);
    let mut collector = Collector {
        limits,
        own_index,
        root,
        layout: Layout::default(),
        manifest: None,
        readmes: Vec::new(),
        vcs: None,
        has_library: false,
        binary_paths: Vec::new(),
    };
    while let Some(entry) = archive.next()? {
        collector.take(&entry, &mut archive)?;
    }
    let entries = archive.entries();
    let unpacked_bytes = archive.finish()?;
    collector.finish(unpacked_bytes, entries)
}

/// Reads one file, `path` being relative to the top folder; `None` when there is none.
pub(crate) fn file(
    packed: impl Read,
    limits: &Limits,
    path: &str,
    most: u64,
) -> Result<Option<Vec<u8>>, PackageError> {
    let mut archive = Archive::new(packed, limits);
    while let Some(entry) = archive.next()? {
        let relative = entry.path.split_once('/').map(|(_, relative)| relative);
        if entry.is_folder || relative != Some(path) {
            continue;
        }
        if entry.bytes > most {
            return Err(PackageError::FileTooLarge { path: printable(path), limit: most });
        }
        return archive.read(usize::try_from(most).unwrap_or(usize::MAX)).map(Some);
    }
    Ok(None)
}

struct Collector<'a> {
    limits: &'a Limits,
    own_index: &'a str,
    root: Option<String>,
    layout: Layout,
    manifest: Option<Manifest>,
    /// Path, beginning, and whether that is all.
    readmes: Vec<(String, Vec<u8>, bool)>,
    vcs: Option<VcsInfo>,
    has_library: bool,
    binary_paths: Vec<String>,
}

impl Collector<'_> {
    fn take<R: Read>(&mut self, entry: &Entry, archive: &mut Archive<R>) -> Result<(), PackageError> {
        path::check(&entry.path)?;
        let (top, relative) = entry.path.split_once('/').unwrap_or((&entry.path, ""));
        let root = self.root.get_or_insert_with(|| top.to_owned());
        if top != root || (relative.is_empty() && !entry.is_folder) {
            return Err(PackageError::OutsideRoot { path: printable(&entry.path), root: printable(root) });
        }
        if relative.is_empty() {
            return Ok(());
        }
        self.layout.add(relative, entry.is_folder)?;
        if entry.is_folder {
            return Ok(());
        }
        match relative {
            "Cargo.toml" => self.take_manifest(entry, archive)?,
            ".cargo_vcs_info.json" => self.vcs = VcsInfo::parse(&archive.read(VCS_BYTES)?),
            "src/lib.rs" => self.has_library = true,
            _ if relative.eq_ignore_ascii_case("Cargo.toml") => {
                return Err(PackageError::ManifestSpelling { path: printable(relative) });
            }
            _ if is_binary(relative) => self.binary_paths.push(relative.to_owned()),
            _ => {}
        }
        if self.may_be_readme(relative) {
            let text = archive.read(self.limits.readme_bytes)?;
            let is_whole = text.len() as u64 == entry.bytes;
            self.readmes.push((relative.to_owned(), text, is_whole));
        }
        Ok(())
    }

    fn take_manifest<R: Read>(
        &mut self,
        entry: &Entry,
        archive: &mut Archive<R>,
    ) -> Result<(), PackageError> {
        let limit = self.limits.manifest_bytes;
        if self.manifest.is_some() {
            return Err(PackageError::Duplicate { path: "Cargo.toml".to_owned() });
        }
        if entry.bytes > limit as u64 {
            return Err(PackageError::FileTooLarge { path: "Cargo.toml".to_owned(), limit: limit as u64 });
        }
        let manifest = Manifest::parse(&archive.read(limit)?, self.own_index)?;
        self.readmes.retain(|(path, ..)| manifest.readme_paths.contains(path));
        self.manifest = Some(manifest);
        Ok(())
    }

    fn may_be_readme(&self, relative: &str) -> bool {
        if let Some(manifest) = &self.manifest {
            return manifest.readme_paths.iter().any(|path| path == relative);
        }
        let lower = relative.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        let is_text = [".md", ".markdown", ".txt", ".rst", ".adoc"].iter().any(|end| lower.ends_with(end));
        self.readmes.len() < CANDIDATES && (is_text || lower.starts_with("readme"))
    }

    fn finish(self, unpacked_bytes: u64, entries: u32) -> Result<Contents, PackageError> {
        self.layout.finish()?;
        let (Some(manifest), Some(root)) = (self.manifest, self.root) else {
            return Err(PackageError::ManifestMissing);
        };
        let mut readmes = self.readmes;
        let found = manifest.readme_paths.iter().find_map(|wanted| {
            let at = readmes.iter().position(|(path, ..)| path == wanted)?;
            Some(readmes.swap_remove(at))
        });
        Ok(Contents {
            root,
            manifest,
            readme: found.map(|(path, bytes, is_whole)| (path, text(bytes, is_whole))),
            vcs: self.vcs,
            has_library: self.has_library,
            binary_paths: self.binary_paths,
            unpacked_bytes,
            entries,
        })
    }
}

/// Whether cargo takes a path for a binary: `src/main.rs`, `src/bin/x.rs`, `src/bin/x/main.rs`.
fn is_binary(path: &str) -> bool {
    path == "src/main.rs" || binary_name(path).is_some()
}

/// The name of a binary in `src/bin`.
pub(crate) fn binary_name(path: &str) -> Option<&str> {
    let name = path.strip_prefix("src/bin/")?;
    let name = name.strip_suffix("/main.rs").or_else(|| name.strip_suffix(".rs"))?;
    (!name.is_empty() && !name.contains('/')).then_some(name)
}

/// UTF-8 or nothing; a text that was cut off may end within a character.
fn text(mut bytes: Vec<u8>, is_whole: bool) -> Option<String> {
    if let Err(e) = std::str::from_utf8(&bytes)
        && !is_whole
        && e.error_len().is_none()
    {
        bytes.truncate(e.valid_up_to());
    }
    let text = String::from_utf8(bytes).ok()?;
    Some(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}
