//! What dependencies in publish metadata and in index lines have in common.

use serde::{Deserialize, Deserializer, Serialize};
use std::sync::LazyLock;

/// The section of `Cargo.toml` that a dependency stands in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DependencyKind {
    /// `[dependencies]`
    #[default]
    Normal,
    /// `[build-dependencies]`
    Build,
    /// `[dev-dependencies]`
    Dev,
}

/// As cargo reads it: null or any other word is a normal dependency.
impl<'de> Deserialize<'de> for DependencyKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<DependencyKind, D::Error> {
        Ok(match Option::<String>::deserialize(deserializer)?.as_deref() {
            Some("build") => DependencyKind::Build,
            Some("dev") => DependencyKind::Dev,
            _ => DependencyKind::Normal,
        })
    }
}

/// How cargo names crates.io in the `registry` field of a dependency, whichever protocol it uses.
pub fn crates_io_index() -> &'static str {
    static INDEX: LazyLock<String> =
        LazyLock::new(|| cargo_lock::package::SourceId::default().url().to_string());
    &INDEX
}

/// Reads a field whose absence and whose null both mean the default.
pub(crate) fn null_as_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

/// The default of `default_features`, when the key is left out.
pub(crate) fn yes() -> bool {
    true
}

/// Reads `default_features`, whose null is the same as its absence.
pub(crate) fn null_as_yes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::<bool>::deserialize(deserializer)?.unwrap_or_else(yes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_kinds_are_normal() {
        for (json, kind) in [
            ("null", DependencyKind::Normal),
            ("\"normal\"", DependencyKind::Normal),
            ("\"odd\"", DependencyKind::Normal),
            ("\"build\"", DependencyKind::Build),
            ("\"dev\"", DependencyKind::Dev),
        ] {
            assert_eq!(serde_json::from_str::<DependencyKind>(json).unwrap(), kind, "{json}");
        }
    }

    #[test]
    fn the_public_index_is_a_git_address() {
        assert!(crates_io_index().starts_with("https://") && crates_io_index().ends_with("-index"));
    }
}
