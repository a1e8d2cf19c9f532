//! People.

use std::collections::BTreeSet;

use axum::{extract::Path, response::Response};
use doorward_core::{
    id::{GroupId, UserId},
    identity::ADMINISTRATORS,
    user::{self, Profile},
};
use doorward_store::{NewUser, User};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Caller, Claim, LISTED, created, groups, no_content, read_claims, settled, shown_claims, time};
use crate::{environment::Environment, extract::Json, refusal::Refusal, reply, setup};

fn id(text: &str) -> Result<UserId, Refusal> {
    UserId::parse(text).map_err(|_| Refusal::not_found())
}

fn summary(user: &User) -> Value {
    let profile = &user.profile;
    json!({
        "id": user.id.as_str(),
        "username": profile.username.as_str(),
        "email": profile.email,
        "emailVerified": profile.email_verified,
        "firstName": profile.first_name,
        "lastName": profile.last_name,
        "displayName": profile.display_name,
        "isAdmin": user.groups.contains(ADMINISTRATORS),
        "locale": profile.locale,
        "disabled": user.disabled_at.is_some(),
        "ldapId": Value::Null,
        "createdAt": time(user.created_at),
    })
}

/// A person with groups and claims. Administering is `isAdmin`, and no group.
pub(super) async fn whole(environment: &Environment, user: &User) -> Result<Value, Refusal> {
    let mut shown = summary(user);
    let of = environment.store.groups_of(user.id).await?;
    let of: Vec<_> =
        of.iter().filter(|group| group.names.name != ADMINISTRATORS).map(groups::summary).collect();
    shown["userGroups"] = json!(of);
    shown["customClaims"] = shown_claims(&environment.store.user_claims(user.id).await?);
    Ok(shown)
}

async fn load(caller: &Caller, id: UserId) -> Result<User, Refusal> {
    caller.environment.store.user(id).await?.ok_or_else(Refusal::not_found)
}

async fn answer(caller: &Caller, id: UserId) -> Result<Response, Refusal> {
    let user = load(caller, id).await?;
    Ok(reply::json(&whole(&caller.environment, &user).await?))
}

/// `GET /api/users`.
pub(crate) async fn list(caller: Caller) -> Result<Response, Refusal> {
    let users = caller.environment.store.users(None, LISTED).await?;
    let mut shown = Vec::with_capacity(users.len());
    for user in &users {
        let mut entry = summary(user);
        let names = user.groups.iter().filter(|name| *name != ADMINISTRATORS);
        entry["userGroups"] = names.map(|name| json!({ "name": name })).collect();
        shown.push(entry);
    }
    Ok(caller.page(shown))
}

/// `GET /api/users/{id}`.
pub(crate) async fn show(caller: Caller, Path(user): Path<String>) -> Result<Response, Refusal> {
    answer(&caller, id(&user)?).await
}

/// What is written about a person. Nobody's identifier, and no other person's anything, is in it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Written {
    #[serde(default)]
    id: Option<String>,
    username: String,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    email_verified: Option<bool>,
    #[serde(default)]
    first_name: String,
    #[serde(default)]
    last_name: String,
    #[serde(default)]
    display_name: String,
    #[serde(default)]
    is_admin: bool,
    #[serde(default)]
    locale: Option<String>,
    #[serde(default)]
    disabled: bool,
}

impl Written {
    fn profile(&self, verified: bool) -> Result<Profile, Refusal> {
        let shown = [&self.display_name, &self.first_name, &self.username].into_iter();
        let shown = shown.map(|text| text.trim()).find(|text| !text.is_empty()).unwrap_or_default();
        let profile = setup::profile(&self.username, shown, self.email.as_deref().unwrap_or_default())?;
        let part = |text: &str| {
            user::parse_part_of_name(text)
                .ok_or_else(|| Refusal::bad_request("A given or family name has at most 50 characters."))
        };
        let locale =
            self.locale.as_deref().filter(|text| !text.is_empty()).map(|text| {
                user::parse_locale(text).ok_or_else(|| Refusal::bad_request("This is no language."))
            });
        Ok(Profile {
            first_name: part(&self.first_name)?,
            last_name: part(&self.last_name)?,
            locale: locale.transpose()?,
            email_verified: self.email_verified.unwrap_or(verified),
            ..profile
        })
    }
}

/// `POST /api/users`.
pub(crate) async fn create(caller: Caller, Json(written): Json<Written>) -> Result<Response, Refusal> {
    let store = &caller.environment.store;
    let id = match &written.id {
        Some(id) => UserId::parse(id).map_err(|_| Refusal::bad_request("An id is a UUID in lower case."))?,
        None => UserId::from_random(caller.environment.draw()),
    };
    if store.user(id).await?.is_some() {
        return Err(doorward_store::StoreError::Conflict(doorward_store::Constraint::Other).into());
    }
    let groups = if written.is_admin { BTreeSet::from([ADMINISTRATORS.to_owned()]) } else { BTreeSet::new() };
    store.create_user(NewUser { id, profile: written.profile(true)?, groups }, caller.context.now).await?;
    if written.disabled {
        store.set_disabled(id, true, caller.context.now).await?;
    }
    caller.log("user created", id.as_str());
    let user = load(&caller, id).await?;
    Ok(created(&whole(&caller.environment, &user).await?))
}

/// `PUT /api/users/{id}`.
pub(crate) async fn update(
    caller: Caller,
    Path(user): Path<String>,
    Json(written): Json<Written>,
) -> Result<Response, Refusal> {
    let (store, now) = (&caller.environment.store, caller.context.now);
    let former = load(&caller, id(&user)?).await?;
    let profile = written.profile(former.profile.email_verified)?;
    let mut groups = former.groups.clone();
    if written.is_admin {
        groups.insert(ADMINISTRATORS.to_owned());
    } else {
        groups.remove(ADMINISTRATORS);
    }
    // What may be refused comes first.
    if groups != former.groups {
        settled(store.set_groups(former.id, groups, now).await?)?;
    }
    settled(store.set_profile(former.id, profile).await?)?;
    store.set_disabled(former.id, written.disabled, now).await?;
    caller.log("user updated", former.id.as_str());
    answer(&caller, former.id).await
}

/// `DELETE /api/users/{id}`.
pub(crate) async fn remove(caller: Caller, Path(user): Path<String>) -> Result<Response, Refusal> {
    settled(caller.environment.store.delete_user(id(&user)?).await?)?;
    caller.log("user deleted", &user);
    Ok(no_content())
}

/// `GET /api/users/{id}/groups`.
pub(crate) async fn groups(caller: Caller, Path(user): Path<String>) -> Result<Response, Refusal> {
    let user = load(&caller, id(&user)?).await?;
    Ok(reply::json(&whole(&caller.environment, &user).await?["userGroups"]))
}

/// The groups that a person or client is to have.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Groups {
    user_group_ids: Vec<String>,
}

impl Groups {
    pub(super) fn ids(&self) -> Result<BTreeSet<GroupId>, Refusal> {
        self.user_group_ids.iter().map(|id| groups::id(id)).collect()
    }
}

/// `PUT /api/users/{id}/user-groups`. Whether the person administers stays as it is: that is `isAdmin`.
pub(crate) async fn set_groups(
    caller: Caller,
    Path(user): Path<String>,
    Json(written): Json<Groups>,
) -> Result<Response, Refusal> {
    let former = load(&caller, id(&user)?).await?;
    let mut names = BTreeSet::new();
    for group in written.ids()? {
        let group = caller.environment.store.group(group).await?.ok_or_else(Refusal::not_found)?;
        names.insert(group.names.name);
    }
    names.remove(ADMINISTRATORS);
    names.extend(former.groups.iter().filter(|name| *name == ADMINISTRATORS).cloned());
    settled(caller.environment.store.set_groups(former.id, names, caller.context.now).await?)?;
    caller.log("groups of user set", former.id.as_str());
    answer(&caller, former.id).await
}

/// `PUT /api/custom-claims/user/{id}`.
pub(crate) async fn set_claims(
    caller: Caller,
    Path(user): Path<String>,
    Json(claims): Json<Vec<Claim>>,
) -> Result<Response, Refusal> {
    let claims = read_claims(claims)?;
    settled(caller.environment.store.set_user_claims(id(&user)?, claims.clone()).await?)?;
    caller.log("claims of user set", &user);
    Ok(reply::json(&shown_claims(&claims)))
}
