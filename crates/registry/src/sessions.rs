//! Sessions of browsers. A session is a token that only a cookie can carry; it ends after a while without
//! use, and at last whatever happens.

use crate::actor::Actor;
use crate::audit::Deed;
use crate::entity::{Holder, PasswordRecord, Purpose, Token};
use crate::error::{Error, Kind, Result};
use crate::holdfast::Holdfast;
use crate::tokens::Among;
use crate::users::present_user;
use holdfast_store::Committed;
use holdfast_types::{Login, Scopes, TokenId, TokenSecret};
use std::net::IpAddr;
use std::time::Duration;

/// The most characters of what a browser calls itself that are kept.
const AGENT_CHARS: usize = 200;

/// Where somebody signs in from.
#[derive(Clone, Debug)]
pub struct Browser {
    /// What it calls itself.
    pub agent: String,
    /// Its address.
    pub address: Option<IpAddr>,
}

/// A session that was opened.
#[derive(Debug)]
pub struct Session {
    /// Whose.
    pub login: Login,
    /// What the cookie carries; in no other place.
    pub secret: TokenSecret,
    /// How long it lasts at most.
    pub lifetime: Duration,
}

impl Holdfast {
    /// Opens a session for a user who has proved themselves; with a password, only while it is still theirs.
    pub(crate) async fn open_session(
        &self,
        deed: Deed<'_>,
        login: &Login,
        browser: Browser,
        via: &str,
        proof: Option<&PasswordRecord>,
    ) -> Result<Session> {
        let nobody = Actor::anonymous(browser.address);
        self.make_room(&nobody, deed, login, Among::Sessions).await?;
        let agent: String = browser.agent.chars().filter(|c| !c.is_control()).take(AGENT_CHARS).collect();
        let secret = TokenSecret::from_entropy(self.outside.entropy());
        let created_at = self.outside.now();
        let token = Token {
            id: TokenId::from_entropy(self.outside.entropy()),
            holder: Holder::Login(login.clone()),
            label: "browser".to_owned(),
            digest: secret.digest(),
            scopes: Scopes::default(),
            purpose: Purpose::Session { agent, via: via.to_owned() },
            bound: None,
            parent: None,
            derived: false,
            former: None,
            created_at,
            expires_at: Some(created_at.plus(self.settings.session_lifetime)),
        };
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            let user = present_user(&mut tx, login).await?;
            if user.disabled {
                return Err(Error::new(Kind::Forbidden, format!("the account `{login}` is disabled")));
            }
            if let Some(proof) = proof
                && tx.get::<PasswordRecord>(&PasswordRecord::key_of(login)).await?.as_ref() != Some(proof)
            {
                return Err(Error::new(
                    Kind::Unauthenticated,
                    "the password was changed just now; try again",
                ));
            }
            tx.create(&token).await?;
            let mut entry = self.audit(
                &nobody,
                deed,
                crate::entity::Outcome::Done,
                Some(format!("with {via}, session `{}`", token.id)),
            );
            entry.actor = login.to_string();
            entry.login = Some(login.clone());
            tx.create(&entry).await?;
            if let Committed::Yes = tx.commit().await? {
                return Ok(Session {
                    login: login.clone(),
                    secret,
                    lifetime: self.settings.session_lifetime,
                });
            }
        }
    }
}
