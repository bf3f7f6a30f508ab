//! The environment, as far as it concerns this program.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::table::TABLE;

const PREFIX: &str = "HOLDFAST_";

/// The variables whose name starts with `HOLDFAST_`. An empty variable counts as one that is not set, which
/// is what templates of containers and units need.
#[derive(Debug, Clone, Default)]
pub struct Environment(BTreeMap<String, OsString>);

impl<Name: Into<OsString>, Value: Into<OsString>> FromIterator<(Name, Value)> for Environment {
    fn from_iter<Pairs: IntoIterator<Item = (Name, Value)>>(pairs: Pairs) -> Self {
        let ours = pairs.into_iter().filter_map(|(name, value)| {
            let (name, value) = (name.into().into_string().ok()?, value.into());
            (name.starts_with(PREFIX) && !value.is_empty()).then_some((name, value))
        });
        Self(ours.collect())
    }
}

impl Environment {
    /// The value of a variable; the error is a value that is not UTF-8.
    pub fn value(&self, name: &str) -> Result<Option<&str>, NotUtf8> {
        self.0.get(name).map(|value| value.to_str().ok_or(NotUtf8)).transpose()
    }

    /// Variables that look like options but are none, probably misspelt.
    pub fn unknown(&self) -> Vec<String> {
        let known: Vec<String> = TABLE.iter().map(super::OptionSpec::environment).collect();
        self.0.keys().filter(|name| !known.contains(name)).cloned().collect()
    }
}

/// The value of a variable is not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotUtf8;
