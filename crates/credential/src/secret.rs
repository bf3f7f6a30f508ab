//! A value that is never shown.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A token: printable ASCII without spaces, so that it is safe in a header. Its `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Secret(String);

/// What was given cannot be a token.
#[derive(Debug, thiserror::Error)]
#[error("a token consists of letters, digits and signs, without spaces; copy it again")]
pub(crate) struct NoToken;

impl Secret {
    /// The text, for the one place that needs it.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Secret {
    type Error = NoToken;

    fn try_from(text: String) -> Result<Secret, NoToken> {
        let text = text.trim();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(NoToken);
        }
        Ok(Secret(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_safe_in_headers_and_never_shown() {
        for wrong in ["", " \n", "two words", "a\nb", "\u{1b}[2J", "ö"] {
            assert!(Secret::try_from(wrong.to_owned()).is_err(), "{wrong:?}");
        }
        let secret = Secret::try_from(" hf_abc\n".to_owned()).expect("a token between spaces is a token");
        assert_eq!((secret.reveal(), &*format!("{secret:?}")), ("hf_abc", "…"));
    }
}
