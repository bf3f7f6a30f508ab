//! Providers of sign-in for people: they send a browser there, it comes back with a code, and the code is
//! exchanged for the provider's word.

mod code;
mod config;
mod error;
mod flow;
mod github;
mod oauth;
mod oidc;

use holdfast_types::Timestamp;
use url::Url;

use crate::{Client, Directory, Person};

pub use code::ClientAuth;
pub use config::{ConfigError, GithubConfig, OauthConfig, OidcConfig, ProviderConfig};
pub use error::{BadAnswer, SignInError};
pub use flow::{Begun, Callback, ENTROPY, Flow};

/// A way to sign in.
pub enum SignIn {
    /// The browser is sent to a provider, and comes back.
    Browser(Provider),
    /// The password is told to us, and we ask a directory.
    Password(Box<Directory>),
}

/// A provider of sign-in that browsers are sent to.
pub struct Provider {
    title: String,
    kind: Kind,
}

enum Kind {
    Oidc(Box<oidc::Oidc>),
    Oauth(Box<oauth::Oauth>),
}

impl SignIn {
    /// A way to sign in as configured. Nothing is sent yet: whether the provider answers shows at the first
    /// sign-in.
    pub fn new(config: ProviderConfig, client: &Client) -> Result<SignIn, ConfigError> {
        let (title, kind) = match config {
            ProviderConfig::Ldap(config) => return Ok(SignIn::Password(Box::new(Directory::new(config)?))),
            ProviderConfig::Oidc(config) => {
                let title = config.title.clone().unwrap_or_else(|| config::host(&config.issuer));
                (title, Kind::Oidc(Box::new(oidc::Oidc::new(config, client)?)))
            }
            ProviderConfig::Github(config) => {
                let title = config.title.clone().unwrap_or_else(|| "GitHub".to_owned());
                (title, Kind::Oauth(Box::new(github::oauth(config, client)?)))
            }
            ProviderConfig::Oauth(config) => {
                let title = config.title.clone().unwrap_or_else(|| config::host(&config.authorize_url));
                (title, Kind::Oauth(Box::new(oauth::Oauth::new(config, client)?)))
            }
        };
        Ok(SignIn::Browser(Provider { title, kind }))
    }

    /// What its button or its form says.
    pub fn title(&self) -> &str {
        match self {
            SignIn::Browser(provider) => provider.title(),
            SignIn::Password(directory) => directory.title(),
        }
    }
}

impl Provider {
    /// What its button says.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Where the browser goes, and what the server must know again when it comes back to `redirect_uri`: only
    /// the browser that began may be given that, in a cookie for some minutes.
    pub async fn begin(
        &self,
        now: Timestamp,
        redirect_uri: &Url,
        entropy: &[u8; ENTROPY],
    ) -> Result<Begun, SignInError> {
        let flow = Flow::new(now, entropy);
        let url = match &self.kind {
            Kind::Oidc(oidc) => oidc.begin(now, redirect_uri, &flow).await?,
            Kind::Oauth(oauth) => oauth.begin(redirect_uri, &flow),
        };
        Ok(Begun { url, flow })
    }

    /// Who has come back.
    pub async fn finish(
        &self,
        now: Timestamp,
        redirect_uri: &Url,
        flow: &Flow,
        callback: &Callback,
    ) -> Result<Person, SignInError> {
        flow.check(now, callback)?;
        match &self.kind {
            Kind::Oidc(oidc) => oidc.finish(now, redirect_uri, flow, callback).await,
            Kind::Oauth(oauth) => oauth.finish(redirect_uri, flow, callback).await,
        }
    }
}
