//! Keys by which programs administer: the administrator's own.

use axum::{extract::Path, response::Response};
use doorward_core::{
    id::ApiKeyId,
    rfc3339,
    time::{Lifetime, UnixTime},
    token::ApiKey,
    user,
};
use doorward_store::{ApiKeyRow, NewApiKey};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Caller, created, no_content, settled, time};
use crate::{extract::Json, refusal::Refusal};

/// How long a key is good for at most.
const LONGEST: Lifetime = Lifetime::days(3650);

fn summary(key: &ApiKeyRow) -> Value {
    json!({
        "id": key.id.as_str(),
        "name": key.name,
        "createdAt": time(key.created_at),
        "lastUsedAt": key.last_used_at.map(time),
        "expiresAt": time(key.expires_at),
    })
}

/// `GET /api/api-keys`.
pub(crate) async fn list(caller: Caller) -> Result<Response, Refusal> {
    let keys = caller.environment.store.api_keys_of(caller.user, caller.context.now).await?;
    Ok(caller.page(keys.iter().map(summary).collect()))
}

/// What is written about a key.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Written {
    name: String,
    expires_at: String,
}

/// `POST /api/api-keys`. A key makes no keys: one that leaked would live on in those.
pub(crate) async fn create(caller: Caller, Json(written): Json<Written>) -> Result<Response, Refusal> {
    if caller.by_key {
        let message = "A key can't make keys. Sign in to make one.";
        return Err(Refusal::new(StatusCode::FORBIDDEN, "api_key_not_allowed", message));
    }
    let now = caller.context.now;
    let name = user::parse_display_name(&written.name);
    let name = name.ok_or_else(|| Refusal::bad_request("A name has 1 to 100 characters."))?;
    let soon = |end: &UnixTime| *end > now && *end <= now.after(LONGEST);
    let expires_at = rfc3339::parse(&written.expires_at).filter(soon);
    let expires_at =
        expires_at.ok_or_else(|| Refusal::bad_request("A key needs an end, within ten years."))?;
    let token = caller.environment.token::<ApiKey>();
    let id = ApiKeyId::from_random(caller.environment.draw());
    let new = NewApiKey { id, token: token.hash(), user: caller.user, name: name.clone(), expires_at };
    if !caller.environment.store.create_api_key(new, now).await? {
        let message = "You have as many keys as one can have. Revoke one first.";
        return Err(Refusal::new(StatusCode::CONFLICT, "conflict", message));
    }
    caller.log("api key created", id.as_str());
    let key = ApiKeyRow { id, name, created_at: now, last_used_at: None, expires_at };
    Ok(created(&json!({ "apiKey": summary(&key), "token": token.expose() })))
}

/// `DELETE /api/api-keys/{id}`.
pub(crate) async fn remove(caller: Caller, Path(key): Path<String>) -> Result<Response, Refusal> {
    let id = ApiKeyId::parse(&key).map_err(|_| Refusal::not_found())?;
    settled(caller.environment.store.delete_api_key(caller.user, id).await?)?;
    caller.log("api key deleted", &key);
    Ok(no_content())
}
