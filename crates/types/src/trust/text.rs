//! The texts of trust rules: each is checked when it is made.

use super::PUBLIC_ISSUERS;
use crate::name::text_value;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Why a text of a trust rule is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}; {wanted}")]
pub struct TrustTextError {
    text: String,
    what: &'static str,
    wanted: &'static str,
}

/// A text with a rule that it must follow.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident: $what:literal, $wanted:literal, $is_fine:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        text_value!($name, TrustTextError);

        impl FromStr for $name {
            type Err = TrustTextError;

            fn from_str(text: &str) -> Result<$name, TrustTextError> {
                let is_fine: fn(&str) -> bool = $is_fine;
                if !text.is_empty() && text.len() <= MAX_BYTES && is_fine(text) {
                    return Ok($name(text.to_owned()));
                }
                let text = text.chars().take(80).flat_map(char::escape_debug).collect();
                Err(TrustTextError { text, what: $what, wanted: $wanted })
            }
        }
    };
}

/// The issuers of public CI systems, as an [`IssuerPattern`].
const PUBLIC: &str = "public";

/// The longest text of a rule.
const MAX_BYTES: usize = 256;

checked_text! {
    /// The address of an issuer of tokens, as `iss` spells it.
    IssuerUrl: "the address of an issuer",
    "write `https://HOST/PATH`, without account, query and fragment; only a loopback host may do with `http`",
    is_issuer
}

checked_text! {
    /// Which issuers may be named in rules: `public` for those of public CI systems, or an [`IssuerUrl`] in which
    /// a `*` stands for one whole name, between the dots of its host or the slashes of its path.
    IssuerPattern: "a choice of issuers",
    "write `public`, or `https://HOST/PATH`, where `*` may stand for one whole name of either, but not for the \
     last one of the host",
    |text| text == PUBLIC || is_issuer_pattern(text)
}

checked_text! {
    /// The name of a user, an organization, a repository or a pipeline.
    Slug: "the name of an owner, a repository or a pipeline",
    "use ASCII letters, digits, `-`, `_` and `.`",
    is_slug
}

checked_text! {
    /// Names with slashes between: a project in its groups, or a file in its folders.
    ProjectPath: "a path",
    "write names of ASCII letters, digits, `-`, `_` and `.`, with `/` between them",
    |text| text.split('/').all(is_slug)
}

checked_text! {
    /// The file of a workflow, without its folder.
    WorkflowFile: "the file of a workflow",
    "write its name without the folder, like `release.yml`",
    |text| [".yml", ".yaml"].iter().any(|end| text.strip_suffix(end).is_some_and(|stem| !stem.is_empty()))
        && text.chars().all(|c| !c.is_control() && !matches!(c, '/' | '\\' | '@'))
}

checked_text! {
    /// What a claim says, like the name of an environment.
    ClaimText: "a value of a claim",
    "use 1 to 256 printable characters",
    is_printable
}

checked_text! {
    /// The name of a claim.
    ClaimName: "a claim that a rule can name",
    "use the name of one that tells about the job; issuer, audience and times are checked anyway",
    |text| is_printable(text) && !matches!(text, "iss" | "aud" | "exp" | "nbf" | "iat" | "jti")
}

checked_text! {
    /// A text in which each `*` stands for any characters or none, `/` and `:` too.
    ClaimPattern: "a pattern",
    "use 1 to 256 printable characters, at most 8 of them `*`",
    |text| is_printable(text) && text.matches('*').count() <= 8
}

impl IssuerPattern {
    /// The issuers of public CI systems.
    pub fn public() -> IssuerPattern {
        IssuerPattern(PUBLIC.to_owned())
    }

    /// Whether an issuer is among these.
    pub fn takes(&self, issuer: &IssuerUrl) -> bool {
        let fits = |pattern: &str| fits(pattern, &issuer.0, &['/', '.']);
        if self.0 == PUBLIC { PUBLIC_ISSUERS.iter().any(|pattern| fits(pattern)) } else { fits(&self.0) }
    }
}

impl ClaimPattern {
    /// Whether a text is of this form.
    pub fn matches(&self, text: &str) -> bool {
        let mut parts = self.0.split('*');
        let first = parts.next().expect("splitting gives one part at least");
        let Some(mut rest) = text.strip_prefix(first) else { return false };
        let Some(last) = parts.next_back() else { return rest.is_empty() };
        for part in parts {
            let Some(at) = rest.find(part) else { return false };
            rest = &rest[at + part.len()..];
        }
        rest.ends_with(last)
    }

    /// Whether every text is of this form.
    pub fn is_anything(&self) -> bool {
        self.0.bytes().all(|b| b == b'*')
    }

    /// The pattern with a text before it.
    pub(super) fn after(&self, start: &str) -> ClaimPattern {
        ClaimPattern(format!("{start}{}", self.0))
    }
}

fn is_slug(text: &str) -> bool {
    let is_allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    !text.is_empty() && text != "." && text != ".." && text.bytes().all(is_allowed)
}

fn is_printable(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

fn is_issuer(text: &str) -> bool {
    let (is_encrypted, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => return false,
    };
    let authority = rest.split('/').next().unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        // A colon within brackets is the address's own.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let is_address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let is_host = match is_address {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.')) && !host.is_empty()
        }
    };
    let is_loopback = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    let is_plain = rest.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'?' | b'#' | b'@' | b'\\'));
    is_host
        && is_plain
        && (is_encrypted || is_loopback)
        && port.is_none_or(|port| port.parse::<u16>().is_ok())
}

fn is_issuer_pattern(text: &str) -> bool {
    let is_whole = |name: &str| name == "*" || !name.contains('*');
    let host = text.split('/').nth(2).unwrap_or_default();
    text.split(['/', '.']).all(is_whole) && !host.ends_with('*') && is_issuer(&text.replace('*', "x"))
}

/// Whether a text is of the form of a pattern, in which `*` stands for all between two of the separators. Each
/// separator divides what the one before it has left whole, so that the host is never confused with the path.
fn fits(pattern: &str, text: &str, separators: &[char]) -> bool {
    if pattern == "*" {
        return !text.is_empty();
    }
    let Some((&separator, finer)) = separators.split_first() else { return pattern == text };
    let (wanted, found) = (pattern.split(separator), text.split(separator));
    wanted.clone().count() == found.clone().count() && wanted.zip(found).all(|(w, f)| fits(w, f, finer))
}
