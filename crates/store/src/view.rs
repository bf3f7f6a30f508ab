//! What an engine that speaks SQL shows to people who report: read-only views over documents and counters.
//!
//! An engine renders a [`View`] in its dialect and knows no more of it than this. Values are taken from the
//! documents as they are stored, so that a view shows what an older release wrote as that release wrote it.

/// One view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct View {
    /// Its name in the database: lower-case letters and underscores.
    pub name: &'static str,
    /// What a row is, for the handbook.
    pub about: &'static str,
    /// What its rows are made of.
    pub source: ViewSource,
    /// The partitions it looks at.
    pub part: Names,
    /// The documents or counters of them that it shows.
    pub sort: Names,
    /// Its columns, in order. New ones go to the end: some databases can only append.
    pub columns: &'static [ViewColumn],
}

/// What the rows of a view are made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewSource {
    /// A row for each document.
    Documents,
    /// A row for each counter.
    Counters,
}

/// Partitions or positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// All.
    All,
    /// This one.
    Exactly(&'static str),
    /// Those that begin with this; it ends in a slash.
    Under(&'static str),
}

/// One column of a view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ViewColumn {
    /// Its name: lower-case letters and underscores.
    pub name: &'static str,
    /// Where its value is.
    pub value: ViewValue,
    /// What it becomes.
    pub kind: ViewKind,
}

/// Where the value of a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewValue {
    /// The field of the document at the end of this path of field names.
    Json(&'static [&'static str]),
    /// A piece of the partition's name, which slashes divide; the first is 0.
    PartSegment(u8),
    /// A piece of the position, which slashes divide; the first is 0.
    SortSegment(u8),
    /// The number of a counter.
    Count,
}

/// What a value becomes in the database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ViewKind {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// True or false.
    Boolean,
    /// A moment that is stored as `2026-01-31T12:00:00Z`.
    Time,
    /// A moment that is stored as milliseconds since 1970.
    Millis,
    /// Any JSON, as the database's JSON type or as its text.
    Json,
}
