//! Recomputes the index entries of entities and compares them with those stored.

use std::collections::HashSet;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;

use crate::contract::{Key, Store, StoreError};
use crate::typed::{Entity, Pages, decode};

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Problem {
    /// An entity whose index entry is not there.
    MissingEntry {
        /// The entity.
        entity: Key,
        /// The entry it should have.
        entry: Key,
    },
    /// An index entry whose body is not what its entity says.
    WrongEntry {
        /// The entity.
        entity: Key,
        /// Its entry.
        entry: Key,
    },
    /// An index entry that no entity owns.
    StrayEntry(Key),
    /// An entity that is stored elsewhere than it should be.
    Misplaced {
        /// Where it is.
        found: Key,
        /// Where it belongs.
        expected: Key,
    },
    /// A document that cannot be read as its entity.
    Unreadable {
        /// The document.
        entity: Key,
        /// What is wrong with it.
        reason: String,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::MissingEntry { entity, entry } => {
                write!(f, "`{entity}` lacks its index entry `{entry}`")
            }
            Problem::WrongEntry { entity, entry } => {
                write!(f, "the index entry `{entry}` does not agree with `{entity}`")
            }
            Problem::StrayEntry(entry) => write!(f, "the index entry `{entry}` belongs to nothing"),
            Problem::Misplaced { found, expected } => write!(f, "`{found}` should be stored as `{expected}`"),
            Problem::Unreadable { entity, reason } => write!(f, "`{entity}` cannot be read: {reason}"),
        }
    }
}

/// A check over every entity type that shares index partitions: visit all entities, then [`finish`] with
/// all index partitions.
///
/// It takes no lock. Beside a running server a commit between two reads can look like a problem; a real one
/// is found again by a second check.
///
/// [`finish`]: IndexCheck::finish
pub struct IndexCheck<'a> {
    store: &'a dyn Store,
    hasher: RandomState,
    /// Hashes of the entries that some entity owns: 8 bytes each, since there may be millions.
    owned: HashSet<u64>,
    problems: Vec<Problem>,
}

impl<'a> IndexCheck<'a> {
    /// A check that has seen nothing yet.
    pub fn new(store: &'a dyn Store) -> IndexCheck<'a> {
        IndexCheck { store, hasher: RandomState::new(), owned: HashSet::new(), problems: Vec::new() }
    }

    /// Visits a partition that holds entities of type `E`, and looks up the index entries they should have.
    pub async fn entities<E: Entity>(&mut self, part: &str) -> Result<(), StoreError> {
        let mut pages = Pages::new(self.store, part);
        while let Some(docs) = pages.next_docs().await? {
            let mut wanted = Vec::new();
            for doc in docs {
                match decode::<E>(&doc.key, &doc.body) {
                    Ok(entity) => {
                        if entity.key() != doc.key {
                            let expected = entity.key();
                            self.problems.push(Problem::Misplaced { found: doc.key.clone(), expected });
                        }
                        let entries = entity.indexes().into_iter();
                        wanted.extend(entries.map(|(entry, body)| (doc.key.clone(), entry, body)));
                    }
                    Err(StoreError::Corrupt { key, source }) => {
                        self.problems.push(Problem::Unreadable { entity: key, reason: source.to_string() });
                    }
                    Err(error) => return Err(error),
                }
            }
            self.look_up(wanted).await?;
        }
        Ok(())
    }

    /// Scans the index partitions for entries that nothing visited owns, and returns all problems.
    pub async fn finish(
        mut self,
        index_parts: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Vec<Problem>, StoreError> {
        for part in index_parts {
            let mut pages = Pages::new(self.store, part.as_ref());
            while let Some(docs) = pages.next_docs().await? {
                let stray =
                    docs.into_iter().filter(|doc| !self.owned.contains(&self.hasher.hash_one(&doc.key)));
                self.problems.extend(stray.map(|doc| Problem::StrayEntry(doc.key)));
            }
        }
        Ok(self.problems)
    }

    async fn look_up(&mut self, wanted: Vec<(Key, Key, String)>) -> Result<(), StoreError> {
        let entries: Vec<Key> = wanted.iter().map(|(_, entry, _)| entry.clone()).collect();
        let found = self.store.get_many(&entries).await?;
        for ((entity, entry, body), found) in wanted.into_iter().zip(found) {
            self.owned.insert(self.hasher.hash_one(&entry));
            match found {
                None => self.problems.push(Problem::MissingEntry { entity, entry }),
                Some(doc) if doc.body != body => self.problems.push(Problem::WrongEntry { entity, entry }),
                Some(_) => (),
            }
        }
        Ok(())
    }
}

/// Checks one entity type whose index partitions belong to it alone.
pub async fn check_indexes<E: Entity>(
    store: &dyn Store,
    entity_parts: &[String],
    index_parts: &[String],
) -> Result<Vec<Problem>, StoreError> {
    let mut check = IndexCheck::new(store);
    for part in entity_parts {
        check.entities::<E>(part).await?;
    }
    check.finish(index_parts).await
}
