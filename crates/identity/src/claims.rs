//! What an issuer says of somebody.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What an issuer says of somebody, by name. Where a name is asked for, one that begins with `/` is a JSON
/// pointer (RFC 6901) to what lies deeper: `/realm_access/roles`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Claims(Map<String, Value>);

impl Claims {
    /// What is at `path`, when it is more than `null`.
    pub fn at(&self, path: &str) -> Option<&Value> {
        let (name, deeper) = name_and_rest(path);
        let claim = self.0.get(&*name)?;
        let found = deeper.map_or(Some(claim), |deeper| claim.pointer(deeper));
        found.filter(|value| !value.is_null())
    }

    /// The text at `path`. Numbers and truths are given as JSON writes them.
    pub fn text(&self, path: &str) -> Option<Cow<'_, str>> {
        text(self.at(path)?)
    }

    /// Whether `path` says `true`; some issuers write it as text.
    pub fn is_true(&self, path: &str) -> bool {
        self.text(path).is_some_and(|text| text == "true")
    }

    /// The texts at `path`: those of a list, or a single one.
    pub fn texts(&self, path: &str) -> BTreeSet<String> {
        let values = match self.at(path) {
            Some(Value::Array(values)) => values.as_slice(),
            Some(value) => std::slice::from_ref(value),
            None => &[],
        };
        values.iter().filter_map(text).map(Cow::into_owned).collect()
    }

    /// Everything.
    pub fn as_map(&self) -> &Map<String, Value> {
        &self.0
    }

    /// Leaves out what is at `path`, with all that belongs to the same claim.
    pub(crate) fn forget(&mut self, path: &str) {
        self.0.remove(&*name_and_rest(path).0);
    }

    /// Adds what `other` says of what is not mentioned here.
    pub(crate) fn complete(&mut self, other: Claims) {
        for (name, value) in other.0 {
            self.0.entry(name).or_insert(value);
        }
    }
}

impl From<Map<String, Value>> for Claims {
    fn from(map: Map<String, Value>) -> Claims {
        Claims(map)
    }
}

/// The name of a claim, and the pointer to what lies deeper in it.
fn name_and_rest(path: &str) -> (Cow<'_, str>, Option<&str>) {
    let Some(tokens) = path.strip_prefix('/') else { return (path.into(), None) };
    let end = tokens.find('/').unwrap_or(tokens.len());
    let (name, rest) = tokens.split_at(end);
    (name.replace("~1", "/").replace("~0", "~").into(), Some(rest).filter(|rest| !rest.is_empty()))
}

fn text(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(truth) => Some(Cow::Borrowed(if *truth { "true" } else { "false" })),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests may panic")]

    use super::*;

    fn claims(json: &str) -> Claims {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn paths_are_names_or_pointers() {
        let claims = claims(
            r#"{"a": "x", "https://example.com/b": 7, "c": {"d/e": ["y", "z"]}, "f": null, "": true, "~g": "h"}"#,
        );
        for (path, expected) in [
            ("a", Some("x")),
            ("/a", Some("x")),
            ("https://example.com/b", Some("7")),
            ("/https:~1~1example.com~1b", Some("7")),
            ("/c/d~1e/1", Some("z")),
            ("/~0g", Some("h")),
            ("", Some("true")),
            ("/", Some("true")),
            ("f", None),
            ("c", None),
            ("/a/b", None),
            ("none", None),
        ] {
            assert_eq!(claims.text(path).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn one_text_is_a_list_too() {
        let claims = claims(r#"{"many": ["b", "a", "b", {}, 3], "one": "a", "none": {}}"#);
        let check = |path: &str, expected: &[&str]| {
            assert_eq!(claims.texts(path).iter().collect::<Vec<_>>(), expected, "{path}");
        };
        check("many", &["3", "a", "b"]);
        check("one", &["a"]);
        check("none", &[]);
        check("absent", &[]);
    }

    #[test]
    fn truths_may_be_texts() {
        let claims = claims(r#"{"a": true, "b": "true", "c": 1, "d": "yes", "e": false}"#);
        let true_ones: Vec<&str> =
            ["a", "b", "c", "d", "e", "f"].into_iter().filter(|p| claims.is_true(p)).collect();
        assert_eq!(true_ones, ["a", "b"]);
    }
}
