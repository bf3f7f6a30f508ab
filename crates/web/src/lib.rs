//! The HTTP face of a registry: cargo's protocol, the read API of crates.io's shape, the server's own JSON
//! API, a few pages and what operators watch.
//!
//! [`Web`] answers requests. It is a [`tower::Service`] and, by [`Web::router`], a plain [`axum::Router`] that
//! any front can serve or mount; [`serve`] is ours. Handlers parse, call one operation of the registry and
//! convert; rights and rules are in the operations. `routes.rs` has the whole table.

mod base_url;
mod body;
mod cargo_api;
mod conditional;
mod download;
mod error;
mod express;
mod extract;
mod hot;
mod json_api;
mod ktra;
mod layers;
mod ops;
mod pages;
mod pulse;
mod range;
mod read_api;
mod routes;
mod serve;
mod settings;
mod sparse;
mod web;

pub use base_url::BaseUrl;
pub use body::WebBody;
pub use json_api::openapi;
pub use routes::{Needs, ROUTES, Route};
pub use serve::{ServeOptions, Threads, serve};
pub use settings::WebSettings;
pub use web::Web;
