//! Signing in with a password, and changing it.

use crate::actor::Actor;
use crate::audit::Deed;
use crate::entity::{PasswordRecord, Purpose, Token, User};
use crate::error::{Error, Kind, Result};
use crate::hasher::Verdict;
use crate::holdfast::Holdfast;
use crate::rights::{Action, require};
use crate::sessions::{Browser, Session};
use crate::throttle::Attempt;
use crate::users::present_user;
use holdfast_store::{Committed, Tx, read};
use holdfast_types::{Login, Password, TokenId};
use std::net::IpAddr;

/// What the log says of a name that nobody has.
const UNKNOWN: &str = "(unknown)";

impl Holdfast {
    /// Signs a user in with their password: makes a session for their browser.
    pub async fn sign_in(&self, login: &str, password: Password, browser: Browser) -> Result<Session> {
        let nobody = Actor::anonymous(browser.address);
        // What stands in place of a name may be a password: only names that there are go to the log.
        let known = self.known_login(login).await?;
        let subject = known.as_ref().map_or(UNKNOWN, Login::as_str);
        let deed = Deed { action: "sign-in", registry: None, subject };
        self.logged(&nobody, deed, self.try_sign_in(deed, login, password, browser).await).await
    }

    /// Whether a name and a password belong together, for scripts that ask for a token with them.
    pub async fn verify_password(
        &self,
        login: &str,
        password: Password,
        address: Option<IpAddr>,
    ) -> Result<Login> {
        let known = self.known_login(login).await?;
        let subject = known.as_ref().map_or(UNKNOWN, Login::as_str);
        let deed = Deed { action: "sign-in", registry: None, subject };
        let proven = self.prove(login, password, address).await;
        Ok(self.logged(&Actor::anonymous(address), deed, proven).await?.login)
    }

    /// The stored password that a right one was compared with.
    async fn prove(
        &self,
        login: &str,
        password: Password,
        address: Option<IpAddr>,
    ) -> Result<PasswordRecord> {
        self.throttle.attempt(Attempt::Password(login), address, self.outside.now())?;
        let known = login.parse::<Login>().ok();
        let (user, stored) = match &known {
            Some(login) => self.password_of(login).await?,
            None => (None, None),
        };
        let is_active = user.is_some_and(|user| user.is_active() && !user.service);
        let hash = stored.as_ref().map(|stored| stored.hash.clone());
        let verdict = self.hasher.verify(password.clone(), hash).await?;
        match (known, stored, verdict) {
            (Some(login), Some(stored), Verdict::Right | Verdict::RightButDated) if is_active => {
                self.throttle.succeeded(Attempt::Password(login.as_str()), address);
                if verdict == Verdict::RightButDated {
                    return self.store_hash(stored, password).await;
                }
                Ok(stored)
            }
            // One sentence for all reasons: whoever guesses learns nothing from it.
            _ => Err(Error::new(Kind::Unauthenticated, "the name or the password is wrong")),
        }
    }

    /// Gives a user a password, or another one, and ends their sessions. For admins.
    pub async fn set_password(&self, actor: &Actor, login: &Login, new: Password) -> Result<()> {
        let deed = Deed { action: "password-set", registry: None, subject: login.as_str() };
        let result = match require(actor, Action::Administer) {
            Ok(()) => self.try_set_password(actor, deed, login, new, None).await,
            Err(error) => Err(error),
        };
        self.logged(actor, deed, result).await
    }

    /// Changes one's own password, knowing the old one. Other sessions and signed-in devices end; access
    /// tokens stay.
    pub async fn change_password(
        &self,
        actor: &Actor,
        login: &Login,
        old: Password,
        new: Password,
    ) -> Result<()> {
        let deed = Deed { action: "password-change", registry: None, subject: login.as_str() };
        let result = match self.prove(login.as_str(), old, actor.address()).await {
            Ok(proof) => {
                let current = actor.as_account().map(|account| account.token.clone());
                self.try_set_password(actor, deed, &proof.login, new, current).await
            }
            Err(error) => Err(error),
        };
        self.logged(actor, deed, result).await
    }

    async fn try_sign_in(
        &self,
        deed: Deed<'_>,
        login: &str,
        password: Password,
        browser: Browser,
    ) -> Result<Session> {
        if let Ok(login) = login.parse::<Login>()
            && !self.has_own_password(&login).await?
        {
            self.throttle.attempt(Attempt::Password(login.as_str()), browser.address, self.outside.now())?;
            if let Some((provider, person)) = self.ask_directories(login.as_str(), &password).await? {
                self.throttle.succeeded(Attempt::Password(login.as_str()), browser.address);
                let nobody = Actor::anonymous(browser.address);
                let login = self.try_admit(&nobody, provider, &person).await?;
                return self.open_session(deed, &login, browser, &provider.name, None).await;
            }
            self.throttle.succeeded(Attempt::Password(login.as_str()), browser.address);
        }
        let proof = self.prove(login, password, browser.address).await?;
        self.open_session(deed, &proof.login, browser, "password", Some(&proof)).await
    }

    async fn known_login(&self, text: &str) -> Result<Option<Login>> {
        let Ok(login) = text.parse::<Login>() else { return Ok(None) };
        let user = read::<User>(&*self.store, &User::key_of(&login)).await?;
        Ok(user.map(|(_, user)| user.login))
    }

    async fn password_of(&self, login: &Login) -> Result<(Option<User>, Option<PasswordRecord>)> {
        let mut tx = Tx::new(&self.store);
        let keys = [User::key_of(login), PasswordRecord::key_of(login)];
        tx.prefetch(&keys).await?;
        Ok((tx.get::<User>(&keys[0]).await?, tx.get::<PasswordRecord>(&keys[1]).await?))
    }

    /// The record of a new password, which is checked first.
    pub(crate) async fn hashed(&self, login: &Login, password: Password) -> Result<PasswordRecord> {
        password.check_as_new(login.as_str()).map_err(Error::invalid)?;
        self.hash_of(login, password).await
    }

    async fn hash_of(&self, login: &Login, password: Password) -> Result<PasswordRecord> {
        let hash = self.hasher.hash(password, self.outside.entropy()).await?;
        Ok(PasswordRecord { login: login.clone(), hash, changed_at: self.outside.now() })
    }

    /// Stores a right password at today's cost, in place of the hash that it was compared with. That another
    /// change came first is as good.
    async fn store_hash(&self, before: PasswordRecord, password: Password) -> Result<PasswordRecord> {
        let hashed = self.hash_of(&before.login, password).await?;
        let mut tx = Tx::new(&self.store);
        let key = PasswordRecord::key_of(&before.login);
        let renewed = PasswordRecord { changed_at: before.changed_at, ..hashed };
        if tx.get::<PasswordRecord>(&key).await?.is_some_and(|now| now == before) {
            tx.put(&renewed).await?;
            if let Committed::Yes = tx.commit().await? {
                return Ok(renewed);
            }
        }
        Ok(before)
    }

    async fn try_set_password(
        &self,
        actor: &Actor,
        deed: Deed<'_>,
        login: &Login,
        new: Password,
        kept: Option<TokenId>,
    ) -> Result<()> {
        let record = self.hashed(login, new).await?;
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            if present_user(&mut tx, login).await?.service {
                return Err(Error::invalid(format!(
                    "`{login}` is a service account, which has tokens and no password"
                )));
            }
            tx.put(&record).await?;
            self.record(&mut tx, actor, deed, None).await?;
            if let Committed::Yes = tx.commit().await? {
                break;
            }
        }
        let ended: Vec<TokenId> = self
            .tokens_of(login)
            .await?
            .into_iter()
            .filter(|token| token.purpose != Purpose::Access && Some(&token.id) != kept.as_ref())
            .map(|Token { id, .. }| id)
            .collect();
        self.delete_tokens(actor, deed, &ended).await
    }
}
