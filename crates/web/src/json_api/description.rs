//! The OpenAPI description, made from the handlers and their types.

use super::{audit, crates, devices, invitations, keys, me, registries, teams, tokens, trust, users};
use crate::extract::Json;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};

/// What every error answer holds.
#[derive(ToSchema)]
#[schema(as = Errors)]
#[expect(dead_code, reason = "only its description is used; the answers are `holdfast_types::ApiErrors`")]
struct ErrorsSchema {
    /// What went wrong and what to do, as cargo prints it too.
    errors: Vec<ErrorSchema>,
}

/// One error.
#[derive(ToSchema)]
#[schema(as = ErrorDetail)]
#[expect(dead_code, reason = "only its description is used")]
struct ErrorSchema {
    /// A sentence.
    detail: String,
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Holdfast",
        description = "Users, teams, tokens, registries and the audit log of a Holdfast server. Errors are `{\"errors\":[{\"detail\":\"…\"}]}`."
    ),
    paths(
        me::show,
        users::list,
        users::add,
        users::show,
        users::change,
        users::set_password,
        users::remove,
        invitations::list,
        invitations::create,
        invitations::withdraw,
        teams::list,
        teams::add,
        teams::remove,
        teams::members,
        teams::add_member,
        teams::remove_member,
        tokens::list,
        tokens::create,
        tokens::revoke_current,
        tokens::revoke,
        registries::list,
        registries::create,
        registries::show,
        registries::change,
        registries::remove,
        registries::give_role,
        registries::take_role,
        crates::list,
        crates::remove,
        crates::remove_version,
        crates::restrict,
        crates::unrestrict,
        devices::authorize,
        devices::token,
        keys::list,
        keys::add,
        keys::revoke,
        trust::exchange,
        trust::revoke,
        trust::show,
        trust::set,
        trust::show_readers,
        trust::set_readers,
        trust::bind,
        audit::list,
    ),
    components(schemas(ErrorsSchema, ErrorSchema)),
    modifiers(&TokenSecurity),
    security(("token" = []))
)]
struct Description;

struct TokenSecurity;

impl Modify for TokenSecurity {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("A token of the server"))
            .build();
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// The OpenAPI description of the JSON API.
pub fn openapi() -> utoipa::openapi::OpenApi {
    Description::openapi()
}

/// `GET /api/openapi.json`
pub(crate) async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(openapi())
}
