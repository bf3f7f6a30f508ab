//! The web as its clients see it: requests in, responses out, on stores in memory.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod access;
mod arrival;
mod bound;
mod cargo_api;
mod cast;
mod coming_in;
mod device;
mod downloads;
mod forgery;
mod hidden;
mod hostile;
mod index;
mod json_api;
mod keys;
mod ktra;
mod ops;
mod providers;
mod publishing;
mod read_api;
mod serving;
mod signed;
mod signing_in;
mod site;
mod trusted;
