//! The providers of sign-in, from a file of their own: it holds secrets, so it can have narrower permissions
//! than the other options.
//!
//! Each table is a provider. What its `rules` table says is ours; the rest is how the provider is asked.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use holdfast_identity::{Client, ProviderConfig, SignIn};
use holdfast_registry::entity::Role;
use holdfast_registry::{Provider, ProviderRules};
use holdfast_types::TeamName;
use serde::Deserialize;
use toml::{Table, Value};

use crate::failure::Failure;

/// How a value says that it is the first line of another file.
const FROM_FILE: &str = "file:";

/// Issuers where anybody can make an account.
const OPEN_ISSUERS: &[&str] = &["https://accounts.google.com", "https://gitlab.com"];

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct Rules {
    create_users: bool,
    role: Option<String>,
    domains: Vec<String>,
    groups: Vec<String>,
    teams: BTreeMap<String, TeamName>,
    roles: BTreeMap<String, String>,
}

/// Reads the file. Nothing is asked of a provider yet.
pub(crate) fn read(path: &Path) -> Result<Vec<Provider>, Failure> {
    let text = fs::read_to_string(path).map_err(|error| {
        Failure::new(format!("cannot read the providers in `{}`: {error}", path.display()))
    })?;
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        Failure::new(format!("`{}` is not valid TOML: {}", path.display(), error.message()))
    })?;
    let client = Client::new().map_err(|error| Failure::because(&error))?;
    let provider = |(name, value): (String, Value)| {
        provider(&name, value, &client).map_err(|reason| {
            Failure::new(format!("the provider `{name}` in `{}` is no use: {reason}", path.display()))
                .hint("the page `operate/sign-in` of the manual shows each kind of provider")
        })
    };
    table.into_iter().map(provider).collect()
}

fn provider(name: &str, value: Value, client: &Client) -> Result<Provider, String> {
    let is_name = !name.is_empty()
        && name.len() <= 32
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !is_name {
        return Err("a name has 1 to 32 small letters, digits and `-`".to_owned());
    }
    let Value::Table(mut table) = value else { return Err("it is no table".to_owned()) };
    let rules: Rules = match table.remove("rules") {
        Some(rules) => rules.try_into().map_err(|error: toml::de::Error| error.message().to_owned())?,
        None => Rules::default(),
    };
    for (key, value) in &mut table {
        resolve(key, value)?;
    }
    let config: ProviderConfig =
        Value::Table(table).try_into().map_err(|error: toml::de::Error| error.message().to_owned())?;
    if is_for_everybody(&config) && rules.create_users && rules.domains.is_empty() && rules.groups.is_empty()
    {
        return Err(
            "anybody in the world has an account there, so `create-users` needs `domains` or `groups`"
                .to_owned(),
        );
    }
    let sign_in = SignIn::new(config, client).map_err(|error| chain(&error))?;
    Ok(Provider { name: name.to_owned(), sign_in, rules: checked(rules)? })
}

/// Whether anybody can make an account at a provider.
fn is_for_everybody(config: &ProviderConfig) -> bool {
    match config {
        ProviderConfig::Oidc(oidc) => OPEN_ISSUERS.contains(&oidc.issuer.trim_end_matches('/')),
        ProviderConfig::Github(github) => github.url.trim_end_matches('/') == "https://github.com",
        ProviderConfig::Oauth(_) | ProviderConfig::Ldap(_) => false,
    }
}

/// Takes a secret from another file where this one says so.
fn resolve(key: &str, value: &mut Value) -> Result<(), String> {
    let Some(path) = value.as_str().and_then(|text| text.strip_prefix(FROM_FILE)) else { return Ok(()) };
    let text = fs::read_to_string(path).map_err(|error| format!("`{key}` is in `{path}`: {error}"))?;
    *value = Value::String(text.lines().next().unwrap_or_default().to_owned());
    Ok(())
}

fn checked(rules: Rules) -> Result<ProviderRules, String> {
    let role = |text: &str| text.parse::<Role>().map_err(|error| error.to_string());
    Ok(ProviderRules {
        create_users: rules.create_users,
        role: rules.role.as_deref().map_or(Ok(Role::Reader), role)?,
        domains: rules.domains,
        groups: rules.groups,
        teams: rules.teams,
        roles: rules
            .roles
            .into_iter()
            .map(|(group, text)| Ok((group, role(&text)?)))
            .collect::<Result<_, String>>()?,
    })
}

/// An error with all its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
