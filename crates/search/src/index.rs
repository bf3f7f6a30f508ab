//! [`SearchIndex`]: the index that is open.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tantivy::{DocSet, Index, SegmentReader, TERMINATED, TantivyError};

use crate::document::Change;
use crate::error::SearchError;
use crate::folder::{self, Opened};
use crate::mask::{Mask, Scope};
use crate::matching::{Matcher, Matches};
use crate::query::{Hits, Query, Sort};
use crate::ranking::{Candidate, Ranking, Ranks, rank_of_score};
use crate::schema::{Fields, schema};
use crate::searchers::Searchers;
use crate::terms::Terms;
use crate::writing;

/// A document that has one word of the query more comes first, where none has all.
const ONE_MORE_WORD: f32 = 1_000.0;

/// The index of the crates of all registries. Shared by reference between threads.
///
/// Searches never wait for changes. Changes wait for one another, also those of other processes.
pub struct SearchIndex {
    index: Index,
    searchers: Searchers,
    fields: Fields,
    cursor: Mutex<Option<String>>,
    writing: Mutex<()>,
}

impl SearchIndex {
    /// Opens the index in a folder of its own, which is made if need be.
    ///
    /// What is damaged or of another version is removed and begun anew; [`Self::needs_rebuild`] tells.
    pub fn open(folder: &Path) -> Result<Self, SearchError> {
        folder::open(folder).map(Self::new)
    }

    /// A new index in memory.
    pub fn memory() -> Result<Self, SearchError> {
        folder::memory().map(Self::new)
    }

    fn new(opened: Opened) -> Self {
        let Opened { index, reader, cursor } = opened;
        let searchers = Searchers::new(reader);
        Self { index, searchers, fields: schema().1, cursor: Mutex::new(cursor), writing: Mutex::new(()) }
    }

    /// The cursor of the last [`Self::apply`], also of an earlier process; `None` when nothing was applied yet.
    pub fn cursor(&self) -> Option<String> {
        lock(&self.cursor).clone()
    }

    /// Whether everything must be applied from the start.
    pub fn needs_rebuild(&self) -> bool {
        self.cursor().is_none()
    }

    /// Applies a batch durably, all or nothing, and remembers `cursor` with it. Visible when it returns.
    ///
    /// A batch costs a few file syncs whatever its size: bring up a new index some thousand changes at a time.
    /// Now and then segments are merged here, which takes up to some seconds for the largest registries.
    pub fn apply(&self, changes: &[Change], cursor: &str) -> Result<(), SearchError> {
        let _writing = lock(&self.writing);
        writing::giving_way(|| writing::apply(&self.index, &self.searchers, &self.fields, changes, cursor))?;
        *lock(&self.cursor) = Some(cursor.to_owned());
        Ok(())
    }

    /// Removes everything, the cursor too, for a rebuild.
    pub fn clear(&self) -> Result<(), SearchError> {
        let _writing = lock(&self.writing);
        writing::clear(&self.index, &self.searchers)?;
        *lock(&self.cursor) = None;
        Ok(())
    }

    /// Reads all files and compares their checksums. If one differs, [`Self::clear`] and rebuild.
    pub fn is_intact(&self) -> Result<bool, SearchError> {
        let _writing = lock(&self.writing);
        Ok(self.index.validate_checksum()?.is_empty())
    }

    /// How many crates are in the index, whoever may see them.
    pub fn len(&self) -> u64 {
        self.searchers.current().num_docs()
    }

    /// Whether no crate is in the index.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Answers a query. Any text is a valid query.
    pub fn search(&self, query: &Query) -> Result<Hits, SearchError> {
        let terms = Terms::parse(&query.text);
        if terms.is_hopeless {
            return Ok(Hits::default());
        }
        let scope = self
            .scope(query.registry.as_ref(), &query.access)
            .all_of(self.fields.keyword, &terms.keywords)
            .all_of(self.fields.category, &terms.categories);
        if terms.chunks.is_empty() {
            let sort = if query.sort == Sort::Relevance { Sort::RecentUpdate } else { query.sort };
            return Ok(self.list(&scope, sort, query.offset, query.limit)?);
        }
        Ok(self.find(&scope, &Matcher::new(&terms, &self.fields), query)?)
    }

    /// The crates of a registry that depend on a crate, the most downloaded first.
    pub fn dependents(
        &self,
        registry: &str,
        canonical: &str,
        access: &[String],
        offset: usize,
        limit: usize,
    ) -> Result<Hits, SearchError> {
        let scope = self.scope(Some(&registry.to_owned()), access);
        let scope = scope.any_of(self.fields.dependency, [&canonical.to_owned()]);
        Ok(self.list(&scope, Sort::Downloads, offset, limit)?)
    }

    /// The most used keywords and how many visible crates have each.
    pub fn keywords(
        &self,
        registry: Option<&str>,
        access: &[String],
        limit: usize,
    ) -> Result<Vec<(String, u64)>, SearchError> {
        let scope = self.scope(registry.map(str::to_owned).as_ref(), access);
        let mut counts = HashMap::new();
        for reader in self.searchers.current().segment_readers() {
            self.count_keywords(reader, &scope.mask(reader)?, &mut counts)?;
        }
        let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
        counts.sort_unstable_by(|(a, a_count), (b, b_count)| b_count.cmp(a_count).then_with(|| a.cmp(b)));
        counts.truncate(limit);
        Ok(counts)
    }

    fn scope(&self, registry: Option<&String>, access: &[String]) -> Scope {
        Scope::default().any_of(self.fields.access, access).all_of(self.fields.registry, registry)
    }

    /// Everything in scope.
    fn list(&self, scope: &Scope, sort: Sort, offset: usize, limit: usize) -> Result<Hits, TantivyError> {
        let mut total = 0;
        let mut ranking = Ranking::new(offset, limit);
        for reader in self.searchers.current().segment_readers() {
            let mask = scope.mask(reader)?;
            total += mask.len();
            if limit > 0 {
                ranking.add(reader, candidates(reader, sort, mask.iter(), |_| 0.0)?)?;
            }
        }
        Ok(Hits { total, crates: ranking.finish() })
    }

    /// What has all words of the query; if nothing has, what has some.
    fn find(&self, scope: &Scope, matcher: &Matcher, query: &Query) -> Result<Hits, TantivyError> {
        let searcher = self.searchers.current();
        let mut found = Vec::new();
        for reader in searcher.segment_readers() {
            found.push((reader, scope.mask(reader)?, matcher.matches(reader)?));
        }
        let all = matcher.chunks();
        let has_all =
            |(_, mask, matches): &(_, Mask, Matches)| mask.iter().any(|d| chunks_of(matches, d) >= all);
        let enough = if found.iter().any(has_all) { all } else { 1 };
        let mut total = 0;
        let mut ranking = Ranking::new(query.offset, query.limit);
        for (reader, mask, matches) in &found {
            let documents = mask.iter().filter(|&document| chunks_of(matches, document) >= enough);
            let score = |document: u32| {
                matches.scores[document as usize] + ONE_MORE_WORD * f32::from(chunks_of(matches, document))
            };
            let candidates = candidates(reader, query.sort, documents, score)?;
            total += candidates.len() as u64;
            ranking.add(reader, candidates)?;
        }
        Ok(Hits { total, crates: ranking.finish() })
    }

    fn count_keywords(
        &self,
        reader: &SegmentReader,
        mask: &Mask,
        counts: &mut HashMap<String, u64>,
    ) -> Result<(), TantivyError> {
        let index = reader.inverted_index(self.fields.keyword)?;
        let mut keywords = index.terms().stream()?;
        while let Some((keyword, info)) = keywords.next() {
            let basic = tantivy::schema::IndexRecordOption::Basic;
            let mut documents = index.read_postings_from_terminfo(info, basic)?;
            let mut count = 0;
            while documents.doc() != TERMINATED {
                count += u64::from(mask.contains(documents.doc()));
                documents.advance();
            }
            if count > 0 {
                *counts.entry(String::from_utf8_lossy(keyword).into_owned()).or_default() += count;
            }
        }
        Ok(())
    }
}

impl std::fmt::Debug for SearchIndex {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("SearchIndex").field("cursor", &self.cursor()).finish_non_exhaustive()
    }
}

fn chunks_of(matches: &Matches, document: u32) -> u8 {
    matches.chunks.get(document as usize).copied().unwrap_or(0)
}

/// The documents with what they are ranked by.
fn candidates(
    reader: &SegmentReader,
    sort: Sort,
    documents: impl Iterator<Item = u32>,
    score: impl Fn(u32) -> f32,
) -> Result<Vec<Candidate>, TantivyError> {
    let ranked = |rank: &dyn Fn(u32) -> i64| {
        documents.map(|document| Candidate { rank: rank(document), document }).collect()
    };
    Ok(match sort {
        Sort::Relevance => {
            let downloads = Ranks::downloads(reader)?;
            ranked(&|document| rank_of_score(score(document) + downloads.popularity(document)))
        }
        Sort::Downloads => {
            let downloads = Ranks::downloads(reader)?;
            ranked(&|document| downloads.rank(document))
        }
        Sort::RecentUpdate => {
            let updated_at = Ranks::updated_at(reader)?;
            ranked(&|document| updated_at.rank(document))
        }
        Sort::Name => ranked(&|_| 0),
    })
}

/// A panic elsewhere leaves these values whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
