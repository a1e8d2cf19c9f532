//! Connections to upstreams: a pool per service and worker, without locks.

pub(crate) mod connect;

use std::{cell::RefCell, collections::HashMap, fmt, rc::Rc, sync::Arc};

use connect::{Connector, Fresh};
use doorward_core::{config::Config, service::Service};
use http::{Request, Response, Uri, Version, header};
use hyper::{
    body::Incoming,
    client::conn::{http1, http2},
};

/// Idle connections that a worker keeps per service.
const IDLE_MAX: usize = 64;

/// Why an upstream did not answer.
#[derive(Debug)]
pub(crate) enum UpstreamError {
    Connect(std::io::Error),
    TimedOut,
    Tls(String),
    Http(hyper::Error),
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(formatter, "can't connect: {error}"),
            Self::TimedOut => formatter.write_str("no connection within 5 seconds"),
            Self::Tls(error) => write!(formatter, "TLS: {error}"),
            Self::Http(error) => write!(formatter, "HTTP: {error}"),
        }
    }
}

/// An answer with the connection that it comes over.
pub(crate) struct Sent {
    pub(crate) response: Response<Incoming>,
    pub(crate) lease: Lease,
}

/// The pools of one worker: one per service of the current configuration.
#[derive(Default)]
pub(crate) struct Pools {
    pools: RefCell<ByService>,
}

#[derive(Default)]
struct ByService {
    /// The configuration that the pools belong to; another one starts with none.
    config: Option<Arc<Config>>,
    pools: HashMap<*const Service, Rc<Pool>>,
}

/// Connections to one service's upstream.
pub(crate) struct Pool {
    connector: Connector,
    idle: RefCell<Vec<http1::SendRequest<Incoming>>>,
    shared: RefCell<Option<http2::SendRequest<Incoming>>>,
}

/// A connection that carries an answer.
pub(crate) struct Lease(Option<(Rc<Pool>, http1::SendRequest<Incoming>)>);

impl Lease {
    /// The answer was read to its end: the connection may carry another.
    pub(crate) fn give_back(self) {
        if let Some((pool, connection)) = self.0
            && !connection.is_closed()
        {
            let mut idle = pool.idle.borrow_mut();
            if idle.len() < IDLE_MAX {
                idle.push(connection);
            }
        }
    }
}

impl Pools {
    /// Sends a request to the service's upstream.
    pub(crate) async fn send(
        &self,
        config: &Arc<Config>,
        service: &Arc<Service>,
        request: Request<Incoming>,
    ) -> Result<Sent, UpstreamError> {
        self.pool(config, service).send(request).await
    }

    fn pool(&self, config: &Arc<Config>, service: &Arc<Service>) -> Rc<Pool> {
        let mut pools = self.pools.borrow_mut();
        if !pools
            .config
            .as_ref()
            .is_some_and(|current| Arc::ptr_eq(current, config))
        {
            *pools = ByService {
                config: Some(Arc::clone(config)),
                pools: HashMap::new(),
            };
        }
        // The address names the service: the configuration, which is kept, keeps it in place.
        let pool = pools.pools.entry(Arc::as_ptr(service)).or_insert_with(|| {
            Rc::new(Pool {
                connector: Connector::new(service),
                idle: RefCell::default(),
                shared: RefCell::default(),
            })
        });
        Rc::clone(pool)
    }
}

impl Pool {
    async fn send(self: Rc<Self>, mut request: Request<Incoming>) -> Result<Sent, UpstreamError> {
        if let Some(connection) = self.shared() {
            return self.send_http2(connection, request).await;
        }
        // A kept connection may turn out to have been closed by the other side. What was not written comes back and
        // is sent again, which is safe for every method; what was written is never sent twice.
        while let Some(mut connection) = self.take_idle() {
            if connection.ready().await.is_err() {
                continue;
            }
            match connection.try_send_request(request).await {
                Ok(response) => {
                    return Ok(Sent {
                        response,
                        lease: Lease(Some((self, connection))),
                    });
                }
                Err(mut failure) => match failure.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(UpstreamError::Http(failure.into_error())),
                },
            }
        }
        match self.connector.connect().await? {
            Fresh::Http1(mut connection) => {
                let response = connection
                    .send_request(request)
                    .await
                    .map_err(UpstreamError::Http)?;
                Ok(Sent {
                    response,
                    lease: Lease(Some((self, connection))),
                })
            }
            Fresh::Http2(connection) => {
                *self.shared.borrow_mut() = Some(connection.clone());
                self.send_http2(connection, request).await
            }
        }
    }

    fn take_idle(&self) -> Option<http1::SendRequest<Incoming>> {
        let mut idle = self.idle.borrow_mut();
        while let Some(connection) = idle.pop() {
            if !connection.is_closed() {
                return Some(connection);
            }
        }
        None
    }

    fn shared(&self) -> Option<http2::SendRequest<Incoming>> {
        let mut shared = self.shared.borrow_mut();
        if shared.as_ref().is_some_and(http2::SendRequest::is_closed) {
            *shared = None;
        }
        shared.clone()
    }

    async fn send_http2(
        &self,
        mut connection: http2::SendRequest<Incoming>,
        mut request: Request<Incoming>,
    ) -> Result<Sent, UpstreamError> {
        let host = request.headers_mut().remove(header::HOST);
        let authority = host
            .as_ref()
            .and_then(|host| host.to_str().ok())
            .unwrap_or_default();
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(http::uri::Scheme::HTTPS);
        parts.authority = authority.parse().ok();
        parts.path_and_query = request.uri().path_and_query().cloned();
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
        *request.version_mut() = Version::HTTP_2;
        connection.ready().await.map_err(UpstreamError::Http)?;
        let response = connection
            .send_request(request)
            .await
            .map_err(UpstreamError::Http)?;
        Ok(Sent {
            response,
            lease: Lease(None),
        })
    }
}
