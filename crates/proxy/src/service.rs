//! One request, from its arrival to the decision, in the order that ARCHITECTURE describes.

use std::{convert::Infallible, rc::Rc, sync::Arc, time::Instant};

use doorward_core::{
    config::Config,
    http::{
        context::{RequestContext, RequestId},
        cookie,
        fetch::{FetchMetadata, wants_page},
        forward_auth::Unanswered,
        forwarded::{self, Trust},
        framing, headers, path,
        target::{RequestTarget, TargetError},
    },
    identity::Identity,
    policy::{
        self, Access, Bearer, Credentials, Decision, Demand, Denial, Grounds, Guard, Permit, Posture,
        Presented, VerifiedUser,
    },
    route::{Destination, Route},
    service::{Backend, Service},
    time::UnixTime,
    token::{Hashed, Session},
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Request, Response, Version, header, request::Parts, uri::PathAndQuery,
};
use hyper::body::Incoming;

use crate::{
    access_log::Line,
    body::AnswerBody,
    connection::{Peer, Way},
    control::{Demanded, Problem, Refused, Reply},
    credentials::Held,
    forward::{self, Outgoing},
    forward_auth, redirect,
    session::Unavailable,
    watch::Watch,
    worker::Worker,
};

/// What tells an answer, a log line and the upstream's own log apart from all others.
pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
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
    if peer.asks {
        return Ok(Box::pin(forward_auth::answer(&worker, &config, &peer, request)).await);
    }
    let id = worker.name_request();
    if let Some(mut answer) = redirect::challenge(&worker, &peer, &request) {
        answer.headers_mut().insert(X_REQUEST_ID, worker.header_of(id));
        return Ok(answer);
    }
    let mut answer = match read((&worker, id), &config, &peer, &request) {
        Err(refusal) => refused((&worker, id), &config, &peer, &request, &refusal),
        Ok(incoming) if peer.way == Way::Redirect => redirect::to_https(&incoming),
        Ok(incoming) => match &incoming.route.to {
            Destination::Portal => {
                worker.tally.portal.add(1);
                control(worker.control.portal(request, incoming.context).await)
            }
            Destination::Service(service) => {
                let service = Arc::clone(service);
                gate(&worker, &service, incoming, request).await
            }
        },
    };
    answer.headers_mut().insert(X_REQUEST_ID, worker.header_of(id));
    Ok(answer)
}

/// What is known once a request has been read.
pub(crate) struct Arrival {
    pub(crate) route: Arc<Route>,
    pub(crate) target: PathAndQuery,
    pub(crate) context: RequestContext,
    pub(crate) config: Arc<Config>,
}

/// Steps 1 to 3: framing, target, route, client address.
fn read(
    (worker, id): (&Worker, RequestId),
    config: &Arc<Config>,
    peer: &Peer,
    request: &Request<Incoming>,
) -> Result<Arrival, Problem> {
    framing::check(request.headers(), request.version()).map_err(|error| Problem::Malformed(error.0))?;
    let target =
        RequestTarget::parse(request.method(), request.uri(), request.headers(), peer.sni.as_deref())
            .map_err(|error| match error {
                TargetError::Malformed(what) => Problem::Malformed(what),
                TargetError::Misdirected => Problem::Misdirected,
            })?;
    let route = Arc::clone(config.routes.find(target.host()).ok_or(Problem::Misdirected)?);
    let trust = trust(config);
    let context = RequestContext {
        id,
        client: forwarded::client_address(peer.address, request.headers(), trust),
        peer: peer.address,
        now: worker.clock.now(),
        host: route.host.clone(),
        origin: route.origin.clone(),
    };
    Ok(Arrival { target: target.path_and_query().clone(), route, context, config: Arc::clone(config) })
}

/// Who is believed about the client's address.
pub(crate) fn trust(config: &Config) -> Trust<'_> {
    Trust { proxies: &config.trusted_proxies, tunnels: &config.listening.tunnels }
}

/// A request that could not be read is answered for the portal's origin: its own can't be told.
pub(crate) fn refused(
    (worker, id): (&Worker, RequestId),
    config: &Config,
    peer: &Peer,
    request: &Request<Incoming>,
    problem: &Problem,
) -> Answer {
    let context = RequestContext {
        id,
        client: peer.address,
        peer: peer.address,
        now: worker.clock.now(),
        host: config.portal.host.clone(),
        origin: config.portal.origin.clone(),
    };
    let as_page = wants_page(request.headers());
    match problem {
        Problem::Misdirected => worker.tally.unknown_host.add(1),
        _ => worker.tally.malformed.add(1),
    }
    tracing::info!(request = %context.id, peer = %peer.address, problem = ?problem, "request refused");
    let mut answer = control(worker.control.problem(problem, as_page, &context));
    if matches!(problem, Problem::Malformed(_)) && request.version() <= Version::HTTP_11 {
        // What follows was perhaps never meant as a request of its own (RFC 9112 section 6.3).
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// Steps 5 to 10: reserved path, session, decision, reply or forward.
async fn gate(
    worker: &Rc<Worker>,
    service: &Arc<Service>,
    arrival: Arrival,
    request: Request<Incoming>,
) -> Answer {
    if is_reserved(arrival.target.path()) {
        worker.tally.reserved.add(1);
        return Box::pin(reserved(worker, service, arrival, request)).await;
    }
    let (head, body) = request.into_parts();
    if matches!(service.backend, Backend::Elsewhere) {
        return unread(worker, service, &arrival, &head, &Problem::Unanswered(Unanswered::Elsewhere));
    }
    let websocket = headers::asks_for_websocket(&head.method, head.version, &head.headers);
    let fetch = FetchMetadata::read(&head.method, &head.headers, &arrival.route.origin, websocket);
    let began = Instant::now();
    let judged = match judge(worker, service, &arrival, &head, fetch).await {
        Ok(judged) => judged,
        Err(problem) => return unread(worker, service, &arrival, &head, &problem),
    };
    let Judged { identity, decision, token, bearer, generation, held } = judged;
    let decided = Instant::now();
    worker.tally.decided_within(decided.duration_since(began));
    let line = line(service, &arrival, &head, identity.as_deref());
    let permit = match decision {
        Decision::Permit(permit) => permit,
        Decision::Demand(demand) => {
            return refused_at(worker, (service, &arrival), (&head, fetch), Ok(demand), line).0;
        }
        Decision::Deny(denial) => {
            return refused_at(worker, (service, &arrival), (&head, fetch), Err(denial), line).0;
        }
    };
    let outcome = outcome(service, &permit);
    line.of(permit.user()).decided(outcome, permit.grounds());
    worker.count(service, &arrival, (outcome, outcome));
    if let Backend::Redirect(target) = &service.backend {
        return redirect::lead(target, &head.method, &arrival.target);
    }
    let service = Arc::clone(service);
    let as_page = wants_page(&head.headers);
    let watch = Box::new(Watch {
        worker: Rc::clone(worker),
        token,
        bearer,
        route: Arc::clone(&arrival.route),
        target: arrival.target.clone(),
        method: head.method.clone(),
        client: arrival.context.client,
        fetch,
        held,
        generation,
        until: None,
        request: arrival.context.id,
    });
    let outgoing = Outgoing { service, arrival, head, body, websocket, as_page, watch };
    let answer = forward::forward(worker, permit, outgoing).await;
    worker.tally.upstream_within(decided.elapsed());
    answer
}

/// The answer to a request that does not pass, here or at another proxy, and the word that says why.
pub(crate) fn refused_at(
    worker: &Worker,
    (service, arrival): (&Arc<Service>, &Arrival),
    (head, fetch): (&Parts, FetchMetadata),
    why: Result<Demand, Denial>,
    line: Line<'_>,
) -> (Answer, &'static str) {
    let context = &arrival.context;
    let count = |decided| worker.count(service, arrival, decided);
    let detail = line.detail_of(why.as_ref(), fetch);
    let line = line.because(&detail);
    match why {
        Ok(demand) => {
            line.decided("sign_in", &demand.code());
            count(("sign_in", demand.code()));
            let demanded = Demanded { service, demand, head, navigation: fetch.navigation };
            (control(worker.control.demanded(&demanded, context)), demand.code())
        }
        Err(denial) => {
            let guessed = matches!(denial, Denial::Key { .. });
            // Whoever guesses is answered with less and less.
            if guessed && !worker.guesses.record(context.client, context.now) {
                let problem = Problem::TooManyAttempts;
                line.decided("denied", &problem.code());
                count(("denied", problem.code()));
                return (
                    control(worker.control.problem(&problem, wants_page(&head.headers), context)),
                    problem.code(),
                );
            }
            line.decided(refusal(&denial), &denial.code());
            count((refusal(&denial), denial.code()));
            let refused = Refused { service, identity: line.identity, denial: &denial, detail: &detail };
            (control(worker.control.denied(&refused, wants_page(&head.headers), context)), denial.code())
        }
    }
}

pub(crate) fn line<'a>(
    service: &'a Service,
    arrival: &'a Arrival,
    head: &'a Parts,
    identity: Option<&'a Identity>,
) -> Line<'a> {
    Line { service, arrival, head, identity, named: "", detail: "", via: "door" }
}

/// A request at a service about which nothing could be decided does not pass.
fn unread(
    worker: &Worker,
    service: &Arc<Service>,
    arrival: &Arrival,
    head: &Parts,
    problem: &Problem,
) -> Answer {
    line(service, arrival, head, None).decided("denied", &problem.code());
    worker.count(service, arrival, ("denied", problem.code()));
    control(worker.control.problem(problem, wants_page(&head.headers), &arrival.context))
}

/// Whether a path is reserved, in any case: an upstream that ignores case shall not see it either.
pub(crate) fn is_reserved(path: &str) -> bool {
    let (start, rest) = path.split_at_checked(RESERVED.len()).unwrap_or_default();
    start.eq_ignore_ascii_case(RESERVED) && (rest.is_empty() || rest.starts_with('/'))
}

/// The control plane answers for the reserved path, if it is spelled as it is.
async fn reserved(
    worker: &Rc<Worker>,
    service: &Arc<Service>,
    arrival: Arrival,
    request: Request<Incoming>,
) -> Answer {
    if path::has_segment_prefix(request.uri().path(), RESERVED) {
        return control(worker.control.reserved(Arc::clone(service), request, arrival.context).await);
    }
    let problem = Problem::Malformed("the reserved path in another spelling");
    unread(worker, service, &arrival, &request.into_parts().0, &problem)
}

/// Who it is, what was decided, and what that rests on.
pub(crate) struct Judged {
    pub(crate) identity: Option<Arc<Identity>>,
    pub(crate) decision: Decision,
    /// The session that was looked up; without one the decision rests on the configuration alone.
    token: Option<Hashed<Session>>,
    /// The token of a person's program that was looked up in its place.
    pub(crate) bearer: Option<Presented>,
    /// The generation at which it was decided.
    generation: u64,
    /// What was presented in place of a session.
    held: Held,
}

/// Steps 6 to 9: the decision, and whose session it rests on.
pub(crate) async fn judge(
    worker: &Rc<Worker>,
    service: &Service,
    arrival: &Arrival,
    head: &Parts,
    fetch: FetchMetadata,
) -> Result<Judged, Problem> {
    let token = cookie::find(&head.headers, cookie::SESSION).map_err(|_| Problem::DuplicateSession)?;
    let mut shown = Held::read(service, &head.headers);
    let mut access = Access {
        method: &head.method,
        path: arrival.target.path(),
        client: arrival.context.client,
        identity: None,
        credentials: shown.credential(),
        fetch,
        now: arrival.context.now,
    };
    // Read before anything is decided: what changes after it shows.
    let generation = worker.sessions.generation();
    if let Some(presented) = presented(&service.guard, &head.headers) {
        let judged = Box::pin(by_token(worker, service, &access, presented)).await;
        let (identity, decision) = judged.map_err(|error| unknown(arrival.context.id, &error))?;
        return Ok(Judged {
            identity,
            decision,
            token: None,
            bearer: Some(presented),
            generation,
            held: shown,
        });
    }
    // Nobody is asked about sessions for what needs none.
    let decision = policy::decide(&service.guard, &access);
    match (&decision, token) {
        (Decision::Demand(Demand::SignIn), Some(token)) => {
            let token = Hashed::<Session>::of_text(token);
            let identity = resolve(worker, &token, arrival)
                .await
                .map_err(|error| unknown(arrival.context.id, &error))?;
            access.identity = identity.as_ref();
            let decision = policy::decide(&service.guard, &access);
            Ok(Judged { identity, decision, token: Some(token), bearer: None, generation, held: shown })
        }
        (Decision::Demand(Demand::Password), _) => {
            let user = Box::pin(by_password(worker, service, arrival, head)).await?;
            access.credentials.user = user.as_ref();
            let decision = policy::decide(&service.guard, &access);
            shown.user = user;
            Ok(Judged { identity: None, decision, token: None, bearer: None, generation, held: shown })
        }
        _ => Ok(Judged { identity: None, decision, token: None, bearer: None, generation, held: shown }),
    }
}

/// The token of a person's program that a request presents, if the service takes such.
pub(crate) fn presented(guard: &Guard, headers: &HeaderMap) -> Option<Presented> {
    if guard.tokens { policy::presented(headers) } else { None }
}

/// The decision about a request that presents a token of a person's program: who is behind it, and what was decided.
async fn by_token(
    worker: &Worker,
    service: &Service,
    access: &Access<'_>,
    presented: Presented,
) -> Result<(Option<Arc<Identity>>, Decision), Unavailable> {
    let found = bearer(worker, presented, &service.name, access.now).await;
    let found = found?;
    let decision = policy::decide_by_token(&service.guard, access, found.as_ref());
    Ok((found.map(|bearer| Arc::clone(&bearer.identity)), decision))
}

/// Nobody can tell who somebody is: 503, and the log says why.
pub(crate) fn unknown(request: RequestId, error: &Unavailable) -> Problem {
    tracing::error!(%request, %error, "sessions and tokens can't be asked about");
    Problem::Unavailable
}

/// Who is behind a token at a service.
pub(crate) async fn bearer(
    worker: &Worker,
    presented: Presented,
    service: &str,
    now: UnixTime,
) -> Result<Option<Arc<Bearer>>, Unavailable> {
    let Presented::Token(token) = presented else {
        return Ok(None);
    };
    match worker.sessions.remembered_bearer(&token, service, now) {
        Some(bearer) => Ok(Some(bearer)),
        None => worker.sessions.bearer(&token, service, now).await,
    }
}

/// Who signed in by name and password, if this is a service where people do and the request says both.
async fn by_password(
    worker: &Rc<Worker>,
    service: &Service,
    arrival: &Arrival,
    head: &Parts,
) -> Result<Option<Arc<VerifiedUser>>, Problem> {
    let (Posture::Basic(realm), Some(credentials)) =
        (&service.guard.posture, Credentials::read(&head.headers))
    else {
        return Ok(None);
    };
    let from = (arrival.context.client, arrival.context.now);
    worker.passwords.verify(&worker.guesses, realm, credentials, from).await
}

pub(crate) fn outcome(service: &Service, permit: &Permit) -> &'static str {
    match permit.grounds() {
        _ if matches!(service.backend, Backend::Redirect(_)) => "redirected",
        Grounds::Bypass(_) => "bypassed",
        Grounds::Key(_) => "by_key",
        Grounds::Session | Grounds::Basic | Grounds::Open | Grounds::Token(_) => "forwarded",
    }
}

pub(crate) const fn refusal(denial: &Denial) -> &'static str {
    if matches!(denial, Denial::Quarantined { .. }) { "closed" } else { "denied" }
}

async fn resolve(
    worker: &Worker,
    token: &Hashed<Session>,
    arrival: &Arrival,
) -> Result<Option<Arc<Identity>>, Unavailable> {
    let (host, now) = (arrival.context.host.as_str(), arrival.context.now);
    if let Some(answer) = worker.sessions.cached(token, host, now) {
        worker.tally.sessions_remembered.add(1);
        return Ok(answer);
    }
    worker.tally.sessions_asked.add(1);
    worker.sessions.resolve(token, host, now).await
}

/// An answer of the control plane.
pub(crate) fn control(reply: Reply) -> Answer {
    reply.map(AnswerBody::Control)
}
