//! Where each value comes from.

use std::fmt;
use std::path::PathBuf;

use super::values::Shown;

/// The place that set an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A flag on the command line, with its dashes.
    Flag(String),
    /// An environment variable.
    Environment(String),
    /// A line of the configuration file.
    File {
        /// The file as it was opened.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
    /// Nothing set it.
    Default,
}

impl Source {
    /// The kind of place, as one word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Flag(_) => "flag",
            Self::Environment(_) => "env",
            Self::File { .. } => "file",
            Self::Default => "default",
        }
    }

    /// The place as part of a sentence.
    pub fn phrase(&self) -> String {
        match self {
            Self::Flag(flag) => format!("the flag `{flag}`"),
            Self::Environment(name) => format!("the environment variable `{name}`"),
            Self::File { path, line } => format!("`{}`, line {line}", path.display()),
            Self::Default => "the default".to_owned(),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) | Self::Environment(name) => write!(formatter, "{} {name}", self.kind()),
            Self::File { path, .. } => write!(formatter, "file {}", path.display()),
            Self::Default => formatter.write_str("default"),
        }
    }
}

/// One option, its value as it may be shown, and the place that set it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key of the option.
    pub key: &'static str,
    /// The value; secrets and passwords are already hidden.
    pub shown: Shown,
    /// The place that set it.
    pub source: Source,
    /// Whether the place set something that could not be used; `shown` is the default then.
    pub faulty: bool,
}

/// Where each value comes from, in the order of the table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Provenance {
    /// One entry an option.
    pub entries: Vec<Entry>,
    /// Environment variables that start with `HOLDFAST_` and that no option reads.
    pub unknown_environment: Vec<String>,
}

impl Provenance {
    /// The entry of an option.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// Whether every place that set the option gave it a usable value.
    pub fn is_sound(&self, key: &str) -> bool {
        self.entry(key).is_some_and(|entry| !entry.faulty)
    }
}
