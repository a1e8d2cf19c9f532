//! Forwarding a permitted request, and bringing back the answer.

use std::{cell::Cell, rc::Rc, sync::Arc};

use doorward_core::{
    http::{
        encoding::Coding,
        forward_auth::Unanswered,
        framing,
        headers::{self, ForwardedValues},
    },
    policy::{self, Permit},
    service::{Backend, Disclosed, Elsewhere, Service, StaticSite, Upstream},
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version, header,
    request::Parts,
};
use http_body::Body as _;
use hyper::{body::Incoming, upgrade::OnUpgrade};
use tokio::time::Instant;

use crate::{
    body::{AnswerBody, Arriving, RequestBody, UpstreamBody},
    compress,
    control::Problem,
    credentials,
    metrics::Fault,
    service::{Answer, Arrival, X_REQUEST_ID, control},
    static_site::{self, Ask},
    upgrade,
    upstream::{Lease, Sent, UpstreamError},
    watch::Watch,
    worker::Worker,
};

const X_FORWARDED_PREFIX: HeaderName = HeaderName::from_static("x-forwarded-prefix");

/// A request on its way to an upstream.
pub(crate) struct Outgoing {
    pub(crate) service: Arc<Service>,
    pub(crate) arrival: Arrival,
    pub(crate) head: Parts,
    pub(crate) body: Incoming,
    pub(crate) websocket: bool,
    pub(crate) as_page: bool,
    pub(crate) watch: Box<Watch>,
}

/// What a service's answers are changed by, known before its request is given away.
struct WayBack<'a> {
    service: &'a Arc<Service>,
    method: Method,
    /// The coding that the client likes best, where answers are compressed.
    coding: Option<Coding>,
}

/// Forwards a request, or answers it with a file. The permit is used up by it.
pub(crate) async fn forward(worker: &Rc<Worker>, permit: Permit, mut outgoing: Outgoing) -> Answer {
    let service = Arc::clone(&outgoing.service);
    let as_page = outgoing.as_page;
    let way_back = WayBack {
        service: &service,
        method: outgoing.head.method.clone(),
        coding: service.relay.compress.then(|| Coding::accepted(&outgoing.head.headers)).flatten(),
    };
    let upstream = match &service.backend {
        Backend::Upstream(upstream) => Ok(upstream),
        Backend::Static(site) => match site.api_of(outgoing.arrival.target.path()) {
            Some(upstream) => Ok(upstream),
            None => return Box::pin(file(worker, &permit, (site, &way_back), outgoing)).await,
        },
        Backend::Redirect(_) | Backend::Elsewhere => Err(Problem::Unanswered(Unanswered::Elsewhere)),
    };
    let ready = upstream.and_then(|upstream| disclose(worker, &permit, &mut outgoing).map(|()| upstream));
    let arrival = outgoing.arrival;
    let answer = match ready {
        Ok(upstream) => {
            let Outgoing { head, body, websocket, watch, .. } = outgoing;
            let leaving = (Request::from_parts(head, body), websocket, watch);
            send(worker, &arrival, (upstream, &way_back), leaving).await
        }
        Err(problem) => Err(problem),
    };
    answer.unwrap_or_else(|problem| control(worker.control.problem(&problem, as_page, &arrival.context)))
}

/// Answers with a file of the service.
async fn file(
    worker: &Rc<Worker>,
    permit: &Permit,
    (site, way_back): (&StaticSite, &WayBack<'_>),
    outgoing: Outgoing,
) -> Answer {
    let Outgoing { service, arrival, head, watch, as_page, .. } = outgoing;
    let personal = permit.identity().is_some();
    let ask =
        Ask { site, target: &arrival.target, head: &head, personal, page: as_page, turns: &worker.turns };
    match static_site::answer(ask, watch).await {
        Some(answer) => way_back.change(answer),
        None => control(worker.control.problem(&Problem::NotFound(service), as_page, &arrival.context)),
    }
}

/// Says who it is, and everything else that the upstream shall see.
fn disclose(worker: &Rc<Worker>, permit: &Permit, outgoing: &mut Outgoing) -> Result<(), Problem> {
    let Outgoing { service, arrival, .. } = &*outgoing;
    let disclosed = worker.disclosures.of(permit, service, &arrival.config, arrival.context.now);
    let person = disclosed.map_err(|error| {
        // An application that wants a statement about the person is not asked without one.
        tracing::error!(request = %arrival.context.id, service = %service.name, %error, "no assertion");
        Problem::Unavailable
    })?;
    prepare(worker, (permit, person.as_deref()), outgoing)
}

/// Sends a request to an upstream, and brings its answer back.
async fn send(
    worker: &Rc<Worker>,
    arrival: &Arrival,
    (upstream, way_back): (&Upstream, &WayBack<'_>),
    (request, websocket, mut watch): (Request<Incoming>, bool, Box<Watch>),
) -> Result<Answer, Problem> {
    let service = way_back.service;
    let (mut head, body) = request.into_parts();
    let downstream = websocket.then(|| head.extensions.remove::<OnUpgrade>()).flatten();
    head.extensions.clear();
    let limits = service.relay.limits;
    let (body, exceeded) = limited(body, limits.body);
    let request = Request::from_parts(head, body);
    let sent = match limits.duration {
        None => worker.pools.send(&arrival.config, upstream, request, websocket).await,
        Some(duration) => {
            let until = Instant::now() + duration;
            watch.until = Some(until);
            let sending = Box::pin(worker.pools.send(&arrival.config, upstream, request, websocket));
            let Ok(sent) = tokio::time::timeout_at(until, sending).await else {
                worker.tally.upstream_failed(Fault::TooSlow);
                return Err(Problem::TooSlow(Arc::clone(service)));
            };
            sent
        }
    };
    let error = match sent {
        Ok(Sent { response, lease }) if response.status() != StatusCode::SWITCHING_PROTOCOLS => {
            match framing::check_answer(response.headers(), response.version()) {
                Ok(()) => return Ok(bring_back(response, (lease, watch), upstream, (way_back, arrival))),
                // The connection is dropped with it: where its next answer begins can't be told.
                Err(error) => UpstreamError::Framing(error.0),
            }
        }
        Ok(Sent { response, lease }) => {
            let peer = arrival.context.peer;
            let switched =
                downstream.and_then(|downstream| upgrade::switch(downstream, response, (lease, watch), peer));
            match switched {
                Some(answer) => return Ok(answer),
                // Nobody asked: what follows would be nobody's request (S-1, P-14).
                None => UpstreamError::Switched,
            }
        }
        Err(_) if exceeded.is_some_and(|exceeded| exceeded.get()) => {
            return Err(Problem::TooLarge(Arc::clone(service)));
        }
        Err(error) => error,
    };
    if let Some(fault) = error.fault() {
        worker.tally.upstream_failed(fault);
    }
    tracing::warn!(request = %arrival.context.id, service = %service.name, %error, "the upstream does not answer");
    Err(Problem::UpstreamDown(Arc::clone(service)))
}

/// A body with its limit, and what tells that it was longer.
fn limited(body: Incoming, limit: Option<u64>) -> (RequestBody, Option<Rc<Cell<bool>>>) {
    let Some(limit) = limit else {
        return (RequestBody::Client(body), None);
    };
    let exceeded = Rc::default();
    (RequestBody::limited(body, limit, &exceeded), Some(exceeded))
}

fn bring_back(
    mut response: Response<Arriving>,
    (mut lease, watch): (Lease, Box<Watch>),
    upstream: &Upstream,
    (way_back, arrival): (&WayBack<'_>, &Arrival),
) -> Answer {
    headers::strip_response(response.headers_mut());
    if is_event_stream(response.headers()) {
        lease.carries_events();
    }
    if response.status().is_redirection() || response.status() == StatusCode::CREATED {
        for name in [header::LOCATION, header::CONTENT_LOCATION] {
            let told = response.headers().get(&name);
            let relay = &way_back.service.relay;
            let public = told.and_then(|told| relay.location(told, upstream, &arrival.route.origin));
            if let Some(public) = public {
                response.headers_mut().insert(name, public);
            }
        }
    }
    way_back.service.relay.cookies(response.headers_mut());
    response.extensions_mut().clear();
    *response.version_mut() = Version::HTTP_11;
    way_back.change(response.map(|incoming| AnswerBody::Upstream(UpstreamBody::new(incoming, lease, watch))))
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    const EVENTS: &[u8] = b"text/event-stream";
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.as_bytes().get(..EVENTS.len()));
    kind.is_some_and(|kind| kind.eq_ignore_ascii_case(EVENTS))
}

impl WayBack<'_> {
    /// Changes an answer as the service declares.
    fn change(&self, mut answer: Answer) -> Answer {
        let relay = &self.service.relay;
        relay.response.apply(answer.headers_mut());
        if relay.compress { compress::answer(answer, self.coding, &self.method) } else { answer }
    }
}

/// Makes the request what the upstream shall see: the canonical target, nothing of the client's under our names, and
/// what we say about the person and the connection. What can't be sent is a problem before anything is.
fn prepare(
    worker: &Worker,
    (permit, person): (&Permit, Option<&Disclosed>),
    outgoing: &mut Outgoing,
) -> Result<(), Problem> {
    let Outgoing { service, arrival, head, body, websocket, .. } = outgoing;
    let relay = &service.relay;
    if relay.limits.body.is_some_and(|limit| body.size_hint().lower() > limit) {
        return Err(Problem::TooLarge(Arc::clone(service)));
    }
    let target = relay.target(&arrival.target).map_err(|Elsewhere| Problem::NotFound(Arc::clone(service)))?;
    join_cookies(&mut head.headers);
    let wants_trailers = head.headers.get(header::TE).is_some_and(mentions_trailers);
    headers::strip(&mut head.headers, &arrival.config.reserved_headers);
    credentials::pass_on(service, permit.user().map(|user| &**user), &mut head.headers);
    // It was meant for us: the body is read, and the client told to send it, when the upstream takes it.
    head.headers.remove(header::EXPECT);
    // Before what we say ourselves, which nothing else may change.
    relay.request.apply_to_request(&mut head.headers);
    let forwarded = ForwardedValues {
        client: address(arrival.context.client),
        scheme: arrival.route.forwarded_scheme.clone(),
        port: arrival.route.forwarded_port.clone(),
        host: arrival.route.forwarded_host.clone(),
    };
    headers::apply(&mut head.headers, person, &forwarded);
    head.headers.insert(X_REQUEST_ID, worker.header_of(arrival.context.id));
    if service.guard.tokens {
        policy::strip_presented(&mut head.headers);
    }
    service.disclosure.lend(&mut head.headers, permit);
    if let Some(prefix) = relay.paths.strip.as_deref().and_then(|prefix| HeaderValue::from_str(prefix).ok()) {
        head.headers.insert(X_FORWARDED_PREFIX, prefix);
    }
    if wants_trailers {
        head.headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    if *websocket {
        head.headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
        head.headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    }
    if !body.is_end_stream() && body.size_hint().exact().is_none() {
        // Otherwise the body of a GET would get lost.
        head.headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    head.uri = Uri::from(target.unwrap_or_else(|| arrival.target.clone()));
    head.version = Version::HTTP_11;
    Ok(())
}

fn address(client: std::net::IpAddr) -> HeaderValue {
    HeaderValue::from_str(&client.to_string()).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
}

fn mentions_trailers(te: &HeaderValue) -> bool {
    let codings = te.to_str().unwrap_or_default().split(',');
    codings.into_iter().any(|coding| coding.trim().eq_ignore_ascii_case("trailers"))
}

/// HTTP/2 may split cookies into several fields; HTTP/1.1 has one (RFC 9113 section 8.2.3).
pub(crate) fn join_cookies(headers: &mut HeaderMap) {
    if headers.get_all(header::COOKIE).iter().nth(1).is_none() {
        return;
    }
    let lines: Vec<&[u8]> = headers.get_all(header::COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if let Ok(joined) = HeaderValue::from_bytes(&lines.join(&b"; "[..])) {
        headers.insert(header::COOKIE, joined);
    }
}
