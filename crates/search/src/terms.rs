//! From what a person typed to the terms that are looked up.

use crate::tokens::{clip, name_words, prose, squash};

/// How much of a text is looked at, in bytes.
const LONGEST_QUERY_BYTES: usize = 200;
/// How many words are looked up.
const MOST_WORDS: usize = 10;
/// Words that people write but do not search for. They count only where nothing else is asked.
const FILLERS: [&str; 22] = [
    "a", "an", "and", "are", "as", "at", "be", "by", "for", "from", "in", "is", "it", "of", "on", "or",
    "that", "the", "this", "to", "with", "your",
];

/// A query, cut.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Terms {
    /// The whole text as a canonical name.
    pub(crate) canonical: String,
    /// The whole text without separators and case.
    pub(crate) squashed: String,
    /// What must be found, all of it if possible.
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) keywords: Vec<String>,
    pub(crate) categories: Vec<String>,
    /// Whether the text asks for something that no document can have, such as `!!!`.
    pub(crate) is_hopeless: bool,
}

/// Text between blanks: found as a whole (`foobar` for `foo-bar`) or by all of its parts (`foo`, `bar`).
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) whole: String,
    /// Two or more, or none where the whole is a single word.
    pub(crate) parts: Vec<String>,
}

impl Terms {
    pub(crate) fn parse(text: &str) -> Self {
        let mut terms = Self::default();
        let mut plain: Vec<&str> = Vec::new();
        for word in clip(text, LONGEST_QUERY_BYTES).split_whitespace() {
            match word.split_once(':') {
                Some(("keyword", value)) if !value.is_empty() => terms.keywords.push(value.to_lowercase()),
                Some(("category", value)) if !value.is_empty() => terms.categories.push(value.to_lowercase()),
                _ => plain.push(word),
            }
        }
        let joined = plain.join("_");
        terms.canonical = joined.to_lowercase().replace('-', "_");
        terms.squashed = squash(&joined);
        terms.chunks = chunks(&plain);
        terms.is_hopeless = !plain.is_empty() && terms.chunks.is_empty();
        terms
    }
}

fn chunks(words: &[&str]) -> Vec<Chunk> {
    let is_filler = |word: &&str| FILLERS.contains(&word.to_lowercase().as_str());
    let only_fillers = words.iter().all(is_filler);
    let mut chunks: Vec<Chunk> = Vec::new();
    let mut room = MOST_WORDS;
    for &word in words.iter().filter(|word| only_fillers || !is_filler(word)) {
        let whole = squash(word);
        if whole.is_empty() || chunks.iter().any(|chunk| chunk.whole == whole) {
            continue;
        }
        let mut parts = parts(word);
        parts.truncate(room);
        room -= parts.len().max(1);
        if parts.len() < 2 {
            parts.clear();
        }
        chunks.push(Chunk { whole, parts });
        if room == 0 {
            break;
        }
    }
    chunks
}

/// The distinct parts of a word. A hump is a boundary only if no separator is there: `GitHub` has the parts
/// `git` and `hub`, `my-GitHub` has `my` and `github`, as prose has them.
fn parts(word: &str) -> Vec<String> {
    let mut parts: Vec<String> = prose(word).split_ascii_whitespace().map(str::to_owned).collect();
    if parts.len() < 2 {
        parts = name_words(word);
    }
    let mut seen = std::collections::HashSet::new();
    parts.retain(|part| seen.insert(part.clone()));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[(&str, &[&str])]) {
        let chunks = Terms::parse(text).chunks;
        let found: Vec<(&str, Vec<&str>)> =
            chunks.iter().map(|c| (c.whole.as_str(), c.parts.iter().map(String::as_str).collect())).collect();
        let expected: Vec<(&str, Vec<&str>)> = expected.iter().map(|(w, p)| (*w, p.to_vec())).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn text_becomes_chunks() {
        check("serde", &[("serde", &[])]);
        check("Foo-Bar baz", &[("foobar", &["foo", "bar"]), ("baz", &[])]);
        check("FooBar", &[("foobar", &["foo", "bar"])]);
        check("name:foo \"quoted\" *", &[("namefoo", &["name", "foo"]), ("quoted", &[])]);
        check("foo foo FOO", &[("foo", &[])]);
        check("a parser for json", &[("parser", &[]), ("json", &[])]);
        check("the", &[("the", &[])]);
        check("!!! \0", &[]);
    }

    #[test]
    fn filters_are_taken_out_of_the_text() {
        let terms = Terms::parse("keyword:CLI category:web::http parse keyword:");
        assert_eq!(terms.keywords, ["cli"]);
        assert_eq!(terms.categories, ["web::http"]);
        assert_eq!(terms.canonical, "parse_keyword:");
        assert_eq!(terms.chunks.len(), 2);
    }

    #[test]
    fn long_texts_are_cut() {
        let words: Vec<String> = (0..100).map(|n| format!("w{n}")).collect();
        assert_eq!(Terms::parse(&words.join(" ")).chunks.len(), MOST_WORDS);
        assert_eq!(Terms::parse(&words.join("-")).chunks[0].parts.len(), MOST_WORDS);
        assert!(Terms::parse(&"é".repeat(5_000)).canonical.len() <= LONGEST_QUERY_BYTES);
    }

    #[test]
    fn only_signs_are_hopeless_and_nothing_is_not() {
        assert!(Terms::parse("🦀").is_hopeless);
        assert!(!Terms::parse("  ").is_hopeless);
        assert!(!Terms::parse("keyword:x").is_hopeless);
    }
}
