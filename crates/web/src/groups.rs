//! Groups, for administrators.

use askama::Template;
use axum::{extract::State, response::Response};
use doorward_core::{
    http::context::RequestContext,
    id::GroupId,
    identity::Identity,
    oauth::parameters::Parameters,
    return_to::{Page as PortalPage, ReturnTo},
    user,
};
use doorward_store::{Group, GroupNames, NewGroup};

use crate::{
    environment::Environment,
    extract::{Context, Env, Form, Query},
    login,
    page::{self, Frame},
    people::person,
    refusal::Refusal,
    reply,
    session::{self, Administrator, Visitor},
};

const HERE: ReturnTo = ReturnTo::Page(PortalPage::Groups);
/// Groups on one page.
const PAGE: u32 = 100;

struct Row {
    id: String,
    name: String,
    friendly_name: String,
    members: String,
    claims: String,
}

impl Row {
    async fn new(environment: &Environment, group: Group) -> Result<Self, Refusal> {
        let claims = environment.store.group_claims(group.id).await?;
        Ok(Self {
            id: group.id.to_string(),
            name: group.names.name,
            friendly_name: group.names.friendly_name,
            members: match group.members {
                0 => "nobody".to_owned(),
                1 => "1 person".to_owned(),
                many => format!("{many} people"),
            },
            claims: person::lines(&claims),
        })
    }
}

#[derive(Template)]
#[template(path = "groups.html")]
struct Page {
    frame: Frame,
    rows: Vec<Row>,
    next: Option<String>,
    done: Option<&'static str>,
}

/// `GET /admin/groups`.
pub(crate) async fn show(
    State(environment): Env,
    Query(query): Query,
    Visitor(visitor): Visitor,
) -> Result<Response, Refusal> {
    let Some(identity) = visitor else {
        return Ok(reply::see_other(&login::path(&HERE)));
    };
    Administrator::check(&identity)?;
    let after = query.value("after").and_then(|id| GroupId::parse(id).ok());
    let mut groups = environment.store.groups_after(after, PAGE + 1).await?;
    let more = groups.len() > PAGE as usize;
    groups.truncate(PAGE as usize);
    let next = groups.last().filter(|_| more).map(|group| group.id.to_string());
    groups.sort_by(|one, other| one.names.name.cmp(&other.names.name));
    let mut rows = Vec::with_capacity(groups.len());
    for group in groups {
        rows.push(Row::new(&environment, group).await?);
    }
    let done = match query.value("done") {
        Some("added") => Some("The group was added."),
        Some("saved") => Some("The group was saved. It counts from the next request on."),
        Some("deleted") => Some("The group was removed."),
        _ => None,
    };
    Ok(page::show(&Page { frame: Frame::wide(&environment, &identity), rows, next, done }))
}

/// What a group is to be called; without a name to show, the name is shown.
fn names(form: &Parameters) -> Result<GroupNames, Refusal> {
    let field = |name| form.value(name).unwrap_or_default().trim().to_owned();
    let (name, shown) = (field("name"), field("friendly_name"));
    read_names(&name, if shown.is_empty() { &name } else { &shown })
}

/// Checks what a group is to be called.
pub(crate) fn read_names(name: &str, friendly_name: &str) -> Result<GroupNames, Refusal> {
    if !user::is_group_name(name) {
        return Err(Refusal::bad_request("A group's name has 1 to 255 characters, and no comma."));
    }
    if friendly_name.trim().is_empty() || !user::is_label(friendly_name, 255) {
        return Err(Refusal::bad_request("The name that people see has 1 to 255 characters."));
    }
    Ok(GroupNames { name: name.to_owned(), friendly_name: friendly_name.trim().to_owned() })
}

/// Who changes what, if their passkey was used just now; otherwise the way to use it.
fn demand_fresh(identity: &Identity, context: &RequestContext) -> Option<Response> {
    (!session::is_fresh(identity, context.now)).then(|| reply::see_other(&login::path_to_confirm(&HERE)))
}

fn id(form: &Parameters) -> Result<GroupId, Refusal> {
    form.value("id").and_then(|id| GroupId::parse(id).ok()).ok_or_else(Refusal::not_found)
}

fn done(context: &RequestContext, by: &Identity, group: GroupId, what: &'static str) -> Response {
    tracing::info!(request = %context.id, client = %context.client, by = %by.subject, %group, what, "group changed");
    reply::see_other(&format!("/admin/groups?done={what}"))
}

/// `POST /admin/groups`.
pub(crate) async fn add(
    State(environment): Env,
    Context(context): Context,
    Administrator(identity): Administrator,
    Form(form): Form,
) -> Result<Response, Refusal> {
    if let Some(confirm) = demand_fresh(&identity, &context) {
        return Ok(confirm);
    }
    let new = NewGroup { id: GroupId::from_random(environment.draw()), names: names(&form)? };
    let group = new.id;
    environment.store.create_group(new, context.now).await?;
    Ok(done(&context, &identity, group, "added"))
}

/// `POST /admin/groups/save`.
pub(crate) async fn save(
    State(environment): Env,
    Context(context): Context,
    Administrator(identity): Administrator,
    Form(form): Form,
) -> Result<Response, Refusal> {
    if let Some(confirm) = demand_fresh(&identity, &context) {
        return Ok(confirm);
    }
    let (group, names) = (id(&form)?, names(&form)?);
    let claims = person::read_lines(form.value("claims").unwrap_or_default())?;
    let known = environment.store.rename_group(group, names).await?
        && environment.store.set_group_claims(group, claims).await?;
    if known { Ok(done(&context, &identity, group, "saved")) } else { Err(Refusal::not_found()) }
}

/// `POST /admin/groups/delete`.
pub(crate) async fn delete(
    State(environment): Env,
    Context(context): Context,
    Administrator(identity): Administrator,
    Form(form): Form,
) -> Result<Response, Refusal> {
    if let Some(confirm) = demand_fresh(&identity, &context) {
        return Ok(confirm);
    }
    let group = id(&form)?;
    let known = environment.store.delete_group(group).await?;
    if known { Ok(done(&context, &identity, group, "deleted")) } else { Err(Refusal::not_found()) }
}
