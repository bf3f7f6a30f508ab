//! Keys with which cargo signs its own tokens (RFC 3231): registered by their owner, and the tokens believed.

use crate::actor::{Account, Actor};
use crate::audit::Deed;
use crate::authenticate::has_ended;
use crate::bound::Act;
use crate::entity::{Holder, Purpose, SigningKey, Spent, User};
use crate::error::{Error, Kind, Result};
use crate::holdfast::Holdfast;
use crate::principals::index_keys;
use crate::rights::{Action, require};
use crate::tokens::{parent_for, require_within};
use crate::users::present_user;
use holdfast_identity::signed::{Claims, KeyId, Mutation, PublicKey, SignedToken};
use holdfast_store::{Committed, Tx, read, read_many, scan_all};
use holdfast_types::{CrateName, Endpoint, Login, RegistryName, Scopes, TokenId};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

/// The most keys of a user.
const MOST_KEYS: usize = 50;

/// A request with a token that cargo signed.
pub struct SignedRequest<'a> {
    /// The token.
    pub token: &'a SignedToken,
    /// The registry that its footer names, by an address of ours.
    pub registry: RegistryName,
    /// Whether the request changes something.
    pub changes: bool,
    /// From where.
    pub address: Option<IpAddr>,
}

impl Holdfast {
    /// Registers a key: one's own, or as an admin anybody's.
    pub async fn add_key(
        &self,
        actor: &Actor,
        login: &Login,
        key: PublicKey,
        subject: Option<String>,
    ) -> Result<SigningKey> {
        let deed = Deed { action: "key-add", registry: None, subject: login.as_str() };
        self.logged(actor, deed, self.try_add_key(actor, deed, login, key, subject).await).await
    }

    /// The keys of a user, for themselves and for admins; or of all, for admins.
    pub async fn list_keys(&self, actor: &Actor, login: Option<&Login>) -> Result<Vec<SigningKey>> {
        require(actor, login.map_or(Action::Administer, Action::OwnAccount))?;
        if let Some(login) = login {
            return self.keys_of(login).await;
        }
        let all = scan_all::<SigningKey>(&*self.store, SigningKey::PART).await?;
        Ok(all.into_iter().map(|(_, key)| key).collect())
    }

    async fn keys_of(&self, login: &Login) -> Result<Vec<SigningKey>> {
        let ids = index_keys(&*self.store, SigningKey::user_part(login)).await?;
        let keys: Vec<_> = ids.iter().map(|id| holdfast_store::Key::new(SigningKey::PART, &**id)).collect();
        let found = read_many::<SigningKey>(&*self.store, &keys).await?;
        Ok(found.into_iter().flatten().map(|(_, key)| key).collect())
    }

    /// Forgets a key: one's own, or as an admin anybody's.
    pub async fn revoke_key(&self, actor: &Actor, id: &KeyId) -> Result<()> {
        let deed = Deed { action: "key-revoke", registry: None, subject: id.as_str() };
        self.logged(actor, deed, self.try_revoke_key(actor, deed, id).await).await
    }

    /// Who signed a token. A token for a change works once.
    pub async fn authenticate_signed(&self, request: SignedRequest<'_>) -> Result<Actor> {
        let SignedRequest { token, registry, changes, address } = request;
        let key = read::<SigningKey>(&*self.store, &SigningKey::key_of(token.key_id())).await?;
        let (_, key) = key.ok_or_else(|| refused("its key is not registered here"))?;
        let claims = token.verify(&key.key).map_err(refused)?;
        claims.check_age(self.outside.now()).map_err(refused)?;
        if claims.subject != key.subject {
            return Err(refused("its `sub` is not the one that the key was registered with"));
        }
        let is_owners = matches!(claims.mutation, Some(Mutation::Owners { .. }));
        if !changes && claims.mutation.is_some() && !is_owners {
            return Err(refused("it is for a change, and this request reads"));
        }
        if has_ended(self.settings.last_moment(key.created_at), self.outside.now()) {
            return Err(refused("its key is older than tokens may be here; register a new one"));
        }
        let account = self.account_of_key(&key, &claims, registry).await?;
        if changes {
            self.spend(token).await?;
        }
        Ok(Actor::account(Arc::new(account), address))
    }

    async fn account_of_key(
        &self,
        key: &SigningKey,
        claims: &Claims,
        registry: RegistryName,
    ) -> Result<Account> {
        let mut tx = Tx::new(&self.store);
        let user = tx.get::<User>(&User::key_of(&key.login)).await?;
        let user = user.filter(User::is_active);
        let user = user.ok_or_else(|| refused("the user of its key is disabled"))?;
        if !self.lasts(&mut tx, key.parent.clone()).await? {
            return Err(refused("its key ended with the token that registered it"));
        }
        let (endpoints, krate, bound) = match &claims.mutation {
            None => (BTreeSet::from([Endpoint::Read]), None, None),
            Some(mutation) => {
                let (krate, act) = act(mutation);
                (act.endpoints(), Some(krate), Some(act.bound(krate)))
            }
        };
        let crates = krate.map(|krate| krate.as_str().parse()).transpose().map_err(Error::invalid)?;
        let digest = holdfast_types::Sha256::of(key.key.id().as_str().as_bytes());
        let id = digest.as_bytes().first_chunk().expect("a digest is longer than an id");
        Ok(Account {
            holder: Holder::Login(key.login.clone()),
            role: user.role,
            teams: self.teams_of(&key.login).await?,
            token: TokenId::from_entropy(*id),
            label: key.key.id().as_str().to_owned(),
            scopes: Scopes {
                endpoints,
                crates: crates.into_iter().collect(),
                registries: BTreeSet::from([registry]),
            },
            bound,
            purpose: Purpose::Access,
            expires_at: None,
        })
    }

    async fn spend(&self, token: &SignedToken) -> Result<()> {
        let until = self.outside.now().plus(Claims::MUTATION_AGE * 2);
        let spent = Spent { digest: token.digest(), until };
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            if tx.get::<Spent>(&Spent::key_of(&spent.digest)).await?.is_some() {
                return Err(refused("it was used before"));
            }
            tx.create(&spent).await?;
            if let Committed::Yes = tx.commit().await? {
                return Ok(());
            }
        }
    }

    async fn try_add_key(
        &self,
        actor: &Actor,
        deed: Deed<'_>,
        login: &Login,
        key: PublicKey,
        subject: Option<String>,
    ) -> Result<SigningKey> {
        require(actor, Action::OwnAccount(login))?;
        if let Some(account) = actor.as_account() {
            // What a key signs has no scopes but those of each act, and a key does not end.
            require_within(account, &Scopes::default(), None)?;
        }
        if subject.as_ref().is_some_and(|subject| subject.is_empty() || subject.len() > 200) {
            return Err(Error::invalid("a subject has 1 to 200 bytes"));
        }
        if index_keys(&*self.store, SigningKey::user_part(login)).await?.len() >= MOST_KEYS {
            return Err(Error::new(Kind::TooMany, format!("`{login}` has {MOST_KEYS} keys; revoke some")));
        }
        let parent = parent_for(actor, login);
        let key = SigningKey { key, login: login.clone(), subject, parent, created_at: self.outside.now() };
        let id = key.key.id();
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            present_user(&mut tx, login).await?;
            if tx.get::<SigningKey>(&SigningKey::key_of(&id)).await?.is_some() {
                return Err(Error::conflict("the key is registered already"));
            }
            tx.create(&key).await?;
            self.record(&mut tx, actor, deed, Some(format!("`{}`", id.as_str()))).await?;
            if let Committed::Yes = tx.commit().await? {
                return Ok(key);
            }
        }
    }

    async fn try_revoke_key(&self, actor: &Actor, deed: Deed<'_>, id: &KeyId) -> Result<()> {
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            let unknown = || Error::not_found(format!("there is no key `{}`", id.as_str()));
            let key = tx.get::<SigningKey>(&SigningKey::key_of(id)).await?.ok_or_else(unknown)?;
            match require(actor, Action::OwnAccount(&key.login)) {
                Err(error) if error.kind() == Kind::Forbidden && actor.login() != Some(&key.login) => {
                    return Err(unknown());
                }
                result => result?,
            }
            tx.delete::<SigningKey>(&SigningKey::key_of(id)).await?;
            self.record(&mut tx, actor, deed, Some(format!("of `{}`", key.login))).await?;
            if let Committed::Yes = tx.commit().await? {
                return Ok(());
            }
        }
    }

    /// Forgets those keys of a user that ended with the token that registered them.
    pub(crate) async fn end_keys_of(&self, actor: &Actor, deed: Deed<'_>, login: &Login) -> Result<()> {
        for key in self.keys_of(login).await?.into_iter().filter(|key| key.parent.is_some()) {
            let mut retry = self.retry();
            loop {
                let mut tx = retry.begin().await?;
                if self.lasts(&mut tx, key.parent.clone()).await? {
                    break;
                }
                tx.delete::<SigningKey>(&SigningKey::key_of(&key.key.id())).await?;
                self.record(&mut tx, actor, deed, Some(format!("the key `{}`", key.key.id().as_str())))
                    .await?;
                if let Committed::Yes = tx.commit().await? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Forgets the keys of a leaving user.
    pub(crate) async fn drop_keys(&self, tx: &mut Tx, login: &Login) -> Result<()> {
        for id in index_keys(&*self.store, SigningKey::user_part(login)).await? {
            tx.delete::<SigningKey>(&holdfast_store::Key::new(SigningKey::PART, id)).await?;
        }
        Ok(())
    }
}

fn act(mutation: &Mutation) -> (&CrateName, Act) {
    match mutation {
        Mutation::Publish { name, vers, cksum } => (name, Act::Publish(vers.clone(), *cksum)),
        Mutation::Yank { name, vers } | Mutation::Unyank { name, vers } => (name, Act::Yank(vers.clone())),
        Mutation::Owners { name } => (name, Act::Owners),
    }
}

fn refused(reason: impl std::fmt::Display) -> Error {
    Error::new(Kind::Unauthenticated, format!("the signed token is refused: {reason}"))
}
