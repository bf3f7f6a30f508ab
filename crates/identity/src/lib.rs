//! Who somebody is, by the word of others: people through a provider (OpenID Connect, plain OAuth 2.0) or a
//! directory (LDAP), CI jobs through their issuer's tokens, cargo through tokens that it signs itself.
//!
//! Nothing here decides what anybody may do, and nothing here is stored.

mod address;
mod cached;
mod claims;
mod client;
mod directory;
mod issuer;
mod jwt;
mod person;
mod provider;
mod secret;
pub mod signed;

pub use address::AddressError;
pub use claims::Claims;
pub use client::{Cause, Client, ClientError, Unavailable};
pub use directory::{Directory, DirectoryConfig, DirectoryConfigError, DirectoryError, Misfit, Trouble};
pub use issuer::{Issuer, VerifyError, claimed_issuer};
pub use jwt::TokenError;
pub use person::{ClaimNames, Person};
pub use provider::{
    BadAnswer, Begun, Callback, ClientAuth, ConfigError, ENTROPY, Flow, GithubConfig, OauthConfig,
    OidcConfig, Provider, ProviderConfig, SignIn, SignInError,
};
pub use secret::Secret;
