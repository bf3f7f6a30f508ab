//! The web as its clients see it: requests in, responses out, on stores in memory.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod access;
mod cargo_api;
mod downloads;
mod hostile;
mod index;
mod json_api;
mod ops;
mod publishing;
mod read_api;
mod serving;
mod site;
