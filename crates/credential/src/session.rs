//! The stored session, kept fresh. Its refresh token is good once, so whoever uses it holds the lock of the store,
//! and looks first whether somebody else just has.

use crate::grant::{Declined, Grant};
use crate::http::{CallError, Http};
use crate::place::Place;
use crate::store::{Locked, Session, Store, StoreError, Stored};

/// A token that has less left is not given to cargo any more.
const LEAST_SECONDS: u64 = 60;

/// Why there is no fresh session.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SessionError {
    #[error("the session of `{name}` has ended; run `cargo login --registry {name}`")]
    Ended { name: String },
    #[error("cannot renew the session of `{name}`")]
    Call { name: String, source: CallError },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What is stored for a registry, renewed where it is about to end.
pub(crate) fn current(
    store: &Store,
    http: &Http,
    place: &Place,
    now: impl Fn() -> u64,
) -> Result<Option<Stored>, SessionError> {
    match store.load(&place.index)? {
        Some(Stored::Session(session)) if !is_fresh(&session, now()) => {}
        stored => return Ok(stored),
    }
    let locked = store.lock()?;
    match locked.load(&place.index)? {
        Some(Stored::Session(session)) if !is_fresh(&session, now()) => {
            renew(&locked, http, place, session, now).map(|session| Some(Stored::Session(session)))
        }
        // Another cargo was faster.
        stored => Ok(stored),
    }
}

/// Uses up the refresh token, and stores what comes for it.
pub(crate) fn renew(
    store: &Locked<'_>,
    http: &Http,
    place: &Place,
    session: Session,
    now: impl Fn() -> u64,
) -> Result<Session, SessionError> {
    let fields = [("grant_type", "refresh_token"), ("refresh_token", session.refresh_token.reveal())];
    let name = || place.name.clone();
    let grant = Grant::ask(http, place, &fields).map_err(|declined| match declined {
        Declined::Standard { code, .. } if code == "invalid_grant" => SessionError::Ended { name: name() },
        Declined::Standard { error: source, .. } | Declined::Call(source) => {
            SessionError::Call { name: name(), source }
        }
    })?;
    let before = Some(session.refresh_token);
    let session = grant.into_session(now(), before).expect("there is the old refresh token at least");
    store.save(&place.index, &Stored::Session(session.clone()))?;
    Ok(session)
}

/// Whether the access token can be used a little longer.
pub(crate) fn is_fresh(session: &Session, now: u64) -> bool {
    lasts(session.expires_at, now)
}

/// Whether a token that ends then is still given to cargo.
pub(crate) fn lasts(expires_at: u64, now: u64) -> bool {
    expires_at >= now.saturating_add(LEAST_SECONDS)
}
