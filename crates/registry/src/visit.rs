//! What is remembered of a client between the requests of its connection: who it is, and which registry it reads.
//!
//! Cargo asks for index files by the hundred, with the same token in the same registry. What a visit remembers comes
//! from the caches and is used only while they would give the same at once, so the staleness bound and what this
//! process changed hold here too. It spares each request two look-ups, and the processor's cores a fight for the
//! reference counts of what all connections share.

use crate::actor::Actor;
use crate::authenticate::{Known, not_valid};
use crate::clock::Moment;
use crate::entity::RegistryRecord;
use crate::error::{Error, Result};
use crate::fresh::Taken;
use crate::holdfast::Holdfast;
use crate::registries::no_such_registry;
use holdfast_types::{RegistryName, Sha256};
use std::net::IpAddr;
use std::sync::Arc;

/// A client that may come again.
pub struct Visit {
    address: Option<IpAddr>,
    anonymous: Actor,
    caller: Option<Caller>,
    registry: Option<Taken<Arc<RegistryRecord>>>,
}

/// Whose token came last.
struct Caller {
    digest: Sha256,
    known: Taken<Arc<Known>>,
    actor: Actor,
}

impl Visit {
    /// A client of whom nothing is known yet, at an address.
    pub fn new(address: Option<IpAddr>) -> Visit {
        Visit { address, anonymous: Actor::anonymous(address), caller: None, registry: None }
    }
}

impl Holdfast {
    /// Who comes with a token of this digest, or without any, and the registry of this name.
    pub async fn welcome<'a>(
        &self,
        visit: &'a mut Visit,
        digest: Option<Sha256>,
        registry: &str,
        moment: Moment,
    ) -> Result<(&'a Actor, &'a RegistryRecord)> {
        let is_same = visit.caller.as_ref().is_some_and(|caller| {
            digest == Some(caller.digest) && self.account_cache.still_gives(&caller.known, moment.instant)
        });
        // Boxed, because futures that are seldom made would be copied each time.
        if let Some(digest) = digest.filter(|_| !is_same) {
            visit.caller = Some(Box::pin(self.meet(digest, visit.address, moment)).await?);
        }
        let is_there = visit.registry.as_ref().is_some_and(|taken| {
            taken.value().name.as_str() == registry && self.registry_cache.still_gives(taken, moment.instant)
        });
        if !is_there {
            visit.registry = Some(Box::pin(self.find_registry(registry, moment)).await?);
        }
        let record = visit.registry.as_ref().expect("it is there or was found").value();
        let actor = match (digest, &visit.caller) {
            (None, _) => &visit.anonymous,
            (Some(_), Some(caller)) if self.recognises(caller.known.value(), moment, visit.address) => {
                &caller.actor
            }
            (Some(_), _) => return Err(not_valid()),
        };
        Ok((actor, record))
    }

    async fn meet(&self, digest: Sha256, address: Option<IpAddr>, moment: Moment) -> Result<Caller> {
        let known = self.account_cache.take(&digest, || digest, self, moment.instant).await?;
        let known = known.ok_or_else(not_valid)?;
        let actor = known.value().actor(address)?;
        Ok(Caller { digest, known, actor })
    }

    async fn find_registry(&self, name: &str, moment: Moment) -> Result<Taken<Arc<RegistryRecord>>> {
        let name: RegistryName = name.parse().map_err(Error::invalid)?;
        let found = self.registry_cache.take(&name, || name.clone(), self, moment.instant).await?;
        found.ok_or_else(|| no_such_registry(&name))
    }
}
