//! The upstream side.

use std::{
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use crate::wire::{Wire, soon};

/// An upstream that answers with the request that it received.
pub(crate) struct Echo {
    pub(crate) address: SocketAddr,
    pub(crate) connections: Arc<AtomicUsize>,
    pub(crate) requests: Arc<AtomicUsize>,
}

impl Echo {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, requests) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (accepted, received) = (Arc::clone(&connections), Arc::clone(&requests));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                accepted.fetch_add(1, Ordering::SeqCst);
                let received = Arc::clone(&received);
                let service = service_fn(move |request| echo(request, Arc::clone(&received)));
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { address, connections, requests }
    }

    /// How many requests arrived.
    pub(crate) fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    /// How many connections were made.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// The request as text; it also sets cookies, one of which it must not.
pub(crate) async fn echo(
    request: Request<Incoming>,
    received: Arc<AtomicUsize>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    received.fetch_add(1, Ordering::SeqCst);
    let (head, body) = request.into_parts();
    let mut text = format!("{} {} {:?}", head.method, head.uri, head.version);
    for (name, value) in &head.headers {
        text.extend(["\r\n", name.as_str(), ": ", &String::from_utf8_lossy(value.as_bytes())]);
    }
    text.push_str("\r\n\r\n");
    let body = body
        .collect()
        .await
        .map_or_else(|error| error.to_string().into(), http_body_util::Collected::to_bytes);
    text.push_str(&String::from_utf8_lossy(&body));
    let answer = Response::builder()
        .header("set-cookie", "app=1; Path=/")
        .header("set-cookie", "__Host-doorward=dw_s_evil; Path=/; Secure")
        .header("set-cookie", "__host-Doorward-login-x=evil; Path=/; Secure")
        .header("set-cookie", "=__Host-doorward=dw_s_evil")
        .header("set-cookie", "theme=dark")
        .header("clear-site-data", "\"cookies\"")
        .header("keep-alive", "timeout=5");
    Ok(answer.body(Full::new(Bytes::from(text))).unwrap())
}

/// An upstream whose connections the test serves by hand.
pub(crate) struct ByHand {
    listener: TcpListener,
    pub(crate) address: SocketAddr,
}

impl ByHand {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { listener, address }
    }

    /// The next connection that the server makes.
    pub(crate) async fn accept(&self) -> Wire<TcpStream> {
        Wire::new(soon(self.listener.accept()).await.unwrap().0)
    }
}
