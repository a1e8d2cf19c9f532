//! Requests over a shared HTTP/2 connection.

use std::{cell::Cell, rc::Rc};

use http::{HeaderValue, Request, Response, Uri, Version, header, uri::Authority, uri::Scheme};
use hyper::{body::Incoming, client::conn::http2};

use super::UpstreamError;
use crate::body::RequestBody;

/// Requests that one connection carries at once; for more there is another. Nearly all servers take so many (RFC 9113
/// section 6.5.2), and whoever comes when a server has as many as it takes waits for those who read slowly.
const STREAMS: usize = 100;

/// A connection that carries several requests.
pub(super) struct Shared {
    sender: http2::SendRequest<RequestBody>,
    carried: Rc<Cell<usize>>,
}

impl Shared {
    pub(super) fn new(sender: http2::SendRequest<RequestBody>) -> Self {
        Self { sender, carried: Rc::default() }
    }

    pub(super) fn sender(&self) -> http2::SendRequest<RequestBody> {
        self.sender.clone()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.carried.get() == 0
    }

    pub(super) fn has_room(&self) -> bool {
        self.carried.get() < STREAMS
    }

    /// Takes a place on it.
    pub(super) fn carry(&self) -> Carried {
        self.carried.set(self.carried.get() + 1);
        Carried(Rc::clone(&self.carried))
    }

    /// Whether the place is on this connection.
    pub(super) fn carries(&self, carried: &Carried) -> bool {
        Rc::ptr_eq(&self.carried, &carried.0)
    }
}

/// A place on a shared connection, for as long as it is kept.
pub(crate) struct Carried(Rc<Cell<usize>>);

impl Drop for Carried {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// What became of a request on a shared connection.
pub(super) enum Attempt {
    Answered(Response<Incoming>),
    /// The connection ended before the request was written.
    Unsent(Request<RequestBody>),
    Failed(UpstreamError),
}

pub(super) async fn send_http2(
    mut connection: http2::SendRequest<RequestBody>,
    scheme: &Scheme,
    request: Request<RequestBody>,
) -> Attempt {
    match connection.try_send_request(as_http2(scheme, request)).await {
        Ok(response) => Attempt::Answered(response),
        Err(mut failure) => match failure.take_message() {
            Some(unsent) => Attempt::Unsent(unsent),
            None => Attempt::Failed(UpstreamError::Http2(failure.into_error())),
        },
    }
}

/// HTTP/2 names the host in `:authority` and frames bodies by itself (RFC 9113 sections 8.2.2 and 8.3.1).
pub(super) fn as_http2(scheme: &Scheme, mut request: Request<RequestBody>) -> Request<RequestBody> {
    let host = request.headers_mut().remove(header::HOST);
    request.headers_mut().remove(header::TRANSFER_ENCODING);
    let mut parts = http::uri::Parts::default();
    parts.scheme = Some(scheme.clone());
    parts.authority = host.and_then(|host| Authority::try_from(host.as_bytes()).ok());
    parts.path_and_query = request.uri().path_and_query().cloned();
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
    }
    *request.version_mut() = Version::HTTP_2;
    request
}

pub(super) fn as_http1(mut request: Request<RequestBody>) -> Request<RequestBody> {
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
