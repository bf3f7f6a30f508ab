//! The first start of a server, and the token that automation gives it.

use crate::actor::Actor;
use crate::audit::Deed;
use crate::entity::{
    Holder, Purpose, RegistryKind, RegistryRecord, Role, ServerRecord, Token, TokenUse, User,
};
use crate::error::{Error, Result};
use crate::holdfast::Holdfast;
use crate::tokens::BOOTSTRAP_LABEL;
use holdfast_store::{Committed, StoreError, Tx};
use holdfast_types::{Login, RegistryName, Scopes, TokenId, TokenSecret};
use std::collections::BTreeMap;

/// What a start found or made.
#[derive(Clone, Debug)]
pub struct FirstStart {
    /// Whether this start made the server.
    pub created: bool,
    /// The admin's token, to be shown once, if this start made it up.
    pub token: Option<TokenSecret>,
}

impl Holdfast {
    /// Makes the server if it is new: the registry `main`, the user `admin` and a token for them, which is
    /// the given one or made up. On a server that is there, makes sure that the given token works for the
    /// user `admin` and that no earlier given one does. Of several processes that start at once, one makes
    /// the server. An admin who was removed or disabled stays so. Where an import was begun and not finished, no
    /// server is made.
    pub async fn start(&self, bootstrap_token: Option<&TokenSecret>) -> Result<FirstStart> {
        let secret =
            bootstrap_token.cloned().unwrap_or_else(|| TokenSecret::from_entropy(self.outside.entropy()));
        let mut created = false;
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            let server = tx.get::<ServerRecord>(&ServerRecord::key_of()).await?;
            let is_replaced = match &server {
                None => {
                    self.require_whole().await?;
                    self.create_server(&mut tx).await?;
                    self.replace_token(&mut tx, &secret).await?
                }
                // Our own first attempt took effect though nobody could tell.
                Some(_) if created && self.token_of(&secret.digest()).await?.is_some() => {
                    return Ok(FirstStart {
                        created,
                        token: Some(secret).filter(|_| bootstrap_token.is_none()),
                    });
                }
                Some(_) if bootstrap_token.is_none() => {
                    return Ok(FirstStart { created: false, token: None });
                }
                Some(server) => {
                    if !self.replace_token(&mut tx, &secret).await? {
                        return Ok(FirstStart { created: false, token: None });
                    }
                    // What is absent is not guarded; writing this makes two starts exclude each other.
                    tx.put(server).await?;
                    true
                }
            };
            match tx.commit().await {
                Ok(Committed::Yes) => {
                    let token = Some(secret).filter(|_| is_replaced && bootstrap_token.is_none());
                    return Ok(FirstStart { created: server.is_none(), token });
                }
                Ok(Committed::Conflict) => {}
                Err(StoreError::UnknownOutcome { .. }) => created = server.is_none(),
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn create_server(&self, tx: &mut Tx) -> Result<()> {
        let created_at = self.outside.now();
        let name = main_registry();
        tx.create(&ServerRecord { created_at }).await?;
        if tx.get::<RegistryRecord>(&RegistryRecord::key_of(&name)).await?.is_none() {
            let kind = RegistryKind::Hosted;
            let registry = RegistryRecord {
                name,
                kind,
                anonymous_read: false,
                required_fields: None,
                roles: BTreeMap::new(),
                trusts: Vec::new(),
                hides: false,
                created_at,
                removed: false,
            };
            tx.create(&registry).await?;
        }
        let login = admin();
        if tx.get::<User>(&User::key_of(&login)).await?.is_none() {
            tx.create(&User::new(login, Role::Admin, created_at)).await?;
        }
        let deed = Deed { action: "bootstrap", registry: None, subject: "server" };
        let words = format!("made the registry `{}` and the user `{}`", main_registry(), admin());
        self.record(tx, &Actor::operator(), deed, Some(words)).await
    }

    /// Makes a secret the admin's bootstrap token in place of earlier ones, and says whether that was to do.
    async fn replace_token(&self, tx: &mut Tx, secret: &TokenSecret) -> Result<bool> {
        let (login, digest) = (admin(), secret.digest());
        match self.token_of(&digest).await? {
            Some(token) if token.login() == Some(&login) => return Ok(false),
            Some(token) => {
                return Err(Error::conflict(format!(
                    "the bootstrap token is a token of `{}` already; choose another one",
                    token.holder.name()
                )));
            }
            None => {}
        }
        let admin = tx.get::<User>(&User::key_of(&login)).await?;
        if !admin.is_some_and(|admin| admin.is_active()) {
            tracing::warn!(user = %login, "the bootstrap token was not added: its user was removed or disabled");
            return Ok(false);
        }
        for earlier in self.tokens_of(&login).await?.iter().filter(|token| token.label == BOOTSTRAP_LABEL) {
            tx.delete::<Token>(&Token::key_of(&earlier.id)).await?;
            tx.delete::<TokenUse>(&TokenUse::key_of(&earlier.id)).await?;
        }
        let token = Token {
            id: TokenId::from_entropy(self.outside.entropy()),
            holder: Holder::Login(login.clone()),
            label: BOOTSTRAP_LABEL.to_owned(),
            digest,
            scopes: Scopes::default(),
            purpose: Purpose::Access,
            bound: None,
            parent: None,
            derived: false,
            former: None,
            created_at: self.outside.now(),
            expires_at: None,
        };
        tx.create(&token).await?;
        let deed = Deed { action: "token-create", registry: None, subject: login.as_str() };
        self.record(tx, &Actor::operator(), deed, Some(format!("`{}` as `{}`", token.id, token.label)))
            .await?;
        Ok(true)
    }
}

fn main_registry() -> RegistryName {
    "main".parse().expect("it follows the rule of registry names")
}

fn admin() -> Login {
    "admin".parse().expect("it follows the rule of logins")
}
