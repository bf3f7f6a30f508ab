//! Whether cargo would accept the features: it ignores an index line whose features name what is not there.

use crate::PackageError;
use crate::error::printable;
use holdfast_types::{DependencyKind, FeatureName, MetadataDependency};
use std::collections::{BTreeMap, BTreeSet};

/// A value of a feature (the Cargo book, "Features").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Value<'t> {
    /// `x`: another feature, or an optional dependency.
    Feature(&'t str),
    /// `dep:x`: an optional dependency.
    Dependency(&'t str),
    /// `x/f`, or `x?/f` when weak: a feature of a dependency.
    DependencyFeature { dependency: &'t str, is_weak: bool },
}

impl<'t> Value<'t> {
    pub(crate) fn parse(text: &'t str) -> Value<'t> {
        if let Some((dependency, _)) = text.split_once('/') {
            let weak = dependency.strip_suffix('?');
            return Value::DependencyFeature {
                dependency: weak.unwrap_or(dependency),
                is_weak: weak.is_some(),
            };
        }
        text.strip_prefix("dep:").map_or(Value::Feature(text), Value::Dependency)
    }

    /// The dependency or feature that must exist.
    pub(crate) fn refers_to(&self) -> &'t str {
        match self {
            Value::Feature(name) | Value::Dependency(name) => name,
            Value::DependencyFeature { dependency, .. } => dependency,
        }
    }
}

type Features = BTreeMap<FeatureName, Vec<String>>;

/// Refuses features that cargo's resolver would refuse.
pub(crate) fn check(features: &Features, dependencies: &[MetadataDependency]) -> Result<(), PackageError> {
    let graph = Graph::new(features, dependencies);
    for (feature, values) in features {
        for value in values {
            if let Some(fault) = graph.fault(Value::parse(value)) {
                let (feature, value) = (printable(feature.as_str()), printable(value));
                return Err(PackageError::Feature { feature, value, fault });
            }
        }
    }
    match graph.unused() {
        Some(name) => Err(PackageError::UnusedOptional { name: printable(name) }),
        None => Ok(()),
    }
}

struct Graph<'t> {
    features: BTreeSet<&'t str>,
    dependencies: BTreeSet<&'t str>,
    optional: BTreeSet<&'t str>,
    /// What `dep:` names, which takes away the feature of the same name that cargo makes otherwise.
    explicit: BTreeSet<&'t str>,
    /// What `dep:`, `x/f` or `x?/f` names.
    used: BTreeSet<&'t str>,
}

impl<'t> Graph<'t> {
    fn new(features: &'t Features, dependencies: &'t [MetadataDependency]) -> Graph<'t> {
        let optional = dependencies.iter().filter(|d| d.optional && d.kind != DependencyKind::Dev);
        let mut graph = Graph {
            features: features.keys().map(FeatureName::as_str).collect(),
            dependencies: dependencies.iter().map(MetadataDependency::alias).collect(),
            optional: optional.map(MetadataDependency::alias).collect(),
            explicit: BTreeSet::new(),
            used: BTreeSet::new(),
        };
        for value in features.values().flatten() {
            match Value::parse(value) {
                Value::Feature(_) => {}
                Value::Dependency(name) => {
                    graph.explicit.insert(name);
                    graph.used.insert(name);
                }
                Value::DependencyFeature { dependency, .. } => {
                    graph.used.insert(dependency);
                }
            }
        }
        graph
    }

    fn fault(&self, value: Value<'_>) -> Option<&'static str> {
        match value {
            Value::Feature(name) if self.features.contains(name) => None,
            Value::Feature(name) if self.optional.contains(name) => self
                .explicit
                .contains(name)
                .then_some("an optional dependency that other features name with `dep:`; do so here too"),
            Value::Feature(name) if self.dependencies.contains(name) => {
                Some("a dependency that is not optional; make it optional, or remove it here")
            }
            Value::Feature(_) => Some("which is neither a feature nor an optional dependency; remove it"),
            Value::Dependency(name) | Value::DependencyFeature { dependency: name, .. }
                if !self.dependencies.contains(name) =>
            {
                Some("which is not a dependency; add the dependency or remove the value")
            }
            Value::Dependency(name) if !self.optional.contains(name) => {
                Some("a dependency that is not optional; make it optional, or remove it here")
            }
            Value::DependencyFeature { dependency, is_weak: true } if !self.optional.contains(dependency) => {
                Some("a dependency that is not optional; leave out the `?`")
            }
            Value::Dependency(_) | Value::DependencyFeature { .. } => None,
        }
    }

    /// An optional dependency that neither a value nor an implied feature turns on.
    fn unused(&self) -> Option<&'t str> {
        let mut hidden = self.optional.intersection(&self.features);
        hidden.find(|name| !self.used.contains(*name)).copied()
    }
}
