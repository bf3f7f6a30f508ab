//! The authorization code grant of RFC 6749, section 4.1, with PKCE: the same for every provider.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::config::filled;
use super::{BadAnswer, ConfigError, Flow, SignInError};
use crate::client::Cause;
use crate::{Client, Secret, Unavailable};

/// How we prove to a provider who we are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClientAuth {
    /// In the head of the request, as every provider should understand it.
    #[default]
    Basic,
    /// In the form.
    Post,
}

/// What a provider knows us by.
pub(super) struct CodeClient {
    client: Client,
    id: String,
    secret: Option<Secret>,
}

/// What a code is worth.
pub(super) struct Tokens {
    pub(super) access: Secret,
    pub(super) id: Option<String>,
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: Option<Secret>,
    token_type: Option<String>,
    id_token: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

impl CodeClient {
    /// Without a secret, a public client.
    pub(super) fn new(
        client: &Client,
        id: String,
        secret: Option<Secret>,
    ) -> Result<CodeClient, ConfigError> {
        filled("client-id", &id)?;
        Ok(CodeClient { client: client.clone(), id, secret })
    }

    /// The audience of its ID tokens.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Where the browser goes.
    pub(super) fn authorize(
        &self,
        endpoint: &Url,
        redirect_uri: &Url,
        scopes: &[String],
        flow: &Flow,
    ) -> Url {
        let mut url = endpoint.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.id)
            .append_pair("redirect_uri", redirect_uri.as_str())
            .append_pair("state", &flow.state)
            .append_pair("code_challenge", &flow.challenge())
            .append_pair("code_challenge_method", "S256");
        if !scopes.is_empty() {
            url.query_pairs_mut().append_pair("scope", &scopes.join(" "));
        }
        url
    }

    /// Exchanges a code.
    pub(super) async fn redeem(
        &self,
        endpoint: &Url,
        auth: ClientAuth,
        redirect_uri: &Url,
        flow: &Flow,
        code: &str,
    ) -> Result<Tokens, SignInError> {
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri.as_str()),
            ("code_verifier", &flow.verifier),
        ];
        let login = match (&self.secret, auth) {
            (Some(secret), ClientAuth::Basic) => Some((self.id.as_str(), secret)),
            (Some(secret), ClientAuth::Post) => {
                fields.extend([("client_id", self.id.as_str()), ("client_secret", secret.expose())]);
                None
            }
            (None, _) => {
                fields.push(("client_id", &self.id));
                None
            }
        };
        let answer = self.client.post(endpoint, login, &fields).await?;
        if answer.status.is_server_error() {
            return Err(answer.useless(Cause::Status(answer.status.as_u16())).into());
        }
        // Some refuse with a status of success.
        if let Ok(TokenAnswer { error: Some(error), error_description, .. }) = answer.value() {
            return Err(SignInError::denied(&error, error_description.as_deref()));
        }
        let answer: TokenAnswer = answer.json()?;
        let kind = answer.token_type.as_deref().unwrap_or("bearer");
        let access = answer.access_token.filter(|_| kind.eq_ignore_ascii_case("bearer"));
        Ok(Tokens { access: access.ok_or(BadAnswer::NoAccessToken)?, id: answer.id_token })
    }

    /// What is at `url` for somebody who has these tokens.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        url: &Url,
        tokens: &Tokens,
    ) -> Result<T, Unavailable> {
        self.client.get_as(url, &tokens.access).await
    }
}

/// A name that may be somebody's: OpenID Connect Core 1.0, section 2.
pub(super) fn subject(text: Option<std::borrow::Cow<'_, str>>) -> Result<String, BadAnswer> {
    const LONGEST: usize = 255;
    let fits = |text: &std::borrow::Cow<'_, str>| !text.trim().is_empty() && text.len() <= LONGEST;
    text.filter(fits).map(std::borrow::Cow::into_owned).ok_or(BadAnswer::NoSubject)
}
