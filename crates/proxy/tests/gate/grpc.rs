//! gRPC: HTTP/2 from end to end, messages as they come, and the status in trailers.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use doorward_core::service::{Address, Target, UpstreamScheme};
use http::{HeaderMap, HeaderValue, Request, Response, Version, header};
use http_body_util::BodyExt as _;
use hyper::{
    body::{Body, Frame, Incoming},
    client::conn::http2,
    service::service_fn,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{net::TcpListener, sync::mpsc};

use crate::{
    harness::{ADA, Gate, usual},
    tls::{Pair, connect, gate},
    wire::soon,
};

/// A body that a test writes frame by frame.
struct Written(mpsc::UnboundedReceiver<Frame<Bytes>>);

impl Body for Written {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|frame| frame.map(Ok))
    }
}

fn body() -> (mpsc::UnboundedSender<Frame<Bytes>>, Written) {
    let (sender, receiver) = mpsc::unbounded_channel();
    (sender, Written(receiver))
}

/// Sends each message back when it comes, and then a status with a header that only the door may set on cookies.
async fn echo(request: Request<Incoming>) -> Result<Response<Written>, Infallible> {
    assert_eq!(request.version(), Version::HTTP_2);
    assert_eq!(request.headers()[header::TE], "trailers");
    assert_eq!(request.uri().path(), "/echo.Echo/Say");
    let who = request.headers().get("remote-user").cloned();
    let (sender, written) = body();
    tokio::spawn(async move {
        let mut incoming = request.into_body();
        while let Some(Ok(frame)) = incoming.frame().await {
            let _ = frame.into_data().map(|data| sender.send(Frame::data(data)));
        }
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", HeaderValue::from_static("0"));
        trailers.insert(header::SET_COOKIE, HeaderValue::from_static("__Host-doorward=stolen"));
        let _ = sender.send(Frame::trailers(trailers));
    });
    let mut answer = Response::new(written);
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    if let Some(who) = who {
        answer.headers_mut().insert("x-who", who);
    }
    Ok(answer)
}

/// An application that speaks HTTP/2 in clear text and nothing else.
async fn application() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let serving = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), service_fn(echo));
            tokio::spawn(serving);
        }
    });
    address
}

async fn open(gate: &Gate, pair: &Pair) -> http2::SendRequest<Written> {
    let stream = connect(gate, "notes.test", pair, b"h2").await.unwrap();
    let (sender, connection) =
        soon(http2::handshake(TokioExecutor::new(), TokioIo::new(stream))).await.unwrap();
    tokio::spawn(connection);
    sender
}

#[tokio::test]
async fn r_85_a_call_streams_both_ways_and_ends_with_its_status() {
    let address = application().await;
    let pair = Pair::of(&["notes.test"]);
    let mut services = usual(address);
    let upstream = services[0].upstream_mut().unwrap();
    upstream.targets = vec![Target {
        scheme: UpstreamScheme::H2c,
        address: Address::Tcp { host: address.ip().to_string(), port: address.port() },
    }];
    let (gate, _tls) = gate(&[&pair], services);
    let mut sender = open(&gate, &pair).await;
    let (writer, written) = body();
    let call = Request::post("https://notes.test/echo.Echo/Say")
        .header("cookie", format!("__Host-doorward={ADA}"))
        .header(header::CONTENT_TYPE, "application/grpc")
        .header(header::TE, "trailers");
    let asking = sender.send_request(call.body(written).unwrap());
    writer.send(Frame::data(Bytes::from_static(b"\0\0\0\0\x05first"))).unwrap();
    let mut answer = soon(asking).await.unwrap();
    assert_eq!((answer.status().as_u16(), &answer.headers()["x-who"]), (200, &"ada".parse().unwrap()));
    let first = soon(answer.frame()).await.unwrap().unwrap();
    assert_eq!(first.into_data().unwrap(), "\0\0\0\0\x05first", "before there is a second");
    writer.send(Frame::data(Bytes::from_static(b"\0\0\0\0\x06second"))).unwrap();
    let second = soon(answer.frame()).await.unwrap().unwrap();
    assert_eq!(second.into_data().unwrap(), "\0\0\0\0\x06second");
    drop(writer);
    let trailers = soon(answer.frame()).await.unwrap().unwrap().into_trailers().unwrap();
    assert_eq!(trailers["grpc-status"], "0");
    assert!(!trailers.contains_key(header::SET_COOKIE), "a cookie of ours is no upstream's to set");
}
