//! What names whom: every user, team or secret that an entity names must be there.

use super::{Check, readable};
use crate::entity::{
    CrateHead, Identity, Membership, PasswordRecord, Purpose, RegistryRecord, SigningKey, Team, Token, User,
};
use crate::error::Result;
use crate::principals::READ_CHUNK;
use holdfast_store::{Entity, Key, Pages};
use holdfast_types::{Login, Principal, TeamName, TokenId};
use std::collections::BTreeSet;

/// An entity that names others.
pub(super) trait Names: Entity {
    /// The keys of those that must be there.
    fn names(&self) -> Vec<Key>;

    /// What is wrong when some of these are missing, and what to do.
    fn without(&self, missing: &Missing) -> Vec<String>;
}

/// Those of the named that are not there.
pub(super) struct Missing(BTreeSet<Key>);

impl Missing {
    fn has(&self, key: &Key) -> bool {
        self.0.contains(key)
    }

    fn has_user(&self, login: &Login) -> bool {
        self.has(&User::key_of(login))
    }

    fn has_team(&self, team: &TeamName) -> bool {
        self.has(&Team::key_of(team))
    }

    /// What is wrong with something that lets its holder in and may end with what it was made from.
    fn of_secret(&self, holder: Option<&Login>, parent: Option<&TokenId>) -> Option<String> {
        let holder = holder.filter(|login| self.has_user(login));
        let parent = parent.filter(|parent| self.has(&Token::key_of(parent)));
        match (holder, parent) {
            (Some(login), _) => Some(format!("belongs to {}", no_user(login))),
            (None, Some(parent)) => Some(format!("was made from `{parent}`, which does not exist")),
            (None, None) => None,
        }
    }
}

impl Check<'_> {
    /// Finds what the entities of a partition name and what is missing.
    pub(super) async fn references<E: Names>(&mut self, part: &str) -> Result<()> {
        let mut pages = Pages::new(self.store, part);
        while let Some(entities) = readable::<E>(&mut pages).await? {
            self.name_missing(&entities).await?;
        }
        Ok(())
    }

    /// The same for entities that were read.
    pub(super) async fn name_missing<E: Names>(&mut self, entities: &[E]) -> Result<()> {
        let missing = self.missing(entities.iter().flat_map(E::names).collect()).await?;
        let broken = entities.iter().filter(|entity| entity.names().iter().any(|key| missing.has(key)));
        self.findings.problems.extend(broken.flat_map(|entity| entity.without(&missing)));
        Ok(())
    }

    async fn missing(&mut self, named: BTreeSet<Key>) -> Result<Missing> {
        let named: Vec<Key> = named.into_iter().collect();
        let mut missing = BTreeSet::new();
        for keys in named.chunks(READ_CHUNK) {
            let found = self.store.get_many(keys).await?;
            missing
                .extend(keys.iter().zip(found).filter(|(_, doc)| doc.is_none()).map(|(key, _)| key.clone()));
        }
        self.principals.extend(missing.iter().filter_map(principal_of));
        Ok(Missing(missing))
    }
}

fn key_of(principal: &Principal) -> Key {
    match principal {
        Principal::User(login) => User::key_of(login),
        Principal::Team(team) => Team::key_of(team),
    }
}

fn principal_of(key: &Key) -> Option<Principal> {
    match &*key.part {
        User::PART => key.sort.parse().ok().map(Principal::User),
        Team::PART => key.sort.parse().ok().map(Principal::Team),
        _ => None,
    }
}

fn no_user(login: &Login) -> String {
    format!("`{login}`, who does not exist")
}

fn no_team(team: &TeamName) -> String {
    format!("`team:{team}`, which does not exist")
}

fn nobody(principal: &Principal) -> String {
    match principal {
        Principal::User(login) => no_user(login),
        Principal::Team(team) => no_team(team),
    }
}

impl Names for RegistryRecord {
    fn names(&self) -> Vec<Key> {
        // Who leaves keeps the roles in a registry that was removed, which is made again without them.
        if self.removed { Vec::new() } else { self.roles.keys().map(key_of).collect() }
    }

    fn without(&self, missing: &Missing) -> Vec<String> {
        let name = &self.name;
        let ghosts = self.roles.keys().filter(|principal| missing.has(&key_of(principal)));
        let take = |ghost| {
            let nobody = nobody(ghost);
            format!(
                "the registry `{name}` gives a role to {nobody}; take it with `holdfast registry role {name} {ghost} none`"
            )
        };
        ghosts.map(take).collect()
    }
}

impl Names for CrateHead {
    fn names(&self) -> Vec<Key> {
        let teams = self.restricted_to.iter().flatten().map(Team::key_of);
        self.owners.iter().map(key_of).chain(teams).collect()
    }

    fn without(&self, missing: &Missing) -> Vec<String> {
        let (registry, name) = (&self.registry, &self.name);
        let is_orphan = self.owners.iter().all(|owner| missing.has(&key_of(owner)));
        // It must have another owner first.
        let add = if is_orphan {
            format!("add another owner with `holdfast crate owner add {registry} {name} NAME`, then ")
        } else {
            String::new()
        };
        let owners = self.owners.iter().filter(|owner| missing.has(&key_of(owner))).map(|ghost| {
            let nobody = nobody(ghost);
            format!(
                "`{name}` is owned by {nobody}; {add}end that with `holdfast crate owner remove {registry} {name} {ghost}`"
            )
        });
        let teams = self.restricted_to.iter().flatten();
        let kept = teams.clone().filter(|team| !missing.has_team(team));
        let kept = kept.map(|team| format!(" --team {team}")).collect::<Vec<_>>().concat();
        let viewers = teams.filter(|team| missing.has_team(team)).map(|ghost| {
            let nothing = no_team(ghost);
            format!(
                "`{name}` is visible to {nothing}; end that with `holdfast crate restrict {registry} {name}{kept}`"
            )
        });
        owners.chain(viewers).collect()
    }
}

impl Names for User {
    fn names(&self) -> Vec<Key> {
        self.keeper.iter().map(Team::key_of).collect()
    }

    fn without(&self, missing: &Missing) -> Vec<String> {
        let login = &self.login;
        let ghosts = self.keeper.iter().filter(|team| missing.has_team(team));
        let release = |ghost| {
            let nothing = no_team(ghost);
            format!(
                "`{login}` is looked after by {nothing}; make that team and remove it, with `holdfast team add {ghost}` and `holdfast team remove {ghost}`"
            )
        };
        ghosts.map(release).collect()
    }
}

impl Names for Membership {
    fn names(&self) -> Vec<Key> {
        vec![Team::key_of(&self.team), User::key_of(&self.login)]
    }

    fn without(&self, missing: &Missing) -> Vec<String> {
        let Membership { team, login, .. } = self;
        let wrong = if missing.has_team(team) {
            format!("`{login}` is a member of {}", no_team(team))
        } else if missing.has_user(login) {
            format!("`team:{team}` has the member {}", no_user(login))
        } else {
            return Vec::new();
        };
        vec![format!("{wrong}; end that with `holdfast team member remove {team} {login}`")]
    }
}

impl Names for Token {
    fn names(&self) -> Vec<Key> {
        // What was made from another secret does not work without it, and is cleared away at its own end.
        if self.parent.is_some() && self.expires_at.is_some() {
            return Vec::new();
        }
        let holder = self.login().map(User::key_of);
        holder.into_iter().chain(self.parent.as_ref().map(Token::key_of)).collect()
    }

    fn without(&self, missing: &Missing) -> Vec<String> {
        let id = &self.id;
        let what = match self.purpose {
            Purpose::Access => "token",
            Purpose::Session { .. } => "session",
            Purpose::Device => "device",
        };
        let wrong = missing.of_secret(self.login(), self.parent.as_ref());
        let revoke =
            |wrong| format!("the {what} `{id}` {wrong}; revoke it with `holdfast token revoke {id}`");
        wrong.map(revoke).into_iter().collect()
    }
}

impl Names for PasswordRecord {
    fn names(&self) -> Vec<Key> {
        vec![User::key_of(&self.login)]
    }

    fn without(&self, missing: &Missing) -> Vec<String> {
        let ghost = Some(&self.login).filter(|login| missing.has_user(login));
        let clear = |ghost| {
            let nobody = no_user(ghost);
            format!(
                "there is a password for {nobody}; make that user and remove them, with `holdfast user add {ghost} --role guest` and `holdfast user remove {ghost}`"
            )
        };
        ghost.map(clear).into_iter().collect()
    }
}

impl Names for Identity {
    fn names(&self) -> Vec<Key> {
        vec![User::key_of(&self.login)]
    }

    fn without(&self, missing: &Missing) -> Vec<String> {
        let Identity { issuer, subject, .. } = self;
        let ghost = Some(&self.login).filter(|login| missing.has_user(login));
        let link = |ghost| {
            let nobody = no_user(ghost);
            format!(
                "`{subject}` of `{issuer}` signs in as {nobody}; link them to somebody else with `holdfast user link NAME --issuer {issuer} --subject {subject}`"
            )
        };
        ghost.map(link).into_iter().collect()
    }
}

impl Names for SigningKey {
    fn names(&self) -> Vec<Key> {
        let parent = self.parent.as_ref().map(Token::key_of);
        [User::key_of(&self.login)].into_iter().chain(parent).collect()
    }

    fn without(&self, missing: &Missing) -> Vec<String> {
        let id = self.key.id();
        let id = id.as_str();
        let wrong = missing.of_secret(Some(&self.login), self.parent.as_ref());
        let forget = |wrong| {
            format!("the signing key `{id}` {wrong}; forget it with `holdfast token revoke-key {id}`")
        };
        wrong.map(forget).into_iter().collect()
    }
}
