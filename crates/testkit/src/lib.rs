//! What tests need and no release has.
//!
//! Black-box tests drive the built binary as its users do: [`Server`] runs it on a port and a folder of its
//! own, [`Cli`] calls its commands beside it, [`Cargo`] is the real cargo in a clean home, [`Project`] writes
//! packages for it, [`Http`] sends what cargo never would, [`Browser`] shows pages to a person, and [`Proxy`] stands between and writes down what
//! was asked. [`seed`] makes data sets that nobody would publish one by one.
//!
//! Tests of the operations own the world outside: [`FakeOutside`].
//!
//! Whatever does not go as a test needs it panics, with all that helps to see why.

#![expect(
    clippy::return_self_not_must_use,
    reason = "an assertion is worth making without a look at what it gives back"
)]

mod browser;
mod cargo;
mod cli;
mod http;
mod noise;
mod outside;
mod place;
mod process;
mod project;
mod proxy;
pub mod seed;
mod server;

pub use browser::Browser;
pub use cargo::Cargo;
pub use cli::Cli;
pub use holdfast_package::testing as packages;
pub use holdfast_servers::{PATIENCE, until};
pub use http::{Answer, Http};
pub use noise::noise;
pub use outside::FakeOutside;
pub use process::{Ran, Running, binary, credential_provider, run};
pub use project::{Project, Workspace};
pub use proxy::Proxy;
pub use server::{Server, ServerBuilder};
