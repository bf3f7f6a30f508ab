//! Who owns a crate. A crate never loses its last owner.

use crate::actor::Actor;
use crate::audit::Deed;
use crate::entity::{CrateHead, User};
use crate::error::{Error, Kind, Result};
use crate::holdfast::Holdfast;
use crate::rights::{Action, may_see, no_such_crate, require};
use crate::teams::is_present_team;
use holdfast_store::{Committed, Tx, read};
use holdfast_types::{CrateName, Endpoint, Principal, RegistryName};

impl Holdfast {
    /// The owners of a crate, for all who may read it.
    pub async fn owners(
        &self,
        actor: &Actor,
        registry: &RegistryName,
        name: &CrateName,
    ) -> Result<Vec<Principal>> {
        Ok(self.head_to_read(actor, registry, name).await?.owners)
    }

    /// Adds owners and says so in words. Who is one already is left as is.
    pub async fn add_owners(
        &self,
        actor: &Actor,
        registry: &RegistryName,
        name: &CrateName,
        added: &[Principal],
    ) -> Result<String> {
        let deed = Deed { action: "owner-add", registry: Some(registry), subject: name.as_str() };
        let result = self.try_add_owners(actor, deed, registry, name, added).await;
        self.logged(actor, deed, result).await
    }

    /// Removes owners and says so in words. Refused for one who is none, and when nobody would be left.
    pub async fn remove_owners(
        &self,
        actor: &Actor,
        registry: &RegistryName,
        name: &CrateName,
        removed: &[Principal],
    ) -> Result<String> {
        let deed = Deed { action: "owner-remove", registry: Some(registry), subject: name.as_str() };
        let result = self.try_remove_owners(actor, deed, registry, name, removed).await;
        self.logged(actor, deed, result).await
    }

    async fn try_add_owners(
        &self,
        actor: &Actor,
        deed: Deed<'_>,
        registry: &RegistryName,
        name: &CrateName,
        added: &[Principal],
    ) -> Result<String> {
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            let mut head =
                self.head_to_change(&mut tx, actor, registry, name, Endpoint::ChangeOwners).await?;
            require_some(added)?;
            if added.len() > CrateHead::MAX_OWNERS {
                return Err(too_many_owners());
            }
            let before = head.owners.len();
            for owner in added {
                require_present(&mut tx, owner).await?;
                if !head.owners.contains(owner) {
                    head.owners.push(owner.clone());
                }
            }
            if head.owners.len() > CrateHead::MAX_OWNERS {
                return Err(too_many_owners());
            }
            let words = list(added);
            if head.owners.len() == before {
                return Ok(format!("{words} may publish and manage `{}` already", head.name));
            }
            head.touch_if_restricted(self.outside.unix_millis());
            tx.put(&head).await?;
            self.record(&mut tx, actor, deed, Some(words.clone())).await?;
            if let Committed::Yes = self.commit_crate(tx, registry, &head.canonical()).await? {
                return Ok(format!("{words} may now publish and manage `{}`", head.name));
            }
        }
    }

    async fn try_remove_owners(
        &self,
        actor: &Actor,
        deed: Deed<'_>,
        registry: &RegistryName,
        name: &CrateName,
        removed: &[Principal],
    ) -> Result<String> {
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            let mut head =
                self.head_to_change(&mut tx, actor, registry, name, Endpoint::ChangeOwners).await?;
            require_some(removed)?;
            if let Some(stranger) = removed.iter().find(|owner| !head.owners.contains(owner)) {
                return Err(Error::invalid(format!("`{stranger}` is not an owner of `{}`", head.name)));
            }
            head.owners.retain(|owner| !removed.contains(owner));
            if head.owners.is_empty() {
                return Err(Error::conflict(format!(
                    "`{}` would have no owner left; add another one first with `cargo owner --add`",
                    head.name
                )));
            }
            let words = list(removed);
            head.touch_if_restricted(self.outside.unix_millis());
            tx.put(&head).await?;
            self.record(&mut tx, actor, deed, Some(words.clone())).await?;
            if let Committed::Yes = self.commit_crate(tx, registry, &head.canonical()).await? {
                return Ok(format!("{words} may no longer publish or manage `{}`", head.name));
            }
        }
    }

    /// Reads a crate's head for whoever may read the crate.
    pub(crate) async fn head_to_read(
        &self,
        actor: &Actor,
        registry: &RegistryName,
        name: &CrateName,
    ) -> Result<CrateHead> {
        let record = self.registry(registry).await?;
        let krate = name.canonical();
        require(actor, Action::Read(&record, &krate))?;
        let head = read::<CrateHead>(&*self.store, &CrateHead::key_of(registry, &krate)).await?;
        let seen = head.map(|(_, head)| head).filter(|head| may_see(actor, head.audience().as_ref()));
        seen.ok_or_else(|| no_such_crate(name.as_str()))
    }
}

/// Whether an owner is there and not disabled; until the commit, they stay so.
pub(crate) async fn is_active(tx: &mut Tx, owner: &Principal) -> Result<bool> {
    match owner {
        Principal::User(login) => {
            Ok(tx.get::<User>(&User::key_of(login)).await?.is_some_and(|user| user.is_active()))
        }
        Principal::Team(team) => is_present_team(tx, team).await,
    }
}

/// Makes sure, until the commit, that an owner to be exists and stays.
async fn require_present(tx: &mut Tx, owner: &Principal) -> Result<()> {
    if is_active(tx, owner).await? {
        return Ok(());
    }
    Err(Error::invalid(match owner {
        Principal::User(login) => format!("there is no active user `{login}`; teams are written `team:NAME`"),
        Principal::Team(team) => format!("there is no team `{team}`"),
    }))
}

fn require_some(owners: &[Principal]) -> Result<()> {
    if owners.is_empty() {
        return Err(Error::invalid(
            "there is no owner in the request; name one, like `alice` or `team:core`",
        ));
    }
    Ok(())
}

fn too_many_owners() -> Error {
    Error::new(
        Kind::TooMany,
        format!(
            "a crate has at most {} owners; put people into a team and add `team:NAME`",
            CrateHead::MAX_OWNERS
        ),
    )
}

fn list(owners: &[Principal]) -> String {
    owners.iter().map(|owner| format!("`{owner}`")).collect::<Vec<_>>().join(", ")
}
