//! People and service accounts.
//!
//! Removing one is several commits: first a mark, after which the user may not become an owner or a member
//! and no token of theirs works; then their crates, teams and tokens; at last the user. A removal that was
//! interrupted goes on when it is asked for again.

use crate::actor::Actor;
use crate::audit::Deed;
use crate::entity::{Membership, PasswordRecord, Role, Token, User};
use crate::error::{Error, Kind, Result};
use crate::holdfast::Holdfast;
use crate::principals::{index_keys, parsed};
use crate::rights::{Action, require};
use holdfast_store::{Committed, Entity as _, Tx, read, scan_all};
use holdfast_types::{Login, Principal, TeamName, TokenId};

/// How many memberships end in one commit: each is a document and an index entry.
pub(crate) const MEMBERSHIPS_PER_COMMIT: usize = 40;

/// A user to be made.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The name, for ever.
    pub login: Login,
    /// What they may do at most.
    pub role: Role,
    /// Whether it is a machine's account.
    pub service: bool,
    /// The team that looks after a machine's account.
    pub keeper: Option<TeamName>,
}

impl Holdfast {
    /// Makes a user. For admins.
    pub async fn add_user(&self, actor: &Actor, new: NewUser) -> Result<User> {
        let deed = Deed { action: "user-add", registry: None, subject: new.login.as_str() };
        self.logged(actor, deed, self.try_add_user(actor, deed, &new).await).await
    }

    /// All users, by login. For admins.
    pub async fn list_users(&self, actor: &Actor) -> Result<Vec<User>> {
        require(actor, Action::Administer)?;
        let users = scan_all::<User>(&*self.store, User::PART).await?;
        Ok(users.into_iter().map(|(_, user)| user).collect())
    }

    /// A user, for themselves and for admins.
    pub async fn show_user(&self, actor: &Actor, login: &Login) -> Result<User> {
        require(actor, Action::OwnAccount(login))?;
        let user = read::<User>(&*self.store, &User::key_of(login)).await?;
        user.map(|(_, user)| user).ok_or_else(|| no_such_user(login))
    }

    /// Lets a user's tokens work again. For admins.
    pub async fn enable_user(&self, actor: &Actor, login: &Login) -> Result<()> {
        let deed = Deed { action: "user-enable", registry: None, subject: login.as_str() };
        let result = self.change_user(actor, deed, login, "", |user| user.disabled = false).await;
        self.logged(actor, deed, result).await
    }

    /// Refuses all tokens of a user until they are enabled. For admins; never the last of them.
    pub async fn disable_user(&self, actor: &Actor, login: &Login) -> Result<()> {
        let deed = Deed { action: "user-disable", registry: None, subject: login.as_str() };
        let result = self.change_user(actor, deed, login, "", |user| user.disabled = true).await;
        self.logged(actor, deed, result).await
    }

    /// Gives a user another role. For admins; never to the last of them.
    pub async fn set_user_role(&self, actor: &Actor, login: &Login, role: Role) -> Result<()> {
        let deed = Deed { action: "user-role", registry: None, subject: login.as_str() };
        let result = self.change_user(actor, deed, login, role.as_str(), |user| user.role = role).await;
        self.logged(actor, deed, result).await
    }

    /// Removes a user with their tokens, memberships and ownerships. For admins; never the last of them, and
    /// never the last owner of a crate.
    pub async fn remove_user(&self, actor: &Actor, login: &Login) -> Result<()> {
        let deed = Deed { action: "user-remove", registry: None, subject: login.as_str() };
        self.logged(actor, deed, self.try_remove_user(actor, deed, login).await).await
    }

    async fn try_add_user(&self, actor: &Actor, deed: Deed<'_>, new: &NewUser) -> Result<User> {
        require(actor, Action::Administer)?;
        let NewUser { login, role, service, keeper } = new.clone();
        if keeper.is_some() && !service {
            return Err(Error::invalid("only a service account is looked after by a team"));
        }
        let user = User { service, keeper, ..User::new(login, role, self.outside.now()) };
        let kind = if service { "service account" } else { "user" };
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            match tx.get::<User>(&user.key()).await? {
                Some(there) if there.leaving => return Err(is_leaving(&there)),
                Some(there) => {
                    return Err(Error::conflict(format!("there is a user `{}` already", there.login)));
                }
                None => tx.create(&user).await?,
            }
            if let Some(team) = &user.keeper {
                crate::restrict::require_present(&mut tx, &Principal::Team(team.clone())).await?;
            }
            self.record(&mut tx, actor, deed, Some(format!("{kind}, {}", role.as_str()))).await?;
            if let Committed::Yes = tx.commit().await? {
                return Ok(user);
            }
        }
    }

    pub(crate) async fn change_user(
        &self,
        actor: &Actor,
        deed: Deed<'_>,
        login: &Login,
        words: &str,
        change: impl Fn(&mut User),
    ) -> Result<()> {
        require(actor, Action::Administer)?;
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            let user = present_user(&mut tx, login).await?;
            let mut changed = user.clone();
            change(&mut changed);
            if changed == user {
                return Ok(());
            }
            if !changed.is_active_admin() {
                self.keep_an_admin(&mut tx, &user).await?;
            }
            tx.put(&changed).await?;
            let words = Some(words).filter(|words| !words.is_empty()).map(str::to_owned);
            self.record(&mut tx, actor, deed, words).await?;
            if let Committed::Yes = self.commit_accounts(tx).await? {
                return Ok(());
            }
        }
    }

    async fn try_remove_user(&self, actor: &Actor, deed: Deed<'_>, login: &Login) -> Result<()> {
        require(actor, Action::Administer)?;
        let owner = Principal::User(login.clone());
        let cleared = self.clear_user(actor, deed, &owner, login).await;
        if let Err(error) = &cleared
            && error.kind() == Kind::Conflict
        {
            self.unmark_user(actor, deed, login).await?;
        }
        cleared?;
        self.delete_user(actor, deed, login).await
    }

    async fn mark_user(&self, actor: &Actor, deed: Deed<'_>, login: &Login) -> Result<()> {
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            let user = tx.get::<User>(&User::key_of(login)).await?;
            let mut user = user.ok_or_else(|| no_such_user(login))?;
            if user.leaving {
                return Ok(());
            }
            self.keep_an_admin(&mut tx, &user).await?;
            user.leaving = true;
            tx.put(&user).await?;
            self.record(&mut tx, actor, deed, Some("begun".to_owned())).await?;
            if let Committed::Yes = self.commit_accounts(tx).await? {
                return Ok(());
            }
        }
    }

    async fn unmark_user(&self, actor: &Actor, deed: Deed<'_>, login: &Login) -> Result<()> {
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            let user = tx.get::<User>(&User::key_of(login)).await?;
            let Some(mut user) = user.filter(|user| user.leaving) else { return Ok(()) };
            user.leaving = false;
            tx.put(&user).await?;
            self.record(&mut tx, actor, deed, Some("taken back".to_owned())).await?;
            if let Committed::Yes = self.commit_accounts(tx).await? {
                return Ok(());
            }
        }
    }

    /// Marks a user and takes from them what refers to them.
    async fn clear_user(
        &self,
        actor: &Actor,
        deed: Deed<'_>,
        owner: &Principal,
        login: &Login,
    ) -> Result<()> {
        // Whoever must stay is refused before anything is done to them.
        self.require_other_owners(owner).await?;
        self.mark_user(actor, deed, login).await?;
        // Since the mark nobody can make them an owner, so what is seen now is all.
        self.require_other_owners(owner).await?;
        self.disown(actor, owner).await?;
        let teams: Vec<_> =
            self.teams_of(login).await?.into_iter().map(|team| (team, login.clone())).collect();
        for memberships in teams.chunks(MEMBERSHIPS_PER_COMMIT) {
            self.end_memberships(actor, deed, memberships).await?;
        }
        self.take_roles(actor, owner).await?;
        let tokens = index_keys(&*self.store, Token::user_part(login)).await?;
        let tokens: Vec<TokenId> = tokens.iter().map(|id| parsed(id)).collect::<Result<_>>()?;
        self.delete_tokens(actor, deed, &tokens).await
    }

    async fn delete_user(&self, actor: &Actor, deed: Deed<'_>, login: &Login) -> Result<()> {
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            match tx.get::<User>(&User::key_of(login)).await? {
                None => return Ok(()),
                Some(user) if !user.leaving => {
                    return Err(Error::conflict(format!(
                        "the removal of `{login}` was taken back by another request; try again"
                    )));
                }
                Some(_) => tx.delete::<User>(&User::key_of(login)).await?,
            }
            tx.delete::<PasswordRecord>(&PasswordRecord::key_of(login)).await?;
            self.drop_keys(&mut tx, login).await?;
            self.drop_identities(&mut tx, login).await?;
            self.record(&mut tx, actor, deed, None).await?;
            if let Committed::Yes = self.commit_accounts(tx).await? {
                return Ok(());
            }
        }
    }

    /// Makes sure, until the commit, that another admin can act when this user no longer can.
    pub(crate) async fn keep_an_admin(&self, tx: &mut Tx, user: &User) -> Result<()> {
        if !user.is_active_admin() {
            return Ok(());
        }
        let users = scan_all::<User>(&*self.store, User::PART).await?.into_iter().map(|(_, user)| user);
        for other in users.filter(|other| other.login != user.login && other.is_active_admin()) {
            // Reading the other one makes them a guard: two admins cannot disable each other at once.
            if tx.get::<User>(&other.key()).await?.as_ref().is_some_and(User::is_active_admin) {
                return Ok(());
            }
        }
        Err(Error::conflict(format!(
            "`{}` is the last enabled admin; make another one first with `holdfast user add NAME --role admin`",
            user.login
        )))
    }

    /// Ends memberships that are there, in one commit.
    pub(crate) async fn end_memberships(
        &self,
        actor: &Actor,
        deed: Deed<'_>,
        ended: &[(TeamName, Login)],
    ) -> Result<()> {
        let keys: Vec<_> = ended.iter().map(|(team, login)| Membership::key_of(team, login)).collect();
        let words: Vec<String> =
            ended.iter().map(|(team, login)| format!("`{login}` from `team:{team}`")).collect();
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            tx.prefetch(&keys).await?;
            for key in &keys {
                tx.delete::<Membership>(key).await?;
            }
            self.record(&mut tx, actor, deed, Some(words.join(", "))).await?;
            if let Committed::Yes = self.commit_accounts(tx).await? {
                return Ok(());
            }
        }
    }
}

/// Reads a user who is there to stay; until the commit, they do.
pub(crate) async fn present_user(tx: &mut Tx, login: &Login) -> Result<User> {
    match tx.get::<User>(&User::key_of(login)).await? {
        Some(user) if user.leaving => Err(is_leaving(&user)),
        Some(user) => Ok(user),
        None => Err(no_such_user(login)),
    }
}

fn is_leaving(user: &User) -> Error {
    let login = &user.login;
    Error::conflict(format!(
        "the user `{login}` is being removed; finish that with `holdfast user remove {login}`"
    ))
}

fn no_such_user(login: &Login) -> Error {
    Error::not_found(format!("there is no user `{login}`"))
}
