//! Signing in by the word of a provider: who may come in, which account they get, which teams and role follow
//! from their groups.

use crate::actor::Actor;
use crate::audit::Deed;
use crate::entity::{Identity, Membership, Role, User};
use crate::error::{Error, Kind, Result};
use crate::holdfast::Holdfast;
use crate::rights::{Action, require};
use crate::sessions::{Browser, Session};
use crate::teams::is_present_team;
use crate::users::present_user;
use holdfast_identity::{DirectoryError, Person, SignIn};
use holdfast_store::{Committed, Tx, read};
use holdfast_types::{Login, Password, TeamName};
use std::collections::BTreeMap;

/// A way to sign in, with what follows from it.
pub struct Provider {
    /// A part of its addresses.
    pub name: String,
    /// How it is asked.
    pub sign_in: SignIn,
    /// What follows.
    pub rules: ProviderRules,
}

/// Who may come in by a provider, and as what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderRules {
    /// Whether somebody new gets an account; otherwise an admin links one.
    pub create_users: bool,
    /// What somebody new may do.
    pub role: Role,
    /// The mail domains that are let in, by verified address; empty for all.
    pub domains: Vec<String>,
    /// The groups of which somebody must have one; empty for all.
    pub groups: Vec<String>,
    /// The teams that groups stand for: membership follows the group at each sign-in.
    pub teams: BTreeMap<String, TeamName>,
    /// The roles that groups stand for: the highest counts, at each sign-in.
    pub roles: BTreeMap<String, Role>,
}

impl ProviderRules {
    /// Refuses whoever may not come in.
    fn admit(&self, person: &Person) -> Result<()> {
        let domain =
            person.email.as_deref().and_then(|email| email.rsplit_once('@')).map(|(_, domain)| domain);
        let is_listed =
            |domain: &str| self.domains.iter().any(|allowed| allowed.eq_ignore_ascii_case(domain));
        let is_known = person.email_verified && domain.is_some_and(is_listed);
        if !self.domains.is_empty() && !is_known {
            return Err(Error::new(
                Kind::Forbidden,
                format!(
                    "only people with a verified address of `{}` come in here",
                    self.domains.join("`, `")
                ),
            ));
        }
        if !self.groups.is_empty() && !self.groups.iter().any(|group| person.groups.contains(group)) {
            return Err(Error::new(
                Kind::Forbidden,
                format!("only members of `{}` come in here", self.groups.join("`, `")),
            ));
        }
        Ok(())
    }

    /// The role that somebody's groups give, if roles come from groups at all.
    fn role_of(&self, person: &Person) -> Option<Role> {
        if self.roles.is_empty() {
            return None;
        }
        let given = self.roles.iter().filter(|(group, _)| person.groups.contains(*group));
        Some(given.map(|(_, role)| *role).max().unwrap_or(self.role))
    }

    /// The teams that follow groups, and whether somebody is in each.
    fn teams_of<'a>(&'a self, person: &Person) -> BTreeMap<&'a TeamName, bool> {
        let mut teams = BTreeMap::new();
        for (group, team) in &self.teams {
            *teams.entry(team).or_insert(false) |= person.groups.contains(group);
        }
        teams
    }
}

impl Holdfast {
    /// The ways to sign in, beside passwords of our own.
    pub fn providers(&self) -> &[Provider] {
        &self.providers
    }

    /// A way to sign in by its name.
    pub fn provider(&self, name: &str) -> Result<&Provider> {
        let found = self.providers.iter().find(|provider| provider.name == name);
        found.ok_or_else(|| Error::not_found(format!("there is no provider `{name}`")))
    }

    /// Signs in whom a provider knows.
    pub async fn sign_in_person(
        &self,
        provider: &Provider,
        person: &Person,
        browser: Browser,
    ) -> Result<Session> {
        let nobody = Actor::anonymous(browser.address);
        let subject = person.login.as_deref().unwrap_or(&person.subject);
        let subject: String = subject.chars().filter(|c| !c.is_control()).take(64).collect();
        let deed = Deed { action: "sign-in", registry: None, subject: &subject };
        let result = match self.try_admit(&nobody, provider, person).await {
            Ok(login) => self.open_session(deed, &login, browser, &provider.name, None).await,
            Err(error) => Err(error),
        };
        self.logged(&nobody, deed, result).await
    }

    /// Lets somebody whom a provider knows sign in as a user. For admins.
    pub async fn link_identity(
        &self,
        actor: &Actor,
        login: &Login,
        issuer: &str,
        subject: &str,
    ) -> Result<()> {
        let deed = Deed { action: "identity-link", registry: None, subject: login.as_str() };
        self.logged(actor, deed, self.try_link(actor, deed, login, issuer, subject).await).await
    }

    /// Asks the directories about a name and a password that are not our own; `None` when none knows them.
    pub(crate) async fn ask_directories(
        &self,
        login: &str,
        password: &Password,
    ) -> Result<Option<(&Provider, Person)>> {
        for provider in &self.providers {
            let SignIn::Password(directory) = &provider.sign_in else { continue };
            match directory.sign_in(login, password.reveal()).await {
                Ok(person) => return Ok(Some((provider, person))),
                Err(DirectoryError::WrongCredentials) => {}
                Err(error) => {
                    let detail = format!("the directory `{}` does not answer as it should", provider.name);
                    return Err(Error::with_source(Kind::Unavailable, detail, error));
                }
            }
        }
        Ok(None)
    }

    /// The account of somebody whom a provider knows, as it follows from what the provider says now.
    pub(crate) async fn try_admit(
        &self,
        actor: &Actor,
        provider: &Provider,
        person: &Person,
    ) -> Result<Login> {
        provider.rules.admit(person)?;
        let key = Identity::key_of(&person.issuer, &person.subject);
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            let login = match tx.get::<Identity>(&key).await? {
                Some(identity) => identity.login,
                None => self.new_user(&mut tx, actor, provider, person).await?,
            };
            let user = present_user(&mut tx, &login).await?;
            if user.disabled {
                return Err(Error::new(Kind::Forbidden, format!("the account `{login}` is disabled")));
            }
            self.follow(&mut tx, actor, provider, person, user).await?;
            if let Committed::Yes = self.commit_accounts(tx).await? {
                return Ok(login);
            }
        }
    }

    async fn new_user(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        provider: &Provider,
        person: &Person,
    ) -> Result<Login> {
        if !provider.rules.create_users {
            return Err(Error::new(
                Kind::Forbidden,
                format!(
                    "nobody here has an account for you yet; an admin links one with `holdfast user link NAME --issuer {} --subject {}`",
                    person.issuer, person.subject
                ),
            ));
        }
        let login = login_of(person)?;
        if tx.get::<User>(&User::key_of(&login)).await?.is_some() {
            // Never linked by the name alone: whoever could choose it would be that user.
            return Err(Error::conflict(format!(
                "there is an account `{login}` that is not yours yet; an admin links it with `holdfast user link {login} --issuer {} --subject {}`",
                person.issuer, person.subject
            )));
        }
        let user = User::new(login.clone(), provider.rules.role, self.outside.now());
        tx.create(&user).await?;
        self.write_identity(tx, &login, &person.issuer, &person.subject).await?;
        let deed = Deed { action: "user-add", registry: None, subject: login.as_str() };
        self.record(tx, actor, deed, Some(format!("by `{}`", provider.name))).await?;
        Ok(login)
    }

    /// Brings an account up to date with what a provider says.
    async fn follow(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        provider: &Provider,
        person: &Person,
        user: User,
    ) -> Result<()> {
        let login = user.login.clone();
        let mut changed = user.clone();
        let email = person.email.clone().filter(|_| person.email_verified);
        changed.email = email.or(changed.email);
        changed.full_name = person.full_name.clone().or(changed.full_name);
        changed.role = provider.rules.role_of(person).unwrap_or(changed.role);
        if !changed.is_active_admin() && self.keep_an_admin(tx, &user).await.is_err() {
            tracing::warn!(user = %login, "the last admin stays one, whatever the provider's groups say");
            changed.role = user.role;
        }
        let mut words = Vec::new();
        if changed.role != user.role {
            words.push(format!("role {}", changed.role.as_str()));
        }
        if changed != user {
            tx.put(&changed).await?;
        }
        for (team, is_in) in provider.rules.teams_of(person) {
            let key = Membership::key_of(team, &login);
            match (tx.get::<Membership>(&key).await?.is_some(), is_in) {
                (false, true) if is_present_team(tx, team).await? => {
                    let since = self.outside.now();
                    tx.create(&Membership { team: team.clone(), login: login.clone(), since }).await?;
                    words.push(format!("joined `team:{team}`"));
                }
                (true, false) => {
                    tx.delete::<Membership>(&key).await?;
                    words.push(format!("left `team:{team}`"));
                }
                _ => {}
            }
        }
        if !words.is_empty() {
            let deed = Deed { action: "user-follow", registry: None, subject: login.as_str() };
            let words = format!("{}, by `{}`", words.join(", "), provider.name);
            self.record(tx, actor, deed, Some(words)).await?;
        }
        Ok(())
    }

    async fn write_identity(&self, tx: &mut Tx, login: &Login, issuer: &str, subject: &str) -> Result<()> {
        let identity = Identity {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            login: login.clone(),
            since: self.outside.now(),
        };
        Ok(tx.put(&identity).await?)
    }

    async fn try_link(
        &self,
        actor: &Actor,
        deed: Deed<'_>,
        login: &Login,
        issuer: &str,
        subject: &str,
    ) -> Result<()> {
        require(actor, Action::Administer)?;
        if issuer.is_empty() || subject.is_empty() || issuer.len() + subject.len() > 1000 {
            return Err(Error::invalid("an issuer and a subject have 1 to 1000 bytes together"));
        }
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            present_user(&mut tx, login).await?;
            self.write_identity(&mut tx, login, issuer, subject).await?;
            self.record(&mut tx, actor, deed, Some(format!("`{subject}` at `{issuer}`"))).await?;
            if let Committed::Yes = tx.commit().await? {
                return Ok(());
            }
        }
    }

    /// Forgets whom providers know a leaving user as.
    pub(crate) async fn drop_identities(&self, tx: &mut Tx, login: &Login) -> Result<()> {
        let part = Identity::user_part(login);
        for sort in crate::principals::index_keys(&*self.store, part).await? {
            tx.delete::<Identity>(&holdfast_store::Key::new(Identity::PART, sort)).await?;
        }
        Ok(())
    }

    /// Whether somebody has no password of ours, and may be asked about elsewhere.
    pub(crate) async fn has_own_password(&self, login: &Login) -> Result<bool> {
        let key = crate::entity::PasswordRecord::key_of(login);
        Ok(read::<crate::entity::PasswordRecord>(&*self.store, &key).await?.is_some())
    }
}

/// What somebody is called here: as at the provider, as far as logins allow.
fn login_of(person: &Person) -> Result<Login> {
    let local = person.email.as_deref().and_then(|email| email.split('@').next());
    let names = [person.login.as_deref().map(|login| login.split('@').next().unwrap_or(login)), local];
    let fitting = |name: &str| {
        let fitted: String = name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' })
            .collect();
        fitted.trim_start_matches(['-', '_', '.']).chars().take(64).collect::<String>().parse().ok()
    };
    names.into_iter().flatten().find_map(fitting).ok_or_else(|| {
        Error::new(Kind::Forbidden, "the provider tells no name that could be a login here; ask an admin")
    })
}
