//! One request, from its arrival to the decision. The order is the one that REQUIREMENTS calls "decision order".

use std::{convert::Infallible, rc::Rc, sync::Arc};

use doorward_core::{
    config::Config,
    http::{
        context::RequestContext,
        cookie,
        fetch::FetchMetadata,
        forwarded, framing, headers, path,
        target::{RequestTarget, TargetError},
    },
    identity::Identity,
    policy::{self, Access, Decision, Demand, Grounds, Permit},
    route::{Destination, Route},
    service::Service,
    token::{Hashed, Session},
};
use http::{Request, Response, uri::PathAndQuery};
use hyper::body::Incoming;

use crate::{
    access_log::Line,
    body::AnswerBody,
    connection::Peer,
    control::{Problem, Refused, Reply},
    forward::{self, Outgoing},
    session::Unavailable,
    watch::Watch,
    worker::Worker,
};

/// The reserved path on services' hosts.
const RESERVED: &str = "/.doorward";

pub(crate) type Answer = Response<AnswerBody>;

/// Answers one request.
pub(crate) async fn handle(
    worker: Rc<Worker>,
    peer: Rc<Peer>,
    request: Request<Incoming>,
) -> Result<Answer, Infallible> {
    let config = worker.config();
    let answer = match read(&worker, &config, &peer, &request) {
        Err(refusal) => refused(&worker, &config, &peer, &request, &refusal),
        Ok(incoming) => match &incoming.route.to {
            Destination::Portal => control(worker.control.portal(request, incoming.context).await),
            Destination::Service(service) => {
                let service = Arc::clone(service);
                gate(&worker, &service, incoming, request).await
            }
        },
    };
    Ok(answer)
}

/// What is known once a request has been read.
pub(crate) struct Arrival {
    pub(crate) route: Arc<Route>,
    pub(crate) target: PathAndQuery,
    pub(crate) context: RequestContext,
    pub(crate) config: Arc<Config>,
    forwarding_ignored: bool,
}

/// Steps 1 to 3: framing, target, route, client address.
fn read(
    worker: &Worker,
    config: &Arc<Config>,
    peer: &Peer,
    request: &Request<Incoming>,
) -> Result<Arrival, Problem> {
    framing::check(request.headers(), request.version()).map_err(|error| Problem::Malformed(error.0))?;
    let target = RequestTarget::parse(
        request.method(),
        request.uri(),
        request.headers(),
        peer.sni.as_deref(),
    )
    .map_err(|error| match error {
        TargetError::Malformed(what) => Problem::Malformed(what),
        TargetError::Misdirected => Problem::Misdirected,
    })?;
    let route = Arc::clone(config.routes.find(target.host()).ok_or(Problem::Misdirected)?);
    let trusted = &config.trusted_proxies;
    let context = RequestContext {
        id: worker.name_request(),
        client: forwarded::client_address(peer.address, request.headers(), trusted),
        peer: peer.address,
        now: worker.clock.now(),
        host: route.host.clone(),
        origin: route.origin.clone(),
    };
    Ok(Arrival {
        target: target.path_and_query().clone(),
        forwarding_ignored: forwarded::was_ignored(peer.address, request.headers(), trusted),
        route,
        context,
        config: Arc::clone(config),
    })
}

/// A request that could not be read is answered for the portal's origin: its own can't be told.
fn refused(
    worker: &Worker,
    config: &Config,
    peer: &Peer,
    request: &Request<Incoming>,
    problem: &Problem,
) -> Answer {
    let context = RequestContext {
        id: worker.name_request(),
        client: peer.address,
        peer: peer.address,
        now: worker.clock.now(),
        host: config.portal.host.clone(),
        origin: config.portal.origin.clone(),
    };
    let navigation =
        FetchMetadata::read(request.method(), request.headers(), &context.origin, false).navigation;
    tracing::info!(request = %context.id, peer = %peer.address, problem = ?problem, "request refused");
    control(worker.control.problem(problem, navigation, &context))
}

/// Steps 5 to 10: reserved path, session, decision, reply or forward.
async fn gate(
    worker: &Rc<Worker>,
    service: &Arc<Service>,
    arrival: Arrival,
    request: Request<Incoming>,
) -> Answer {
    if path::has_segment_prefix(arrival.target.path(), RESERVED) {
        return control(
            worker
                .control
                .reserved(Arc::clone(service), request, arrival.context)
                .await,
        );
    }
    let (head, body) = request.into_parts();
    let websocket = headers::asks_for_websocket(&head.method, head.version, &head.headers);
    let fetch = FetchMetadata::read(&head.method, &head.headers, &arrival.route.origin, websocket);
    let problem = |problem: &Problem| {
        control(
            worker
                .control
                .problem(problem, fetch.navigation, &arrival.context),
        )
    };
    let Ok(token) = cookie::find(&head.headers, cookie::SESSION) else {
        return problem(&Problem::DuplicateSession);
    };
    let token = token.map(Hashed::<Session>::of_text);
    let mut access = Access {
        method: &head.method,
        path: arrival.target.path(),
        client: arrival.context.client,
        identity: None,
        fetch,
        now: arrival.context.now,
    };
    // Nobody is asked about sessions for what needs none.
    let mut decision = policy::decide(&service.guard, &access);
    let mut identity = None;
    if let (Decision::Demand(Demand::SignIn), Some(token)) = (&decision, &token) {
        match resolve(worker, token, &arrival).await {
            Ok(found) => identity = found,
            Err(Unavailable) => return problem(&Problem::Unavailable),
        }
        access.identity = identity.as_ref();
        decision = policy::decide(&service.guard, &access);
    }
    let line = Line {
        context: &arrival.context,
        service,
        method: &head.method,
        path: arrival.target.path(),
        identity: identity.as_deref(),
        forwarding_ignored: arrival.forwarding_ignored,
    };
    match decision {
        Decision::Permit(permit) => {
            line.decided(outcome(&permit), &permit.grounds());
            let watch = Box::new(Watch {
                worker: Rc::clone(worker),
                token,
                host: arrival.context.host.to_string(),
                path: arrival.target.path().to_owned(),
                method: head.method.clone(),
                client: arrival.context.client,
                fetch,
            });
            let outgoing = Outgoing {
                service: Arc::clone(service),
                arrival,
                head,
                body,
                websocket,
                navigation: fetch.navigation,
                watch,
            };
            forward::forward(worker, permit, outgoing).await
        }
        Decision::Demand(Demand::SignIn) => {
            line.decided("sign_in", &"no_session");
            control(
                worker
                    .control
                    .sign_in(service, &head, fetch.navigation, &arrival.context),
            )
        }
        Decision::Deny(denial) => {
            line.decided("denied", &denial.code());
            let refused = Refused {
                service,
                identity: identity.as_deref(),
                denial: &denial,
            };
            control(
                worker
                    .control
                    .denied(&refused, fetch.navigation, &arrival.context),
            )
        }
    }
}

const fn outcome(permit: &Permit) -> &'static str {
    match permit.grounds() {
        Grounds::Bypass(_) => "bypassed",
        Grounds::Session | Grounds::Open => "forwarded",
    }
}

async fn resolve(
    worker: &Worker,
    token: &Hashed<Session>,
    arrival: &Arrival,
) -> Result<Option<Arc<Identity>>, Unavailable> {
    let (host, now) = (arrival.context.host.as_str(), arrival.context.now);
    match worker.sessions.cached(token, host, now) {
        Some(answer) => Ok(answer),
        None => worker.sessions.resolve(token, host, now).await,
    }
}

/// An answer of the control plane.
pub(crate) fn control(reply: Reply) -> Answer {
    reply.map(AnswerBody::Control)
}
