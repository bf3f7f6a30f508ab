//! A body as the database keeps it: as a document that people can read, search and aggregate over, when its
//! text can be made again from that byte by byte, and as a string otherwise.
//!
//! Which of the two is decided for each body by doing it: the text becomes a document, the document becomes
//! text, and only if nothing differs is the document kept. Compact JSON objects of strings, whole numbers,
//! booleans and nulls are such; fractions, spaces and names twice are not.

use std::fmt::Write as _;

use mongodb::bson::{Document, RawBson, RawBsonRef, RawDocument, RawDocumentBuf};

/// Deeper ones stay text: the database ends at a hundred levels.
const DEEPEST: u32 = 60;

/// The value to store for a text.
pub(super) fn stored(text: &str) -> RawBson {
    match as_document(text) {
        Some(document) => RawBson::Document(document),
        None => RawBson::String(text.to_owned()),
    }
}

/// The text of a stored value, or `None` if it is neither a string nor what [`stored`] makes.
pub(super) fn read(value: RawBsonRef<'_>) -> Option<String> {
    match value {
        RawBsonRef::String(text) => Some(text.to_owned()),
        RawBsonRef::Document(document) => written(document),
        _ => None,
    }
}

fn as_document(text: &str) -> Option<RawDocumentBuf> {
    if !text.starts_with('{') {
        return None;
    }
    let document: Document = serde_json::from_str(text).ok()?;
    let document = RawDocumentBuf::try_from(&document).ok()?;
    // Arrays of small numbers grow; the batch must still fit into one command.
    let is_small = document.as_bytes().len() <= 2 * text.len() + 64;
    (is_small && written(&document).as_deref() == Some(text)).then_some(document)
}

fn written(document: &RawDocument) -> Option<String> {
    let mut text = String::with_capacity(document.as_bytes().len());
    write_document(document, DEEPEST, &mut text)?;
    Some(text)
}

fn write_document(document: &RawDocument, levels: u32, text: &mut String) -> Option<()> {
    text.push('{');
    for (at, element) in document.iter().enumerate() {
        let (name, value) = element.ok()?;
        let name = name.as_str();
        // Names that mean something else to the database.
        if name.is_empty() || name.starts_with('$') || name.contains('.') {
            return None;
        }
        if at > 0 {
            text.push(',');
        }
        write_string(name, text)?;
        text.push(':');
        write_value(value, levels.checked_sub(1)?, text)?;
    }
    text.push('}');
    Some(())
}

fn write_value(value: RawBsonRef<'_>, levels: u32, text: &mut String) -> Option<()> {
    match value {
        RawBsonRef::String(string) => write_string(string, text)?,
        RawBsonRef::Int32(number) => write!(text, "{number}").ok()?,
        RawBsonRef::Int64(number) => write!(text, "{number}").ok()?,
        RawBsonRef::Boolean(truth) => write!(text, "{truth}").ok()?,
        RawBsonRef::Null => text.push_str("null"),
        RawBsonRef::Document(document) => write_document(document, levels, text)?,
        RawBsonRef::Array(array) => {
            text.push('[');
            for (at, element) in array.into_iter().enumerate() {
                if at > 0 {
                    text.push(',');
                }
                write_value(element.ok()?, levels.checked_sub(1)?, text)?;
            }
            text.push(']');
        }
        _ => return None,
    }
    Some(())
}

fn write_string(string: &str, text: &mut String) -> Option<()> {
    text.push_str(&serde_json::to_string(string).ok()?);
    Some(())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests may panic")]

    use super::*;

    /// What is read back, and whether a document was kept.
    fn round_trip(text: &str) -> (String, bool) {
        let stored = stored(text);
        let is_document = matches!(stored, RawBson::Document(_));
        (read(stored.as_raw_bson_ref()).unwrap(), is_document)
    }

    #[test]
    fn plain_objects_are_documents() {
        for text in [
            "{}",
            r#"{"v":1,"name":"a","list":["x",{"y":null}],"no":false,"empty":[],"deep":{"deeper":{}}}"#,
            r#"{"b":1,"a":-2,"B":9223372036854775807,"least":-9223372036854775808}"#,
            r#"{"quote":"\"\\/\n\t\u0001\u0000","日本":"é\u007f"}"#.replace("\\u007f", "\u{7f}").as_str(),
        ] {
            assert_eq!(round_trip(text), (text.to_owned(), true));
        }
    }

    #[test]
    fn what_would_change_stays_text() {
        let deep = format!("{}1{}", "{\"a\":".repeat(80), "}".repeat(80));
        let wide = format!("{{\"a\":[{}1]}}", "1,".repeat(10_000));
        for text in [
            "",
            " ",
            "null",
            "7",
            "\"text\"",
            "[]",
            "{",
            "{ }",
            "{} ",
            r#"{"a": 1}"#,
            r#"{"a":1.0}"#,
            r#"{"a":1e3}"#,
            r#"{"a":-0}"#,
            r#"{"a":01}"#,
            r#"{"a":18446744073709551615}"#,
            r#"{"a":1,"a":2}"#,
            r#"{"a":"\/"}"#,
            r#"{"a":"\u0041"}"#,
            r#"{"a\u0000b":1}"#,
            r#"{"":1}"#,
            r#"{"a.b":1}"#,
            r#"{"$set":1}"#,
            r#"{"$oid":"0123456789abcdef01234567"}"#,
            r#"{"a":{"$numberLong":"5"}}"#,
            r#"{"a":{"$date":{"$numberLong":"5"}}}"#,
            &deep,
            &wide,
        ] {
            assert_eq!(round_trip(text), (text.to_owned(), false));
        }
    }
}
