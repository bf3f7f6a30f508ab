//! Keeping the search index up to date: a tail of the crates by last change.
//!
//! The index remembers how far it came. Commits of other processes may appear a little out of order, so a
//! tail begins some seconds before that point; indexing a crate again does no harm.

use crate::entity::{CrateHead, Readme, RegistryRecord};
use crate::error::{Error, Kind, Result};
use crate::holdfast::Holdfast;
use crate::search::access_labels;
use holdfast_search::{Change, Document, SearchIndex};
use holdfast_store::{Scan, read_many, scan_all};
use holdfast_types::{CanonicalName, RegistryName};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

/// How far each registry is indexed: the last sort key of its recent index.
type Cursor = BTreeMap<RegistryName, String>;

/// How many milliseconds a tail goes back, for commits that appear late.
const OVERLAP_MILLIS: u64 = 10_000;

/// How many crates go into one commit of the index.
const CHUNK: u32 = 2000;

/// What a tail has indexed within the overlap, so that it is not done again and again: crates by place and
/// the sort key they had.
#[derive(Default)]
pub struct Tail {
    done: HashSet<(RegistryName, String)>,
}

impl Holdfast {
    /// Makes searchable what changed, a chunk at a time, until nothing is left.
    pub async fn index_changes(&self, tail: &mut Tail) -> Result<()> {
        let Some(index) = self.search.clone() else { return Ok(()) };
        let registries = scan_all::<RegistryRecord>(&*self.store, RegistryRecord::PART).await?;
        for (_, record) in registries {
            while self.index_chunk(&index, &record, tail).await? {}
        }
        self.metrics.searchable.set(i64::try_from(index.len()).unwrap_or(i64::MAX));
        Ok(())
    }

    /// Indexes one chunk of a registry; `false` when there was no full one.
    async fn index_chunk(
        &self,
        index: &Arc<SearchIndex>,
        record: &RegistryRecord,
        tail: &mut Tail,
    ) -> Result<bool> {
        let mut cursor: Cursor =
            index.cursor().and_then(|cursor| serde_json::from_str(&cursor).ok()).unwrap_or_default();
        let seen = cursor.get(&record.name).cloned().unwrap_or_default();
        let recent = self.recent(&record.name, &seen, tail).await?;
        let Some(last) = recent.last().cloned() else { return Ok(false) };
        let names: Vec<CanonicalName> =
            recent.iter().filter_map(|sort| sort.split_once('/')?.1.parse().ok()).collect();
        let changes = self.changes(record, &names).await?;
        // A process whose clock is ahead must not make this one pass over what others change meanwhile.
        let last = last.max(seen).min(format!("{:015}/~", self.outside.unix_millis()));
        cursor.insert(record.name.clone(), last.clone());
        let cursor =
            serde_json::to_string(&cursor).map_err(|e| Error::with_source(Kind::Internal, "no cursor", e))?;
        let writer = index.clone();
        let task = tokio::task::spawn_blocking(move || writer.apply(&changes, &cursor));
        task.await.map_err(|e| Error::with_source(Kind::Internal, "the search index failed", e))??;
        let full = recent.len() == CHUNK as usize;
        tail.remember(&record.name, recent, &last);
        Ok(full)
    }

    /// The sort keys of what changed after a point, or shortly before it and not yet indexed.
    async fn recent(&self, registry: &RegistryName, seen: &str, tail: &Tail) -> Result<Vec<String>> {
        let mut page = Scan::first(CrateHead::recent_part(registry), CHUNK);
        page.after = Some(earlier(seen));
        let mut found = Vec::new();
        while found.len() < CHUNK as usize {
            let docs = self.store.scan(&page).await?;
            let Some(last) = docs.last() else { break };
            page.after = Some(last.key.sort.clone());
            let sorts = docs.into_iter().map(|doc| doc.key.sort);
            let new = sorts.filter(|sort| !tail.done.contains(&(registry.clone(), sort.clone())));
            found.extend(new.take(CHUNK as usize - found.len()));
        }
        Ok(found)
    }

    async fn changes(&self, record: &RegistryRecord, names: &[CanonicalName]) -> Result<Vec<Change>> {
        let registry = &record.name;
        let mut changes = Vec::with_capacity(names.len());
        for names in names.chunks(200) {
            let keys: Vec<_> = names.iter().map(|name| CrateHead::key_of(registry, name)).collect();
            let heads = read_many::<CrateHead>(&*self.store, &keys).await?;
            let keys: Vec<_> = names.iter().map(|name| Readme::key_of(registry, name)).collect();
            let readmes = read_many::<Readme>(&*self.store, &keys).await?;
            for ((name, head), readme) in names.iter().zip(heads).zip(readmes) {
                let live = head.map(|(_, head)| head).filter(|head| head.max_version.is_some());
                changes.push(match live {
                    Some(head) => {
                        let readme = readme.map(|(_, readme)| readme.text).unwrap_or_default();
                        Change::Upsert(Box::new(document(record, head, readme)))
                    }
                    None => Change::Remove { registry: registry.to_string(), canonical: name.to_string() },
                });
            }
        }
        Ok(changes)
    }
}

impl Tail {
    /// Remembers what was indexed, and forgets what no later scan can show again.
    fn remember(&mut self, registry: &RegistryName, sorts: Vec<String>, last: &str) {
        let horizon = earlier(last);
        self.done.extend(sorts.into_iter().map(|sort| (registry.clone(), sort)));
        self.done.retain(|(place, sort)| place != registry || *sort > horizon);
    }
}

/// The sort key some seconds before another.
fn earlier(sort: &str) -> String {
    let millis: u64 = sort.split_once('/').and_then(|(millis, _)| millis.parse().ok()).unwrap_or(0);
    format!("{:015}", millis.saturating_sub(OVERLAP_MILLIS))
}

fn document(record: &RegistryRecord, head: CrateHead, readme: String) -> Document {
    let access = access_labels(record, &head);
    Document {
        registry: record.name.to_string(),
        canonical: head.canonical().to_string(),
        name: head.name.to_string(),
        description: head.about.description.unwrap_or_default(),
        keywords: head.about.keywords,
        categories: head.about.categories,
        dependencies: head.dependencies.iter().map(ToString::to_string).collect(),
        readme,
        downloads: None,
        updated_at: i64::try_from(head.updated_millis / 1000).unwrap_or(i64::MAX),
        access,
    }
}
