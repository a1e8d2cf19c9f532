//! An administrator's own keys for programs that administer: see, make, revoke.

use askama::Template;
use axum::{extract::State, response::Response};
use doorward_core::{
    http::context::RequestContext,
    id::ApiKeyId,
    identity::Identity,
    return_to::{Page as PortalPage, ReturnTo},
    time::Lifetime,
    token::ApiKey,
    user,
};
use doorward_store::{ApiKeyRow, NewApiKey};
use http::StatusCode;

use crate::{
    extract::{Context, Env, Form, Query},
    login,
    page::{self, Frame},
    people,
    refusal::Refusal,
    reply,
    session::{self, Administrator, Visitor},
};

const HERE: ReturnTo = ReturnTo::Page(PortalPage::ApiKeys);
/// Longest lifetime that can be chosen, in days.
const DAYS_MAX: u32 = 3650;

struct Row {
    id: String,
    name: String,
    created: String,
    expires: String,
    last_used: Option<String>,
}

impl Row {
    fn new(key: ApiKeyRow) -> Self {
        Self {
            id: key.id.to_string(),
            name: key.name,
            created: people::date(key.created_at),
            expires: people::date(key.expires_at),
            last_used: key.last_used_at.map(people::date),
        }
    }
}

#[derive(Template)]
#[template(path = "api_keys.html")]
struct Page {
    frame: Frame,
    rows: Vec<Row>,
    done: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "api_key_made.html")]
struct MadePage<'a> {
    frame: Frame,
    name: &'a str,
    expires: String,
    key: &'a str,
    origin: String,
}

/// `GET /admin/api-keys`.
pub(crate) async fn show(
    State(environment): Env,
    Context(context): Context,
    Query(query): Query,
    Visitor(visitor): Visitor,
) -> Result<Response, Refusal> {
    let Some(identity) = visitor else {
        return Ok(reply::see_other(&login::path(&HERE)));
    };
    Administrator::check(&identity)?;
    let keys = environment.store.api_keys_of(identity.subject, context.now).await?;
    let revoked = query.value("done") == Some("revoked");
    Ok(page::show(&Page {
        frame: Frame::portal(&environment, Some(&identity)),
        rows: keys.into_iter().map(Row::new).collect(),
        done: revoked.then_some("The key was revoked. Whoever presents it is refused from now on."),
    }))
}

fn log(context: &RequestContext, by: &Identity, key: ApiKeyId, what: &'static str) {
    tracing::info!(request = %context.id, client = %context.client, by = %by.subject, %key, what, "api key changed");
}

/// `POST /admin/api-keys`: makes a key, and shows it once.
pub(crate) async fn make(
    State(environment): Env,
    Context(context): Context,
    Administrator(identity): Administrator,
    Form(form): Form,
) -> Result<Response, Refusal> {
    if !session::is_fresh(&identity, context.now) {
        return Ok(reply::see_other(&login::path_to_confirm(&HERE)));
    }
    let name = user::parse_display_name(form.value("name").unwrap_or_default());
    let name = name.ok_or_else(|| Refusal::bad_request("Say in 1 to 100 characters what the key is for."))?;
    let days = form.value("days").and_then(|days| days.trim().parse().ok());
    let days = days.filter(|days| (1..=DAYS_MAX).contains(days));
    let days = days.ok_or_else(|| Refusal::bad_request("A key is good for 1 to 3650 days."))?;
    let (key, id) = (environment.token::<ApiKey>(), ApiKeyId::from_random(environment.draw()));
    let expires_at = context.now.after(Lifetime::days(days));
    let new = NewApiKey { id, token: key.hash(), user: identity.subject, name: name.clone(), expires_at };
    if !environment.store.create_api_key(new, context.now).await? {
        let message = "You have as many keys as one can have. Revoke one first.";
        return Err(Refusal::new(StatusCode::CONFLICT, "conflict", message));
    }
    log(&context, &identity, id, "made");
    Ok(page::show(&MadePage {
        frame: Frame::portal(&environment, Some(&identity)),
        name: &name,
        expires: people::date(expires_at),
        key: key.expose(),
        origin: environment.config().portal.origin.to_string(),
    }))
}

/// `POST /admin/api-keys/revoke`.
pub(crate) async fn revoke(
    State(environment): Env,
    Context(context): Context,
    Administrator(identity): Administrator,
    Form(form): Form,
) -> Result<Response, Refusal> {
    let id = form.value("id").and_then(|id| ApiKeyId::parse(id).ok()).ok_or_else(Refusal::not_found)?;
    if !environment.store.delete_api_key(identity.subject, id).await? {
        return Err(Refusal::not_found());
    }
    log(&context, &identity, id, "revoked");
    Ok(reply::see_other("/admin/api-keys?done=revoked"))
}
