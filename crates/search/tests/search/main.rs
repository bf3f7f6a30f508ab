//! The index from outside: what is found, in which order, by whom, and what survives.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod hostile;
mod life;
mod paging;
mod ranking;
mod visibility;

use holdfast_search::{Change, Document, Query, SearchIndex};

/// A crate of the registry `main` that holders of `all` may see.
fn krate(name: &str) -> Document {
    Document {
        registry: "main".to_owned(),
        canonical: name.to_lowercase().replace('-', "_"),
        name: name.to_owned(),
        updated_at: 1_700_000_000,
        access: vec!["all".to_owned()],
        ..Document::default()
    }
}

fn owned(values: &[&str]) -> Vec<String> {
    values.iter().map(|&value| value.to_owned()).collect()
}

fn index_of(documents: impl IntoIterator<Item = Document>) -> SearchIndex {
    let index = SearchIndex::memory().unwrap();
    upsert(&index, documents);
    index
}

fn upsert(index: &SearchIndex, documents: impl IntoIterator<Item = Document>) {
    let changes: Vec<Change> =
        documents.into_iter().map(|document| Change::Upsert(Box::new(document))).collect();
    index.apply(&changes, "1").unwrap();
}

fn query(text: &str) -> Query {
    Query { text: text.to_owned(), access: owned(&["all"]), limit: 1_000, ..Query::default() }
}

/// The canonical names found, in order. The total must agree.
fn names(index: &SearchIndex, query: &Query) -> Vec<String> {
    let hits = index.search(query).unwrap();
    assert_eq!(hits.total, hits.crates.len() as u64, "{query:?}");
    hits.crates.into_iter().map(|hit| hit.canonical).collect()
}
