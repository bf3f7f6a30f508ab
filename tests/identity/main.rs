//! Who somebody is, from outside: people in a real browser, at a real OpenID provider and a real directory; the real
//! cargo with the credential provider, with keys of its own, and in CI jobs; and what must never be seen.
#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod book;
mod browser;
mod directory;
mod jobs;
mod openid;
mod provider;
mod replicas;
mod secrets;
mod signed;
mod support;
