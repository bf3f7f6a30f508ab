//! `holdfast token`.

use std::collections::BTreeSet;

use holdfast_registry::entity::{Holder, Purpose, Token, TokenUse};
use holdfast_registry::{Actor, Holdfast, NewToken};
use holdfast_types::{Endpoint, Scopes};
use serde_json::{Value, json};

use super::{parse, trust};
use crate::cli::{Scope, TokenCommand, TokenCreate};
use crate::failure::Failure;
use crate::terminal::{Table, Terminal};

/// Executes `holdfast token`.
pub(super) async fn run(
    command: TokenCommand,
    holdfast: &Holdfast,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let actor = Actor::operator();
    match command {
        TokenCommand::Create(create) => run_create(create, holdfast, &actor, terminal).await,
        TokenCommand::List { user, json } => {
            let login = user.as_deref().map(parse).transpose()?;
            let tokens = holdfast.list_tokens(&actor, login.as_ref()).await?;
            if json {
                return terminal.json(
                    &tokens.iter().map(|(token, used)| token_json(token, used.as_ref())).collect::<Vec<_>>(),
                );
            }
            let mut table = Table::new(["id", "user", "purpose", "name", "scopes", "expires", "last used"]);
            for (token, used) in &tokens {
                let expires = token.expires_at.map_or_else(|| "never".to_owned(), |at| at.to_string());
                let used = used.as_ref().map_or_else(|| "never".to_owned(), |used| used.at.to_string());
                let scopes = scopes_text(&token.scopes);
                table.row([
                    token.id.as_str(),
                    token.holder.name(),
                    purpose(token),
                    &token.label,
                    &scopes,
                    &expires,
                    &used,
                ]);
            }
            terminal.line(table)
        }
        TokenCommand::AddKey(add) => trust::add_key(add, holdfast, terminal).await,
        TokenCommand::RevokeKey { key } => trust::revoke_key(&key, holdfast, terminal).await,
        TokenCommand::Keys { user, json } => trust::keys(user.as_deref(), json, holdfast, terminal).await,
        TokenCommand::Revoke { id } => {
            holdfast.revoke_token(&actor, &parse(&id)?).await?;
            terminal.line(format!("revoked `{id}`"))
        }
    }
}

async fn run_create(
    create: TokenCreate,
    holdfast: &Holdfast,
    actor: &Actor,
    terminal: &mut Terminal<'_>,
) -> Result<(), Failure> {
    let scopes = Scopes {
        endpoints: create.scopes.iter().map(|scope| endpoint(*scope)).collect(),
        crates: create.crates.iter().map(|text| parse(text)).collect::<Result<BTreeSet<_>, _>>()?,
        registries: create.registries.iter().map(|text| parse(text)).collect::<Result<BTreeSet<_>, _>>()?,
    };
    let new =
        NewToken { login: parse(&create.user)?, label: create.name, scopes, expires_in: create.expires };
    let (token, secret) = holdfast.create_token(actor, new).await?;
    if create.json {
        let mut row = token_json(&token, None);
        row["token"] = json!(secret.reveal());
        return terminal.json(&row);
    }
    terminal.line(secret.reveal())?;
    terminal.hint(&format!("this is shown once; `holdfast token revoke {}` ends it", token.id));
    Ok(())
}

fn purpose(token: &Token) -> &'static str {
    match (&token.holder, &token.purpose) {
        (Holder::Job(_), _) => "job",
        (Holder::Login(_), Purpose::Access) => "access",
        (Holder::Login(_), Purpose::Session { .. }) => "session",
        (Holder::Login(_), Purpose::Device) => "device",
    }
}

fn endpoint(scope: Scope) -> Endpoint {
    match scope {
        Scope::Read => Endpoint::Read,
        Scope::PublishNew => Endpoint::PublishNew,
        Scope::PublishUpdate => Endpoint::PublishUpdate,
        Scope::Yank => Endpoint::Yank,
        Scope::ChangeOwners => Endpoint::ChangeOwners,
        Scope::Admin => Endpoint::Admin,
    }
}

fn scopes_text(scopes: &Scopes) -> String {
    let endpoints = scopes.endpoints.iter().map(ToString::to_string);
    let crates = scopes.crates.iter().map(ToString::to_string);
    let registries = scopes.registries.iter().map(|registry| format!("registry:{registry}"));
    let words: Vec<String> = endpoints.chain(crates).chain(registries).collect();
    if words.is_empty() { "all".to_owned() } else { words.join(" ") }
}

fn token_json(token: &Token, used: Option<&TokenUse>) -> Value {
    json!({
        "id": token.id,
        "user": token.login(),
        "holder": token.holder.name(),
        "purpose": purpose(token),
        "name": token.label,
        "scopes": token.scopes.endpoints,
        "crates": token.scopes.crates,
        "registries": token.scopes.registries,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "last_used_at": used.map(|used| used.at),
        "last_used_from": used.and_then(|used| used.address),
    })
}
