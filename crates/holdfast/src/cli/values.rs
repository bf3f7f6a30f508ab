//! Arguments that are more than a text.

use std::str::FromStr;
use std::time::Duration;

use holdfast_types::Timestamp;

use crate::options::{OptionValue as _, RequiredField, parse_duration};

/// `CRATE@VERSION`. The names themselves are checked by the operation that uses them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionSpec {
    /// The crate.
    pub krate: String,
    /// The version.
    pub version: String,
}

impl FromStr for VersionSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('@') {
            Some((krate, version)) if !krate.is_empty() && !version.is_empty() => {
                Ok(Self { krate: krate.to_owned(), version: version.to_owned() })
            }
            _ => Err("expected a crate and its version such as `acme-core@1.2.3`".to_owned()),
        }
    }
}

/// `CRATE` or `CRATE@VERSION`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CrateSpec {
    /// The crate with all its versions.
    Crate(String),
    /// One version.
    Version(VersionSpec),
}

impl FromStr for CrateSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.contains('@') { text.parse().map(Self::Version) } else { Ok(Self::Crate(text.to_owned())) }
    }
}

/// Manifest fields, separated by commas; `none` or nothing for none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldList(pub Vec<RequiredField>);

impl FromStr for FieldList {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.is_empty() || text == "none" {
            return Ok(Self(Vec::new()));
        }
        let fields = text.split(',').map(|piece| {
            let piece = piece.trim();
            RequiredField::parse(piece).ok_or_else(|| format!("`{piece}` is not {}", RequiredField::EXPECTED))
        });
        fields.collect::<Result<_, _>>().map(Self)
    }
}

/// A moment, or how long ago it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// The moment.
    At(Timestamp),
    /// How long ago.
    Ago(Duration),
}

impl FromStr for Since {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ago = parse_duration(text).map(Self::Ago);
        ago.or_else(|| text.parse().ok().map(Self::At)).ok_or_else(|| {
            "expected how long ago, such as `7d`, or a time such as `2026-01-31T12:00:00Z`".to_owned()
        })
    }
}

/// A time to live, longer than none.
pub(super) fn lifetime(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Some(duration) if !duration.is_zero() => Ok(duration),
        Some(_) => Err("zero is not allowed, since it would be over at once".to_owned()),
        None => Err(format!("expected {} or `30d`", Duration::EXPECTED)),
    }
}
