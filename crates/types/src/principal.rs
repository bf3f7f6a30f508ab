//! Who can own a crate: users by login, teams as `team:NAME`.

use crate::name::text_value;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Why a login, team or principal is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is not a {what}: use 1 to 64 ASCII letters, digits, `-`, `_` and `.`, a letter or digit first"
)]
pub struct PrincipalError {
    what: &'static str,
    text: String,
}

fn folded(what: &'static str, text: &str) -> Result<String, PrincipalError> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
    if text.len() <= 64 && starts_well && text.chars().all(is_allowed) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(PrincipalError { what, text: text.chars().take(64).flat_map(char::escape_debug).collect() })
}

/// The name of a user or service account, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Login(String);

text_value!(Login, PrincipalError);

impl FromStr for Login {
    type Err = PrincipalError;

    fn from_str(text: &str) -> Result<Login, PrincipalError> {
        folded("login", text).map(Login)
    }
}

/// The name of a team, in lower case and without `team:`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TeamName(String);

text_value!(TeamName, PrincipalError);

impl FromStr for TeamName {
    type Err = PrincipalError;

    fn from_str(text: &str) -> Result<TeamName, PrincipalError> {
        folded("team name", text).map(TeamName)
    }
}

/// A user or a team, written `alice` or `team:core` as in `cargo owner --add`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Principal {
    /// One user or service account.
    User(Login),
    /// Every member of a team.
    Team(TeamName),
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Principal::User(login) => login.fmt(f),
            Principal::Team(team) => write!(f, "team:{team}"),
        }
    }
}

impl FromStr for Principal {
    type Err = PrincipalError;

    fn from_str(text: &str) -> Result<Principal, PrincipalError> {
        match text.strip_prefix("team:") {
            Some(team) => team.parse().map(Principal::Team),
            None => text.parse().map(Principal::User),
        }
    }
}

impl TryFrom<String> for Principal {
    type Error = PrincipalError;

    fn try_from(text: String) -> Result<Principal, PrincipalError> {
        text.parse()
    }
}

impl From<Principal> for String {
    fn from(principal: Principal) -> String {
        principal.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_users_and_teams() {
        assert_eq!("Alice".parse::<Principal>().unwrap().to_string(), "alice");
        assert_eq!("team:Core".parse::<Principal>().unwrap(), Principal::Team("core".parse().unwrap()));
    }

    #[test]
    fn refuses_the_rest() {
        for text in
            ["", "team:", "-a", "a b", "github:org:team", "a/b", "\u{430}lice", "a\0", &"a".repeat(65)]
        {
            assert!(text.parse::<Principal>().is_err(), "{text}");
        }
    }
}
