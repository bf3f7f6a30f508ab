//! How people come in: by an invitation, or by themselves where the operator lets them.

use crate::actor::Actor;
use crate::audit::Deed;
use crate::entity::{Invitation, Membership, PasswordRecord, Role, User};
use crate::error::{Error, Kind, Result};
use crate::holdfast::Holdfast;
use crate::rights::{Action, require};
use crate::sessions::{Browser, Session};
use crate::teams::require_team;
use crate::throttle::Attempt;
use holdfast_store::{Committed, Entity as _, Tx, scan_all};
use holdfast_types::{Login, Password, Sha256, TeamName, Timestamp, TokenSecret};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::time::Duration;

/// The longest time that an invitation may be open.
const LONGEST: Duration = Duration::from_hours(24 * 30);
/// The most teams of an invitation.
const MOST_TEAMS: usize = 20;

/// An invitation to be made.
#[derive(Clone, Debug)]
pub struct NewInvitation {
    /// What the new user may do.
    pub role: Role,
    /// The teams that they will be in.
    pub teams: BTreeSet<TeamName>,
    /// For whom, for the list.
    pub note: String,
    /// For how long it is open.
    pub expires_in: Duration,
}

/// An account that somebody makes for themselves.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// The name, for ever.
    pub login: Login,
    /// Their password.
    pub password: Password,
    /// Their address, if they give it.
    pub email: Option<String>,
    /// What people call them, if they say so.
    pub full_name: Option<String>,
}

/// Who may make an account without an invitation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelfRegistration {
    /// What they may do.
    pub role: Role,
    /// Which mail domains their address must have; empty for no matter. The address is not verified.
    pub domains: Vec<String>,
}

impl Holdfast {
    /// Makes an invitation; whoever has its secret can make one account. For admins.
    pub async fn invite(&self, actor: &Actor, new: NewInvitation) -> Result<(Invitation, TokenSecret)> {
        let deed = Deed { action: "invite", registry: None, subject: new.role.as_str() };
        self.logged(actor, deed, self.try_invite(actor, deed, &new).await).await
    }

    /// The invitations that are open. For admins.
    pub async fn list_invitations(&self, actor: &Actor) -> Result<Vec<Invitation>> {
        require(actor, Action::Administer)?;
        let now = self.outside.now();
        let mut tx = Tx::new(&self.store);
        let mut open = Vec::new();
        for (_, invitation) in scan_all::<Invitation>(&*self.store, Invitation::PART).await? {
            if is_open(&mut tx, &invitation, now).await? {
                open.push(invitation);
            }
        }
        Ok(open)
    }

    /// Takes an invitation back. For admins.
    pub async fn withdraw_invitation(&self, actor: &Actor, digest: &Sha256) -> Result<()> {
        let subject = digest.to_string();
        let deed = Deed { action: "invitation-withdraw", registry: None, subject: &subject };
        self.logged(actor, deed, self.try_withdraw(actor, deed, digest).await).await
    }

    /// Whether a secret is that of an open invitation.
    pub async fn is_invited(&self, secret: &TokenSecret) -> Result<bool> {
        let mut tx = Tx::new(&self.store);
        match tx.get::<Invitation>(&Invitation::key_of(&secret.digest())).await? {
            Some(invitation) => is_open(&mut tx, &invitation, self.outside.now()).await,
            None => Ok(false),
        }
    }

    /// Makes an account with an invitation, which is used up, and signs in.
    pub async fn accept_invitation(
        &self,
        secret: &TokenSecret,
        account: NewAccount,
        browser: Browser,
    ) -> Result<Session> {
        let nobody = Actor::anonymous(browser.address);
        let login = account.login.clone();
        let deed = Deed { action: "invitation-accept", registry: None, subject: login.as_str() };
        let made = match self.throttle.attempt(Attempt::Invitation, browser.address, self.outside.now()) {
            Ok(()) => self.try_accept(&nobody, deed, secret, account).await,
            Err(error) => Err(error),
        };
        self.logged(&nobody, deed, made).await?;
        self.throttle.succeeded(Attempt::Invitation, browser.address);
        self.open_session(deed, &login, browser, "password", None).await
    }

    /// Makes an account without an invitation, where the operator allows that, and signs in.
    pub async fn register(&self, account: NewAccount, browser: Browser) -> Result<Session> {
        let login = account.login.clone();
        self.register_account(account, browser.address).await?;
        let deed = Deed { action: "sign-in", registry: None, subject: login.as_str() };
        self.open_session(deed, &login, browser, "password", None).await
    }

    /// Makes an account without an invitation, for a script that has no browser.
    pub async fn register_account(&self, account: NewAccount, address: Option<IpAddr>) -> Result<()> {
        let nobody = Actor::anonymous(address);
        let login = account.login.clone();
        let deed = Deed { action: "register", registry: None, subject: login.as_str() };
        let made = self.try_register(&nobody, deed, account).await;
        self.logged(&nobody, deed, made).await
    }

    async fn try_invite(
        &self,
        actor: &Actor,
        deed: Deed<'_>,
        new: &NewInvitation,
    ) -> Result<(Invitation, TokenSecret)> {
        require(actor, Action::Administer)?;
        if new.expires_in > LONGEST || new.expires_in < Duration::from_mins(1) {
            return Err(Error::invalid("an invitation is open for one minute to 30 days"));
        }
        if new.teams.len() > MOST_TEAMS || new.note.chars().count() > 200 {
            return Err(Error::invalid(format!(
                "an invitation has at most {MOST_TEAMS} teams and a note of 200 characters"
            )));
        }
        let secret = TokenSecret::from_entropy(self.outside.entropy());
        let created_at = self.outside.now();
        let invitation = Invitation {
            digest: secret.digest(),
            role: new.role,
            teams: new.teams.clone(),
            note: new.note.clone(),
            created_by: actor.to_string(),
            inviter: actor.login().cloned(),
            created_at,
            expires_at: created_at.plus(new.expires_in),
        };
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            for team in &new.teams {
                require_team(&mut tx, team).await?;
            }
            tx.create(&invitation).await?;
            self.record(&mut tx, actor, deed, Some(new.note.clone())).await?;
            if let Committed::Yes = tx.commit().await? {
                return Ok((invitation, secret));
            }
        }
    }

    async fn try_withdraw(&self, actor: &Actor, deed: Deed<'_>, digest: &Sha256) -> Result<()> {
        require(actor, Action::Administer)?;
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            let found = tx.get::<Invitation>(&Invitation::key_of(digest)).await?;
            found.ok_or_else(|| Error::not_found("there is no such invitation"))?;
            tx.delete::<Invitation>(&Invitation::key_of(digest)).await?;
            self.record(&mut tx, actor, deed, None).await?;
            if let Committed::Yes = tx.commit().await? {
                return Ok(());
            }
        }
    }

    async fn try_accept(
        &self,
        actor: &Actor,
        deed: Deed<'_>,
        secret: &TokenSecret,
        account: NewAccount,
    ) -> Result<()> {
        if !self.is_invited(secret).await? {
            return Err(not_invited());
        }
        let password = self.hashed(&account.login, account.password.clone()).await?;
        let key = Invitation::key_of(&secret.digest());
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            let Some(invitation) = tx.get::<Invitation>(&key).await? else { return Err(not_invited()) };
            if !is_open(&mut tx, &invitation, self.outside.now()).await? {
                return Err(not_invited());
            }
            self.write_account(&mut tx, &account, invitation.role, &password).await?;
            for team in &invitation.teams {
                require_team(&mut tx, team).await?;
                let since = self.outside.now();
                tx.create(&Membership { team: team.clone(), login: account.login.clone(), since }).await?;
            }
            tx.delete::<Invitation>(&key).await?;
            let words = format!("{}, invited by `{}`", invitation.role.as_str(), invitation.created_by);
            self.record(&mut tx, actor, deed, Some(words)).await?;
            if let Committed::Yes = self.commit_accounts(tx).await? {
                return Ok(());
            }
        }
    }

    async fn try_register(&self, actor: &Actor, deed: Deed<'_>, account: NewAccount) -> Result<()> {
        let Some(SelfRegistration { role, domains }) = &self.settings.self_registration else {
            return Err(Error::new(
                Kind::Forbidden,
                "nobody can register here without an invitation; ask an admin for one",
            ));
        };
        // Never taken back: making accounts is bounded as guessing is.
        self.throttle.attempt(Attempt::Registration, actor.address(), self.outside.now())?;
        require_domain(domains, account.email.as_deref())?;
        let password = self.hashed(&account.login, account.password.clone()).await?;
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            self.write_account(&mut tx, &account, *role, &password).await?;
            self.record(&mut tx, actor, deed, Some(role.as_str().to_owned())).await?;
            if let Committed::Yes = self.commit_accounts(tx).await? {
                return Ok(());
            }
        }
    }

    async fn write_account(
        &self,
        tx: &mut Tx,
        account: &NewAccount,
        role: Role,
        password: &PasswordRecord,
    ) -> Result<()> {
        let user = User {
            email: account.email.clone(),
            full_name: account.full_name.clone(),
            ..User::new(account.login.clone(), role, self.outside.now())
        };
        if tx.get::<User>(&user.key()).await?.is_some() {
            return Err(Error::conflict(format!("the name `{}` is taken; choose another one", user.login)));
        }
        tx.create(&user).await?;
        Ok(tx.put(password).await?)
    }
}

/// Whether somebody may still come in by an invitation: it has an end, and whoever invited must still be an admin.
async fn is_open(tx: &mut Tx, invitation: &Invitation, now: Timestamp) -> Result<bool> {
    if invitation.expires_at <= now {
        return Ok(false);
    }
    let Some(inviter) = &invitation.inviter else { return Ok(true) };
    Ok(tx.get::<User>(&User::key_of(inviter)).await?.is_some_and(|user| user.is_active_admin()))
}

fn require_domain(domains: &[String], email: Option<&str>) -> Result<()> {
    if domains.is_empty() {
        return Ok(());
    }
    let domain = email.and_then(|email| email.rsplit_once('@')).map(|(_, domain)| domain);
    if domain.is_some_and(|domain| domains.iter().any(|allowed| allowed.eq_ignore_ascii_case(domain))) {
        return Ok(());
    }
    Err(Error::invalid(format!("give an e-mail address of `{}`", domains.join("`, `"))))
}

fn not_invited() -> Error {
    Error::not_found("the invitation is unknown, used or over; ask for a new one")
}
