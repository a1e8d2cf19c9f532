//! Pages: the frame around each, and those that several handlers show.

use std::sync::Arc;

use askama::Template;
use axum::response::{IntoResponse as _, Response};
use doorward_core::{
    config::Config,
    http::context::RequestContext,
    identity::Identity,
    policy::{self, Denial},
};
use http::StatusCode;

use crate::{app, assets::Assets, environment::Environment, refusal::Refusal, reply, sign_out, transaction};

/// What is around every page.
pub(crate) struct Frame {
    /// The name of this place.
    pub(crate) place: String,
    /// Where its name leads.
    pub(crate) home: String,
    pub(crate) assets: Assets,
    /// Who is signed in, for the navigation; only on the identity host.
    pub(crate) person: Option<Person>,
    pub(crate) wide: bool,
}

/// Who is signed in.
pub(crate) struct Person {
    pub(crate) display_name: String,
    pub(crate) username: String,
    pub(crate) administrator: bool,
    /// Whether any service takes tokens.
    pub(crate) tokens: bool,
}

impl Frame {
    /// The frame on the identity host.
    pub(crate) fn portal(environment: &Environment, identity: Option<&Identity>) -> Self {
        let config = environment.config();
        let person = identity.map(|identity| Person {
            display_name: identity.profile.display_name.clone(),
            username: identity.profile.username.to_string(),
            administrator: identity.is_administrator(),
            tokens: config.services.iter().any(|service| service.guard.tokens),
        });
        Self {
            place: config.portal.title.clone(),
            home: "/".to_owned(),
            assets: environment.assets.clone(),
            person,
            wide: false,
        }
    }

    /// The same for pages with lists.
    pub(crate) fn wide(environment: &Environment, identity: &Identity) -> Self {
        Self { wide: true, ..Self::portal(environment, Some(identity)) }
    }

    /// The frame on whichever host was asked.
    pub(crate) fn of(environment: &Environment, context: &RequestContext) -> Self {
        let config = environment.config();
        let frame = Self::portal(environment, None);
        if context.host == config.portal.host { frame } else { frame.on_service(&config) }
    }

    /// The frame at an address where we serve no assets: they come from the identity host.
    pub(crate) fn abroad(environment: &Environment) -> Self {
        let portal = environment.config().portal.origin.clone();
        let assets = environment.assets.on_portal(portal.as_str());
        Self { home: format!("{portal}/"), assets, ..Self::portal(environment, None) }
    }

    fn on_service(self, config: &Config) -> Self {
        Self { home: format!("{}/", config.portal.origin), assets: self.assets.on_service(), ..self }
    }
}

/// Renders a page.
pub(crate) fn show(page: &impl Template) -> Response {
    match page.render() {
        Ok(text) => reply::html(text),
        Err(error) => {
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", "This page can't be shown.")
                .because(error)
                .into_response()
        }
    }
}

/// A link at the end of a message.
pub(crate) struct Action {
    pub(crate) href: String,
    pub(crate) label: String,
}

#[derive(Template)]
#[template(path = "message.html")]
struct Message<'a> {
    frame: Frame,
    heading: &'a str,
    text: &'a str,
    action: Option<Action>,
    request_id: String,
}

/// A page that says one thing.
pub(crate) fn message(
    frame: Frame,
    context: &RequestContext,
    (heading, text): (&str, &str),
    action: Option<Action>,
) -> Response {
    show(&Message { frame, heading, text, action, request_id: context.id.to_string() })
}

#[derive(Template)]
#[template(path = "denied.html")]
struct Denied {
    frame: Frame,
    service: String,
    why: String,
    user: Option<String>,
    groups: Option<String>,
    /// For administrators: where the request came from, and what was compared (R46).
    administrators: Option<Compared>,
    switch: String,
    request_id: String,
}

/// What administrators read about a refusal.
struct Compared {
    client: String,
    /// Who made the connection, if that is somebody else.
    peer: Option<String>,
    detail: String,
}

impl Compared {
    fn new(context: &RequestContext, detail: &str) -> Self {
        let peer = (context.peer != context.client).then(|| context.peer.to_string());
        Self { client: context.client.to_string(), peer, detail: detail.to_owned() }
    }
}

impl Denied {
    fn new(
        frame: Frame,
        context: &RequestContext,
        refused: (&str, Option<&Identity>, &Denial),
        switch: String,
    ) -> Self {
        let (service, identity, denial) = refused;
        let groups = match denial {
            Denial::Group { any_of, .. } if !any_of.is_empty() => Some(any_of.join(", ")),
            _ => None,
        };
        let why = policy::explain(denial);
        let mut letters = why.chars();
        let why = letters
            .next()
            .map(|first| first.to_uppercase().chain(letters).collect::<String>())
            .unwrap_or_default();
        Self {
            frame,
            service: service.to_owned(),
            why: format!("{why}."),
            user: identity.map(|identity| identity.profile.username.to_string()),
            groups,
            administrators: None,
            switch,
            request_id: context.id.to_string(),
        }
    }
}

/// The page that says why a person may not use something, on the identity host. `again` leads back here after another
/// person signed in.
pub(crate) fn denied(
    environment: &Environment,
    context: &RequestContext,
    refused: (&str, Option<&Identity>, &Denial),
    again: &str,
) -> Response {
    let frame = Frame::portal(environment, None);
    let mut response = show(&Denied::new(frame, context, refused, sign_out::to_switch("", again)));
    *response.status_mut() = StatusCode::FORBIDDEN;
    response
}

/// The same on the service's own host.
pub(crate) fn denied_at_service(
    environment: &Environment,
    context: &RequestContext,
    denied: &app::Denied<'_>,
) -> Response {
    let app::Denied { service, identity, denial, detail } = *denied;
    let config: Arc<Config> = environment.config();
    let frame = Frame::portal(environment, None).on_service(&config);
    let (handoff, line) =
        transaction::begin(environment, (service, transaction::Wanted { path: "/", max_age: None }), context);
    let switch = sign_out::to_switch(config.portal.origin.as_str(), &handoff);
    let mut page = Denied::new(frame, context, (&service.title, identity, denial), switch);
    let administrator = identity.is_some_and(Identity::is_administrator);
    page.administrators = administrator.then(|| Compared::new(context, detail));
    let mut response = show(&page);
    reply::add_cookie(&mut response, line);
    response
}
