//! Who needs no secret of ours: CI jobs, keys that cargo signs with, people whom a provider knows.

use holdfast_identity::signed::{KeyId, PublicKey};
use holdfast_registry::entity::SigningKey;
use holdfast_registry::{Actor, Holdfast, Trust, TrustPlace};
use holdfast_types::{CrateName, RegistryName, TrustRule};
use serde_json::json;

use super::parse;
use crate::cli::{KeyAdd, TrustArguments};
use crate::failure::Failure;
use crate::terminal::{Table, Terminal};

/// Executes `holdfast crate trust` and `holdfast registry trust`.
pub(super) async fn trust(
    arguments: TrustArguments,
    registry: &RegistryName,
    krate: Option<&CrateName>,
    holdfast: &Holdfast,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let actor = Actor::operator();
    let place = TrustPlace { registry, krate };
    let before = holdfast.trust_of(&actor, place).await?;
    if arguments.changes_nothing() {
        return show(&before, arguments.json, terminal);
    }
    let mut rules = if arguments.clear { Vec::new() } else { before.rules };
    for text in &arguments.rules {
        rules.push(rule(text)?);
    }
    let after = Trust { rules, only: arguments.only.unwrap_or(before.only && !arguments.clear) };
    holdfast.set_trust(&actor, place, &after).await?;
    show(&after, arguments.json, terminal)
}

fn rule(text: &str) -> Result<TrustRule, Failure> {
    serde_json::from_str(text).map_err(|error| {
        Failure::new(format!("`{text}` is no rule about CI jobs: {error}")).hint(
            r#"one is written like `{"provider":"github","owner":"acme","repository":"app","workflow":"release.yml"}`"#,
        )
    })
}

fn show(trust: &Trust, as_json: bool, terminal: &mut Terminal<'_>) -> Result<(), Failure> {
    if as_json {
        return terminal.json(&json!({"rules": trust.rules, "only": trust.only}));
    }
    if trust.rules.is_empty() {
        return terminal.line("no CI job is trusted");
    }
    let mut table = Table::new(["rule"]);
    for rule in &trust.rules {
        table.row([serde_json::to_string(rule).unwrap_or_default()]);
    }
    terminal.line(table)?;
    if trust.only { terminal.line("nobody else may publish") } else { Ok(()) }
}

/// Executes `holdfast token add-key`.
pub(super) async fn add_key(
    add: KeyAdd,
    holdfast: &Holdfast,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let key: PublicKey = parse(&add.key)?;
    let key = holdfast.add_key(&Actor::operator(), &parse(&add.user)?, key, add.subject).await?;
    if add.json {
        return terminal.json(&key_json(&key));
    }
    terminal.line(format!("registered `{}` for `{}`", key.key.id().as_str(), key.login))
}

/// Executes `holdfast token revoke-key`, with the key or its id.
pub(super) async fn revoke_key(
    text: &str,
    holdfast: &Holdfast,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let id: KeyId = match text.parse::<PublicKey>() {
        Ok(key) => key.id(),
        Err(_) => parse(text)?,
    };
    holdfast.revoke_key(&Actor::operator(), &id).await?;
    terminal.line(format!("revoked `{}`", id.as_str()))
}

/// Executes `holdfast token keys`.
pub(super) async fn keys(
    user: Option<&str>,
    as_json: bool,
    holdfast: &Holdfast,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let login = user.map(parse).transpose()?;
    let keys = holdfast.list_keys(&Actor::operator(), login.as_ref()).await?;
    if as_json {
        return terminal.json(&keys.iter().map(key_json).collect::<Vec<_>>());
    }
    let mut table = Table::new(["id", "user", "subject", "since"]);
    for key in &keys {
        let subject = key.subject.as_deref().unwrap_or("-");
        table.row([key.key.id().as_str(), key.login.as_str(), subject, &key.created_at.to_string()]);
    }
    terminal.line(table)
}

fn key_json(key: &SigningKey) -> serde_json::Value {
    json!({
        "id": key.key.id().as_str(),
        "key": key.key.to_string(),
        "user": key.login,
        "subject": key.subject,
        "created_at": key.created_at,
    })
}
