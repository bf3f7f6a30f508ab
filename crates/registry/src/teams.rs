//! Teams of any size. Removing one goes as removing a user does: a mark, what refers to it, the team.

use crate::actor::Actor;
use crate::audit::Deed;
use crate::entity::{Membership, Team, User};
use crate::error::{Error, Kind, Result};
use crate::holdfast::Holdfast;
use crate::principals::{index_keys, parsed};
use crate::rights::{Action, require};
use crate::users::{MEMBERSHIPS_PER_COMMIT, present_user};
use holdfast_store::{Committed, Pages, Tx, read, scan_all};
use holdfast_types::{Login, Principal, TeamName};
use std::collections::BTreeSet;

impl Holdfast {
    /// Makes a team. For admins.
    pub async fn add_team(&self, actor: &Actor, name: &TeamName) -> Result<Team> {
        let deed = Deed { action: "team-add", registry: None, subject: name.as_str() };
        self.logged(actor, deed, self.try_add_team(actor, deed, name).await).await
    }

    /// All teams, by name. For everybody with an account.
    pub async fn list_teams(&self, actor: &Actor) -> Result<Vec<Team>> {
        require(actor, Action::Teams)?;
        let teams = scan_all::<Team>(&*self.store, Team::PART).await?;
        Ok(teams.into_iter().map(|(_, team)| team).collect())
    }

    /// Removes a team with its memberships and ownerships. For admins; never the last owner of a crate.
    pub async fn remove_team(&self, actor: &Actor, name: &TeamName) -> Result<()> {
        let deed = Deed { action: "team-remove", registry: None, subject: name.as_str() };
        self.logged(actor, deed, self.try_remove_team(actor, deed, name).await).await
    }

    /// Puts a user into a team; who is in it already stays. For admins.
    pub async fn add_member(&self, actor: &Actor, team: &TeamName, login: &Login) -> Result<()> {
        let deed = Deed { action: "team-member-add", registry: None, subject: team.as_str() };
        self.logged(actor, deed, self.try_add_member(actor, deed, team, login).await).await
    }

    /// Takes a user out of a team. For admins.
    pub async fn remove_member(&self, actor: &Actor, team: &TeamName, login: &Login) -> Result<()> {
        let deed = Deed { action: "team-member-remove", registry: None, subject: team.as_str() };
        self.logged(actor, deed, self.try_remove_member(actor, deed, team, login).await).await
    }

    /// Who is in a team. For everybody with an account.
    pub async fn list_members(&self, actor: &Actor, name: &TeamName) -> Result<Vec<Login>> {
        require(actor, Action::Teams)?;
        let team = read::<Team>(&*self.store, &Team::key_of(name)).await?;
        team.ok_or_else(|| no_such_team(name))?;
        let members = scan_all::<Membership>(&*self.store, &Membership::part(name)).await?;
        Ok(members.into_iter().map(|(_, member)| member.login).collect())
    }

    /// The teams that a user is in.
    pub(crate) async fn teams_of(&self, login: &Login) -> Result<BTreeSet<TeamName>> {
        let names = index_keys(&*self.store, Membership::teams_part(login)).await?;
        names.iter().map(|name| parsed(name)).collect()
    }

    async fn try_add_team(&self, actor: &Actor, deed: Deed<'_>, name: &TeamName) -> Result<Team> {
        require(actor, Action::Administer)?;
        let team = Team { name: name.clone(), created_at: self.outside.now(), leaving: false };
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            match tx.get::<Team>(&Team::key_of(name)).await? {
                Some(there) if there.leaving => return Err(is_leaving(name)),
                Some(_) => return Err(Error::conflict(format!("there is a team `{name}` already"))),
                None => tx.create(&team).await?,
            }
            self.record(&mut tx, actor, deed, None).await?;
            if let Committed::Yes = tx.commit().await? {
                return Ok(team);
            }
        }
    }

    async fn try_add_member(
        &self,
        actor: &Actor,
        deed: Deed<'_>,
        team: &TeamName,
        login: &Login,
    ) -> Result<()> {
        require(actor, Action::Administer)?;
        let membership = Membership { team: team.clone(), login: login.clone(), since: self.outside.now() };
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            present_team(&mut tx, team).await?;
            present_user(&mut tx, login).await?;
            if tx.get::<Membership>(&Membership::key_of(team, login)).await?.is_some() {
                return Ok(());
            }
            tx.create(&membership).await?;
            self.record(&mut tx, actor, deed, Some(format!("`{login}`"))).await?;
            if let Committed::Yes = self.commit_accounts(tx).await? {
                return Ok(());
            }
        }
    }

    async fn try_remove_member(
        &self,
        actor: &Actor,
        deed: Deed<'_>,
        team: &TeamName,
        login: &Login,
    ) -> Result<()> {
        require(actor, Action::Administer)?;
        let key = Membership::key_of(team, login);
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            if tx.get::<Membership>(&key).await?.is_none() {
                tx.get::<Team>(&Team::key_of(team)).await?.ok_or_else(|| no_such_team(team))?;
                return Err(Error::not_found(format!("`{login}` is not in the team `{team}`")));
            }
            tx.delete::<Membership>(&key).await?;
            self.record(&mut tx, actor, deed, Some(format!("`{login}`"))).await?;
            if let Committed::Yes = self.commit_accounts(tx).await? {
                return Ok(());
            }
        }
    }

    async fn try_remove_team(&self, actor: &Actor, deed: Deed<'_>, name: &TeamName) -> Result<()> {
        require(actor, Action::Administer)?;
        let owner = Principal::Team(name.clone());
        let cleared = self.clear_team(actor, deed, &owner, name).await;
        if let Err(error) = &cleared
            && error.kind() == Kind::Conflict
        {
            self.switch_leaving(actor, deed, name, Leaving::TakenBack).await?;
        }
        cleared?;
        self.delete_team(actor, deed, name).await
    }

    async fn switch_leaving(
        &self,
        actor: &Actor,
        deed: Deed<'_>,
        name: &TeamName,
        to: Leaving,
    ) -> Result<()> {
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            let team = tx.get::<Team>(&Team::key_of(name)).await?;
            let mut team = team.ok_or_else(|| no_such_team(name))?;
            let leaving = to == Leaving::Begun;
            if team.leaving == leaving {
                return Ok(());
            }
            team.leaving = leaving;
            tx.put(&team).await?;
            let words = if leaving { "begun" } else { "taken back" };
            self.record(&mut tx, actor, deed, Some(words.to_owned())).await?;
            if let Committed::Yes = tx.commit().await? {
                return Ok(());
            }
        }
    }

    /// Marks a team and takes from it what refers to it.
    async fn clear_team(
        &self,
        actor: &Actor,
        deed: Deed<'_>,
        owner: &Principal,
        name: &TeamName,
    ) -> Result<()> {
        // A team that must stay is refused before anything is done to it.
        self.require_other_owners(owner).await?;
        self.switch_leaving(actor, deed, name, Leaving::Begun).await?;
        // Since the mark nobody can make it an owner, so what is seen now is all.
        self.require_other_owners(owner).await?;
        self.disown(actor, owner).await?;
        self.take_roles(actor, owner).await?;
        self.take_sight(actor, name).await?;
        self.take_charges(actor, deed, name).await?;
        let mut pages = Pages::new(&*self.store, Membership::part(name));
        while let Some(members) = pages.next_entities::<Membership>().await? {
            let members: Vec<_> =
                members.into_iter().map(|(_, member)| (member.team, member.login)).collect();
            for memberships in members.chunks(MEMBERSHIPS_PER_COMMIT) {
                self.end_memberships(actor, deed, memberships).await?;
            }
        }
        Ok(())
    }

    /// Leaves the service accounts of a leaving team to the admins.
    async fn take_charges(&self, actor: &Actor, deed: Deed<'_>, name: &TeamName) -> Result<()> {
        for (_, user) in scan_all::<User>(&*self.store, User::PART).await? {
            if user.keeper.as_ref() == Some(name) {
                self.change_user(actor, deed, &user.login, user.login.as_str(), |user| user.keeper = None)
                    .await?;
            }
        }
        Ok(())
    }

    async fn delete_team(&self, actor: &Actor, deed: Deed<'_>, name: &TeamName) -> Result<()> {
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            match tx.get::<Team>(&Team::key_of(name)).await? {
                None => return Ok(()),
                Some(team) if !team.leaving => {
                    return Err(Error::conflict(format!(
                        "the removal of `team:{name}` was taken back by another request; try again"
                    )));
                }
                Some(_) => tx.delete::<Team>(&Team::key_of(name)).await?,
            }
            self.record(&mut tx, actor, deed, None).await?;
            if let Committed::Yes = tx.commit().await? {
                return Ok(());
            }
        }
    }
}

/// Where a removal stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaving {
    Begun,
    TakenBack,
}

/// Reads a team that is there to stay; until the commit, it does.
async fn present_team(tx: &mut Tx, name: &TeamName) -> Result<Team> {
    match tx.get::<Team>(&Team::key_of(name)).await? {
        Some(team) if team.leaving => Err(is_leaving(name)),
        Some(team) => Ok(team),
        None => Err(no_such_team(name)),
    }
}

/// Whether a team is there to stay; until the commit, it does.
pub(crate) async fn is_present_team(tx: &mut Tx, name: &TeamName) -> Result<bool> {
    Ok(tx.get::<Team>(&Team::key_of(name)).await?.is_some_and(|team| !team.leaving))
}

/// The same, or a refusal of whatever names the team.
pub(crate) async fn require_team(tx: &mut Tx, name: &TeamName) -> Result<()> {
    if is_present_team(tx, name).await? {
        return Ok(());
    }
    Err(Error::invalid(format!("there is no team `{name}`")))
}

fn is_leaving(name: &TeamName) -> Error {
    Error::conflict(format!(
        "the team `{name}` is being removed; finish that with `holdfast team remove {name}`"
    ))
}

fn no_such_team(name: &TeamName) -> Error {
    Error::not_found(format!("there is no team `{name}`"))
}
