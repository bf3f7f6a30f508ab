//! Packages for tests, made in memory: honest ones, and by explicit methods dishonest ones.

mod dependency;

pub use dependency::Dependency;

use flate2::Compression;
use flate2::write::GzEncoder;
use holdfast_types::DependencyKind;
use serde_json::{Value as Json, json};
use std::io::Write as _;
use tar::{EntryType, Header};
use toml::{Table, Value as Toml};

/// The index that packages are made for.
pub const OWN_INDEX: &str = "sparse+http://127.0.0.1:8000/r/main/index/";

/// Makes a `.crate` file and the publish metadata for it as cargo would.
#[derive(Clone, Debug)]
pub struct CrateBuilder {
    name: String,
    version: String,
    own_index: String,
    root: String,
    fields: Vec<(String, Toml)>,
    dependencies: Vec<Dependency>,
    features: Vec<(String, Vec<String>)>,
    entries: Vec<RawEntry>,
    sections: Table,
    // What makes it dishonest:
    manifest: Option<Vec<u8>>,
    has_manifest: bool,
    sent: Vec<(String, Json)>,
    tar_tail: Vec<u8>,
    gzip_tail: Vec<u8>,
}

#[derive(Clone, Debug)]
struct RawEntry {
    path: Vec<u8>,
    kind: u8,
    content: Vec<u8>,
}

impl CrateBuilder {
    /// A library with a description and a licence.
    pub fn new(name: &str, version: &str) -> CrateBuilder {
        let builder = CrateBuilder {
            name: name.to_owned(),
            version: version.to_owned(),
            own_index: OWN_INDEX.to_owned(),
            root: format!("{name}-{version}"),
            fields: Vec::new(),
            dependencies: Vec::new(),
            features: Vec::new(),
            entries: Vec::new(),
            sections: Table::new(),
            manifest: None,
            has_manifest: true,
            sent: Vec::new(),
            tar_tail: Vec::new(),
            gzip_tail: Vec::new(),
        };
        builder
            .field("edition", "2024")
            .field("description", "A package for tests")
            .field("license", "MIT")
            .file("src/lib.rs", b"//! A package for tests.\n")
    }

    /// The address of the index that it is published to.
    #[must_use]
    pub fn own_index(mut self, index: &str) -> CrateBuilder {
        index.clone_into(&mut self.own_index);
        self
    }

    /// A field of `[package]`: a text, a list of texts, a flag.
    #[must_use]
    pub fn field(mut self, key: &str, value: impl Into<Toml>) -> CrateBuilder {
        self.fields.retain(|(field, _)| field != key);
        self.fields.push((key.to_owned(), value.into()));
        self
    }

    /// Without a field of `[package]` that [`CrateBuilder::new`] sets.
    #[must_use]
    pub fn without(mut self, key: &str) -> CrateBuilder {
        self.fields.retain(|(field, _)| field != key);
        self
    }

    /// A `README.md`, with the field that names it.
    #[must_use]
    pub fn readme(self, text: &str) -> CrateBuilder {
        self.field("readme", "README.md").file("README.md", text.as_bytes())
    }

    /// A dependency.
    #[must_use]
    pub fn dependency(mut self, dependency: Dependency) -> CrateBuilder {
        self.dependencies.push(dependency);
        self
    }

    /// A feature.
    #[must_use]
    pub fn feature(mut self, name: &str, values: &[&str]) -> CrateBuilder {
        self.features.push((name.to_owned(), values.iter().map(|&value| value.to_owned()).collect()));
        self
    }

    /// A section of `Cargo.toml` that cargo does not send.
    #[must_use]
    pub fn section(mut self, key: &str, value: impl Into<Toml>) -> CrateBuilder {
        self.sections.insert(key.to_owned(), value.into());
        self
    }

    /// A file in the package's folder.
    #[must_use]
    pub fn file(self, path: &str, content: &[u8]) -> CrateBuilder {
        let path = format!("{}/{path}", self.root);
        self.raw_entry(path.as_bytes(), EntryType::Regular, content)
    }

    /// Dishonest: an entry of any kind at any path, the top folder included.
    #[must_use]
    pub fn raw_entry(mut self, path: &[u8], kind: EntryType, content: &[u8]) -> CrateBuilder {
        let (path, content) = (path.to_vec(), content.to_vec());
        self.entries.push(RawEntry { path, kind: kind.as_byte(), content });
        self
    }

    /// Dishonest: another text as the packaged `Cargo.toml`.
    #[must_use]
    pub fn manifest(mut self, text: impl AsRef<[u8]>) -> CrateBuilder {
        self.manifest = Some(text.as_ref().to_vec());
        self
    }

    /// Dishonest: no `Cargo.toml`.
    #[must_use]
    pub fn without_manifest(mut self) -> CrateBuilder {
        self.has_manifest = false;
        self
    }

    /// Dishonest: a value of the publish metadata that is not in the package.
    #[must_use]
    pub fn sent(mut self, key: &str, value: impl Into<Json>) -> CrateBuilder {
        self.sent.push((key.to_owned(), value.into()));
        self
    }

    /// Dishonest: bytes after the end of the tar archive.
    #[must_use]
    pub fn tar_tail(mut self, bytes: &[u8]) -> CrateBuilder {
        self.tar_tail = bytes.to_vec();
        self
    }

    /// Dishonest: bytes after the end of the gzip data.
    #[must_use]
    pub fn gzip_tail(mut self, bytes: &[u8]) -> CrateBuilder {
        self.gzip_tail = bytes.to_vec();
        self
    }

    /// The publish metadata and the `.crate` file.
    pub fn build(&self) -> (Vec<u8>, Vec<u8>) {
        (self.metadata(), self.package())
    }

    /// The body of a publish.
    pub fn frame(&self) -> Vec<u8> {
        let (metadata, package) = self.build();
        let length = |part: &[u8]| u32::try_from(part.len()).expect("a test package is small").to_le_bytes();
        [&length(&metadata)[..], &metadata, &length(&package)[..], &package].concat()
    }

    /// The publish metadata.
    pub fn metadata(&self) -> Vec<u8> {
        let field = |key: &str| self.fields.iter().find(|(field, _)| field == key).map(|(_, value)| value);
        let text = |key: &str| field(key).and_then(Toml::as_str);
        let list = |key: &str| field(key).map_or_else(|| json!([]), |value| json!(value));
        let readme = self.entries.iter().find(|entry| entry.path.ends_with(b"/README.md"));
        let features: serde_json::Map<_, _> =
            self.features.iter().map(|(name, values)| (name.clone(), json!(values))).collect();
        let mut json = json!({
            "name": self.name,
            "vers": self.version,
            "deps": self.dependencies.iter().map(Dependency::to_json).collect::<Vec<_>>(),
            "features": features,
            "authors": list("authors"),
            "description": text("description"),
            "documentation": text("documentation"),
            "homepage": text("homepage"),
            "readme": readme.map(|entry| String::from_utf8_lossy(&entry.content)),
            "readme_file": text("readme"),
            "keywords": list("keywords"),
            "categories": list("categories"),
            "license": text("license"),
            "license_file": text("license-file"),
            "repository": text("repository"),
            "badges": {},
            "links": text("links"),
            "rust_version": text("rust-version"),
        });
        for (key, value) in &self.sent {
            json[key] = value.clone();
        }
        json.to_string().into_bytes()
    }

    /// The `.crate` file.
    pub fn package(&self) -> Vec<u8> {
        gzip(&self.tar(), &self.gzip_tail)
    }

    /// The tar archive in the `.crate` file.
    pub fn tar(&self) -> Vec<u8> {
        let mut tar = Vec::new();
        if self.has_manifest {
            let manifest = self.manifest.clone().unwrap_or_else(|| self.manifest_text().into_bytes());
            append(&mut tar, format!("{}/Cargo.toml", self.root).as_bytes(), b'0', &manifest);
        }
        for RawEntry { path, kind, content } in &self.entries {
            append(&mut tar, path, *kind, content);
        }
        tar.extend_from_slice(&[0; 1024]);
        tar.extend_from_slice(&self.tar_tail);
        tar
    }

    /// The packaged `Cargo.toml`.
    pub fn manifest_text(&self) -> String {
        let mut package = Table::new();
        package.insert("name".into(), self.name.as_str().into());
        package.insert("version".into(), self.version.as_str().into());
        package.extend(self.fields.iter().cloned());
        let mut root = self.sections.clone();
        root.insert("package".into(), package.into());
        if !self.features.is_empty() {
            let features = self.features.iter().map(|(name, values)| (name.clone(), values.clone().into()));
            root.insert("features".into(), features.collect::<Table>().into());
        }
        for dependency in &self.dependencies {
            let mut place = &mut root;
            if let Some(target) = &dependency.target {
                place = subtable(subtable(place, "target"), target);
            }
            let section = match dependency.kind {
                DependencyKind::Normal => "dependencies",
                DependencyKind::Build => "build-dependencies",
                DependencyKind::Dev => "dev-dependencies",
            };
            let alias = dependency.alias.as_ref().unwrap_or(&dependency.name);
            subtable(place, section).insert(alias.clone(), dependency.to_toml(&self.own_index).into());
        }
        toml::to_string(&root).expect("a manifest has string keys only")
    }
}

/// Bytes as gzip, with others after it.
pub fn gzip(bytes: &[u8], tail: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).expect("writing to memory does not fail");
    let mut packed = encoder.finish().expect("writing to memory does not fail");
    packed.extend_from_slice(tail);
    packed
}

/// Appends an entry to a tar archive, without looking at its path.
pub fn append(tar: &mut Vec<u8>, path: &[u8], kind: u8, content: &[u8]) {
    if path.len() > 100 {
        append(tar, b"././@LongLink", b'L', &[path, b"\0"].concat());
    }
    let mut header = Header::new_gnu();
    let name = &path[..path.len().min(100)];
    header.as_old_mut().name[..name.len()].copy_from_slice(name);
    header.set_mode(0o644);
    header.set_size(content.len() as u64);
    header.set_entry_type(EntryType::new(kind));
    header.set_cksum();
    tar.extend_from_slice(header.as_bytes());
    tar.extend_from_slice(content);
    tar.resize(tar.len().next_multiple_of(512), 0);
}

fn subtable<'t>(table: &'t mut Table, key: &str) -> &'t mut Table {
    let value = table.entry(key).or_insert_with(|| Table::new().into());
    value.as_table_mut().expect("only tables are put there")
}
