//! A dependency of a package for tests, as cargo sends it and as it packs it.

use holdfast_types::{DependencyKind, VersionReq, crates_io_index};
use serde_json::{Value as Json, json};
use toml::Table;

/// A dependency on this registry, of `[dependencies]`, with default features.
#[derive(Clone, Debug)]
pub struct Dependency {
    pub(super) name: String,
    requirement: String,
    pub(super) alias: Option<String>,
    pub(super) kind: DependencyKind,
    pub(super) target: Option<String>,
    optional: bool,
    default_features: bool,
    features: Vec<String>,
    registry: Registry,
}

/// Where a dependency comes from.
#[derive(Clone, Debug)]
enum Registry {
    Own,
    Other(String),
}

impl Dependency {
    /// A plain dependency on a crate of the same registry.
    pub fn new(name: &str, requirement: &str) -> Dependency {
        Dependency {
            name: name.to_owned(),
            requirement: requirement.to_owned(),
            alias: None,
            kind: DependencyKind::Normal,
            target: None,
            optional: false,
            default_features: true,
            features: Vec::new(),
            registry: Registry::Own,
        }
    }

    /// Under another name.
    #[must_use]
    pub fn alias(mut self, alias: &str) -> Dependency {
        self.alias = Some(alias.to_owned());
        self
    }

    /// In another section.
    #[must_use]
    pub fn kind(mut self, kind: DependencyKind) -> Dependency {
        self.kind = kind;
        self
    }

    /// For a platform.
    #[must_use]
    pub fn target(mut self, target: &str) -> Dependency {
        self.target = Some(target.to_owned());
        self
    }

    /// Turned on by a feature.
    #[must_use]
    pub fn optional(mut self) -> Dependency {
        self.optional = true;
        self
    }

    /// Without its default features.
    #[must_use]
    pub fn no_default_features(mut self) -> Dependency {
        self.default_features = false;
        self
    }

    /// With features.
    #[must_use]
    pub fn features(mut self, features: &[&str]) -> Dependency {
        self.features = features.iter().map(|&feature| feature.to_owned()).collect();
        self
    }

    /// From another registry.
    #[must_use]
    pub fn registry(mut self, index: &str) -> Dependency {
        self.registry = Registry::Other(index.to_owned());
        self
    }

    /// From crates.io.
    #[must_use]
    pub fn crates_io(self) -> Dependency {
        self.registry(crates_io_index())
    }

    pub(super) fn to_json(&self) -> Json {
        let requirement = self.requirement.parse::<VersionReq>();
        let mut json = json!({
            "name": self.name,
            "version_req": requirement.map_or_else(|_| self.requirement.clone(), |r| r.to_string()),
            "optional": self.optional,
            "default_features": self.default_features,
            "features": self.features,
            "target": self.target,
            "kind": self.kind,
        });
        if let Registry::Other(index) = &self.registry {
            json["registry"] = index.as_str().into();
        }
        if let Some(alias) = &self.alias {
            json["explicit_name_in_toml"] = alias.as_str().into();
        }
        json
    }

    pub(super) fn to_toml(&self, own_index: &str) -> Table {
        let mut table = Table::new();
        table.insert("version".into(), self.requirement.as_str().into());
        match &self.registry {
            Registry::Own => {
                table.insert("registry-index".into(), own_index.into());
            }
            Registry::Other(index) if index == crates_io_index() => {}
            Registry::Other(index) => {
                table.insert("registry-index".into(), index.as_str().into());
            }
        }
        if self.alias.is_some() {
            table.insert("package".into(), self.name.as_str().into());
        }
        if self.optional {
            table.insert("optional".into(), true.into());
        }
        if !self.default_features {
            table.insert("default-features".into(), false.into());
        }
        if !self.features.is_empty() {
            table.insert("features".into(), self.features.clone().into());
        }
        table
    }
}
