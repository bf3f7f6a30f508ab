//! Access tokens: made, listed and revoked. No token makes another that may do more than itself.

use crate::actor::{Account, Actor, Who};
use crate::audit::Deed;
use crate::authenticate::has_ended;
use crate::entity::{Holder, Purpose, Role, Token, TokenUse, User};
use crate::error::{Error, Kind, Result};
use crate::holdfast::Holdfast;
use crate::principals::{READ_CHUNK, index_keys, parsed};
use crate::rights::{Action, require, unauthenticated};
use crate::users::present_user;
use holdfast_store::{Committed, Key, Tx, read, read_many, scan_all};
use holdfast_types::{CratePattern, Endpoint, Login, Scopes, Timestamp, TokenId, TokenSecret};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// How many tokens end in one commit: each is a document, two index entries and a last use.
const TOKENS_PER_COMMIT: usize = 20;

/// The label of the token that the server itself makes for its first admin.
pub(crate) const BOOTSTRAP_LABEL: &str = "bootstrap";

/// A token to be made.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Whose it will be.
    pub login: Login,
    /// What it is for: 1 to 100 characters.
    pub label: String,
    /// What it may do, within what its user may.
    pub scopes: Scopes,
    /// How long it works; for ever without.
    pub expires_in: Option<Duration>,
}

/// The secrets of one user among which a new one is counted: a flood of one sort leaves room for the others.
#[derive(Clone, Copy)]
pub(crate) enum Among<'a> {
    /// Tokens that somebody made and named, and devices that somebody let in.
    Made,
    /// Sessions of browsers.
    Sessions,
    /// What was made from one other secret by itself, for one act or for a device.
    ChildrenOf(&'a TokenId),
}

impl Among<'_> {
    fn holds(self, token: &Token) -> bool {
        match self {
            Among::Made => token.is_made_by_hand() || token.purpose == Purpose::Device,
            Among::Sessions => matches!(token.purpose, Purpose::Session { .. }),
            Among::ChildrenOf(parent) => token.derived && token.parent.as_ref() == Some(parent),
        }
    }

    fn most(self) -> usize {
        match self {
            Among::Made => Token::MAX_PER_USER,
            Among::Sessions => Token::MAX_SESSIONS,
            Among::ChildrenOf(_) => Token::MAX_CHILDREN,
        }
    }
}

impl Token {
    /// How long before its end a token is pointed out to its owner.
    pub const ENDS_SOON: Duration = Duration::from_hours(24 * 14);
    /// The most tokens and devices of a user.
    pub const MAX_PER_USER: usize = 500;
    /// The most sessions of a user; the oldest makes room.
    pub const MAX_SESSIONS: usize = 100;
    /// The most that is made from one secret by itself; the oldest makes room, which was used by then.
    pub const MAX_CHILDREN: usize = 50;
    /// The most characters of a label.
    pub const MAX_LABEL_CHARS: usize = 100;
    /// The most crate patterns and the most registries of a token.
    pub const MAX_SCOPE_NAMES: usize = 100;
}

impl Holdfast {
    /// Makes a token, for oneself or, as an admin, for anybody. The secret is in no other place.
    pub async fn create_token(&self, actor: &Actor, new: NewToken) -> Result<(Token, TokenSecret)> {
        let deed = Deed { action: "token-create", registry: None, subject: new.login.as_str() };
        self.logged(actor, deed, self.try_create_token(actor, deed, &new).await).await
    }

    /// Makes a token for somebody who has just proved themselves by a password.
    pub async fn create_proven_token(
        &self,
        new: NewToken,
        address: Option<IpAddr>,
    ) -> Result<(Token, TokenSecret)> {
        let account = Account {
            holder: Holder::Login(new.login.clone()),
            role: Role::Guest,
            teams: BTreeSet::new(),
            token: TokenId::from_entropy([0; 8]),
            label: "password".to_owned(),
            scopes: Scopes::default(),
            // As good as one: they are there in person.
            purpose: Purpose::Session { agent: String::new(), via: "password".to_owned() },
            bound: None,
            expires_at: None,
        };
        self.create_token(&Actor::account(Arc::new(account), address), new).await
    }

    /// The tokens of one user, for themselves and for admins; or of all, for admins. With the last use of
    /// each, which may lag by a few seconds.
    pub async fn list_tokens(
        &self,
        actor: &Actor,
        login: Option<&Login>,
    ) -> Result<Vec<(Token, Option<TokenUse>)>> {
        match login {
            Some(login) => self.require_account(actor, login).await?,
            None => require(actor, Action::Administer)?,
        }
        let tokens = match login {
            Some(login) => self.tokens_of(login).await?,
            None => scan_all::<Token>(&*self.store, Token::PART)
                .await?
                .into_iter()
                .map(|(_, token)| token)
                .collect(),
        };
        let mut listed = Vec::with_capacity(tokens.len());
        for tokens in tokens.chunks(READ_CHUNK) {
            let keys: Vec<Key> = tokens.iter().map(|token| TokenUse::key_of(&token.id)).collect();
            let uses = read_many::<TokenUse>(&*self.store, &keys).await?;
            let uses = uses.into_iter().map(|found| found.map(|(_, last)| last));
            listed.extend(tokens.iter().cloned().zip(uses));
        }
        listed.sort_by(|(a, _), (b, _)| {
            (a.holder.name(), a.created_at, &a.id).cmp(&(b.holder.name(), b.created_at, &b.id))
        });
        Ok(listed)
    }

    /// Ends a token: one's own or, as an admin, anybody's.
    pub async fn revoke_token(&self, actor: &Actor, id: &TokenId) -> Result<()> {
        let deed = Deed { action: "token-revoke", registry: None, subject: id.as_str() };
        self.logged(actor, deed, self.try_revoke_token(actor, deed, id).await).await
    }

    /// Ends the token that the actor came with, which every token may do whatever its scopes.
    pub async fn revoke_current_token(&self, actor: &Actor) -> Result<()> {
        let id = actor.as_account().map(|account| account.token.clone());
        let deed =
            Deed { action: "token-revoke", registry: None, subject: id.as_ref().map_or("", TokenId::as_str) };
        self.logged(actor, deed, self.try_revoke_current(actor, deed, id.as_ref()).await).await
    }

    async fn try_create_token(
        &self,
        actor: &Actor,
        deed: Deed<'_>,
        new: &NewToken,
    ) -> Result<(Token, TokenSecret)> {
        self.require_account(actor, &new.login).await?;
        check(new)?;
        let created_at = self.outside.now();
        let expires_at =
            self.settings.token_lifetime(new.expires_in)?.map(|duration| created_at.plus(duration));
        if let Some(account) = actor.as_account() {
            require_within(account, &new.scopes, expires_at)?;
        }
        self.make_room(actor, deed, &new.login, Among::Made).await?;
        let secret = TokenSecret::from_entropy(self.outside.entropy());
        let token = Token {
            id: TokenId::from_entropy(self.outside.entropy()),
            holder: Holder::Login(new.login.clone()),
            label: new.label.clone(),
            digest: secret.digest(),
            scopes: new.scopes.clone(),
            purpose: Purpose::Access,
            bound: None,
            parent: parent_for(actor, &new.login),
            derived: false,
            former: None,
            created_at,
            expires_at,
        };
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            let user = present_user(&mut tx, &new.login).await?;
            if user.disabled {
                return Err(Error::conflict(format!(
                    "the user `{}` is disabled; enable them first",
                    new.login
                )));
            }
            tx.create(&token).await?;
            self.record(&mut tx, actor, deed, Some(format!("`{}` as `{}`", token.id, token.label))).await?;
            if let Committed::Yes = tx.commit().await? {
                return Ok((token, secret));
            }
        }
    }

    /// Whether the actor may look after the tokens of an account: their own, a service account of a team of
    /// theirs, or anybody's as an admin.
    async fn require_account(&self, actor: &Actor, login: &Login) -> Result<()> {
        let own = require(actor, Action::OwnAccount(login));
        if own.is_ok() || actor.as_account().is_none_or(|account| account.teams.is_empty()) {
            return own;
        }
        let user = read::<User>(&*self.store, &User::key_of(login)).await?;
        let keeper = user.and_then(|(_, user)| user.keeper);
        keeper.map_or(own, |team| require(actor, Action::KeptAccount(&team)))
    }

    /// Makes sure that a user has room for one more token of a sort. Those that ended make room first, and then
    /// the oldest, where nobody made them by hand. Several requests at once may go a little over the limit.
    pub(crate) async fn make_room(
        &self,
        actor: &Actor,
        deed: Deed<'_>,
        login: &Login,
        among: Among<'_>,
    ) -> Result<()> {
        let ids = index_keys(&*self.store, Token::user_part(login)).await?;
        if ids.len() < among.most() {
            return Ok(());
        }
        let (now, tokens) = (self.outside.now(), self.tokens_of(login).await?);
        let (mut over, alive): (Vec<Token>, Vec<Token>) =
            tokens.into_iter().partition(|token| has_ended(token.expires_at, now));
        let mut counted: Vec<Token> = alive.into_iter().filter(|token| among.holds(token)).collect();
        let surplus = (counted.len() + 1).saturating_sub(among.most());
        if surplus > 0 {
            if let Among::Made = among {
                let detail =
                    format!("`{login}` has {} tokens; revoke some that are not used any more", counted.len());
                return Err(Error::new(Kind::TooMany, detail));
            }
            counted.sort_by_key(|token| token.created_at);
            over.extend(counted.drain(..surplus));
        }
        let over: Vec<TokenId> = over.into_iter().map(|token| token.id).collect();
        self.delete_tokens(actor, deed, &over).await
    }

    async fn try_revoke_token(&self, actor: &Actor, deed: Deed<'_>, id: &TokenId) -> Result<()> {
        if matches!(actor.who(), Who::Anonymous) {
            return Err(unauthenticated());
        }
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            let unknown = || Error::not_found(format!("there is no token `{id}`"));
            let token = tx.get::<Token>(&Token::key_of(id)).await?.ok_or_else(unknown)?;
            // Tokens of others are not there for those who could not revoke them anyway.
            match token.login() {
                Some(login) if actor.login() == Some(login) => require(actor, Action::OwnAccount(login))?,
                Some(login) => {
                    self.require_account(actor, login).await.map_err(|error| match error.kind() {
                        Kind::Forbidden if !is_admin(actor) => unknown(),
                        _ => error,
                    })?;
                }
                None => require(actor, Action::Administer)?,
            }
            if let Committed::Yes = self.commit_revocation(tx, actor, deed, &token).await? {
                return self.end_children(actor, deed, &token).await;
            }
        }
    }

    async fn try_revoke_current(&self, actor: &Actor, deed: Deed<'_>, id: Option<&TokenId>) -> Result<()> {
        let id = match actor.who() {
            Who::Anonymous => return Err(unauthenticated()),
            Who::Account(_) | Who::Operator => {
                id.ok_or_else(|| Error::invalid("this was not asked with a token"))?
            }
        };
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            let Some(mut token) = tx.get::<Token>(&Token::key_of(id)).await? else { return Ok(()) };
            // What a device came with is one of many: whoever signs it out means the device.
            if let Some(parent) = token.parent.clone()
                && let Some(device) = tx.get::<Token>(&Token::key_of(&parent)).await?
                && device.purpose == Purpose::Device
            {
                token = device;
            }
            if let Committed::Yes = self.commit_revocation(tx, actor, deed, &token).await? {
                return self.end_children(actor, deed, &token).await;
            }
        }
    }

    /// Deletes what was made from a token that is gone. It does not work any more as it is, but would be listed.
    async fn end_children(&self, actor: &Actor, deed: Deed<'_>, token: &Token) -> Result<()> {
        let may_have_made = |token: &&Token| !matches!(token.purpose, Purpose::Session { .. });
        let Some(login) = Some(token).filter(may_have_made).and_then(Token::login) else { return Ok(()) };
        let mut others = self.tokens_of(login).await?;
        let mut gone = vec![token.id.clone()];
        let mut next = 0;
        while let Some(parent) = gone.get(next).cloned() {
            let children = others.extract_if(.., |other| other.parent.as_ref() == Some(&parent));
            gone.extend(children.map(|child| child.id));
            next += 1;
        }
        self.delete_tokens(actor, deed, gone.get(1..).unwrap_or_default()).await?;
        self.end_keys_of(actor, deed, login).await
    }

    async fn commit_revocation(
        &self,
        mut tx: Tx,
        actor: &Actor,
        deed: Deed<'_>,
        token: &Token,
    ) -> Result<Committed> {
        tx.delete::<Token>(&Token::key_of(&token.id)).await?;
        tx.delete::<TokenUse>(&TokenUse::key_of(&token.id)).await?;
        self.record(&mut tx, actor, deed, Some(format!("`{}` of `{}`", token.label, token.holder.name())))
            .await?;
        let committed = tx.commit().await;
        // Whether or not the outcome is known; what was made from the token ends with it.
        self.account_cache.clear();
        Ok(committed?)
    }

    /// Deletes those tokens of a user that are there.
    pub(crate) async fn delete_tokens(&self, actor: &Actor, deed: Deed<'_>, ids: &[TokenId]) -> Result<()> {
        for ids in ids.chunks(TOKENS_PER_COMMIT) {
            let keys: Vec<Key> =
                ids.iter().flat_map(|id| [Token::key_of(id), TokenUse::key_of(id)]).collect();
            let words: Vec<String> = ids.iter().map(|id| format!("`{id}`")).collect();
            let words = format!("ended the tokens {}", words.join(", "));
            let mut retry = self.retry();
            loop {
                let mut tx = retry.begin().await?;
                tx.prefetch(&keys).await?;
                for keys in keys.chunks_exact(2) {
                    tx.delete::<Token>(&keys[0]).await?;
                    tx.delete::<TokenUse>(&keys[1]).await?;
                }
                self.record(&mut tx, actor, deed, Some(words.clone())).await?;
                if let Committed::Yes = self.commit_accounts(tx).await? {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Every token of a user, ended or not.
    pub(crate) async fn tokens_of(&self, login: &Login) -> Result<Vec<Token>> {
        let mut tokens = Vec::new();
        for ids in index_keys(&*self.store, Token::user_part(login)).await?.chunks(READ_CHUNK) {
            let keys: Vec<Key> =
                ids.iter().map(|id| Ok(Token::key_of(&parsed(id)?))).collect::<Result<_>>()?;
            let found = read_many::<Token>(&*self.store, &keys).await?;
            tokens.extend(found.into_iter().flatten().map(|(_, token)| token));
        }
        Ok(tokens)
    }
}

/// The secret with which something ends that an actor makes for themselves: their access token, lest whoever
/// stole it stays when it is revoked. Who signed in by a browser is there in person.
pub(crate) fn parent_for(actor: &Actor, login: &Login) -> Option<TokenId> {
    let account = actor.as_account().filter(|account| account.login() == Some(login))?;
    (!account.is_session()).then(|| account.token.clone())
}

fn is_admin(actor: &Actor) -> bool {
    actor.as_account().is_none_or(|account| account.role == Role::Admin)
}

fn check(new: &NewToken) -> Result<()> {
    let label = &new.label;
    if label.trim().is_empty() || label.chars().nth(Token::MAX_LABEL_CHARS).is_some() {
        return Err(Error::invalid(format!(
            "a label is 1 to {} characters that say what the token is for",
            Token::MAX_LABEL_CHARS
        )));
    }
    if label.chars().any(char::is_control) {
        return Err(Error::invalid("a label may not contain control characters"));
    }
    if label == BOOTSTRAP_LABEL {
        return Err(Error::invalid(format!("the label `{label}` is the server's own; choose another one")));
    }
    if new.expires_in.is_some_and(|duration| duration < Duration::from_secs(1)) {
        return Err(Error::invalid("a token works for at least one second; give a longer time, or none"));
    }
    let most = Token::MAX_SCOPE_NAMES;
    if new.scopes.crates.len() > most || new.scopes.registries.len() > most {
        return Err(Error::invalid(format!(
            "a token has at most {most} crate patterns and {most} registries"
        )));
    }
    Ok(())
}

/// Refuses what would let a new token do more than the one it is made with.
pub(crate) fn require_within(
    account: &Account,
    scopes: &Scopes,
    expires_at: Option<Timestamp>,
) -> Result<()> {
    let own = &account.scopes;
    let beyond = |what: String| {
        let label = &account.label;
        Error::new(Kind::Forbidden, format!("the token `{label}` cannot make one that may do more: {what}"))
    };
    // An empty list of the creator does not restrict; an empty list of the new one would lift the restriction.
    let endpoints: Vec<&str> = own.endpoints.iter().map(|endpoint| Endpoint::as_str(*endpoint)).collect();
    let lifts = scopes.endpoints.is_empty() && !own.endpoints.is_empty();
    if lifts || !scopes.endpoints.iter().all(|endpoint| own.allow(*endpoint)) {
        return Err(beyond(format!("choose scopes among `{}`", endpoints.join("`, `"))));
    }
    let covered = |pattern: &CratePattern| own.crates.iter().any(|own| covers(own, pattern));
    let crates: Vec<&str> = own.crates.iter().map(CratePattern::as_str).collect();
    if !own.crates.is_empty() && (scopes.crates.is_empty() || !scopes.crates.iter().all(covered)) {
        return Err(beyond(format!("choose crates within `{}`", crates.join("`, `"))));
    }
    let registries: Vec<&str> = own.registries.iter().map(AsRef::as_ref).collect();
    let lifts = scopes.registries.is_empty() && !own.registries.is_empty();
    if lifts || !scopes.registries.iter().all(|registry| own.cover_registry(registry)) {
        return Err(beyond(format!("choose registries among `{}`", registries.join("`, `"))));
    }
    // Whoever sat at a browser and signed in makes tokens that outlast the session.
    match account.expires_at.filter(|_| !account.is_session()) {
        Some(own_end) if expires_at.is_none_or(|end| end > own_end) => {
            Err(beyond(format!("let the new one end by {own_end}")))
        }
        _ => Ok(()),
    }
}

/// Whether every crate that one pattern means is meant by the other too.
fn covers(outer: &CratePattern, inner: &CratePattern) -> bool {
    let fold = |text: &str| text.to_ascii_lowercase().replace('-', "_");
    let (outer, inner) = (fold(outer.as_str()), fold(inner.as_str()));
    match outer.strip_suffix('*') {
        Some(beginning) => inner.strip_suffix('*').unwrap_or(&inner).starts_with(beginning),
        None => outer == inner,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests may panic")]

    use super::*;

    #[test]
    fn a_pattern_covers_what_lies_within_it() {
        let check = |outer: &str, inner: &str, expected: bool| {
            let (outer, inner): (CratePattern, CratePattern) =
                (outer.parse().unwrap(), inner.parse().unwrap());
            assert_eq!(covers(&outer, &inner), expected, "{outer} {inner}");
        };
        check("*", "*", true);
        check("*", "acme", true);
        check("acme-*", "Acme_core", true);
        check("acme-*", "acme_core-*", true);
        check("acme-*", "acme-*", true);
        check("acme-*", "acme*", false);
        check("acme-*", "*", false);
        check("acme-*", "acme", false);
        check("acme-*", "my-acme-core", false);
        check("acme", "ACME", true);
        check("acme", "acme*", false);
        check("acme", "acme-core", false);
    }
}
