//! `cargo login`: through the browser, or with a token that the user has.

use std::thread;

use crate::browser;
use crate::device::Invitation;
use crate::environment::{self, Screen};
use crate::http::shown;
use crate::place::Place;
use crate::provider::Provider;
use crate::refusal::Refusal;
use crate::secret::Secret;
use crate::store::Stored;

/// Signs in and stores what comes of it.
pub(crate) fn login(provider: &Provider, place: &Place, token: Option<&str>) -> Result<(), Refusal> {
    // Before the user has gone to the browser.
    let store = provider.store()?;
    let stored = match token {
        Some(token) => Stored::Token { token: Secret::try_from(token.to_owned())? },
        None => through_browser(provider, place)?,
    };
    store.lock()?.save(&place.index, &stored)?;
    eprintln!("The credential for `{}` is kept in {}.", place.name, store.name());
    Ok(())
}

fn through_browser(provider: &Provider, place: &Place) -> Result<Stored, Refusal> {
    let (http, surroundings) = (&provider.http, &provider.environment);
    let invitation = Invitation::ask(http, place, &surroundings.machine)?;
    let (address, code) = (shown(&invitation.verification_uri), shown(&invitation.user_code));
    eprintln!("To sign in to `{}`, open this page in a browser:\n\n    {address}\n", place.name);
    eprintln!("and enter the code {code} there. Confirm it only if the page shows the same code.");
    if let (Screen::Present, Some(complete)) = (surroundings.screen, &invitation.verification_uri_complete) {
        browser::open(complete);
    }
    let grant = invitation.wait(http, place, thread::sleep)?;
    let session = grant.into_session(environment::now(), None);
    session.map(Stored::Session).ok_or_else(|| Refusal::NoRefresh(place.base().to_owned()))
}
