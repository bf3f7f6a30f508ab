//! Where a dependency applies and where it comes from: its platform and its registry. Cargo gives up on a whole
//! index line when it cannot read one of them, so both are checked before a line is made.

use crate::dependency::crates_io_index;
use crate::name::text_value;
use cargo_platform::Platform;
use serde::Deserialize;
use std::fmt;
use std::str::FromStr;
use url::Url;

/// Why the platform of a dependency is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DependencyTargetError {
    /// Longer, or with more parentheses in each other, than any honest platform; cargo would run out of stack.
    #[error(
        "the platform `{0}` is too long: at most {limit} characters and {depth} parentheses in each other",
        limit = DependencyTarget::MAX_CHARS,
        depth = DependencyTarget::MAX_DEPTH
    )]
    TooLong(String),
    /// Nothing that cargo understands.
    #[error("`{0}` is not a platform like `cfg(unix)` or `x86_64-unknown-linux-gnu`")]
    Unknown(String),
}

/// The platform that a dependency is for, as it was written: a triple or a `cfg(…)` that cargo can read, of at
/// most 2,000 characters (the Cargo book, "Platform specific dependencies").
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct DependencyTarget(String);

text_value!(DependencyTarget, DependencyTargetError);

impl DependencyTarget {
    const MAX_CHARS: usize = 2000;
    const MAX_DEPTH: usize = 64;
}

impl FromStr for DependencyTarget {
    type Err = DependencyTargetError;

    fn from_str(text: &str) -> Result<DependencyTarget, DependencyTargetError> {
        // Cargo's parser calls itself for each parenthesis.
        if text.len() > DependencyTarget::MAX_CHARS || depth(text) > DependencyTarget::MAX_DEPTH {
            return Err(DependencyTargetError::TooLong(beginning(text)));
        }
        match text.parse::<Platform>() {
            Ok(_) => Ok(DependencyTarget(text.to_owned())),
            Err(_) => Err(DependencyTargetError::Unknown(beginning(text))),
        }
    }
}

/// How many parentheses are open at once.
fn depth(text: &str) -> usize {
    let mut open = 0_usize;
    let mut most = 0;
    for c in text.chars() {
        match c {
            '(' => open += 1,
            ')' => open = open.saturating_sub(1),
            _ => {}
        }
        most = most.max(open);
    }
    most
}

/// Why the registry of a dependency is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not the address of a registry's index like `sparse+https://crates.example/index/` or `ssh://git@git.example/index.git`"
)]
pub struct RegistryIndexError(String);

/// The address of a registry's index, as cargo writes it: `sparse+` and an `http` or `https` URL, or the URL of a
/// git repository (the Cargo book, "Registries").
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct RegistryIndex(String);

text_value!(RegistryIndex, RegistryIndexError);

impl RegistryIndex {
    /// What an address may start with. The last two are what git itself calls SSH.
    const SCHEMES: [&str; 9] =
        ["sparse+https", "sparse+http", "https", "http", "ssh", "git", "file", "git+ssh", "ssh+git"];

    /// How cargo names crates.io, whichever protocol it uses.
    pub fn crates_io() -> RegistryIndex {
        RegistryIndex(crates_io_index().to_owned())
    }
}

impl FromStr for RegistryIndex {
    type Err = RegistryIndexError;

    fn from_str(text: &str) -> Result<RegistryIndex, RegistryIndexError> {
        if is_index(text) {
            Ok(RegistryIndex(text.to_owned()))
        } else {
            Err(RegistryIndexError(beginning(text)))
        }
    }
}

fn is_index(text: &str) -> bool {
    // The parser takes them out and reads the rest, so that two texts would be one address.
    if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return false;
    }
    // Cargo reads the address with `sparse+` first, and what is behind it when it asks for something.
    let Ok(url) = Url::parse(text) else { return false };
    let is_complete = |url: &Url| match url.host_str() {
        None | Some("") => url.scheme() == "file",
        Some(_) => !url.cannot_be_a_base(),
    };
    let plain = url.as_str().strip_prefix("sparse+").map(Url::parse);
    RegistryIndex::SCHEMES.contains(&url.scheme())
        && is_complete(&url)
        && plain.is_none_or(|plain| plain.is_ok_and(|url| is_complete(&url)))
}

/// Text of unknown origin for a sentence: no control characters, not long.
pub(crate) fn beginning(text: &str) -> String {
    let mut chars = text.chars();
    let mut shown: String = chars.by_ref().take(100).flat_map(char::escape_debug).collect();
    if chars.next().is_some() {
        shown.push('…');
    }
    shown.replace("\\\"", "\"").replace("\\'", "'")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn platforms() {
        for target in [
            "cfg(windows)",
            "cfg( all(unix, not( windows ) ,) )",
            "cfg(any(target_os = \"linux\", target_feature=\"a b(\"))",
            "cfg(r#true)",
            "x86_64-unknown-linux-gnu",
            "thumbv7em-none-eabi.json",
        ] {
            assert_eq!(target.parse::<DependencyTarget>().unwrap().as_str(), target);
        }
        for target in [
            "cfg(windows",
            "cfg(windows))",
            "cfg()",
            "cfg(not())",
            "cfg(a = b)",
            "cfg(a = \"b)",
            "cfg(a b)",
            "all(unix)",
            "two words",
            "a\u{0}",
        ] {
            assert!(target.parse::<DependencyTarget>().is_err(), "{target}");
        }
    }

    #[test]
    fn platforms_do_not_exhaust_the_stack() {
        let nested = |depth: usize| format!("cfg({}a{})", "not(".repeat(depth), ")".repeat(depth));
        nested(DependencyTarget::MAX_DEPTH - 1).parse::<DependencyTarget>().unwrap();
        for target in [nested(DependencyTarget::MAX_DEPTH), nested(200_000), "a".repeat(2001)] {
            let refusal = target.parse::<DependencyTarget>().unwrap_err();
            assert!(matches!(refusal, DependencyTargetError::TooLong(_)) && refusal.to_string().len() < 300);
        }
    }

    #[test]
    fn registries() {
        for index in [
            crates_io_index(),
            "sparse+https://index.crates.io/",
            "sparse+http://127.0.0.1:8000/r/main/index/",
            "sparse+http://[::1]:8000/",
            "https://user@git.example/index.git",
            "ssh://git@git.example:2222/team/index.git",
            "git+ssh://git@git.example/index.git",
            "git://git.example/index",
            "file:///srv/index",
            "file:///C:/index",
        ] {
            assert_eq!(index.parse::<RegistryIndex>().unwrap().as_str(), index);
        }
        for index in [
            "",
            "x",
            "not a url",
            "javascript:x",
            "javascript://host/%0aalert(1)",
            "data:,x",
            "sparse+",
            "sparse+x",
            "sparse+https:",
            "sparse+https://",
            "sparse+https:host",
            "sparse+https://:80/",
            "sparse+https://a b/",
            "sparse+https://host:port/",
            "sparse+ssh://git@host/index",
            "sparse+file:///srv/index",
            "sparse+sparse+https://host/",
            "registry+https://host/",
            "https://",
            "ssh:///index",
            "ssh:index",
            "git@git.example:team/index.git",
            " https://host/",
            "https://ho\nst/",
        ] {
            assert!(index.parse::<RegistryIndex>().is_err(), "{index}");
        }
    }

    proptest! {
        #[test]
        fn whatever_the_text_there_is_an_answer(text in "(sparse\\+|cfg\\()?(https?://)?\\PC{0,40}") {
            if let Ok(target) = text.parse::<DependencyTarget>() {
                prop_assert!(target.as_str().parse::<Platform>().is_ok());
            }
            if let Ok(index) = text.parse::<RegistryIndex>() {
                prop_assert!(Url::parse(index.as_str()).is_ok_and(|url| !url.cannot_be_a_base()));
            }
        }
    }
}
