//! The kinds of values that options take. Each knows how to parse a text, what to say it expects, and how it may
//! be shown.

mod address;
mod choice;
mod duration;
mod size;
mod text;
mod url;

use std::num::NonZeroU32;
use std::path::PathBuf;

use serde::Serialize;

pub use self::address::{IpRange, ListenAddress};
pub use self::choice::{LogFormat, Registration};
pub use self::duration::parse_duration;
pub use self::size::{ByteSize, PositiveSize};
pub use self::text::{LogFilter, MailDomain, Secret};
pub use self::url::{DatabaseUrl, PublicUrl, StorageUrl};
pub use holdfast_package::RequiredField;

/// A single value.
pub trait OptionValue: Sized {
    /// What is accepted, as a phrase that completes "expected …".
    const EXPECTED: &'static str;
    /// Whether the value must never be shown.
    const SECRET: bool = false;

    /// The value that a text stands for, if it stands for one.
    fn parse(text: &str) -> Option<Self>;

    /// The value as it may be shown to an operator.
    fn show(&self) -> String;

    /// A text that could not be parsed, as it may be shown to an operator.
    fn redact(text: &str) -> String {
        text.to_owned()
    }
}

/// How many values an option takes: one (`T`), at most one (`Option<T>`) or any number (`Vec<T>`).
pub trait OptionShape: Sized {
    /// The kind of each value.
    type Item: OptionValue;
    /// Whether texts are split at commas and flags can be repeated.
    const MANY: bool;

    /// Takes the parsed values, unless there are too many or too few.
    fn gather(items: Vec<Self::Item>) -> Option<Self>;

    /// The value as it may be shown to an operator.
    fn shown(&self) -> Shown;
}

/// A value as it may be shown; JSON gets null, a string or an array of strings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Shown {
    /// There is no value.
    Unset,
    /// One value.
    One(String),
    /// A list, perhaps empty.
    Many(Vec<String>),
}

impl std::fmt::Display for Shown {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unset => formatter.write_str("-"),
            Self::One(text) => formatter.write_str(text),
            Self::Many(texts) if texts.is_empty() => formatter.write_str("-"),
            Self::Many(texts) => formatter.write_str(&texts.join(", ")),
        }
    }
}

impl<Value: OptionValue> OptionShape for Value {
    type Item = Value;
    const MANY: bool = false;

    fn gather(items: Vec<Value>) -> Option<Self> {
        let [value] = <[Value; 1]>::try_from(items).ok()?;
        Some(value)
    }

    fn shown(&self) -> Shown {
        Shown::One(self.show())
    }
}

impl<Value: OptionValue> OptionShape for Option<Value> {
    type Item = Value;
    const MANY: bool = false;

    fn gather(mut items: Vec<Value>) -> Option<Self> {
        let value = items.pop();
        items.is_empty().then_some(value)
    }

    fn shown(&self) -> Shown {
        self.as_ref().map_or(Shown::Unset, |value| Shown::One(value.show()))
    }
}

impl<Value: OptionValue> OptionShape for Vec<Value> {
    type Item = Value;
    const MANY: bool = true;

    fn gather(items: Vec<Value>) -> Option<Self> {
        Some(items)
    }

    fn shown(&self) -> Shown {
        Shown::Many(self.iter().map(OptionValue::show).collect())
    }
}

impl OptionValue for PathBuf {
    const EXPECTED: &'static str = "a path";

    fn parse(text: &str) -> Option<Self> {
        (!text.is_empty() && !text.contains('\0')).then(|| Self::from(text))
    }

    fn show(&self) -> String {
        self.display().to_string()
    }
}

impl OptionValue for NonZeroU32 {
    const EXPECTED: &'static str = "a whole number from 1 to 4294967295";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn show(&self) -> String {
        self.to_string()
    }
}
