//! The JSON that cargo sends with a publish (the Cargo book, "Web API: Publish").

use crate::dependency::{null_as_default, null_as_yes, yes};
use crate::source::beginning;
use crate::{
    CrateName, DependencyAlias, DependencyKind, DependencyTarget, FeatureName, FrameLimits, IndexDependency,
    PartialVersion, RegistryIndex, Version, VersionReq,
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Everything cargo says about a version that is being published. Unknown fields are ignored; a missing
/// optional field is the same as null.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct PublishMetadata {
    /// The crate.
    pub name: CrateName,
    /// The version.
    pub vers: Version,
    /// What it depends on.
    #[serde(default, deserialize_with = "null_as_default")]
    pub deps: Vec<MetadataDependency>,
    /// Its features, each with what it turns on.
    #[serde(default, deserialize_with = "null_as_default")]
    pub features: BTreeMap<FeatureName, Vec<String>>,
    /// `authors`
    #[serde(default, deserialize_with = "null_as_default")]
    pub authors: Vec<String>,
    /// `description`
    #[serde(default)]
    pub description: Option<String>,
    /// `documentation`
    #[serde(default)]
    pub documentation: Option<String>,
    /// `homepage`
    #[serde(default)]
    pub homepage: Option<String>,
    /// The README's text.
    #[serde(default)]
    pub readme: Option<String>,
    /// The README's path in the package.
    #[serde(default)]
    pub readme_file: Option<String>,
    /// `keywords`
    #[serde(default, deserialize_with = "null_as_default")]
    pub keywords: Vec<String>,
    /// `categories`
    #[serde(default, deserialize_with = "null_as_default")]
    pub categories: Vec<String>,
    /// `license`, an SPDX expression.
    #[serde(default)]
    pub license: Option<String>,
    /// `license-file`
    #[serde(default)]
    pub license_file: Option<String>,
    /// `repository`
    #[serde(default)]
    pub repository: Option<String>,
    /// The native library it links.
    #[serde(default)]
    pub links: Option<String>,
    /// `rust-version`
    #[serde(default)]
    pub rust_version: Option<PartialVersion>,
}

/// A dependency as cargo sends it: `name` is the package, an alias stands apart.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct MetadataDependency {
    /// The package's name.
    pub name: CrateName,
    /// Which versions.
    pub version_req: VersionReq,
    /// Features turned on.
    #[serde(default, deserialize_with = "null_as_default")]
    pub features: Vec<String>,
    /// Whether a feature must turn it on.
    #[serde(default, deserialize_with = "null_as_default")]
    pub optional: bool,
    /// Whether its default features are on.
    #[serde(default = "yes", deserialize_with = "null_as_yes")]
    pub default_features: bool,
    /// The platform it is for: a triple or a `cfg(…)`.
    #[serde(default)]
    pub target: Option<DependencyTarget>,
    /// Its section.
    #[serde(default)]
    pub kind: DependencyKind,
    /// The index of another registry; `None` is the registry published to.
    #[serde(default)]
    pub registry: Option<RegistryIndex>,
    /// The alias, when it is renamed.
    #[serde(default)]
    pub explicit_name_in_toml: Option<DependencyAlias>,
    /// Artifact kinds (unstable artifact dependencies).
    #[serde(default)]
    pub artifact: Option<Vec<String>>,
    /// The artifact's target.
    #[serde(default)]
    pub bindep_target: Option<String>,
    /// Whether an artifact dependency is a library too.
    #[serde(default, deserialize_with = "null_as_default")]
    pub lib: bool,
}

impl MetadataDependency {
    /// The name under which the crate uses it.
    pub fn alias(&self) -> &str {
        self.explicit_name_in_toml.as_ref().map_or(self.name.as_str(), DependencyAlias::as_str)
    }

    /// The same dependency as an index line tells it, where `name` is the alias and `package` the real name.
    pub fn to_index(&self) -> IndexDependency {
        let renamed = self.explicit_name_in_toml.clone().filter(|alias| alias.as_str() != self.name.as_str());
        IndexDependency {
            name: self.alias().parse().expect("a crate name is a valid alias"),
            req: self.version_req.clone(),
            features: self.features.clone(),
            optional: self.optional,
            default_features: self.default_features,
            target: self.target.clone().map(String::from),
            kind: self.kind,
            registry: self.registry.clone().map(String::from),
            package: renamed.map(|_| self.name.clone()),
            public: None,
            artifact: self.artifact.clone(),
            bindep_target: self.bindep_target.clone(),
            lib: self.lib,
        }
    }
}

/// Why publish metadata is refused.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// Not JSON; the parser says where.
    #[error("the publish metadata is not valid: {0}")]
    Json(serde_json::Error),
    /// Not the expected shape.
    #[error("the publish metadata is not valid: {0}")]
    Shape(String),
    /// A value that is not valid.
    #[error("`{field}` is not valid: {reason}")]
    Value {
        /// Which value, in the words of `Cargo.toml` where it has a name there.
        field: String,
        /// Why.
        reason: String,
    },
    /// More bytes than [`FrameLimits`] allows by default.
    #[error("the publish metadata has {0} bytes, the most is {limit}", limit = FrameLimits::METADATA_BYTES)]
    TooLarge(usize),
}

impl MetadataError {
    /// Takes the position from what the parser says about a value: cargo wrote the JSON, and its author never saw it.
    fn new(error: serde_path_to_error::Error<serde_json::Error>) -> MetadataError {
        let path = error.path().to_string();
        let error = error.into_inner();
        if !error.is_data() {
            return MetadataError::Json(error);
        }
        let text = error.to_string();
        let position = format!(" at line {} column {}", error.line(), error.column());
        let reason = text.strip_suffix(&position).unwrap_or(&text).to_owned();
        match path.as_str() {
            "." => MetadataError::Shape(reason),
            "name" => MetadataError::Value { field: "package.name".to_owned(), reason },
            "vers" => MetadataError::Value { field: "package.version".to_owned(), reason },
            "rust_version" => MetadataError::Value { field: "package.rust-version".to_owned(), reason },
            path => MetadataError::Value { field: beginning(path), reason },
        }
    }
}

impl PublishMetadata {
    /// Reads the JSON part of a publish. Nesting is bounded by the JSON parser (128 levels).
    pub fn parse(json: &[u8]) -> Result<PublishMetadata, MetadataError> {
        if json.len() > FrameLimits::METADATA_BYTES {
            return Err(MetadataError::TooLarge(json.len()));
        }
        let mut parser = serde_json::Deserializer::from_slice(json);
        let metadata = serde_path_to_error::deserialize(&mut parser).map_err(MetadataError::new)?;
        parser.end().map_err(MetadataError::Json)?;
        Ok(metadata)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What cargo 1.95 sends, shortened.
    const RECORDED: &str = r##"{"name":"foo","vers":"0.1.0","deps":[
      {"optional":true,"default_features":false,"name":"bar","features":["f"],"version_req":"^1","target":null,"kind":"normal"},
      {"optional":false,"default_features":true,"name":"baz-qux","features":[],"version_req":"^1.0","target":null,"kind":"normal","explicit_name_in_toml":"renamed"},
      {"optional":false,"default_features":true,"name":"dep","features":[],"version_req":"^1","target":"cfg(unix)","kind":"dev","registry":"https://example.com/index"}],
     "features":{"default":["x"],"x":["dep:bar","bar?/f"]},"authors":["A <a@x>"],"description":"d","documentation":"https://d","homepage":"https://h",
     "readme":"# hi","readme_file":"README.md","keywords":["a","b"],"categories":["x"],"license":"MIT","license_file":null,"repository":"https://r",
     "badges":{"maintenance":{"status":"experimental"}},"links":"foo","rust_version":"1.70"}"##;

    #[test]
    fn reads_what_cargo_sends() {
        let metadata = PublishMetadata::parse(RECORDED.as_bytes()).unwrap();
        assert_eq!(metadata.deps[1].alias(), "renamed");
        let index = metadata.deps[1].to_index();
        assert_eq!((index.name.as_str(), index.package.as_ref().unwrap().as_str()), ("renamed", "baz-qux"));
        assert_eq!(metadata.deps[0].to_index().package, None);
        assert_eq!(metadata.rust_version.unwrap().as_str(), "1.70");
    }

    #[test]
    fn nulls_and_absence_are_one() {
        let least = PublishMetadata::parse(br#"{"name":"a","vers":"1.0.0"}"#).unwrap();
        let nulls = PublishMetadata::parse(
            br#"{"name":"a","vers":"1.0.0","deps":null,"features":null,"authors":null,"keywords":null,
                "categories":null,"license":null,"new_field":{"x":[1]}}"#,
        );
        assert_eq!(least, nulls.unwrap());
        let with = |dependency: &str| {
            let json = format!(r#"{{"name":"a","vers":"1.0.0","deps":[{{{dependency}}}]}}"#);
            PublishMetadata::parse(json.as_bytes()).unwrap()
        };
        let least = with(r#""name":"b","version_req":"^1""#);
        let nulls = with(
            r#""name":"b","version_req":"^1","features":null,"optional":null,"default_features":null,"target":null,
            "kind":null,"registry":null,"explicit_name_in_toml":null,"artifact":null,"bindep_target":null,"lib":null"#,
        );
        assert_eq!(least, nulls);
        assert!(least.deps[0].default_features);
    }

    #[test]
    fn depth_in_an_unknown_field_is_skipped() {
        let deep =
            format!(r#"{{"name":"a","vers":"1.0.0","x":{}{}}}"#, "[".repeat(90_000), "]".repeat(90_000));
        assert!(PublishMetadata::parse(deep.as_bytes()).is_ok());
    }

    #[test]
    fn refusals_name_the_value_and_no_position() {
        let sentences = [
            r#"{"name":"std","vers":"1.0.0"}"#,
            r#"{"name":"a","vers":"1"}"#,
            r#"{"name":"a","vers":"1.0.0","rust_version":">=1"}"#,
            r#"{"name":"a","vers":"1.0.0","features":{"a b":[]}}"#,
            r#"{"name":"a","vers":"1.0.0","description":1}"#,
            r#"{"name":"a","vers":"1.0.0","deps":[{"name":"b"}]}"#,
            r#"{"name":"a","vers":"1.0.0","deps":[{"name":"b","version_req":"*","target":"cfg(windows"}]}"#,
            r#"{"name":"a","vers":"1.0.0","deps":[{"name":"b","version_req":"*","registry":"not a url"}]}"#,
            r#"{"name":"a"}"#,
            r#"{"name":"a","vers":}"#,
            r#"{"name":"a","vers":"1.0.0"} trailing"#,
        ]
        .map(|json| PublishMetadata::parse(json.as_bytes()).unwrap_err().to_string());
        insta::assert_snapshot!(sentences.join("\n"), @r"
        `package.name` is not valid: the crate name `std` is reserved; choose another one
        `package.version` is not valid: `1` is not a semantic version like `1.2.3`: unexpected end of input while parsing major version number
        `package.rust-version` is not valid: the rust-version `>=1` must be a plain version like `1.70` or `1.70.0`
        `features.a b` is not valid: the feature name `a b` contains ' '; allowed are letters, digits, `_`, `-`, `+` and `.`
        `description` is not valid: invalid type: integer `1`, expected a string
        `deps[0]` is not valid: missing field `version_req`
        `deps[0].target` is not valid: `cfg(windows` is not a platform like `cfg(unix)` or `x86_64-unknown-linux-gnu`
        `deps[0].registry` is not valid: `not a url` is not the address of a registry's index like `sparse+https://crates.example/index/` or `ssh://git@git.example/index.git`
        the publish metadata is not valid: missing field `vers`
        the publish metadata is not valid: expected value at line 1 column 20
        the publish metadata is not valid: trailing characters at line 1 column 29
        ");
    }

    #[test]
    fn refuses_what_is_not_metadata() {
        let deep =
            format!(r#"{{"name":"a","vers":"1.0.0","deps":{}{}}}"#, "[".repeat(90_000), "]".repeat(90_000));
        let large = vec![b' '; FrameLimits::METADATA_BYTES + 1];
        for json in [
            &b""[..],
            b"{}",
            b"[]",
            b"null",
            b"\xff\xfe",
            br#"{"name":"..","vers":"1.0.0"}"#,
            br#"{"name":"a\u0000","vers":"1.0.0"}"#,
            br#"{"name":"a","vers":"1"}"#,
            br#"{"name":"a","vers":"1.0.0","features":{"a b":[]}}"#,
            br#"{"name":"a","vers":"1.0.0","rust_version":">=1"}"#,
            br#"{"name":"a","vers":"1.0.0"} trailing"#,
            br#"{"name":"a","vers":"1.0.0","deps":[{"name":"b","version_req":"*","target":"cfg(windows"}]}"#,
            br#"{"name":"a","vers":"1.0.0","deps":[{"name":"b","version_req":"*","registry":"not a url"}]}"#,
            br#"{"name":"a","vers":"1.0.0","deps":[{"name":"b","version_req":"*","registry":"javascript:x"}]}"#,
            deep.as_bytes(),
            &large,
        ] {
            assert!(
                PublishMetadata::parse(json).is_err(),
                "{}",
                String::from_utf8_lossy(&json[..json.len().min(80)])
            );
        }
    }
}
