//! People and their groups, for administrators.

pub(crate) mod person;

use std::{collections::BTreeSet, sync::Arc};

use askama::Template;
use axum::{
    extract::{FromRequest, Request, State},
    response::{IntoResponse as _, Response},
};
use doorward_core::{
    http::context::RequestContext,
    id::UserId,
    identity::Identity,
    oauth::parameters::Parameters,
    return_to::{Page as PortalPage, ReturnTo},
    time::{Lifetime, UnixTime},
    token::Enrolment,
    user::{self, Profile},
};
use doorward_store::{NewUser, StoreError, User};
use http::StatusCode;

use crate::{
    environment::Environment,
    extract::{Context, Env, Form, Query},
    login,
    page::{self, Frame},
    refusal::Refusal,
    reply,
    session::{self, Administrator, Visitor},
    setup,
};

const HERE: ReturnTo = ReturnTo::Page(PortalPage::People);
/// People on one page.
const PAGE: u32 = 100;
/// How long an enrolment link works.
const ENROLMENT: Lifetime = Lifetime::hours(24);

struct Row {
    id: String,
    username: String,
    display_name: String,
    email: Option<String>,
    groups: String,
    passkeys: String,
    disabled: bool,
}

impl Row {
    fn new(person: User) -> Self {
        let groups: Vec<_> = person.groups.into_iter().collect();
        Self {
            id: person.id.to_string(),
            username: person.profile.username.to_string(),
            display_name: person.profile.display_name,
            email: person.profile.email,
            groups: groups.join(", "),
            passkeys: match person.credentials {
                0 => "no passkey yet".to_owned(),
                1 => "1 passkey".to_owned(),
                many => format!("{many} passkeys"),
            },
            disabled: person.disabled_at.is_some(),
        }
    }
}

/// What an administrator wrote into the form for a new person.
#[derive(Default)]
struct Written {
    username: String,
    display_name: String,
    email: String,
    groups: String,
}

impl Written {
    fn read(form: &Parameters) -> Self {
        let field = |name| form.value(name).unwrap_or_default().to_owned();
        Self {
            username: field("username"),
            display_name: field("display_name"),
            email: field("email"),
            groups: field("groups"),
        }
    }
}

#[derive(Template)]
#[template(path = "people.html")]
struct Page {
    frame: Frame,
    rows: Vec<Row>,
    next: Option<String>,
    form: Written,
    done: Option<&'static str>,
    trouble: Option<String>,
}

#[derive(Template)]
#[template(path = "enrolment_link.html")]
struct LinkPage {
    frame: Frame,
    username: String,
    display_name: String,
    link: String,
}

/// A point in time as a date, in UTC.
pub(crate) fn date(time: UnixTime) -> String {
    let (year, month, day) = civil(time.0.div_euclid(86_400));
    format!("{year:04}-{month:02}-{day:02}")
}

/// The proleptic Gregorian date of a day since 1970-01-01: 400 years have 146097 days, and years are counted from March
/// so that the leap day is the last.
fn civil(day: i64) -> (i64, i64, i64) {
    let shifted = day + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

async fn list(
    environment: &Environment,
    identity: &Identity,
    after: Option<UserId>,
) -> Result<Page, StoreError> {
    let mut people = environment.store.users(after, PAGE + 1).await?;
    let more = people.len() > PAGE as usize;
    people.truncate(PAGE as usize);
    Ok(Page {
        frame: Frame::wide(environment, identity),
        next: people.last().filter(|_| more).map(|person| person.id.to_string()),
        rows: people.into_iter().map(Row::new).collect(),
        form: Written::default(),
        done: None,
        trouble: None,
    })
}

/// `GET /admin/people`.
pub(crate) async fn show(
    State(environment): Env,
    Query(query): Query,
    Visitor(visitor): Visitor,
) -> Result<Response, Refusal> {
    let Some(identity) = visitor else {
        return Ok(reply::see_other(&login::path(&HERE)));
    };
    Administrator::check(&identity)?;
    let after = query.value("after").and_then(|id| UserId::parse(id).ok());
    let mut page = list(&environment, &identity, after).await?;
    page.done = match query.value("done") {
        Some("groups") => Some("The groups were saved. They count from the next request on."),
        Some("disabled") => Some("The account is disabled, and its sessions have ended."),
        Some("enabled") => Some("The account is enabled."),
        Some("deleted") => Some("The person was removed, with everything that was theirs."),
        Some("signed-out") => Some("All sessions of this person have ended."),
        _ => None,
    };
    Ok(page::show(&page))
}

/// Group names as an administrator wrote them.
fn groups(text: &str) -> Result<BTreeSet<String>, Refusal> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    names
        .map(|name| user::is_group_name(name).then(|| name.to_owned()))
        .collect::<Option<_>>()
        .ok_or_else(|| Refusal::bad_request("A group's name has 1 to 255 characters, and no comma."))
}

fn read(written: &Written) -> Result<(Profile, BTreeSet<String>), Refusal> {
    Ok((setup::profile(&written.username, &written.display_name, &written.email)?, groups(&written.groups)?))
}

/// `POST /admin/people`: adds a person, and shows the link to enrol.
pub(crate) async fn add(
    State(environment): Env,
    Context(context): Context,
    Administrator(identity): Administrator,
    Form(form): Form,
) -> Result<Response, Refusal> {
    if !session::is_fresh(&identity, context.now) {
        return Ok(reply::see_other(&login::path_to_confirm(&HERE)));
    }
    let written = Written::read(&form);
    let id = UserId::from_random(environment.draw());
    let added = match read(&written) {
        Ok((profile, groups)) => {
            let new = NewUser { id, profile, groups };
            environment.store.create_user(new, context.now).await.map_err(Refusal::from)
        }
        Err(refusal) => Err(refusal),
    };
    match added {
        Ok(()) => {
            tracing::info!(request = %context.id, client = %context.client, by = %identity.subject, user = %id, "person added");
            enrolment_link(&environment, &context, &identity, id).await
        }
        Err(refusal) if refusal.status().is_client_error() => {
            let mut page = list(&environment, &identity, None).await?;
            page.form = written;
            page.trouble = Some(refusal.message().to_owned());
            let mut response = page::show(&page);
            *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
            Ok(response)
        }
        Err(refusal) => Err(refusal),
    }
}

async fn enrolment_link(
    environment: &Environment,
    context: &RequestContext,
    identity: &Identity,
    id: UserId,
) -> Result<Response, Refusal> {
    let token = environment.token::<Enrolment>();
    let person = environment.store.user(id).await?.ok_or_else(Refusal::not_found)?;
    if !environment.store.issue_enrolment(token.hash(), id, context.now.after(ENROLMENT)).await? {
        return Err(Refusal::not_found());
    }
    tracing::info!(request = %context.id, client = %context.client, by = %identity.subject, user = %id, "enrolment link made");
    Ok(page::show(&LinkPage {
        frame: Frame::portal(environment, Some(identity)),
        username: person.profile.username.to_string(),
        display_name: person.profile.display_name,
        link: format!("{}/enrol/{}", environment.config().portal.origin, token.expose()),
    }))
}

/// A change to one person, by an administrator who used a passkey just now; others are shown the way to prove it once
/// more.
pub(crate) struct Change {
    environment: Arc<Environment>,
    context: RequestContext,
    by: Arc<Identity>,
    id: UserId,
    form: Parameters,
}

impl FromRequest<Arc<Environment>> for Change {
    type Rejection = Response;

    async fn from_request(request: Request, environment: &Arc<Environment>) -> Result<Self, Response> {
        let (context, by, form) = session::asked_by_administrator(request, environment, &HERE).await?;
        let id = form.value("id").and_then(|id| UserId::parse(id).ok());
        let id = id.ok_or_else(|| Refusal::not_found().into_response())?;
        Ok(Self { environment: Arc::clone(environment), context, by, id, form })
    }
}

impl Change {
    fn log(&self, what: &'static str) {
        tracing::info!(request = %self.context.id, client = %self.context.client, by = %self.by.subject, user = %self.id, what, "person changed");
    }

    fn done(&self, what: &'static str) -> Response {
        self.log(what);
        reply::see_other(&format!("/admin/people?done={what}"))
    }

    /// The same, back to the page of this person.
    fn done_with_person(&self, what: &'static str) -> Response {
        self.log(what);
        reply::see_other(&format!("/admin/people/person?id={}&done={what}", self.id))
    }
}

/// `POST /admin/people/groups`.
pub(crate) async fn set_groups(change: Change) -> Result<Response, Refusal> {
    let groups = groups(change.form.value("groups").unwrap_or_default())?;
    let known = change.environment.store.set_groups(change.id, groups, change.context.now).await?;
    if known { Ok(change.done("groups")) } else { Err(Refusal::not_found()) }
}

/// `POST /admin/people/disable`.
pub(crate) async fn disable(change: Change) -> Result<Response, Refusal> {
    change.environment.store.set_disabled(change.id, true, change.context.now).await?;
    change.environment.store.end_sessions_of(change.id, change.context.now).await?;
    Ok(change.done("disabled"))
}

/// `POST /admin/people/enable`.
pub(crate) async fn enable(change: Change) -> Result<Response, Refusal> {
    change.environment.store.set_disabled(change.id, false, change.context.now).await?;
    Ok(change.done("enabled"))
}

/// `POST /admin/people/end-sessions`.
pub(crate) async fn end_sessions(change: Change) -> Result<Response, Refusal> {
    change.environment.store.end_sessions_of(change.id, change.context.now).await?;
    Ok(change.done("signed-out"))
}

/// `POST /admin/people/enrolment`.
pub(crate) async fn make_enrolment_link(change: Change) -> Result<Response, Refusal> {
    enrolment_link(&change.environment, &change.context, &change.by, change.id).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_gregorian() {
        for (time, expected) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_709_164_800, "2024-02-29"),
            (4_107_542_400, "2100-03-01"),
            (-1, "1969-12-31"),
        ] {
            assert_eq!(date(UnixTime(time)), expected);
        }
    }
}
