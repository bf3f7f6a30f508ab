//! Yanking: resolvers stop choosing a version, lock files keep working.

use crate::actor::Actor;
use crate::audit::Deed;
use crate::entity::{CrateHead, Version as Stored};
use crate::error::{Error, Result};
use crate::holdfast::Holdfast;
use crate::rights::{Action, may_see, no_such_crate, require, require_bound};
use holdfast_store::{Committed, Tx};
use holdfast_types::{CrateName, Endpoint, Principal, RegistryName, Version};

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Yank {
    /// Take it out of resolution.
    Yes,
    /// Put it back.
    No,
}

impl Holdfast {
    /// Yanks a version or puts it back. Doing it twice is success.
    pub async fn yank(
        &self,
        actor: &Actor,
        registry: &RegistryName,
        name: &CrateName,
        version: &Version,
        yank: Yank,
    ) -> Result<()> {
        let subject = format!("{name}@{version}");
        let action = if yank == Yank::Yes { "yank" } else { "unyank" };
        let deed = Deed { action, registry: Some(registry), subject: &subject };
        let result = self.try_yank(actor, deed, registry, name, version, yank).await;
        self.logged(actor, deed, result).await
    }

    async fn try_yank(
        &self,
        actor: &Actor,
        deed: Deed<'_>,
        registry: &RegistryName,
        name: &CrateName,
        version: &Version,
        yank: Yank,
    ) -> Result<()> {
        let krate = name.canonical();
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            let mut head = self.head_to_change(&mut tx, actor, registry, name, Endpoint::Yank).await?;
            require_bound(actor, version, None)?;
            let stored = tx.get::<Stored>(&Stored::key_of(registry, &krate, &version.key())).await?;
            let mut stored = stored
                .filter(|stored| stored.removed.is_none())
                .ok_or_else(|| no_such_version(name, version))?;
            let wanted = yank == Yank::Yes;
            if stored.line.yanked == wanted {
                return Ok(());
            }
            stored.line.yanked = wanted;
            tx.put(&stored).await?;
            self.summarise(&mut head, Some(&stored)).await?;
            tx.put(&head).await?;
            self.record(&mut tx, actor, deed, None).await?;
            if let Committed::Yes = self.commit_crate(tx, registry, &krate).await? {
                return Ok(());
            }
        }
    }

    /// Reads a crate's head in order to change it, when the actor may.
    pub(crate) async fn head_to_change(
        &self,
        tx: &mut Tx,
        actor: &Actor,
        registry: &RegistryName,
        name: &CrateName,
        endpoint: Endpoint,
    ) -> Result<CrateHead> {
        let record = self.enter(actor, registry).await?;
        let head = tx.get::<CrateHead>(&CrateHead::key_of(registry, &name.canonical())).await?;
        let Some(head) = head.filter(|head| may_see(actor, head.audience().as_ref())) else {
            // Whoever could not change it as its owner learns that, and not which crates there are.
            let own: Vec<Principal> = actor.login().cloned().map(Principal::User).into_iter().collect();
            require(actor, Action::Change(&record, name, &own, endpoint))?;
            return Err(no_such_crate(name.as_str()));
        };
        require(actor, Action::Change(&record, &head.name, &head.owners, endpoint))?;
        Ok(head)
    }

    /// Brings a head's summary up to date with its versions, one of which was changed in this transaction.
    pub(crate) async fn summarise(&self, head: &mut CrateHead, changed: Option<&Stored>) -> Result<()> {
        let part = Stored::part(&head.registry, &head.canonical());
        let mut versions: Vec<Stored> = holdfast_store::scan_all::<Stored>(&*self.store, &part)
            .await?
            .into_iter()
            .map(|(_, version)| version)
            .collect();
        if let Some(changed) = changed {
            let key = changed.line.vers.key();
            versions.retain(|version| version.line.vers.key() != key);
            versions.push(changed.clone());
        }
        versions.retain(|version| version.removed.is_none());
        head.version_count = u32::try_from(versions.len()).unwrap_or(u32::MAX);
        let best = versions
            .iter()
            .max_by(|a, b| (!a.line.yanked, a.line.vers.rank()).cmp(&(!b.line.yanked, b.line.vers.rank())));
        head.show(best);
        head.touch(self.outside.unix_millis());
        Ok(())
    }
}

impl CrateHead {
    /// Makes a version the one that stands for the crate.
    pub(crate) fn show(&mut self, version: Option<&Stored>) {
        self.max_version = version.map(|version| version.line.vers.clone());
        self.max_yanked = version.is_some_and(|version| version.line.yanked);
        self.about = version.map(|version| version.about.clone()).unwrap_or_default();
        let dependencies = version.into_iter().flat_map(|version| &version.line.deps);
        let own = dependencies.filter(|dependency| dependency.registry.is_none());
        self.dependencies = own.filter_map(|dependency| dependency.package_name().parse().ok()).collect();
    }
}

/// The answer for a version that is not there.
pub(crate) fn no_such_version(name: &CrateName, version: &Version) -> Error {
    Error::not_found(format!("there is no version `{version}` of the crate `{name}` here"))
}
