//! The first page: a tile for every service that this person may open and for every application with a launch URL
//! that they may use, by the policy's own answer.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, response::Response};
use doorward_core::{
    config::Config,
    http::{
        context::RequestContext,
        fetch::{FetchMetadata, Site},
    },
    identity::Identity,
    oauth::{client::Client, redirect_uri},
    policy::{self, Access, Credential, Decision, Posture},
    return_to::ReturnTo,
    service::Service,
};
use http::Method;

use crate::{
    clients,
    extract::{Context, Env},
    login,
    page::{self, Frame},
    refusal::Refusal,
    reply,
    session::Visitor,
};

struct Tile {
    title: String,
    host: String,
    href: String,
}

/// A service that is closed because its declaration did not check.
struct Quarantined {
    title: String,
    reason: String,
}

#[derive(Template)]
#[template(path = "launcher.html")]
struct Page {
    frame: Frame,
    tiles: Vec<Tile>,
    quarantined: Vec<Quarantined>,
}

/// `GET /`.
pub(crate) async fn show(
    State(environment): Env,
    Context(context): Context,
    Visitor(visitor): Visitor,
) -> Result<Response, Refusal> {
    let Some(identity) = visitor else {
        return Ok(reply::see_other(&login::path(&ReturnTo::Launcher)));
    };
    let config = environment.config();
    let services = config
        .services
        .iter()
        .filter(|service| opens(service, &identity, &context))
        .filter_map(|service| tile(&config, service));
    let registered = environment.store.clients("", clients::PAGE).await?;
    let registered = registered.iter().filter_map(|stored| Some(Arc::new(stored.client()?.0)));
    // A declared client counts in the place of one that was registered under its identifier.
    let registered = registered.filter(|client| config.client(&client.client_id).is_none());
    let applications: Vec<_> = config.clients.iter().cloned().chain(registered).collect();
    let applications = applications
        .iter()
        .filter(|client| policy::admit(&client.policy, &identity, context.client, context.now).is_ok())
        .filter_map(|client| tile_of_application(client));
    Ok(page::show(&Page {
        frame: Frame::wide(&environment, &identity),
        tiles: services.chain(applications).collect(),
        quarantined: if identity.is_administrator() { quarantined(&config) } else { Vec::new() },
    }))
}

/// Whether the gate would let this person open the service's first page from here.
fn opens(service: &Service, identity: &Arc<Identity>, context: &RequestContext) -> bool {
    let access = Access {
        method: &Method::GET,
        path: "/",
        client: context.client,
        identity: Some(identity),
        credentials: Credential::default(),
        fetch: FetchMetadata { site: Site::Own, navigation: true, websocket: false },
        now: context.now,
    };
    matches!(policy::decide(&service.guard, &access), Decision::Permit(_))
}

fn tile(config: &Config, service: &Service) -> Option<Tile> {
    let host = service.hosts.first()?;
    let href = format!("{}/", config.origin_of(host));
    Some(Tile { title: service.title.clone(), host: host.to_string(), href })
}

fn tile_of_application(client: &Client) -> Option<Tile> {
    let href = client.launch_url.clone()?;
    let origin = redirect_uri::csp_source(&href)?;
    let (_, host) = origin.split_once("://")?;
    let host = host.to_owned();
    Some(Tile { title: client.title.clone(), host, href })
}

fn quarantined(config: &Config) -> Vec<Quarantined> {
    let reason = |service: &Arc<Service>| match &service.guard.posture {
        Posture::Quarantined(reason) => Some(Quarantined {
            title: service.title.clone(),
            reason: format!("{}: {}", reason.key, reason.cause),
        }),
        _ => None,
    };
    config.services.iter().filter_map(reason).collect()
}
