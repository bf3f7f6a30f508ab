//! Who may do what: the one place that decides. A right is the intersection of what the user's role and
//! ownership give and what the token's scopes leave of it.

use crate::actor::{Account, Actor, Who};
use crate::entity::{RegistryRecord, Role};
use crate::error::{Error, Kind, Result};
use holdfast_types::{CanonicalName, CrateName, Endpoint, Login, Principal};

/// What somebody wants to do, with all that the decision needs.
#[derive(Clone, Copy, Debug)]
pub enum Action<'a> {
    /// Read a registry at all: its `config.json`, which every command of cargo asks for.
    Enter(&'a RegistryRecord),
    /// Search and list.
    Browse(&'a RegistryRecord),
    /// Read one crate: index file, download, pages.
    Read(&'a RegistryRecord, &'a CanonicalName),
    /// Send a publish at all; asked before the body is read.
    Upload(&'a RegistryRecord),
    /// Publish the first version of a crate.
    PublishNew(&'a RegistryRecord, &'a CanonicalName),
    /// Change a crate that is there: the endpoint says how.
    Change(&'a RegistryRecord, &'a CrateName, &'a [Principal], Endpoint),
    /// See or change one's own tokens.
    OwnAccount(&'a Login),
    /// Users, teams, registries, deletion, the audit log.
    Administer,
}

/// Decides. The error says what is missing.
pub fn require(actor: &Actor, action: Action<'_>) -> Result<()> {
    match actor.who() {
        Who::Operator => Ok(()),
        Who::Anonymous => require_anonymous(action),
        Who::Account(account) => {
            require_scope(account, action)?;
            require_role(actor, account, action)
        }
    }
}

/// Whether an account may read everything that its user may, or only what its crate patterns cover: cargo
/// must read a crate's dependencies to publish it, so only a token that cannot publish is held to them.
pub fn reads_are_limited(account: &Account) -> bool {
    !account.scopes.allow(Endpoint::PublishNew) && !account.scopes.allow(Endpoint::PublishUpdate)
}

/// The account of an actor whose reading its crate patterns limit.
pub fn limited_reader(actor: &Actor) -> Option<&Account> {
    actor.as_account().filter(|account| reads_are_limited(account))
}

fn require_anonymous(action: Action<'_>) -> Result<()> {
    match action {
        Action::Enter(registry) | Action::Browse(registry) | Action::Read(registry, _)
            if registry.anonymous_read =>
        {
            Ok(())
        }
        _ => Err(unauthenticated()),
    }
}

/// The error of whoever needs to say who they are.
pub fn unauthenticated() -> Error {
    Error::new(
        Kind::Unauthenticated,
        "this needs a token: run `cargo login --registry NAME`, or set CARGO_REGISTRIES_NAME_TOKEN",
    )
}

fn require_scope(account: &Account, action: Action<'_>) -> Result<()> {
    let scopes = &account.scopes;
    let (endpoint, registry, krate) = match action {
        Action::Enter(registry) => (None, Some(registry), None),
        Action::Browse(registry) => (Some(Endpoint::Read), Some(registry), None),
        Action::Read(registry, krate) => {
            let krate = reads_are_limited(account).then(|| krate.clone());
            (Some(Endpoint::Read), Some(registry), krate)
        }
        Action::Upload(registry) => {
            let update = scopes.allow(Endpoint::PublishUpdate);
            let endpoint = if update { Endpoint::PublishUpdate } else { Endpoint::PublishNew };
            (Some(endpoint), Some(registry), None)
        }
        Action::PublishNew(registry, krate) => {
            (Some(Endpoint::PublishNew), Some(registry), Some(krate.clone()))
        }
        Action::Change(registry, krate, _, endpoint) => {
            (Some(endpoint), Some(registry), Some(krate.canonical()))
        }
        Action::OwnAccount(_) | Action::Administer => (Some(Endpoint::Admin), None, None),
    };
    if let Some(endpoint) = endpoint.filter(|endpoint| !scopes.allow(*endpoint)) {
        return Err(forbidden(format!(
            "the token `{}` has not the scope `{endpoint}`; make one that has with `holdfast token create --scope {endpoint}`",
            account.label
        )));
    }
    if concerns_others(account, action) && !(scopes.crates.is_empty() && scopes.registries.is_empty()) {
        return Err(forbidden(format!(
            "the token `{}` is only for some crates or registries, and this concerns the whole server; use a token without `--crate` and `--registry`",
            account.label
        )));
    }
    if let Some(registry) = registry.filter(|registry| !scopes.cover_registry(&registry.name)) {
        return Err(forbidden(format!(
            "the token `{}` is not for the registry `{}`",
            account.label, registry.name
        )));
    }
    match krate.filter(|krate| !scopes.cover_crate(krate)) {
        None => Ok(()),
        // A crate that a reader may not see is not there.
        Some(krate) if endpoint == Some(Endpoint::Read) => Err(no_such_crate(krate.as_str())),
        Some(krate) => {
            Err(forbidden(format!("the token `{}` is not for the crate `{krate}`", account.label)))
        }
    }
}

/// Whether an action is about more than one registry and the account itself.
fn concerns_others(account: &Account, action: Action<'_>) -> bool {
    match action {
        Action::Administer => true,
        Action::OwnAccount(login) => *login != account.login,
        Action::Enter(_)
        | Action::Browse(_)
        | Action::Read(..)
        | Action::Upload(_)
        | Action::PublishNew(..)
        | Action::Change(..) => false,
    }
}

fn require_role(actor: &Actor, account: &Account, action: Action<'_>) -> Result<()> {
    let at_least = |role: Role| {
        if account.role >= role {
            return Ok(());
        }
        Err(forbidden(format!(
            "`{}` is a {}; this needs the role {}, which an admin can give",
            account.login,
            account.role.as_str(),
            role.as_str()
        )))
    };
    match action {
        Action::Enter(_) | Action::Browse(_) | Action::Read(..) => Ok(()),
        Action::Upload(_) | Action::PublishNew(..) => at_least(Role::Publisher),
        Action::Change(_, krate, owners, _) => {
            at_least(Role::Publisher)?;
            if account.role == Role::Admin || actor.is_among(owners) {
                return Ok(());
            }
            Err(forbidden(format!(
                "`{}` does not own the crate `{krate}`; an owner can add you with `cargo owner --add {} {krate}`",
                account.login, account.login
            )))
        }
        Action::OwnAccount(login) if *login == account.login => Ok(()),
        Action::OwnAccount(_) | Action::Administer => at_least(Role::Admin),
    }
}

fn forbidden(detail: String) -> Error {
    Error::new(Kind::Forbidden, detail)
}

/// The answer for a crate that is not there, and for one that may not be seen.
pub fn no_such_crate(krate: &str) -> Error {
    Error::not_found(format!("there is no crate `{krate}` here"))
}
