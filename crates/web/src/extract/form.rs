//! The fields of a form.

use super::read_bounded;
use crate::error::{Failure, Result};
use crate::web::Shared;
use axum::extract::{FromRequest, Request};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What somebody filled in. Secrets may be in it, so it cannot be printed.
pub(crate) struct Form(BTreeMap<String, String>);

impl Form {
    /// A field as it is; empty when it is not there.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// A field that may be left empty.
    pub(crate) fn optional(&self, name: &str) -> Option<&str> {
        Some(self.text(name).trim()).filter(|text| !text.is_empty())
    }

    /// The names of the fields that begin like this, without the beginning: boxes that were ticked.
    pub(crate) fn ticked(&self, beginning: &str) -> impl Iterator<Item = &str> {
        self.0.keys().filter_map(move |name| name.strip_prefix(beginning))
    }
}

impl FromRequest<Arc<Shared>> for Form {
    type Rejection = Failure;

    async fn from_request(request: Request, shared: &Arc<Shared>) -> Result<Form> {
        let body = read_bounded(shared, request.into_body()).await?;
        Ok(Form(form_urlencoded::parse(&body).into_owned().collect()))
    }
}
