//! Which documents of a segment match, and how well.
//!
//! The score of a document follows from the best field in which a word stands ([`layers`]), so that no heap of
//! mentions in a README outweighs a name. Within a field, how much the text is about the word decides.

use tantivy::schema::{Field, IndexRecordOption};
use tantivy::{SegmentReader, TantivyError, Term};

use crate::mask::each_block;
use crate::schema::{Fields, stemmer};
use crate::terms::{Chunk, Terms};

/// Added where the whole query starts the name, once more where it is the name but for separators, and once
/// more where it is the name. More than words alone can reach.
const WHOLE_NAME: f32 = 100.0;
/// Added for each further field that has the word; less than any step between fields, all together.
const FURTHER_FIELD: f32 = 0.5;
/// From this many documents on, all of a segment's mentions of a word in prose count alike. It bounds the work.
const COMMON_WORD: u32 = 20_000;

/// For each document of a segment: how many chunks of the query it has, and its score.
pub(crate) struct Matches {
    pub(crate) chunks: Vec<u8>,
    pub(crate) scores: Vec<f32>,
}

/// A query made ready to be looked up in any segment.
pub(crate) struct Matcher {
    chunks: Vec<Vec<Word>>,
    whole_names: Vec<Term>,
    name_prefixes: Field,
}

/// The terms of one word, one for each field, best field first.
struct Word {
    layers: Vec<Layer>,
    /// Words of one chunk that are all to be found count as one part; `None` is the chunk as a whole.
    is_part: bool,
}

struct Layer {
    term: Term,
    score: f32,
    is_prose: bool,
}

impl Matcher {
    pub(crate) fn new(terms: &Terms, fields: &Fields) -> Self {
        let name_terms = [
            (fields.name_prefixes, &terms.squashed),
            (fields.squashed, &terms.squashed),
            (fields.name, &terms.canonical),
        ];
        let whole_names = name_terms.map(|(field, name)| Term::from_field_text(field, name));
        let chunks = terms.chunks.iter().map(|chunk| words(chunk, fields)).collect();
        Self { chunks, whole_names: whole_names.into(), name_prefixes: fields.name_prefixes }
    }

    /// How many chunks a document must have to match completely.
    pub(crate) fn chunks(&self) -> u8 {
        u8::try_from(self.chunks.len()).unwrap_or(u8::MAX)
    }

    pub(crate) fn matches(&self, reader: &SegmentReader) -> Result<Matches, TantivyError> {
        let documents = reader.max_doc() as usize;
        let mut matches = Matches { chunks: vec![0; documents], scores: vec![0.0; documents] };
        let share = 1.0 / f32::from(self.chunks().max(1));
        for words in &self.chunks {
            let scores = chunk_scores(reader, words)?;
            for (document, score) in scores.into_iter().enumerate().filter(|(_, score)| *score > 0.0) {
                matches.chunks[document] += 1;
                matches.scores[document] += score * share;
            }
        }
        if !self.chunks.is_empty() {
            self.add_whole_names(reader, &mut matches)?;
        }
        Ok(matches)
    }

    /// A name that the whole query spells or starts is a complete match, whatever its words.
    fn add_whole_names(&self, reader: &SegmentReader, matches: &mut Matches) -> Result<(), TantivyError> {
        let lengths = reader.get_fieldnorms_reader(self.name_prefixes)?;
        for term in &self.whole_names {
            each_block(reader, term, IndexRecordOption::Basic, |documents, _| {
                for &document in documents {
                    let index = document as usize;
                    if index < matches.scores.len() {
                        matches.chunks[index] = self.chunks();
                        matches.scores[index] += WHOLE_NAME + ratio(1, lengths.fieldnorm(document).max(1));
                    }
                }
            })?;
        }
        Ok(())
    }
}

fn words(chunk: &Chunk, fields: &Fields) -> Vec<Word> {
    let whole = Word { layers: layers(&chunk.whole, fields), is_part: false };
    let parts = chunk.parts.iter().map(|part| Word { layers: layers(part, fields), is_part: true });
    std::iter::once(whole).chain(parts).collect()
}

/// Where a word is looked up, the best field first, and what it is worth there.
fn layers(word: &str, fields: &Fields) -> Vec<Layer> {
    let mut stem = String::new();
    let mut analyzer = stemmer();
    analyzer.token_stream(word).process(&mut |token| stem.clone_from(&token.text));
    let layer = |field, text: &str, score, is_prose| Layer {
        term: Term::from_field_text(field, text),
        score,
        is_prose,
    };
    vec![
        layer(fields.words, word, 32.0, false),
        layer(fields.name_prefixes, word, 24.0, false),
        layer(fields.word_prefixes, word, 24.0, false),
        layer(fields.topics, word, 16.0, false),
        layer(fields.description, &stem, 8.0, true),
        layer(fields.readme, &stem, 4.0, true),
    ]
}

/// The better of: the chunk as a whole; all of its parts, on average.
fn chunk_scores(reader: &SegmentReader, words: &[Word]) -> Result<Vec<f32>, TantivyError> {
    let mut whole = vec![0.0; reader.max_doc() as usize];
    let mut parts: Option<Vec<f32>> = None;
    let share = 1.0 / ratio(u32::try_from(words.len().saturating_sub(1).max(1)).unwrap_or(1), 1);
    for word in words {
        let scores = word_scores(reader, word)?;
        match (&mut parts, word.is_part) {
            (_, false) => whole = scores,
            (None, true) => parts = Some(scores.into_iter().map(|score| score * share).collect()),
            (Some(parts), true) => parts.iter_mut().zip(scores).for_each(|(sum, score)| {
                *sum = if *sum > 0.0 && score > 0.0 { *sum + score * share } else { 0.0 };
            }),
        }
    }
    if let Some(parts) = parts {
        whole.iter_mut().zip(parts).for_each(|(score, parts)| *score = score.max(parts));
    }
    Ok(whole)
}

fn word_scores(reader: &SegmentReader, word: &Word) -> Result<Vec<f32>, TantivyError> {
    let mut scores = vec![0.0; reader.max_doc() as usize];
    for layer in &word.layers {
        let index = reader.inverted_index(layer.term.field())?;
        if layer.is_prose && index.doc_freq(&layer.term)? < COMMON_WORD {
            add_prose(reader, layer, index.total_num_tokens(), &mut scores)?;
        } else {
            each_block(reader, &layer.term, IndexRecordOption::Basic, |documents, _| {
                for &document in documents {
                    add(&mut scores, document, layer.score, FURTHER_FIELD);
                }
            })?;
        }
    }
    Ok(scores)
}

/// Mentions count with diminishing returns, and for less in a long text, as in BM25.
fn add_prose(
    reader: &SegmentReader,
    layer: &Layer,
    all_tokens: u64,
    scores: &mut [f32],
) -> Result<(), TantivyError> {
    let lengths = reader.get_fieldnorms_reader(layer.term.field())?;
    let tokens = u32::try_from(all_tokens).unwrap_or(u32::MAX);
    let average = ratio(tokens, reader.max_doc().max(1)).max(1.0);
    each_block(reader, &layer.term, IndexRecordOption::WithFreqs, |documents, mentions| {
        for (&document, &mentions) in documents.iter().zip(mentions) {
            let length = ratio(lengths.fieldnorm(document), 1) / average;
            let mentions = ratio(mentions, 1);
            let about = mentions / (mentions + 0.3 + 0.9 * length);
            add(scores, document, layer.score + about, about * FURTHER_FIELD);
        }
    })
}

/// The best field sets the score, the others add a little.
fn add(scores: &mut [f32], document: u32, first: f32, further: f32) {
    if let Some(score) = scores.get_mut(document as usize) {
        *score += if *score > 0.0 { further } else { first };
    }
}

#[expect(clippy::cast_precision_loss, reason = "scores need no more than the precision of `f32`")]
fn ratio(part: u32, whole: u32) -> f32 {
    part as f32 / whole as f32
}
