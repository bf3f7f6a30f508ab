//! Issuers of tokens that publish their keys as OpenID Connect says: providers of sign-in, and CI systems.

use std::sync::Arc;

use holdfast_types::Timestamp;
use serde::Deserialize;
use url::Url;

use crate::address::{self, AddressError, shortened};
use crate::cached::Cached;
use crate::client::Cause;
use crate::jwt::{Jwt, KeySet, Keys, TokenError};
use crate::{Claims, Client, Unavailable};

/// An issuer of tokens. What it publishes is asked for when it is needed, and kept for some minutes.
pub struct Issuer {
    name: String,
    discovery: Url,
    client: Client,
    metadata: Cached<Metadata>,
    keys: Cached<Keys>,
}

/// What an issuer publishes of itself: OpenID Connect Discovery 1.0, section 3.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Metadata {
    issuer: String,
    jwks_uri: String,
    pub(crate) authorization_endpoint: Option<String>,
    pub(crate) token_endpoint: Option<String>,
    pub(crate) userinfo_endpoint: Option<String>,
    #[serde(default)]
    pub(crate) token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) authorization_response_iss_parameter_supported: bool,
}

/// Whose word a token claims to be, for finding the issuer that may verify it. Not believed yet.
pub fn claimed_issuer(jwt: &str) -> Result<String, TokenError> {
    Ok(Jwt::parse(jwt)?.claims.text("iss").unwrap_or_default().into_owned())
}

/// Why the word of an issuer is not there.
#[derive(Clone, Debug, thiserror::Error)]
pub enum VerifyError {
    /// The token is not good, and will not be.
    #[error(transparent)]
    Refused(#[from] TokenError),
    /// Whether it is good cannot be known now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

impl Issuer {
    /// An issuer by its name, a URL exactly as the issuer writes it. Nothing is sent yet.
    pub fn new(name: &str, client: &Client) -> Result<Issuer, AddressError> {
        address::parse(name)?;
        let discovery = format!("{}/.well-known/openid-configuration", name.trim_end_matches('/'));
        Ok(Issuer {
            name: name.to_owned(),
            discovery: address::parse(&discovery)?,
            client: client.clone(),
            metadata: Cached::new(),
            keys: Cached::new(),
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a token says that this issuer has given for `audience`.
    pub async fn verify(&self, now: Timestamp, audience: &str, jwt: &str) -> Result<Claims, VerifyError> {
        self.believe(now, audience, Jwt::parse(jwt)?).await
    }

    /// Checks a token. What costs nothing comes first, so that few tokens lead to a request.
    pub(crate) async fn believe(
        &self,
        now: Timestamp,
        audience: &str,
        jwt: Jwt<'_>,
    ) -> Result<Claims, VerifyError> {
        jwt.check(now, &self.name, audience)?;
        let keys = self.keys.fresh(now, async || self.ask_for_keys(now).await).await?;
        let mut verified = keys.verify(&jwt);
        if verified == Err(TokenError::UnknownKey) {
            // It may be a new one.
            let newer = self.keys.other_than(&keys, now, async || self.ask_for_keys(now).await).await?;
            verified = newer.verify(&jwt);
        }
        verified?;
        Ok(jwt.into_claims())
    }

    /// What it publishes of itself.
    pub(crate) async fn metadata(&self, now: Timestamp) -> Result<Arc<Metadata>, Unavailable> {
        self.metadata.fresh(now, async || self.ask_for_metadata().await).await
    }

    /// One of the addresses that it publishes.
    pub(crate) fn endpoint(&self, address: Option<&str>) -> Result<Url, Unavailable> {
        let named = address::named_by(&self.discovery, address.unwrap_or_default());
        named.map_err(|error| self.useless(Cause::Address(error)))
    }

    async fn ask_for_metadata(&self) -> Result<Metadata, Unavailable> {
        let metadata: Metadata = self.client.get(&self.discovery).await?;
        if metadata.issuer != self.name {
            return Err(self.useless(Cause::OtherIssuer(shortened(&metadata.issuer))));
        }
        Ok(metadata)
    }

    async fn ask_for_keys(&self, now: Timestamp) -> Result<Keys, Unavailable> {
        let metadata = self.metadata(now).await?;
        let url = self.endpoint(Some(&metadata.jwks_uri))?;
        let keys: KeySet = self.client.get(&url).await?;
        Ok(keys.into())
    }

    fn useless(&self, cause: Cause) -> Unavailable {
        Unavailable { url: self.discovery.clone(), cause }
    }
}
