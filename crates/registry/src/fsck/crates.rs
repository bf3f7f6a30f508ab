//! Crates: their versions, and the files of these.

use super::{Check, Depth, readable};
use crate::entity::{CrateHead, RegistryRecord, Version};
use crate::error::Result;
use holdfast_blobs::{BlobError, Verdict};
use holdfast_store::{Entity, IndexCheck, Pages, scan_all};
use holdfast_types::{RegistryName, Sha256};

impl Check<'_> {
    /// Registries, with their crates.
    pub(super) async fn crates(&mut self) -> Result<()> {
        let mut pages = Pages::new(self.store, RegistryRecord::PART);
        while let Some(records) = readable::<RegistryRecord>(&mut pages).await? {
            self.name_missing(&records).await?;
            self.note_trust(&records);
        }
        for registry in self.registries.clone() {
            self.registry(&registry).await?;
        }
        Ok(())
    }

    async fn registry(&mut self, registry: &RegistryName) -> Result<()> {
        let mut pages = Pages::new(self.store, CrateHead::part(registry));
        while let Some(heads) = readable::<CrateHead>(&mut pages).await? {
            self.name_missing(&heads).await?;
            self.note_trust(&heads);
            for head in &heads {
                self.findings.crates += 1;
                let checked = self.krate(head).await;
                self.findings.unless_unreadable(checked)?;
            }
        }
        Ok(())
    }

    /// Remembers in which partitions trust rules are found by their issuer: there is no list of issuers.
    fn note_trust<E: Entity>(&mut self, entities: &[E]) {
        let entries = entities.iter().flat_map(E::indexes);
        let parts = entries.map(|(entry, _)| entry.part).filter(|part| part.starts_with("trust/"));
        self.trust_parts.extend(parts);
    }

    async fn krate(&mut self, head: &CrateHead) -> Result<()> {
        let (registry, name) = (&head.registry, &head.name);
        let mut tell = |problem: String| self.findings.problems.push(problem);
        if head.owners.is_empty() {
            tell(format!(
                "`{name}` has no owner; add one with `holdfast crate owner add {registry} {name} NAME`"
            ));
        }
        if head.trusted_only && head.trusts.is_empty() {
            tell(format!(
                "`{name}` is left to trusted jobs and trusts none; let its owners publish with `holdfast crate trust {registry} {name} --only false`"
            ));
        }
        let part = Version::part(registry, &head.canonical());
        let versions = scan_all::<Version>(self.store, &part).await?;
        let live: Vec<&Version> = versions.iter().map(|(_, v)| v).filter(|v| v.removed.is_none()).collect();
        if live.len() != head.version_count as usize {
            tell(format!("`{name}` in `{registry}` has {} of {} versions", live.len(), head.version_count));
        }
        let best = live.iter().max_by_key(|v| (!v.line.yanked, v.line.vers.rank()));
        if best.map(|v| &v.line.vers) != head.max_version.as_ref()
            || best.is_some_and(|v| v.line.yanked) != head.max_yanked
        {
            tell(format!("`{name}` in `{registry}` does not show its newest version"));
        }
        for version in live {
            self.findings.versions += 1;
            if let Some(problem) = self.file(version).await? {
                self.findings.problems.push(problem);
            }
        }
        let mut indexes = IndexCheck::new(self.store);
        indexes.entities::<Version>(&part).await?;
        // Stray entries are not looked for here: another crate may refer to the same file.
        self.findings.tell(indexes.finish([""; 0]).await?);
        Ok(())
    }

    async fn file(&self, version: &Version) -> Result<Option<String>> {
        let place = format!("`{}@{}` in `{}`", version.line.name, version.line.vers, version.registry);
        let sha256: Sha256 = version.line.cksum;
        let size = self.blobs.size(&sha256).await?;
        let Some(size) = size else { return Ok(Some(format!("the file of {place} is missing"))) };
        if size != version.size_bytes {
            return Ok(Some(format!("the file of {place} has {size} bytes, not {}", version.size_bytes)));
        }
        if self.depth == Depth::Sizes {
            return Ok(None);
        }
        match self.blobs.verify(&sha256).await {
            Ok(Verdict::Intact { .. }) => Ok(None),
            Ok(Verdict::Corrupt { actual, .. }) => {
                Ok(Some(format!("the file of {place} is damaged: its digest is {actual}, not {sha256}")))
            }
            Err(BlobError::NotFound(_)) => Ok(Some(format!("the file of {place} is missing"))),
            Err(error) => Err(error.into()),
        }
    }
}
