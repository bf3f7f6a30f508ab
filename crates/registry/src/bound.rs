//! Tokens for one act: what a credential provider asks for each time that cargo wants to change something.

use crate::actor::Actor;
use crate::audit::Deed;
use crate::entity::{Bound, Purpose, Token};
use crate::error::{Error, Result};
use crate::holdfast::Holdfast;
use crate::lifetime::no_later;
use crate::rights::unauthenticated;
use crate::tokens::{Among, require_within};
use holdfast_store::Committed;
use holdfast_types::{CrateName, Endpoint, RegistryName, Scopes, Sha256, TokenId, TokenSecret, Version};
use std::collections::BTreeSet;
use std::time::Duration;

/// How long such a token works.
const LIFETIME: Duration = Duration::from_mins(15);

/// What cargo is about to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Upload one file.
    Publish(Version, Sha256),
    /// Yank a version, or take that back.
    Yank(Version),
    /// Change the owners, or list them before.
    Owners,
}

impl Act {
    /// The operations that it takes.
    pub(crate) fn endpoints(&self) -> BTreeSet<Endpoint> {
        match self {
            Act::Publish(..) => BTreeSet::from([Endpoint::PublishNew, Endpoint::PublishUpdate]),
            Act::Yank(_) => BTreeSet::from([Endpoint::Yank]),
            Act::Owners => BTreeSet::from([Endpoint::Read, Endpoint::ChangeOwners]),
        }
    }

    /// What a token for it is held to.
    pub(crate) fn bound(&self, krate: &CrateName) -> Bound {
        let (version, sha256) = match self {
            Act::Publish(version, sha256) => (Some(version.clone()), Some(*sha256)),
            Act::Yank(version) => (Some(version.clone()), None),
            Act::Owners => (None, None),
        };
        Bound { krate: krate.clone(), version, sha256 }
    }
}

impl Holdfast {
    /// Makes a token that is good for one act on one crate, within what the actor's own may do, and ends with
    /// it.
    pub async fn bind_token(
        &self,
        actor: &Actor,
        registry: &RegistryName,
        krate: &CrateName,
        act: &Act,
    ) -> Result<(Token, TokenSecret)> {
        let deed = Deed { action: "token-bind", registry: Some(registry), subject: krate.as_str() };
        self.logged(actor, deed, self.try_bind(actor, deed, registry, krate, act).await).await
    }

    async fn try_bind(
        &self,
        actor: &Actor,
        deed: Deed<'_>,
        registry: &RegistryName,
        krate: &CrateName,
        act: &Act,
    ) -> Result<(Token, TokenSecret)> {
        let account = actor.as_account().ok_or_else(unauthenticated)?;
        if account.bound.is_some() {
            // Its scopes would allow another version and another file.
            return Err(Error::new(
                crate::Kind::Forbidden,
                "this token is for one act and makes no other token",
            ));
        }
        self.enter(actor, registry).await?;
        let own = &account.scopes;
        let endpoints: BTreeSet<Endpoint> =
            act.endpoints().into_iter().filter(|endpoint| own.allow(*endpoint)).collect();
        let scopes = Scopes {
            endpoints,
            crates: BTreeSet::from([krate.as_str().parse().map_err(Error::invalid)?]),
            registries: BTreeSet::from([registry.clone()]),
        };
        if scopes.endpoints.is_empty() {
            return Err(Error::new(
                crate::Kind::Forbidden,
                format!("the token `{}` may not do this", account.label),
            ));
        }
        let created_at = self.outside.now();
        let expires_at = Some(no_later(created_at.plus(LIFETIME), account.expires_at));
        require_within(account, &scopes, expires_at)?;
        let login = account.login().ok_or_else(|| {
            Error::new(crate::Kind::Forbidden, "the token of a CI job makes no other token")
        })?;
        self.make_room(actor, deed, login, Among::ChildrenOf(&account.token)).await?;
        let secret = TokenSecret::from_entropy(self.outside.entropy());
        let token = Token {
            id: TokenId::from_entropy(self.outside.entropy()),
            holder: account.holder.clone(),
            label: account.label.clone(),
            digest: secret.digest(),
            scopes,
            purpose: Purpose::Access,
            bound: Some(act.bound(krate)),
            parent: Some(account.token.clone()),
            derived: true,
            former: None,
            created_at,
            expires_at,
        };
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            tx.create(&token).await?;
            self.record(&mut tx, actor, deed, Some(format!("`{}`", token.id))).await?;
            if let Committed::Yes = tx.commit().await? {
                return Ok((token, secret));
            }
        }
    }
}
