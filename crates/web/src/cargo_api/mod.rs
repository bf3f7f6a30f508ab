//! Cargo's web API: what changes crates. Its reading part is in `read_api`.

pub(crate) mod owners;
pub(crate) mod publish;
pub(crate) mod yank;
