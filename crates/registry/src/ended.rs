//! Clearing away what is over: short-lived tokens, sessions, invitations, requests of devices, and what must
//! not be used twice once nobody would accept it anyway.

use crate::authenticate::has_ended;
use crate::entity::{DeviceRequest, Invitation, SigningKey, Spent, Token, TokenUse};
use crate::error::Result;
use crate::holdfast::Holdfast;
use holdfast_store::{Committed, Entity, Key, Pages};
use holdfast_types::{Timestamp, TokenId};
use std::collections::BTreeSet;
use std::time::Duration;

/// For how long an ended token that somebody made is still listed, so that they see why it does not work.
const LISTED: Duration = Duration::from_hours(24 * 30);
/// How many documents go in one commit.
const CHUNK: usize = 20;

impl Holdfast {
    /// Deletes what is over, and says how much.
    pub async fn clear_ended(&self) -> Result<usize> {
        let now = self.outside.now();
        let tokens = self
            .clear::<Token>(Token::PART, |token| is_over(token, now), |token| token.parent.as_ref())
            .await?;
        let keys = self.clear::<SigningKey>(SigningKey::PART, |_| false, |key| key.parent.as_ref()).await?;
        let spent = self.clear::<Spent>(Spent::PART, |spent| spent.until <= now, |_| None).await?;
        let devices = self
            .clear::<DeviceRequest>(DeviceRequest::PART, |request| request.expires_at <= now, |_| None)
            .await?;
        let is_over = |invitation: &Invitation| invitation.expires_at.plus(LISTED) <= now;
        let invitations = self.clear(Invitation::PART, is_over, |_| None).await?;
        Ok(tokens + keys + spent + devices + invitations)
    }

    /// Deletes of a partition what is over, and what was made from a secret that is gone, where whoever revoked that
    /// did not come to it: it does not work, and would be listed for ever.
    async fn clear<E: Entity>(
        &self,
        part: &str,
        is_over: impl Fn(&E) -> bool,
        parent: impl Fn(&E) -> Option<&TokenId>,
    ) -> Result<usize> {
        let mut pages = Pages::new(&*self.store, part);
        let mut cleared = 0;
        while let Some(found) = pages.next_entities::<E>().await? {
            let made: Vec<(Key, Key)> = found
                .iter()
                .filter_map(|(_, entity)| Some((entity.key(), Token::key_of(parent(entity)?))))
                .collect();
            let parents: Vec<Key> = made.iter().map(|(_, parent)| parent.clone()).collect();
            let there = self.store.get_many(&parents).await?;
            let without = made.into_iter().zip(there).filter(|(_, there)| there.is_none());
            let without: BTreeSet<Key> = without.map(|((key, _), _)| key).collect();
            // No secret comes back once it is gone.
            let is_over = |entity: &E| is_over(entity) || without.contains(&entity.key());
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
