//! Pages put together are the whole answer, each crate once.

use holdfast_search::{Document, Query, SearchIndex, Sort};
use proptest::prelude::*;

use crate::{krate, names, query, upsert};

/// Many equals, spread over several segments.
fn corpus() -> SearchIndex {
    let index = SearchIndex::memory().unwrap();
    for part in 0..4_i64 {
        upsert(
            &index,
            (0..30_u64).map(|number| Document {
                description: "same words".to_owned(),
                downloads: (number % 3 == 0).then_some(number % 5),
                updated_at: part % 2,
                ..krate(&format!("crate-{part}-{:02}", (number * 7) % 30))
            }),
        );
    }
    index
}

fn pages(index: &SearchIndex, whole: &Query, size: usize) -> Vec<String> {
    let mut pages = Vec::new();
    loop {
        let page = index.search(&Query { offset: pages.len(), limit: size, ..whole.clone() }).unwrap();
        assert_eq!(page.total, 120);
        if page.crates.is_empty() {
            return pages;
        }
        pages.extend(page.crates.into_iter().map(|hit| hit.canonical));
    }
}

#[test]
fn pages_neither_overlap_nor_lose() {
    let index = corpus();
    for sort in [Sort::Relevance, Sort::Downloads, Sort::RecentUpdate, Sort::Name] {
        for text in ["", "words", "crate", "words absent"] {
            let whole = Query { sort, ..query(text) };
            let all = names(&index, &whole);
            assert_eq!(all.len(), 120);
            for size in [1, 7, 50, 119, 120, 121] {
                assert_eq!(pages(&index, &whole, size), all, "{sort:?} {text:?} {size}");
            }
        }
    }
}

#[test]
fn no_limit_means_only_the_total() {
    let index = corpus();
    for text in ["", "words"] {
        let hits = index.search(&Query { limit: 0, ..query(text) }).unwrap();
        assert_eq!((hits.total, hits.crates.len()), (120, 0));
        let hits = index.search(&Query { offset: usize::MAX, limit: usize::MAX, ..query(text) }).unwrap();
        assert_eq!((hits.total, hits.crates.len()), (120, 0));
    }
}

proptest! {
    #[test]
    fn any_page_is_a_slice_of_the_whole(offset in 0_usize..140, limit in 0_usize..140) {
        static INDEX: std::sync::LazyLock<SearchIndex> = std::sync::LazyLock::new(corpus);
        let all = names(&INDEX, &query("same"));
        let page = INDEX.search(&Query { offset, limit, ..query("same") }).unwrap();
        let page: Vec<String> = page.crates.into_iter().map(|hit| hit.canonical).collect();
        let expected: Vec<String> = all.into_iter().skip(offset).take(limit).collect();
        prop_assert_eq!(page, expected);
    }
}
