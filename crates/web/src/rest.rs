//! The paths of Pocket ID's administration that its Terraform provider and Kubernetes operator call, with the same
//! shapes. For administrators: by session, or by a key in `X-API-Key`.

pub(crate) mod clients;
pub(crate) mod groups;
pub(crate) mod keys;
pub(crate) mod routes;
pub(crate) mod users;

use std::sync::Arc;

use axum::{
    extract::FromRequestParts,
    response::{IntoResponse as _, Response},
};
use doorward_core::{
    http::{
        context::RequestContext,
        fetch::{FetchMetadata, Site},
    },
    id::UserId,
    identity::Identity,
    oauth::parameters::Parameters,
    time::UnixTime,
    token::{ApiKey, Hashed},
    user::claims::WrittenClaims,
};
use http::{StatusCode, request::Parts};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{
    app,
    environment::Environment,
    extract::Context,
    refusal::{self, Refusal},
    reply,
    session::{self, Administrator},
};

/// Entries of one page, unless the caller asks for fewer.
const PAGE: usize = 20;
/// Entries of one page at most.
const PAGE_MAX: usize = 100;
/// Entries that are searched and sorted at most.
const LISTED: u32 = 5000;

/// An administrator, by session or by key.
pub(crate) struct Caller {
    pub(crate) environment: Arc<Environment>,
    pub(crate) context: RequestContext,
    pub(crate) user: UserId,
    /// Whether a key speaks in the administrator's place.
    by_key: bool,
    list: Parameters,
}

impl FromRequestParts<Arc<Environment>> for Caller {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, environment: &Arc<Environment>) -> Result<Self, Response> {
        let refuse = Refusal::into_response;
        let Context(context) = Context::from_request_parts(parts, environment).await.map_err(refuse)?;
        let list = Parameters::parse(parts.uri.query().unwrap_or_default().as_bytes());
        let list =
            list.map_err(|error| refuse(Refusal::bad_request("The query can't be read.").because(error)))?;
        let environment = Arc::clone(environment);
        let mut lines = parts.headers.get_all("x-api-key").iter();
        let (user, by_key) = match (lines.next(), lines.next()) {
            // Whoever presents a key is judged by it alone, whatever else comes along.
            (Some(key), None) => (owner(&environment, &context, key.as_bytes()).await?, true),
            (Some(_), Some(_)) => return Err(refuse(Refusal::bad_request("X-API-Key came twice."))),
            (None, _) => {
                let Administrator(identity) =
                    Administrator::from_request_parts(parts, &environment).await.map_err(refuse)?;
                demand_own(parts, &context, &identity).map_err(refuse)?;
                (identity.subject, false)
            }
        };
        Ok(Self { environment, context, user, by_key, list })
    }
}

/// Refuses a change by session that another site started, or whose administrator did not use a passkey just now.
fn demand_own(parts: &Parts, context: &RequestContext, identity: &Identity) -> Result<(), Refusal> {
    if parts.method.is_safe() {
        return Ok(());
    }
    let fetch = FetchMetadata::read(&parts.method, &parts.headers, &context.origin, false);
    if fetch.site != Site::Own {
        let message = "Another site started this request, so nothing was changed.";
        return Err(Refusal::new(StatusCode::FORBIDDEN, "cross_origin", message));
    }
    if session::is_fresh(identity, context.now) { Ok(()) } else { Err(Refusal::step_up_required()) }
}

/// Whose key it is. Guessing counts against the limit of the address.
async fn owner(environment: &Environment, context: &RequestContext, key: &[u8]) -> Result<UserId, Response> {
    if !environment.limits.has_left(context.client, context.now) {
        return Err(refusal::too_many_attempts());
    }
    let hash = Hashed::<ApiKey>::of_text(&String::from_utf8_lossy(key));
    let found = environment.store.api_key(hash, context.now).await;
    let found = found.map_err(|error| Refusal::from(error).into_response())?;
    found.ok_or_else(|| {
        environment.limits.take(context.client, context.now);
        let message = "This key is not known, has expired, or its owner administers nothing any more.";
        Refusal::new(StatusCode::UNAUTHORIZED, "invalid_api_key", message).into_response()
    })
}

impl Caller {
    pub(crate) fn log(&self, what: &'static str, id: &str) {
        tracing::info!(request = %self.context.id, client = %self.context.client, by = %self.user, by_key = self.by_key, id, what, "changed by REST");
    }

    /// A page of these entries: those that have the `search` in one of their texts, sorted by the column that is asked
    /// for.
    fn page(&self, entries: Vec<Value>) -> Response {
        let text = |name: &str| self.list.value(name).unwrap_or_default();
        let wanted = text("search").to_lowercase();
        let has = |entry: &Value| {
            let texts = entry.as_object().into_iter().flatten().filter_map(|(_, value)| value.as_str());
            wanted.is_empty() || texts.into_iter().any(|text| text.to_lowercase().contains(&wanted))
        };
        let mut entries: Vec<_> = entries.into_iter().filter(has).collect();
        let column = text("sort[column]");
        if !column.is_empty() {
            entries.sort_by_key(|entry| {
                entry.get(column).map(ToString::to_string).unwrap_or_default().to_lowercase()
            });
            if text("sort[direction]") == "desc" {
                entries.reverse();
            }
        }
        let number = |name: &str, usual: usize| text(name).parse().unwrap_or(usual).max(1);
        let limit = number("pagination[limit]", PAGE).min(PAGE_MAX);
        let total = entries.len();
        let pages = total.div_ceil(limit).max(1);
        let page = number("pagination[page]", 1).min(pages);
        let data: Vec<_> = entries.into_iter().skip((page - 1) * limit).take(limit).collect();
        reply::json(&json!({
            "data": data,
            "pagination": {
                "totalPages": pages,
                "totalItems": total,
                "currentPage": page,
                "itemsPerPage": limit,
            },
        }))
    }
}

fn created(value: &Value) -> Response {
    app::with_status(reply::json(value), StatusCode::CREATED)
}

fn no_content() -> Response {
    app::with_status(Response::default(), StatusCode::NO_CONTENT)
}

/// Done, if there was such a thing.
fn settled(known: bool) -> Result<(), Refusal> {
    if known { Ok(()) } else { Err(Refusal::not_found()) }
}

fn unfit(message: String) -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "invalid_request", message)
}

/// A point in time as RFC 3339 has it.
fn time(time: UnixTime) -> String {
    let second = time.0.rem_euclid(86_400);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{}T{hour:02}:{minute:02}:{second:02}Z", crate::people::date(time))
}

/// A claim as it travels.
#[derive(Deserialize)]
pub(crate) struct Claim {
    key: String,
    value: String,
}

fn read_claims(claims: Vec<Claim>) -> Result<WrittenClaims, Refusal> {
    let pairs = claims.into_iter().map(|claim| (claim.key, claim.value));
    WrittenClaims::new(pairs).map_err(|error| unfit(format!("The claims were not saved: {error}.")))
}

fn shown_claims(claims: &WrittenClaims) -> Value {
    claims.iter().map(|(key, value)| json!({ "key": key, "value": value })).collect()
}
