//! What must stand in one claim of a token.

use super::ClaimPattern;
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::fmt;

/// The first claim that a rule wants otherwise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}, but the trust rule wants {expected}", self.found_words())]
pub struct Mismatch {
    /// The name of the claim.
    pub claim: String,
    /// What the rule wants, in words.
    pub expected: String,
    /// What the token says, made printable. `None` when it says nothing.
    pub found: Option<String>,
}

impl Mismatch {
    fn found_words(&self) -> String {
        match &self.found {
            Some(found) => format!("the claim `{}` is `{found}`", self.claim),
            None => format!("the token has no claim `{}`", self.claim),
        }
    }
}

/// One claim and what must stand there.
pub(super) struct Requirement {
    claim: String,
    wanted: Wanted,
}

pub(super) enum Wanted {
    /// This text.
    Exactly(String),
    /// This text, in capitals or not.
    IgnoringCase(String),
    /// A text of this form.
    Pattern(ClaimPattern),
    /// Anything else than these.
    NoneOf(&'static [&'static str]),
    /// `OWNER/REPOSITORY/FOLDER/FILE@refs/…`, where the owner and the repository may be in capitals or not.
    Workflow { repository: String, folders: &'static [&'static str], file: String },
    /// `HOST/PROJECT//FILE@refs/…`, where the project may be in capitals or not.
    Config { project: String, file: String },
}

impl Requirement {
    pub(super) fn new(claim: impl Into<String>, wanted: Wanted) -> Requirement {
        Requirement { claim: claim.into(), wanted }
    }

    pub(super) fn exactly(claim: &str, text: impl fmt::Display) -> Requirement {
        Requirement::new(claim, Wanted::Exactly(text.to_string()))
    }

    pub(super) fn check(&self, claims: &Map<String, Value>) -> Result<(), Mismatch> {
        let found = claims.get(&self.claim).and_then(text_of);
        if found.as_deref().is_some_and(|text| self.wanted.accepts(text)) {
            return Ok(());
        }
        let shown = |text: Cow<'_, str>| text.chars().take(200).flat_map(char::escape_debug).collect();
        Err(Mismatch {
            claim: self.claim.clone(),
            expected: self.wanted.to_string(),
            found: found.map(shown),
        })
    }
}

/// The text of a claim; some issuers write numbers as numbers and some as texts. An empty text says nothing,
/// and neither does a list.
fn text_of(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => (!text.is_empty()).then_some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        Value::Bool(flag) => Some(Cow::Borrowed(if *flag { "true" } else { "false" })),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

impl Wanted {
    fn accepts(&self, found: &str) -> bool {
        match self {
            Wanted::Exactly(text) => found == text,
            Wanted::IgnoringCase(text) => found.eq_ignore_ascii_case(text),
            Wanted::Pattern(pattern) => pattern.matches(found),
            Wanted::NoneOf(texts) => !texts.contains(&found),
            Wanted::Workflow { repository, folders, file } => {
                let path = strip_ignoring_case(found, repository).and_then(|rest| rest.strip_prefix('/'));
                let in_folder =
                    |folder: &&str| path.and_then(|path| path.strip_prefix(*folder)?.strip_prefix('/'));
                folders.iter().filter_map(in_folder).any(|rest| is_file_at_ref(rest, file))
            }
            Wanted::Config { project, file } => {
                let Some((place, rest)) = found.split_once("//") else { return false };
                let in_project = place.split_once('/').is_some_and(|(_, path)| {
                    // A GitLab below a path of its host puts that path before the project.
                    let begins = path.len().checked_sub(project.len());
                    begins.is_some_and(|at| {
                        path.get(at..).is_some_and(|end| end.eq_ignore_ascii_case(project))
                            && (at == 0 || path[..at].ends_with('/'))
                    })
                });
                in_project && is_file_at_ref(rest, file)
            }
        }
    }
}

/// Whether a text is the file and then a ref. The name of another file may go on with an `@`, but has no `/`.
fn is_file_at_ref(text: &str, file: &str) -> bool {
    text.strip_prefix(file).is_some_and(|rest| rest.starts_with("@refs/"))
}

fn strip_ignoring_case<'a>(text: &'a str, start: &str) -> Option<&'a str> {
    let (found, rest) = text.split_at_checked(start.len())?;
    found.eq_ignore_ascii_case(start).then_some(rest)
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wanted::Exactly(text) | Wanted::IgnoringCase(text) => write!(f, "`{text}`"),
            Wanted::Pattern(pattern) => write!(f, "`{pattern}`"),
            Wanted::NoneOf(texts) => write!(f, "anything but `{}`", texts.join("` and `")),
            Wanted::Workflow { repository, folders, file } => {
                write!(f, "`{repository}/{}/{file}@refs/*`", folders[0])
            }
            Wanted::Config { project, file } => write!(f, "`*/{project}//{file}@refs/*`"),
        }
    }
}
