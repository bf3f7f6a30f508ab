//! From the matches of all segments to one page of hits in a stable order.

use std::cmp::Reverse;

use tantivy::columnar::StrColumn;
use tantivy::{SegmentReader, TantivyError};

use crate::query::Hit;
use crate::schema::{DOWNLOADS, IDENTITY, UPDATED_AT, split_identity};

/// A document of one segment and what it is ranked by: higher is earlier.
#[derive(Clone, Copy)]
pub(crate) struct Candidate {
    pub(crate) rank: i64,
    pub(crate) document: u32,
}

/// Candidates of all segments, of which only the best are kept.
pub(crate) struct Ranking {
    wanted: usize,
    skipped: usize,
    best: Vec<(Reverse<i64>, String)>,
}

impl Ranking {
    /// Keeps what a page needs.
    pub(crate) fn new(offset: usize, limit: usize) -> Self {
        Self { wanted: offset.saturating_add(limit), skipped: offset, best: Vec::new() }
    }

    /// Takes the candidates of one segment.
    pub(crate) fn add(
        &mut self,
        reader: &SegmentReader,
        mut candidates: Vec<Candidate>,
    ) -> Result<(), TantivyError> {
        if self.wanted == 0 || candidates.is_empty() {
            return Ok(());
        }
        if self.wanted < candidates.len() {
            let (_, last, _) =
                candidates.select_nth_unstable_by_key(self.wanted - 1, |candidate| Reverse(candidate.rank));
            let lowest = last.rank;
            candidates.retain(|candidate| candidate.rank >= lowest);
        }
        let Some(identities) = reader.fast_fields().str(IDENTITY)? else { return Ok(()) };
        let mut ordered = with_ordinals(&identities, &candidates);
        if self.wanted < ordered.len() {
            ordered.select_nth_unstable(self.wanted - 1);
            ordered.truncate(self.wanted);
        }
        resolve(&identities, ordered, &mut self.best)
    }

    /// The page.
    pub(crate) fn finish(mut self) -> Vec<Hit> {
        self.best.sort_unstable();
        let page = self.best.into_iter().take(self.wanted).skip(self.skipped);
        page.map(|(_, identity)| {
            let (registry, canonical) = split_identity(&identity);
            Hit { registry: registry.to_owned(), canonical: canonical.to_owned() }
        })
        .collect()
    }
}

/// The column that says how often each crate was downloaded, or when it was updated.
pub(crate) struct Ranks {
    column: Column,
}

enum Column {
    Downloads(tantivy::columnar::Column<u64>),
    UpdatedAt(tantivy::columnar::Column<i64>),
}

impl Ranks {
    pub(crate) fn downloads(reader: &SegmentReader) -> Result<Self, TantivyError> {
        Ok(Self { column: Column::Downloads(reader.fast_fields().u64(DOWNLOADS)?) })
    }

    pub(crate) fn updated_at(reader: &SegmentReader) -> Result<Self, TantivyError> {
        Ok(Self { column: Column::UpdatedAt(reader.fast_fields().i64(UPDATED_AT)?) })
    }

    pub(crate) fn rank(&self, document: u32) -> i64 {
        match &self.column {
            Column::Downloads(column) => {
                i64::try_from(column.first(document).unwrap_or(0)).unwrap_or(i64::MAX)
            }
            Column::UpdatedAt(column) => column.first(document).unwrap_or(i64::MIN),
        }
    }

    /// Between 0 and 1, a step for each doubling.
    pub(crate) fn popularity(&self, document: u32) -> f32 {
        let doublings = i64::BITS - self.rank(document).leading_zeros();
        f32::from(u16::try_from(doublings.min(32)).unwrap_or(32)) / 32.0
    }
}

/// A score, which is never negative, as a rank: the bits of such floats are in the order of their values.
pub(crate) fn rank_of_score(score: f32) -> i64 {
    i64::from(score.max(0.0).to_bits())
}

/// Ordinals of identities are in the order of the names, but mean something in their segment only.
fn with_ordinals(identities: &StrColumn, candidates: &[Candidate]) -> Vec<(Reverse<i64>, u64)> {
    let ordinals = identities.ords();
    let with_ordinal = |candidate: &Candidate| {
        let ordinal = ordinals.first(candidate.document)?;
        Some((Reverse(candidate.rank), ordinal))
    };
    candidates.iter().filter_map(with_ordinal).collect()
}

/// Reads the identities of many ordinals in one pass.
fn resolve(
    identities: &StrColumn,
    mut ordered: Vec<(Reverse<i64>, u64)>,
    best: &mut Vec<(Reverse<i64>, String)>,
) -> Result<(), TantivyError> {
    ordered.sort_unstable_by_key(|&(_, ordinal)| ordinal);
    let ordinals: Vec<u64> = ordered.iter().map(|&(_, ordinal)| ordinal).collect();
    let mut ranks = ordered.into_iter().map(|(rank, _)| rank);
    identities.dictionary().sorted_ords_to_term_cb(&ordinals, |identity| {
        if let Some(rank) = ranks.next() {
            best.push((rank, String::from_utf8_lossy(identity).into_owned()));
        }
    })?;
    Ok(())
}
