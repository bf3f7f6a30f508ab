//! Why somebody could not be signed in.

use crate::address::shortened;
use crate::{TokenError, Unavailable, VerifyError};

/// Why somebody could not be signed in.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SignInError {
    /// The provider said no: the person, a rule there, or what it was told of us.
    #[error("the provider refused: {error}{}", described(description.as_deref()))]
    Denied {
        /// Its word for it, as RFC 6749 lists them.
        error: String,
        /// Its sentence.
        description: Option<String>,
    },
    /// What came back is not what was asked for.
    #[error(transparent)]
    BadAnswer(#[from] BadAnswer),
    /// The provider must be asked, and cannot be asked now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// What is wrong with what came back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadAnswer {
    /// Another sign-in was begun, or none in this browser.
    #[error("this sign-in was not begun in this browser; begin again")]
    State,
    /// It took too long.
    #[error("this sign-in took too long; begin again")]
    TooLate,
    /// There is neither a code nor an error.
    #[error("the provider sent no code")]
    NoCode,
    /// Another provider sent the browser.
    #[error("the answer is from `{0}`, not from the provider that was asked")]
    OtherIssuer(String),
    /// The provider says that its answers name it, and this one does not.
    #[error("the answer does not say which provider it is from")]
    NoIssuer,
    /// There is no access token, or none that can be used.
    #[error("the provider gave no access token that can be used")]
    NoAccessToken,
    /// There is no ID token.
    #[error("the provider gave no ID token; is the scope `openid` allowed?")]
    NoIdToken,
    /// The ID token is not believed.
    #[error("the provider's ID token is refused")]
    IdToken(#[source] TokenError),
    /// The ID token is of another sign-in.
    #[error("the provider's ID token is of another sign-in")]
    Nonce,
    /// The access token is of another sign-in.
    #[error("the provider's access token does not belong to its ID token")]
    AccessToken,
    /// Nobody is named, or by a name that is too long.
    #[error("the provider does not say who signed in")]
    NoSubject,
    /// Two answers tell of two people.
    #[error("the provider tells of somebody else when it is asked for more")]
    OtherSubject,
    /// The groups are elsewhere.
    #[error(
        "there are more groups than the provider writes into a token; have it send those that matter only"
    )]
    TooManyGroups,
}

impl SignInError {
    pub(crate) fn denied(error: &str, description: Option<&str>) -> SignInError {
        SignInError::Denied { error: shortened(error), description: description.map(shortened) }
    }
}

impl From<VerifyError> for SignInError {
    fn from(error: VerifyError) -> SignInError {
        match error {
            VerifyError::Refused(error) => BadAnswer::IdToken(error).into(),
            VerifyError::Unavailable(error) => error.into(),
        }
    }
}

fn described(description: Option<&str>) -> String {
    description.map(|text| format!(": {text}")).unwrap_or_default()
}
