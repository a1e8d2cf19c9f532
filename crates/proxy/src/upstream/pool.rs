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
use http::{HeaderValue, Request, Response, header};
use hyper::{body::Incoming, client::conn::http2};
use tokio::time::Instant;

use super::{
    Sent, UpstreamError,
    connect::{Connector, Fresh, Offer},
    health::Board,
    http1::{self, Idle, Unanswered},
    http2::{Attempt, Carried, Shared, as_http1, send_http2},
};
use crate::{
    body::{Arriving, RequestBody},
    metrics::{Fault, Tally},
    timeouts::Timeouts,
};

/// A target that can't be reached is left alone for at most this many times the first back-off.
const BACK_OFF_MAX: u32 = 32;

/// Connections to one target.
pub(super) struct Pool {
    connector: Connector,
    scheme: &'static http::uri::Scheme,
    /// `Host`, where the target wants its own.
    host: Option<HeaderValue>,
    idle: Idle,
    shared: RefCell<Vec<Shared>>,
    /// Requests under way.
    busy: Cell<usize>,
    back_off: Duration,
    failures: Cell<u32>,
    ejected: Cell<Option<Instant>>,
    /// What the health checks say, if there are any.
    unwell: Option<Arc<AtomicBool>>,
    tally: Arc<Tally>,
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
    /// Whether its connection may carry another one.
    keep: bool,
    /// Its place on a connection that carries others, too.
    _carried: Option<Carried>,
}

/// Counts a request of a target while it lives.
struct Busy {
    pool: Rc<Pool>,
    /// Whether its answer is a stream of events.
    events: bool,
}

impl Busy {
    fn new(pool: Rc<Pool>) -> Self {
        pool.busy.set(pool.busy.get() + 1);
        Self { pool, events: false }
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.pool.busy.set(self.pool.busy.get().saturating_sub(1));
        if self.events {
            self.pool.tally.event_streams.subtract(1);
        }
    }
}

impl Lease {
    /// The answer tells events as they happen: it is counted for as long as it lasts.
    pub(crate) fn carries_events(&mut self) {
        if !self.busy.events {
            self.busy.events = true;
            self.busy.pool.tally.event_streams.add(1);
            self.busy.pool.tally.event_streams_total.add(1);
        }
    }

    /// The answer broke off.
    pub(crate) fn broke(&self) {
        self.busy.pool.tally.upstream_failed(Fault::Broken);
    }

    /// The answer was read to its end: its connection may carry another.
    pub(crate) fn give_back(self, connection: Box<http1::Connection>) {
        if self.keep {
            self.busy.pool.idle.keep(connection);
        }
    }
}

impl Sent {
    fn over_http1(response: Response<http1::Body>, busy: Busy) -> Self {
        Self { response: response.map(Arriving::Http1), lease: Lease { busy, keep: true, _carried: None } }
    }

    fn over_http2(response: Response<Incoming>, busy: Busy, carried: Carried) -> Self {
        let lease = Lease { busy, keep: false, _carried: Some(carried) };
        Self { response: response.map(Arriving::Http2), lease }
    }
}

impl Pool {
    pub(super) fn new(
        upstream: &Upstream,
        target: &Target,
        timeouts: Timeouts,
        (board, tally): (&Board, &Arc<Tally>),
    ) -> Self {
        let own = (!upstream.original_host).then(|| HeaderValue::from_str(&target.authority()));
        let connector = Connector::new(target, &upstream.tls, timeouts.connect);
        Self {
            scheme: connector.web_scheme(),
            connector,
            host: own.and_then(Result::ok),
            idle: Idle::default(),
            shared: RefCell::default(),
            busy: Cell::default(),
            back_off: timeouts.back_off,
            failures: Cell::default(),
            ejected: Cell::default(),
            unwell: board.flag(upstream, target),
            tally: Arc::clone(tally),
        }
    }

    /// Sends a request.
    pub(super) async fn send(
        self: Rc<Self>,
        mut request: Request<RequestBody>,
    ) -> Result<Sent, Box<Failure>> {
        self.name(&mut request);
        let busy = Busy::new(Rc::clone(&self));
        if let Some((connection, carried)) = self.shared() {
            match send_http2(connection, self.scheme, request).await {
                Attempt::Answered(response) => {
                    return Ok(Sent::over_http2(response, busy, carried));
                }
                Attempt::Failed(error) => return Err(Failure::new(error, None)),
                Attempt::Unsent(unsent) => {
                    self.shared.borrow_mut().retain(|shared| !shared.carries(&carried));
                    request = as_http1(unsent);
                }
            }
        }
        // A kept connection may turn out to have been closed by the other side. What was not written comes back and
        // is sent again, which is safe for every method. What was written is sent once more if it only reads.
        while let Some(connection) = self.idle.take() {
            let Unanswered { error, unsent } = match connection.exchange(request).await {
                Ok(response) => return Ok(Sent::over_http1(response, busy)),
                Err(unanswered) => *unanswered,
            };
            match unsent {
                Some(unsent) => request = unsent,
                None => return Err(Failure::new(UpstreamError::Http1(error), None)),
            }
        }
        // Boxed, as all that is rare: a request's future is moved when it begins, so it is kept small.
        Box::pin(self.send_on_another(request, busy)).await
    }

    /// Sends a request over a new connection.
    async fn send_on_another(&self, request: Request<RequestBody>, busy: Busy) -> Result<Sent, Box<Failure>> {
        match self.connector.connect(Offer::Both).await {
            Err(error) => Err(Failure::new(error, Some(request))),
            Ok(Fresh::Http1(connection)) => send_first(connection, request, busy).await,
            Ok(Fresh::Http2(connection)) => {
                let fresh = Shared::new(connection.clone());
                let carried = fresh.carry();
                // Of several that were made at once, one is kept.
                if !self.shared.borrow().iter().any(Shared::has_room) {
                    self.shared.borrow_mut().push(fresh);
                }
                match send_http2(connection, self.scheme, request).await {
                    Attempt::Answered(response) => Ok(Sent::over_http2(response, busy, carried)),
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
        let Sent { response, lease } = send_first(connection, request, busy).await?;
        Ok(Sent { response, lease: Lease { keep: false, ..lease } })
    }

    fn name(&self, request: &mut Request<RequestBody>) {
        if let Some(host) = &self.host {
            request.headers_mut().insert(header::HOST, host.clone());
        }
    }

    /// A connection that carries several requests and has room for one more. Those that nobody needs are let go.
    fn shared(&self) -> Option<(http2::SendRequest<RequestBody>, Carried)> {
        let mut shared = self.shared.borrow_mut();
        let mut has_room = false;
        shared.retain(|one| {
            let wanted = !(one.is_closed() || has_room && one.is_idle());
            has_room |= wanted && one.has_room();
            wanted
        });
        let found = shared.iter().find(|one| one.has_room())?;
        Some((found.sender(), found.carry()))
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
    connection: Box<http1::Connection>,
    request: Request<RequestBody>,
    busy: Busy,
) -> Result<Sent, Box<Failure>> {
    match connection.exchange(request).await {
        Ok(response) => Ok(Sent::over_http1(response, busy)),
        Err(unanswered) => {
            let Unanswered { error, unsent } = *unanswered;
            Err(Failure::new(UpstreamError::Http1(error), unsent))
        }
    }
}
