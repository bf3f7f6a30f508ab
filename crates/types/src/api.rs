//! The JSON of cargo's web API (the Cargo book, "Web API").

use crate::{CrateName, Version};
use serde::{Deserialize, Serialize};

/// An error as cargo prints it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApiErrors {
    /// Never empty: cargo takes an empty list for a failure without words.
    pub errors: Vec<ErrorDetail>,
}

/// One sentence of an error.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ErrorDetail {
    /// What went wrong and what to do.
    pub detail: String,
}

impl ApiErrors {
    /// An error of one sentence.
    pub fn new(detail: impl Into<String>) -> ApiErrors {
        ApiErrors { errors: vec![ErrorDetail { detail: detail.into() }] }
    }
}

/// The answer to a yank, an unyank and a change of owners. `ok` is always true (cargo panics on false), and
/// `msg` is always there (cargo's owner commands need it).
#[derive(Clone, Debug, Serialize)]
pub struct Ok {
    /// True.
    pub ok: bool,
    /// What was done, printed by cargo.
    pub msg: String,
}

impl Ok {
    /// Success, in words.
    pub fn new(msg: impl Into<String>) -> Ok {
        Ok { ok: true, msg: msg.into() }
    }
}

/// The answer to a publish.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Published {
    /// What cargo prints as warnings.
    pub warnings: PublishWarnings,
}

/// Warnings after a publish.
#[derive(Clone, Debug, Default, Serialize)]
pub struct PublishWarnings {
    /// Always empty here.
    pub invalid_categories: Vec<String>,
    /// Always empty here.
    pub invalid_badges: Vec<String>,
    /// Free sentences.
    pub other: Vec<String>,
}

/// An owner of a crate.
#[derive(Clone, Debug, Serialize)]
pub struct OwnerView {
    /// A number below 2^32, the same for the same owner.
    pub id: u32,
    /// `alice` or `team:core`.
    pub login: String,
    /// A name for people.
    pub name: Option<String>,
}

/// The answer to `cargo owner --list`; `ok` and `msg` are there for cargo up to 1.96, which lists with a
/// DELETE after a removal.
#[derive(Clone, Debug, Serialize)]
pub struct OwnersList {
    /// The owners.
    pub users: Vec<OwnerView>,
    /// True.
    pub ok: bool,
    /// Empty.
    pub msg: String,
}

/// A change of owners; crates.io's clients call the field `owners`.
#[derive(Clone, Debug, Deserialize)]
pub struct OwnersRequest {
    /// Whom to add or remove.
    #[serde(alias = "owners")]
    pub users: Vec<String>,
}

/// The answer to a search.
#[derive(Clone, Debug, Serialize)]
pub struct SearchResults {
    /// One page.
    pub crates: Vec<CrateSummary>,
    /// Of how many.
    pub meta: SearchMeta,
}

/// A crate in search results.
#[derive(Clone, Debug, Serialize)]
pub struct CrateSummary {
    /// As published.
    pub name: CrateName,
    /// The version to paste into Cargo.toml.
    pub max_version: Version,
    /// What it is.
    pub description: Option<String>,
}

/// The size of a search.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct SearchMeta {
    /// All hits that the searcher may see.
    pub total: u64,
}

/// `config.json` of a sparse index.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IndexConfig {
    /// Where files are.
    pub dl: String,
    /// Where the web API is, without a slash at the end.
    pub api: String,
    /// Whether every request needs a token.
    #[serde(rename = "auth-required")]
    pub auth_required: bool,
}
