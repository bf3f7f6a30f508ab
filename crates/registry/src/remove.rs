//! Removing versions for good: an admin's last resort. The number stays taken by the same bytes.

use crate::actor::Actor;
use crate::audit::Deed;
use crate::entity::{CrateHead, Readme, Removal, Version as Stored};
use crate::error::Result;
use crate::holdfast::Holdfast;
use crate::rights::{Action, no_such_crate, require};
use crate::yank::no_such_version;
use holdfast_store::{Committed, scan_all};
use holdfast_types::{CrateName, RegistryName, Version};

impl Holdfast {
    /// Removes a version: it leaves the index and can no longer be downloaded. Doing it twice is success.
    pub async fn remove_version(
        &self,
        actor: &Actor,
        registry: &RegistryName,
        name: &CrateName,
        version: &Version,
    ) -> Result<()> {
        let subject = format!("{name}@{version}");
        let deed = Deed { action: "remove", registry: Some(registry), subject: &subject };
        let result = self.try_remove(actor, deed, registry, name, version).await;
        self.logged(actor, deed, result).await
    }

    /// Removes every version of a crate, one by one, and says how many. Its name and owners stay.
    pub async fn remove_crate(
        &self,
        actor: &Actor,
        registry: &RegistryName,
        name: &CrateName,
    ) -> Result<u32> {
        let deed = Deed { action: "remove", registry: Some(registry), subject: name.as_str() };
        self.logged(actor, deed, require(actor, Action::Administer)).await?;
        let versions = scan_all::<Stored>(&*self.store, &Stored::part(registry, &name.canonical())).await?;
        if versions.is_empty() {
            return self.logged(actor, deed, Err(no_such_crate(name.as_str()))).await;
        }
        let mut removed = 0;
        for (_, stored) in versions.into_iter().filter(|(_, stored)| stored.removed.is_none()) {
            self.remove_version(actor, registry, name, &stored.line.vers).await?;
            removed += 1;
        }
        Ok(removed)
    }

    async fn try_remove(
        &self,
        actor: &Actor,
        deed: Deed<'_>,
        registry: &RegistryName,
        name: &CrateName,
        version: &Version,
    ) -> Result<()> {
        require(actor, Action::Administer)?;
        let krate = name.canonical();
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            let head = tx.get::<CrateHead>(&CrateHead::key_of(registry, &krate)).await?;
            let mut head = head.ok_or_else(|| no_such_crate(name.as_str()))?;
            let stored = tx.get::<Stored>(&Stored::key_of(registry, &krate, &version.key())).await?;
            let mut stored = stored.ok_or_else(|| no_such_version(name, version))?;
            if stored.removed.is_some() {
                return Ok(());
            }
            if head.max_version.as_ref() == Some(&stored.line.vers) {
                // What is removed for good is not found by its words any more.
                tx.delete::<Readme>(&Readme::key_of(registry, &krate)).await?;
            }
            stored.removed = Some(Removal { at: self.outside.now(), by: actor.to_string() });
            tx.put(&stored).await?;
            self.summarise(&mut head, Some(&stored)).await?;
            tx.put(&head).await?;
            self.record(&mut tx, actor, deed, Some(stored.line.cksum.to_string())).await?;
            if let Committed::Yes = self.commit_crate(tx, registry, &krate).await? {
                return Ok(());
            }
        }
    }
}
