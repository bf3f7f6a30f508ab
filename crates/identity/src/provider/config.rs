//! How providers are configured.

use serde::Deserialize;

use super::ClientAuth;
use crate::address::AddressError;
use crate::person::ClaimNames;
use crate::{DirectoryConfig, DirectoryConfigError, Secret};

/// A provider of sign-in, by its `kind`.
///
/// The large ones are all `oidc`, told apart by their issuer:
///
/// | provider | `issuer` |
/// |---|---|
/// | Google | `https://accounts.google.com` |
/// | Microsoft Entra | `https://login.microsoftonline.com/TENANT/v2.0`, where `TENANT` is the tenant's id |
/// | Okta | `https://NAME.okta.com`, or `https://NAME.okta.com/oauth2/default` |
/// | Keycloak | `https://HOST/realms/REALM` |
/// | GitLab | `https://gitlab.com`, or the address of your own |
/// | AWS Cognito | `https://cognito-idp.REGION.amazonaws.com/POOL`, which is also the bridge to IAM Identity Center |
///
/// Okta wants the scope `groups` for groups; with Cognito, groups are the claim `cognito:groups`, and with
/// GitLab `groups_direct`.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum ProviderConfig {
    /// OpenID Connect.
    Oidc(OidcConfig),
    /// GitHub, or GitHub Enterprise Server.
    Github(GithubConfig),
    /// Anybody who speaks OAuth 2.0 and tells who somebody is as JSON.
    Oauth(OauthConfig),
    /// A directory, which is told the password.
    Ldap(DirectoryConfig),
}

/// A provider that speaks OpenID Connect.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OidcConfig {
    /// What its button says; the host of the issuer when absent.
    pub title: Option<String>,
    /// Its name, exactly as it writes it.
    pub issuer: String,
    /// What it knows us by.
    pub client_id: String,
    /// The proof of that; absent for a public client.
    pub client_secret: Option<Secret>,
    /// More scopes than `openid`, `profile` and `email`.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Which claims are which.
    #[serde(default)]
    pub claims: ClaimNames,
    /// Whether every e-mail address counts as the person's, for providers that do not say (Entra).
    #[serde(default)]
    pub trust_email: bool,
}

/// GitHub, or GitHub Enterprise Server.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct GithubConfig {
    /// What its button says; `GitHub` when absent.
    pub title: Option<String>,
    /// What it knows us by.
    pub client_id: String,
    /// The proof of that.
    pub client_secret: Secret,
    /// Where it is.
    #[serde(default = "github")]
    pub url: String,
    /// Where its API is; for `https://github.com` the public one, otherwise `/api/v3` of `url`.
    pub api_url: Option<String>,
    /// Whether to ask for organisations and teams, which become the groups `ORG` and `ORG/TEAM`.
    #[serde(default = "yes")]
    pub groups: bool,
}

/// Anybody who speaks OAuth 2.0.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct OauthConfig {
    /// What its button says; the host of `authorize-url` when absent.
    pub title: Option<String>,
    /// Where browsers go. Its origin is the issuer of the people.
    pub authorize_url: String,
    /// Where codes are exchanged.
    pub token_url: String,
    /// Who the holder of an access token is, as JSON.
    pub user_url: String,
    /// What it knows us by.
    pub client_id: String,
    /// The proof of that.
    pub client_secret: Secret,
    /// Where the proof goes.
    #[serde(default)]
    pub client_auth: ClientAuth,
    /// What is asked for.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// Where in the JSON the name is that is never given to anybody else.
    pub subject: String,
    /// Where the rest is.
    #[serde(default)]
    pub claims: ClaimNames,
    /// Whether every e-mail address counts as the person's.
    #[serde(default)]
    pub trust_email: bool,
}

/// What is wrong with a configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// An address is.
    #[error("`{name}` of a provider is no use")]
    Address {
        /// Where it stands.
        name: &'static str,
        /// What is wrong with it.
        #[source]
        source: AddressError,
    },
    /// A field is empty.
    #[error("`{0}` of a provider is empty")]
    Empty(&'static str),
    /// A directory is configured so that it cannot work.
    #[error(transparent)]
    Directory(#[from] DirectoryConfigError),
}

/// Takes the address that stands at `name`.
pub(super) fn address(name: &'static str, text: &str) -> Result<url::Url, ConfigError> {
    crate::address::parse(text).map_err(|source| ConfigError::Address { name, source })
}

/// Refuses what is empty.
pub(super) fn filled(name: &'static str, text: &str) -> Result<(), ConfigError> {
    if text.trim().is_empty() { Err(ConfigError::Empty(name)) } else { Ok(()) }
}

/// What a button says where nothing else is configured.
pub(super) fn host(url: &str) -> String {
    let host = url::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned));
    host.unwrap_or_else(|| url.to_owned())
}

fn github() -> String {
    "https://github.com".to_owned()
}

fn yes() -> bool {
    true
}

#[cfg(test)]
mod tests;
