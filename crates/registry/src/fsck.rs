//! Checking that what is stored fits together: crates with versions, versions with files, everything that names a
//! user, a team or a secret with what it names, and indexes with entities; and, when asked, files with their
//! digests.
//!
//! Some things end by themselves, and what they name may be gone before: invitations, requests of devices, and
//! secrets with an end that were made from another one. None of them works without it, and [`crate::ended`] clears
//! them away. Trust rules name nothing that is stored here.

mod accounts;
mod crates;
mod indexes;
mod references;

use crate::actor::Actor;
use crate::entity::RegistryRecord;
use crate::error::Result;
use crate::holdfast::Holdfast;
use crate::principals::index_keys;
use crate::rights::{Action, require};
use holdfast_blobs::Blobs;
use holdfast_store::{Entity, Pages, Problem, Store, StoreError, decode};
use holdfast_types::{Principal, RegistryName};
use std::collections::BTreeSet;
use std::str::FromStr;

/// How thoroughly to look at files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// That they are there and have the right size.
    Sizes,
    /// Also that their bytes have the right digest: reads them all.
    Digests,
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// Crates looked at.
    pub crates: u64,
    /// Versions looked at.
    pub versions: u64,
    /// What is wrong, each a sentence.
    pub problems: Vec<String>,
}

impl Findings {
    /// Notes a document that cannot be read, which ends a check but not all of them.
    fn unless_unreadable(&mut self, checked: Result<()>) -> Result<()> {
        let Err(error) = checked else { return Ok(()) };
        let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<StoreError>());
        let Some(StoreError::Corrupt { key, source }) = source else { return Err(error) };
        let problem = Problem::Unreadable { entity: key.clone(), reason: source.to_string() }.to_string();
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
        Ok(())
    }

    fn tell(&mut self, problems: Vec<Problem>) {
        self.problems.extend(problems.into_iter().map(|problem| problem.to_string()));
    }
}

impl Holdfast {
    /// Checks everything and changes nothing. On a running server, what changes
    /// meanwhile may show up as a problem that a second run does not have.
    pub async fn fsck(&self, actor: &Actor, depth: Depth) -> Result<Findings> {
        require(actor, Action::Administer)?;
        let mut check = Check::begin(&*self.store, &self.blobs, depth).await?;
        check.crates().await?;
        check.accounts().await?;
        check.indexes().await?;
        Ok(check.findings)
    }
}

/// A check on its way.
struct Check<'a> {
    store: &'a dyn Store,
    blobs: &'a Blobs,
    depth: Depth,
    registries: Vec<RegistryName>,
    /// Every user and team that there is or that something names: whose index entries there may be.
    principals: BTreeSet<Principal>,
    /// The partitions in which trust rules are found by their issuer.
    trust_parts: BTreeSet<String>,
    findings: Findings,
}

impl<'a> Check<'a> {
    async fn begin(store: &'a dyn Store, blobs: &'a Blobs, depth: Depth) -> Result<Check<'a>> {
        Ok(Check {
            store,
            blobs,
            depth,
            registries: names_in(store, RegistryRecord::PART.to_owned()).await?,
            principals: BTreeSet::new(),
            trust_parts: BTreeSet::new(),
            findings: Findings::default(),
        })
    }
}

/// The names that are the keys of a partition: somebody whose document cannot be read is there all the same.
async fn names_in<T: FromStr>(store: &dyn Store, part: String) -> Result<Vec<T>> {
    let names = index_keys(store, part).await?;
    // A key that is no name is found as a document in the wrong place.
    Ok(names.iter().filter_map(|name| name.parse().ok()).collect())
}

/// The next entities of a partition that can be read; the others are told of where indexes are checked.
async fn readable<E: Entity>(pages: &mut Pages<'_>) -> Result<Option<Vec<E>>> {
    let docs = pages.next_docs().await?;
    Ok(docs.map(|docs| docs.iter().filter_map(|doc| decode(&doc.key, &doc.body).ok()).collect()))
}
