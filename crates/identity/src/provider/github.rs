//! Sign-in by GitHub, which speaks OAuth 2.0 and has several documents about a person.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;

use super::code::{CodeClient, Tokens};
use super::config::address;
use super::oauth::Oauth;
use super::{ClientAuth, ConfigError, GithubConfig};
use crate::person::{ClaimNames, EmailTrust};
use crate::{Client, Person, Unavailable};

/// How many entries a page has at most.
const PAGE: usize = 100;

/// How many pages are read: nobody is in more organisations than that.
const PAGES: usize = 10;

/// What GitHub tells of a person beside who it is.
pub(super) struct Github {
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

/// Where GitHub has what, and how it calls it.
pub(super) fn oauth(config: GithubConfig, client: &Client) -> Result<Oauth, ConfigError> {
    let issuer = config.url.trim_end_matches('/').to_owned();
    let api = config.api_url.unwrap_or_else(|| match issuer.as_str() {
        "https://github.com" => "https://api.github.com".to_owned(),
        own => format!("{own}/api/v3"),
    });
    let api = api.trim_end_matches('/').to_owned();
    let mut scopes = vec!["read:user".to_owned(), "user:email".to_owned()];
    scopes.extend(config.groups.then(|| "read:org".to_owned()));
    Ok(Oauth {
        client: CodeClient::new(client, config.client_id, Some(config.client_secret))?,
        auth: ClientAuth::Post,
        user: address("api-url", &format!("{api}/user"))?,
        authorize: address("url", &format!("{issuer}/login/oauth/authorize"))?,
        token: address("url", &format!("{issuer}/login/oauth/access_token"))?,
        issuer,
        scopes,
        subject: "id".to_owned(),
        names: ClaimNames { login: Some("login".to_owned()), ..ClaimNames::default() },
        trust: EmailTrust::Word,
        more: Some(Github { api, has_groups: config.groups }),
    })
}

impl Github {
    /// Asks for the rest.
    pub(super) async fn complete(
        &self,
        person: &mut Person,
        client: &CodeClient,
        tokens: &Tokens,
    ) -> Result<(), Unavailable> {
        // The address of the public profile is one that the person chose to show.
        let emails: Vec<Email> = self.all("/user/emails", client, tokens).await?;
        if let Some(primary) = emails.into_iter().find(|email| email.primary) {
            person.email_verified = primary.verified;
            person.email = Some(primary.address);
        }
        person.groups = if self.has_groups { self.groups(client, tokens).await? } else { BTreeSet::new() };
        Ok(())
    }

    async fn groups(&self, client: &CodeClient, tokens: &Tokens) -> Result<BTreeSet<String>, Unavailable> {
        let organizations: Vec<Organization> = self.all("/user/orgs", client, tokens).await?;
        let teams: Vec<Team> = self.all("/user/teams", client, tokens).await?;
        let teams = teams.into_iter().map(|team| format!("{}/{}", team.organization.login, team.slug));
        Ok(organizations.into_iter().map(|organization| organization.login).chain(teams).collect())
    }

    /// Every entry of a list that comes in pages.
    async fn all<T: DeserializeOwned>(
        &self,
        path: &str,
        client: &CodeClient,
        tokens: &Tokens,
    ) -> Result<Vec<T>, Unavailable> {
        let mut all = Vec::new();
        for number in 1..=PAGES {
            let url = format!("{}{path}?per_page={PAGE}&page={number}", self.api);
            let url: Url = url.parse().expect("the address was taken when the provider was made");
            let page: Vec<T> = client.ask(&url, tokens).await?;
            let is_last = page.len() < PAGE;
            all.extend(page);
            if is_last {
                break;
            }
        }
        Ok(all)
    }
}
