//! Passwords, as people type them.

use std::fmt;
use std::str::FromStr;

/// A password. Never printed by `Debug`; stored as an Argon2id hash only.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

/// Text that cannot be a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Empty: a directory would take it for no password at all and say yes.
    #[error("the password is empty")]
    Empty,
    /// Beyond what anybody types; hashing it would be work for an attacker's sake.
    #[error("a password has at most {} bytes", Password::MAX_BYTES)]
    TooLong,
    /// Too easy to guess.
    #[error(
        "a new password has at least {} characters; a few words in a row are easy to remember",
        Password::MIN_CHARS
    )]
    TooShort,
    /// The first thing that somebody would try.
    #[error("the password may not be the login")]
    Login,
}

impl Password {
    /// The fewest characters of a new password.
    pub const MIN_CHARS: usize = 10;
    /// The most bytes.
    pub const MAX_BYTES: usize = 512;

    /// Refuses what should not become somebody's password.
    pub fn check_as_new(&self, login: &str) -> Result<(), PasswordError> {
        if self.0.chars().count() < Password::MIN_CHARS {
            return Err(PasswordError::TooShort);
        }
        if self.0.eq_ignore_ascii_case(login) {
            return Err(PasswordError::Login);
        }
        Ok(())
    }

    /// The text, for hashing and for directories.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for Password {
    type Err = PasswordError;

    fn from_str(text: &str) -> Result<Password, PasswordError> {
        match text.len() {
            0 => Err(PasswordError::Empty),
            1..=Password::MAX_BYTES => Ok(Password(text.to_owned())),
            _ => Err(PasswordError::TooLong),
        }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_bounded_and_not_shown() {
        let new = |text: &str| text.parse::<Password>().unwrap().check_as_new("longlogin1");
        assert_eq!(new("correct horse"), Ok(()));
        assert_eq!(new("äöüäöüäöüä"), Ok(()));
        assert_eq!(new("short"), Err(PasswordError::TooShort));
        assert_eq!(new("LongLogin1"), Err(PasswordError::Login));
        assert_eq!("".parse::<Password>(), Err(PasswordError::Empty));
        assert_eq!("a".repeat(513).parse::<Password>(), Err(PasswordError::TooLong));
        assert_eq!(format!("{:?}", "secret".parse::<Password>().unwrap()), "Password(…)");
    }
}
