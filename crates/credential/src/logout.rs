//! `cargo logout`: ends the session at the server and forgets it.

use crate::environment;
use crate::place::Place;
use crate::provider::Provider;
use crate::refusal::{Refusal, causes};
use crate::session::{self, SessionError};
use crate::store::{Locked, Session, Stored};
use crate::tokens;

/// Forgets what is stored. A token that the user brought stays good, since it may be in use elsewhere.
pub(crate) fn logout(provider: &Provider, place: &Place) -> Result<(), Refusal> {
    let store = provider.store()?;
    let locked = store.lock()?;
    match locked.load(&place.index)? {
        None => return Err(Refusal::NotFound { name: place.name.clone() }),
        Some(Stored::Token { .. } | Stored::Exchanged(_)) => {
            eprintln!("The token itself is still good. Revoke it at the server if nobody needs it.");
        }
        Some(Stored::Session(session)) => {
            if let Err(refusal) = end(provider, &locked, place, session) {
                let why = causes(&refusal)
                    .into_iter()
                    .fold(refusal.to_string(), |all, next| format!("{all}: {next}"));
                eprintln!("warning: the session is forgotten here, but the server did not end it: {why}");
            }
        }
    }
    locked.remove(&place.index)?;
    Ok(())
}

fn end(provider: &Provider, locked: &Locked<'_>, place: &Place, session: Session) -> Result<(), Refusal> {
    let http = &provider.http;
    let session = if session::is_fresh(&session, environment::now()) {
        session
    } else {
        match session::renew(locked, http, place, session, environment::now) {
            Err(SessionError::Ended { .. }) => return Ok(()),
            renewed => renewed?,
        }
    };
    tokens::revoke(http, place, &session.access_token).map_err(Refusal::Revoke)
}
