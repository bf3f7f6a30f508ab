//! Who may do what: the one place that decides. A right is the intersection of what the user's role and
//! ownership give and what the token's scopes leave of it.

use crate::actor::{Account, Actor, Who};
use crate::entity::{Audience, RegistryRecord, Role};
use crate::error::{Error, Kind, Result};
use holdfast_types::{CanonicalName, CrateName, Endpoint, Login, Principal, Sha256, TeamName, Version};

/// What somebody wants to do, with all that the decision needs.
#[derive(Clone, Copy, Debug)]
pub enum Action<'a> {
    /// Read a registry at all: its `config.json`, which every command of cargo asks for.
    Enter(&'a RegistryRecord),
    /// Search and list.
    Browse(&'a RegistryRecord),
    /// Read one crate: index file, download, pages. Whether it is there and whether it may be seen is asked
    /// later, by [`may_see`].
    Read(&'a RegistryRecord, &'a CanonicalName),
    /// Send a publish at all; asked before the body is read.
    Upload(&'a RegistryRecord),
    /// Publish the first version of a crate.
    PublishNew(&'a RegistryRecord, &'a CanonicalName),
    /// Change a crate that is there: the endpoint says how.
    Change(&'a RegistryRecord, &'a CrateName, &'a [Principal], Endpoint),
    /// Say who may see a crate, and which CI jobs may publish it.
    Guard(&'a RegistryRecord, &'a CrateName, &'a [Principal]),
    /// See or change one's own tokens.
    OwnAccount(&'a Login),
    /// See or change the tokens of a service account that a team looks after.
    KeptAccount(&'a TeamName),
    /// See which teams there are and who is in them: no secret among those who have an account.
    Teams,
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
            require_role(account, action)
        }
    }
}

/// Whether somebody may see a crate at all, given who may. Whoever may not is told that there is none.
pub fn may_see(actor: &Actor, audience: Option<&Audience>) -> bool {
    let Some(Audience { registry, krate, principals }) = audience else { return true };
    match actor.who() {
        Who::Operator => true,
        Who::Anonymous => false,
        Who::Account(account) => {
            account.role == Role::Admin
                || account.job().is_some_and(|job| job.may_publish(registry, krate))
                || principals.iter().any(|principal| account.is(principal))
        }
    }
}

/// Refuses what a secret for one act was not made for. Its operation, crate and registry are in its scopes.
pub fn require_bound(actor: &Actor, version: &Version, sha256: Option<&Sha256>) -> Result<()> {
    let Some(bound) = actor.as_account().and_then(|account| account.bound.as_ref()) else { return Ok(()) };
    if bound.version.as_ref().is_some_and(|announced| announced != version) {
        return Err(forbidden(format!(
            "the token was made for version `{}`, not for `{version}`",
            bound.version.as_ref().map(ToString::to_string).unwrap_or_default()
        )));
    }
    match (&bound.sha256, sha256) {
        (Some(announced), Some(sent)) if announced != sent => Err(forbidden(format!(
            "the token was made for a file with the SHA-256 `{announced}`, but the file that came has `{sent}`"
        ))),
        _ => Ok(()),
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
        Action::Guard(registry, krate, _) => {
            (Some(Endpoint::ChangeOwners), Some(registry), Some(krate.canonical()))
        }
        Action::Teams => {
            let endpoint = if scopes.allow(Endpoint::Admin) { Endpoint::Admin } else { Endpoint::Read };
            (Some(endpoint), None, None)
        }
        Action::OwnAccount(_) | Action::KeptAccount(_) | Action::Administer => {
            (Some(Endpoint::Admin), None, None)
        }
    };
    if let Some(endpoint) = endpoint.filter(|endpoint| !scopes.allow(*endpoint)) {
        return Err(forbidden(format!(
            "the token `{}` has not the scope `{endpoint}`; make one that has with `holdfast token create --scope {endpoint}`",
            account.label
        )));
    }
    if account.bound.is_some()
        && matches!(
            action,
            Action::OwnAccount(_) | Action::KeptAccount(_) | Action::Teams | Action::Administer
        )
    {
        return Err(forbidden("this token is for one act on one crate".to_owned()));
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
        Action::KeptAccount(_) | Action::Teams | Action::Administer => true,
        Action::OwnAccount(login) => account.login() != Some(login),
        Action::Enter(_)
        | Action::Browse(_)
        | Action::Read(..)
        | Action::Upload(_)
        | Action::PublishNew(..)
        | Action::Change(..)
        | Action::Guard(..) => false,
    }
}

fn require_role(account: &Account, action: Action<'_>) -> Result<()> {
    match action {
        Action::Enter(registry) | Action::Browse(registry) | Action::Read(registry, _) => {
            if registry.anonymous_read {
                return Ok(());
            }
            at_least(account, account.role_in(registry), Role::Reader)
        }
        Action::Upload(registry) | Action::PublishNew(registry, _) if account.job().is_none() => {
            at_least(account, account.role_in(registry), Role::Publisher)
        }
        Action::Teams if account.job().is_some() => {
            Err(forbidden("a CI job has no account, and teams are shown to accounts only".to_owned()))
        }
        Action::Upload(_) | Action::Teams => Ok(()),
        Action::PublishNew(_, krate) => Err(forbidden(format!(
            "there is no crate `{krate}` yet, and a CI job publishes only crates that trust it; publish the first version as its owner"
        ))),
        Action::Guard(..) if account.job().is_some() => {
            Err(forbidden("a CI job publishes, and decides about nobody".to_owned()))
        }
        Action::Change(registry, krate, owners, _) | Action::Guard(registry, krate, owners) => {
            require_ownership(account, registry, krate, owners)
        }
        Action::OwnAccount(login) if account.login() == Some(login) => Ok(()),
        Action::KeptAccount(team) if account.teams.contains(team) => Ok(()),
        Action::OwnAccount(_) | Action::KeptAccount(_) | Action::Administer => {
            at_least(account, account.role, Role::Admin)
        }
    }
}

fn require_ownership(
    account: &Account,
    registry: &RegistryRecord,
    krate: &CrateName,
    owners: &[Principal],
) -> Result<()> {
    let name = account.name();
    if let Some(job) = account.job() {
        if job.may_publish(&registry.name, krate) {
            return Ok(());
        }
        return Err(forbidden(format!("the crate `{krate}` does not trust the job `{name}`")));
    }
    let role = account.role_in(registry);
    at_least(account, role, Role::Publisher)?;
    if role >= Role::Maintainer || owners.iter().any(|owner| account.is(owner)) {
        return Ok(());
    }
    Err(forbidden(format!(
        "`{name}` does not own the crate `{krate}`; an owner can add you with `cargo owner --add {name} {krate}`"
    )))
}

fn at_least(account: &Account, has: Role, needed: Role) -> Result<()> {
    if has >= needed {
        return Ok(());
    }
    Err(forbidden(format!(
        "`{}` is a {}; this needs the role {}, which an admin can give",
        account.name(),
        has.as_str(),
        needed.as_str()
    )))
}

fn forbidden(detail: String) -> Error {
    Error::new(Kind::Forbidden, detail)
}

/// The answer for a crate that is not there, and for one that may not be seen.
pub fn no_such_crate(krate: &str) -> Error {
    Error::not_found(format!("there is no crate `{krate}` here"))
}
