//! A section of `Cargo.toml`, read with errors that name the whole key.

use crate::PackageError;
use crate::error::printable;
use toml::{Table, Value};

/// A table and where it stands.
#[derive(Clone, Copy)]
pub(crate) struct Section<'t> {
    table: &'t Table,
    place: &'t str,
}

impl<'t> Section<'t> {
    pub(crate) fn new(table: &'t Table, place: &'t str) -> Section<'t> {
        Section { table, place }
    }

    /// The whole name of a key, for sentences.
    pub(crate) fn key(&self, key: &str) -> String {
        if self.place.is_empty() { printable(key) } else { printable(&format!("{}.{key}", self.place)) }
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'t Value> {
        self.table.get(key)
    }

    /// A text; empty text counts as none.
    pub(crate) fn text(&self, key: &str) -> Result<Option<&'t str>, PackageError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        let text = value.as_str().ok_or_else(|| self.type_error(key, value, "a text"))?;
        Ok((!text.is_empty()).then_some(text))
    }

    /// A text that must be there.
    pub(crate) fn required(&self, key: &str) -> Result<&'t str, PackageError> {
        self.text(key)?.ok_or_else(|| PackageError::ManifestKey { key: self.key(key) })
    }

    pub(crate) fn texts(&self, key: &str) -> Result<Vec<String>, PackageError> {
        match self.get(key) {
            None => Ok(Vec::new()),
            Some(value) => texts(value).ok_or_else(|| self.type_error(key, value, "a list of texts")),
        }
    }

    pub(crate) fn flag(&self, key: &str) -> Result<Option<bool>, PackageError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        value.as_bool().map(Some).ok_or_else(|| self.type_error(key, value, "true or false"))
    }

    pub(crate) fn table(&self, key: &str) -> Result<Option<&'t Table>, PackageError> {
        let Some(value) = self.get(key) else { return Ok(None) };
        value.as_table().map(Some).ok_or_else(|| self.type_error(key, value, "a table"))
    }

    /// A value that is parsed from a text.
    pub(crate) fn parsed<T>(&self, key: &str, text: &str) -> Result<T, PackageError>
    where
        T: std::str::FromStr<Err: std::fmt::Display>,
    {
        text.parse()
            .map_err(|e: T::Err| PackageError::ManifestValue { key: self.key(key), reason: e.to_string() })
    }

    pub(crate) fn type_error(&self, key: &str, value: &Value, expected: &'static str) -> PackageError {
        let key = self.key(key);
        if is_inherited(value) {
            PackageError::Inherited { key }
        } else {
            PackageError::ManifestType { key, expected }
        }
    }

    /// Refuses `key.workspace = true` below any key of this section.
    pub(crate) fn refuse_inheritance(&self) -> Result<(), PackageError> {
        match self.table.iter().find(|(_, value)| is_inherited(value)) {
            Some((key, _)) => Err(PackageError::Inherited { key: self.key(key) }),
            None => Ok(()),
        }
    }
}

/// The texts of a list; `None` when it is not a list of texts.
pub(crate) fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

/// Whether a value is `{ workspace = true }`, or has that in it.
pub(crate) fn is_inherited(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

/// Reads TOML; the error is one sentence with the line.
pub(crate) fn parse(text: &str) -> Result<Table, PackageError> {
    text.parse::<Table>().map_err(|e| {
        let before = e.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
        PackageError::ManifestSyntax {
            line: before.matches('\n').count() + 1,
            message: printable(&e.message().replace('\n', ", ")),
        }
    })
}
