//! Who a token belongs to, from memory, and when it was last used.

use crate::actor::{Account, Actor};
use crate::clock::{Moment, Outside};
use crate::entity::{Holder, Purpose, Role, Token, TokenUse, User};
use crate::error::{Error, Kind, Result};
use crate::fresh::{Fresh, Source};
use crate::holdfast::Holdfast;
use crate::settings::Settings;
use holdfast_store::{Committed, Key, StoreError, Tx};
use holdfast_types::{Login, Sha256, TeamName, Timestamp, TokenId, TokenSecret};
use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How many accounts are held in memory.
const CACHED_ACCOUNTS: usize = 10_000;

/// How many last uses go to the store in one commit: each is a guard and a write.
const USES_PER_COMMIT: usize = 32;

/// Accounts in memory, by the digest of the secret.
pub(crate) type AccountCache = Fresh<Sha256, Arc<Known>>;

/// An account with what the process itself remembers of it.
pub(crate) struct Known {
    account: Arc<Account>,
    /// The second of its last use that was noted, so that a busy token takes no lock but once a second.
    noted: AtomicI64,
}

impl Known {
    /// The account as an actor, if its secret is one for the `Authorization` header.
    pub(crate) fn actor(&self, address: Option<IpAddr>) -> Result<Actor> {
        if self.account.purpose != Purpose::Access {
            return Err(not_valid());
        }
        Ok(Actor::account(self.account.clone(), address))
    }
}

pub(crate) fn cache(outside: &Arc<dyn Outside>, settings: &Settings) -> AccountCache {
    Fresh::new(outside.clone(), settings.bounds(), CACHED_ACCOUNTS, CACHED_ACCOUNTS as u64, |_| 1)
}

/// The last uses of tokens since they were last written.
#[derive(Default)]
pub(crate) struct TokenUses(Mutex<HashMap<TokenId, (Timestamp, Option<IpAddr>)>>);

impl TokenUses {
    fn note(&self, known: &Known, now: Timestamp, address: Option<IpAddr>) {
        let second = now.unix_seconds();
        if known.noted.load(Ordering::Relaxed) == second
            || known.noted.swap(second, Ordering::Relaxed) == second
        {
            return;
        }
        self.keep(TokenUse { id: known.account.token.clone(), at: now, address });
    }

    /// Remembers a use unless a later one is known.
    fn keep(&self, TokenUse { id, at, address }: TokenUse) {
        let mut uses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = uses.entry(id).or_insert((at, address));
        if kept.0 < at {
            *kept = (at, address);
        }
    }

    fn take(&self) -> Vec<TokenUse> {
        let uses = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        uses.into_iter().map(|(id, (at, address))| TokenUse { id, at, address }).collect()
    }
}

impl Holdfast {
    /// Who presents an access token. One that this process has seen lately costs no trip to the store.
    pub async fn authenticate(&self, secret: &TokenSecret, address: Option<IpAddr>) -> Result<Actor> {
        let known = self.known(secret.digest(), address).await?.ok_or_else(not_valid)?;
        known.actor(address)
    }

    /// Whose browser presents the secret of a session; `None` when the session ended.
    pub async fn authenticate_session(
        &self,
        secret: &TokenSecret,
        address: Option<IpAddr>,
    ) -> Result<Option<Actor>> {
        let known = self.known(secret.digest(), address).await?;
        let session = known.filter(|known| known.account.is_session());
        Ok(session.map(|known| Actor::account(known.account.clone(), address)))
    }

    async fn known(&self, digest: Sha256, address: Option<IpAddr>) -> Result<Option<Arc<Known>>> {
        let moment = self.outside.moment();
        let known = self.account_cache.get(&digest, || digest, self, moment.instant).await?;
        Ok(known.filter(|known| self.recognises(known, moment, address)))
    }

    /// Whether a secret that is known has not ended by its own time; notes that it was used.
    pub(crate) fn recognises(&self, known: &Known, moment: Moment, address: Option<IpAddr>) -> bool {
        let now = moment.timestamp();
        if has_ended(known.account.expires_at, now) {
            return false;
        }
        self.token_uses.note(known, now, address);
        true
    }

    /// Writes when tokens were last used. What the store did not take is kept for the next time; a crash
    /// loses what was not yet written.
    pub async fn flush_token_uses(&self) -> Result<()> {
        let uses = self.token_uses.take();
        for (index, chunk) in uses.chunks(USES_PER_COMMIT).enumerate() {
            if let Err(error) = self.write_token_uses(chunk).await {
                for unwritten in &uses[index * USES_PER_COMMIT..] {
                    self.token_uses.keep(unwritten.clone());
                }
                return Err(error);
            }
        }
        Ok(())
    }

    /// Another process may have seen a later use, and a token may be gone: neither is overwritten.
    async fn write_token_uses(&self, uses: &[TokenUse]) -> Result<()> {
        let keys: Vec<Key> =
            uses.iter().flat_map(|noted| [Token::key_of(&noted.id), TokenUse::key_of(&noted.id)]).collect();
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            tx.prefetch(&keys).await?;
            for (noted, keys) in uses.iter().zip(keys.chunks_exact(2)) {
                let is_gone = tx.get::<Token>(&keys[0]).await?.is_none();
                let written = tx.get::<TokenUse>(&keys[1]).await?;
                if !is_gone && written.is_none_or(|written| written.at < noted.at) {
                    tx.put(noted).await?;
                }
            }
            if let Committed::Yes = tx.commit().await? {
                return Ok(());
            }
        }
    }

    /// The token that a secret leads to, be it one that was replaced.
    pub(crate) async fn token_of_any(&self, digest: &Sha256) -> Result<Option<Token>> {
        let key = Token::digest_key(digest);
        let Some(entry) = self.store.get_many(std::slice::from_ref(&key)).await?.into_iter().flatten().next()
        else {
            return Ok(None);
        };
        let id: TokenId =
            serde_json::from_str(&entry.body).map_err(|source| StoreError::Corrupt { key, source })?;
        let token = holdfast_store::read::<Token>(&*self.store, &Token::key_of(&id)).await?;
        Ok(token.map(|(_, token)| token))
    }

    /// The token whose secret has this digest now.
    pub(crate) async fn token_of(&self, digest: &Sha256) -> Result<Option<Token>> {
        Ok(self.token_of_any(digest).await?.filter(|token| token.digest == *digest))
    }

    /// What a secret makes of its holder now; `None` when it ended or its user may do nothing.
    async fn account(&self, id: &TokenId, holder: &Holder) -> Result<Option<Account>> {
        match holder {
            Holder::Login(login) => self.account_of_user(id, login).await,
            Holder::Job(_) => self.account_of_job(id).await,
        }
    }

    async fn account_of_user(&self, id: &TokenId, login: &Login) -> Result<Option<Account>> {
        let mut tx = Tx::new(&self.store);
        let keys = [Token::key_of(id), User::key_of(login)];
        let (read, teams) = tokio::join!(tx.prefetch(&keys), self.teams_of(login));
        read?;
        let teams = teams?;
        let token = tx.get::<Token>(&keys[0]).await?;
        let user = tx.get::<User>(&keys[1]).await?;
        let (Some(token), Some(user)) = (token, user) else { return Ok(None) };
        if !user.is_active() || !self.is_alive(&mut tx, &token).await? {
            return Ok(None);
        }
        Ok(Some(account(token, user.role, teams)))
    }

    /// A job reads what every reader may, and publishes what its token was made for.
    async fn account_of_job(&self, id: &TokenId) -> Result<Option<Account>> {
        let mut tx = Tx::new(&self.store);
        let Some(token) = tx.get::<Token>(&Token::key_of(id)).await? else { return Ok(None) };
        let is_alive = self.is_alive(&mut tx, &token).await?;
        Ok(is_alive.then(|| account(token, Role::Reader, BTreeSet::new())))
    }

    /// Whether the secret that something was made from is still good, if there is one, and all before it.
    pub(crate) async fn lasts(&self, tx: &mut Tx, parent: Option<TokenId>) -> Result<bool> {
        let (now, mut next) = (self.outside.now(), parent);
        while let Some(id) = next {
            let parent = tx.get::<Token>(&Token::key_of(&id)).await?;
            let Some(parent) = parent.filter(|parent| !has_ended(parent.expires_at, now)) else {
                return Ok(false);
            };
            next = parent.parent;
        }
        Ok(true)
    }

    /// Whether a secret has not ended: by its own time, with the one that it was made from, or for want of use.
    async fn is_alive(&self, tx: &mut Tx, token: &Token) -> Result<bool> {
        let now = self.outside.now();
        if has_ended(token.expires_at, now) {
            return Ok(false);
        }
        if !self.lasts(tx, token.parent.clone()).await? {
            return Ok(false);
        }
        if let Purpose::Session { .. } = token.purpose {
            let last = tx.get::<TokenUse>(&TokenUse::key_of(&token.id)).await?;
            let last = last.map_or(token.created_at, |last| last.at.max(token.created_at));
            return Ok(now < last.plus(self.settings.session_idle));
        }
        Ok(true)
    }
}

fn account(token: Token, role: Role, teams: BTreeSet<TeamName>) -> Account {
    let Token { id, holder, label, scopes, purpose, bound, expires_at, .. } = token;
    Account { holder, role, teams, token: id, label, scopes, purpose, bound, expires_at }
}

impl Source<Sha256, Arc<Known>> for Holdfast {
    type Error = Error;

    fn is_outage(error: &Error) -> bool {
        error.kind() == Kind::Unavailable
    }

    async fn load(&self, digest: &Sha256, known: Option<Arc<Known>>) -> Result<Option<Arc<Known>>> {
        self.metrics.store_reads.inc();
        let account = match &known {
            Some(known) => self.account(&known.account.token, &known.account.holder).await?,
            None => match self.token_of(digest).await? {
                Some(token) => self.account(&token.id, &token.holder).await?,
                None => None,
            },
        };
        Ok(account.map(|account| match known {
            Some(known) if *known.account == account => known,
            known => {
                let noted = known.map_or(-1, |known| known.noted.load(Ordering::Relaxed));
                Arc::new(Known { account: Arc::new(account), noted: AtomicI64::new(noted) })
            }
        }))
    }
}

/// Whether the moment at which a token ends is reached.
pub(crate) fn has_ended(expires_at: Option<Timestamp>, now: Timestamp) -> bool {
    expires_at.is_some_and(|end| end <= now)
}

/// One sentence for all reasons: whoever guesses secrets learns nothing from it.
pub(crate) fn not_valid() -> Error {
    Error::new(
        Kind::Unauthenticated,
        "the token is not valid: it is unknown, expired or revoked, or its user is disabled; get a new one and store it with `cargo login --registry NAME`",
    )
}
