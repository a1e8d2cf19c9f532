//! One connection: TLS if the listener has it, then HTTP/1.1 or HTTP/2.

use std::{
    cell::Cell,
    convert::Infallible,
    net::IpAddr,
    pin::{Pin, pin},
    rc::Rc,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use doorward_core::config::Limits;
use http::{HeaderValue, Request, Response, StatusCode, Version, header};
use http_body::{Body, Frame, SizeHint};
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsAcceptor;

use crate::{
    body::AnswerBody,
    certificates::ACME_TLS,
    connections::{Farewell, Open, Underway, lingering},
    control::BodyError,
    service,
    stream::Stream,
    streams::Streams,
    worker::Worker,
};

/// Bytes that the head of a request may have.
const HEAD_BYTES: u32 = 32 * 1024;
/// Header lines that a request may have.
const HEADERS: usize = 128;
/// Requests that one HTTP/2 connection may have open.
const STREAMS: u32 = 128;
/// Requests that an HTTP/2 client may take back before they were looked at; then the connection ends. Opening and
/// resetting streams without end would be work for nothing (CVE-2023-44487).
const RESETS: usize = 20;
/// Streams that we reset for errors of the client before the connection ends (CVE-2025-8671).
const RESETS_OF_OURS: usize = 128;
/// Bytes of an answer that wait for an HTTP/2 client that does not read, per stream.
const SEND_BYTES: usize = 64 * 1024;

/// The other end of a connection.
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    /// The name that TLS was made for.
    pub(crate) sni: Option<String>,
    /// How the connection came in.
    pub(crate) way: Way,
    /// Other proxies ask here, and nothing else is answered.
    pub(crate) asks: bool,
}

/// How a connection came in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// Over TLS.
    Tls,
    /// In clear text, where that is served: behind another proxy, or on this machine.
    Clear,
    /// In clear text, where only the way to https is told.
    Redirect,
}

/// What a listener does with its connections.
pub(crate) struct Door {
    pub(crate) tls: Option<Arc<ServerConfig>>,
    pub(crate) redirect: bool,
    /// Other proxies ask here, and nothing else is answered.
    pub(crate) asks: bool,
    /// The PROXY protocol comes first.
    pub(crate) behind_balancer: bool,
}

/// A connection that was just made.
pub(crate) struct Accepted {
    pub(crate) stream: Stream,
    /// The other end, as the kernel says.
    pub(crate) peer: IpAddr,
    pub(crate) door: Door,
}

/// Serves one connection until it ends, its place is needed, or the server stops.
pub(crate) async fn serve(worker: Rc<Worker>, accepted: Accepted, open: Open) {
    let Accepted { mut stream, peer: mut address, door } = accepted;
    if stream.set_nodelay().is_err() {
        return;
    }
    if door.behind_balancer {
        let header = tokio::time::timeout(worker.limits().handshake_timeout, stream.proxied());
        match open.beginning(header).await {
            Some(Ok(Ok(client))) => address = client.unwrap_or(address),
            Some(Ok(Err(error))) => return tracing::info!(peer = %address, %error, "refused"),
            Some(Err(_)) => return tracing::info!(peer = %address, "refused: no PROXY protocol in time"),
            None => return,
        }
    }
    if !worker.has_room_for(address, &open) {
        return tracing::info!(peer = %address, "refused: as many connections as one client may have");
    }
    let stream = stream.watched(open.blocked(), worker.limits().send_timeout);
    // Boxed, so that a connection of one kind does not take the room of the largest kind for as long as it lives.
    if let Some(tls) = door.tls {
        Box::pin(serve_tls(worker, (stream, address, door.asks), tls, open)).await;
    } else {
        let way = if door.redirect { Way::Redirect } else { Way::Clear };
        let peer = Rc::new(Peer { address, sni: None, way, asks: door.asks });
        Box::pin(serve_http1(worker, peer, stream, open)).await;
    }
}

async fn serve_tls(
    worker: Rc<Worker>,
    (stream, address, asks): (Stream, IpAddr, bool),
    tls: Arc<ServerConfig>,
    open: Open,
) {
    let within = worker.limits().handshake_timeout;
    let handshake = tokio::time::timeout(within, TlsAcceptor::from(tls).accept(stream));
    let Some(Ok(Ok(stream))) = open.beginning(handshake).await else {
        return worker.tally.tls_failed.add(1);
    };
    worker.tally.tls_ok.add(1);
    let session = stream.get_ref().1;
    if session.alpn_protocol() == Some(ACME_TLS) {
        // The handshake was the answer (RFC 8737 section 3): nothing is ever served on such a connection.
        return;
    }
    let sni = session.server_name().map(str::to_owned);
    let peer = Rc::new(Peer { address, sni, way: Way::Tls, asks });
    if session.alpn_protocol() == Some(b"h2") {
        Box::pin(serve_http2(worker, peer, stream, open)).await;
    } else {
        Box::pin(serve_http1(worker, peer, stream, open)).await;
    }
}

/// The body of an answer, and the request that is under way until its end.
struct Tracked {
    body: AnswerBody,
    underway: Underway,
}

impl Body for Tracked {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        self.underway.gave(matches!(frame, Poll::Ready(Some(Ok(_)))));
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// Answers one request, counts it, and says that it was the last when the server stops.
async fn answer(
    worker: Rc<Worker>,
    peer: Rc<Peer>,
    underway: Underway,
    request: Request<Incoming>,
) -> Result<Response<Tracked>, Infallible> {
    let version = request.version();
    let mut answer = service::handle(Rc::clone(&worker), peer, request).await?;
    let status = answer.status();
    worker.tally.answered(status);
    if status == StatusCode::TOO_MANY_REQUESTS && matches!(answer.body(), AnswerBody::Control(_)) {
        worker.tally.rate_limited.add(1);
    }
    if version == Version::HTTP_2 {
        *answer.version_mut() = Version::HTTP_2;
    } else if worker.connections.is_draining() && status != StatusCode::SWITCHING_PROTOCOLS {
        answer.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(answer.map(|body| Tracked { body, underway }))
}

async fn serve_http1<S>(worker: Rc<Worker>, peer: Rc<Peer>, stream: S, open: Open)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let head_within = worker.limits().head_timeout;
    let open = Rc::new(open);
    let its = Rc::clone(&open);
    // Boxed: the room for an answer in the making is taken for as long as it is made, and not moved into its place.
    let answer = service_fn(move |request: Request<Incoming>| {
        Box::pin(answer(Rc::clone(&worker), Rc::clone(&peer), its.request(), request))
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head_within)
        .max_headers(HEADERS)
        .max_header_size(HEAD_BYTES as usize)
        .max_buf_size(HEAD_BYTES as usize)
        .writev(false)
        .serve_connection(TokioIo::new(stream), answer)
        .with_upgrades();
    let mut connection = pin!(connection);
    // How a connection ends is its peer's affair.
    if open.unless_told(connection.as_mut()).await.err() != Some(Farewell::Draining) {
        return;
    }
    // A request that is on its way is answered, and told to be the last: nothing that was sent is lost.
    if lingering(connection.as_mut()).await.is_none() {
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}

async fn serve_http2<S>(worker: Rc<Worker>, peer: Rc<Peer>, stream: S, open: Open)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Limits { head_timeout: first_within, send_timeout, .. } = worker.limits();
    let asked = Rc::new(Cell::new(false));
    let heard = Rc::clone(&asked);
    let open = Rc::new(open);
    let its = Rc::clone(&open);
    let answer = service_fn(move |request: Request<Incoming>| {
        heard.set(true);
        Box::pin(answer(Rc::clone(&worker), Rc::clone(&peer), its.request(), request))
    });
    let streams = Streams::new(Rc::clone(&open), send_timeout);
    let connection = http2::Builder::new(streams)
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD_BYTES)
        .max_pending_accept_reset_streams(RESETS)
        .max_local_error_reset_streams(RESETS_OF_OURS)
        .max_send_buf_size(SEND_BYTES)
        .keep_alive_interval(Duration::from_mins(1))
        .serve_connection(TokioIo::new(stream), answer);
    let mut connection = pin!(connection);
    // A client that never asks for anything is not waited for: pings begin after its preface only.
    let silent = async {
        tokio::time::sleep(first_within).await;
        if asked.get() {
            std::future::pending::<()>().await;
        }
    };
    let told = tokio::select! {
        told = open.unless_told(connection.as_mut()) => told.err(),
        () = silent => return,
    };
    if told == Some(Farewell::Draining) {
        // GOAWAY, and what was asked before it is answered (RFC 9113 section 6.8).
        connection.as_mut().graceful_shutdown();
        let _ = connection.await;
    }
}
