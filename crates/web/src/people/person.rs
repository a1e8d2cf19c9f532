//! One person, for administrators: names, address, and claims of their own.

use askama::Template;
use axum::{extract::State, response::Response};
use doorward_core::{
    id::UserId,
    identity::Identity,
    oauth::parameters::Parameters,
    user::{self, Profile, claims::WrittenClaims},
};
use doorward_store::User;
use http::StatusCode;

use super::{Change, HERE};
use crate::{
    environment::Environment,
    extract::{Env, Query},
    login,
    page::{self, Frame},
    refusal::Refusal,
    reply,
    session::{Administrator, Visitor},
    setup,
};

/// What an administrator wrote into the form.
pub(super) struct Written {
    username: String,
    display_name: String,
    first_name: String,
    last_name: String,
    locale: String,
    email: String,
    verified: bool,
}

impl Written {
    fn of(profile: Profile) -> Self {
        Self {
            username: profile.username.to_string(),
            display_name: profile.display_name,
            first_name: profile.first_name,
            last_name: profile.last_name,
            locale: profile.locale.unwrap_or_default(),
            email: profile.email.unwrap_or_default(),
            verified: profile.email_verified,
        }
    }

    fn read(form: &Parameters) -> Self {
        let field = |name| form.value(name).unwrap_or_default().to_owned();
        Self {
            username: field("username"),
            display_name: field("display_name"),
            first_name: field("first_name"),
            last_name: field("last_name"),
            locale: field("locale"),
            email: field("email"),
            verified: form.value("email_verified").is_some(),
        }
    }

    fn profile(&self) -> Result<Profile, Refusal> {
        let profile = setup::profile(&self.username, &self.display_name, &self.email)?;
        let part = |text: &str| {
            user::parse_part_of_name(text)
                .ok_or_else(|| Refusal::bad_request("A given or family name has at most 50 characters."))
        };
        let locale = match self.locale.trim() {
            "" => None,
            written => Some(user::parse_locale(written).ok_or_else(|| {
                Refusal::bad_request("This is no language. Write one such as en or pt-BR, or leave it empty.")
            })?),
        };
        let (first_name, last_name) = (part(&self.first_name)?, part(&self.last_name)?);
        Ok(Profile { first_name, last_name, locale, email_verified: self.verified, ..profile })
    }
}

#[derive(Template)]
#[template(path = "person.html")]
struct Page {
    frame: Frame,
    id: String,
    title: String,
    form: Written,
    claims: String,
    done: Option<&'static str>,
    trouble: Option<String>,
}

async fn page(environment: &Environment, identity: &Identity, person: User) -> Result<Page, Refusal> {
    let claims = environment.store.user_claims(person.id).await?;
    Ok(Page {
        frame: Frame::portal(environment, Some(identity)),
        id: person.id.to_string(),
        title: person.profile.display_name.clone(),
        form: Written::of(person.profile),
        claims: lines(&claims),
        done: None,
        trouble: None,
    })
}

/// Claims as they are written into a form: one in each line.
pub(crate) fn lines(claims: &WrittenClaims) -> String {
    claims.iter().flat_map(|(key, value)| [key, " = ", value, "\n"]).collect()
}

/// Reads such lines; empty ones do not count.
pub(crate) fn read_lines(text: &str) -> Result<WrittenClaims, Refusal> {
    let mut pairs = Vec::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (key, value) = line.split_once('=').ok_or_else(|| {
            Refusal::bad_request("Write one claim in each line: its name, =, and its value.")
        })?;
        pairs.push((key.trim().to_owned(), value.trim().to_owned()));
    }
    WrittenClaims::new(pairs).map_err(|error| {
        let message = format!("The claims were not saved: {error}.");
        Refusal::new(StatusCode::BAD_REQUEST, "invalid_request", message)
    })
}

/// `GET /admin/people/person`.
pub(crate) async fn show(
    State(environment): Env,
    Query(query): Query,
    Visitor(visitor): Visitor,
) -> Result<Response, Refusal> {
    let Some(identity) = visitor else {
        return Ok(reply::see_other(&login::path(&HERE)));
    };
    Administrator::check(&identity)?;
    let id = query.value("id").and_then(|id| UserId::parse(id).ok()).ok_or_else(Refusal::not_found)?;
    let person = environment.store.user(id).await?.ok_or_else(Refusal::not_found)?;
    let mut page = page(&environment, &identity, person).await?;
    page.done = match query.value("done") {
        Some("profile") => Some("What this person is called was saved."),
        Some("claims") => Some("The claims were saved. Applications learn of them with the next tokens."),
        _ => None,
    };
    Ok(page::show(&page))
}

/// `POST /admin/people/profile`.
pub(crate) async fn set_profile(change: Change) -> Result<Response, Refusal> {
    let written = Written::read(&change.form);
    let saved = match written.profile() {
        Ok(profile) => change.environment.store.set_profile(change.id, profile).await.map_err(Refusal::from),
        Err(refusal) => Err(refusal),
    };
    match saved {
        Ok(true) => Ok(change.done_with_person("profile")),
        Ok(false) => Err(Refusal::not_found()),
        Err(refusal) if refusal.status().is_client_error() => {
            let person = change.environment.store.user(change.id).await?.ok_or_else(Refusal::not_found)?;
            let mut page = page(&change.environment, &change.by, person).await?;
            page.form = written;
            page.trouble = Some(refusal.message().to_owned());
            let mut response = page::show(&page);
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
        Err(refusal) => Err(refusal),
    }
}

/// `POST /admin/people/claims`.
pub(crate) async fn set_claims(change: Change) -> Result<Response, Refusal> {
    let claims = read_lines(change.form.value("claims").unwrap_or_default())?;
    let known = change.environment.store.set_user_claims(change.id, claims).await?;
    if known { Ok(change.done_with_person("claims")) } else { Err(Refusal::not_found()) }
}

/// `POST /admin/people/delete`.
pub(crate) async fn delete(change: Change) -> Result<Response, Refusal> {
    let known = change.environment.store.delete_user(change.id).await?;
    if known { Ok(change.done("deleted")) } else { Err(Refusal::not_found()) }
}
