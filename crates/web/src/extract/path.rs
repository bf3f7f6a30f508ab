//! The parts of a path that a route captures.

use crate::error::{Failure, Result};
use axum::extract::{FromRequestParts, RawPathParams};
use holdfast_types::{CrateName, RegistryName, Version};
use http::request::Parts;
use std::fmt::Display;
use std::str::FromStr;

/// The captures of a route, percent-decoded. What cannot be a name cannot be there: such captures are not
/// found.
pub(crate) struct Path(RawPathParams);

impl Path {
    /// A capture as it is.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(capture, _)| *capture == name).map_or("", |(_, value)| value)
    }

    /// A capture as a value.
    pub(crate) fn get<T: FromStr<Err: Display>>(&self, name: &str) -> Result<T> {
        self.text(name).parse().map_err(|error: T::Err| Failure::not_found(error.to_string()))
    }

    /// `{registry}`
    pub(crate) fn registry(&self) -> Result<RegistryName> {
        self.get("registry")
    }

    /// `{registry}` and `{crate}`
    pub(crate) fn krate(&self) -> Result<(RegistryName, CrateName)> {
        Ok((self.registry()?, self.get("crate")?))
    }

    /// `{registry}`, `{crate}` and `{version}`
    pub(crate) fn version(&self) -> Result<(RegistryName, CrateName, Version)> {
        let (registry, krate) = self.krate()?;
        Ok((registry, krate, self.get("version")?))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Path {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Path> {
        let captures = RawPathParams::from_request_parts(parts, state).await;
        captures.map(Path).map_err(|_| Failure::not_found("the path is not UTF-8 text, so nothing is there"))
    }
}
