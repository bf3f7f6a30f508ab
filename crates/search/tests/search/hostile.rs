//! No text is an error, and no sign in it has a meaning.

use std::sync::LazyLock;

use holdfast_search::{Document, Query, SearchIndex, Sort};
use proptest::prelude::*;

use crate::{index_of, krate, names, owned, query};

static INDEX: LazyLock<SearchIndex> = LazyLock::new(|| {
    index_of([
        Document {
            description: "C++ \"bindings\" AND more, 日本語 の説明".to_owned(), ..krate("bindings")
        },
        Document {
            keywords: owned(&["naïve"]),
            readme: "# Überschrift\n```rust\nfn main() {}\n```".to_owned(),
            ..krate("prose")
        },
        krate("x"),
    ])
});

fn check(text: &str, expected: &[&str]) {
    assert_eq!(names(&INDEX, &query(text)), expected, "{text:?}");
}

#[test]
fn signs_are_plain_text() {
    check("\"bindings", &["bindings"]);
    check("bindings AND", &["bindings"]);
    check("bindings*", &["bindings"]);
    check("+bindings -more", &["bindings"]);
    check("(bindings", &["bindings"]);
    check("description:bindings", &[]);
    check("bindings\\", &["bindings"]);
    check("bind\0ings", &["bindings"]);
    check("main() {}", &["prose"]);
}

#[test]
fn only_signs_find_nothing() {
    for text in ["*", "\"\"", "🦀", "\0", "::", "- _ -", "\u{202e}"] {
        check(text, &[]);
    }
}

#[test]
fn other_scripts_are_found() {
    check("日本", &["bindings"]);
    check("説明", &["bindings"]);
    check("NAÏVE", &["prose"]);
    check("überschrift", &["prose"]);
}

#[test]
fn long_texts_are_cut_not_refused() {
    check(&format!("bindings {}", " ".repeat(10_000)), &["bindings"]);
    assert_eq!(INDEX.search(&query(&"x ".repeat(5_000))).unwrap().total, 1);
    for text in ["y".repeat(10_000), "é-".repeat(5_000), "\"".repeat(10_000), "keyword:x ".repeat(1_000)] {
        assert_eq!(INDEX.search(&query(&text)).unwrap().total, 0);
    }
}

#[test]
fn hostile_documents_are_indexed() {
    let index = index_of([Document {
        description: "\0\u{ffff}🦀".to_owned(),
        readme: "long".repeat(1_000_000),
        keywords: owned(&["", " ", "a\0b", "🦀"]),
        categories: owned(&["::", "", "::::x"]),
        dependencies: owned(&["", "\0"]),
        downloads: Some(u64::MAX),
        updated_at: i64::MIN,
        ..krate("é--\0")
    }]);
    assert_eq!(index.search(&query("")).unwrap().total, 1);
    assert_eq!(index.search(&query("keyword:🦀")).unwrap().total, 1);
}

proptest! {
    #[test]
    fn no_text_fails(text in any::<String>(), sort in 0..4, offset in any::<usize>(), limit in any::<usize>()) {
        let sort = [Sort::Relevance, Sort::Downloads, Sort::RecentUpdate, Sort::Name][usize::try_from(sort).unwrap()];
        INDEX.search(&Query { sort, offset, limit, ..query(&text) }).unwrap();
    }

    #[test]
    fn no_ascii_noise_fails(text in "[ -~]{0,60}( (AND|OR|NOT|keyword:|category:|name:)[ -~]{0,20}){0,4}") {
        INDEX.search(&query(&text)).unwrap();
    }

    #[test]
    fn a_crate_is_found_by_its_name(name in "[a-zA-Z][a-zA-Z0-9_-]{0,40}") {
        let document = krate(&name);
        let canonical = document.canonical.clone();
        let index = index_of([document, krate("other-crate")]);
        prop_assert_eq!(&names(&index, &query(&name))[0], &canonical);
        prop_assert_eq!(&names(&index, &query(&canonical))[0], &canonical);
    }
}
