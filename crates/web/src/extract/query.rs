//! The query of an address.

use crate::error::{Failure, Result};
use axum::extract::FromRequestParts;
use http::request::Parts;
use std::convert::Infallible;
use std::fmt::Display;
use std::str::FromStr;

/// The pairs of a query, decoded; of several with one name the first counts, and unknown ones are ignored.
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// A value as text; an empty one is none.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// A value of a type.
    pub(crate) fn get<T: FromStr<Err: Display>>(&self, name: &str) -> Result<Option<T>> {
        let parse = |text: &str| {
            text.parse().map_err(|error: T::Err| {
                Failure::invalid(format!("the query's `{name}` is not usable: {error}"))
            })
        };
        self.text(name).map(parse).transpose()
    }

    /// Which part of a list: `page` from 1 and `per_page` from 1 to 100 (crates.io's names and limits).
    pub(crate) fn page(&self) -> Result<Page> {
        let number = self.get::<u32>("page")?.unwrap_or(1);
        let size = self.get::<u32>("per_page")?.unwrap_or(Page::DEFAULT_SIZE);
        if number == 0 || number > Page::LAST || size == 0 {
            return Err(Failure::invalid(format!(
                "`page` must be 1 to {}, and `per_page` 1 to {}",
                Page::LAST,
                Page::MAX_SIZE
            )));
        }
        Ok(Page { number, size: size.min(Page::MAX_SIZE) })
    }

    /// The same query with another page, for links.
    pub(crate) fn with_page(&self, number: u32) -> String {
        let mut pairs = form_urlencoded::Serializer::for_suffix("?".to_owned(), 1);
        for (key, value) in self.0.iter().filter(|(key, _)| key != "page") {
            pairs.append_pair(key, value);
        }
        pairs.append_pair("page", &number.to_string()).finish()
    }
}

/// A part of a list.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    /// Which, from 1.
    pub(crate) number: u32,
    /// How long.
    pub(crate) size: u32,
}

impl Page {
    const DEFAULT_SIZE: u32 = 10;
    const MAX_SIZE: u32 = 100;
    const LAST: u32 = 10_000;

    /// How many come before.
    pub(crate) fn offset(self) -> usize {
        (self.number - 1) as usize * self.size as usize
    }

    /// Whether more come after, of so many.
    pub(crate) fn has_next(self, total: u64) -> bool {
        u64::from(self.number) * u64::from(self.size) < total
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Query, Infallible> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Query(form_urlencoded::parse(query.as_bytes()).into_owned().collect()))
    }
}
