//! Sign-in by GitHub, which speaks OAuth 2.0 and has several documents about a person.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::code::{CodeClient, Tokens, subject};
use super::config::{address, filled};
use super::{Callback, ClientAuth, ConfigError, Flow, GithubConfig, SignInError};
use crate::person::{ClaimNames, EmailTrust};
use crate::{Claims, Client, Person, Unavailable};

/// How many entries a page has at most.
const PAGE: usize = 100;

/// How many pages are read: nobody is in more organisations than that.
const PAGES: usize = 10;

pub(super) struct Github {
    issuer: String,
    client: CodeClient,
    authorize: Url,
    token: Url,
    api: String,
    has_groups: bool,
}

#[derive(Deserialize)]
struct Email {
    #[serde(rename = "email")]
    address: String,
    primary: bool,
    verified: bool,
}

#[derive(Deserialize)]
struct Organization {
    login: String,
}

#[derive(Deserialize)]
struct Team {
    slug: String,
    organization: Organization,
}

impl Github {
    pub(super) fn new(config: GithubConfig, client: &Client) -> Result<Github, ConfigError> {
        filled("client-id", &config.client_id)?;
        let issuer = config.url.trim_end_matches('/').to_owned();
        let api = config.api_url.unwrap_or_else(|| match issuer.as_str() {
            "https://github.com" => "https://api.github.com".to_owned(),
            own => format!("{own}/api/v3"),
        });
        address("api-url", &api)?;
        let secret = Some(config.client_secret);
        Ok(Github {
            client: CodeClient { client: client.clone(), id: config.client_id, secret },
            authorize: address("url", &format!("{issuer}/login/oauth/authorize"))?,
            token: address("url", &format!("{issuer}/login/oauth/access_token"))?,
            api: api.trim_end_matches('/').to_owned(),
            issuer,
            has_groups: config.groups,
        })
    }

    pub(super) fn begin(&self, redirect_uri: &Url, flow: &Flow) -> Url {
        let mut scopes = vec!["read:user".to_owned(), "user:email".to_owned()];
        scopes.extend(self.has_groups.then(|| "read:org".to_owned()));
        self.client.authorize(&self.authorize, redirect_uri, &scopes, flow)
    }

    pub(super) async fn finish(
        &self,
        redirect_uri: &Url,
        flow: &Flow,
        callback: &Callback,
    ) -> Result<Person, SignInError> {
        let code = callback.code(None)?;
        let tokens = self.client.redeem(&self.token, ClientAuth::Post, redirect_uri, flow, code).await?;
        let claims: Claims = self.client.client.get_as(&self.place("/user"), &tokens.access).await?;
        let subject = subject(claims.text("id"))?;
        let names = ClaimNames { login: Some("login".to_owned()), ..ClaimNames::default() };
        let mut person = names.person(&self.issuer, subject, claims, EmailTrust::Word);
        // The address of the public profile is one that the person chose to show.
        let emails: Vec<Email> = self.all("/user/emails", &tokens).await?;
        if let Some(primary) = emails.into_iter().find(|email| email.primary) {
            person.email_verified = primary.verified;
            person.email = Some(primary.address);
        }
        person.groups = if self.has_groups { self.groups(&tokens).await? } else { BTreeSet::new() };
        Ok(person)
    }

    async fn groups(&self, tokens: &Tokens) -> Result<BTreeSet<String>, Unavailable> {
        let organizations: Vec<Organization> = self.all("/user/orgs", tokens).await?;
        let teams: Vec<Team> = self.all("/user/teams", tokens).await?;
        let teams = teams.into_iter().map(|team| format!("{}/{}", team.organization.login, team.slug));
        Ok(organizations.into_iter().map(|organization| organization.login).chain(teams).collect())
    }

    /// Every entry of a list that comes in pages.
    async fn all<T: DeserializeOwned>(&self, path: &str, tokens: &Tokens) -> Result<Vec<T>, Unavailable> {
        let mut all = Vec::new();
        for number in 1..=PAGES {
            let url = self.place(&format!("{path}?per_page={PAGE}&page={number}"));
            let page: Vec<T> = self.client.client.get_as(&url, &tokens.access).await?;
            let is_last = page.len() < PAGE;
            all.extend(page);
            if is_last {
                break;
            }
        }
        Ok(all)
    }

    fn place(&self, path: &str) -> Url {
        format!("{}{path}", self.api).parse().expect("the address was taken when the provider was made")
    }
}
