//! What is asked and what is answered.

/// A question to the index.
///
/// `text` is what a person typed. It is never read as a query language: quotes, `AND` and `*` are plain text.
/// The one exception: a word `keyword:x` or `category:x` restricts the answer to that keyword or category.
/// Only the first 200 bytes and ten words count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Only crates of this registry; all registries when `None`.
    pub registry: Option<String>,
    /// What to search for. Empty lists everything, the latest update first.
    pub text: String,
    /// The access labels that the searcher holds. With none, nothing is found.
    pub access: Vec<String>,
    /// The order of the answer.
    pub sort: Sort,
    /// How many hits to skip.
    pub offset: usize,
    /// How many hits to return at most.
    pub limit: usize,
}

/// The order of an answer; equals are in the order of their names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// Exact name, then prefix of the name, word of the name, keyword, description, README.
    #[default]
    Relevance,
    /// The most downloaded first.
    Downloads,
    /// The latest update first.
    RecentUpdate,
    /// By canonical name.
    Name,
}

/// One page of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hits {
    /// How many crates match and may be seen, on all pages together. Exact.
    pub total: u64,
    /// The crates of this page.
    pub crates: Vec<Hit>,
}

/// A crate that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hit {
    /// The registry's name.
    pub registry: String,
    /// The crate's canonical name.
    pub canonical: String,
}
