//! Versions, requirements and the partial versions of `rust-version`.

use crate::name::text_value;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// Why a version or requirement is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    /// Longer than any honest version.
    #[error("the version `{0}…` is too long: at most {MAX_CHARS} characters")]
    TooLong(String),
    /// Not a semantic version.
    #[error("`{text}` is not a semantic version like `1.2.3`: {reason}")]
    Version {
        /// What was given, made printable.
        text: String,
        /// What the parser says.
        reason: String,
    },
    /// Not a version requirement.
    #[error("`{text}` is not a version requirement like `^1.2`: {reason}")]
    Requirement {
        /// What was given, made printable.
        text: String,
        /// What the parser says.
        reason: String,
    },
    /// Not one, two or three numbers.
    #[error("the rust-version `{0}` must be a plain version like `1.70` or `1.70.0`")]
    Partial(String),
}

const MAX_CHARS: usize = 150;
const MAX_REQUIREMENT_CHARS: usize = 400;

fn bounded(text: &str, limit: usize) -> Result<(), VersionError> {
    if text.len() > limit {
        return Err(VersionError::TooLong(printable(&text.chars().take(20).collect::<String>())));
    }
    Ok(())
}

fn printable(text: &str) -> String {
    text.escape_debug().to_string()
}

/// A semantic version of at most 150 characters (semver.org 2.0.0). Two versions that differ in build
/// metadata only are one version of a crate: compare by [`Version::key`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(semver::Version);

impl Version {
    /// The key that this version shares with those that differ in build metadata only.
    pub fn key(&self) -> VersionKey {
        let mut plain = self.0.clone();
        plain.build = semver::BuildMetadata::EMPTY;
        VersionKey(plain.to_string())
    }

    /// Whether it is a pre-release like `1.0.0-rc.1`.
    pub fn is_prerelease(&self) -> bool {
        !self.0.pre.is_empty()
    }

    /// The order in which a newest version is chosen: stable before pre-release, then by precedence.
    pub fn rank(&self) -> impl Ord + '_ {
        (!self.is_prerelease(), &self.0)
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Version, VersionError> {
        bounded(text, MAX_CHARS)?;
        #[expect(clippy::disallowed_methods, reason = "the one place that bounds the length first")]
        let parsed = semver::Version::parse(text);
        parsed
            .map(Version)
            .map_err(|e| VersionError::Version { text: printable(text), reason: e.to_string() })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Version, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A version without its build metadata: what is unique in a crate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VersionKey(String);

text_value!(VersionKey, VersionError);

impl FromStr for VersionKey {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<VersionKey, VersionError> {
        Ok(text.parse::<Version>()?.key())
    }
}

/// A version requirement, written in cargo's normal form (`^1.2`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VersionReq(semver::VersionReq);

impl VersionReq {
    /// Whether a version satisfies it.
    pub fn matches(&self, version: &Version) -> bool {
        self.0.matches(&version.0)
    }

    /// Whether it is a bare `*`.
    pub fn is_wildcard(&self) -> bool {
        self.0 == semver::VersionReq::STAR
    }
}

impl FromStr for VersionReq {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<VersionReq, VersionError> {
        bounded(text, MAX_REQUIREMENT_CHARS)?;
        #[expect(clippy::disallowed_methods, reason = "the one place that bounds the length first")]
        let parsed = semver::VersionReq::parse(text);
        parsed
            .map(VersionReq)
            .map_err(|e| VersionError::Requirement { text: printable(text), reason: e.to_string() })
    }
}

impl fmt::Display for VersionReq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for VersionReq {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for VersionReq {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<VersionReq, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// `rust-version`: one to three numbers, no operator and no pre-release. Cargo drops an index line whose
/// `rust_version` is anything else.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PartialVersion(String);

text_value!(PartialVersion, VersionError);

impl FromStr for PartialVersion {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<PartialVersion, VersionError> {
        let refused = || VersionError::Partial(printable(&text.chars().take(40).collect::<String>()));
        let is_number = |part: &str| {
            part.parse::<u64>().is_ok()
                && part.bytes().all(|b| b.is_ascii_digit())
                && (part == "0" || !part.starts_with('0'))
        };
        let parts = text.split('.').count();
        if (1..=3).contains(&parts) && text.len() <= 40 && text.split('.').all(is_number) {
            return Ok(PartialVersion(text.to_owned()));
        }
        Err(refused())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn build_metadata_is_not_part_of_the_key() {
        assert_eq!(version("1.0.0+a").key(), version("1.0.0+b").key());
        assert_ne!(version("1.0.0-a").key(), version("1.0.0-b").key());
        assert_eq!(version("1.0.0+a").to_string(), "1.0.0+a");
    }

    #[test]
    fn stable_ranks_before_prerelease() {
        let mut all = ["2.0.0-rc.1", "1.2.0", "1.10.0", "0.9.0"].map(version);
        all.sort_by(|a, b| b.rank().cmp(&a.rank()));
        assert_eq!(all.map(|v| v.to_string()), ["1.10.0", "1.2.0", "0.9.0", "2.0.0-rc.1"]);
    }

    #[test]
    fn refuses_what_is_no_version() {
        let long = format!("1.0.0-{}", "a".repeat(150));
        for text in
            ["", "1", "1.0", "v1.0.0", "01.0.0", "1.0.0 ", "..", "1.0.0\0", "%2e%2e", "1.0.0-é", &long]
        {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
        for text in ["not-a-req", "^^1", "1.0.0.0", &"1,".repeat(300)] {
            assert!(text.parse::<VersionReq>().is_err(), "{text}");
        }
    }

    #[test]
    fn rust_versions_are_plain() {
        for text in ["1", "1.70", "1.70.0", "0.1"] {
            assert_eq!(text.parse::<PartialVersion>().unwrap().as_str(), text);
        }
        for text in
            ["", ">=1.60", "1.", "1.0.0-beta", "1.70.0.1", "01.2", "1.+2", " 1", "99999999999999999999"]
        {
            assert!(text.parse::<PartialVersion>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in "\\PC{0,40}") {
            let _ = text.parse::<VersionReq>();
            let _ = text.parse::<PartialVersion>();
            if let Ok(version) = text.parse::<Version>() {
                prop_assert_eq!(version.to_string(), text);
            }
        }
    }
}
