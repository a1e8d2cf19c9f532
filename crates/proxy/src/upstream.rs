//! Connections to upstreams: a pool per upstream and worker, without locks.

pub(crate) mod connect;
pub(crate) mod http1;

use std::{cell::RefCell, collections::HashMap, fmt, rc::Rc, sync::Arc, time::Duration};

use connect::{Connector, Fresh, Offer};
use doorward_core::{config::Config, service::Upstream};
use http::{HeaderValue, Request, Response, Uri, Version, header, uri::Authority};
use http1::{Http1Error, Idle, Unanswered};
use hyper::client::conn::http2;

use crate::body::{Arriving, RequestBody};

/// Why an upstream did not answer.
#[derive(Debug)]
pub(crate) enum UpstreamError {
    Connect(std::io::Error),
    TimedOut,
    Tls(String),
    Http1(Http1Error),
    Http2(hyper::Error),
    Closed,
    Switched,
    Framing(&'static str),
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(formatter, "can't connect: {error}"),
            Self::TimedOut => formatter.write_str("no connection in time"),
            Self::Tls(error) => write!(formatter, "TLS: {error}"),
            Self::Http1(error) => write!(formatter, "HTTP: {error}"),
            Self::Http2(error) => write!(formatter, "HTTP/2: {error}"),
            Self::Closed => formatter.write_str("it closes connections at once"),
            Self::Framing(what) => write!(formatter, "its answer has {what}"),
            Self::Switched => formatter.write_str("it switched to a protocol that nobody asked for"),
        }
    }
}

impl UpstreamError {
    fn unanswered(unanswered: Box<Unanswered>) -> Self {
        Self::Http1(unanswered.error)
    }
}

/// An answer with the connection that it comes over.
pub(crate) struct Sent {
    pub(crate) response: Response<Arriving>,
    pub(crate) lease: Lease,
}

impl Sent {
    fn over_http1(response: Response<http1::Body>, pool: Option<Rc<Pool>>) -> Self {
        Self { response: response.map(Arriving::Http1), lease: Lease(pool) }
    }
}

/// The pools of one worker: one per upstream of the current configuration.
pub(crate) struct Pools {
    connect_within: Duration,
    pools: RefCell<ByService>,
}

#[derive(Default)]
struct ByService {
    /// The configuration that the pools belong to; another one starts with none.
    config: Option<Arc<Config>>,
    pools: HashMap<*const Upstream, Rc<Pool>>,
}

/// Connections to one service's upstream.
pub(crate) struct Pool {
    connector: Connector,
    idle: Idle,
    shared: RefCell<Option<http2::SendRequest<RequestBody>>>,
}

/// Where the connection of an answer goes when that has been read.
pub(crate) struct Lease(Option<Rc<Pool>>);

impl Lease {
    /// The answer was read to its end: its connection may carry another.
    pub(crate) fn give_back(self, connection: Box<http1::Connection>) {
        if let Some(pool) = self.0 {
            pool.idle.keep(connection);
        }
    }
}

impl Pools {
    pub(crate) fn new(connect_within: Duration) -> Self {
        Self { connect_within, pools: RefCell::default() }
    }

    /// Sends a request to an upstream of `config`.
    pub(crate) async fn send(
        &self,
        config: &Arc<Config>,
        upstream: &Upstream,
        request: Request<RequestBody>,
        websocket: bool,
    ) -> Result<Sent, UpstreamError> {
        let pool = self.pool(config, upstream);
        if websocket { Box::pin(pool.send_alone(request)).await } else { pool.send(request).await }
    }

    fn pool(&self, config: &Arc<Config>, upstream: &Upstream) -> Rc<Pool> {
        let mut pools = self.pools.borrow_mut();
        if !pools.config.as_ref().is_some_and(|current| Arc::ptr_eq(current, config)) {
            *pools = ByService { config: Some(Arc::clone(config)), pools: HashMap::new() };
        }
        // The address names the upstream: the configuration, which is kept, keeps it in place.
        let pool = pools.pools.entry(std::ptr::from_ref(upstream)).or_insert_with(|| {
            Rc::new(Pool {
                connector: Connector::new(upstream, self.connect_within),
                idle: Idle::default(),
                shared: RefCell::default(),
            })
        });
        Rc::clone(pool)
    }
}

impl Pool {
    async fn send(self: Rc<Self>, mut request: Request<RequestBody>) -> Result<Sent, UpstreamError> {
        if let Some(connection) = self.shared() {
            match send_http2(connection, request).await? {
                Attempt::Answered(sent) => return Ok(sent),
                Attempt::Unsent(unsent) => {
                    *self.shared.borrow_mut() = None;
                    request = as_http1(unsent);
                }
            }
        }
        // A kept connection may turn out to have been closed by the other side. What was not written is sent again,
        // which is safe for every method. What was written is sent once more if it only reads.
        while let Some(connection) = self.idle.take() {
            let Unanswered { error, unsent } = match connection.exchange(request).await {
                Ok(response) => return Ok(Sent::over_http1(response, Some(self))),
                Err(unanswered) => *unanswered,
            };
            let Some(unsent) = unsent else { return Err(UpstreamError::Http1(error)) };
            request = unsent;
        }
        // Boxed, as all that is rare: a request's future is moved when it begins, so it is kept small.
        match Box::pin(self.connector.connect(Offer::Both)).await? {
            Fresh::Http1(connection) => {
                let response = connection.exchange(request).await.map_err(UpstreamError::unanswered)?;
                Ok(Sent::over_http1(response, Some(self)))
            }
            Fresh::Http2(connection) => {
                *self.shared.borrow_mut() = Some(connection.clone());
                match send_http2(connection, request).await? {
                    Attempt::Answered(sent) => Ok(sent),
                    Attempt::Unsent(_) => Err(UpstreamError::Closed),
                }
            }
        }
    }

    /// Sends a request that will take its connection with it. That is HTTP/1.1.
    async fn send_alone(&self, request: Request<RequestBody>) -> Result<Sent, UpstreamError> {
        let Fresh::Http1(connection) = self.connector.connect(Offer::Http1).await? else {
            return Err(UpstreamError::Tls("the upstream chose a protocol that was not offered".to_owned()));
        };
        let response = connection.exchange(request).await.map_err(UpstreamError::unanswered)?;
        Ok(Sent::over_http1(response, None))
    }

    fn shared(&self) -> Option<http2::SendRequest<RequestBody>> {
        let mut shared = self.shared.borrow_mut();
        if shared.as_ref().is_some_and(http2::SendRequest::is_closed) {
            *shared = None;
        }
        shared.clone()
    }
}

/// What became of a request on a shared connection.
enum Attempt {
    Answered(Sent),
    /// The connection ended before the request was written.
    Unsent(Request<RequestBody>),
}

async fn send_http2(
    mut connection: http2::SendRequest<RequestBody>,
    request: Request<RequestBody>,
) -> Result<Attempt, UpstreamError> {
    match connection.try_send_request(as_http2(request)).await {
        Ok(response) => {
            Ok(Attempt::Answered(Sent { response: response.map(Arriving::Http2), lease: Lease(None) }))
        }
        Err(mut failure) => match failure.take_message() {
            Some(unsent) => Ok(Attempt::Unsent(unsent)),
            None => Err(UpstreamError::Http2(failure.into_error())),
        },
    }
}

/// HTTP/2 names the host in `:authority` and frames bodies by itself (RFC 9113 sections 8.2.2 and 8.3.1).
fn as_http2(mut request: Request<RequestBody>) -> Request<RequestBody> {
    let host = request.headers_mut().remove(header::HOST);
    request.headers_mut().remove(header::TRANSFER_ENCODING);
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(http::uri::Scheme::HTTPS);
    parts.authority = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    parts.path_and_query = request.uri().path_and_query().cloned();
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    *request.version_mut() = Version::HTTP_2;
    request
}

fn as_http1(mut request: Request<RequestBody>) -> Request<RequestBody> {
    if let Some(authority) = request.uri().authority()
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        request.headers_mut().insert(header::HOST, host);
    }
    if let Some(target) = request.uri().path_and_query().cloned() {
        *request.uri_mut() = Uri::from(target);
    }
    *request.version_mut() = Version::HTTP_11;
    request
}
