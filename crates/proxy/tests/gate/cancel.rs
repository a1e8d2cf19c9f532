//! Clients that leave: the work of the upstream ends with them, over HTTP/1.1 and over HTTP/2 on both sides, and only
//! theirs.

use std::{
    convert::Infallible,
    io,
    net::{Shutdown, SocketAddr},
    os::fd::AsFd as _,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use doorward_core::service::{Target, UpstreamScheme};
use doorward_proxy::certificates::Resolver;
use http::{Request, Response, StatusCode, Version};
use http_body_util::BodyExt as _;
use hyper::{
    body::{Body, Frame, Incoming},
    client::conn::http2,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    net::TcpListener,
    sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    task::JoinHandle,
};

use crate::{
    harness::{Gate, usual},
    tls::{Pair, connect, gate},
    wire::soon,
};

/// What happens at the application.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Event {
    /// A request has come.
    Begun,
    /// Nobody waits for its answer any more.
    Dropped,
    /// Its body broke off.
    Broken,
    /// Its body came to its end.
    Whole,
}

/// Tells that somebody stopped waiting.
struct Waiting(UnboundedSender<Event>);

impl Drop for Waiting {
    fn drop(&mut self) {
        let _ = self.0.send(Event::Dropped);
    }
}

/// A body that a test or the application writes.
struct Written {
    frames: UnboundedReceiver<io::Result<Bytes>>,
    _waiting: Option<Waiting>,
}

impl Body for Written {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.frames.poll_recv(context).map(|frame| frame.map(|data| data.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.frames.is_closed() && self.frames.is_empty()
    }
}

type Writer = UnboundedSender<io::Result<Bytes>>;

fn written(waiting: Option<Waiting>) -> (Writer, Written) {
    let (writer, frames) = unbounded_channel();
    (writer, Written { frames, _waiting: waiting })
}

fn said(text: &'static str) -> Written {
    let (writer, body) = written(None);
    writer.send(Ok(text.into())).unwrap();
    body
}

/// An application that says what happens to it.
struct Application {
    address: SocketAddr,
    events: UnboundedReceiver<Event>,
    connections: Arc<AtomicUsize>,
}

impl Application {
    async fn start(scheme: UpstreamScheme) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, events) = unbounded_channel();
        let connections = Arc::new(AtomicUsize::new(0));
        let accepted = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                accepted.fetch_add(1, Ordering::SeqCst);
                let (stream, sender) = (TokioIo::new(stream), sender.clone());
                let service = service_fn(move |request| serve(request, sender.clone()));
                if scheme == UpstreamScheme::H2c {
                    let serving = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
                    tokio::spawn(serving.serve_connection(stream, service));
                } else {
                    let serving = hyper::server::conn::http1::Builder::new();
                    tokio::spawn(serving.serve_connection(stream, service));
                }
            }
        });
        Self { address, events, connections }
    }

    async fn next(&mut self) -> Event {
        soon(self.events.recv()).await.unwrap()
    }
}

async fn serve(
    request: Request<Incoming>,
    events: UnboundedSender<Event>,
) -> Result<Response<Written>, Infallible> {
    let waiting = Waiting(events.clone());
    let path = request.uri().path().to_owned();
    if path == "/quick" {
        std::mem::forget(waiting);
        return Ok(Response::new(said("quick")));
    }
    events.send(Event::Begun).unwrap();
    match path.as_str() {
        "/silent" => std::future::pending().await,
        "/endless" => {
            let (writer, body) = written(Some(waiting));
            writer.send(Ok("one".into())).unwrap();
            tokio::spawn(async move {
                writer.closed().await;
            });
            Ok(Response::new(body))
        }
        "/refused" => {
            // Answered at once; what comes of the body is never read.
            let (parts, body) = request.into_parts();
            tokio::spawn(async move {
                let _held = (parts, body, waiting);
                std::future::pending::<()>().await;
            });
            let mut answer = Response::new(said("too large"));
            *answer.status_mut() = StatusCode::PAYLOAD_TOO_LARGE;
            Ok(answer)
        }
        _ => {
            std::mem::forget(waiting);
            let mut body = request.into_body();
            let end = loop {
                match body.frame().await {
                    None => break Event::Whole,
                    Some(Err(_)) => break Event::Broken,
                    Some(Ok(_)) => {}
                }
            };
            events.send(end).unwrap();
            Ok(Response::new(said("taken")))
        }
    }
}

/// A gate before an application.
struct Before {
    application: Application,
    gate: Gate,
    _tls: Arc<Resolver>,
    pair: Pair,
}

impl Before {
    async fn new(scheme: UpstreamScheme) -> Self {
        let application = Application::start(scheme).await;
        let pair = Pair::of(&["www.test"]);
        let mut services = usual(application.address);
        let www = services.iter_mut().find(|service| &*service.name == "www").unwrap();
        let (host, port) = (application.address.ip().to_string(), application.address.port());
        www.upstream_mut().unwrap().targets = vec![Target::tcp(scheme, host, port)];
        let (gate, tls) = gate(&[&pair], services);
        Self { application, gate, _tls: tls, pair }
    }

    async fn client(&self) -> Client {
        let stream = connect(&self.gate, "www.test", &self.pair, b"h2").await.unwrap();
        let socket = stream.get_ref().0.as_fd().try_clone_to_owned().unwrap().into();
        let handshake = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (sender, connection) = soon(handshake).await.unwrap();
        tokio::spawn(connection);
        Client { sender, socket }
    }
}

/// A client that speaks HTTP/2.
struct Client {
    sender: http2::SendRequest<Written>,
    /// Its connection, to break it.
    socket: std::net::TcpStream,
}

type Answer = JoinHandle<hyper::Result<Response<Incoming>>>;

impl Client {
    /// Asks, and writes a little of a body, if there shall be one.
    fn ask(&mut self, path: &str, upload: bool) -> (Answer, Writer) {
        let method = if upload { "POST" } else { "GET" };
        let request = Request::builder().method(method).version(Version::HTTP_2);
        let (writer, body) = written(None);
        if upload {
            writer.send(Ok("part".into())).unwrap();
        }
        let writer = if upload { writer } else { unbounded_channel().0 };
        let request = request.uri(format!("https://www.test{path}")).body(body).unwrap();
        (tokio::spawn(self.sender.send_request(request)), writer)
    }

    async fn quick(&mut self) {
        let (answer, _) = self.ask("/quick", false);
        let answer = soon(answer).await.unwrap().unwrap();
        assert_eq!(soon(answer.into_body().collect()).await.unwrap().to_bytes(), "quick");
    }
}

const BOTH: [UpstreamScheme; 2] = [UpstreamScheme::Http, UpstreamScheme::H2c];

#[tokio::test]
async fn a_stream_that_is_reset_ends_its_own_work_and_no_other() {
    for scheme in BOTH {
        let mut before = Before::new(scheme).await;
        let mut client = before.client().await;
        let (held, _) = client.ask("/endless", false);
        assert_eq!(before.application.next().await, Event::Begun);
        let mut held = soon(held).await.unwrap().unwrap();

        let (answer, _) = client.ask("/silent", false);
        assert_eq!(before.application.next().await, Event::Begun);
        answer.abort();
        assert_eq!(before.application.next().await, Event::Dropped, "{scheme:?}: before the answer");

        let (answer, _) = client.ask("/endless", false);
        assert_eq!(before.application.next().await, Event::Begun);
        let mut answer = soon(answer).await.unwrap().unwrap();
        assert_eq!(soon(answer.frame()).await.unwrap().unwrap().into_data().unwrap(), "one");
        drop(answer);
        assert_eq!(before.application.next().await, Event::Dropped, "{scheme:?}: in the answer");

        let (answer, writer) = client.ask("/upload", true);
        assert_eq!(before.application.next().await, Event::Begun);
        writer.send(Err(io::Error::other("given up"))).unwrap();
        assert_eq!(before.application.next().await, Event::Broken, "{scheme:?}: in the request");
        soon(answer).await.unwrap().unwrap_err();

        client.quick().await;
        assert_eq!(soon(held.frame()).await.unwrap().unwrap().into_data().unwrap(), "one");
        assert!(before.application.events.try_recv().is_err(), "{scheme:?}: what is wanted goes on");
        if scheme == UpstreamScheme::H2c {
            assert_eq!(before.application.connections.load(Ordering::SeqCst), 1, "streams were reset");
        }
    }
}

#[tokio::test]
async fn a_connection_that_is_gone_ends_the_work_of_all_its_streams() {
    for scheme in BOTH {
        let mut before = Before::new(scheme).await;
        let mut other = before.client().await;
        let mut client = before.client().await;
        let (silent, _) = client.ask("/silent", false);
        assert_eq!(before.application.next().await, Event::Begun);
        let (endless, _) = client.ask("/endless", false);
        assert_eq!(before.application.next().await, Event::Begun);
        let endless = soon(endless).await.unwrap().unwrap();
        let (upload, _writer) = client.ask("/upload", true);
        assert_eq!(before.application.next().await, Event::Begun);
        client.socket.shutdown(Shutdown::Both).unwrap();
        let mut seen = Vec::new();
        for _ in 0..3 {
            seen.push(before.application.next().await);
        }
        let count = |event| seen.iter().filter(|seen| **seen == event).count();
        assert_eq!((count(Event::Dropped), count(Event::Broken)), (2, 1), "{scheme:?} {seen:?}");
        drop((silent, endless, upload));
        other.quick().await;
    }
}

/// The same for clients that speak HTTP/1.1.
#[tokio::test]
async fn a_client_of_http_1_that_leaves_ends_the_work_of_the_upstream() {
    for scheme in BOTH {
        let mut before = Before::new(scheme).await;
        for (request, ends) in [
            ("GET /silent HTTP/1.1\r\nHost: www.test\r\n\r\n", Event::Dropped),
            ("GET /endless HTTP/1.1\r\nHost: www.test\r\n\r\n", Event::Dropped),
            ("POST /upload HTTP/1.1\r\nHost: www.test\r\nContent-Length: 9\r\n\r\npart", Event::Broken),
            (
                "POST /upload HTTP/1.1\r\nHost: www.test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n",
                Event::Broken,
            ),
        ] {
            let stream = connect(&before.gate, "www.test", &before.pair, b"http/1.1").await.unwrap();
            let mut wire = crate::wire::Wire::new(stream);
            wire.send(request).await;
            assert_eq!(before.application.next().await, Event::Begun);
            drop(wire);
            assert_eq!(before.application.next().await, ends, "{scheme:?} {request}");
        }
        before.client().await.quick().await;
    }
}

/// An application that answers at once and never reads the body: the client has its answer, and what it still sends
/// takes no memory of ours and keeps nobody else waiting.
#[tokio::test]
async fn an_upstream_that_answers_and_stops_reading_keeps_nobody_waiting() {
    for scheme in BOTH {
        let mut before = Before::new(scheme).await;
        let mut client = before.client().await;
        let (answer, writer) = client.ask("/refused", true);
        assert_eq!(before.application.next().await, Event::Begun);
        // More than any window.
        for _ in 0..256 {
            let _ = writer.send(Ok(vec![b'x'; 64 * 1024].into()));
        }
        let answer = soon(answer).await.unwrap().unwrap();
        assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE, "{scheme:?}");
        assert_eq!(soon(answer.into_body().collect()).await.unwrap().to_bytes(), "too large", "{scheme:?}");
        for _ in 0..3 {
            client.quick().await;
            before.client().await.quick().await;
        }
        drop(writer);
    }
}
