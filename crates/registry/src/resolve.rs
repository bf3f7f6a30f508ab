//! What cargo's resolver reads: the index file of a crate, from memory.

use crate::actor::Actor;
use crate::clock::Outside;
use crate::entity::{Audience, CrateHead, RegistryRecord, Version};
use crate::error::{Error, Kind, Result};
use crate::fresh::{Fresh, Source};
use crate::holdfast::Holdfast;
use crate::rights::{Action, may_see, no_such_crate, require};
use crate::settings::Settings;
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use holdfast_store::{Committed, Rev, Tx, read, scan_all};
use holdfast_types::{CanonicalName, CrateName, RegistryName, Sha256, VersionKey};
use quick_cache::Equivalent;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Instant;

/// The index file of a crate as it is served.
#[derive(Debug)]
pub struct IndexFile {
    /// One line per version, each ended by a line feed, from the lowest version to the highest.
    pub body: Bytes,
    /// The same, compressed, when that is smaller.
    pub gzip: Option<Bytes>,
    /// A strong entity tag with its quotes: half of the digest of `body`, since it goes both ways with each check.
    pub etag: String,
    /// The crate's name in lower case, which the path of this file ends in.
    lower_name: String,
    /// Who may see the crate, unless everybody may who reads the registry.
    pub(crate) audience: Option<Audience>,
    /// The state of the crate that this was made from.
    rev: Rev,
    /// Each version's file, sorted by version.
    files: Vec<(VersionKey, Sha256, u64)>,
}

impl IndexFile {
    /// The digest and size of a version's `.crate` file.
    pub(crate) fn file(&self, version: &VersionKey) -> Option<(Sha256, u64)> {
        let found = self.files.binary_search_by(|(key, ..)| key.cmp(version)).ok()?;
        let (_, sha256, size_bytes) = self.files[found];
        Some((sha256, size_bytes))
    }

    fn weight(file: &Arc<IndexFile>) -> u64 {
        let gzip = file.gzip.as_ref().map_or(0, Bytes::len);
        (file.body.len() + gzip + file.files.len() * 96 + 400) as u64
    }
}

/// Which crate, as the cache's key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct CrateKey(RegistryName, CanonicalName);

/// The same, borrowed.
#[derive(PartialEq, Eq, Hash)]
pub(crate) struct CrateKeyRef<'a>(pub(crate) &'a RegistryName, pub(crate) &'a CanonicalName);

impl Equivalent<CrateKey> for CrateKeyRef<'_> {
    fn equivalent(&self, key: &CrateKey) -> bool {
        *self.0 == key.0 && *self.1 == key.1
    }
}

/// Index files in memory, bounded by their bytes.
pub(crate) type IndexCache = Fresh<CrateKey, Arc<IndexFile>>;

pub(crate) fn cache(outside: &Arc<dyn Outside>, settings: &Settings) -> IndexCache {
    let entries = usize::try_from(settings.index_cache_bytes / 4096).unwrap_or(usize::MAX).clamp(16, 100_000);
    Fresh::new(outside.clone(), settings.bounds(), entries, settings.index_cache_bytes, IndexFile::weight)
}

impl Holdfast {
    /// The index file of a crate. `name` is the last part of the path that was asked for; a crate under
    /// another spelling is not there, as cargo expects, who then tries that spelling itself.
    pub async fn index_file(
        &self,
        actor: &Actor,
        registry: &RegistryName,
        name: &CrateName,
    ) -> Result<Arc<IndexFile>> {
        let record = self.registry(registry).await?;
        self.index_file_in(actor, &record, name, self.outside.instant()).await
    }

    /// The same for a front that has the registry at hand, and knows what time it is.
    pub async fn index_file_in(
        &self,
        actor: &Actor,
        record: &RegistryRecord,
        name: &CrateName,
        now: Instant,
    ) -> Result<Arc<IndexFile>> {
        let file = self.crate_file(actor, record, &name.canonical(), name, now).await?;
        if file.lower_name != name.as_str() {
            return Err(no_such_crate(name.as_str()));
        }
        Ok(file)
    }

    /// The index file of a crate, under whichever spelling.
    pub(crate) async fn crate_file(
        &self,
        actor: &Actor,
        record: &RegistryRecord,
        krate: &CanonicalName,
        name: &CrateName,
        now: Instant,
    ) -> Result<Arc<IndexFile>> {
        require(actor, Action::Read(record, krate))?;
        let registry = &record.name;
        let key = CrateKeyRef(registry, krate);
        // How long a refusal takes must not tell a hidden crate from an absent one: each costs one read of a head.
        if record.hides && !self.index_cache.keeps(&key) {
            self.head_to_read(actor, registry, name).await?;
        }
        let own = || CrateKey(registry.clone(), krate.clone());
        let found = self.index_cache.get(&key, own, self, now).await?;
        let is_hidden = found.as_ref().is_some_and(|file| !may_see(actor, file.audience.as_ref()));
        if is_hidden {
            self.head_to_read(actor, registry, name).await?;
        }
        seen_by(actor, found, name)
    }

    /// The same for an actor who may read the registry, as the database has it now.
    pub(crate) async fn crate_file_now(
        &self,
        actor: &Actor,
        registry: &RegistryName,
        krate: &CanonicalName,
        name: &CrateName,
    ) -> Result<Arc<IndexFile>> {
        let found = self.index_cache.get_now(CrateKey(registry.clone(), krate.clone()), self).await?;
        seen_by(actor, found, name)
    }

    /// Commits a change of a crate, makes it visible in this process at once and tells the search index,
    /// whether or not the outcome is known.
    pub(crate) async fn commit_crate(
        &self,
        tx: Tx,
        registry: &RegistryName,
        krate: &CanonicalName,
    ) -> Result<Committed> {
        let committed = tx.commit().await;
        self.index_cache.forget(&CrateKeyRef(registry, krate));
        self.changed.notify_one();
        Ok(committed?)
    }
}

/// What is there for an actor: the same refusal for a crate that is not there and one that is hidden.
fn seen_by(actor: &Actor, found: Option<Arc<IndexFile>>, name: &CrateName) -> Result<Arc<IndexFile>> {
    let seen = found.filter(|file| may_see(actor, file.audience.as_ref()));
    seen.ok_or_else(|| no_such_crate(name.as_str()))
}

impl Source<CrateKey, Arc<IndexFile>> for Holdfast {
    type Error = Error;

    fn is_outage(error: &Error) -> bool {
        error.kind() == Kind::Unavailable
    }

    async fn load(&self, key: &CrateKey, known: Option<Arc<IndexFile>>) -> Result<Option<Arc<IndexFile>>> {
        let CrateKey(registry, krate) = key;
        self.metrics.store_reads.inc();
        loop {
            let head_key = CrateHead::key_of(registry, krate);
            let Some((rev, head)) = read::<CrateHead>(&*self.store, &head_key).await? else {
                return Ok(None);
            };
            if let Some(known) = known.as_ref().filter(|known| known.rev == rev) {
                return Ok(Some(known.clone()));
            }
            let mut versions: Vec<Version> =
                scan_all::<Version>(&*self.store, &Version::part(registry, krate))
                    .await?
                    .into_iter()
                    .map(|(_, version)| version)
                    .filter(|version| version.removed.is_none())
                    .collect();
            // The scan is not one moment with the head; had the crate changed meanwhile, the two might not fit.
            let after = read::<CrateHead>(&*self.store, &head_key).await?;
            if after.is_none_or(|(after, _)| after != rev) {
                continue;
            }
            if versions.is_empty() {
                return Ok(None);
            }
            versions.sort_by(|a, b| a.line.vers.cmp(&b.line.vers));
            return Ok(Some(Arc::new(render(&head, rev, &versions).await?)));
        }
    }
}

async fn render(head: &CrateHead, rev: Rev, versions: &[Version]) -> Result<IndexFile> {
    let mut body = String::new();
    for version in versions {
        body.push_str(&version.line.to_json());
        body.push('\n');
    }
    let mut files: Vec<_> = versions
        .iter()
        .map(|version| (version.line.vers.key(), version.line.cksum, version.size_bytes))
        .collect();
    files.sort_by(|a, b| a.0.cmp(&b.0));
    let body = Bytes::from(body);
    let etag = format!("\"{}\"", &Sha256::of(&body).to_string()[..32]);
    let gzip = compress(body.clone()).await?;
    let lower_name = head.name.as_str().to_ascii_lowercase();
    Ok(IndexFile { body, gzip, etag, lower_name, audience: head.audience(), rev, files })
}

/// The compressed variant, if it is worth it. What fits in one packet anyway is not.
async fn compress(body: Bytes) -> Result<Option<Bytes>> {
    const ONE_PACKET_BYTES: usize = 1200;
    const INLINE_BYTES: usize = 32 * 1024;
    if body.len() < ONE_PACKET_BYTES {
        return Ok(None);
    }
    let gzip = if body.len() < INLINE_BYTES {
        gzip(&body)
    } else {
        let body = body.clone();
        let task = tokio::task::spawn_blocking(move || gzip(&body));
        task.await.map_err(|e| Error::with_source(Kind::Internal, "the server is stopping", e))?
    };
    Ok(Some(gzip).filter(|gzip| gzip.len() < body.len()))
}

fn gzip(body: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 3), Compression::new(6));
    encoder.write_all(body).expect("writing to memory does not fail");
    encoder.finish().expect("writing to memory does not fail").into()
}
