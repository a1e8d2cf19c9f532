//! Clients.

use std::collections::BTreeSet;

use axum::{
    extract::{Path, State},
    response::Response,
};
use doorward_core::oauth::registration::{FederatedIdentity, Registration};
use doorward_store::{NewClient, StoredClient, StoredSecret};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Caller, LISTED, created, no_content, settled, time, unfit, users::Groups};
use crate::{
    clients::{self, form::checked, secret},
    extract::{Env, Json},
    refusal::Refusal,
    reply,
};

fn summary(client: &StoredClient) -> Value {
    let registration = &client.registration;
    let groups: Vec<_> =
        client.groups.iter().map(|(id, name)| json!({ "id": id.as_str(), "name": name })).collect();
    json!({
        "id": client.id,
        "name": registration.name,
        "description": registration.description,
        "callbackURLs": registration.callback_urls,
        "logoutCallbackURLs": registration.logout_callback_urls,
        "isPublic": registration.public,
        "pkceEnabled": registration.pkce,
        "requiresReauthentication": registration.reauthenticate,
        "requiresPushedAuthorizationRequests": registration.require_par,
        "skipConsent": registration.skip_consent,
        "isGroupRestricted": registration.group_restricted,
        "launchURL": registration.launch_url,
        "accessTokenDurationMinutes": registration.access_token_minutes,
        "refreshTokenDurationMinutes": registration.refresh_token_minutes,
        "credentials": { "federatedIdentities": registration.federated_identities },
        "hasLogo": false,
        "hasDarkLogo": false,
        "allowedUserGroups": groups,
        "allowedUserGroupsCount": client.groups.len(),
        "createdAt": time(client.created_at),
    })
}

async fn load(caller: &Caller, id: &str) -> Result<StoredClient, Refusal> {
    caller.environment.store.client(id).await?.ok_or_else(Refusal::not_found)
}

/// `GET /api/oidc/clients`.
pub(crate) async fn list(caller: Caller) -> Result<Response, Refusal> {
    let clients = caller.environment.store.clients("", LISTED).await?;
    Ok(caller.page(clients.iter().map(summary).collect()))
}

/// `GET /api/oidc/clients/{id}`.
pub(crate) async fn show(caller: Caller, Path(id): Path<String>) -> Result<Response, Refusal> {
    Ok(reply::json(&summary(&load(&caller, &id).await?)))
}

/// `GET /api/oidc/clients/{id}/meta`: what everybody may know about a client that can be used.
pub(crate) async fn meta(State(environment): Env, Path(id): Path<String>) -> Result<Response, Refusal> {
    let stored = environment.store.client(&id).await?.filter(|stored| stored.disabled_at.is_none());
    let stored = stored.ok_or_else(Refusal::not_found)?;
    let registration = &stored.registration;
    Ok(reply::json(&json!({
        "id": stored.id,
        "name": registration.name,
        "description": registration.description,
        "hasLogo": false,
        "hasDarkLogo": false,
        "launchURL": registration.launch_url,
        "requiresReauthentication": registration.reauthenticate,
    })))
}

/// What is written about a client. What is missing is what it was (O-18), or for a new client what a new one has.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Written {
    id: Option<String>,
    name: String,
    description: Option<String>,
    #[serde(rename = "callbackURLs")]
    callback_urls: Option<Vec<String>>,
    #[serde(rename = "logoutCallbackURLs")]
    logout_callback_urls: Option<Vec<String>>,
    is_public: Option<bool>,
    pkce_enabled: Option<bool>,
    requires_reauthentication: Option<bool>,
    requires_pushed_authorization_requests: Option<bool>,
    skip_consent: Option<bool>,
    is_group_restricted: Option<bool>,
    #[serde(rename = "launchURL", alias = "launchUrl")]
    launch_url: Option<String>,
    access_token_duration_minutes: Option<u32>,
    refresh_token_duration_minutes: Option<u32>,
    credentials: Option<Credentials>,
}

/// What proves a client besides its secrets.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credentials {
    #[serde(default)]
    federated_identities: Vec<FederatedIdentity>,
}

impl Written {
    fn over(self, former: Registration) -> Result<Registration, Refusal> {
        let launch_url = match self.launch_url {
            Some(url) => Some(url).filter(|url| !url.is_empty()),
            None => former.launch_url,
        };
        let identities = self.credentials.map(|credentials| credentials.federated_identities);
        checked(Registration {
            name: self.name,
            description: self.description.unwrap_or(former.description),
            callback_urls: self.callback_urls.unwrap_or(former.callback_urls),
            logout_callback_urls: self.logout_callback_urls.unwrap_or(former.logout_callback_urls),
            public: self.is_public.unwrap_or(former.public),
            pkce: self.pkce_enabled.unwrap_or(former.pkce),
            reauthenticate: self.requires_reauthentication.unwrap_or(former.reauthenticate),
            require_par: self.requires_pushed_authorization_requests.unwrap_or(former.require_par),
            skip_consent: self.skip_consent.unwrap_or(former.skip_consent),
            group_restricted: self.is_group_restricted.unwrap_or(former.group_restricted),
            launch_url,
            access_token_minutes: self.access_token_duration_minutes.unwrap_or(former.access_token_minutes),
            refresh_token_minutes: self
                .refresh_token_duration_minutes
                .unwrap_or(former.refresh_token_minutes),
            federated_identities: identities.unwrap_or(former.federated_identities),
        })
    }
}

/// `POST /api/oidc/clients`.
pub(crate) async fn create(caller: Caller, Json(written): Json<Written>) -> Result<Response, Refusal> {
    let environment = &caller.environment;
    let id = written.id.clone().filter(|id| !id.is_empty()).unwrap_or_else(|| clients::draw_id(environment));
    clients::demand_free(environment, &id)?;
    let registration = written.over(Registration::default())?;
    let new = NewClient { id: id.clone(), registration, groups: BTreeSet::new() };
    environment.store.create_client(new, caller.context.now).await?;
    caller.log("client created", &id);
    Ok(created(&summary(&load(&caller, &id).await?)))
}

/// `PUT /api/oidc/clients/{id}`.
pub(crate) async fn update(
    caller: Caller,
    Path(id): Path<String>,
    Json(written): Json<Written>,
) -> Result<Response, Refusal> {
    let former = load(&caller, &id).await?;
    let registration = written.over(former.registration)?;
    settled(caller.environment.store.set_registration(&id, registration).await?)?;
    caller.log("client updated", &id);
    Ok(reply::json(&summary(&load(&caller, &id).await?)))
}

/// `DELETE /api/oidc/clients/{id}`.
pub(crate) async fn remove(caller: Caller, Path(id): Path<String>) -> Result<Response, Refusal> {
    settled(caller.environment.store.delete_client(&id, caller.context.now).await?)?;
    caller.log("client deleted", &id);
    Ok(no_content())
}

/// `PUT /api/oidc/clients/{id}/allowed-user-groups`.
pub(crate) async fn set_groups(
    caller: Caller,
    Path(id): Path<String>,
    Json(written): Json<Groups>,
) -> Result<Response, Refusal> {
    settled(caller.environment.store.set_client_groups(&id, written.ids()?).await?)?;
    caller.log("groups of client set", &id);
    Ok(reply::json(&summary(&load(&caller, &id).await?)))
}

fn shown(secret: &StoredSecret) -> Value {
    json!({
        "id": secret.id,
        "prefix": secret.prefix,
        "createdAt": time(secret.created_at),
        "expiresAt": secret.expires_at.map(time),
    })
}

/// `POST /api/oidc/clients/{id}/secret`: one secret in the place of all.
pub(crate) async fn replace_secret(caller: Caller, Path(id): Path<String>) -> Result<Response, Refusal> {
    let (plain, stored) = secret::draw(&caller.environment, caller.context.now, None);
    settled(caller.environment.store.replace_client_secrets(&id, stored).await?)?;
    caller.log("secret of client replaced", &id);
    Ok(reply::json(&json!({ "secret": plain.as_str() })))
}

/// `GET /api/oidc/clients/{id}/secrets`: never what is secret of them (D-1).
pub(crate) async fn secrets(caller: Caller, Path(id): Path<String>) -> Result<Response, Refusal> {
    let client = load(&caller, &id).await?;
    Ok(reply::json(&client.secrets.iter().map(shown).collect()))
}

/// What is written about a secret.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Secret {
    secret: Option<String>,
    expires_at: Option<String>,
}

/// `POST /api/oidc/clients/{id}/secrets`: a secret that is made, or one that is brought.
pub(crate) async fn add_secret(
    caller: Caller,
    Path(id): Path<String>,
    Json(written): Json<Secret>,
) -> Result<Response, Refusal> {
    let (environment, now) = (&caller.environment, caller.context.now);
    load(&caller, &id).await?;
    let expires_at = written.expires_at.as_deref().map(|text| {
        let end = doorward_core::rfc3339::parse(text).filter(|end| *end > now);
        end.ok_or_else(|| Refusal::bad_request("A secret ends at a time to come."))
    });
    let expires_at = expires_at.transpose()?;
    let (plain, stored) = match written.secret.filter(|text| !text.is_empty()) {
        Some(text) => {
            let fits = (16..=256).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
            if !fits {
                return Err(unfit("A secret has 16 to 256 visible ASCII characters.".to_owned()));
            }
            let plain = zeroize::Zeroizing::new(text);
            let stored = secret::stored(environment, &plain, now, expires_at);
            (plain, stored)
        }
        None => secret::draw(environment, now, expires_at),
    };
    let mut answer = shown(&stored);
    if !environment.store.add_client_secret(&id, stored).await? {
        let message = "The client has as many secrets as one can have. Remove one first.";
        return Err(Refusal::new(StatusCode::CONFLICT, "conflict", message));
    }
    caller.log("secret of client added", &id);
    answer["secret"] = json!(plain.as_str());
    Ok(created(&answer))
}

/// `DELETE /api/oidc/clients/{id}/secrets/{secret}`.
pub(crate) async fn remove_secret(
    caller: Caller,
    Path((id, secret)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    settled(caller.environment.store.remove_client_secret(&id, &secret).await?)?;
    caller.log("secret of client removed", &id);
    Ok(no_content())
}
