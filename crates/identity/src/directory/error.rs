//! Why nobody is signed in.

use ldap3::{LdapError, LdapResult};

/// Why a directory does not say who somebody is.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// There is nobody of that name, or the password is another one, or the account is locked. Which of these
    /// it is, is nothing to tell.
    #[error("the login or the password is wrong")]
    WrongCredentials,
    /// It gives no usable answer; another attempt may succeed.
    #[error("the directory is of no use now")]
    Unavailable(#[from] Trouble),
    /// It will give no usable answer before somebody changes its configuration or ours.
    #[error("the directory and its configuration do not fit together")]
    Misconfigured(#[from] Misfit),
}

/// What is wrong with a directory now.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// It takes too long.
    #[error("it did not answer within {seconds} s")]
    Slow {
        /// How long we waited.
        seconds: u16,
    },
    /// There is no connection, or no longer.
    #[error("it cannot be reached")]
    Unreachable(#[source] Box<LdapError>),
    /// It says that it cannot answer now.
    #[error("it cannot answer now: {0}")]
    Busy(Answer),
}

/// What does not fit.
#[derive(Debug, thiserror::Error)]
pub enum Misfit {
    /// The account that searches is refused.
    #[error("it does not take `bind-dn` and `bind-password`: {0}")]
    Account(Answer),
    /// It has no encryption after the beginning.
    #[error("it refuses `start-tls`: {0}")]
    StartTls(Answer),
    /// Its certificate is not one of an authority that counts, or not for this host.
    #[error(
        "its certificate does not count; name its authority by `ca-file`, and its host as in the certificate"
    )]
    Certificate(#[source] rustls::Error),
    /// It refuses to search, or does not know where.
    #[error("it does not search in `{base}`: {answer}")]
    Search {
        /// Where.
        base: String,
        /// What it says.
        answer: Answer,
    },
    /// It refuses a bind for another reason than the password.
    #[error("it does not let people bind: {0}")]
    Bind(Answer),
    /// Two entries have one login.
    #[error("more than one entry fulfils `{filter}`; make `user-filter` narrower")]
    Ambiguous {
        /// The filter of the login.
        filter: String,
    },
    /// An entry has no name.
    #[error("the entry of the login has no name to bind as; make `user-filter` narrower")]
    NoName,
    /// An entry does not tell who it is.
    #[error(
        "the entry `{dn}` has no `{attribute}`; set `id-attribute` to one that every entry has, or to `dn`"
    )]
    NoId {
        /// The entry.
        dn: String,
        /// What it lacks.
        attribute: String,
    },
    /// More groups than anybody has.
    #[error("somebody is in more than {limit} groups; make `group-filter` narrower")]
    ManyGroups {
        /// How many may be.
        limit: i32,
    },
}

/// What a directory answers when it is not success (RFC 4511, appendix A).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("result {code}{text}")]
pub struct Answer {
    /// The number of the result.
    pub code: u32,
    /// Its explanation, made printable.
    text: String,
}

impl Answer {
    pub(super) fn of(result: &LdapResult) -> Answer {
        let text: String = result.text.chars().take(200).flat_map(char::escape_debug).collect();
        Answer { code: result.rc, text: if text.is_empty() { text } else { format!(", {text}") } }
    }

    /// Whether it may answer otherwise in a while: it is short of time, busy, unavailable, or has a fault of
    /// its own.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self.code, 3 | 51 | 52 | 80)
    }

    /// Whether a bind failed for what was typed: no or another password, an account that is locked or must
    /// change its password first, or none to bind as.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self.code, 19 | 32 | 34 | 48 | 49 | 50 | 53)
    }
}

impl From<LdapError> for DirectoryError {
    fn from(error: LdapError) -> DirectoryError {
        match &error {
            LdapError::LdapResult { result } => return Misfit::StartTls(Answer::of(result)).into(),
            LdapError::Io { source } => {
                let inner = source.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
                if let Some(invalid @ rustls::Error::InvalidCertificate(_)) = inner {
                    return Misfit::Certificate(invalid.clone()).into();
                }
            }
            _ => {}
        }
        Trouble::Unreachable(Box::new(error)).into()
    }
}
