//! The way back from the identity host: a one-time code and the browser's own cookie together become a session of this
//! host.

use axum::{extract::State, response::Response};
use doorward_core::{
    http::{context::RequestContext, cookie},
    id::SessionId,
    token::{Handoff, Plain, Session},
};
use doorward_store::NewServiceSession;
use http::{HeaderMap, StatusCode};

use crate::{
    environment::Environment,
    extract::{self, AtService, Context, Env, Query},
    page::{self, Action, Frame},
    refusal::Refusal,
    reply, session, transaction,
};

/// `GET /.doorward/callback`.
pub(crate) async fn finish(
    State(environment): Env,
    Context(context): Context,
    AtService(_): AtService,
    Query(query): Query,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let id = query.value("tx").filter(|id| transaction::is_id(id));
    let code = query.value("code").and_then(Plain::<Handoff>::parse);
    let (Some(id), Some(code)) = (id, code) else {
        return Err(Refusal::bad_request("This address is not complete. Open the service itself."));
    };
    let Some(transaction) = transaction::open(&environment, &headers, id, &context) else {
        return Ok(start_again(&environment, &context));
    };
    let token = environment.token::<Session>();
    let new = NewServiceSession {
        id: SessionId::from_random(environment.draw()),
        token: token.hash(),
        host: context.host.to_string(),
        challenge: transaction.challenge(),
        user_agent: extract::user_agent(&headers),
    };
    if !environment.store.redeem_handoff(code.hash(), new, context.now).await? {
        return Ok(start_again(&environment, &context));
    }
    let mut response = reply::see_other(transaction.return_path().as_str());
    reply::add_cookie(&mut response, session::cookie_line(&environment, &token));
    reply::add_cookie(&mut response, cookie::expire(&transaction::cookie_name(id)));
    Ok(response)
}

/// The code was used, it took too long, or the sign-in was begun in another browser (E-11): nothing is said about
/// which, and the person can begin again with one press.
fn start_again(environment: &Environment, context: &RequestContext) -> Response {
    let text = "This sign-in was finished before, took too long, or was begun in another browser. Nothing is lost: begin again.";
    let action = Action { href: transaction::SIGN_IN.to_owned(), label: "Continue".to_owned() };
    let mut response = page::message(
        Frame::of(environment, context),
        context,
        ("Begin the sign-in again", text),
        Some(action),
    );
    *response.status_mut() = StatusCode::BAD_REQUEST;
    response
}
