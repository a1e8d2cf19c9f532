//! Every address of the control plane.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    middleware::{self, Next},
    response::Response,
    routing::{get, post},
};
use doorward_core::{http::context::RequestContext, oidc::discovery};
use http::StatusCode;

use crate::{
    api_keys, assets, callback, clients, enrolment,
    environment::Environment,
    extract::Env,
    groups, handoff, launcher, login, oidc, passkeys, people, personal_tokens,
    refusal::{self, Refusal},
    rest, same_origin, setup, sign_out, transaction, well_known,
};

/// The identity host.
pub(crate) fn portal(environment: Arc<Environment>) -> Router {
    Router::new()
        .route("/", get(launcher::show))
        .route("/login", get(login::show))
        .route("/setup/{token}", get(setup::show))
        .route("/enrol/{token}", get(enrolment::show))
        .route("/handoff", get(handoff::handoff))
        .route("/account/passkeys", get(passkeys::show))
        .route("/healthz", get(well_known::health))
        .route("/robots.txt", get(well_known::robots))
        .route("/.well-known/passkey-endpoints", get(well_known::passkey_endpoints))
        .route("/.well-known/webauthn", get(well_known::webauthn))
        .route("/assets/{hash}/{name}", get(assets::serve))
        .route(discovery::AUTHORIZE, get(oidc::authorize::get).post(oidc::authorize::post))
        // Applications that append to an issuer with a slash arrive here.
        .route("/authorize/", get(oidc::authorize::get).post(oidc::authorize::post))
        .route(discovery::END_SESSION, get(oidc::end_session::get).post(oidc::end_session::post))
        .merge(rest::routes::routes())
        .merge(for_scripts())
        .merge(changes(&environment))
        .fallback(nothing)
        .method_not_allowed_fallback(wrong_method)
        .with_state(environment)
}

/// What scripts of any origin may ask: no cookie is read.
fn for_scripts() -> Router<Arc<Environment>> {
    Router::new()
        .route(discovery::OPENID_CONFIGURATION, get(oidc::metadata::configuration).options(oidc::preflight))
        .route(
            discovery::OAUTH_AUTHORIZATION_SERVER,
            get(oidc::metadata::configuration).options(oidc::preflight),
        )
        .route(discovery::WEBFINGER, get(oidc::metadata::webfinger).options(oidc::preflight))
        .route(discovery::JWKS, get(oidc::metadata::keys).options(oidc::preflight))
        .route(discovery::TOKEN, post(oidc::token::issue).options(oidc::preflight))
        .route(discovery::PUSH, post(oidc::pushed::push).options(oidc::preflight))
        .route(discovery::DEVICE_AUTHORIZATION, post(oidc::device::authorize).options(oidc::preflight))
        .route(discovery::INTROSPECT, post(oidc::token_state::introspect).options(oidc::preflight))
        .route(discovery::REVOKE, post(oidc::token_state::revoke).options(oidc::preflight))
        .route(
            discovery::USERINFO,
            get(oidc::userinfo::get).post(oidc::userinfo::post).options(oidc::preflight),
        )
        .layer(middleware::from_fn(oidc::any_origin))
}

/// What changes something: by POST, from our own pages only, at a bounded rate for those who are not signed in.
fn changes(environment: &Arc<Environment>) -> Router<Arc<Environment>> {
    let anonymous = Router::new()
        .route("/api/setup/start", post(setup::start))
        .route("/api/setup/finish", post(setup::finish))
        .route("/api/enrol/start", post(enrolment::start))
        .route("/api/enrol/finish", post(enrolment::finish))
        .route("/api/login/start", post(login::start))
        .route("/api/login/finish", post(login::finish))
        .route_layer(middleware::from_fn_with_state(Arc::clone(environment), bounded));
    Router::new()
        .route("/api/passkeys/start", post(passkeys::start))
        .route("/api/passkeys/finish", post(passkeys::finish))
        .route("/account/passkeys/rename", post(passkeys::rename))
        .route("/account/passkeys/remove", post(passkeys::remove))
        .route("/account/tokens/revoke", post(personal_tokens::revoke))
        .route("/account/tokens", post(personal_tokens::make))
        .route("/admin/people/groups", post(people::set_groups))
        .route("/admin/people/disable", post(people::disable))
        .route("/admin/people/enable", post(people::enable))
        .route("/admin/people/end-sessions", post(people::end_sessions))
        .route("/admin/people/enrolment", post(people::make_enrolment_link))
        .route("/admin/people/profile", post(people::person::set_profile))
        .route("/admin/people/claims", post(people::person::set_claims))
        .route("/admin/people/delete", post(people::person::delete))
        .route("/admin/people", post(people::add))
        .route("/admin/api-keys/revoke", post(api_keys::revoke))
        .route("/admin/api-keys", post(api_keys::make))
        .route("/admin/clients/save", post(clients::pages::save))
        .route("/admin/clients/secrets/remove", post(clients::pages::remove_secret))
        .route("/admin/clients/secrets", post(clients::pages::add_secret))
        .route("/admin/clients/disable", post(clients::pages::disable))
        .route("/admin/clients/enable", post(clients::pages::enable))
        .route("/admin/clients/delete", post(clients::pages::delete))
        .route("/admin/clients", post(clients::pages::create))
        .route("/admin/groups/save", post(groups::save))
        .route("/admin/groups/delete", post(groups::delete))
        .route("/admin/groups", post(groups::add))
        .route("/authorize/account", post(oidc::account::choose))
        .route("/authorize/consent", post(oidc::consent::decide))
        .route(discovery::DEVICE, post(oidc::device::decide))
        .route("/sign-out", post(sign_out::finish))
        .merge(anonymous)
        .route_layer(middleware::from_fn(same_origin::demand))
        .route("/account/tokens", get(personal_tokens::show))
        .route(discovery::DEVICE, get(oidc::device::show))
        .route("/admin/people", get(people::show))
        .route("/admin/people/person", get(people::person::show))
        .route("/admin/groups", get(groups::show))
        .route("/admin/clients", get(clients::pages::list))
        .route("/admin/api-keys", get(api_keys::show))
        .route("/admin/clients/client", get(clients::pages::show))
        .route("/sign-out", get(sign_out::show))
}

/// The reserved path of services' hosts.
pub(crate) fn reserved(environment: Arc<Environment>) -> Router {
    Router::new()
        .route(transaction::SIGN_IN, get(transaction::start))
        .route("/.doorward/callback", get(callback::finish))
        .route("/.doorward/sign-out", get(sign_out::from_service))
        .route("/.doorward/assets/{hash}/{name}", get(assets::serve))
        .fallback(nothing)
        .method_not_allowed_fallback(wrong_method)
        .with_state(environment)
}

async fn nothing() -> Refusal {
    Refusal::not_found()
}

async fn wrong_method() -> Refusal {
    Refusal::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "This address does not answer to that method.",
    )
}

/// Refuses an address that tried too often.
async fn bounded(State(environment): Env, request: Request, next: Next) -> Response {
    let context = request.extensions().get::<RequestContext>();
    if context.is_some_and(|context| environment.limits.take(context.client, context.now)) {
        return next.run(request).await;
    }
    refusal::too_many_attempts()
}
