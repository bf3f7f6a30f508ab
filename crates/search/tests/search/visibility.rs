//! Who may not see a crate learns nothing of it, not from hits and not from totals.

use holdfast_search::{Document, Hits, Query, SearchIndex};

use crate::{index_of, krate, owned, query};

fn corpus() -> SearchIndex {
    let labelled = |name: &str, registry: &str, access: &[&str]| Document {
        registry: registry.to_owned(),
        access: owned(access),
        description: "shared word".to_owned(),
        keywords: owned(&["topic"]),
        ..krate(name)
    };
    index_of([
        labelled("open", "main", &["all", "team"]),
        labelled("secret", "main", &["team"]),
        labelled("hidden", "main", &[]),
        labelled("open", "other", &["all"]),
    ])
}

fn found(hits: Hits) -> Vec<(String, String)> {
    assert_eq!(hits.total, hits.crates.len() as u64);
    hits.crates.into_iter().map(|hit| (hit.registry, hit.canonical)).collect()
}

fn check(access: &[&str], registry: Option<&str>, expected: &[(&str, &str)]) {
    let index = corpus();
    let expected: Vec<_> = expected.iter().map(|(r, c)| ((*r).to_owned(), (*c).to_owned())).collect();
    for text in ["", "shared word", "shared nonsense", "keyword:topic"] {
        let query = Query { access: owned(access), registry: registry.map(str::to_owned), ..query(text) };
        let mut hits = found(index.search(&query).unwrap());
        hits.sort();
        assert_eq!(hits, expected, "{text}");
    }
    let keywords = index.keywords(registry, &owned(access), 10).unwrap();
    let count = keywords.first().map_or(0, |(_, count)| *count);
    assert_eq!(count, expected.len() as u64);
}

#[test]
fn labels_decide_what_is_found() {
    check(&["all"], None, &[("main", "open"), ("other", "open")]);
    check(&["all"], Some("main"), &[("main", "open")]);
    check(&["team"], None, &[("main", "open"), ("main", "secret")]);
    check(&["all", "team"], Some("main"), &[("main", "open"), ("main", "secret")]);
    check(&["stranger"], None, &[]);
    check(&[], None, &[]);
    check(&["all"], Some("absent"), &[]);
}

#[test]
fn an_exact_name_does_not_open_a_hidden_crate() {
    let index = corpus();
    assert_eq!(index.search(&query("secret")).unwrap(), Hits::default());
}

#[test]
fn hidden_crates_do_not_stop_the_fallback_to_some_words() {
    let index = index_of([
        Document { description: "alpha beta".to_owned(), access: owned(&["team"]), ..krate("secret") },
        Document { description: "alpha".to_owned(), ..krate("open") },
    ]);
    assert_eq!(found(index.search(&query("alpha beta")).unwrap()), [("main".to_owned(), "open".to_owned())]);
}

#[test]
fn changed_labels_take_effect() {
    let index = corpus();
    crate::upsert(&index, [Document { access: owned(&["team"]), ..krate("open") }]);
    let query = Query { registry: Some("main".to_owned()), ..query("open") };
    assert_eq!(index.search(&query).unwrap().total, 0);
}
