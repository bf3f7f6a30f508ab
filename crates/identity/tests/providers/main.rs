//! Sign-in and tokens against a real OpenID provider, against one that misbehaves, and against providers that
//! follow a script.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

mod forged;
mod issuer;
mod nonsense;
mod oauth;
mod oidc;
mod site;
