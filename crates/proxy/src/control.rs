//! The port to the control plane: pages, endpoints, and the replies that are not forwarded.

use std::sync::Arc;

use bytes::Bytes;
use doorward_core::{
    http::{context::RequestContext, forward_auth::Unanswered},
    identity::Identity,
    policy::{Demand, Denial},
    service::Service,
};
use http::{Request, Response, request::Parts};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;

use crate::session::BoxFuture;

/// An error of a body.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;
/// The body of a reply of the control plane.
pub type ControlBody = UnsyncBoxBody<Bytes, BodyError>;
/// A reply of the control plane.
pub type Reply = Response<ControlBody>;

/// Why a request is not answered as it was meant.
#[derive(Clone, Debug)]
pub enum Problem {
    /// Ambiguous or ill-formed: 400.
    Malformed(&'static str),
    /// The session cookie came twice: 400, and it is cleared (E-13).
    DuplicateSession,
    /// Not a host of ours: 421.
    Misdirected,
    /// The upstream does not answer: 502.
    UpstreamDown(Arc<Service>),
    /// The service has nothing at this address: 404.
    NotFound(Arc<Service>),
    /// The body is larger than the service takes: 413.
    TooLarge(Arc<Service>),
    /// The answer takes longer than the service may: 504.
    TooSlow(Arc<Service>),
    /// Sessions can't be asked about: 503.
    Unavailable,
    /// This network presented too many wrong keys or passwords: 429.
    TooManyAttempts,
    /// A question of another proxy that gets no decision, or a request that belongs to that proxy.
    Unanswered(Unanswered),
}

impl Problem {
    /// A stable word for logs and other proxies.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "malformed_request",
            Self::DuplicateSession => "duplicate_session",
            Self::Misdirected => "unknown_host",
            Self::UpstreamDown(_) => "upstream_down",
            Self::NotFound(_) => "not_found",
            Self::TooLarge(_) => "body_too_large",
            Self::TooSlow(_) => "too_slow",
            Self::Unavailable => "unavailable",
            Self::TooManyAttempts => "too_many_attempts",
            Self::Unanswered(unanswered) => unanswered.code(),
        }
    }
}

/// Answers what is not forwarded.
pub trait ControlPlane: Send + Sync + 'static {
    /// A request for the identity host.
    fn portal(&self, request: Request<Incoming>, context: RequestContext) -> BoxFuture<'_, Reply>;

    /// A request for the reserved path of a service's host.
    fn reserved(
        &self,
        service: Arc<Service>,
        request: Request<Incoming>,
        context: RequestContext,
    ) -> BoxFuture<'_, Reply>;

    /// What the person must do first: 303 to the sign-in for navigations, 401 otherwise.
    fn demanded(&self, demanded: &Demanded<'_>, context: &RequestContext) -> Reply;

    /// A refusal, as a page or not: 403, 401 for a key, 503 for a service that is closed.
    fn denied(&self, refused: &Refused<'_>, as_page: bool, context: &RequestContext) -> Reply;

    /// A problem.
    fn problem(&self, problem: &Problem, as_page: bool, context: &RequestContext) -> Reply;
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
pub struct Refused<'a> {
    /// The service.
    pub service: &'a Service,
    /// The person, if one is signed in.
    pub identity: Option<&'a Identity>,
    /// Why.
    pub denial: &'a Denial,
    /// What was compared: for the log, and for administrators.
    pub detail: &'a str,
}
