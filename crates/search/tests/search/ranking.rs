//! The order of answers, and which spellings find what.

use holdfast_search::{Document, SearchIndex, Sort};

use crate::{index_of, krate, names, owned, query};

fn check(index: &SearchIndex, text: &str, expected: &[&str]) {
    assert_eq!(names(index, &query(text)), expected, "{text:?}");
}

fn described(name: &str, description: &str) -> Document {
    Document { description: description.to_owned(), ..krate(name) }
}

#[test]
fn the_field_decides_the_order() {
    let index = index_of([
        Document { readme: "Unlike json, it is fast. json json json.".to_owned(), ..krate("a-readme") },
        described("b-description", "Reads JSON documents"),
        Document { keywords: owned(&["json"]), ..krate("c-keyword") },
        krate("serde-json"),
        krate("jsonish"),
        krate("json-rs"),
        krate("json"),
        krate("unrelated"),
    ]);
    check(
        &index,
        "json",
        &["json", "json_rs", "jsonish", "serde_json", "c_keyword", "b_description", "a_readme"],
    );
}

#[test]
fn spellings_of_a_name_find_each_other() {
    let index =
        index_of([krate("foo-bar"), krate("foobar"), krate("foo_bar_baz"), krate("foo"), krate("bar")]);
    check(&index, "foo-bar", &["foo_bar", "foobar", "foo_bar_baz"]);
    check(&index, "foo_bar", &["foo_bar", "foobar", "foo_bar_baz"]);
    check(&index, "FOO_BAR", &["foo_bar", "foobar", "foo_bar_baz"]);
    check(&index, "FooBar", &["foobar", "foo_bar", "foo_bar_baz"]);
    check(&index, "foobar", &["foobar", "foo_bar", "foo_bar_baz"]);
    check(&index, "foo bar", &["foo_bar", "foobar", "foo_bar_baz"]);
    check(&index, "foob", &["foobar", "foo_bar", "foo_bar_baz"]);
    check(&index, "baz", &["foo_bar_baz"]);
    check(&index, "bar foo", &["foo_bar", "foo_bar_baz"]);
}

#[test]
fn humps_in_a_published_name_are_words() {
    let index = index_of([krate("GitHubClient"), described("other", "For GitHub and its API")]);
    check(&index, "client", &["githubclient"]);
    check(&index, "github", &["githubclient", "other"]);
    check(&index, "GitHub", &["githubclient", "other"]);
}

#[test]
fn all_words_must_match_unless_nothing_has_all() {
    let index = index_of([
        described("one", "an async runtime"),
        described("two", "a runtime for games"),
        described("three", "async games"),
    ]);
    check(&index, "async runtime", &["one"]);
    let some = names(&index, &query("runtime async network"));
    assert_eq!(some[0], "one");
    assert_eq!(some.len(), 3);
    check(&index, "nothing here matches", &[]);
}

#[test]
fn words_are_stemmed_in_prose() {
    let index = index_of([described("one", "Parses configurations"), described("two", "other")]);
    for text in ["parsing", "Parser configuration", "parse", "CONFIGURATIONS"] {
        let found = names(&index, &query(text));
        assert_eq!(found, ["one"], "{text}");
    }
}

#[test]
fn among_equals_downloads_decide_then_the_name() {
    let popular = |name: &str, downloads| Document { downloads, ..described(name, "logging") };
    let index =
        index_of([popular("c", None), popular("b", Some(3)), popular("a", None), popular("d", Some(90_000))]);
    check(&index, "logging", &["d", "b", "a", "c"]);
}

#[test]
fn the_text_is_more_about_its_words_when_it_is_short() {
    let long = format!("Zebra {}", "and many other words besides it ".repeat(20));
    let index = index_of([described("a-long", &long), described("b-short", "Zebra stripes")]);
    check(&index, "zebra", &["b_short", "a_long"]);
}

#[test]
fn an_empty_text_lists_everything_by_the_chosen_order() {
    let index = index_of([
        Document { updated_at: 10, downloads: Some(1), ..krate("b") },
        Document { updated_at: 30, downloads: None, ..krate("c") },
        Document { updated_at: 20, downloads: Some(7), ..krate("a") },
        Document { updated_at: 10, downloads: Some(1), ..krate("B-2") },
    ]);
    let sorted = |sort| names(&index, &holdfast_search::Query { sort, ..query(" ") });
    assert_eq!(sorted(Sort::Relevance), ["c", "a", "b", "b_2"]);
    assert_eq!(sorted(Sort::RecentUpdate), ["c", "a", "b", "b_2"]);
    assert_eq!(sorted(Sort::Name), ["a", "b", "b_2", "c"]);
    assert_eq!(sorted(Sort::Downloads), ["a", "b", "b_2", "c"]);
}

#[test]
fn filters_restrict_to_keyword_and_category() {
    let index = index_of([
        Document { keywords: owned(&["CLI", "http"]), ..described("one", "tool") },
        Document {
            keywords: owned(&["cli-tool"]),
            categories: owned(&["web-programming::http-client"]),
            ..described("two", "tool")
        },
        described("three", "a cli tool"),
    ]);
    check(&index, "keyword:cli", &["one"]);
    check(&index, "keyword:cli tool", &["one"]);
    check(&index, "category:web-programming tool", &["two"]);
    check(&index, "category:web-programming::http-client keyword:cli-tool", &["two"]);
    check(&index, "keyword:http category:web-programming", &[]);
    check(&index, "http", &["one", "two"]);
}

#[test]
fn dependents_are_found_by_canonical_name() {
    let index = index_of([
        Document { dependencies: owned(&["serde", "serde_json"]), downloads: Some(5), ..krate("big") },
        Document { dependencies: owned(&["serde"]), ..krate("small") },
        Document { dependencies: owned(&["serde_json"]), ..krate("else") },
        Document { dependencies: owned(&["serde"]), registry: "other".to_owned(), ..krate("far") },
    ]);
    let hits = index.dependents("main", "serde", &owned(&["all"]), 0, 10).unwrap();
    let names: Vec<&str> = hits.crates.iter().map(|hit| hit.canonical.as_str()).collect();
    assert_eq!((names, hits.total), (vec!["big", "small"], 2));
    assert_eq!(index.dependents("main", "serde", &owned(&["none"]), 0, 10).unwrap().total, 0);
}
