//! Ktra's API for accounts, for its users' scripts: each answer is a token. Unlike there, logging in leaves the
//! tokens from before as they are.

use crate::error::{Failure, Result};
use crate::extract::{Json, Origin, Path};
use crate::web::Shared;
use axum::extract::State;
use holdfast_registry::{Actor, NewAccount, NewToken};
use holdfast_types::{Login, Password, Scopes};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a new account and a login send.
#[derive(Deserialize)]
pub(crate) struct Credentials {
    password: String,
}

/// What a change of the password sends.
#[derive(Deserialize)]
pub(crate) struct PasswordChange {
    old_password: String,
    new_password: String,
}

/// The answer to each.
#[derive(Serialize)]
pub(crate) struct TokenAnswer {
    token: String,
}

/// `POST /ktra/api/v1/new_user/{name}`, where people may register themselves.
pub(crate) async fn new_user(
    State(shared): State<Arc<Shared>>,
    origin: Origin,
    path: Path,
    Json(sent): Json<Credentials>,
) -> Result<Json<TokenAnswer>> {
    let login: Login = path.text("name").parse().map_err(Failure::invalid)?;
    let password = password(&sent.password)?;
    let account = NewAccount { login: login.clone(), password, email: None, full_name: None };
    shared.holdfast.register_account(account, origin.client()).await?;
    token(&shared, login, &origin).await
}

/// `POST /ktra/api/v1/login/{name}`
pub(crate) async fn login(
    State(shared): State<Arc<Shared>>,
    origin: Origin,
    path: Path,
    Json(sent): Json<Credentials>,
) -> Result<Json<TokenAnswer>> {
    let proven = shared
        .holdfast
        .verify_password(path.text("name"), password(&sent.password)?, origin.client())
        .await?;
    token(&shared, proven, &origin).await
}

/// `POST /ktra/api/v1/change_password/{name}`
pub(crate) async fn change_password(
    State(shared): State<Arc<Shared>>,
    origin: Origin,
    path: Path,
    Json(sent): Json<PasswordChange>,
) -> Result<Json<TokenAnswer>> {
    let login: Login = path.text("name").parse().map_err(Failure::invalid)?;
    let (old, new) = (password(&sent.old_password)?, password(&sent.new_password)?);
    let nobody = Actor::anonymous(origin.client());
    shared.holdfast.change_password(&nobody, &login, old, new).await?;
    token(&shared, login, &origin).await
}

fn password(text: &str) -> Result<Password> {
    text.parse().map_err(Failure::invalid)
}

/// A token for somebody who has just proved themselves.
async fn token(shared: &Shared, login: Login, origin: &Origin) -> Result<Json<TokenAnswer>> {
    let new = NewToken { login, label: "Ktra's API".to_owned(), scopes: Scopes::default(), expires_in: None };
    let (_, secret) = shared.holdfast.create_proven_token(new, origin.client()).await?;
    Ok(Json(TokenAnswer { token: secret.reveal().to_owned() }))
}
