//! Accounts, tokens, teams, registries and the first start, as operations over a store in memory.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod auditing;
mod authenticating;
mod bootstrap;
mod invitations;
mod jobs;
mod keepers;
mod leaving;
mod lifetimes;
mod limits;
mod passwords;
mod registries;
mod roles;
mod sessions;
mod teams;
mod tokens;
mod users;
mod visiting;
mod world;
