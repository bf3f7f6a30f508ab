//! The whole table of routes. The router is built from it, and so are the tests that ask every route as every
//! kind of actor.

use crate::error::Failure;
use crate::web::Shared;
use crate::{cargo_api, download, json_api, ktra, ops, pages, read_api, sparse};
use axum::Router;
use holdfast_registry::{Error, Kind};
use http::{Method, StatusCode, Uri};
use std::sync::Arc;

/// A method at a path.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// `GET` (which includes HEAD), `PUT`, …
    pub method: &'static str,
    /// The path with its captures in braces.
    pub path: &'static str,
    /// What the caller needs.
    pub needs: Needs,
}

/// What the caller of a route needs, in short; the operations decide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing.
    Nothing,
    /// To read the registry, which may be open.
    Read,
    /// The role and the scope to publish.
    Publish,
    /// To own the crate.
    Owner,
    /// A token, of whomever.
    Token,
    /// The role and the scope of an admin.
    Admin,
}

macro_rules! routes {
    ($($needs:ident: { $($method:ident $path:literal => $handler:path,)* })*) => {
        /// Every route.
        pub const ROUTES: &[Route] = &[
            $($(Route { method: stringify!($method), path: $path, needs: Needs::$needs },)*)*
        ];

        fn table() -> Router<Arc<Shared>> {
            Router::new()$($(.route($path, routes!(@ $method)($handler)))*)*
        }
    };
    (@ GET) => { axum::routing::get };
    (@ POST) => { axum::routing::post };
    (@ PUT) => { axum::routing::put };
    (@ PATCH) => { axum::routing::patch };
    (@ DELETE) => { axum::routing::delete };
}

routes! {
    Nothing: {
        GET "/" => pages::index,
        GET "/me" => pages::index,
        GET "/login" => pages::sign_in::show,
        POST "/login" => pages::sign_in::submit,
        GET "/login/{provider}" => pages::provider::begin,
        GET "/login/{provider}/callback" => pages::provider::finish,
        POST "/logout" => pages::sign_in::leave,
        GET "/register" => pages::invitation::show_registration,
        POST "/register" => pages::invitation::register,
        GET "/invitation/{secret}" => pages::invitation::show,
        POST "/invitation/{secret}" => pages::invitation::accept,
        GET "/account" => pages::account::show,
        GET "/device" => pages::device::show,
        GET "/r/{registry}" => pages::registry,
        GET "/r/{registry}/me" => pages::registry,
        GET "/style.css" => pages::style,
        GET "/livez" => ops::livez,
        GET "/readyz" => ops::readyz,
        GET "/metrics" => ops::metrics,
        GET "/api/openapi.json" => json_api::document,
        GET "/api/v1/registries" => json_api::registries::list,
        POST "/api/v1/device/authorize" => json_api::devices::authorize,
        POST "/api/v1/device/token" => json_api::devices::token,
        POST "/api/v1/trusted_publishing/tokens" => json_api::trust::exchange,
        POST "/ktra/api/v1/new_user/{name}" => ktra::new_user,
        POST "/ktra/api/v1/login/{name}" => ktra::login,
        POST "/ktra/api/v1/change_password/{name}" => ktra::change_password,
    }
    Read: {
        GET "/r/{registry}/index/config.json" => sparse::route_config,
        GET "/r/{registry}/index/{*path}" => sparse::route_index,
        GET "/r/{registry}/dl/{crate}/{version}/download" => download::route,
        GET "/r/{registry}/api/v1/crates" => read_api::search,
        GET "/r/{registry}/api/v1/crates/{crate}" => read_api::krate,
        GET "/r/{registry}/api/v1/crates/{crate}/versions" => read_api::versions,
        GET "/r/{registry}/api/v1/crates/{crate}/reverse_dependencies" => read_api::reverse_dependencies,
        GET "/r/{registry}/api/v1/crates/{crate}/owners" => cargo_api::owners::list,
        GET "/r/{registry}/api/v1/crates/{crate}/owner_user" => read_api::owner_user,
        GET "/r/{registry}/api/v1/crates/{crate}/owner_team" => read_api::owner_team,
        GET "/r/{registry}/api/v1/crates/{crate}/downloads" => read_api::downloads,
        GET "/r/{registry}/api/v1/crates/{crate}/{version}" => read_api::version,
        GET "/r/{registry}/api/v1/crates/{crate}/{version}/dependencies" => read_api::dependencies,
        GET "/r/{registry}/api/v1/crates/{crate}/{version}/download" => download::route,
        GET "/api/v1/registries/{registry}" => json_api::registries::show,
        GET "/api/v1/registries/{registry}/crates" => json_api::crates::list,
    }
    Publish: {
        PUT "/r/{registry}/api/v1/crates/new" => cargo_api::publish::publish,
    }
    Owner: {
        DELETE "/r/{registry}/api/v1/crates/{crate}/{version}/yank" => cargo_api::yank::yank,
        PUT "/r/{registry}/api/v1/crates/{crate}/{version}/unyank" => cargo_api::yank::unyank,
        PUT "/r/{registry}/api/v1/crates/{crate}/owners" => cargo_api::owners::add,
        DELETE "/r/{registry}/api/v1/crates/{crate}/owners" => cargo_api::owners::remove,
        GET "/api/v1/registries/{registry}/crates/{crate}/trust" => json_api::trust::show,
        PUT "/api/v1/registries/{registry}/crates/{crate}/trust" => json_api::trust::set,
        PUT "/api/v1/registries/{registry}/crates/{crate}/restriction" => json_api::crates::restrict,
        DELETE "/api/v1/registries/{registry}/crates/{crate}/restriction" => json_api::crates::unrestrict,
    }
    Token: {
        POST "/account/tokens" => pages::account::create_token,
        POST "/account/tokens/{id}/revoke" => pages::account::revoke_token,
        POST "/account/keys/{id}/revoke" => pages::account::revoke_key,
        POST "/account/password" => pages::account::change_password,
        POST "/device" => pages::device::decide,
        POST "/api/v1/tokens/bound" => json_api::trust::bind,
        DELETE "/api/v1/trusted_publishing/tokens" => json_api::trust::revoke,
        GET "/api/v1/keys" => json_api::keys::list,
        POST "/api/v1/keys" => json_api::keys::add,
        DELETE "/api/v1/keys/{id}" => json_api::keys::revoke,
        GET "/api/v1/me" => json_api::me::show,
        PUT "/api/v1/users/{login}/password" => json_api::users::set_password,
        GET "/api/v1/users/{login}" => json_api::users::show,
        GET "/api/v1/teams" => json_api::teams::list,
        GET "/api/v1/teams/{team}/members" => json_api::teams::members,
        GET "/api/v1/tokens" => json_api::tokens::list,
        POST "/api/v1/tokens" => json_api::tokens::create,
        DELETE "/api/v1/tokens/current" => json_api::tokens::revoke_current,
        DELETE "/api/v1/tokens/{id}" => json_api::tokens::revoke,
    }
    Admin: {
        GET "/api/v1/users" => json_api::users::list,
        POST "/api/v1/users" => json_api::users::add,
        GET "/api/v1/invitations" => json_api::invitations::list,
        POST "/api/v1/invitations" => json_api::invitations::create,
        DELETE "/api/v1/invitations/{id}" => json_api::invitations::withdraw,
        GET "/api/v1/registries/{registry}/trust" => json_api::trust::show_readers,
        PUT "/api/v1/registries/{registry}/trust" => json_api::trust::set_readers,
        PUT "/api/v1/registries/{registry}/roles/{principal}" => json_api::registries::give_role,
        DELETE "/api/v1/registries/{registry}/roles/{principal}" => json_api::registries::take_role,
        PATCH "/api/v1/users/{login}" => json_api::users::change,
        DELETE "/api/v1/users/{login}" => json_api::users::remove,
        POST "/api/v1/teams" => json_api::teams::add,
        DELETE "/api/v1/teams/{team}" => json_api::teams::remove,
        PUT "/api/v1/teams/{team}/members/{login}" => json_api::teams::add_member,
        DELETE "/api/v1/teams/{team}/members/{login}" => json_api::teams::remove_member,
        POST "/api/v1/registries" => json_api::registries::create,
        PATCH "/api/v1/registries/{registry}" => json_api::registries::change,
        DELETE "/api/v1/registries/{registry}" => json_api::registries::remove,
        DELETE "/api/v1/registries/{registry}/crates/{crate}" => json_api::crates::remove,
        DELETE "/api/v1/registries/{registry}/crates/{crate}/{version}" => json_api::crates::remove_version,
        GET "/api/v1/audit" => json_api::audit::list,
    }
}

/// The router of all routes, and of what is none.
pub(crate) fn router(shared: Arc<Shared>) -> Router {
    table().fallback(unknown).method_not_allowed_fallback(not_allowed).with_state(shared)
}

async fn unknown(uri: Uri) -> Failure {
    if uri.path().ends_with("/info/refs") {
        return Failure::not_found(
            "this is no git repository; a registry's index is written `sparse+…/r/NAME/index/` in .cargo/config.toml",
        );
    }
    Failure::not_found(format!("there is nothing at `{}`", shown(uri.path())))
}

async fn not_allowed(method: Method, uri: Uri) -> Failure {
    let detail = format!("`{method}` is not possible at `{}`", shown(uri.path()));
    Failure::with_status(StatusCode::METHOD_NOT_ALLOWED, Error::new(Kind::Invalid, detail))
}

/// A path for an error sentence.
fn shown(path: &str) -> String {
    path.chars().take(200).collect()
}
