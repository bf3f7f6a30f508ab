//! The fields of the index, and the version that says how they are filled.

use tantivy::TantivyError;
use tantivy::schema::{
    FAST, Field, IndexRecordOption, NumericOptions, Schema, SchemaBuilder, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::{Language, Stemmer, TextAnalyzer, TokenizerManager, WhitespaceTokenizer};

/// Raised whenever documents are turned into terms in another way; an index of another version is rebuilt.
pub(crate) const VERSION: u32 = 1;

/// The names of the columns, by which they are read.
pub(crate) const IDENTITY: &str = "identity";
pub(crate) const UPDATED_AT: &str = "updated_at";
pub(crate) const DOWNLOADS: &str = "downloads";

const WHOLE: &str = "raw";
const TERMS: &str = "terms";
const STEMMED: &str = "stemmed";

/// Handles to all fields.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields {
    /// See [`identity`]. Also a column: its order is the order of names.
    pub(crate) identity: Field,
    pub(crate) registry: Field,
    pub(crate) access: Field,
    pub(crate) dependency: Field,
    pub(crate) keyword: Field,
    pub(crate) category: Field,
    /// The canonical name.
    pub(crate) name: Field,
    /// The name without separators and case, and every prefix of that.
    pub(crate) squashed: Field,
    pub(crate) name_prefixes: Field,
    /// The words of the name, and every prefix of each.
    pub(crate) words: Field,
    pub(crate) word_prefixes: Field,
    /// Words of keywords and categories.
    pub(crate) topics: Field,
    pub(crate) description: Field,
    pub(crate) readme: Field,
    pub(crate) updated_at: Field,
    pub(crate) downloads: Field,
}

/// One term that identifies a crate: its names sort like the crates' names, then by registry.
pub(crate) fn identity(registry: &str, canonical: &str) -> String {
    format!("{canonical}\0{registry}")
}

/// The inverse of [`identity`]: registry, then canonical name.
pub(crate) fn split_identity(identity: &str) -> (&str, &str) {
    let (canonical, registry) = identity.split_once('\0').unwrap_or((identity, ""));
    (registry, canonical)
}

/// The schema with its handles.
pub(crate) fn schema() -> (Schema, Fields) {
    let mut builder = SchemaBuilder::new();
    let whole = text(WHOLE, IndexRecordOption::Basic, Lengths::Unknown);
    let terms = text(TERMS, IndexRecordOption::Basic, Lengths::Unknown);
    let prefixes = text(TERMS, IndexRecordOption::Basic, Lengths::Known);
    let prose = text(STEMMED, IndexRecordOption::WithFreqs, Lengths::Known);
    let column = NumericOptions::default().set_fast();
    let fields = Fields {
        identity: builder.add_text_field(IDENTITY, whole.clone() | FAST),
        registry: builder.add_text_field("registry", whole.clone()),
        access: builder.add_text_field("access", whole.clone()),
        dependency: builder.add_text_field("dependency", whole.clone()),
        keyword: builder.add_text_field("keyword", whole.clone()),
        category: builder.add_text_field("category", whole.clone()),
        name: builder.add_text_field("name", whole.clone()),
        squashed: builder.add_text_field("squashed", whole),
        name_prefixes: builder.add_text_field("name_prefixes", prefixes),
        words: builder.add_text_field("words", terms.clone()),
        word_prefixes: builder.add_text_field("word_prefixes", terms.clone()),
        topics: builder.add_text_field("topics", terms),
        description: builder.add_text_field("description", prose.clone()),
        readme: builder.add_text_field("readme", prose),
        updated_at: builder.add_i64_field(UPDATED_AT, column.clone()),
        downloads: builder.add_u64_field(DOWNLOADS, column),
    };
    (builder.build(), fields)
}

/// Texts arrive as terms joined by blanks (see `tokens`), so that the same code cuts documents and queries.
pub(crate) fn tokenizers() -> TokenizerManager {
    let manager = TokenizerManager::default();
    manager.register(TERMS, TextAnalyzer::from(WhitespaceTokenizer::default()));
    manager.register(STEMMED, stemmer());
    manager
}

/// Cuts prose as the description and the README are cut.
pub(crate) fn stemmer() -> TextAnalyzer {
    TextAnalyzer::builder(WhitespaceTokenizer::default()).filter(Stemmer::new(Language::English)).build()
}

/// Whether a field remembers how many terms each document has in it.
#[derive(Clone, Copy)]
enum Lengths {
    Known,
    Unknown,
}

fn text(tokenizer: &str, record: IndexRecordOption, lengths: Lengths) -> TextOptions {
    let indexing = TextFieldIndexing::default()
        .set_tokenizer(tokenizer)
        .set_index_option(record)
        .set_fieldnorms(matches!(lengths, Lengths::Known));
    TextOptions::default().set_indexing_options(indexing)
}

/// What is written beside each commit: the version and the caller's cursor.
pub(crate) fn payload(cursor: &str) -> String {
    format!("{VERSION} {cursor}")
}

/// Reads [`payload`] back: `None` when nothing was committed yet.
pub(crate) fn cursor_in(payload: Option<&str>) -> Result<Option<String>, TantivyError> {
    let Some(payload) = payload else { return Ok(None) };
    match payload.split_once(' ') {
        Some((version, cursor)) if version == VERSION.to_string() => Ok(Some(cursor.to_owned())),
        _ => Err(TantivyError::SchemaError(format!("the index is not of version `{VERSION}`"))),
    }
}
