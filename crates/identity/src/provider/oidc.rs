//! Sign-in by OpenID Connect.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use holdfast_types::Timestamp;
use url::Url;

use super::code::{CodeClient, Tokens, subject};
use super::{BadAnswer, Callback, ClientAuth, ConfigError, Flow, OidcConfig, SignInError};
use crate::issuer::{Issuer, Metadata};
use crate::jwt::{Algorithm, Jwt};
use crate::person::{ClaimNames, EmailTrust};
use crate::{Claims, Client, Person};

pub(super) struct Oidc {
    issuer: Issuer,
    client: CodeClient,
    scopes: Vec<String>,
    names: ClaimNames,
    trust: EmailTrust,
}

impl Oidc {
    pub(super) fn new(config: OidcConfig, client: &Client) -> Result<Oidc, ConfigError> {
        let issuer = Issuer::new(&config.issuer, client)
            .map_err(|source| ConfigError::Address { name: "issuer", source })?;
        let client = CodeClient::new(client, config.client_id, config.client_secret)?;
        let mut scopes = ["openid", "profile", "email"].map(str::to_owned).to_vec();
        scopes.extend(config.scopes);
        let trust = EmailTrust::new(config.trust_email);
        Ok(Oidc { issuer, client, scopes, names: config.claims, trust })
    }

    pub(super) async fn begin(
        &self,
        now: Timestamp,
        redirect_uri: &Url,
        flow: &Flow,
    ) -> Result<Url, SignInError> {
        let metadata = self.issuer.metadata(now).await?;
        let endpoint = self.issuer.endpoint(metadata.authorization_endpoint.as_deref())?;
        let mut url = self.client.authorize(&endpoint, redirect_uri, &self.scopes, flow);
        url.query_pairs_mut().append_pair("nonce", &flow.nonce);
        Ok(url)
    }

    pub(super) async fn finish(
        &self,
        now: Timestamp,
        redirect_uri: &Url,
        flow: &Flow,
        callback: &Callback,
    ) -> Result<Person, SignInError> {
        let code = callback.code(Some(self.issuer.name()))?;
        let metadata = self.issuer.metadata(now).await?;
        if metadata.authorization_response_iss_parameter_supported && callback.iss.is_none() {
            return Err(BadAnswer::NoIssuer.into());
        }
        let endpoint = self.issuer.endpoint(metadata.token_endpoint.as_deref())?;
        let tokens = self.client.redeem(&endpoint, auth(&metadata), redirect_uri, flow, code).await?;
        let mut claims = self.id_token(now, flow, &tokens).await?;
        let subject = subject(claims.text("sub"))?;
        self.complete(&metadata, &tokens, &subject, &mut claims).await?;
        Ok(self.names.person(self.issuer.name(), subject, claims, self.trust))
    }

    /// What the ID token says, which must be of this sign-in.
    async fn id_token(&self, now: Timestamp, flow: &Flow, tokens: &Tokens) -> Result<Claims, SignInError> {
        let text = tokens.id.as_deref().ok_or(BadAnswer::NoIdToken)?;
        let jwt = Jwt::parse(text).map_err(BadAnswer::IdToken)?;
        let algorithm = jwt.algorithm;
        let claims = self.issuer.believe(now, self.client.id(), jwt).await?;
        if claims.text("nonce").as_deref() != Some(&flow.nonce) {
            return Err(BadAnswer::Nonce.into());
        }
        let expected = access_token_hash(algorithm, tokens.access.expose());
        if claims.text("at_hash").is_some_and(|found| found != expected) {
            return Err(BadAnswer::AccessToken.into());
        }
        Ok(claims)
    }

    /// Asks for what the ID token does not tell. To go without could take rights from somebody, so an answer
    /// that is not there fails the sign-in.
    async fn complete(
        &self,
        metadata: &Metadata,
        tokens: &Tokens,
        subject: &str,
        claims: &mut Claims,
    ) -> Result<(), SignInError> {
        let is_lacking = |path: &str| claims.at(path).is_none();
        let endpoint = metadata.userinfo_endpoint.as_deref();
        if let Some(endpoint) =
            endpoint.filter(|_| is_lacking(&self.names.email) || is_lacking(&self.names.groups))
        {
            let endpoint = self.issuer.endpoint(Some(endpoint))?;
            let mut more: Claims = self.client.ask(&endpoint, tokens).await?;
            if more.text("sub").as_deref() != Some(subject) {
                return Err(BadAnswer::OtherSubject.into());
            }
            // Whether one address is verified says nothing about another.
            if claims.text(&self.names.email) != more.text(&self.names.email)
                && !is_lacking(&self.names.email)
            {
                more.forget(&self.names.email_verified);
            }
            claims.complete(more);
        }
        // OpenID Connect Core 1.0, section 5.6.2: Entra sends more than 200 groups elsewhere.
        let elsewhere = claims.at("_claim_names").and_then(|names| names.get(&self.names.groups));
        if elsewhere.is_some() && claims.at(&self.names.groups).is_none() {
            return Err(BadAnswer::TooManyGroups.into());
        }
        Ok(())
    }
}

/// In the head, unless the provider takes it in the form only.
fn auth(metadata: &Metadata) -> ClientAuth {
    let methods = metadata.token_endpoint_auth_methods_supported.as_deref().unwrap_or_default();
    let takes = |method: &str| methods.iter().any(|taken| taken == method);
    if takes("client_secret_post") && !takes("client_secret_basic") {
        ClientAuth::Post
    } else {
        ClientAuth::Basic
    }
}

/// OpenID Connect Core 1.0, section 3.1.3.6.
fn access_token_hash(algorithm: Algorithm, access_token: &str) -> String {
    let hash = ring::digest::digest(algorithm.hash(), access_token.as_bytes());
    let (left, _) = hash.as_ref().split_at(hash.as_ref().len() / 2);
    URL_SAFE_NO_PAD.encode(left)
}
