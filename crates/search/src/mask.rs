//! The documents of a segment that may be answered at all: alive, visible to the searcher, of the registry.

use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{SegmentReader, TantivyError, Term};

/// A set of documents of one segment.
#[derive(Clone, Debug)]
pub(crate) struct Mask {
    bits: Vec<u64>,
}

/// Which documents a question is about, before any word is looked at.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    /// Groups of terms: a document is in scope if each group has a term that the document has.
    groups: Vec<Vec<Term>>,
}

impl Scope {
    /// Requires one of the terms.
    pub(crate) fn any_of<'a>(mut self, field: Field, values: impl IntoIterator<Item = &'a String>) -> Self {
        self.groups.push(values.into_iter().map(|value| Term::from_field_text(field, value)).collect());
        self
    }

    /// Requires each of the terms.
    pub(crate) fn all_of<'a>(self, field: Field, values: impl IntoIterator<Item = &'a String>) -> Self {
        values.into_iter().fold(self, |scope, value| scope.any_of(field, [value]))
    }

    /// The documents of a segment that are in scope and not deleted.
    pub(crate) fn mask(&self, reader: &SegmentReader) -> Result<Mask, TantivyError> {
        let mut mask = Mask::alive(reader);
        for group in &self.groups {
            let mut any = Mask::empty(reader.max_doc());
            for term in group {
                any.insert_all(reader, term)?;
            }
            mask.intersect(&any);
        }
        Ok(mask)
    }
}

impl Mask {
    fn empty(documents: u32) -> Self {
        Self { bits: vec![0; (documents as usize).div_ceil(64)] }
    }

    fn alive(reader: &SegmentReader) -> Self {
        let mut mask = Self { bits: vec![u64::MAX; (reader.max_doc() as usize).div_ceil(64)] };
        if let (Some(last), rest @ 1..) = (mask.bits.last_mut(), reader.max_doc() % 64) {
            *last = (1 << rest) - 1;
        }
        if let Some(alive) = reader.alive_bitset() {
            (0..reader.max_doc()).filter(|&document| alive.is_deleted(document)).for_each(|document| {
                mask.bits[document as usize / 64] &= !(1 << (document % 64));
            });
        }
        mask
    }

    /// How many documents are in the set.
    pub(crate) fn len(&self) -> u64 {
        self.bits.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// The documents of the set, in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        (0..).step_by(64).zip(&self.bits).flat_map(|(first, &word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros())?;
                rest &= rest - 1;
                Some(first + bit)
            })
        })
    }

    /// Whether the document is in the set.
    pub(crate) fn contains(&self, document: u32) -> bool {
        self.bits.get(document as usize / 64).is_some_and(|word| word >> (document % 64) & 1 == 1)
    }

    fn insert_all(&mut self, reader: &SegmentReader, term: &Term) -> Result<(), TantivyError> {
        each_block(reader, term, IndexRecordOption::Basic, |documents, _| {
            for &document in documents {
                if let Some(word) = self.bits.get_mut(document as usize / 64) {
                    *word |= 1 << (document % 64);
                }
            }
        })
    }

    fn intersect(&mut self, other: &Self) {
        self.bits.iter_mut().zip(&other.bits).for_each(|(word, other)| *word &= other);
    }
}

/// Calls `visit` with the documents of a term, deleted ones included, block by block, and with how often each
/// has the term where `record` asks for that.
pub(crate) fn each_block(
    reader: &SegmentReader,
    term: &Term,
    record: IndexRecordOption,
    mut visit: impl FnMut(&[u32], &[u32]),
) -> Result<(), TantivyError> {
    let Some(mut blocks) = reader.inverted_index(term.field())?.read_block_postings(term, record)? else {
        return Ok(());
    };
    let mut left = blocks.doc_freq() as usize;
    while left > 0 && blocks.block_len() > 0 {
        visit(blocks.docs(), if record.has_freq() { blocks.freqs() } else { &[] });
        left = left.saturating_sub(blocks.block_len());
        if left > 0 {
            blocks.advance();
        }
    }
    Ok(())
}
