//! The pages for people: how to use a registry, signing in, one's own account. HTML without scripts.

pub(crate) mod account;
mod agent;
pub(crate) mod arrival;
pub(crate) mod device;
pub(crate) mod invitation;
mod layout;
pub(crate) mod provider;
pub(crate) mod sign_in;
mod start;

pub(crate) use start::{index, registry, style};
