//! A person's own tokens for programs: see, make, revoke.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::State,
    response::{IntoResponse as _, Response},
};
use doorward_core::{
    config::Config,
    http::{context::RequestContext, path},
    id::PersonalTokenId,
    identity::Identity,
    oauth::parameters::Parameters,
    return_to::{Page as PortalPage, ReturnTo},
    service::Service,
    time::{Lifetime, UnixTime},
    token::Personal,
    user,
};
use doorward_store::{NewPersonalToken, PersonalGrant, PersonalTokenRow};
use http::{Method, StatusCode};

use crate::{
    environment::Environment,
    extract::{Context, Env, Form, Query},
    login,
    page::{self, Frame},
    people,
    refusal::Refusal,
    reply,
    session::{self, SignedIn, Visitor},
};

const HERE: ReturnTo = ReturnTo::Page(PortalPage::Tokens);
/// Lifetimes that can be chosen, in days.
const DAYS: [u32; 5] = [7, 30, 90, 180, 365];
/// The one that is chosen unless the person chooses another.
const USUAL: u32 = 90;
/// Paths, and methods, that a token names at most.
const WORDS: usize = 20;
/// Longest path or method, in bytes.
const WORD: usize = 200;

struct Row {
    id: String,
    name: String,
    service: String,
    scope: String,
    created: String,
    expires: String,
    last_used: Option<String>,
}

impl Row {
    fn new(stored: PersonalTokenRow, config: &Config) -> Self {
        let PersonalTokenRow { id, grant, created_at, last_used_at, expires_at } = stored;
        let service = config.service(&grant.service).map(|service| service.title.clone());
        Self {
            id: id.to_string(),
            scope: scope(&grant),
            name: grant.name,
            service: service.unwrap_or(grant.service),
            created: people::date(created_at),
            expires: people::date(expires_at),
            last_used: last_used_at.map(people::date),
        }
    }
}

/// What a token is good for, in words.
fn scope(grant: &PersonalGrant) -> String {
    let methods = if grant.methods.is_empty() { "every method".to_owned() } else { grant.methods.join(", ") };
    let paths = if grant.paths.is_empty() { "everywhere".to_owned() } else { grant.paths.join(", ") };
    format!("{methods}, {paths}")
}

/// A choice of a list.
struct Choice {
    value: String,
    label: String,
    chosen: bool,
}

/// What the person wrote into the form.
#[derive(Default)]
struct Written {
    name: String,
    service: String,
    paths: String,
    methods: String,
    days: String,
}

impl Written {
    fn read(form: &Parameters) -> Self {
        let field = |name| form.value(name).unwrap_or_default().to_owned();
        Self {
            name: field("name"),
            service: field("service"),
            paths: field("paths"),
            methods: field("methods"),
            days: field("days"),
        }
    }
}

#[derive(Template)]
#[template(path = "tokens.html")]
struct Page {
    frame: Frame,
    rows: Vec<Row>,
    services: Vec<Choice>,
    days: Vec<Choice>,
    form: Written,
    /// Where to use the passkey again, if that is needed before a token can be made.
    confirm: Option<String>,
    done: Option<&'static str>,
    trouble: Option<String>,
}

#[derive(Template)]
#[template(path = "token_made.html")]
struct MadePage<'a> {
    frame: Frame,
    name: &'a str,
    service: &'a str,
    expires: String,
    token: &'a str,
    example: String,
}

/// The services that this person can make a token for: those that take tokens and let the person in, be it by a rule for
/// some of their paths.
fn open_to<'a>(
    config: &'a Config,
    identity: &'a Arc<Identity>,
    now: UnixTime,
) -> impl Iterator<Item = &'a Arc<Service>> {
    config.services.iter().filter(move |service| {
        service.guard.tokens && matches!(service.guard.admits_person(identity, now), Some(Ok(_)))
    })
}

async fn list(
    environment: &Environment,
    identity: &Arc<Identity>,
    now: UnixTime,
    form: Written,
) -> Result<Page, Refusal> {
    let config = environment.config();
    let rows = environment.store.personal_tokens_of(identity.subject, now).await?;
    let services = open_to(&config, identity, now).map(|service| Choice {
        value: service.name.to_string(),
        label: service.title.clone(),
        chosen: *service.name == *form.service,
    });
    let chosen = form.days.parse().unwrap_or(USUAL);
    let days = DAYS.map(|days| Choice {
        value: days.to_string(),
        label: format!("{days} days"),
        chosen: days == chosen,
    });
    Ok(Page {
        frame: Frame::wide(environment, identity),
        rows: rows.into_iter().map(|row| Row::new(row, &config)).collect(),
        services: services.collect(),
        days: days.into(),
        form,
        confirm: (!session::is_fresh(identity, now)).then(|| login::path_to_confirm(&HERE)),
        done: None,
        trouble: None,
    })
}

/// `GET /account/tokens`.
pub(crate) async fn show(
    State(environment): Env,
    Context(context): Context,
    Query(query): Query,
    Visitor(visitor): Visitor,
) -> Result<Response, Refusal> {
    let Some(identity) = visitor else {
        return Ok(reply::see_other(&login::path(&HERE)));
    };
    let mut page = list(&environment, &identity, context.now, Written::default()).await?;
    page.done = (query.value("done") == Some("revoked"))
        .then_some("The token was revoked. Nothing opens with it any more.");
    Ok(page::show(&page))
}

/// `POST /account/tokens`: makes a token, and shows it once.
pub(crate) async fn make(
    State(environment): Env,
    Context(context): Context,
    SignedIn(identity): SignedIn,
    Form(form): Form,
) -> Result<Response, Refusal> {
    if !session::is_fresh(&identity, context.now) {
        return Ok(reply::see_other(&login::path_to_confirm(&HERE)));
    }
    let written = Written::read(&form);
    let config = environment.config();
    let refusal = match read(&written, &config, &identity, context.now) {
        Ok((service, grant, expires_at)) => {
            match store(&environment, &context, &identity, (grant, expires_at)).await? {
                Some((name, token)) => {
                    return Ok(made(&environment, &identity, service, (&name, expires_at, &token)));
                }
                None => Refusal::bad_request("You have fifty tokens. Revoke one that you do not need."),
            }
        }
        Err(refusal) => refusal,
    };
    let mut page = list(&environment, &identity, context.now, written).await?;
    page.trouble = Some(refusal.message().to_owned());
    Ok((StatusCode::BAD_REQUEST, page::show(&page)).into_response())
}

type Read<'a> = (&'a Arc<Service>, PersonalGrant, UnixTime);

fn read<'a>(
    written: &Written,
    config: &'a Config,
    identity: &'a Arc<Identity>,
    now: UnixTime,
) -> Result<Read<'a>, Refusal> {
    let name = user::parse_display_name(&written.name);
    let name = name.ok_or_else(|| Refusal::bad_request("A name has 1 to 100 characters."))?;
    let service = open_to(config, identity, now).find(|service| *service.name == *written.service);
    let service = service.ok_or_else(|| Refusal::bad_request("Choose a service that is open to you."))?;
    let days = written.days.parse().ok().filter(|days| DAYS.contains(days));
    let days = days.ok_or_else(|| Refusal::bad_request("Choose how long the token works."))?;
    let grant = PersonalGrant {
        name,
        service: service.name.to_string(),
        paths: words(&written.paths, is_path).ok_or_else(|| {
            Refusal::bad_request("A path begins with / and has no //, no dots as parts and no ; in it.")
        })?,
        methods: words(&written.methods, is_method)
            .ok_or_else(|| Refusal::bad_request("Methods are in upper case, such as GET."))?,
    };
    Ok((service, grant, now.after(Lifetime::days(days))))
}

fn words(text: &str, fit: fn(&str) -> bool) -> Option<Vec<String>> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let all = words.len() <= WORDS && words.iter().all(|word| word.len() <= WORD && fit(word));
    all.then(|| words.into_iter().map(str::to_owned).collect())
}

fn is_path(word: &str) -> bool {
    path::is_canonical(word)
}

fn is_method(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_uppercase()) && word.parse::<Method>().is_ok()
}

/// The name and the token; `None` when the person has too many.
async fn store(
    environment: &Environment,
    context: &RequestContext,
    identity: &Identity,
    (grant, expires_at): (PersonalGrant, UnixTime),
) -> Result<Option<(String, doorward_core::token::Plain<Personal>)>, Refusal> {
    let token = environment.token::<Personal>();
    let id = PersonalTokenId::from_random(environment.draw());
    let (name, service) = (grant.name.clone(), grant.service.clone());
    let new = NewPersonalToken { id, token: token.hash(), user: identity.subject, grant, expires_at };
    if !environment.store.create_personal_token(new, context.now).await? {
        return Ok(None);
    }
    tracing::info!(request = %context.id, client = %context.client, user = %identity.subject, token = %id, service, "personal token made");
    Ok(Some((name, token)))
}

fn made(
    environment: &Environment,
    identity: &Identity,
    service: &Service,
    (name, expires_at, token): (&str, UnixTime, &doorward_core::token::Plain<Personal>),
) -> Response {
    let origin = service.hosts.first().map(|host| environment.config().origin_of(host).to_string());
    page::show(&MadePage {
        frame: Frame::wide(environment, identity),
        name,
        service: &service.title,
        expires: people::date(expires_at),
        token: token.expose(),
        example: format!("curl -H \"Authorization: Bearer …\" {}/", origin.unwrap_or_default()),
    })
}

/// `POST /account/tokens/revoke`. It asks for no passkey: ending access is never made harder.
pub(crate) async fn revoke(
    State(environment): Env,
    Context(context): Context,
    SignedIn(identity): SignedIn,
    Form(form): Form,
) -> Result<Response, Refusal> {
    let id = form.value("id").and_then(|id| PersonalTokenId::parse(id).ok());
    let id =
        id.ok_or_else(|| Refusal::bad_request("The form does not say which token. Load the page again."))?;
    if !environment.store.revoke_personal_token(identity.subject, id, context.now).await? {
        return Err(Refusal::not_found());
    }
    tracing::info!(request = %context.id, client = %context.client, user = %identity.subject, token = %id, "personal token revoked");
    Ok(reply::see_other("/account/tokens?done=revoked"))
}
