//! How to use a registry, and where tokens come from.

use super::layout::Page;
use crate::base_url::BaseUrl;
use crate::error::Result;
use crate::extract::{Caller, Origin, Path};
use crate::web::Shared;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use holdfast_registry::Actor;
use holdfast_types::RegistryName;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use maud::{Markup, html};
use std::sync::Arc;

const STYLE: &str = include_str!("style.css");

/// `GET /` and `GET /me`: every registry that the caller may read.
pub(crate) async fn index(
    State(shared): State<Arc<Shared>>,
    Caller(actor): Caller,
    origin: Origin,
) -> Result<Response> {
    let registries = shared.holdfast.list_registries(&actor).await?;
    let names: Vec<RegistryName> = registries.into_iter().map(|registry| registry.name).collect();
    page(&origin, &actor, &names)
}

/// `GET /r/{registry}/me`, the address that `cargo login` prints. The same for every name, so that it tells
/// nobody which registries there are.
pub(crate) async fn registry(origin: Origin, path: Path) -> Result<Response> {
    page(&origin, &Actor::anonymous(None), &[path.registry()?])
}

/// `GET /style.css`
pub(crate) async fn style() -> Response {
    ([(CONTENT_TYPE, "text/css; charset=utf-8"), (CACHE_CONTROL, "public, max-age=3600")], STYLE)
        .into_response()
}

fn page(origin: &Origin, actor: &Actor, names: &[RegistryName]) -> Result<Response> {
    let base = origin.base()?;
    let title = match names {
        [one] => format!("Registry {one}"),
        _ => "Cargo registry".to_owned(),
    };
    let content = html! {
        @for name in names { (section(base, name)) }
        @if names.is_empty() {
            section {
                p {
                    "The registries of this server need a login. The page of a registry, with the lines for cargo's configuration, is at "
                    code { "/r/NAME/me" } "; whoever runs the server knows its name."
                }
            }
        }
        (tokens(origin.root()))
    };
    Ok(Page { origin, actor, title: &title }.show(&content))
}

fn section(base: &BaseUrl, name: &RegistryName) -> Markup {
    let index = base.index(name);
    let variable = name.as_str().to_ascii_uppercase().replace('-', "_");
    let lines =
        format!("[registries.{name}]\nindex = \"{index}\"\ncredential-provider = [\"cargo:token\"]\n");
    let commands = format!("cargo add --registry {name} SOME_CRATE\ncargo publish --registry {name}\n");
    let variables = format!(
        "CARGO_REGISTRIES_{variable}_INDEX={index}\n\
         CARGO_REGISTRIES_{variable}_CREDENTIAL_PROVIDER=cargo:token\n\
         CARGO_REGISTRIES_{variable}_TOKEN=…\n"
    );
    html! {
        section {
            h2 { "Use " code { (name) } }
            p {
                "Put this into " code { "~/.cargo/config.toml" } ", or into " code { ".cargo/config.toml" }
                " of a project:"
            }
            pre { code { (lines) } }
            p { "Then give cargo your token once:" }
            pre { code { "cargo login --registry " (name) "\n" } }
            p { "After that:" }
            pre { code { (commands) } }
            p { "In CI, set these variables instead:" }
            pre { code { (variables) } }
        }
    }
}

fn tokens(root: &str) -> Markup {
    html! {
        section {
            h2 { "Get a token" }
            p { a href={ (root) "/account" } { "Make one in your account" } ", or have an admin make one on the server:" }
            pre { code { "holdfast token create --user YOU --name laptop\n" } }
            p {
                "A token can be held to what it is for, and can end by itself. This one publishes new versions of some crates for 30 days:"
            }
            pre { code { "holdfast token create --user YOU --name ci --scope publish-update --crate 'acme-*' --expires 30d\n" } }
            p {
                "The token is shown once. " code { "cargo login" } " asks for it and keeps it; "
                code { "cargo logout" } " forgets it."
            }
        }
    }
}
