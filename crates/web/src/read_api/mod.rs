//! Reading about crates in the shape of the public registry's API, for cargo's search and for bots that keep
//! dependencies up to date. Numbers that the shape wants as ids are digests of names: the same for ever, and
//! without meaning.

mod crates;
mod dependencies;
mod owners;
mod search;
mod views;

pub(crate) use crates::{downloads, krate, version, versions};
pub(crate) use dependencies::{dependencies, reverse_dependencies};
pub(crate) use owners::{owner_team, owner_user};
pub(crate) use search::search;
