//! The OpenID provider's endpoints. What they decide is in `doorward_core::oidc`.

pub(crate) mod account;
pub(crate) mod authorize;
pub(crate) mod consent;
mod delivery;
pub(crate) mod device;
pub(crate) mod end_session;
pub(crate) mod metadata;
pub(crate) mod pushed;
pub(crate) mod token;
pub(crate) mod token_state;
pub(crate) mod userinfo;

use axum::{
    body::Body,
    extract::Request,
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use doorward_core::{identity::Identity, oauth::scope::ScopeSet};
use doorward_store::{StoreError, TokenGrant};
use http::{HeaderName, HeaderValue, StatusCode, header};

use std::sync::Arc;

use crate::refusal::Refusal;

/// What a store's grant says, in the words of the core.
struct Grant {
    client_id: String,
    identity: Arc<Identity>,
    scope: ScopeSet,
}

impl Grant {
    fn new(grant: TokenGrant) -> Self {
        Self {
            client_id: grant.client_id,
            identity: Arc::new(grant.identity),
            scope: ScopeSet::from_names(&grant.scope),
        }
    }

    fn granted(&self) -> doorward_core::oidc::grant::Granted<'_> {
        doorward_core::oidc::grant::Granted {
            client_id: &self.client_id,
            identity: &self.identity,
            scope: self.scope,
        }
    }
}

/// The store's failure, for a client: it may try again later.
fn unavailable(error: StoreError) -> Response {
    Refusal::from(error).into_response()
}

const CORS: [(HeaderName, &str); 3] = [
    (header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"),
    (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type"),
    (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
];

/// Lets scripts of any origin ask (Fetch section 3.2): these endpoints read no cookie, so nothing is lent to them.
pub(crate) async fn any_origin(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in CORS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The question that browsers ask before a script's request (Fetch section 4.8). It is a route of its own: what
/// answers to unknown methods is outside of [`any_origin`].
pub(crate) async fn preflight() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response.headers_mut().insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    response
}
