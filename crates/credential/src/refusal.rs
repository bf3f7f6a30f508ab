//! Why cargo gets no token, and how it is told.

use std::error::Error;
use std::iter::successors;

use serde_json::{Value, json};

use crate::device::DeviceError;
use crate::http::CallError;
use crate::job::JobError;
use crate::place::NotOurs;
use crate::secret::NoToken;
use crate::session::SessionError;
use crate::store::StoreError;

/// An answer in the negative. After the first two cargo asks its other providers; they must be right when nothing
/// is wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    /// The registry is not one of ours.
    #[error(transparent)]
    NotOurs(NotOurs),
    /// There is nothing to give.
    #[error("there is no credential for `{name}`; run `cargo login --registry {name}`")]
    NotFound { name: String },
    /// A later cargo wants what this provider does not know.
    #[error("this cargo asks for something new; install a newer `cargo-credential-holdfast`")]
    Unknown,
    #[error(
        "cargo's request makes no sense at line {line}, column {column}; install a newer `cargo-credential-holdfast`"
    )]
    Unreadable { line: usize, column: usize },
    #[error("cannot sign in to an address that is not encrypted")]
    Clear(#[source] NotOurs),
    #[error("cannot sign in")]
    Device(#[from] DeviceError),
    #[error(transparent)]
    Session(#[from] SessionError),
    #[error("cannot exchange the token of this CI job")]
    Exchange(#[source] CallError),
    #[error("the CI system gave no token for this job")]
    Job(#[from] JobError),
    #[error("cannot revoke the token")]
    Revoke(#[source] CallError),
    #[error("the server gave no token for this operation")]
    Bound(#[source] CallError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(
        "`{0}` gave a session that cannot be renewed; ask its operator for a token, and pipe it into `cargo login`"
    )]
    NoRefresh(String),
    #[error("that is not a token")]
    NoToken(#[from] NoToken),
}

impl Refusal {
    /// As cargo reads it.
    pub(crate) fn to_wire(&self) -> Value {
        let message = self.to_string();
        match self {
            Refusal::NotOurs(_) => json!({"kind": "url-not-supported", "message": message}),
            Refusal::NotFound { .. } => json!({"kind": "not-found", "message": message}),
            Refusal::Unknown => json!({"kind": "operation-not-supported", "message": message}),
            _ => json!({"kind": "other", "message": message, "caused-by": causes(self)}),
        }
    }
}

/// What is behind an error, nearest first.
pub(crate) fn causes(error: &dyn Error) -> Vec<String> {
    successors(error.source(), |&error| error.source()).map(ToString::to_string).collect()
}
