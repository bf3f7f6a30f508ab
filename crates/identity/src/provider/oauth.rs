//! Sign-in by OAuth 2.0, where a document of the provider tells who holds an access token: the same for GitHub,
//! which has more documents, and for everybody else.

use url::Url;

use super::code::{CodeClient, subject};
use super::config::{address, filled};
use super::github::Github;
use super::{Callback, ClientAuth, ConfigError, Flow, OauthConfig, SignInError};
use crate::person::{ClaimNames, EmailTrust};
use crate::{Claims, Client, Person};

pub(super) struct Oauth {
    pub(super) issuer: String,
    pub(super) client: CodeClient,
    pub(super) auth: ClientAuth,
    pub(super) authorize: Url,
    pub(super) token: Url,
    pub(super) user: Url,
    pub(super) scopes: Vec<String>,
    pub(super) subject: String,
    pub(super) names: ClaimNames,
    pub(super) trust: EmailTrust,
    /// What it tells elsewhere.
    pub(super) more: Option<Github>,
}

impl Oauth {
    pub(super) fn new(config: OauthConfig, client: &Client) -> Result<Oauth, ConfigError> {
        filled("subject", &config.subject)?;
        let authorize = address("authorize-url", &config.authorize_url)?;
        let user = address("user-url", &config.user_url)?;
        Ok(Oauth {
            // Subjects are told apart by what tells them: a host may have several providers.
            issuer: user.to_string(),
            client: CodeClient::new(client, config.client_id, Some(config.client_secret))?,
            auth: config.client_auth,
            authorize,
            token: address("token-url", &config.token_url)?,
            user,
            scopes: config.scopes,
            subject: config.subject,
            names: config.claims,
            trust: EmailTrust::new(config.trust_email),
            more: None,
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
        let claims: Claims = self.client.ask(&self.user, &tokens).await?;
        let subject = subject(claims.text(&self.subject))?;
        let mut person = self.names.person(&self.issuer, subject, claims, self.trust);
        if let Some(github) = &self.more {
            github.complete(&mut person, &self.client, &tokens).await?;
        }
        Ok(person)
    }
}
