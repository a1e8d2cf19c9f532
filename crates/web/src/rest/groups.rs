//! Groups.

use std::collections::BTreeSet;

use axum::{extract::Path, response::Response};
use doorward_core::id::{GroupId, UserId};
use doorward_store::{Group, NewGroup};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Caller, Claim, LISTED, created, no_content, read_claims, settled, shown_claims, time};
use crate::{extract::Json, groups::read_names, refusal::Refusal, reply};

/// Members that are shown at most.
const MEMBERS: u32 = 1000;

pub(super) fn id(text: &str) -> Result<GroupId, Refusal> {
    GroupId::parse(text).map_err(|_| Refusal::not_found())
}

pub(super) fn summary(group: &Group) -> Value {
    json!({
        "id": group.id.as_str(),
        "name": group.names.name,
        "friendlyName": group.names.friendly_name,
        "ldapId": Value::Null,
        "createdAt": time(group.created_at),
        "userCount": group.members,
    })
}

async fn whole(caller: &Caller, id: GroupId) -> Result<Value, Refusal> {
    let store = &caller.environment.store;
    let group = store.group(id).await?.ok_or_else(Refusal::not_found)?;
    let mut shown = summary(&group);
    let members = store.members_of(id, MEMBERS).await?;
    shown["users"] = members.iter().map(|user| json!({ "id": user.as_str() })).collect();
    shown["customClaims"] = shown_claims(&store.group_claims(id).await?);
    let clients = store.clients_of_group(id).await?;
    shown["allowedOidcClients"] = clients.iter().map(|id| json!({ "id": id })).collect();
    Ok(shown)
}

/// `GET /api/user-groups`.
pub(crate) async fn list(caller: Caller) -> Result<Response, Refusal> {
    let groups = caller.environment.store.groups_after(None, LISTED).await?;
    Ok(caller.page(groups.iter().map(summary).collect()))
}

/// `GET /api/user-groups/{id}`.
pub(crate) async fn show(caller: Caller, Path(group): Path<String>) -> Result<Response, Refusal> {
    Ok(reply::json(&whole(&caller, id(&group)?).await?))
}

/// What is written about a group.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Written {
    name: String,
    friendly_name: String,
}

/// `POST /api/user-groups`.
pub(crate) async fn create(caller: Caller, Json(written): Json<Written>) -> Result<Response, Refusal> {
    let id = GroupId::from_random(caller.environment.draw());
    let names = read_names(&written.name, &written.friendly_name)?;
    caller.environment.store.create_group(NewGroup { id, names }, caller.context.now).await?;
    caller.log("group created", id.as_str());
    Ok(created(&whole(&caller, id).await?))
}

/// `PUT /api/user-groups/{id}`.
pub(crate) async fn update(
    caller: Caller,
    Path(group): Path<String>,
    Json(written): Json<Written>,
) -> Result<Response, Refusal> {
    let names = read_names(&written.name, &written.friendly_name)?;
    settled(caller.environment.store.rename_group(id(&group)?, names).await?)?;
    caller.log("group updated", &group);
    Ok(reply::json(&whole(&caller, id(&group)?).await?))
}

/// `DELETE /api/user-groups/{id}`.
pub(crate) async fn remove(caller: Caller, Path(group): Path<String>) -> Result<Response, Refusal> {
    settled(caller.environment.store.delete_group(id(&group)?).await?)?;
    caller.log("group deleted", &group);
    Ok(no_content())
}

/// Who is to be in a group.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Members {
    user_ids: Vec<String>,
}

/// `PUT /api/user-groups/{id}/users`.
pub(crate) async fn set_members(
    caller: Caller,
    Path(group): Path<String>,
    Json(written): Json<Members>,
) -> Result<Response, Refusal> {
    let members: Option<BTreeSet<_>> = written.user_ids.iter().map(|id| UserId::parse(id).ok()).collect();
    let members = members.ok_or_else(|| Refusal::bad_request("An id is a UUID in lower case."))?;
    settled(caller.environment.store.set_members(id(&group)?, members).await?)?;
    caller.log("members of group set", &group);
    Ok(reply::json(&whole(&caller, id(&group)?).await?))
}

/// Which clients a group may use.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Clients {
    oidc_client_ids: BTreeSet<String>,
}

/// `PUT /api/user-groups/{id}/allowed-oidc-clients`.
pub(crate) async fn set_clients(
    caller: Caller,
    Path(group): Path<String>,
    Json(written): Json<Clients>,
) -> Result<Response, Refusal> {
    settled(caller.environment.store.set_clients_of_group(id(&group)?, written.oidc_client_ids).await?)?;
    caller.log("clients of group set", &group);
    Ok(reply::json(&whole(&caller, id(&group)?).await?))
}

/// `PUT /api/custom-claims/user-group/{id}`.
pub(crate) async fn set_claims(
    caller: Caller,
    Path(group): Path<String>,
    Json(claims): Json<Vec<Claim>>,
) -> Result<Response, Refusal> {
    let claims = read_claims(claims)?;
    settled(caller.environment.store.set_group_claims(id(&group)?, claims.clone()).await?)?;
    caller.log("claims of group set", &group);
    Ok(reply::json(&shown_claims(&claims)))
}
