//! One's own account: tokens, keys, sessions, devices, the password.

use super::agent;
use super::layout::{Page, Refusal, go, notice};
use super::sign_in::sign_in_first;
use crate::error::Result;
use crate::extract::{Caller, Form, Origin, Path, own_login};
use crate::web::Shared;
use axum::extract::State;
use axum::response::Response;
use holdfast_registry::entity::{Purpose, SigningKey, Token, TokenUse};
use holdfast_registry::{Actor, Error, NewToken};
use holdfast_types::{CratePattern, Endpoint, Login, RegistryName, Scopes, Timestamp};
use maud::{Markup, html};
use std::collections::BTreeSet;
use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

/// `GET /account`
pub(crate) async fn show(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    origin: Origin,
) -> Result<Response> {
    let Some(login) = actor.login().cloned() else { return Ok(sign_in_first(&origin, "/account")) };
    account(&shared, &actor, &login, &origin, None).await
}

/// `POST /account/tokens`
pub(crate) async fn create_token(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    origin: Origin,
    fields: Form,
) -> Result<Response> {
    let login = own_login(&actor)?;
    // Before the token is made: nobody could show it once more if this failed after it.
    let registries = registries(&shared, &actor).await?;
    let made = match new_token(&fields, login.clone()) {
        Ok(new) => shared.holdfast.create_token(&actor, new).await,
        Err(error) => Err(error),
    };
    match made {
        Ok((token, secret)) => {
            let page = Page { origin: &origin, actor: &actor, title: "Your new token" };
            Ok(page.show(&new_secret(&origin, &token, secret.reveal(), &registries)))
        }
        Err(error) => account(&shared, &actor, &login, &origin, Some(&Refusal::of(error)?)).await,
    }
}

/// `POST /account/tokens/{id}/revoke`
pub(crate) async fn revoke_token(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    origin: Origin,
    path: Path,
) -> Result<Response> {
    shared.holdfast.revoke_token(&actor, &path.get("id")?).await?;
    Ok(go(&origin, "/account", None))
}

/// `POST /account/keys/{id}/revoke`
pub(crate) async fn revoke_key(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    origin: Origin,
    path: Path,
) -> Result<Response> {
    shared.holdfast.revoke_key(&actor, &path.get("id")?).await?;
    Ok(go(&origin, "/account", None))
}

/// `POST /account/password`
pub(crate) async fn change_password(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    origin: Origin,
    fields: Form,
) -> Result<Response> {
    let login = own_login(&actor)?;
    let changed = match (fields.text("old").parse(), fields.text("new").parse()) {
        (Ok(_), Ok(_)) if fields.text("new") != fields.text("again") => {
            Err(Error::invalid("the two new passwords differ"))
        }
        (Ok(old), Ok(new)) => shared.holdfast.change_password(&actor, &login, old, new).await,
        (Err(error), _) | (_, Err(error)) => Err(Error::invalid(error)),
    };
    match changed {
        Ok(()) => Ok(go(&origin, "/account", None)),
        Err(error) => account(&shared, &actor, &login, &origin, Some(&Refusal::of(error)?)).await,
    }
}

async fn account(
    shared: &Shared,
    actor: &Actor,
    login: &Login,
    origin: &Origin,
    refusal: Option<&Refusal>,
) -> Result<Response> {
    let tokens = shared.holdfast.list_tokens(actor, Some(login)).await?;
    let keys = shared.holdfast.list_keys(actor, Some(login)).await?;
    let names = registries(shared, actor).await?;
    let now = shared.holdfast.outside().now();
    let page = Page { origin, actor, title: "Your account" };
    let root = origin.root();
    let content = html! {
        @for (token, _) in tokens.iter().filter(|(token, _)| ends_soon(token, now)) {
            (notice(&format!("The token “{}” ends on {}.", token.label, day(token.expires_at))))
        }
        (token_table(root, &tokens))
        (token_form(root, &names))
        (key_table(root, &keys))
        (session_table(root, actor, &tokens))
        (password_form(root))
    };
    Ok(page.after(refusal, &content))
}

/// The registries that somebody may use, by name.
async fn registries(shared: &Shared, actor: &Actor) -> Result<Vec<RegistryName>> {
    let registries = shared.holdfast.list_registries(actor).await?;
    Ok(registries.into_iter().map(|registry| registry.name).collect())
}

fn token_table(root: &str, tokens: &[(Token, Option<TokenUse>)]) -> Markup {
    let own = |(token, _): &&(Token, Option<TokenUse>)| token.is_made_by_hand();
    html! {
        section {
            h2 { "Tokens" }
            @if !tokens.iter().any(|token| own(&token)) {
                p { "You have no tokens." }
            } @else {
                table {
                    thead { tr { th { "For" } th { "May" } th { "Until" } th { "Last used" } th {} } }
                    tbody {
                        @for (token, last) in tokens.iter().filter(own) {
                            tr {
                                td { (token.label) }
                                td { (summary(&token.scopes)) }
                                td { (day(token.expires_at)) }
                                td { (used(last.as_ref())) }
                                td { (revoke(root, "tokens", token.id.as_str())) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Most people have none, and read nothing about them.
fn key_table(root: &str, keys: &[SigningKey]) -> Markup {
    html! {
        @if !keys.is_empty() {
            section {
                h2 { "Keys that sign for you" }
                table {
                    thead { tr { th { "Key" } th { "Since" } th {} } }
                    tbody {
                        @for key in keys {
                            tr {
                                td { code { (key.key.id().as_str()) } }
                                td { (day(Some(key.created_at))) }
                                td { (revoke(root, "keys", key.key.id().as_str())) }
                            }
                        }
                    }
                }
            }
        }
    }
}

fn token_form(root: &str, registries: &[RegistryName]) -> Markup {
    html! {
        section {
            h2 { "New token" }
            form.fields method="post" action={ (root) "/account/tokens" } {
                label { "What it is for" input name="label" required maxlength="100" placeholder="laptop"; }
                fieldset {
                    legend { "What it may do; nothing ticked means all that you may" }
                    @for endpoint in Endpoint::ALL {
                        label.box { input type="checkbox" name={ "scope:" (endpoint) }; (endpoint) }
                    }
                }
                @if registries.len() > 1 {
                    fieldset {
                        legend { "Where; nothing ticked means everywhere" }
                        @for registry in registries {
                            label.box { input type="checkbox" name={ "registry:" (registry) }; (registry) }
                        }
                    }
                }
                label {
                    "Crates, separated by spaces; empty means all"
                    input name="crates" placeholder="acme-*";
                }
                label {
                    "For how long"
                    select name="days" {
                        option value="30" { "30 days" }
                        option value="90" selected { "90 days" }
                        option value="365" { "a year" }
                        option value="" { "as long as the server lets it" }
                    }
                }
                button { "Make a token" }
            }
        }
    }
}

fn session_table(root: &str, actor: &Actor, tokens: &[(Token, Option<TokenUse>)]) -> Markup {
    let current = actor.as_account().map(|account| &account.token);
    html! {
        section {
            h2 { "Where you are signed in" }
            table {
                thead { tr { th { "What" } th { "Since" } th { "Last used" } th {} } }
                tbody {
                    @for (token, last) in tokens.iter().filter(|(token, _)| token.purpose != Purpose::Access) {
                        tr {
                            td {
                                @match &token.purpose {
                                    Purpose::Session { agent, via } => { span title=(agent) { (agent::short(agent)) } " (" (via) ")" }
                                    Purpose::Device | Purpose::Access => { "cargo on " (token.label) }
                                }
                            }
                            td { (day(Some(token.created_at))) }
                            td { @if current == Some(&token.id) { "now" } @else { (used(last.as_ref())) } }
                            td { @if current == Some(&token.id) { "this browser" } @else { (revoke(root, "tokens", token.id.as_str())) } }
                        }
                    }
                }
            }
        }
    }
}

fn password_form(root: &str) -> Markup {
    html! {
        section {
            h2 { "Password" }
            p { "Changing it signs you out everywhere else. Tokens stay." }
            form.fields method="post" action={ (root) "/account/password" } {
                label { "Password so far" input name="old" type="password" autocomplete="current-password" required; }
                label { "New password" input name="new" type="password" autocomplete="new-password" required; }
                label { "The same again" input name="again" type="password" autocomplete="new-password" required; }
                button { "Change the password" }
            }
        }
    }
}

fn new_secret(origin: &Origin, token: &Token, secret: &str, registries: &[RegistryName]) -> Markup {
    let within = &token.scopes.registries;
    let usable = || registries.iter().filter(|name| within.is_empty() || within.contains(*name));
    let first = usable().find(|name| name.as_str() == "main").or_else(|| usable().next());
    let others: Vec<&str> = usable().filter(|name| Some(*name) != first).map(RegistryName::as_str).collect();
    html! {
        p { "Copy it now: it is shown this once, and nobody can show it again." }
        pre { code { (secret) } }
        @if let Some(first) = first {
            p { "Give it to cargo with" }
            pre { code { "cargo login --registry " (first) } }
        } @else {
            p { "There is no registry yet that it may be used for." }
        }
        @if !others.is_empty() {
            p { "It works for these too: " (others.join(", ")) "." }
        }
        p { "It may: " (summary(&token.scopes)) ". It ends: " (day(token.expires_at)) "." }
        p { a href={ (origin.root()) "/account" } { "Back to your account" } }
    }
}

fn revoke(root: &str, kind: &str, id: &str) -> Markup {
    html! {
        form method="post" action={ (root) "/account/" (kind) "/" (id) "/revoke" } {
            button.plain { "End" }
        }
    }
}

fn new_token(fields: &Form, login: Login) -> Result<NewToken, Error> {
    let days = fields.optional("days").map(str::parse::<u64>).transpose().map_err(Error::invalid)?;
    Ok(NewToken {
        login,
        label: fields.text("label").trim().to_owned(),
        scopes: Scopes {
            endpoints: all::<Endpoint>(fields.ticked("scope:"))?,
            crates: all::<CratePattern>(fields.text("crates").split_whitespace())?,
            registries: all::<RegistryName>(fields.ticked("registry:"))?,
        },
        expires_in: days.map(|days| Duration::from_secs(days.saturating_mul(86_400))),
    })
}

fn all<'a, T: FromStr<Err: Display> + Ord>(
    texts: impl Iterator<Item = &'a str>,
) -> Result<BTreeSet<T>, Error> {
    texts.map(|text| text.parse().map_err(Error::invalid)).collect()
}

fn ends_soon(token: &Token, now: Timestamp) -> bool {
    token.is_made_by_hand()
        && token.expires_at.is_some_and(|end| now < end && end <= now.plus(Token::ENDS_SOON))
}

fn summary(scopes: &Scopes) -> String {
    let list = |words: Vec<&str>, all: &str| if words.is_empty() { all.to_owned() } else { words.join(", ") };
    let endpoints = list(scopes.endpoints.iter().map(|e| e.as_str()).collect(), "everything");
    let crates = list(scopes.crates.iter().map(CratePattern::as_str).collect(), "");
    let registries = list(scopes.registries.iter().map(RegistryName::as_str).collect(), "");
    let on = if crates.is_empty() { String::new() } else { format!(" on {crates}") };
    let within = if registries.is_empty() { String::new() } else { format!(" in {registries}") };
    format!("{endpoints}{on}{within}")
}

fn day(moment: Option<Timestamp>) -> String {
    moment.map_or_else(|| "revoked".to_owned(), |moment| moment.day().to_string())
}

fn used(last: Option<&TokenUse>) -> String {
    last.map_or_else(
        || "never".to_owned(),
        |last| match last.address {
            Some(address) => format!("{} from {address}", last.at.day()),
            None => last.at.day().to_string(),
        },
    )
}
