//! The connections to one target.

use std::{
    cell::{Cell, RefCell},
    fmt,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use doorward_core::service::{Target, Upstream};
use http::{HeaderValue, Method, Request, header};
use http_body::Body as _;
use hyper::client::conn::{http1, http2};
use tokio::time::Instant;

use super::{
    Sent, UpstreamError,
    connect::{Connector, Fresh, Offer},
    health::Board,
    http2::{Attempt, as_http1, send_http2},
};
use crate::{body::RequestBody, timeouts::Timeouts};

/// Idle connections that a worker keeps per target.
const IDLE_MAX: usize = 64;
/// A target that can't be reached is left alone for at most this many times the first back-off.
const BACK_OFF_MAX: u32 = 32;

/// Connections to one target.
pub(super) struct Pool {
    connector: Connector,
    scheme: &'static http::uri::Scheme,
    /// `Host`, where the target wants its own.
    host: Option<HeaderValue>,
    idle: RefCell<Vec<http1::SendRequest<RequestBody>>>,
    shared: RefCell<Option<http2::SendRequest<RequestBody>>>,
    /// Requests under way.
    busy: Cell<usize>,
    back_off: Duration,
    failures: Cell<u32>,
    ejected: Cell<Option<Instant>>,
    /// What the health checks say, if there are any.
    unwell: Option<Arc<AtomicBool>>,
}

/// A request that got no answer.
pub(super) struct Failure {
    pub(super) error: UpstreamError,
    /// The request, if another target may have it: it was not written, or it only reads and has no body.
    pub(super) unsent: Option<Request<RequestBody>>,
}

impl Failure {
    fn new(error: UpstreamError, unsent: Option<Request<RequestBody>>) -> Box<Self> {
        Box::new(Self { error, unsent })
    }
}

/// A connection that carries an answer. As long as it is held, the target counts as busy with it.
pub(crate) struct Lease {
    busy: Busy,
    connection: Option<http1::SendRequest<RequestBody>>,
}

/// Counts a request of a target while it lives.
struct Busy(Rc<Pool>);

impl Busy {
    fn new(pool: Rc<Pool>) -> Self {
        pool.busy.set(pool.busy.get() + 1);
        Self(pool)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.set(self.0.busy.get().saturating_sub(1));
    }
}

impl Lease {
    /// The answer was read to its end: the connection may carry another, once the request was sent to its end too.
    pub(crate) fn give_back(self) {
        let Self { busy, connection: Some(mut connection) } = self else {
            return;
        };
        if connection.is_ready() {
            busy.0.keep(connection);
        } else if !connection.is_closed() {
            tokio::task::spawn_local(async move {
                if connection.ready().await.is_ok() {
                    busy.0.keep(connection);
                }
            });
        }
    }
}

impl Pool {
    pub(super) fn new(upstream: &Upstream, target: &Target, timeouts: Timeouts, board: &Board) -> Self {
        let own = (!upstream.original_host).then(|| HeaderValue::from_str(&target.authority()));
        let connector = Connector::new(target, &upstream.tls, timeouts.connect);
        Self {
            scheme: connector.web_scheme(),
            connector,
            host: own.and_then(Result::ok),
            idle: RefCell::default(),
            shared: RefCell::default(),
            busy: Cell::default(),
            back_off: timeouts.back_off,
            failures: Cell::default(),
            ejected: Cell::default(),
            unwell: board.flag(upstream, target),
        }
    }

    /// Sends a request. `spare` says that there are other targets, so that what can be repeated is kept for them.
    pub(super) async fn send(
        self: Rc<Self>,
        mut request: Request<RequestBody>,
        spare: bool,
    ) -> Result<Sent, Box<Failure>> {
        self.name(&mut request);
        let busy = Busy::new(Rc::clone(&self));
        if let Some(connection) = self.shared() {
            match send_http2(connection, self.scheme, request).await {
                Attempt::Answered(response) => {
                    return Ok(Sent { response, lease: Lease { busy, connection: None } });
                }
                Attempt::Failed(error) => return Err(Failure::new(error, None)),
                Attempt::Unsent(unsent) => {
                    *self.shared.borrow_mut() = None;
                    request = as_http1(unsent);
                }
            }
        }
        // A kept connection may turn out to have been closed by the other side. What was not written comes back and
        // is sent again, which is safe for every method. What was written is sent once more if it only reads.
        while let Some(mut connection) = self.take_idle() {
            let copy = copy_of(&request);
            let mut failure = match connection.try_send_request(request).await {
                Ok(response) => {
                    return Ok(Sent { response, lease: Lease { busy, connection: Some(connection) } });
                }
                Err(failure) => failure,
            };
            match (failure.take_message(), copy) {
                (Some(unsent), _) => request = unsent,
                (None, Some(copy)) if !failure.error().is_parse() => {
                    request = copy;
                    break;
                }
                _ => return Err(Failure::new(UpstreamError::Http(failure.into_error()), None)),
            }
        }
        // Boxed, as all that is rare: a request's future is moved when it begins, so it is kept small.
        Box::pin(self.send_on_another(request, busy, spare)).await
    }

    /// Sends a request over a new connection.
    async fn send_on_another(
        &self,
        request: Request<RequestBody>,
        busy: Busy,
        spare: bool,
    ) -> Result<Sent, Box<Failure>> {
        match self.connector.connect(Offer::Both).await {
            Err(error) => Err(Failure::new(error, Some(request))),
            Ok(Fresh::Http1(connection)) => send_first(connection, request, busy, spare).await,
            Ok(Fresh::Http2(connection)) => {
                *self.shared.borrow_mut() = Some(connection.clone());
                match send_http2(connection, self.scheme, request).await {
                    Attempt::Answered(response) => {
                        Ok(Sent { response, lease: Lease { busy, connection: None } })
                    }
                    Attempt::Failed(error) => Err(Failure::new(error, None)),
                    Attempt::Unsent(unsent) => {
                        Err(Failure::new(UpstreamError::Closed, Some(as_http1(unsent))))
                    }
                }
            }
        }
    }

    /// Sends a request that will take its connection with it. That is HTTP/1.1.
    pub(super) async fn send_alone(
        self: &Rc<Self>,
        mut request: Request<RequestBody>,
    ) -> Result<Sent, Box<Failure>> {
        self.name(&mut request);
        let busy = Busy::new(Rc::clone(self));
        let connection = match self.connector.connect(Offer::Http1).await {
            Ok(Fresh::Http1(connection)) => connection,
            Ok(Fresh::Http2(_)) => {
                let error = "the upstream chose a protocol that was not offered".to_owned();
                return Err(Failure::new(UpstreamError::Tls(error), Some(request)));
            }
            Err(error) => return Err(Failure::new(error, Some(request))),
        };
        let Sent { response, lease } = send_first(connection, request, busy, false).await?;
        // Without the sender the connection ends after this answer.
        Ok(Sent { response, lease: Lease { connection: None, ..lease } })
    }

    fn name(&self, request: &mut Request<RequestBody>) {
        if let Some(host) = &self.host {
            request.headers_mut().insert(header::HOST, host.clone());
        }
    }

    fn keep(&self, connection: http1::SendRequest<RequestBody>) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < IDLE_MAX {
            idle.push(connection);
        }
    }

    fn take_idle(&self) -> Option<http1::SendRequest<RequestBody>> {
        let mut idle = self.idle.borrow_mut();
        while let Some(connection) = idle.pop() {
            if connection.is_ready() {
                return Some(connection);
            }
        }
        None
    }

    fn shared(&self) -> Option<http2::SendRequest<RequestBody>> {
        let mut shared = self.shared.borrow_mut();
        if shared.as_ref().is_some_and(http2::SendRequest::is_closed) {
            *shared = None;
        }
        shared.clone()
    }

    /// Requests under way.
    pub(super) const fn busy(&self) -> usize {
        self.busy.get()
    }

    /// Whether its health checks fail.
    pub(super) fn is_unwell(&self) -> bool {
        self.unwell.as_ref().is_some_and(|unwell| unwell.load(Ordering::Relaxed))
    }

    /// When it shall be asked again, if that is later than `now`.
    pub(super) fn ejected_until(&self, now: Instant) -> Option<Instant> {
        self.ejected.get().filter(|until| *until > now)
    }

    /// It can't be reached: it is left alone for a while, and for longer each time.
    pub(super) fn eject(&self) {
        let failures = self.failures.get();
        self.failures.set(failures.saturating_add(1));
        let times = 1_u32.checked_shl(failures).unwrap_or(BACK_OFF_MAX).min(BACK_OFF_MAX);
        self.ejected.set(Some(Instant::now() + self.back_off * times));
    }

    /// It answers.
    pub(super) fn works(&self) {
        self.failures.set(0);
        self.ejected.set(None);
    }
}

impl fmt::Display for Pool {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.connector.fmt(formatter)
    }
}

async fn send_first(
    mut connection: http1::SendRequest<RequestBody>,
    request: Request<RequestBody>,
    busy: Busy,
    spare: bool,
) -> Result<Sent, Box<Failure>> {
    let copy = spare.then(|| copy_of(&request)).flatten();
    match connection.try_send_request(request).await {
        Ok(response) => Ok(Sent { response, lease: Lease { busy, connection: Some(connection) } }),
        Err(mut failure) => {
            let unsent = failure.take_message();
            let copy = copy.filter(|_| !failure.error().is_parse());
            Err(Failure::new(UpstreamError::Http(failure.into_error()), unsent.or(copy)))
        }
    }
}

/// The same request, if sending it twice does no harm (RFC 9110 section 9.2.2) and it has no body to be lost.
fn copy_of(request: &Request<RequestBody>) -> Option<Request<RequestBody>> {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if !reads || !request.body().is_end_stream() {
        return None;
    }
    let mut copy = Request::new(RequestBody::Empty);
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.headers_mut() = request.headers().clone();
    Some(copy)
}
