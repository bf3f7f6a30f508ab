//! Clearing away what is over: short-lived tokens, sessions, invitations, requests of devices, and what must
//! not be used twice once nobody would accept it anyway.

use crate::authenticate::has_ended;
use crate::entity::{DeviceRequest, Invitation, SigningKey, Spent, Token, TokenUse};
use crate::error::Result;
use crate::holdfast::Holdfast;
use holdfast_store::{Committed, Entity, Key, Pages};
use holdfast_types::{Timestamp, TokenId};
use std::time::Duration;

/// For how long an ended token that somebody made is still listed, so that they see why it does not work.
const LISTED: Duration = Duration::from_hours(24 * 30);
/// How many documents go in one commit.
const CHUNK: usize = 20;

impl Holdfast {
    /// Deletes what is over, and says how much.
    pub async fn clear_ended(&self) -> Result<usize> {
        let now = self.outside.now();
        let tokens = self.clear::<Token>(Token::PART, |token| is_over(token, now)).await?;
        let spent = self.clear::<Spent>(Spent::PART, |spent| spent.until <= now).await?;
        let devices =
            self.clear::<DeviceRequest>(DeviceRequest::PART, |request| request.expires_at <= now).await?;
        let invitations = self
            .clear::<Invitation>(Invitation::PART, |invitation| invitation.expires_at.plus(LISTED) <= now)
            .await?;
        let children = self.clear_children().await?;
        Ok(tokens + children + spent + devices + invitations)
    }

    /// Deletes what was made from a secret that is gone, where whoever revoked that did not come to it: it does not
    /// work, and would be listed for ever.
    async fn clear_children(&self) -> Result<usize> {
        let mut cleared = 0;
        let mut pages = Pages::new(&*self.store, Token::PART);
        while let Some(found) = pages.next_entities::<Token>().await? {
            let made = found.iter().filter_map(|(_, token)| Some((token.key(), token.parent.as_ref()?)));
            cleared += self.clear_without::<Token>(made.collect()).await?;
        }
        let mut pages = Pages::new(&*self.store, SigningKey::PART);
        while let Some(found) = pages.next_entities::<SigningKey>().await? {
            let made = found.iter().filter_map(|(_, key)| Some((Entity::key(key), key.parent.as_ref()?)));
            cleared += self.clear_without::<SigningKey>(made.collect()).await?;
        }
        Ok(cleared)
    }

    async fn clear_without<E: Entity>(&self, made: Vec<(Key, &TokenId)>) -> Result<usize> {
        let parents: Vec<Key> = made.iter().map(|(_, parent)| Token::key_of(parent)).collect();
        let there = self.store.get_many(&parents).await?;
        let without = made.into_iter().zip(there).filter(|(_, parent)| parent.is_none());
        let keys: Vec<Key> = without.map(|((key, _), _)| key).collect();
        for keys in keys.chunks(CHUNK) {
            // No secret comes back once it is gone.
            self.delete_over::<E>(keys, &|_| true).await?;
        }
        Ok(keys.len())
    }

    async fn clear<E: Entity>(&self, part: &str, is_over: impl Fn(&E) -> bool) -> Result<usize> {
        let mut pages = Pages::new(&*self.store, part);
        let mut cleared = 0;
        while let Some(found) = pages.next_entities::<E>().await? {
            let over: Vec<Key> =
                found.iter().map(|(_, entity)| entity).filter(|e| is_over(e)).map(E::key).collect();
            for keys in over.chunks(CHUNK) {
                self.delete_over::<E>(keys, &is_over).await?;
            }
            cleared += over.len();
        }
        Ok(cleared)
    }

    async fn delete_over<E: Entity>(&self, keys: &[Key], is_over: &impl Fn(&E) -> bool) -> Result<()> {
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            tx.prefetch(keys).await?;
            for key in keys {
                if tx.get::<E>(key).await?.is_some_and(|entity| is_over(&entity)) {
                    tx.delete::<E>(key).await?;
                    if key.part == Token::PART {
                        tx.delete::<TokenUse>(&Key::new(TokenUse::PART, &*key.sort)).await?;
                    }
                }
            }
            if let Committed::Yes = tx.commit().await? {
                return Ok(());
            }
        }
    }
}

fn is_over(token: &Token, now: Timestamp) -> bool {
    let listed = if token.is_made_by_hand() { LISTED } else { Duration::ZERO };
    has_ended(token.expires_at.map(|end| end.plus(listed)), now)
}
