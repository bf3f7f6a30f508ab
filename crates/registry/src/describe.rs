//! Reading about crates: what pages, bots and the command line show.

use crate::actor::Actor;
use crate::counters;
use crate::entity::{CrateHead, Version as Stored};
use crate::error::Result;
use crate::holdfast::Holdfast;
use crate::rights::{Action, limited_reader, may_see, no_such_crate, require};
use futures_util::future::try_join_all;
use holdfast_store::{Scan, scan, scan_all};
use holdfast_types::{CanonicalName, CrateName, RegistryName, VersionKey};
use std::collections::BTreeMap;
use std::time::Duration;

/// A crate with its versions.
#[derive(Clone, Debug)]
pub struct Description {
    /// The crate as a whole.
    pub head: CrateHead,
    /// Its versions, the highest first, without removed ones.
    pub versions: Vec<Stored>,
    /// How often they were downloaded.
    pub downloads: Downloads,
}

/// How often a crate was downloaded. What other processes counted in the last seconds is still missing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Downloads {
    /// All versions together, removed ones too.
    pub total: u64,
    /// Each version.
    pub by_version: BTreeMap<VersionKey, u64>,
}

/// The downloads of one version on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DailyDownloads {
    /// The day, `2026-01-31`.
    pub day: String,
    /// The version.
    pub version: VersionKey,
    /// How often.
    pub count: u64,
}

impl Holdfast {
    /// A crate with its versions and downloads.
    pub async fn describe(
        &self,
        actor: &Actor,
        registry: &RegistryName,
        name: &CrateName,
    ) -> Result<Description> {
        let head = self.head_to_read(actor, registry, name).await?;
        let krate = head.canonical();
        let stored = scan_all::<Stored>(&*self.store, &Stored::part(registry, &krate)).await?;
        let mut versions: Vec<Stored> = stored
            .into_iter()
            .map(|(_, version)| version)
            .filter(|version| version.removed.is_none())
            .collect();
        if versions.is_empty() {
            return Err(no_such_crate(name.as_str()));
        }
        versions.sort_by(|a, b| b.line.vers.cmp(&a.line.vers));
        Ok(Description { head, versions, downloads: self.downloads(registry, &krate).await? })
    }

    /// The downloads of a crate, day by day, of the last 90 days.
    pub async fn downloads_by_day(
        &self,
        actor: &Actor,
        registry: &RegistryName,
        name: &CrateName,
    ) -> Result<Vec<DailyDownloads>> {
        let head = self.head_to_read(actor, registry, name).await?;
        let first = self.outside.now().minus(Duration::from_hours(2160)).day();
        let mut page = Scan::first(counters::part(registry, &head.canonical()), 512);
        page.after = Some(format!("day/{first}"));
        page.before = Some("day0".to_owned());
        let mut days = Vec::new();
        loop {
            let found = self.store.counters(&page).await?;
            let Some((last, _)) = found.last() else { return Ok(days) };
            page.after = Some(last.sort.clone());
            for (key, count) in found {
                let Some((day, version)) =
                    key.sort.strip_prefix("day/").and_then(|rest| rest.split_once('/'))
                else {
                    continue;
                };
                let Ok(version) = version.parse() else { continue };
                days.push(DailyDownloads {
                    day: day.to_owned(),
                    version,
                    count: u64::try_from(count).unwrap_or(0),
                });
            }
        }
    }

    /// The crates of a registry by name, `limit` of them after one; those without a version are left out.
    pub async fn list_crates(
        &self,
        actor: &Actor,
        registry: &RegistryName,
        after: Option<&CanonicalName>,
        limit: u32,
    ) -> Result<Vec<CrateHead>> {
        let record = self.registry(registry).await?;
        require(actor, Action::Browse(&record))?;
        let limited = limited_reader(actor);
        let mut page = Scan::first(CrateHead::part(registry), limit.clamp(1, 1000));
        page.after = after.map(ToString::to_string);
        let mut crates = Vec::new();
        while crates.len() < limit as usize {
            let heads = scan::<CrateHead>(&*self.store, &page).await?;
            let Some((_, last)) = heads.last() else { break };
            page.after = Some(last.canonical().to_string());
            let visible = heads.into_iter().map(|(_, head)| head).filter(|head| {
                head.max_version.is_some()
                    && may_see(actor, head.audience().as_ref())
                    && limited.is_none_or(|account| account.scopes.cover_crate(&head.canonical()))
            });
            crates.extend(visible.take(limit as usize - crates.len()));
        }
        Ok(crates)
    }

    /// How often each of some crates was downloaded in all, for a page of a list.
    pub async fn total_downloads(&self, crates: &[CrateHead]) -> Result<Vec<u64>> {
        let totals = crates.iter().map(|head| async move {
            self.total_of(counters::part(&head.registry, &head.canonical())).await
        });
        try_join_all(totals).await
    }

    async fn total_of(&self, part: String) -> Result<u64> {
        let mut page = Scan::first(part, 1);
        page.after = Some("tota".to_owned());
        page.before = Some("total0".to_owned());
        let found = self.store.counters(&page).await?;
        Ok(found.first().map_or(0, |(_, count)| u64::try_from(*count).unwrap_or(0)))
    }

    async fn downloads(&self, registry: &RegistryName, krate: &CanonicalName) -> Result<Downloads> {
        let part = counters::part(registry, krate);
        let total = self.total_of(part.clone()).await?;
        let mut downloads = Downloads { total, by_version: BTreeMap::new() };
        let mut page = Scan {
            after: Some("version/".to_owned()),
            before: Some("version0".to_owned()),
            ..Scan::first(part, 512)
        };
        loop {
            let found = self.store.counters(&page).await?;
            let Some((last, _)) = found.last() else { return Ok(downloads) };
            page.after = Some(last.sort.clone());
            for (key, count) in &found {
                let version = key.sort.strip_prefix("version/").and_then(|version| version.parse().ok());
                if let Some(version) = version {
                    downloads.by_version.insert(version, u64::try_from(*count).unwrap_or(0));
                }
            }
        }
    }
}
