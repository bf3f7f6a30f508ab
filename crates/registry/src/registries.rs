//! The registries of the server.

use crate::actor::Actor;
use crate::audit::Deed;
use crate::clock::Outside;
use crate::entity::{CrateHead, RegistryKind, RegistryRecord};
use crate::error::{Error, Kind, Result};
use crate::fresh::{Fresh, Source};
use crate::holdfast::Holdfast;
use crate::rights::{Action, require};
use crate::settings::Settings;
use holdfast_package::RequiredFields;
use holdfast_store::{Committed, Pages, Tx, read, scan_all};
use holdfast_types::RegistryName;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many registries are held in memory.
const CACHED_REGISTRIES: usize = 1000;

/// Registries in memory.
pub(crate) type RegistryCache = Fresh<RegistryName, Arc<RegistryRecord>>;

pub(crate) fn cache(outside: &Arc<dyn Outside>, settings: &Settings) -> RegistryCache {
    Fresh::new(outside.clone(), settings.bounds(), CACHED_REGISTRIES, CACHED_REGISTRIES as u64, |_| 1)
}

/// A registry to be made.
#[derive(Clone, Debug)]
pub struct NewRegistry {
    /// A part of its permanent URL.
    pub name: RegistryName,
    /// Where its crates come from.
    pub kind: RegistryKind,
    /// Whether reading needs no login.
    pub anonymous_read: bool,
}

/// What to change of a registry; `None` leaves it.
#[derive(Clone, Debug, Default)]
pub struct RegistryChange {
    /// Whether reading needs no login.
    pub anonymous_read: Option<bool>,
    /// Manifest fields that a publish must have; an inner `None` goes back to the server's setting.
    pub required_fields: Option<Option<RequiredFields>>,
}

impl Holdfast {
    /// A registry, from memory when it was read lately.
    pub async fn registry(&self, name: &RegistryName) -> Result<Arc<RegistryRecord>> {
        let now = self.outside.instant();
        let found = self.registry_cache.get(name, || name.clone(), self, now).await?;
        found.ok_or_else(|| no_such_registry(name))
    }

    /// A registry for an actor who may read in it.
    pub async fn enter(&self, actor: &Actor, name: &RegistryName) -> Result<Arc<RegistryRecord>> {
        let registry = self.registry(name).await?;
        require(actor, Action::Enter(&registry))?;
        Ok(registry)
    }

    /// The registries that the actor may enter, by name.
    pub async fn list_registries(&self, actor: &Actor) -> Result<Vec<RegistryRecord>> {
        let all = scan_all::<RegistryRecord>(&*self.store, RegistryRecord::PART).await?;
        let all = all.into_iter().map(|(_, registry)| registry).filter(|registry| !registry.removed);
        Ok(all.filter(|registry| require(actor, Action::Enter(registry)).is_ok()).collect())
    }

    /// Makes a registry. For admins.
    pub async fn create_registry(&self, actor: &Actor, new: NewRegistry) -> Result<RegistryRecord> {
        let deed = Deed { action: "registry-create", registry: Some(&new.name), subject: new.name.as_str() };
        self.logged(actor, deed, self.try_create_registry(actor, deed, &new).await).await
    }

    /// Changes the settings of a registry. For admins.
    pub async fn update_registry(
        &self,
        actor: &Actor,
        name: &RegistryName,
        change: RegistryChange,
    ) -> Result<RegistryRecord> {
        let deed = Deed { action: "registry-update", registry: Some(name), subject: name.as_str() };
        self.logged(actor, deed, self.try_update_registry(actor, deed, name, &change).await).await
    }

    /// Removes a registry without crates. For admins. What removed crates left behind stays: should the
    /// registry be made again, their versions still cannot mean other bytes.
    pub async fn remove_registry(&self, actor: &Actor, name: &RegistryName) -> Result<()> {
        let deed = Deed { action: "registry-remove", registry: Some(name), subject: name.as_str() };
        self.logged(actor, deed, self.try_remove_registry(actor, deed, name).await).await
    }

    async fn try_create_registry(
        &self,
        actor: &Actor,
        deed: Deed<'_>,
        new: &NewRegistry,
    ) -> Result<RegistryRecord> {
        require(actor, Action::Administer)?;
        let record = RegistryRecord {
            name: new.name.clone(),
            kind: new.kind,
            anonymous_read: new.anonymous_read,
            required_fields: None,
            roles: BTreeMap::new(),
            trusts: Vec::new(),
            hides: false,
            created_at: self.outside.now(),
            removed: false,
        };
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            if live(&mut tx, &new.name).await?.is_some() {
                return Err(Error::conflict(format!("there is a registry `{}` already", new.name)));
            }
            tx.put(&record).await?;
            self.record(&mut tx, actor, deed, Some(openness(new.anonymous_read).to_owned())).await?;
            if let Committed::Yes = self.commit_registry(tx, &new.name).await? {
                return Ok(record);
            }
        }
    }

    async fn try_update_registry(
        &self,
        actor: &Actor,
        deed: Deed<'_>,
        name: &RegistryName,
        change: &RegistryChange,
    ) -> Result<RegistryRecord> {
        require(actor, Action::Administer)?;
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            let before = live(&mut tx, name).await?.ok_or_else(|| no_such_registry(name))?;
            let mut record = before.clone();
            let words = change.apply(&mut record);
            if record == before {
                return Ok(record);
            }
            tx.put(&record).await?;
            self.record(&mut tx, actor, deed, Some(words)).await?;
            if let Committed::Yes = self.commit_registry(tx, name).await? {
                return Ok(record);
            }
        }
    }

    async fn try_remove_registry(&self, actor: &Actor, deed: Deed<'_>, name: &RegistryName) -> Result<()> {
        require(actor, Action::Administer)?;
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            let record = live(&mut tx, name).await?.ok_or_else(|| no_such_registry(name))?;
            self.require_no_crates(name).await?;
            tx.put(&RegistryRecord { removed: true, ..record.clone() }).await?;
            self.record(&mut tx, actor, deed, None).await?;
            if let Committed::Yes = self.commit_registry(tx, name).await? {
                return self.confirm_removal(actor, deed, &record).await;
            }
        }
    }

    /// A publish guards the registry's record, so none commits after its removal; but one may have come
    /// between our look at the crates and the removal. Then the registry comes back.
    async fn confirm_removal(&self, actor: &Actor, deed: Deed<'_>, record: &RegistryRecord) -> Result<()> {
        let Err(error) = self.require_no_crates(&record.name).await else { return Ok(()) };
        let mut retry = self.retry();
        loop {
            let mut tx = retry.begin().await?;
            if live(&mut tx, &record.name).await?.is_some() {
                return Err(error);
            }
            tx.put(record).await?;
            self.record(&mut tx, actor, deed, Some("taken back".to_owned())).await?;
            if let Committed::Yes = self.commit_registry(tx, &record.name).await? {
                return Err(error);
            }
        }
    }

    async fn require_no_crates(&self, name: &RegistryName) -> Result<()> {
        let mut pages = Pages::new(&*self.store, CrateHead::part(name));
        while let Some(heads) = pages.next_entities::<CrateHead>().await? {
            if let Some((_, head)) = heads.iter().find(|(_, head)| head.version_count > 0) {
                return Err(Error::conflict(format!(
                    "the registry `{name}` has crates, like `{}`; remove each first with `holdfast crate remove {name} CRATE`",
                    head.name
                )));
            }
        }
        Ok(())
    }

    /// Commits a change of a registry, and forgets it whether or not the outcome is known.
    pub(crate) async fn commit_registry(&self, tx: Tx, name: &RegistryName) -> Result<Committed> {
        let committed = tx.commit().await;
        self.registry_cache.forget(name);
        Ok(committed?)
    }
}

/// A registry that is there and was not removed.
pub(crate) async fn live(tx: &mut Tx, name: &RegistryName) -> Result<Option<RegistryRecord>> {
    let record = tx.get::<RegistryRecord>(&RegistryRecord::key_of(name)).await?;
    Ok(record.filter(|record| !record.removed))
}

impl Source<RegistryName, Arc<RegistryRecord>> for Holdfast {
    type Error = Error;

    fn is_outage(error: &Error) -> bool {
        error.kind() == Kind::Unavailable
    }

    async fn load(
        &self,
        name: &RegistryName,
        known: Option<Arc<RegistryRecord>>,
    ) -> Result<Option<Arc<RegistryRecord>>> {
        self.metrics.store_reads.inc();
        let found = read::<RegistryRecord>(&*self.store, &RegistryRecord::key_of(name)).await?;
        let found = found.filter(|(_, record)| !record.removed);
        Ok(found.map(|(_, record)| match known {
            Some(known) if *known == record => known,
            _ => Arc::new(record),
        }))
    }
}

impl RegistryChange {
    /// Makes the change and says it in words.
    fn apply(&self, record: &mut RegistryRecord) -> String {
        let mut words = Vec::new();
        if let Some(anonymous_read) = self.anonymous_read {
            record.anonymous_read = anonymous_read;
            words.push(openness(anonymous_read).to_owned());
        }
        if let Some(required_fields) = &self.required_fields {
            record.required_fields.clone_from(required_fields);
            words.push(match required_fields {
                Some(fields) => format!("requires the fields `{fields}`"),
                None => "requires the fields that the server does".to_owned(),
            });
        }
        words.join(", ")
    }
}

fn openness(anonymous_read: bool) -> &'static str {
    if anonymous_read { "reading needs no login" } else { "reading needs a login" }
}

pub(crate) fn no_such_registry(name: &RegistryName) -> Error {
    Error::not_found(format!("there is no registry `{name}` here"))
}
