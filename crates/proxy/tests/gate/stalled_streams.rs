//! Clients of an application that speaks HTTP/2: what some of them do not take must not keep the others waiting, although
//! they share a connection to the application.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use doorward_core::service::{Target, UpstreamScheme};
use http::{Request, Response};
use hyper::{
    body::{Body, Frame, Incoming},
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;

use crate::{
    harness::{Gate, usual},
    wire::{Wire, soon},
};

/// A body of so many pieces, which counts what is taken of it.
struct Pieces(usize, Arc<AtomicUsize>);

const PIECE: usize = 16 * 1024;

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Some(left) = self.0.checked_sub(1) else { return Poll::Ready(None) };
        self.0 = left;
        self.1.fetch_add(PIECE, Ordering::SeqCst);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from(vec![b'x'; PIECE])))))
    }
}

/// An application that speaks HTTP/2 in clear text, and takes a hundred requests per connection at once.
struct Application {
    address: SocketAddr,
    /// Bytes that were taken of `/large`.
    taken: Arc<AtomicUsize>,
    silent: Arc<AtomicUsize>,
    connections: Arc<AtomicUsize>,
}

impl Application {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let [taken, silent, connections] = [(); 3].map(|()| Arc::<AtomicUsize>::default());
        let counts = (Arc::clone(&taken), Arc::clone(&silent), Arc::clone(&connections));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (taken, silent, connections) = counts.clone();
                connections.fetch_add(1, Ordering::SeqCst);
                let service =
                    service_fn(move |request| serve(request, Arc::clone(&taken), Arc::clone(&silent)));
                let mut serving = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                serving.max_concurrent_streams(100);
                tokio::spawn(serving.serve_connection(TokioIo::new(stream), service));
            }
        });
        Self { address, taken, silent, connections }
    }

    /// `www.test` leads here.
    fn gate(&self) -> Gate {
        let mut services = usual(self.address);
        let www = services.iter_mut().find(|service| &*service.name == "www").unwrap();
        let target = Target::tcp(UpstreamScheme::H2c, self.address.ip().to_string(), self.address.port());
        www.upstream_mut().unwrap().targets = vec![target];
        Gate::with(crate::harness::Setup::default(), services)
    }
}

async fn serve(
    request: Request<Incoming>,
    taken: Arc<AtomicUsize>,
    silent: Arc<AtomicUsize>,
) -> Result<Response<Pieces>, Infallible> {
    match request.uri().path() {
        "/large" => Ok(Response::new(Pieces(1 << 20, taken))),
        "/silent" => {
            silent.fetch_add(1, Ordering::SeqCst);
            std::future::pending().await
        }
        _ => Ok(Response::new(Pieces(1, Arc::default()))),
    }
}

async fn reaches(count: &AtomicUsize, least: usize) {
    soon(async {
        while count.load(Ordering::SeqCst) < least {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

async fn ask(gate: &Gate, path: &str) -> Wire {
    let mut wire = gate.connect().await;
    wire.send(format!("GET {path} HTTP/1.1\r\nHost: www.test\r\n\r\n")).await;
    wire
}

async fn quick(gate: &Gate) {
    assert_eq!(ask(gate, "/quick").await.answer().await.body.len(), PIECE);
}

#[tokio::test]
async fn d_16_clients_that_stop_reading_do_not_use_up_a_shared_connection() {
    let application = Application::start().await;
    let gate = application.gate();
    quick(&gate).await;
    let mut stalled = Vec::new();
    for _ in 0..16 {
        let mut wire = ask(&gate, "/large").await;
        wire.head().await;
        stalled.push(wire);
    }
    // As much as each may have under way: that is more than a connection has room for by the defaults.
    reaches(&application.taken, 16 * 512 * 1024).await;
    quick(&gate).await;
    assert_eq!(application.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn d_16_requests_that_take_long_leave_room_for_others() {
    let application = Application::start().await;
    let gate = application.gate();
    quick(&gate).await;
    let mut waiting = Vec::new();
    for number in 1..=150 {
        waiting.push(ask(&gate, "/silent").await);
        reaches(&application.silent, number).await;
    }
    quick(&gate).await;
    assert_eq!(application.connections.load(Ordering::SeqCst), 2);
    drop(waiting);
    gate.counts("doorward_connections", 0).await;
    for _ in 0..10 {
        quick(&gate).await;
    }
    assert_eq!(application.connections.load(Ordering::SeqCst), 2, "no more are made than are needed");
}
