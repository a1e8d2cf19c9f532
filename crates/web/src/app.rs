//! The control plane as the binary sees it: requests in, replies out.

use std::{error::Error, sync::Arc};

use arc_swap::ArcSwap;
use axum::{Router, body::Body};
use bytes::Bytes;
use doorward_core::{
    config::Config,
    http::{context::RequestContext, fetch, forward_auth::Unanswered},
    identity::Identity,
    jose::key_ring::KeyRing,
    policy::{Demand, Denial},
    seal::RootSecret,
    service::Service,
    time::Random,
};
use doorward_store::Store;
use http::{HeaderValue, Request, Response, StatusCode, header, request::Parts};
use http_body_util::{BodyExt as _, combinators::UnsyncBoxBody};
use tower::ServiceExt as _;

use crate::{
    environment::Environment,
    page::Frame,
    refusal::{self, Refusal},
    reply, router,
};

/// An error of a body.
type BodyError = Box<dyn Error + Send + Sync>;
/// The body of a reply.
pub type ReplyBody = UnsyncBoxBody<Bytes, BodyError>;

/// What the control plane needs.
pub struct Settings<'a> {
    /// The configuration; storing another one changes what the next requests meet.
    pub config: Arc<ArcSwap<Config>>,
    /// Persistent state.
    pub store: Store,
    /// From which sealing keys descend.
    pub root: &'a RootSecret,
    /// The keys that sign ID tokens.
    pub keys: Arc<ArcSwap<KeyRing>>,
    /// Where tokens come from.
    pub random: Arc<dyn Random>,
}

/// Why a request is not answered as it was meant.
#[derive(Clone, Copy, Debug)]
pub enum Problem<'a> {
    /// Ambiguous or ill-formed: 400.
    Malformed(&'static str),
    /// The session cookie came twice: 400, and it is cleared (E-13).
    DuplicateSession,
    /// Not a host of ours: 421.
    Misdirected,
    /// The upstream does not answer: 502.
    UpstreamDown(&'a Service),
    /// The service has nothing at this address: 404.
    NotFound(&'a Service),
    /// The body is larger than the service takes: 413.
    TooLarge(&'a Service),
    /// The answer takes longer than the service may: 504.
    TooSlow(&'a Service),
    /// Sessions can't be asked about: 503.
    Unavailable,
    /// Too many wrong keys or passwords from this network: 429.
    TooManyAttempts,
    /// A question of another proxy that gets no decision, or a request that belongs to that proxy.
    Unanswered(Unanswered),
}

/// What must be done before a request passes.
#[derive(Clone, Copy, Debug)]
pub struct Demanded<'a> {
    /// The service.
    pub service: &'a Service,
    /// What.
    pub demand: Demand,
    /// The request.
    pub head: &'a Parts,
    /// Whether a person would see a page.
    pub navigation: bool,
}

/// Who was refused what, and why.
#[derive(Clone, Copy, Debug)]
pub struct Denied<'a> {
    /// The service.
    pub service: &'a Service,
    /// The person, if one is signed in.
    pub identity: Option<&'a Identity>,
    /// Why.
    pub denial: &'a Denial,
    /// What was compared: administrators see it.
    pub detail: &'a str,
}

/// The control plane.
pub struct App {
    pub(crate) environment: Arc<Environment>,
    portal: Router,
    reserved: Router,
}

impl App {
    /// Puts it together.
    pub fn new(settings: Settings<'_>) -> Self {
        let environment = Arc::new(Environment::new(settings));
        Self {
            portal: router::portal(Arc::clone(&environment)),
            reserved: router::reserved(Arc::clone(&environment)),
            environment,
        }
    }

    /// Answers a request for the identity host.
    pub async fn portal<B>(&self, request: Request<B>, context: RequestContext) -> Response<ReplyBody>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        self.run(&self.portal, request, context).await
    }

    /// Answers a request for the reserved path of a service's host.
    pub async fn reserved<B>(
        &self,
        service: Arc<Service>,
        mut request: Request<B>,
        context: RequestContext,
    ) -> Response<ReplyBody>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        request.extensions_mut().insert(service);
        self.run(&self.reserved, request, context).await
    }

    async fn run<B>(
        &self,
        router: &Router,
        request: Request<B>,
        context: RequestContext,
    ) -> Response<ReplyBody>
    where
        B: http_body::Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BodyError>,
    {
        let mut request = request.map(Body::new);
        let as_page = fetch::wants_page(request.headers());
        request.extensions_mut().insert(context.clone());
        let response = match router.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let frame = as_page.then(|| Frame::of(&self.environment, &context));
        Self::finish(response, frame, &context)
    }

    /// A page at a host that is not the portal's: its style comes from there.
    pub(crate) fn with_assets<B>(&self, mut response: Response<B>) -> Response<B> {
        let policy = reply::policy_with_assets_from(&self.environment.config().portal.origin);
        // In place of the one that is there: browsers keep to both of two, and ours would forbid these.
        if let Some(policy) = policy {
            response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        response
    }

    /// A problem, as a page or as JSON.
    pub fn problem(
        &self,
        problem: Problem<'_>,
        as_page: bool,
        context: &RequestContext,
    ) -> Response<ReplyBody> {
        let response = match problem {
            Problem::TooManyAttempts => refusal::too_many_attempts(),
            _ => axum::response::IntoResponse::into_response(refusal_of(problem)),
        };
        // The request may have been for any host, ours or not.
        let frame = as_page.then(|| Frame::abroad(&self.environment));
        let response = Self::finish(response, frame, context);
        if as_page { self.with_assets(response) } else { response }
    }

    /// Renders what was refused, and adds what every reply carries.
    pub(crate) fn finish(
        mut response: Response<Body>,
        frame: Option<Frame>,
        context: &RequestContext,
    ) -> Response<ReplyBody> {
        if let Some(refusal) = response.extensions_mut().remove::<Refusal>() {
            refusal.log(context);
            response = refusal.render(frame, context, response.headers());
        }
        reply::harden(response.headers_mut());
        if let Ok(id) = HeaderValue::from_str(&context.id.to_string()) {
            response.headers_mut().insert("x-request-id", id);
        }
        response.map(|body| body.map_err(Into::into).boxed_unsync())
    }
}

pub(crate) fn with_status(mut response: Response<Body>, status: StatusCode) -> Response<Body> {
    *response.status_mut() = status;
    response
}

fn refusal_of(problem: Problem<'_>) -> Refusal {
    match problem {
        Problem::Malformed(what) => Refusal::new(
            StatusCode::BAD_REQUEST,
            "malformed_request",
            format!("This request can't be read in one way only: {what}."),
        ),
        Problem::DuplicateSession => Refusal::duplicate_session(),
        Problem::Misdirected => Refusal::new(
            StatusCode::MISDIRECTED_REQUEST,
            "unknown_host",
            "No service is declared for this address. Check the address, or ask whoever runs this place."
                .to_owned(),
        ),
        Problem::UpstreamDown(service) => Refusal::new(
            StatusCode::BAD_GATEWAY,
            "upstream_down",
            format!(
                "{} does not answer at the moment. The door works; the application behind it is down or restarting. Try again in a minute.",
                service.title
            ),
        ),
        Problem::NotFound(service) => Refusal::new(
            StatusCode::NOT_FOUND,
            "not_found",
            format!("{} has nothing at this address. Check it, or start from the first page.", service.title),
        ),
        Problem::TooLarge(service) => Refusal::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "body_too_large",
            format!(
                "This is more than {} takes at once. Send less, or ask whoever runs this place for a higher limit.",
                service.title
            ),
        ),
        Problem::TooSlow(service) => Refusal::new(
            StatusCode::GATEWAY_TIMEOUT,
            "too_slow",
            format!("{} did not answer in the time that it has. Try again in a minute.", service.title),
        ),
        Problem::Unanswered(unanswered) => {
            Refusal::new(unanswered.status(), unanswered.code(), unanswered.message())
        }
        Problem::TooManyAttempts | Problem::Unavailable => Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "Sessions can't be checked at the moment, so the door stays closed. Try again in a minute."
                .to_owned(),
        ),
    }
}
