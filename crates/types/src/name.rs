//! Names: of crates as published and as keys, of registries, features and dependency aliases.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Why a name is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing at all.
    #[error("the {0} is empty")]
    Empty(&'static str),
    /// More than its limit.
    #[error("the {what} `{start}…` is too long: at most {limit} characters")]
    TooLong {
        /// Which kind of name.
        what: &'static str,
        /// How it begins.
        start: String,
        /// The most characters.
        limit: usize,
    },
    /// The first character is not allowed there.
    #[error("the {what} `{name}` must start with {expected}")]
    Start {
        /// Which kind of name.
        what: &'static str,
        /// The name, made printable.
        name: String,
        /// What it may start with.
        expected: &'static str,
    },
    /// A character is not allowed.
    #[error("the {what} `{name}` contains {found:?}; allowed are {expected}")]
    Character {
        /// Which kind of name.
        what: &'static str,
        /// The name, made printable.
        name: String,
        /// The offending character.
        found: char,
        /// What it may hold.
        expected: &'static str,
    },
    /// Taken by Rust itself or by an operating system.
    #[error("the crate name `{0}` is reserved; choose another one")]
    Reserved(String),
}

/// Names of the language, its libraries and tools, and of Windows devices, in canonical form. The public
/// registry refuses the same; a crate with such a name could not be built or unpacked everywhere.
const RESERVED: &[&str] = &[
    "alloc",
    "arena",
    "ast",
    "aux",
    "builtins",
    "collections",
    "com0",
    "com1",
    "com2",
    "com3",
    "com4",
    "com5",
    "com6",
    "com7",
    "com8",
    "com9",
    "compiler_builtins",
    "compiler_rt",
    "compiletest",
    "con",
    "core",
    "coretest",
    "debug",
    "driver",
    "flate",
    "fmt_macros",
    "grammar",
    "graphviz",
    "lpt0",
    "lpt1",
    "lpt2",
    "lpt3",
    "lpt4",
    "lpt5",
    "lpt6",
    "lpt7",
    "lpt8",
    "lpt9",
    "macro",
    "macros",
    "nul",
    "panic_abort",
    "panic_unwind",
    "prn",
    "proc_macro",
    "profiler_builtins",
    "rbml",
    "rust_installer",
    "rustbook",
    "rustc",
    "rustc_back",
    "rustc_borrowck",
    "rustc_driver",
    "rustc_llvm",
    "rustc_resolve",
    "rustc_trans",
    "rustc_typeck",
    "rustdoc",
    "rustllvm",
    "rustuv",
    "self",
    "serialize",
    "std",
    "super",
    "syntax",
    "test",
    "unicode",
];

/// The rule that one kind of name follows: its word in error sentences, length and characters.
struct Rule {
    what: &'static str,
    limit: usize,
    start: (fn(char) -> bool, &'static str),
    rest: (fn(char) -> bool, &'static str),
}

impl Rule {
    #[expect(
        clippy::inline_always,
        reason = "with a constant rule, its functions are inlined too: names are on the hot path"
    )]
    #[inline(always)]
    fn check(&self, name: &str) -> Result<(), NameError> {
        let what = self.what;
        // A text has no more characters than bytes: only a long one is counted.
        if name.len() > self.limit && name.chars().nth(self.limit).is_some() {
            let start = printable(&name.chars().take(16).collect::<String>());
            return Err(NameError::TooLong { what, start, limit: self.limit });
        }
        let mut chars = name.chars();
        let first = chars.next().ok_or(NameError::Empty(what))?;
        if !(self.start.0)(first) {
            return Err(NameError::Start { what, name: printable(name), expected: self.start.1 });
        }
        match chars.find(|c| !(self.rest.0)(*c)) {
            None => Ok(()),
            Some(found) => {
                Err(NameError::Character { what, name: printable(name), found, expected: self.rest.1 })
            }
        }
    }
}

fn printable(name: &str) -> String {
    name.escape_debug().to_string()
}

const LETTERS_DIGITS: &str = "ASCII letters, digits, `-` and `_`";

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

const CRATE: Rule = Rule {
    what: "crate name",
    limit: CrateName::MAX_CHARS,
    start: (|c| c.is_ascii_alphabetic(), "an ASCII letter"),
    rest: (is_word, LETTERS_DIGITS),
};

const ALIAS: Rule = Rule {
    what: "dependency name",
    limit: CrateName::MAX_CHARS,
    start: (|c| c.is_ascii_alphabetic() || c == '_', "an ASCII letter or `_`"),
    rest: (is_word, LETTERS_DIGITS),
};

const REGISTRY: Rule = Rule {
    what: "registry name",
    limit: 40,
    start: (|c| c.is_ascii_lowercase(), "a lower-case ASCII letter"),
    rest: (
        |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-',
        "lower-case ASCII letters, digits and `-`",
    ),
};

const FEATURE: Rule = Rule {
    what: "feature name",
    limit: 128,
    start: (|c| c == '_' || c.is_alphanumeric(), "a letter, a digit or `_`"),
    rest: (
        |c| c.is_alphanumeric() || matches!(c, '_' | '-' | '+' | '.'),
        "letters, digits, `_`, `-`, `+` and `.`",
    ),
};

/// Gives a validated string the traits that every such value has.
macro_rules! text_value {
    ($name:ident, $error:ty) => {
        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = $error;

            fn try_from(text: String) -> Result<$name, $error> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }
    };
}
pub(crate) use text_value;

/// A crate's name as published: case, `-` and `_` as its author wrote them. At most 64 characters, an ASCII
/// letter first, then ASCII letters, digits, `-` and `_`, and not a reserved name. Two names that differ in
/// case or in `-` and `_` only are one crate: compare by [`CrateName::canonical`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CrateName(String);

text_value!(CrateName, NameError);

impl CrateName {
    /// The most characters of a crate name.
    pub const MAX_CHARS: usize = 64;

    /// The key that this name shares with its variants.
    pub fn canonical(&self) -> CanonicalName {
        CanonicalName(fold(&self.0))
    }
}

impl FromStr for CrateName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<CrateName, NameError> {
        CRATE.check(text)?;
        let folded = || text.bytes().map(fold_byte);
        if RESERVED.binary_search_by(|reserved| reserved.bytes().cmp(folded())).is_ok() {
            return Err(NameError::Reserved(text.to_owned()));
        }
        Ok(CrateName(text.to_owned()))
    }
}

/// A crate's key: its name in lower case with `_` for `-`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CanonicalName(String);

text_value!(CanonicalName, NameError);

impl FromStr for CanonicalName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<CanonicalName, NameError> {
        Ok(text.parse::<CrateName>()?.canonical())
    }
}

fn fold(name: &str) -> String {
    let folded = name.bytes().map(fold_byte).collect();
    String::from_utf8(folded).expect("folding keeps ASCII")
}

/// For ASCII, which every name is.
fn fold_byte(byte: u8) -> u8 {
    if byte == b'-' { b'_' } else { byte.to_ascii_lowercase() }
}

/// The name under which a dependency is used: a crate name, or an alias, which may start with `_` and may be
/// a reserved word.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DependencyAlias(String);

text_value!(DependencyAlias, NameError);

impl FromStr for DependencyAlias {
    type Err = NameError;

    fn from_str(text: &str) -> Result<DependencyAlias, NameError> {
        ALIAS.check(text)?;
        Ok(DependencyAlias(text.to_owned()))
    }
}

/// A feature's name: letters, digits, `_`, `-`, `+` and `.`, not starting with a mark.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FeatureName(String);

text_value!(FeatureName, NameError);

impl FromStr for FeatureName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<FeatureName, NameError> {
        FEATURE.check(text)?;
        Ok(FeatureName(text.to_owned()))
    }
}

/// The name of a registry on this server, a part of its permanent URL: lower-case ASCII letters, digits and
/// `-`, a letter first, at most 40. (No dot: cargo before 1.96 took `x.git` and `x` for one registry,
/// CVE-2026-5222.)
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RegistryName(String);

text_value!(RegistryName, NameError);

impl FromStr for RegistryName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<RegistryName, NameError> {
        REGISTRY.check(text)?;
        Ok(RegistryName(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;
    use proptest::prelude::*;

    #[test]
    fn variants_are_one_crate() {
        for (name, canonical) in
            [("foo", "foo"), ("Foo-Bar", "foo_bar"), ("foo_bar", "foo_bar"), ("A9", "a9")]
        {
            assert_eq!(name.parse::<CrateName>().unwrap().canonical().as_str(), canonical);
        }
    }

    #[test]
    fn refusals_say_why() {
        let long = "a".repeat(65);
        let hostile = [
            "",
            &long,
            "9a",
            "_a",
            "-a",
            "..",
            "a.b",
            "a/b",
            "a%2e",
            "a\0b",
            "caf\u{e9}",
            "\u{430}bc",
            "a b",
            "std",
            "Proc-Macro",
            "NUL",
            "com1",
        ];
        let all: Vec<String> =
            hostile.iter().map(|n| n.parse::<CrateName>().unwrap_err().to_string()).collect();
        assert_snapshot!(all.join("\n"));
    }

    #[test]
    fn reserved_names_are_sorted_and_canonical() {
        assert!(RESERVED.is_sorted());
        assert!(RESERVED.iter().all(|name| fold(name) == *name));
    }

    #[test]
    fn aliases_and_features_are_freer() {
        for alias in ["_a", "std", "a-b"] {
            assert!(alias.parse::<DependencyAlias>().is_ok(), "{alias}");
        }
        for feature in ["c++20", "v1.0", "_x", "1", "d\u{e9}j\u{e0}"] {
            assert!(feature.parse::<FeatureName>().is_ok(), "{feature}");
        }
        for feature in ["", "-x", "a b", "a/b", "a?", "dep:x", "a\0"] {
            assert!(feature.parse::<FeatureName>().is_err(), "{feature}");
        }
    }

    proptest! {
        #[test]
        fn names_never_panic_and_round_trip(text in "\\PC{0,80}") {
            if let Ok(name) = text.parse::<CrateName>() {
                prop_assert_eq!(name.as_str(), &text);
                let key = name.canonical();
                prop_assert_eq!(key.as_str().parse::<CanonicalName>().unwrap(), key.clone());
                prop_assert!(key.as_str().bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'));
            }
        }
    }
}
