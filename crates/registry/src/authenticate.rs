//! Who a token belongs to, from memory, and when it was last used.

use crate::actor::{Account, Actor};
use crate::clock::Outside;
use crate::entity::{Token, TokenUse, User};
use crate::error::{Error, Kind, Result};
use crate::fresh::{Fresh, Source};
use crate::holdfast::Holdfast;
use crate::settings::Settings;
use holdfast_store::{Committed, Key, StoreError, Tx};
use holdfast_types::{Login, Sha256, Timestamp, TokenId, TokenSecret};
use std::collections::HashMap;
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
    /// Who presents a secret. A token that this process has seen lately costs no trip to the store.
    pub async fn authenticate(&self, secret: &TokenSecret, address: Option<IpAddr>) -> Result<Actor> {
        self.authenticate_digest(secret.digest(), address).await
    }

    /// The same for a front that remembers the digest of a secret it saw before.
    pub async fn authenticate_digest(&self, digest: Sha256, address: Option<IpAddr>) -> Result<Actor> {
        let known = self.account_cache.get(&digest, || digest, self).await?.ok_or_else(not_valid)?;
        let now = self.outside.now();
        if has_ended(known.account.expires_at, now) {
            return Err(not_valid());
        }
        self.token_uses.note(&known, now, address);
        Ok(Actor::account(known.account.clone(), address))
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

    /// The token that a secret leads to.
    pub(crate) async fn token_of(&self, digest: &Sha256) -> Result<Option<Token>> {
        let key = Token::digest_key(digest);
        let Some(entry) = self.store.get_many(std::slice::from_ref(&key)).await?.into_iter().flatten().next()
        else {
            return Ok(None);
        };
        let id: TokenId =
            serde_json::from_str(&entry.body).map_err(|source| StoreError::Corrupt { key, source })?;
        let token = holdfast_store::read::<Token>(&*self.store, &Token::key_of(&id)).await?;
        Ok(token.map(|(_, token)| token).filter(|token| token.digest == *digest))
    }

    /// What a token makes of its user now; `None` when it ended or its user may do nothing.
    async fn account(&self, id: &TokenId, login: &Login) -> Result<Option<Account>> {
        let mut tx = Tx::new(&self.store);
        let keys = [Token::key_of(id), User::key_of(login)];
        let (read, teams) = tokio::join!(tx.prefetch(&keys), self.teams_of(login));
        read?;
        let teams = teams?;
        let token = tx.get::<Token>(&keys[0]).await?;
        let user = tx.get::<User>(&keys[1]).await?;
        let (Some(token), Some(user)) = (token, user) else { return Ok(None) };
        if user.disabled || user.leaving || has_ended(token.expires_at, self.outside.now()) {
            return Ok(None);
        }
        let Token { id, login, label, scopes, expires_at, .. } = token;
        Ok(Some(Account { login, role: user.role, teams, token: id, label, scopes, expires_at }))
    }
}

impl Source<Sha256, Arc<Known>> for Holdfast {
    type Error = Error;

    fn is_outage(error: &Error) -> bool {
        error.kind() == Kind::Unavailable
    }

    async fn load(&self, digest: &Sha256, known: Option<Arc<Known>>) -> Result<Option<Arc<Known>>> {
        self.metrics.store_reads.inc();
        let account = match &known {
            Some(known) => self.account(&known.account.token, &known.account.login).await?,
            None => match self.token_of(digest).await? {
                Some(token) => self.account(&token.id, &token.login).await?,
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
fn not_valid() -> Error {
    Error::new(
        Kind::Unauthenticated,
        "the token is not valid: it is unknown, expired or revoked, or its user is disabled; get a new one and store it with `cargo login --registry NAME`",
    )
}
