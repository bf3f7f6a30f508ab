//! Who may see a crate at all, and who may do more in one registry than elsewhere.

use crate::actor::Actor;
use crate::audit::Deed;
use crate::entity::{CrateHead, RegistryRecord, Role, User};
use crate::error::{Error, Kind, Result};
use crate::holdfast::Holdfast;
use crate::principals::{index_keys, placed};
use crate::registries::{live, no_such_registry};
use crate::rights::{Action, may_see, no_such_crate, require};
use crate::teams::{is_present_team, require_team};
use holdfast_store::{Committed, Key, Tx, scan_all};
use holdfast_types::{CrateName, Principal, RegistryName, TeamName};
use std::collections::BTreeSet;

impl Holdfast {
    /// Hides a crate from all but its owners and some teams, or shows it again to everybody who reads the
    /// registry. For owners and maintainers.
    pub async fn restrict_crate(
        &self,
        actor: &Actor,
        registry: &RegistryName,
        name: &CrateName,
        to: Option<&BTreeSet<TeamName>>,
    ) -> Result<()> {
        let deed = Deed { action: "restrict", registry: Some(registry), subject: name.as_str() };
        self.logged(actor, deed, self.try_restrict(actor, deed, registry, name, to).await).await
    }

    /// Gives a user or a team a role in one registry, or takes it. For admins.
    pub async fn set_role(
        &self,
        actor: &Actor,
        registry: &RegistryName,
        principal: &Principal,
        role: Option<Role>,
    ) -> Result<RegistryRecord> {
        let deed = Deed { action: "role-set", registry: Some(registry), subject: registry.as_str() };
        self.logged(actor, deed, self.try_set_role(actor, deed, registry, principal, role).await).await
    }

    /// Reads a crate's head in order to say who may see or publish it, when the actor may.
    pub(crate) async fn head_to_guard(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        registry: &RegistryName,
        name: &CrateName,
    ) -> Result<CrateHead> {
        if actor.as_account().is_some_and(|account| account.bound.is_some()) {
            // One that was made to change owners has the scope that guarding needs.
            return Err(Error::new(Kind::Forbidden, "this token is for one act on one crate"));
        }
        let record = self.enter(actor, registry).await?;
        let head = tx.get::<CrateHead>(&CrateHead::key_of(registry, &name.canonical())).await?;
        let seen = head.filter(|head| may_see(actor, head.audience().as_ref()));
        // Whoever could not guard a crate that is theirs learns that, and not which crates there are.
        let own: Vec<Principal> = actor.login().cloned().map(Principal::User).into_iter().collect();
        let owners = seen.as_ref().map_or(own.as_slice(), |head| head.owners.as_slice());
        require(actor, Action::Guard(&record, name, owners))?;
        seen.ok_or_else(|| no_such_crate(name.as_str()))
    }

    async fn try_restrict(
        &self,
        actor: &Actor,
        deed: Deed<'_>,
        registry: &RegistryName,
        name: &CrateName,
        to: Option<&BTreeSet<TeamName>>,
    ) -> Result<()> {
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            let mut head = self.head_to_guard(&mut tx, actor, registry, name).await?;
            if head.restricted_to.as_ref() == to {
                return Ok(());
            }
            if to.is_some_and(|teams| teams.len() > CrateHead::MAX_TEAMS) {
                let most = CrateHead::MAX_TEAMS;
                return Err(Error::new(
                    Kind::TooMany,
                    format!("a crate is restricted to at most {most} teams"),
                ));
            }
            for team in to.into_iter().flatten() {
                require_team(&mut tx, team).await?;
            }
            if to.is_some()
                && let Some(record) = live(&mut tx, registry).await?
                && !record.hides
            {
                tx.put(&RegistryRecord { hides: true, ..record }).await?;
            }
            head.restricted_to = to.cloned();
            head.touch(self.outside.unix_millis());
            tx.put(&head).await?;
            self.record(&mut tx, actor, deed, Some(restriction(to))).await?;
            let committed = self.commit_crate(tx, registry, &head.canonical()).await;
            self.registry_cache.forget(registry);
            if let Committed::Yes = committed? {
                return Ok(());
            }
        }
    }

    async fn try_set_role(
        &self,
        actor: &Actor,
        deed: Deed<'_>,
        registry: &RegistryName,
        principal: &Principal,
        role: Option<Role>,
    ) -> Result<RegistryRecord> {
        require(actor, Action::Administer)?;
        if matches!(role, Some(Role::Admin | Role::Guest)) {
            return Err(Error::invalid("a role in a registry is reader, publisher or maintainer"));
        }
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            let record = live(&mut tx, registry).await?;
            let mut record = record.ok_or_else(|| no_such_registry(registry))?;
            match role {
                Some(role) => {
                    require_present(&mut tx, principal).await?;
                    record.roles.insert(principal.clone(), role);
                }
                None => {
                    record.roles.remove(principal).ok_or_else(|| {
                        Error::not_found(format!("`{principal}` has no role of its own in `{registry}`"))
                    })?;
                }
            }
            if record.roles.len() > RegistryRecord::MAX_ROLES {
                let most = RegistryRecord::MAX_ROLES;
                let detail = format!("a registry has at most {most} roles; give them to teams");
                return Err(Error::new(Kind::TooMany, detail));
            }
            tx.put(&record).await?;
            let words = format!("`{principal}`: {}", role.map_or("none", Role::as_str));
            self.record(&mut tx, actor, deed, Some(words)).await?;
            if let Committed::Yes = self.commit_registry(tx, registry).await? {
                return Ok(record);
            }
        }
    }

    /// Takes every role of a leaving principal, so that whoever gets the name next does not have it.
    pub(crate) async fn take_roles(&self, actor: &Actor, principal: &Principal) -> Result<()> {
        let records = scan_all::<RegistryRecord>(&*self.store, RegistryRecord::PART).await?;
        // A registry that was removed is made again without roles.
        let records = records.into_iter().map(|(_, record)| record).filter(|record| !record.removed);
        for record in records.filter(|record| record.roles.contains_key(principal)) {
            self.set_role(actor, &record.name, principal, None).await?;
        }
        Ok(())
    }

    /// Takes a leaving team from the crates that it may see; they stay hidden from the others.
    pub(crate) async fn take_sight(&self, actor: &Actor, team: &TeamName) -> Result<()> {
        for place in index_keys(&*self.store, CrateHead::visible_part(team)).await? {
            self.hide_from(actor, team, &placed(&place)?).await?;
        }
        Ok(())
    }

    async fn hide_from(&self, actor: &Actor, team: &TeamName, key: &Key) -> Result<()> {
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            let Some(mut head) = tx.get::<CrateHead>(key).await? else { return Ok(()) };
            if !head.restricted_to.as_mut().is_some_and(|teams| teams.remove(team)) {
                return Ok(());
            }
            head.touch(self.outside.unix_millis());
            tx.put(&head).await?;
            let deed =
                Deed { action: "restrict", registry: Some(&head.registry), subject: head.name.as_str() };
            self.record(&mut tx, actor, deed, Some(restriction(head.restricted_to.as_ref()))).await?;
            if let Committed::Yes = self.commit_crate(tx, &head.registry, &head.canonical()).await? {
                return Ok(());
            }
        }
    }
}

/// Makes sure, until the commit, that a principal is there to stay.
pub(crate) async fn require_present(tx: &mut Tx, principal: &Principal) -> Result<()> {
    let is_present = match principal {
        Principal::User(login) => {
            tx.get::<User>(&User::key_of(login)).await?.is_some_and(|user| !user.leaving)
        }
        Principal::Team(team) => is_present_team(tx, team).await?,
    };
    if is_present { Ok(()) } else { Err(Error::invalid(format!("there is no `{principal}`"))) }
}

fn restriction(to: Option<&BTreeSet<TeamName>>) -> String {
    match to {
        None => "visible to everybody who reads the registry".to_owned(),
        Some(teams) if teams.is_empty() => "visible to its owners".to_owned(),
        Some(teams) => {
            let teams: Vec<String> = teams.iter().map(|team| format!("`team:{team}`")).collect();
            format!("visible to its owners and {}", teams.join(", "))
        }
    }
}
