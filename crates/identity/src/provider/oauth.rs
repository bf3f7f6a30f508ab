//! Sign-in by plain OAuth 2.0, where a document of the provider tells who holds an access token.

use url::Url;

use super::code::{CodeClient, subject};
use super::config::{address, filled};
use super::{Callback, ClientAuth, ConfigError, Flow, OauthConfig, SignInError};
use crate::person::{ClaimNames, EmailTrust};
use crate::{Claims, Client, Person};

pub(super) struct Oauth {
    issuer: String,
    client: CodeClient,
    auth: ClientAuth,
    authorize: Url,
    token: Url,
    user: Url,
    scopes: Vec<String>,
    subject: String,
    names: ClaimNames,
    trust: EmailTrust,
}

impl Oauth {
    pub(super) fn new(config: OauthConfig, client: &Client) -> Result<Oauth, ConfigError> {
        filled("client-id", &config.client_id)?;
        filled("subject", &config.subject)?;
        let authorize = address("authorize-url", &config.authorize_url)?;
        let secret = Some(config.client_secret);
        Ok(Oauth {
            issuer: authorize.origin().ascii_serialization(),
            client: CodeClient { client: client.clone(), id: config.client_id, secret },
            auth: config.client_auth,
            authorize,
            token: address("token-url", &config.token_url)?,
            user: address("user-url", &config.user_url)?,
            scopes: config.scopes,
            subject: config.subject,
            names: config.claims,
            trust: if config.trust_email { EmailTrust::All } else { EmailTrust::Word },
        })
    }

    pub(super) fn begin(&self, redirect_uri: &Url, flow: &Flow) -> Url {
        self.client.authorize(&self.authorize, redirect_uri, &self.scopes, flow)
    }

    pub(super) async fn finish(
        &self,
        redirect_uri: &Url,
        flow: &Flow,
        callback: &Callback,
    ) -> Result<Person, SignInError> {
        let code = callback.code(None)?;
        let tokens = self.client.redeem(&self.token, self.auth, redirect_uri, flow, code).await?;
        let claims: Claims = self.client.client.get_as(&self.user, &tokens.access).await?;
        let subject = subject(claims.text(&self.subject))?;
        Ok(self.names.person(&self.issuer, subject, claims, self.trust))
    }
}
