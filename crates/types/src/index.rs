//! The sparse index: the line of one version and the path of a crate's file (the Cargo book, "Index
//! Format"; cargo's `crates/cargo-util-schemas/src/index.rs`).

use crate::dependency::{null_as_default, null_as_yes, yes};
use crate::{
    CanonicalName, CrateName, DependencyAlias, DependencyKind, FeatureName, PartialVersion, PublishMetadata,
    Sha256, Timestamp, Version, VersionReq,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One line of an index file: all that cargo's resolver knows about one version. Fields that are unset are
/// left out, except those that every reader expects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexLine {
    /// The crate, as published.
    pub name: CrateName,
    /// The version.
    pub vers: Version,
    /// What it depends on.
    pub deps: Vec<IndexDependency>,
    /// The digest of the `.crate` file.
    pub cksum: Sha256,
    /// Features that every cargo understands.
    #[serde(default, deserialize_with = "null_as_default")]
    pub features: BTreeMap<FeatureName, Vec<String>>,
    /// Features in the syntax of cargo 1.60 (`dep:x`, `x?/y`); cargo before 1.19 must not see them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub features2: Option<BTreeMap<FeatureName, Vec<String>>>,
    /// Whether the resolver passes it over; the only field that changes after the publish.
    #[serde(default, deserialize_with = "null_as_default")]
    pub yanked: bool,
    /// The native library it links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub links: Option<String>,
    /// The oldest Rust that it needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rust_version: Option<PartialVersion>,
    /// When it was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pubtime: Option<Timestamp>,
    /// The format: absent or 1, 2 with `features2`, 3 with artifact dependencies.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v: Option<u32>,
}

/// A dependency in an index line: `name` is the alias, `package` the real name when they differ.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IndexDependency {
    /// The name under which the crate uses it.
    pub name: DependencyAlias,
    /// Which versions.
    pub req: VersionReq,
    /// Features turned on.
    #[serde(default, deserialize_with = "null_as_default")]
    pub features: Vec<String>,
    /// Whether a feature must turn it on.
    #[serde(default, deserialize_with = "null_as_default")]
    pub optional: bool,
    /// Whether its default features are on.
    #[serde(default = "yes", deserialize_with = "null_as_yes")]
    pub default_features: bool,
    /// The platform it is for. A text here and for the registry, since lines that were written before these were
    /// checked must still be read.
    #[serde(default)]
    pub target: Option<String>,
    /// Its section.
    #[serde(default)]
    pub kind: DependencyKind,
    /// The index of another registry; `None` is this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
    /// The package's name, when it is renamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub package: Option<CrateName>,
    /// Whether it is part of the public API (unstable).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public: Option<bool>,
    /// Artifact kinds (unstable).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<Vec<String>>,
    /// The artifact's target (unstable).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bindep_target: Option<String>,
    /// Whether an artifact dependency is a library too (unstable).
    #[serde(default, skip_serializing_if = "is_false")]
    pub lib: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature serde asks for")]
fn is_false(value: &bool) -> bool {
    !*value
}

impl IndexDependency {
    /// The name of the package, whatever it is called here.
    pub fn package_name(&self) -> &str {
        self.package.as_ref().map_or(self.name.as_str(), CrateName::as_str)
    }
}

impl IndexLine {
    /// The line of a version that is published now. A dependency whose registry is `own_index` is written
    /// without one, the canonical form of "this registry".
    pub fn new(metadata: &PublishMetadata, cksum: Sha256, pubtime: Timestamp, own_index: &str) -> IndexLine {
        let mut deps: Vec<IndexDependency> =
            metadata.deps.iter().map(crate::MetadataDependency::to_index).collect();
        for dependency in &mut deps {
            dependency.registry.take_if(|registry| registry == own_index);
        }
        // Very old cargos misread duplicates that are not sorted; crates.io sorts in the same way.
        deps.sort_by(|a, b| (&a.name, a.kind, &a.target).cmp(&(&b.name, b.kind, &b.target)));
        let (plain, modern): (BTreeMap<_, _>, BTreeMap<_, _>) = metadata
            .features
            .clone()
            .into_iter()
            .partition(|(_, values)| !values.iter().any(|v| is_modern(v)));
        let artifacts = deps.iter().any(|dependency| dependency.artifact.is_some());
        IndexLine {
            name: metadata.name.clone(),
            vers: metadata.vers.clone(),
            deps,
            cksum,
            features: plain,
            v: if artifacts { Some(3) } else { (!modern.is_empty()).then_some(2) },
            features2: (!modern.is_empty()).then_some(modern),
            yanked: false,
            links: metadata.links.clone(),
            rust_version: metadata.rust_version.clone(),
            pubtime: Some(pubtime),
        }
    }

    /// The JSON text, without the end of the line.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("an index line has string keys only")
    }
}

/// Whether a feature value needs cargo 1.60.
fn is_modern(value: &str) -> bool {
    value.starts_with("dep:") || value.contains("?/")
}

impl CanonicalName {
    /// The path of a crate's index file for the name as cargo asks for it: the published name in lower case.
    pub fn index_path(name: &CrateName) -> String {
        let lower = name.as_str().to_ascii_lowercase();
        match lower.len() {
            1 => format!("1/{lower}"),
            2 => format!("2/{lower}"),
            3 => format!("3/{}/{lower}", &lower[..1]),
            _ => format!("{}/{}/{lower}", &lower[..2], &lower[2..4]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;

    fn line(metadata: &str) -> IndexLine {
        let metadata = PublishMetadata::parse(metadata.as_bytes()).unwrap();
        IndexLine::new(
            &metadata,
            Sha256::of(b""),
            Timestamp::from_unix_seconds(1_767_225_600),
            "sparse+http://own/",
        )
    }

    #[test]
    fn wire_format() {
        let full = line(
            r#"{"name":"Foo-bar","vers":"0.1.0+b","links":"z","rust_version":"1.70",
            "features":{"default":["x"],"x":["dep:bar","bar?/f"]},"deps":[
            {"name":"zed","version_req":"1.0","registry":"sparse+http://own/","explicit_name_in_toml":"_a","optional":true},
            {"name":"bar","version_req":"^1","target":"cfg(windows)","kind":"dev","default_features":false,"features":["f"]},
            {"name":"bar","version_req":"^1","kind":"build","registry":"https://example.com/index"}]}"#,
        );
        assert_snapshot!(full.to_json());
        assert_snapshot!(line(r#"{"name":"a","vers":"1.0.0"}"#).to_json());
    }

    #[test]
    fn reads_what_it_writes_and_what_others_write() {
        let own = line(r#"{"name":"a","vers":"1.0.0","deps":[{"name":"b","version_req":"*"}]}"#);
        assert_eq!(serde_json::from_str::<IndexLine>(&own.to_json()).unwrap(), own);
        let sparse = r#"{"name":"a","vers":"1.0.0","deps":[{"name":"b","req":"^1","kind":null,"default_features":null}],"cksum":
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","features":null,"yanked":null,"new":1}"#;
        let read: IndexLine = serde_json::from_str(sparse).unwrap();
        assert!(read.deps[0].default_features && !read.yanked);
        // Written before platforms and registries were checked.
        let old = own.to_json().replace(r#""target":null"#, r#""target":"cfg(windows","registry":"x""#);
        assert_eq!(serde_json::from_str::<IndexLine>(&old).unwrap().deps[0].registry.as_deref(), Some("x"));
    }

    #[test]
    fn paths() {
        for (name, path) in
            [("A", "1/a"), ("ab", "2/ab"), ("abC", "3/a/abc"), ("Serde-Json", "se/rd/serde-json")]
        {
            assert_eq!(CanonicalName::index_path(&name.parse().unwrap()), path);
        }
    }
}
