//! Every address of the administration by REST.

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post, put},
};

use super::{clients, groups, keys, users};
use crate::environment::Environment;

pub(crate) fn routes() -> Router<Arc<Environment>> {
    Router::new()
        .route("/api/users", get(users::list).post(users::create))
        .route("/api/users/{id}", get(users::show).put(users::update).delete(users::remove))
        .route("/api/users/{id}/groups", get(users::groups))
        .route("/api/users/{id}/user-groups", put(users::set_groups))
        .route("/api/user-groups", get(groups::list).post(groups::create))
        .route("/api/user-groups/{id}", get(groups::show).put(groups::update).delete(groups::remove))
        .route("/api/user-groups/{id}/users", put(groups::set_members))
        .route("/api/user-groups/{id}/allowed-oidc-clients", put(groups::set_clients))
        .route("/api/custom-claims/user/{id}", put(users::set_claims))
        .route("/api/custom-claims/user-group/{id}", put(groups::set_claims))
        .route("/api/oidc/clients", get(clients::list).post(clients::create))
        .route("/api/oidc/clients/{id}", get(clients::show).put(clients::update).delete(clients::remove))
        .route("/api/oidc/clients/{id}/meta", get(clients::meta))
        .route("/api/oidc/clients/{id}/allowed-user-groups", put(clients::set_groups))
        .route("/api/oidc/clients/{id}/secret", post(clients::replace_secret))
        .route("/api/oidc/clients/{id}/secrets", get(clients::secrets).post(clients::add_secret))
        .route("/api/oidc/clients/{id}/secrets/{secret}", axum::routing::delete(clients::remove_secret))
        .route("/api/api-keys", get(keys::list).post(keys::create))
        .route("/api/api-keys/{id}", axum::routing::delete(keys::remove))
}
