//! Letting a device in that has no browser of its own: `cargo login` on a laptop (RFC 8628). Somebody who is
//! signed in confirms a short code; the device then gets an access token for an hour at a time, and a secret to
//! get the next one with. That secret is replaced each time.

use crate::actor::Actor;
use crate::audit::Deed;
use crate::authenticate::has_ended;
use crate::entity::{Decision, DeviceRequest, Former, Holder, Outcome, Purpose, Token, TokenUse};
use crate::error::{Error, Kind, Result};
use crate::holdfast::Holdfast;
use crate::lifetime::no_later;
use crate::polls::INTERVAL;
use crate::rights::{Action, require};
use crate::throttle::Attempt;
use crate::tokens::{Among, parent_for, require_within};
use crate::users::present_user;
use holdfast_store::{Committed, StoreError, Tx, read};
use holdfast_types::{Login, Scopes, Sha256, Timestamp, TokenId, TokenSecret};
use std::net::IpAddr;
use std::time::Duration;

/// How long somebody may take to confirm.
pub(crate) const OPEN: Duration = Duration::from_mins(10);
/// How long an access token of a device works.
const ACCESS: Duration = Duration::from_hours(1);
/// How long a device stays let in without asking for a new access token.
const DEVICE: Duration = Duration::from_hours(24 * 90);
/// For how long a replaced secret still works, for a device that did not get the answer.
const GRACE: Duration = Duration::from_mins(1);
/// The letters of a user code: no vowels, so that no words appear (RFC 8628, section 6.1).
const LETTERS: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";

/// How a device goes on.
#[derive(Debug)]
pub struct DeviceStart {
    /// What the device asks with; in no other place.
    pub secret: TokenSecret,
    /// What somebody confirms.
    pub user_code: String,
    /// How long it is open.
    pub lifetime: Duration,
    /// How long the device waits from one question to the next.
    pub interval: Duration,
}

/// What a device gets.
#[derive(Debug)]
pub struct DeviceTokens {
    /// For requests.
    pub access: TokenSecret,
    /// How long it works.
    pub lifetime: Duration,
    /// For the next tokens, once.
    pub refresh: TokenSecret,
}

/// What a device that waits is told.
#[derive(Debug)]
pub enum DeviceAnswer {
    /// Nobody has decided yet.
    Wait,
    /// It asks too often, and waits five seconds longer from now on (RFC 8628, section 3.5).
    SlowDown,
    /// Somebody said no.
    Denied,
    /// It took too long, or was claimed before.
    Over,
    /// It is let in.
    Tokens(DeviceTokens),
}

impl Holdfast {
    /// A device asks to be let in.
    pub async fn begin_device(&self, label: &str, address: Option<IpAddr>) -> Result<DeviceStart> {
        let now = self.outside.now();
        // Never taken back: it bounds how many requests anybody can leave in the store.
        self.throttle.attempt(Attempt::Device, address, now)?;
        let secret = TokenSecret::from_entropy(self.outside.entropy());
        let label: String = label.chars().filter(|c| !c.is_control()).take(Token::MAX_LABEL_CHARS).collect();
        let request = DeviceRequest {
            digest: secret.digest(),
            user_code: user_code(self.outside.entropy()),
            label: if label.trim().is_empty() { "a device".to_owned() } else { label },
            address,
            decision: Decision::Open,
            created_at: now,
            expires_at: now.plus(OPEN),
        };
        let user_code = request.user_code.clone();
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            tx.create(&request).await?;
            if let Committed::Yes = tx.commit().await? {
                return Ok(DeviceStart { secret, user_code, lifetime: OPEN, interval: INTERVAL });
            }
        }
    }

    /// The open request with a code, for whoever may let devices act for them.
    pub async fn find_device(&self, actor: &Actor, user_code: &str) -> Result<DeviceRequest> {
        let login = own_login(actor)?;
        require(actor, Action::OwnAccount(login))?;
        if let Some(account) = actor.as_account() {
            // A device may do all that its user may, for as long as it comes back.
            require_within(account, &Scopes::default(), None)?;
        }
        let now = self.outside.now();
        self.throttle.attempt(Attempt::DeviceCode, actor.address(), now)?;
        let request = self.device_of(&normal(user_code)).await?;
        let open = request.filter(|request| now < request.expires_at && request.decision == Decision::Open);
        let found = open.ok_or_else(no_such_code)?;
        self.throttle.succeeded(Attempt::DeviceCode, actor.address());
        Ok(found)
    }

    /// Lets a device in, or not.
    pub async fn decide_device(&self, actor: &Actor, user_code: &str, is_approved: bool) -> Result<()> {
        let action = if is_approved { "device-approve" } else { "device-deny" };
        let user_code = normal(user_code);
        let deed = Deed { action, registry: None, subject: &user_code };
        self.logged(actor, deed, self.try_decide(actor, deed, &user_code, is_approved).await).await
    }

    /// A device asks whether it is let in. Whoever asks too soon after the last time is told so without a look
    /// at the store.
    pub async fn claim_device(&self, secret: &TokenSecret, address: Option<IpAddr>) -> Result<DeviceAnswer> {
        let (digest, asked) = (secret.digest(), self.outside.instant());
        if self.polls.is_too_soon(&digest, asked) {
            return Ok(DeviceAnswer::SlowDown);
        }
        let answer = self.try_claim(&digest, address).await?;
        if let DeviceAnswer::Wait = answer {
            self.polls.waits(digest, asked);
        } else {
            self.polls.ended(&digest);
        }
        Ok(answer)
    }

    /// New tokens for a device; `None` when it is not let in any more. A secret that was replaced some time ago
    /// is known to two: then nobody keeps it.
    pub async fn refresh_device(
        &self,
        secret: &TokenSecret,
        address: Option<IpAddr>,
    ) -> Result<Option<DeviceTokens>> {
        let digest = secret.digest();
        let mut retry = self.retry();
        loop {
            let Some(known) = self.token_of_any(&digest).await? else { return Ok(None) };
            let mut tx = retry.begin().await?;
            let now = self.outside.now();
            let device = tx.get::<Token>(&known.key_of_self()).await?;
            let device = device.filter(|d| d.purpose == Purpose::Device && !has_ended(d.expires_at, now));
            let Some((mut device, login)) = device.and_then(|d| d.login().cloned().map(|l| (d, l))) else {
                return Ok(None);
            };
            if !self.lasts(&mut tx, device.parent.clone()).await? {
                return Ok(None);
            }
            let former = device.former.as_ref();
            let is_late = former.is_some_and(|former| former.digest == digest && former.until < now);
            if is_late {
                let deed = Deed { action: "device-revoke", registry: None, subject: login.as_str() };
                tx.delete::<Token>(&known.key_of_self()).await?;
                tx.delete::<TokenUse>(&TokenUse::key_of(&known.id)).await?;
                let nobody = Actor::anonymous(address);
                let words = format!("a secret of `{}` was used twice", device.label);
                self.record(&mut tx, &nobody, deed, Some(words)).await?;
                if let Committed::Yes = self.commit_accounts(tx).await? {
                    return Ok(None);
                }
                continue;
            }
            let deed = Deed { action: "device-refresh", registry: None, subject: login.as_str() };
            let nobody = Actor::anonymous(address);
            self.make_room(&nobody, deed, &login, Among::ChildrenOf(&device.id)).await?;
            let refresh = TokenSecret::from_entropy(self.outside.entropy());
            device.former = Some(Former { digest: device.digest, until: now.plus(GRACE) });
            device.digest = refresh.digest();
            device.expires_at = Some(self.device_end(device.created_at, now));
            let tokens = self.write_tokens(&mut tx, &login, device, refresh, deed, address).await?;
            if let Committed::Yes = tx.commit().await? {
                return Ok(Some(tokens));
            }
        }
    }

    async fn try_claim(&self, digest: &Sha256, address: Option<IpAddr>) -> Result<DeviceAnswer> {
        let key = DeviceRequest::key_of(digest);
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            let request = tx.get::<DeviceRequest>(&key).await?;
            let Some(request) = request.filter(|request| self.outside.now() < request.expires_at) else {
                return Ok(DeviceAnswer::Over);
            };
            let (login, by, parent) = match request.decision {
                Decision::Open => return Ok(DeviceAnswer::Wait),
                Decision::Denied => return Ok(DeviceAnswer::Denied),
                Decision::Approved { login, by, parent } => (login, by, parent),
            };
            // Another may have the name by now, or the password was changed because somebody knew it.
            if !self.lasts(&mut tx, Some(by)).await? {
                return Ok(DeviceAnswer::Over);
            }
            tx.delete::<DeviceRequest>(&key).await?;
            let (device, refresh) = self.new_device(&login, &request.label, parent);
            let deed = Deed { action: "device-enter", registry: None, subject: login.as_str() };
            let tokens = self.write_tokens(&mut tx, &login, device, refresh, deed, address).await?;
            if let Committed::Yes = tx.commit().await? {
                return Ok(DeviceAnswer::Tokens(tokens));
            }
        }
    }

    async fn try_decide(
        &self,
        actor: &Actor,
        deed: Deed<'_>,
        user_code: &str,
        is_approved: bool,
    ) -> Result<()> {
        let digest = self.find_device(actor, user_code).await?.digest;
        let (login, by) = actor
            .as_account()
            .and_then(|account| Some((account.login()?, &account.token)))
            .ok_or_else(not_signed_in)?;
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            let request = tx.get::<DeviceRequest>(&DeviceRequest::key_of(&digest)).await?;
            let mut request =
                request.filter(|request| request.decision == Decision::Open).ok_or_else(no_such_code)?;
            request.decision = if is_approved {
                Decision::Approved { login: login.clone(), by: by.clone(), parent: parent_for(actor, login) }
            } else {
                Decision::Denied
            };
            tx.put(&request).await?;
            self.record(&mut tx, actor, deed, Some(format!("`{}`", request.label))).await?;
            if let Committed::Yes = tx.commit().await? {
                return Ok(());
            }
        }
    }

    fn new_device(&self, login: &Login, label: &str, parent: Option<TokenId>) -> (Token, TokenSecret) {
        let refresh = TokenSecret::from_entropy(self.outside.entropy());
        let created_at = self.outside.now();
        let device = Token {
            id: TokenId::from_entropy(self.outside.entropy()),
            holder: Holder::Login(login.clone()),
            label: label.to_owned(),
            digest: refresh.digest(),
            scopes: Scopes::default(),
            purpose: Purpose::Device,
            bound: None,
            parent,
            derived: false,
            former: None,
            created_at,
            expires_at: Some(self.device_end(created_at, created_at)),
        };
        (device, refresh)
    }

    /// When a device that was used now ends: after a while without use, and where tokens have a longest time, then
    /// at last whatever happens.
    fn device_end(&self, created_at: Timestamp, now: Timestamp) -> Timestamp {
        no_later(now.plus(DEVICE), self.settings.last_moment(created_at))
    }

    /// Writes a device with an access token of its own.
    async fn write_tokens(
        &self,
        tx: &mut Tx,
        login: &Login,
        device: Token,
        refresh: TokenSecret,
        deed: Deed<'_>,
        address: Option<IpAddr>,
    ) -> Result<DeviceTokens> {
        if present_user(tx, login).await?.disabled {
            return Err(Error::new(Kind::Forbidden, format!("the account `{login}` is disabled")));
        }
        let access = TokenSecret::from_entropy(self.outside.entropy());
        let now = self.outside.now();
        let token = Token {
            id: TokenId::from_entropy(self.outside.entropy()),
            digest: access.digest(),
            purpose: Purpose::Access,
            parent: Some(device.id.clone()),
            derived: true,
            former: None,
            created_at: now,
            expires_at: Some(no_later(now.plus(ACCESS), device.expires_at)),
            ..device.clone()
        };
        let mut entry =
            self.audit(&Actor::anonymous(address), deed, Outcome::Done, Some(format!("`{}`", device.label)));
        entry.actor = login.to_string();
        entry.login = Some(login.clone());
        entry.token = Some(device.id.clone());
        entry.token_name = Some(device.label.clone());
        tx.put(&device).await?;
        tx.create(&token).await?;
        tx.create(&entry).await?;
        Ok(DeviceTokens { access, lifetime: ACCESS, refresh })
    }

    async fn device_of(&self, user_code: &str) -> Result<Option<DeviceRequest>> {
        let key = DeviceRequest::code_key(user_code);
        let found = self.store.get_many(std::slice::from_ref(&key)).await?;
        let Some(entry) = found.into_iter().flatten().next() else { return Ok(None) };
        let digest: Sha256 =
            serde_json::from_str(&entry.body).map_err(|source| StoreError::Corrupt { key, source })?;
        let request = read::<DeviceRequest>(&*self.store, &DeviceRequest::key_of(&digest)).await?;
        Ok(request.map(|(_, request)| request).filter(|request| request.user_code == user_code))
    }
}

fn own_login(actor: &Actor) -> Result<&Login> {
    actor.login().ok_or_else(not_signed_in)
}

fn not_signed_in() -> Error {
    Error::new(Kind::Unauthenticated, "sign in first")
}

fn no_such_code() -> Error {
    Error::not_found("there is no device with this code; it may have taken too long: run `cargo login` again")
}

/// A code from random bytes: eight letters in two groups.
fn user_code(entropy: [u8; 16]) -> String {
    // 16 bits for each letter of twenty: the bias is one in three thousand.
    let letter = |pair: &[u8]| LETTERS[usize::from(u16::from_be_bytes([pair[0], pair[1]])) % LETTERS.len()];
    let letters: String = entropy.chunks_exact(2).map(|pair| char::from(letter(pair))).collect();
    format!("{}-{}", &letters[..4], &letters[4..])
}

/// A code as it is stored, however it was typed.
fn normal(typed: &str) -> String {
    let letters: String =
        typed.chars().filter(char::is_ascii_alphabetic).map(|c| c.to_ascii_uppercase()).take(9).collect();
    if letters.len() == 8 { format!("{}-{}", &letters[..4], &letters[4..]) } else { letters }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_survive_typing() {
        let code = user_code([9; 16]);
        assert_eq!(code.len(), 9);
        assert_eq!(normal(&code.to_lowercase().replace('-', " ")), code);
        assert_eq!(normal("abc"), "ABC");
        assert_eq!(normal(""), "");
    }
}
