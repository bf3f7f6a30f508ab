//! Secrets that stand for somebody, stored as digests: access tokens, browser sessions, signed-in devices.

use super::entry;
use holdfast_store::{Entity, Key};
use holdfast_types::{CrateName, Login, RegistryName, Scopes, Sha256, Timestamp, TokenId, Version};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// A secret: whom it stands for and what it may do. Revoking deletes the document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// Its public name.
    pub id: TokenId,
    /// Whom it stands for.
    #[serde(flatten)]
    pub holder: Holder,
    /// What it is for, in its owner's words.
    pub label: String,
    /// The digest of the secret.
    pub digest: Sha256,
    /// What it may do, within what its user may.
    pub scopes: Scopes,
    /// Where it is accepted.
    #[serde(default, skip_serializing_if = "Purpose::is_access")]
    pub purpose: Purpose,
    /// The one act that it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bound: Option<Bound>,
    /// The secret that it was made from, with which it ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<TokenId>,
    /// Whether nobody asked for it by a name of their own: for one act, or for a device for an hour.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub derived: bool,
    /// The secret that this one took the place of, for a device whose answer got lost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub former: Option<Former>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// A secret that was replaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Former {
    /// Its digest.
    pub digest: Sha256,
    /// When it was replaced.
    pub until: Timestamp,
}

/// Whom a secret stands for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Holder {
    /// A user or service account.
    Login(Login),
    /// A job of a CI system, which has no account.
    Job(Job),
}

/// A job that proved where it runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// What it calls itself, for the log: `github:acme/app release.yml`.
    pub name: String,
    /// The crates that trusted it when it came; none for a job that may only read.
    pub crates: Vec<Trusting>,
}

/// A crate that trusts a job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trusting {
    /// Where it is.
    pub registry: RegistryName,
    /// What it is called.
    pub name: CrateName,
    /// By which rule: its [`digest`](holdfast_types::TrustRule::digest).
    pub rule: Sha256,
}

impl Job {
    /// The rules by which a crate trusts it; none if the crate does not.
    pub fn rules_of(&self, registry: &RegistryName, krate: &CrateName) -> impl Iterator<Item = &Sha256> {
        let is_it = move |trusting: &&Trusting| trusting.registry == *registry && trusting.name == *krate;
        self.crates.iter().filter(is_it).map(|trusting| &trusting.rule)
    }

    /// Whether a crate trusts it.
    pub fn may_publish(&self, registry: &RegistryName, krate: &CrateName) -> bool {
        self.rules_of(registry, krate).next().is_some()
    }
}

/// Where a secret is accepted, and nowhere else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Purpose {
    /// In the `Authorization` header.
    #[default]
    Access,
    /// In the cookie of a browser that signed in.
    Session {
        /// What the browser calls itself.
        agent: String,
        /// How its user signed in: `password`, or the name of a provider.
        via: String,
    },
    /// To get further access tokens for a device that was let in.
    Device,
}

/// One act on one crate, as cargo announced it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound {
    /// The crate.
    pub krate: CrateName,
    /// The version, for publish and yank.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<Version>,
    /// The digest of the file, for publish.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Sha256>,
}

impl Purpose {
    fn is_access(&self) -> bool {
        *self == Purpose::Access
    }
}

impl Holder {
    /// The account, if it is one.
    pub fn login(&self) -> Option<&Login> {
        match self {
            Holder::Login(login) => Some(login),
            Holder::Job(_) => None,
        }
    }

    /// What it is called in sentences and in the log.
    pub fn name(&self) -> &str {
        match self {
            Holder::Login(login) => login.as_str(),
            Holder::Job(job) => &job.name,
        }
    }
}

impl Token {
    /// The partition of all tokens.
    pub const PART: &'static str = "token";
    /// The partition of the index by digest; the bodies are the ids as JSON strings.
    pub const DIGEST_PART: &'static str = "token-digest";

    /// The key of a token.
    pub fn key_of(id: &TokenId) -> Key {
        Key::new(Token::PART, id.as_str())
    }

    /// The key of the index entry that leads from a secret to its token.
    pub fn digest_key(digest: &Sha256) -> Key {
        Key::new(Token::DIGEST_PART, digest.to_string())
    }

    /// The partition of the index of a user's tokens; its sort keys are ids.
    pub fn user_part(login: &Login) -> String {
        format!("tokens-of/{login}")
    }

    /// Its own key.
    pub fn key_of_self(&self) -> Key {
        Token::key_of(&self.id)
    }

    /// Whether somebody made it and gave it its name.
    pub fn is_made_by_hand(&self) -> bool {
        self.purpose == Purpose::Access && !self.derived && self.login().is_some()
    }

    /// Whose it is, if that is an account.
    pub fn login(&self) -> Option<&Login> {
        self.holder.login()
    }
}

impl Entity for Token {
    const VERSION: u32 = 1;

    holdfast_store::body_by_serde!();

    fn key(&self) -> Key {
        Token::key_of(&self.id)
    }

    fn indexes(&self) -> Vec<(Key, String)> {
        let digests = [&self.digest].into_iter().chain(self.former.as_ref().map(|former| &former.digest));
        let by_digest = digests.map(|digest| (Token::digest_key(digest), format!("\"{}\"", self.id)));
        let by_user = self.login().map(|login| entry(Token::user_part(login), self.id.as_str()));
        by_digest.chain(by_user).collect()
    }
}

/// When a token was last used; apart from [`Token`] so that using it never contends with changing it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenUse {
    /// Which token.
    pub id: TokenId,
    /// When.
    pub at: Timestamp,
    /// From where.
    pub address: Option<IpAddr>,
}

impl TokenUse {
    /// The partition of all last uses.
    pub const PART: &'static str = "token-use";

    /// The key of a token's last use.
    pub fn key_of(id: &TokenId) -> Key {
        Key::new(TokenUse::PART, id.as_str())
    }
}

impl Entity for TokenUse {
    const VERSION: u32 = 1;

    holdfast_store::body_by_serde!();

    fn key(&self) -> Key {
        TokenUse::key_of(&self.id)
    }
}
