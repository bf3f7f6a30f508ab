//! Accounts, tokens, teams, registries and the first start, as operations over a store in memory.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod authenticating;
mod bootstrap;
mod leaving;
mod limits;
mod registries;
mod teams;
mod tokens;
mod users;
mod world;
