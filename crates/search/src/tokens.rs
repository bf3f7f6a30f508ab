//! How names and prose are cut into terms, for documents and for queries alike.

/// No term is longer, in bytes; what is longer is cut, on both sides alike.
const LONGEST_TERM_BYTES: usize = 64;
/// No more of a text is indexed, in bytes.
const LONGEST_TEXT_BYTES: usize = 64 * 1024;

/// The start of `text` that fits into `bytes`.
pub(crate) fn clip(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// The words of a text in lower case, joined by blanks.
pub(crate) fn prose(text: &str) -> String {
    let text = clip(text, LONGEST_TEXT_BYTES);
    let mut words = String::with_capacity(text.len());
    let mut length = 0;
    for character in text.chars() {
        if !character.is_alphanumeric() {
            separate(&mut words, &mut length);
        } else if is_ideograph(character) {
            separate(&mut words, &mut length);
            words.push(character);
            length = 1;
            separate(&mut words, &mut length);
        } else if length + 4 <= LONGEST_TERM_BYTES {
            words.extend(character.to_lowercase());
            length += character.len_utf8();
        }
    }
    words
}

/// Everything of a name but case and separators: `Foo-Bar_2` is `foobar2`.
pub(crate) fn squash(name: &str) -> String {
    let squashed: String =
        name.chars().filter(|character| character.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    clip(&squashed, LONGEST_TERM_BYTES).to_owned()
}

/// The words of a name: `serde_json`, `serde-json` and `SerdeJson` are `serde` and `json`.
pub(crate) fn name_words(name: &str) -> Vec<String> {
    let characters: Vec<char> = name.chars().collect();
    let mut spaced = String::with_capacity(name.len() + 8);
    for (index, &character) in characters.iter().enumerate() {
        let before = index.checked_sub(1).map(|before| characters[before]);
        let after = characters.get(index + 1).copied();
        if before.is_some_and(|before| is_hump(before, character, after)) {
            spaced.push(' ');
        }
        spaced.push(character);
    }
    prose(&spaced).split_ascii_whitespace().map(str::to_owned).collect()
}

/// All prefixes of a word, from its first character to the whole.
pub(crate) fn prefixes(word: &str) -> impl Iterator<Item = &str> {
    word.char_indices().map(|(start, character)| &word[..start + character.len_utf8()])
}

/// Whether `character` starts a word in the middle of a name: the `B` of `fooBar`, the `S` of `HTTPServer`.
fn is_hump(before: char, character: char, after: Option<char>) -> bool {
    character.is_uppercase()
        && (before.is_lowercase()
            || before.is_numeric()
            || (before.is_uppercase() && after.is_some_and(char::is_lowercase)))
}

/// Scripts that put no blanks between words; each of their characters is a word.
fn is_ideograph(character: char) -> bool {
    matches!(character, '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

fn separate(words: &mut String, length: &mut usize) {
    if *length > 0 {
        words.push(' ');
        *length = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, squashed: &str, words: &[&str]) {
        assert_eq!(squash(name), squashed, "{name}");
        assert_eq!(name_words(name), words, "{name}");
    }

    #[test]
    fn names_are_cut_at_separators_and_humps() {
        check("serde_json", "serdejson", &["serde", "json"]);
        check("Serde-JSON", "serdejson", &["serde", "json"]);
        check("SerdeJson", "serdejson", &["serde", "json"]);
        check("HTTPServer2Go", "httpserver2go", &["http", "server2", "go"]);
        check("sha2", "sha2", &["sha2"]);
        check("--", "", &[]);
        check("", "", &[]);
    }

    #[test]
    fn prose_is_words_in_lower_case() {
        assert_eq!(
            prose("The `serde_json` crate: FAST, 日本語!").trim_end(),
            "the serde json crate fast 日 本 語"
        );
        assert_eq!(prose("\0\u{1f980}"), "");
    }

    #[test]
    fn no_term_is_longer_than_the_limit() {
        for text in ["x".repeat(10_000), "é".repeat(10_000), "\u{1d400}".repeat(1_000)] {
            assert!(prose(&text).len() <= LONGEST_TERM_BYTES && squash(&text).len() <= LONGEST_TERM_BYTES);
        }
    }

    #[test]
    fn prefixes_end_with_the_whole() {
        assert_eq!(prefixes("añb").collect::<Vec<_>>(), ["a", "añ", "añb"]);
    }

    #[test]
    fn clipping_keeps_characters_whole() {
        assert_eq!(clip("aéb", 2), "a");
        assert_eq!(clip("ab", 9), "ab");
    }
}
