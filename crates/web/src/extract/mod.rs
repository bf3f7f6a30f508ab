//! What handlers take from a request. The extractors are our own, so that their refusals are failures like
//! any other.

mod caller;
pub(crate) mod cookie;
mod form;
mod json;
mod origin;
mod path;
mod query;
mod signed;

pub(crate) use caller::{Caller, authenticate, own_login, secret};
pub(crate) use form::Form;
pub(crate) use json::{Json, read_bounded};
pub(crate) use origin::{Origin, no_host};
pub(crate) use path::Path;
pub(crate) use query::{Page, Query};
