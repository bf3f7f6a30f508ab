//! What can be wrong with options. Every sentence names the place, the value and what is expected there.

use std::fmt;
use std::path::PathBuf;

use super::nearest::nearest;
use super::provenance::Source;
use super::table::TABLE;

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// A value that the option does not take.
    #[error("invalid value `{value}` for `{key}` from {}: expected {expected}", origin.phrase())]
    Value {
        /// The key of the option.
        key: &'static str,
        /// The value, hidden when it is a secret.
        value: String,
        /// The place that set it.
        origin: Source,
        /// What the option takes.
        expected: &'static str,
    },
    /// An environment variable that is not text.
    #[error("the environment variable `{name}` is not UTF-8")]
    NotUtf8 {
        /// The variable.
        name: String,
    },
    /// The configuration file could not be read.
    #[error("cannot read the configuration file `{}`: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        reason: String,
    },
    /// The configuration file is not TOML.
    #[error("`{}` is not valid TOML, line {line}: {reason}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What the parser says.
        reason: String,
    },
    /// The configuration file has a key that no option has.
    #[error("unknown key `{key}` in `{}`, line {line}", path.display())]
    UnknownKey {
        /// The key, with dots between the names of tables.
        key: String,
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
    },
}

impl OptionError {
    /// What to do next, when there is something to say beyond the error itself.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownKey { key, .. } => Some(unknown_key_hint(key)),
            Self::Unreadable { .. } => {
                Some("name another file with `--config FILE`, or make this one readable".to_owned())
            }
            Self::Value { .. } | Self::NotUtf8 { .. } | Self::Syntax { .. } => None,
        }
    }

    /// Whether the fault is on the command line, which makes it a fault of usage.
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Value { origin: Source::Flag(_), .. })
    }
}

fn unknown_key_hint(key: &str) -> String {
    if let Some(spec) = TABLE.iter().find(|spec| spec.key == key) {
        return format!("a file cannot set it; set the environment variable `{}`", spec.environment());
    }
    let known = TABLE.iter().filter_map(super::OptionSpec::file_key);
    match nearest(key, known) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "`holdfast config reference` lists every key".to_owned(),
    }
}

/// Everything that is wrong, never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OptionErrors(pub Vec<OptionError>);

impl fmt::Display for OptionErrors {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, error) in self.0.iter().enumerate() {
            let separator = if position == 0 { "" } else { "\n" };
            write!(formatter, "{separator}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for OptionErrors {}
