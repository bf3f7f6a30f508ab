//! Who somebody is.

use std::collections::BTreeSet;

use serde::Deserialize;

use crate::Claims;

/// Somebody, by the word of a provider. `issuer` and `subject` together tell who; the rest may change, and may
/// be the same for two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// Whose word this is.
    pub issuer: String,
    /// The name that the issuer never gives to anybody else.
    pub subject: String,
    /// The name that the person signs in by.
    pub login: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
    /// Whether the issuer knows that mail to it reaches the person.
    pub email_verified: bool,
    /// The name in full.
    pub full_name: Option<String>,
    /// The groups, as the issuer writes them.
    pub groups: BTreeSet<String>,
    /// Everything that was said.
    pub claims: Claims,
}

/// Which claims of a provider are which; each a name or a JSON pointer such as `/realm_access/roles`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct ClaimNames {
    /// The login; when absent, the first of `preferred_username`, `nickname`, `login` and `username`.
    pub login: Option<String>,
    /// The e-mail address.
    pub email: String,
    /// Whether it is known to be the person's.
    pub email_verified: String,
    /// The name in full.
    pub full_name: String,
    /// The groups.
    pub groups: String,
}

impl Default for ClaimNames {
    fn default() -> ClaimNames {
        ClaimNames {
            login: None,
            email: "email".to_owned(),
            email_verified: "email_verified".to_owned(),
            full_name: "name".to_owned(),
            groups: "groups".to_owned(),
        }
    }
}

/// Whether an e-mail address counts as the person's when the provider does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EmailTrust {
    /// Only with the provider's word.
    Word,
    /// All addresses of this provider are checked by whoever runs it.
    All,
}

impl EmailTrust {
    /// As `trust-email` of a provider says.
    pub(crate) fn new(trusts_all: bool) -> EmailTrust {
        if trusts_all { EmailTrust::All } else { EmailTrust::Word }
    }
}

impl ClaimNames {
    /// The person that `claims` tell of.
    pub(crate) fn person(&self, issuer: &str, subject: String, claims: Claims, trust: EmailTrust) -> Person {
        let text = |path: &str| {
            let text = claims.text(path).map(|text| text.trim().to_owned());
            text.filter(|text| !text.is_empty())
        };
        let usual = ["preferred_username", "nickname", "login", "username"];
        let login = match &self.login {
            Some(path) => text(path),
            None => usual.iter().find_map(|path| text(path)),
        };
        let email = text(&self.email);
        let is_known = trust == EmailTrust::All || claims.is_true(&self.email_verified);
        Person {
            issuer: issuer.to_owned(),
            subject,
            login,
            email_verified: email.is_some() && is_known,
            email,
            full_name: text(&self.full_name),
            groups: claims.texts(&self.groups),
            claims,
        }
    }
}
