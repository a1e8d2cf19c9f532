//! Who is signed in on the identity host, and beginning a session there.

use std::sync::Arc;

use axum::{
    extract::{FromRequest as _, FromRequestParts, Request},
    response::{IntoResponse as _, Response},
};
use doorward_core::{
    http::{context::RequestContext, cookie},
    id::SessionId,
    identity::Identity,
    oauth::parameters::Parameters,
    return_to::ReturnTo,
    time::{Lifetime, UnixTime},
    token::{Hashed, Plain, Session},
};
use doorward_store::NewSession;
use http::{HeaderMap, HeaderValue, StatusCode, request::Parts};

use crate::{environment::Environment, extract, login, refusal::Refusal, reply};

/// How long ago a passkey may have been used for changes that an attacker at an open session would want to make.
const FRESH: Lifetime = Lifetime::minutes(10);

/// The signed-in person, if there is one.
pub(crate) struct Visitor(pub(crate) Option<Arc<Identity>>);

impl FromRequestParts<Arc<Environment>> for Visitor {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, environment: &Arc<Environment>) -> Result<Self, Refusal> {
        let extract::Context(context) = extract::Context::from_request_parts(parts, environment).await?;
        let token =
            cookie::find(&parts.headers, cookie::SESSION).map_err(|_| Refusal::duplicate_session())?;
        let Some(token) = token else { return Ok(Self(None)) };
        let idle = environment.config().portal.sessions.idle;
        let token = Hashed::<Session>::of_text(token);
        let found = environment.store.session(&token, context.host.as_str(), idle, context.now).await?;
        if let Some(identity) = &found {
            environment.store.touch_session(identity.session, context.now).await?;
        }
        Ok(Self(found.map(Arc::new)))
    }
}

/// The signed-in person; without one the request is refused.
pub(crate) struct SignedIn(pub(crate) Arc<Identity>);

impl FromRequestParts<Arc<Environment>> for SignedIn {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, environment: &Arc<Environment>) -> Result<Self, Refusal> {
        let Visitor(visitor) = Visitor::from_request_parts(parts, environment).await?;
        visitor.map(Self).ok_or_else(Refusal::sign_in_required)
    }
}

/// A signed-in administrator.
pub(crate) struct Administrator(pub(crate) Arc<Identity>);

impl FromRequestParts<Arc<Environment>> for Administrator {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, environment: &Arc<Environment>) -> Result<Self, Refusal> {
        let SignedIn(identity) = SignedIn::from_request_parts(parts, environment).await?;
        Self::check(&identity)?;
        Ok(Self(identity))
    }
}

/// What an administrator who used a passkey just now asks for by a form. Others are refused, or shown the way to use it
/// once more, which leads back to `here`.
pub(crate) async fn asked_by_administrator(
    request: Request,
    environment: &Arc<Environment>,
    here: &ReturnTo,
) -> Result<(RequestContext, Arc<Identity>, Parameters), Response> {
    let (mut parts, body) = request.into_parts();
    let refuse = Refusal::into_response;
    let extract::Context(context) =
        extract::Context::from_request_parts(&mut parts, environment).await.map_err(refuse)?;
    let Administrator(by) =
        Administrator::from_request_parts(&mut parts, environment).await.map_err(refuse)?;
    let request = Request::from_parts(parts, body);
    let extract::Form(form) = extract::Form::from_request(request, environment).await.map_err(refuse)?;
    if is_fresh(&by, context.now) {
        Ok((context, by, form))
    } else {
        Err(reply::see_other(&login::path_to_confirm(here)))
    }
}

impl Administrator {
    /// Refuses everybody else.
    pub(crate) fn check(identity: &Identity) -> Result<(), Refusal> {
        if identity.is_administrator() {
            return Ok(());
        }
        let message = "Only members of the group `admins` may see this page.";
        Err(Refusal::new(StatusCode::FORBIDDEN, "administrators_only", message))
    }
}

/// Whether the person used a passkey within the last ten minutes.
pub(crate) fn is_fresh(identity: &Identity, now: UnixTime) -> bool {
    now.since(identity.context.auth_time) <= i64::from(FRESH.0)
}

/// A portal session to be, with the token for the browser.
pub(crate) fn begin(
    environment: &Environment,
    context: &RequestContext,
    headers: &HeaderMap,
) -> (Plain<Session>, NewSession) {
    let token = environment.token::<Session>();
    let session = NewSession {
        id: SessionId::from_random(environment.draw()),
        token: token.hash(),
        host: context.host.to_string(),
        user_agent: extract::user_agent(headers),
        expires_at: context.now.after(environment.config().portal.sessions.absolute),
    };
    (token, session)
}

/// The cookie line for a session token.
pub(crate) fn cookie_line(environment: &Environment, token: &Plain<Session>) -> Option<HeaderValue> {
    cookie::set(cookie::SESSION, token.expose(), Some(environment.config().portal.sessions.absolute))
}

/// Ends the session that this browser had as somebody else, before another one takes its place.
pub(crate) async fn end_former(
    environment: &Environment,
    former: Option<&Identity>,
    now: UnixTime,
) -> Result<(), Refusal> {
    if let Some(former) = former {
        environment.store.end_portal_session(former.portal_session, now).await?;
    }
    Ok(())
}
