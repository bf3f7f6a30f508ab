//! Everything that is stored, in an order in which it can be stored again.
//!
//! The contract has no list of partitions, so this knows them all: a test compares what it finds with all that
//! a store holds. Index entries are left out, because they follow from the entities; see [`crate::kinds`].
//!
//! Others may write meanwhile. What a walk finds fits together all the same: the documents of a crate are those
//! of one moment, every owner comes before the crate, whoever has a role before the registry, every member and
//! the user of every token before them, and the audit log last, so that it tells of all that came before it.

use crate::counters;
use crate::entity::{
    AuditEntry, CrateHead, Identity, Invitation, Membership, PasswordRecord, Readme, RegistryRecord,
    ServerRecord, SigningKey, Team, Token, TokenUse, User, Version,
};
use crate::error::{Error, Kind, Result};
use crate::kinds::{Meaning, NeededFile, entity};
use holdfast_store::{Doc, Key, Pages, Scan, Store, StoreError};
use holdfast_types::{Principal, RegistryName, Timestamp};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// How many crates are read at a time.
const CRATES_AT_A_TIME: usize = 16;

/// How often a crate is read before we give up because it changes each time.
const ATTEMPTS: usize = 100;

/// Documents that are stored together, with what they need before them.
#[derive(Default)]
pub(crate) struct Group {
    pub(crate) files: Vec<NeededFile>,
    pub(crate) documents: Vec<Doc>,
    pub(crate) counters: Vec<(Key, i64)>,
}

/// Where a walk takes what it finds.
#[async_trait::async_trait]
pub(crate) trait Sink: Send {
    /// Takes the next documents.
    async fn take(&mut self, group: Group) -> Result<()>;
}

/// A walk through everything.
pub(crate) struct Walk<'a> {
    store: &'a Arc<dyn Store>,
    /// The users and teams that the sink has.
    principals: HashSet<Principal>,
}

/// All of one crate, as of one moment.
struct Krate {
    head_doc: Doc,
    head: CrateHead,
    group: Group,
}

impl<'a> Walk<'a> {
    /// Takes everything to the sink: first the server's own record, last the audit log until `now`.
    pub(crate) async fn through(
        store: &'a Arc<dyn Store>,
        now: Timestamp,
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let mut walk = Walk { store, principals: HashSet::new() };
        let server = walk.server(sink).await?;
        walk.accounts(sink).await?;
        let registries = walk.registries(sink).await?;
        for registry in &registries {
            walk.crates(registry, sink).await?;
        }
        walk.audit_log(server.created_at, now, sink).await
    }

    async fn server(&self, sink: &mut dyn Sink) -> Result<ServerRecord> {
        let Some(doc) = self.document(ServerRecord::key_of()).await? else {
            return Err(Error::not_found("this database holds no server; look at the option `database`"));
        };
        let server = entity::<ServerRecord>(&doc.key, &doc.body)?;
        sink.take(documents(vec![doc])).await?;
        Ok(server)
    }

    async fn registries(&mut self, sink: &mut dyn Sink) -> Result<Vec<RegistryName>> {
        let mut names = Vec::new();
        let mut pages = Pages::new(&**self.store, RegistryRecord::PART);
        while let Some(docs) = pages.next_docs().await? {
            for doc in docs {
                let doc = self.after_its_roles(doc, sink).await?;
                names.push(entity::<RegistryRecord>(&doc.key, &doc.body)?.name);
                sink.take(documents(vec![doc])).await?;
            }
        }
        Ok(names)
    }

    /// Makes sure that everybody who has a role in a registry comes before it, as the owners of a crate do.
    async fn after_its_roles(&mut self, mut doc: Doc, sink: &mut dyn Sink) -> Result<Doc> {
        for _ in 0..ATTEMPTS {
            let record = entity::<RegistryRecord>(&doc.key, &doc.body)?;
            let late = record.roles.into_keys().find(|principal| !self.principals.contains(principal));
            let Some(principal) = late else { return Ok(doc) };
            if self.late_principal(&principal, sink).await? {
                continue;
            }
            let (key, rev) = (doc.key.clone(), doc.rev);
            doc = self.document(key.clone()).await?.ok_or_else(|| vanished(&key))?;
            if doc.rev == rev {
                return Ok(doc);
            }
        }
        Err(too_lively(&doc.key))
    }

    async fn accounts(&mut self, sink: &mut dyn Sink) -> Result<()> {
        let mut pages = Pages::new(&**self.store, User::PART);
        while let Some(docs) = pages.next_docs().await? {
            for doc in &docs {
                self.principals.insert(Principal::User(entity::<User>(&doc.key, &doc.body)?.login));
            }
            sink.take(documents(docs)).await?;
        }
        let mut pages = Pages::new(&**self.store, Team::PART);
        while let Some(docs) = pages.next_docs().await? {
            for doc in docs {
                self.team(doc, sink).await?;
            }
        }
        self.passwords(sink).await?;
        self.tokens(sink).await
    }

    async fn passwords(&self, sink: &mut dyn Sink) -> Result<()> {
        let mut pages = Pages::new(&**self.store, PasswordRecord::PART);
        while let Some(mut docs) = pages.next_docs().await? {
            docs = self
                .only_of_users(docs, |doc| Ok(Some(entity::<PasswordRecord>(&doc.key, &doc.body)?.login)))?;
            sink.take(documents(docs)).await?;
        }
        let mut pages = Pages::new(&**self.store, Identity::PART);
        while let Some(mut docs) = pages.next_docs().await? {
            docs =
                self.only_of_users(docs, |doc| Ok(Some(entity::<Identity>(&doc.key, &doc.body)?.login)))?;
            sink.take(documents(docs)).await?;
        }
        let mut pages = Pages::new(&**self.store, SigningKey::PART);
        while let Some(mut docs) = pages.next_docs().await? {
            docs =
                self.only_of_users(docs, |doc| Ok(Some(entity::<SigningKey>(&doc.key, &doc.body)?.login)))?;
            sink.take(documents(docs)).await?;
        }
        let mut pages = Pages::new(&**self.store, Invitation::PART);
        while let Some(docs) = pages.next_docs().await? {
            sink.take(documents(docs)).await?;
        }
        Ok(())
    }

    async fn tokens(&self, sink: &mut dyn Sink) -> Result<()> {
        let mut ids = HashSet::new();
        let mut pages = Pages::new(&**self.store, Token::PART);
        while let Some(mut docs) = pages.next_docs().await? {
            docs =
                self.only_of_users(docs, |doc| Ok(entity::<Token>(&doc.key, &doc.body)?.login().cloned()))?;
            ids.extend(docs.iter().map(|doc| doc.key.sort.clone()));
            sink.take(documents(docs)).await?;
        }
        let mut pages = Pages::new(&**self.store, TokenUse::PART);
        while let Some(mut docs) = pages.next_docs().await? {
            docs.retain(|doc| ids.contains(&doc.key.sort));
            sink.take(documents(docs)).await?;
        }
        Ok(())
    }

    /// A team and those of its members who came before it.
    async fn team(&mut self, doc: Doc, sink: &mut dyn Sink) -> Result<()> {
        let team = entity::<Team>(&doc.key, &doc.body)?.name;
        let part = Membership::part(&team);
        sink.take(documents(vec![doc])).await?;
        self.principals.insert(Principal::Team(team));
        let mut pages = Pages::new(&**self.store, part);
        while let Some(mut docs) = pages.next_docs().await? {
            docs =
                self.only_of_users(docs, |doc| Ok(Some(entity::<Membership>(&doc.key, &doc.body)?.login)))?;
            sink.take(documents(docs)).await?;
        }
        Ok(())
    }

    /// The documents whose user came before them. A user who was made meanwhile is left out with all that
    /// is theirs, for a name without its user would wait for whoever gets that name next.
    fn only_of_users(
        &self,
        docs: Vec<Doc>,
        user_of: impl Fn(&Doc) -> Result<Option<holdfast_types::Login>>,
    ) -> Result<Vec<Doc>> {
        let mut kept = Vec::with_capacity(docs.len());
        for doc in docs {
            if user_of(&doc)?.is_none_or(|login| self.principals.contains(&Principal::User(login))) {
                kept.push(doc);
            }
        }
        Ok(kept)
    }

    async fn crates(&mut self, registry: &RegistryName, sink: &mut dyn Sink) -> Result<()> {
        let mut pages = Pages::new(&**self.store, CrateHead::part(registry));
        while let Some(heads) = pages.next_docs().await? {
            let mut heads = heads.into_iter();
            let mut reading = JoinSet::new();
            loop {
                while reading.len() < CRATES_AT_A_TIME
                    && let Some(head) = heads.next()
                {
                    reading.spawn(read_crate(self.store.clone(), head));
                }
                let Some(krate) = reading.join_next().await else { break };
                let krate = krate.map_err(|lost| Error::with_source(Kind::Internal, "a task ended", lost))?;
                let krate = self.after_its_owners(krate?, sink).await?;
                sink.take(krate.group).await?;
            }
        }
        Ok(())
    }

    /// Makes sure that every owner comes before the crate, and every team that it is visible to. One who was
    /// made after we looked at the accounts comes now. One who is gone by now was taken off the crate before, so
    /// it is read again.
    async fn after_its_owners(&mut self, mut krate: Krate, sink: &mut dyn Sink) -> Result<Krate> {
        for _ in 0..ATTEMPTS {
            let named =
                krate.head.audience().map_or_else(|| krate.head.owners.clone(), |seen| seen.principals);
            let late = named.into_iter().find(|owner| !self.principals.contains(owner));
            let Some(owner) = late else { return Ok(krate) };
            if self.late_principal(&owner, sink).await? {
                continue;
            }
            let (key, rev) = (krate.head_doc.key.clone(), krate.head_doc.rev);
            let Some(head_doc) = self.document(key).await? else { return Err(vanished(&krate.head_doc.key)) };
            if head_doc.rev == rev {
                tracing::warn!(krate = %krate.head.name, %owner, "an owner does not exist; fsck says so too");
                return Ok(krate);
            }
            krate = read_crate(self.store.clone(), head_doc).await?;
        }
        Err(too_lively(&krate.head_doc.key))
    }

    async fn late_principal(&mut self, owner: &Principal, sink: &mut dyn Sink) -> Result<bool> {
        let key = match owner {
            Principal::User(login) => User::key_of(login),
            Principal::Team(team) => Team::key_of(team),
        };
        let Some(doc) = self.document(key).await? else { return Ok(false) };
        match owner {
            Principal::User(_) => {
                sink.take(documents(vec![doc])).await?;
                self.principals.insert(owner.clone());
            }
            Principal::Team(_) => self.team(doc, sink).await?,
        }
        Ok(true)
    }

    async fn audit_log(&self, first: Timestamp, now: Timestamp, sink: &mut dyn Sink) -> Result<()> {
        for part in audit_parts(first, now) {
            let mut pages = Pages::new(&**self.store, part);
            while let Some(docs) = pages.next_docs().await? {
                sink.take(documents(docs)).await?;
            }
        }
        Ok(())
    }

    async fn document(&self, key: Key) -> Result<Option<Doc>> {
        Ok(self.store.get_many(&[key]).await?.into_iter().flatten().next())
    }
}

fn documents(documents: Vec<Doc>) -> Group {
    Group { documents, ..Group::default() }
}

/// Reads a crate between two looks at its head that show the same revision: every write to a crate updates its
/// head in the same commit, so what was read in between is of one moment.
async fn read_crate(store: Arc<dyn Store>, mut head_doc: Doc) -> Result<Krate> {
    for _ in 0..ATTEMPTS {
        let head = entity::<CrateHead>(&head_doc.key, &head_doc.body)?;
        let krate = head.canonical();
        let (version_part, counter_part) =
            (Version::part(&head.registry, &krate), counters::part(&head.registry, &krate));
        let readme = [Readme::key_of(&head.registry, &krate)];
        let (versions, readme, counters) = tokio::try_join!(
            read_versions(&*store, version_part),
            async { Ok(store.get_many(&readme).await?) },
            read_counters(&*store, counter_part),
        )?;
        let after = store.get_many(std::slice::from_ref(&head_doc.key)).await?;
        let Some(after) = after.into_iter().flatten().next() else { return Err(vanished(&head_doc.key)) };
        if after.rev != head_doc.rev {
            head_doc = after;
            continue;
        }
        let (files, versions) = versions;
        let documents = [head_doc.clone()].into_iter().chain(versions).chain(readme.into_iter().flatten());
        let group = Group { files, documents: documents.collect(), counters };
        return Ok(Krate { head_doc, head, group });
    }
    Err(too_lively(&head_doc.key))
}

async fn read_versions(store: &dyn Store, part: String) -> Result<(Vec<NeededFile>, Vec<Doc>)> {
    let (mut files, mut versions) = (Vec::new(), Vec::new());
    let mut pages = Pages::new(store, part);
    while let Some(docs) = pages.next_docs().await? {
        for doc in docs {
            files.extend(Meaning::of(&doc.key, &doc.body)?.file);
            versions.push(doc);
        }
    }
    Ok((files, versions))
}

async fn read_counters(store: &dyn Store, part: String) -> Result<Vec<(Key, i64)>> {
    let mut counters = Vec::new();
    let mut pages = Pages::new(store, part);
    while let Some(page) = pages.next_counters().await? {
        counters.extend(page);
    }
    Ok(counters)
}

/// The counters of a partition up to `last`, of which none is at or before `after`.
pub(crate) async fn read_counters_after(
    store: &dyn Store,
    part: &str,
    after: Option<&str>,
    last: &str,
) -> Result<HashMap<Key, i64>, StoreError> {
    let mut counters = HashMap::new();
    let mut page = Scan { after: after.map(str::to_owned), ..Scan::first(part, 256) };
    loop {
        let found = store.counters(&page).await?;
        let end = found.last().map(|(key, _)| key.sort.clone());
        let is_last = found.len() < page.limit as usize || end.as_deref().is_none_or(|end| last <= end);
        counters.extend(found);
        if is_last {
            return Ok(counters);
        }
        page.after = end;
    }
}

/// The partitions of the audit log from the month of `first` to that of `now`, with a day on either side for
/// clocks that do not agree.
fn audit_parts(first: Timestamp, now: Timestamp) -> Vec<String> {
    const DAY: Duration = Duration::from_hours(24);
    let (mut moment, last) = (first.minus(DAY), AuditEntry::part(now.plus(DAY)));
    let mut parts = vec![AuditEntry::part(moment)];
    while parts.last().is_some_and(|part| *part < last) {
        moment = moment.plus(DAY);
        let part = AuditEntry::part(moment);
        if parts.last() != Some(&part) {
            parts.push(part);
        }
    }
    parts
}

fn vanished(key: &Key) -> Error {
    Error::new(Kind::Internal, format!("the document `{key}` vanished; `holdfast fsck` says more"))
}

fn too_lively(key: &Key) -> Error {
    let sentence =
        format!("`{key}` changes faster than it can be read; try again when it is published to less often");
    Error::new(Kind::Unavailable, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_audit_log_is_walked_month_by_month() {
        let check = |first: &str, now: &str, expected: &[&str]| {
            let moment = |text: &str| text.parse::<Timestamp>().expect("a moment");
            assert_eq!(audit_parts(moment(first), moment(now)), expected, "{first} to {now}");
        };
        let months = ["audit/2025-12", "audit/2026-01", "audit/2026-02", "audit/2026-03"];
        check("2026-01-01T00:00:00Z", "2026-02-28T12:00:00Z", &months);
        check("2026-01-31T12:00:00Z", "2026-01-31T12:00:00Z", &["audit/2026-01", "audit/2026-02"]);
        check("2026-06-15T00:00:00Z", "2026-06-15T00:00:00Z", &["audit/2026-06"]);
        check("2026-06-15T00:00:00Z", "2020-06-15T00:00:00Z", &["audit/2026-06"]);
    }
}
