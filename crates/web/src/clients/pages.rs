//! Clients for administrators: register, change, secrets, disable, remove.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{FromRequest, Request, State},
    response::Response,
};
use doorward_core::{
    http::context::RequestContext,
    identity::Identity,
    oauth::{
        parameters::Parameters,
        registration::{Registration, is_client_id},
    },
    return_to::{Page as PortalPage, ReturnTo},
    time::Lifetime,
};
use doorward_store::{NewClient, StoredClient};
use http::StatusCode;

use super::{PAGE, form::Written, secret};
use crate::{
    environment::Environment,
    extract::{Context, Env, Query},
    login,
    page::{self, Frame},
    people,
    refusal::Refusal,
    reply,
    session::{self, Administrator, Visitor},
};

const HERE: ReturnTo = ReturnTo::Page(PortalPage::Clients);

struct Row {
    id: String,
    name: String,
    about: &'static str,
}

impl Row {
    fn new(stored: StoredClient, environment: &Environment) -> Self {
        let about = if environment.config().client(&stored.id).is_some() {
            "The configuration declares a client with this identifier, which counts in its place"
        } else if stored.disabled_at.is_some() {
            "Disabled"
        } else if stored.registration.public {
            "Public"
        } else {
            "Has secrets"
        };
        Self { id: stored.id, name: stored.registration.name, about }
    }
}

#[derive(Template)]
#[template(path = "clients.html")]
struct ListPage {
    frame: Frame,
    rows: Vec<Row>,
    next: Option<String>,
    done: Option<&'static str>,
}

struct SecretRow {
    id: String,
    prefix: String,
    created: String,
    expires: Option<String>,
    expired: bool,
}

#[derive(Template)]
#[template(path = "client.html")]
struct ClientPage {
    frame: Frame,
    id: String,
    issuer: String,
    form: Written,
    secrets: Vec<SecretRow>,
    disabled: bool,
    done: Option<&'static str>,
}

#[derive(Template)]
#[template(path = "client_secret.html")]
struct SecretPage<'a> {
    frame: Frame,
    id: &'a str,
    secret: &'a str,
}

/// `GET /admin/clients`.
pub(crate) async fn list(
    State(environment): Env,
    Query(query): Query,
    Visitor(visitor): Visitor,
) -> Result<Response, Refusal> {
    let Some(identity) = visitor else {
        return Ok(reply::see_other(&login::path(&HERE)));
    };
    Administrator::check(&identity)?;
    let after = query.value("after").unwrap_or_default();
    let mut stored = environment.store.clients(after, PAGE + 1).await?;
    let more = stored.len() > PAGE as usize;
    stored.truncate(PAGE as usize);
    let next = stored.last().filter(|_| more).map(|client| client.id.clone());
    let rows = stored.into_iter().map(|stored| Row::new(stored, &environment)).collect();
    let done = query.value("done").filter(|done| *done == "deleted");
    let done = done.map(|_| "The application was removed, and what it held is revoked.");
    Ok(page::show(&ListPage { frame: Frame::wide(&environment, &identity), rows, next, done }))
}

/// `GET /admin/clients/client`.
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
    let stored = environment.store.client(query.value("id").unwrap_or_default()).await?;
    let stored = stored.ok_or_else(Refusal::not_found)?;
    let secrets = stored.secrets.iter().map(|secret| SecretRow {
        id: secret.id.clone(),
        prefix: secret.prefix.clone(),
        created: people::date(secret.created_at),
        expires: secret.expires_at.map(people::date),
        expired: secret.expires_at.is_some_and(|end| end <= context.now),
    });
    let done = match query.value("done") {
        Some("saved") => Some("The application was saved. It counts from the next request on."),
        Some("removed") => Some("The secret was removed. Whoever presents it is refused from now on."),
        Some("disabled") => Some("The application is disabled, and what it held is revoked."),
        Some("enabled") => Some("The application is enabled."),
        _ => None,
    };
    Ok(page::show(&ClientPage {
        frame: Frame::portal(&environment, Some(&identity)),
        issuer: environment.config().portal.origin.to_string(),
        form: Written::of(&stored),
        secrets: secrets.collect(),
        disabled: stored.disabled_at.is_some(),
        id: stored.id,
        done,
    }))
}

/// A change to one client, by an administrator who used a passkey just now; others are shown the way to prove it once
/// more.
pub(crate) struct Change {
    environment: Arc<Environment>,
    context: RequestContext,
    by: Arc<Identity>,
    id: String,
    form: Parameters,
}

impl FromRequest<Arc<Environment>> for Change {
    type Rejection = Response;

    async fn from_request(request: Request, environment: &Arc<Environment>) -> Result<Self, Response> {
        let (context, by, form) = session::asked_by_administrator(request, environment, &HERE).await?;
        let id = form.value("id").unwrap_or_default().to_owned();
        Ok(Self { environment: Arc::clone(environment), context, by, id, form })
    }
}

impl Change {
    fn log(&self, what: &'static str) {
        tracing::info!(request = %self.context.id, client = %self.context.client, by = %self.by.subject, application = %self.id, what, "client changed");
    }

    /// What comes after a change, if there was such a client.
    fn done(&self, known: bool, what: &'static str) -> Result<Response, Refusal> {
        if !known {
            return Err(Refusal::not_found());
        }
        self.log(what);
        Ok(reply::see_other(&format!("/admin/clients/client?id={}&done={what}", self.id)))
    }

    fn show_secret(&self, secret: &str) -> Response {
        let frame = Frame::portal(&self.environment, Some(&self.by));
        page::show(&SecretPage { frame, id: &self.id, secret })
    }
}

/// `POST /admin/clients`: registers a client, and shows its secret.
pub(crate) async fn create(mut change: Change) -> Result<Response, Refusal> {
    let environment = Arc::clone(&change.environment);
    if change.id.is_empty() {
        change.id = super::draw_id(&environment);
    }
    super::demand_free(&environment, &change.id)?;
    let written = Written::read(&change.form);
    let registration = written.over(Registration::default())?;
    let groups = written.groups(&environment).await?;
    let public = registration.public;
    let new = NewClient { id: change.id.clone(), registration, groups };
    environment.store.create_client(new, change.context.now).await?;
    change.log("created");
    if public {
        return change.done(true, "saved");
    }
    let (plain, stored) = secret::draw(&environment, change.context.now, None);
    environment.store.add_client_secret(&change.id, stored).await?;
    Ok(change.show_secret(&plain))
}

/// `POST /admin/clients/save`.
pub(crate) async fn save(change: Change) -> Result<Response, Refusal> {
    let store = &change.environment.store;
    let former = store.client(&change.id).await?.ok_or_else(Refusal::not_found)?;
    let written = Written::read(&change.form);
    let registration = written.over(former.registration)?;
    let groups = written.groups(&change.environment).await?;
    let known = store.set_registration(&change.id, registration).await?
        && store.set_client_groups(&change.id, groups).await?;
    change.done(known, "saved")
}

/// `POST /admin/clients/secrets`: adds a secret, and shows it.
pub(crate) async fn add_secret(change: Change) -> Result<Response, Refusal> {
    let days = match change.form.value("days").unwrap_or_default().trim() {
        "" => None,
        text => Some(text.parse::<u32>().ok().filter(|days| (1..=3650).contains(days)).ok_or_else(|| {
            Refusal::bad_request("A secret is good for 1 to 3650 days, or until it is removed.")
        })?),
    };
    let expires_at = days.map(|days| change.context.now.after(Lifetime::days(days)));
    let (plain, stored) = secret::draw(&change.environment, change.context.now, expires_at);
    if !change.environment.store.add_client_secret(&change.id, stored).await? {
        let message = "There is no such application, or it has twenty secrets. Remove one first.";
        return Err(Refusal::new(StatusCode::CONFLICT, "conflict", message));
    }
    change.log("secret added");
    Ok(change.show_secret(&plain))
}

/// `POST /admin/clients/secrets/remove`.
pub(crate) async fn remove_secret(change: Change) -> Result<Response, Refusal> {
    let secret = change.form.value("secret").unwrap_or_default();
    let known = change.environment.store.remove_client_secret(&change.id, secret).await?;
    change.done(known, "removed")
}

/// `POST /admin/clients/disable`.
pub(crate) async fn disable(change: Change) -> Result<Response, Refusal> {
    let known = change.environment.store.set_client_disabled(&change.id, true, change.context.now).await?;
    change.done(known, "disabled")
}

/// `POST /admin/clients/enable`.
pub(crate) async fn enable(change: Change) -> Result<Response, Refusal> {
    let known = change.environment.store.set_client_disabled(&change.id, false, change.context.now).await?;
    change.done(known, "enabled")
}

/// `POST /admin/clients/delete`.
pub(crate) async fn delete(change: Change) -> Result<Response, Refusal> {
    if !is_client_id(&change.id)
        || !change.environment.store.delete_client(&change.id, change.context.now).await?
    {
        return Err(Refusal::not_found());
    }
    change.log("deleted");
    Ok(reply::see_other("/admin/clients?done=deleted"))
}
