//! What users and teams have in common: the crates they own, which they must leave behind with an owner.

use crate::actor::Actor;
use crate::audit::Deed;
use crate::entity::CrateHead;
use crate::error::{Error, Kind, Result};
use crate::holdfast::Holdfast;
use holdfast_store::{Committed, Key, Pages, Store, Tx, read_many};
use holdfast_types::Principal;
use std::error::Error as StdError;
use std::str::FromStr;

/// How many crates a refusal names.
const NAMED: usize = 5;

/// How many documents are read in one trip.
pub(crate) const READ_CHUNK: usize = 100;

/// The sort keys of a partition of index entries.
pub(crate) async fn index_keys(store: &dyn Store, part: String) -> Result<Vec<String>> {
    let mut pages = Pages::new(store, part);
    let mut keys = Vec::new();
    while let Some(docs) = pages.next_docs().await? {
        keys.extend(docs.into_iter().map(|doc| doc.key.sort));
    }
    Ok(keys)
}

/// A value from an index key, which the key's own code wrote.
pub(crate) fn parsed<T>(text: &str) -> Result<T>
where
    T: FromStr<Err: StdError + Send + Sync + 'static>,
{
    text.parse().map_err(|source| {
        Error::with_source(
            Kind::Internal,
            "the server could not process its own data; its log says more",
            source,
        )
    })
}

/// The key of a crate from an index key `registry/crate`.
pub(crate) fn placed(place: &str) -> Result<Key> {
    let (registry, krate) = place.split_once('/').unwrap_or_default();
    Ok(CrateHead::key_of(&parsed(registry)?, &parsed(krate)?))
}

impl Holdfast {
    /// Refuses when a crate would be left without an owner.
    pub(crate) async fn require_other_owners(&self, owner: &Principal) -> Result<()> {
        let mut orphans = Vec::new();
        for keys in self.owned_by(owner).await?.chunks(READ_CHUNK) {
            let heads = read_many::<CrateHead>(&*self.store, keys).await?.into_iter().flatten();
            orphans.extend(heads.map(|(_, head)| head).filter(|head| head.owners == [owner.clone()]));
            if orphans.len() > NAMED {
                break;
            }
        }
        if orphans.is_empty() { Ok(()) } else { Err(last_owner(owner, &orphans)) }
    }

    /// Takes a leaving owner off every crate, one commit each, which guards the crate's other owners.
    pub(crate) async fn disown(&self, actor: &Actor, owner: &Principal) -> Result<()> {
        for key in self.owned_by(owner).await? {
            self.disown_crate(actor, owner, &key).await?;
        }
        Ok(())
    }

    async fn disown_crate(&self, actor: &Actor, owner: &Principal, key: &Key) -> Result<()> {
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            let Some(mut head) = tx.get::<CrateHead>(key).await?.filter(|head| head.owners.contains(owner))
            else {
                return Ok(());
            };
            if head.owners.len() == 1 {
                return Err(last_owner(owner, &[head]));
            }
            head.owners.retain(|other| other != owner);
            head.touch_if_restricted(self.outside.unix_millis());
            tx.put(&head).await?;
            let deed =
                Deed { action: "owner-remove", registry: Some(&head.registry), subject: head.name.as_str() };
            self.record(&mut tx, actor, deed, Some(format!("`{owner}`, who is being removed"))).await?;
            if let Committed::Yes = self.commit_crate(tx, &head.registry, &head.canonical()).await? {
                return Ok(());
            }
        }
    }

    async fn owned_by(&self, owner: &Principal) -> Result<Vec<Key>> {
        let places = index_keys(&*self.store, CrateHead::owned_part(owner)).await?;
        places.iter().map(|place| placed(place)).collect()
    }

    /// Commits a change of what accounts may do, and forgets them all whether or not the outcome is known.
    pub(crate) async fn commit_accounts(&self, tx: Tx) -> Result<Committed> {
        let committed = tx.commit().await;
        self.account_cache.clear();
        Ok(committed?)
    }
}

fn last_owner(owner: &Principal, orphans: &[CrateHead]) -> Error {
    let named: Vec<String> =
        orphans.iter().take(NAMED).map(|head| format!("`{}/{}`", head.registry, head.name)).collect();
    let more = if orphans.len() > NAMED { " and more" } else { "" };
    Error::conflict(format!(
        "`{owner}` is the last owner of {}{more}; give each another owner first with `cargo owner --add LOGIN CRATE`",
        named.join(", ")
    ))
}
