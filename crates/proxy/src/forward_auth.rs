//! Answers other proxies that ask about each request and forward it themselves: the same decision as at the gate, and
//! in place of forwarding, an answer that says what the proxy shall do.
//!
//! Questions come in on listeners of their own. An answer has what only applications may see, lent credentials among it;
//! at an address that a trusted proxy forwards people to, they could ask for themselves.

use std::{rc::Rc, sync::Arc};

use doorward_core::{
    config::Config,
    http::{
        context::RequestContext,
        cookie,
        fetch::{FetchMetadata, wants_page},
        forward_auth::{Asked, Dialect, Unanswered, to_remove},
        forwarded, framing,
    },
    policy::{self, Decision, Permit, Posture},
    route::{Destination, Route},
    service::Service,
};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode, Uri, header, request::Parts};
use hyper::body::Incoming;

use crate::{
    body::AnswerBody,
    connection::Peer,
    control::Problem,
    credentials,
    service::{self, Answer, Arrival, Judged, control},
    worker::Worker,
};

/// What a Lua action takes from the request before it goes on.
const X_DOORWARD_REMOVE: HeaderName = HeaderName::from_static("x-doorward-remove");
/// The same for Envoy.
const X_ENVOY_REMOVE: HeaderName = HeaderName::from_static("x-envoy-auth-headers-to-remove");
/// The reason, for proxies that lose the body.
const X_DOORWARD_REASON: HeaderName = HeaderName::from_static("x-doorward-reason");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What is asked, by whom, about which service.
struct Question {
    dialect: Dialect,
    asked: Asked,
    route: Arc<Route>,
    service: Arc<Service>,
}

/// Answers a question.
pub(crate) async fn answer(
    worker: &Rc<Worker>,
    config: &Arc<Config>,
    peer: &Peer,
    request: Request<Incoming>,
) -> Answer {
    match read(config, peer, &request) {
        Ok(question) => decide(worker, config, peer, question, request.into_parts().0).await,
        Err(problem) => {
            let dialect = Dialect::at(request.uri().path());
            let answer = service::refused((worker, worker.name_request()), config, peer, &request, &problem);
            fit(dialect, answer, problem.code())
        }
    }
}

fn read(config: &Config, peer: &Peer, request: &Request<Incoming>) -> Result<Question, Problem> {
    framing::check(request.headers(), request.version()).map_err(|error| Problem::Malformed(error.0))?;
    if !forwarded::is_in(peer.address, &config.trusted_proxies) {
        return Err(Problem::Unanswered(Unanswered::Untrusted));
    }
    question(config, request).map_err(Problem::Unanswered)
}

fn question(config: &Config, request: &Request<Incoming>) -> Result<Question, Unanswered> {
    let dialect = Dialect::at(request.uri().path()).ok_or(Unanswered::Dialect)?;
    let asked = Asked::read(dialect, request.method(), request.uri(), request.headers())?;
    let route = Arc::clone(config.routes.find(&asked.host).ok_or(Unanswered::Host)?);
    let Destination::Service(service) = &route.to else {
        return Err(Unanswered::Portal);
    };
    if service::is_reserved(asked.path_and_query.path()) {
        return Err(Unanswered::Reserved);
    }
    Ok(Question { dialect, asked, service: Arc::clone(service), route })
}

/// The decision of the gate, about the request that was asked about.
async fn decide(
    worker: &Rc<Worker>,
    config: &Arc<Config>,
    peer: &Peer,
    question: Question,
    mut head: Parts,
) -> Answer {
    let Question { dialect, asked, route, service } = question;
    let context = RequestContext {
        id: worker.name_request(),
        client: asked.client.unwrap_or_else(|| {
            forwarded::client_address(peer.address, &head.headers, service::trust(config))
        }),
        peer: peer.address,
        now: worker.clock.now(),
        host: route.host.clone(),
        origin: route.origin.clone(),
    };
    head.method = asked.method;
    head.uri = Uri::from(asked.path_and_query.clone());
    let fetch = FetchMetadata::read(&head.method, &head.headers, &route.origin, asked.websocket);
    let arrival = Arrival { route, target: asked.path_and_query, context, config: Arc::clone(config) };
    let judged = match service::judge(worker, &service, &arrival, &head, fetch).await {
        Ok(judged) => judged,
        Err(problem) => {
            service::line(&service, &arrival, &head, None)
                .via_forward_auth()
                .decided("denied", &problem.code());
            worker.count(&service, &arrival, ("denied", problem.code()));
            let answer =
                control(worker.control.problem(&problem, wants_page(&head.headers), &arrival.context));
            return fit(Some(dialect), answer, problem.code());
        }
    };
    let Judged { identity, decision, .. } = judged;
    let line = service::line(&service, &arrival, &head, identity.as_deref()).via_forward_auth();
    match decision {
        // The other proxy would carry it on to the application, which shall not learn what opens it.
        Decision::Permit(permit) if carries_ours(&service, &permit, &head.headers) => {
            line.decided("denied", &Unanswered::Token.code());
            worker.count(&service, &arrival, ("denied", Unanswered::Token.code()));
            let problem = Problem::Unanswered(Unanswered::Token);
            let answer = worker.control.problem(&problem, wants_page(&head.headers), &arrival.context);
            fit(Some(dialect), control(answer), problem.code())
        }
        Decision::Permit(permit) => {
            let outcome = service::outcome(&service, &permit);
            line.of(permit.user()).decided(outcome, permit.grounds());
            worker.count(&service, &arrival, (outcome, outcome));
            permitted(worker, dialect, &permit, (&service, &arrival), head)
        }
        Decision::Demand(demand) => {
            let (answer, reason) =
                service::refused_at(worker, (&service, &arrival), (&head, fetch), Ok(demand), line);
            fit(Some(dialect), answer, reason)
        }
        Decision::Deny(denial) => {
            let (answer, reason) =
                service::refused_at(worker, (&service, &arrival), (&head, fetch), Err(denial), line);
            fit(Some(dialect), answer, reason)
        }
    }
}

/// Whether the request carries a key, a token or a password of the door, which the gate would keep from the application.
fn carries_ours(service: &Service, permit: &Permit, headers: &HeaderMap) -> bool {
    let guard = &service.guard;
    let basic = matches!(guard.posture, Posture::Basic(_)) || permit.user().is_some();
    if guard.keys.is_empty() && !guard.tokens && !basic {
        return false;
    }
    let mut kept = headers.clone();
    credentials::pass_on(service, permit.user().map(|user| &**user), &mut kept);
    if guard.tokens {
        policy::strip_presented(&mut kept);
    }
    kept.len() != headers.len() || kept.get(header::AUTHORIZATION) != headers.get(header::AUTHORIZATION)
}

/// Yes, with what the application shall learn. The permit ends here: it is the other proxy that forwards.
fn permitted(
    worker: &Worker,
    dialect: Dialect,
    permit: &Permit,
    (service, arrival): (&Arc<Service>, &Arrival),
    mut head: Parts,
) -> Answer {
    if dialect == Dialect::NginxAnswer {
        return meanwhile(worker, arrival, &head);
    }
    let mut headers = HeaderMap::with_capacity(16);
    match worker.disclosures.of(permit, service, &arrival.config, arrival.context.now) {
        Ok(Some(person)) => person.apply(&mut headers),
        Ok(None) => {}
        Err(error) => {
            tracing::error!(request = %arrival.context.id, service = %service.name, %error, "no assertion");
            let answer =
                worker.control.problem(&Problem::Unavailable, wants_page(&head.headers), &arrival.context);
            return fit(Some(dialect), control(answer), Problem::Unavailable.code());
        }
    }
    service.disclosure.lend(&mut headers, permit);
    let reserved = &arrival.config.reserved_headers;
    if let Some(cookies) = others_cookies(&mut head.headers) {
        headers.insert(header::COOKIE, cookies);
    }
    match dialect {
        // It copies what is not there as the name of a variable, or keeps the client's own (H-8).
        Dialect::Caddy => {
            let lent = service.disclosure.credentials.iter().map(|credential| &credential.name);
            for name in reserved.injected().iter().chain(lent).chain([&header::COOKIE]) {
                headers.entry(name.clone()).or_insert(HeaderValue::from_static(""));
            }
        }
        Dialect::Envoy | Dialect::Haproxy => {
            let name = if dialect == Dialect::Envoy { X_ENVOY_REMOVE } else { X_DOORWARD_REMOVE };
            if let Some(list) = to_remove(dialect, (&head.headers, &headers), reserved, &service.disclosure) {
                headers.insert(name, list);
            }
        }
        // An empty value removes the client's in nginx; Traefik removes it before it copies.
        Dialect::Nginx | Dialect::Traefik | Dialect::NginxAnswer => {}
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_REQUEST_ID, worker.header_of(arrival.context.id));
    let mut answer = Response::new(AnswerBody::Empty);
    *answer.headers_mut() = headers;
    answer
}

/// The cookies without ours, in one line; `None` when there are no others.
fn others_cookies(headers: &mut HeaderMap) -> Option<HeaderValue> {
    crate::forward::join_cookies(headers);
    let had = headers.get(header::COOKIE).cloned()?;
    cookie::remove_own(headers);
    let rest = headers.remove(header::COOKIE);
    // Back again: what must be removed is judged by what came.
    headers.insert(header::COOKIE, had);
    rest
}

/// nginx had a refusal and asks what to show for it, but now the request would pass: again from the start.
fn meanwhile(worker: &Worker, arrival: &Arrival, head: &Parts) -> Answer {
    let location = format!("{}{}", arrival.context.origin, arrival.target);
    match HeaderValue::from_str(&location) {
        Ok(location) if head.method.is_safe() => {
            let mut answer = Response::new(AnswerBody::Empty);
            *answer.status_mut() = StatusCode::SEE_OTHER;
            answer.headers_mut().insert(header::LOCATION, location);
            answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
            answer.headers_mut().insert(X_REQUEST_ID, worker.header_of(arrival.context.id));
            answer
        }
        _ => {
            let problem = Problem::Unanswered(Unanswered::Meanwhile);
            control(worker.control.problem(&problem, wants_page(&head.headers), &arrival.context))
        }
    }
}

/// Makes a refusal one that the proxy understands. nginx knows 401 and 403, and makes 500 of anything else.
fn fit(dialect: Option<Dialect>, mut answer: Answer, reason: &'static str) -> Answer {
    if dialect == Some(Dialect::Nginx) {
        let status = match answer.status() {
            StatusCode::SEE_OTHER | StatusCode::UNAUTHORIZED => StatusCode::UNAUTHORIZED,
            _ => StatusCode::FORBIDDEN,
        };
        *answer.status_mut() = status;
    }
    answer.headers_mut().insert(X_DOORWARD_REASON, HeaderValue::from_static(reason));
    answer
}
