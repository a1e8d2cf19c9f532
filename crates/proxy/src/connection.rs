//! One connection: TLS if the listener has it, then HTTP/1.1 or HTTP/2.

use std::{cell::Cell, net::IpAddr, rc::Rc, sync::Arc, time::Duration};

use http::{Request, Version};
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
    certificates::ACME_TLS, server::Stop, service, stream::Stream, upstream::connect::Local, worker::Worker,
};

/// Bytes that the head of a request may have.
const HEAD_BYTES: u32 = 32 * 1024;
/// Header lines that a request may have.
const HEADERS: usize = 128;
/// Requests that one HTTP/2 connection may have open.
const STREAMS: u32 = 128;

/// The other end of a connection.
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    /// The name that TLS was made for.
    pub(crate) sni: Option<String>,
    /// How the connection came in.
    pub(crate) way: Way,
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

/// Serves one connection until it ends, or until it is idle after `stop` was set.
pub(crate) async fn serve(worker: Rc<Worker>, accepted: Accepted, mut stop: Stop) {
    let Accepted { mut stream, peer: mut address, door } = accepted;
    if stream.set_nodelay().is_err() {
        return;
    }
    if door.behind_balancer {
        let header = tokio::time::timeout(worker.timeouts.handshake, stream.proxied());
        let done = tokio::select! {
            done = header => done,
            _ = stop.wait_for(Option::is_some) => return,
        };
        match done {
            Ok(Ok(client)) => address = client.unwrap_or(address),
            Ok(Err(error)) => return tracing::info!(peer = %address, %error, "refused"),
            Err(_) => return tracing::info!(peer = %address, "refused: no PROXY protocol in time"),
        }
    }
    let Some(tls) = door.tls else {
        let way = if door.redirect { Way::Redirect } else { Way::Clear };
        let peer = Rc::new(Peer { address, sni: None, way });
        return serve_http1(worker, peer, stream, stop).await;
    };
    let handshake = tokio::time::timeout(worker.timeouts.handshake, TlsAcceptor::from(tls).accept(stream));
    let done = tokio::select! {
        done = handshake => done,
        _ = stop.wait_for(Option::is_some) => return,
    };
    let Ok(Ok(stream)) = done else { return };
    let session = stream.get_ref().1;
    if session.alpn_protocol() == Some(ACME_TLS) {
        // The handshake was the answer (RFC 8737 section 3): nothing is ever served on such a connection.
        return;
    }
    let peer = Rc::new(Peer { address, sni: session.server_name().map(str::to_owned), way: Way::Tls });
    if session.alpn_protocol() == Some(b"h2") {
        serve_http2(worker, peer, stream, stop).await;
    } else {
        serve_http1(worker, peer, stream, stop).await;
    }
}

async fn serve_http1<S>(worker: Rc<Worker>, peer: Rc<Peer>, stream: S, mut stop: Stop)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let head_within = worker.timeouts.head;
    let answer = service_fn(move |request: Request<Incoming>| {
        service::handle(Rc::clone(&worker), Rc::clone(&peer), request)
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
    tokio::pin!(connection);
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = stop.wait_for(Option::is_some) => connection.as_mut().graceful_shutdown(),
    }
    // How a connection ends is its peer's affair.
    let _ = connection.await;
}

async fn serve_http2<S>(worker: Rc<Worker>, peer: Rc<Peer>, stream: S, mut stop: Stop)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let first_within = worker.timeouts.head;
    let asked = Rc::new(Cell::new(false));
    let heard = Rc::clone(&asked);
    let answer = service_fn(move |request: Request<Incoming>| {
        heard.set(true);
        let handled = service::handle(Rc::clone(&worker), Rc::clone(&peer), request);
        async move {
            handled.await.map(|mut answer| {
                *answer.version_mut() = Version::HTTP_2;
                answer
            })
        }
    });
    let connection = http2::Builder::new(Local)
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .max_header_list_size(HEAD_BYTES)
        .keep_alive_interval(Duration::from_mins(1))
        .serve_connection(TokioIo::new(stream), answer);
    tokio::pin!(connection);
    // A client that never asks for anything is not waited for: pings begin after its preface only.
    let silent = async {
        tokio::time::sleep(first_within).await;
        if asked.get() {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        _ = connection.as_mut() => return,
        () = silent => return,
        _ = stop.wait_for(Option::is_some) => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}
