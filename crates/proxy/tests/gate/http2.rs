//! HTTP/2 on the client's side.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, Version, header};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, client::conn::http2};
use hyper_util::rt::{TokioExecutor, TokioIo};

use crate::{
    harness::{ADA, Gate, usual},
    tls::{Pair, connect, gate},
    upstream::{ByHand, Echo},
    wire::soon,
};

type Sender = http2::SendRequest<Full<Bytes>>;

async fn open(gate: &Gate, host: &str, pair: &Pair) -> Sender {
    let stream = connect(gate, host, pair, b"h2").await.unwrap();
    let (sender, connection) =
        soon(http2::handshake(TokioExecutor::new(), TokioIo::new(stream))).await.unwrap();
    tokio::spawn(connection);
    sender
}

fn request(method: &str, uri: &str) -> http::request::Builder {
    Request::builder().method(method).uri(uri).version(Version::HTTP_2)
}

async fn send(sender: &mut Sender, builder: http::request::Builder) -> (StatusCode, String) {
    let answer: Response<Incoming> =
        soon(sender.send_request(builder.body(Full::default()).unwrap())).await.unwrap();
    assert_eq!(answer.version(), Version::HTTP_2);
    let status = answer.status();
    (status, String::from_utf8(soon(answer.into_body().collect()).await.unwrap().to_bytes().into()).unwrap())
}

#[tokio::test]
async fn h_10_p_13_requests_are_judged_the_same() {
    let echo = Echo::start().await;
    let pair = Pair::of(&["notes.test"]);
    let (gate, _tls) = gate(&[&pair], usual(echo.address));
    let mut sender = open(&gate, "notes.test", &pair).await;
    let builder = request("GET", "https://notes.test/a?b")
        .header("cookie", "a=1")
        .header("cookie", format!("__Host-doorward={ADA}"))
        .header("cookie", "b=2")
        .header("remote-user", "forged")
        .header("remote_user", "forged")
        .header("x-forwarded-for", "forged")
        .header("te", "trailers");
    let (status, text) = send(&mut sender, builder).await;
    assert_eq!(status, 200);
    assert!(text.starts_with("GET /a?b HTTP/1.1\r\n"), "{text}");
    let has = |line: &str| text.matches(&format!("\r\n{line}\r\n")).count() == 1;
    assert!(has("host: notes.test") && has("cookie: a=1; b=2") && has("remote-user: ada"), "{text}");
    assert!(has("x-forwarded-host: notes.test") && has("te: trailers") && !text.contains("forged"), "{text}");
    for (uri, status) in [
        ("https://notes.test/", 401),
        ("https://feeds.test/", 421),
        ("https://other.test/", 421),
        ("https://notes.test/.doorward/x", 200),
        ("https://notes.test/%2edoorward/x", 400),
        ("https://notes.test/a//b", 400),
    ] {
        assert_eq!(send(&mut sender, request("GET", uri)).await.0, status, "{uri}");
    }
    let twice = request("GET", "https://notes.test/")
        .header("cookie", format!("__Host-doorward={ADA}"))
        .header("cookie", "__Host-doorward=x");
    assert_eq!(send(&mut sender, twice).await.0, 400, "E-13");
    let two = request("GET", "https://notes.test/").header(header::HOST, "www.test");
    assert_eq!(send(&mut sender, two).await.0, 400, "authority and Host differ");
    assert_eq!(
        send(&mut sender, request("GET", "https://notes.test/")).await.0,
        401,
        "and the connection lives on"
    );
    assert_eq!(echo.requests(), 1);
}

#[tokio::test]
async fn many_requests_share_a_connection() {
    let upstream = ByHand::start().await;
    let pair = Pair::of(&["www.test"]);
    let (gate, _tls) = gate(&[&pair], usual(upstream.address));
    let sender = open(&gate, "www.test", &pair).await;
    let ask = |path: &str| {
        let mut sender = sender.clone();
        let builder = request("GET", &format!("https://www.test{path}"));
        tokio::spawn(async move { send(&mut sender, builder).await })
    };
    let slow = ask("/slow");
    let mut held = upstream.accept().await;
    held.head().await;
    let quick = ask("/quick");
    let mut served = upstream.accept().await;
    assert_eq!(served.head().await.first, "GET /quick HTTP/1.1");
    served.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\n\r\nquick").await;
    assert_eq!(soon(quick).await.unwrap().1, "quick", "nobody waits for the slow one");
    held.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nslow").await;
    assert_eq!(soon(slow).await.unwrap().1, "slow");
}

#[tokio::test]
async fn r_85_bodies_and_trailers_pass() {
    let upstream = ByHand::start().await;
    let pair = Pair::of(&["www.test"]);
    let (gate, _tls) = gate(&[&pair], usual(upstream.address));
    let stream = connect(&gate, "www.test", &pair, b"h2").await.unwrap();
    let (mut sender, connection) =
        soon(http2::handshake(TokioExecutor::new(), TokioIo::new(stream))).await.unwrap();
    tokio::spawn(connection);
    let (pieces, body) = tokio::sync::mpsc::channel::<Bytes>(1);
    let request =
        request("POST", "https://www.test/rpc").header("te", "trailers").body(Pieces(body)).unwrap();
    let answer = tokio::spawn(sender.send_request(request));
    let mut served = upstream.accept().await;
    assert_eq!(served.head().await.one("transfer-encoding"), Some("chunked"));
    for piece in ["one", "two"] {
        pieces.send(Bytes::from(piece)).await.unwrap();
        assert_eq!(served.chunk().await, piece);
    }
    drop(pieces);
    assert_eq!(served.until("\r\n\r\n").await, "0");
    served
        .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: grpc-status\r\n\r\n2\r\nok\r\n0\r\ngrpc-status: 0\r\n\r\n")
        .await;
    let answer = soon(answer).await.unwrap().unwrap();
    let collected = soon(answer.into_body().collect()).await.unwrap();
    assert_eq!(collected.trailers().unwrap().get("grpc-status").unwrap(), "0");
    assert_eq!(collected.to_bytes(), "ok");
}

/// A body that the test sends piece by piece.
struct Pieces(tokio::sync::mpsc::Receiver<Bytes>);

impl http_body::Body for Pieces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| Ok(http_body::Frame::data(piece))))
    }
}

#[tokio::test]
async fn e_11_a_stream_ends_with_its_session() {
    let upstream = ByHand::start().await;
    let pair = Pair::of(&["notes.test"]);
    let (gate, _tls) = gate(&[&pair], usual(upstream.address));
    let mut sender = open(&gate, "notes.test", &pair).await;
    let builder =
        request("GET", "https://notes.test/events").header("cookie", format!("__Host-doorward={ADA}"));
    let answer = tokio::spawn(sender.send_request(builder.body(Full::default()).unwrap()));
    let mut served = upstream.accept().await;
    served.head().await;
    served.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n").await;
    let mut body = soon(answer).await.unwrap().unwrap().into_body();
    assert_eq!(soon(body.frame()).await.unwrap().unwrap().into_data().unwrap(), "one");
    gate.sessions.end(ADA, "notes.test");
    assert!(soon(body.frame()).await.is_none_or(|frame| frame.is_err()), "the stream is reset");
    assert_eq!(served.rest().await, "");
    assert_eq!(send(&mut sender, request("GET", "https://notes.test/")).await.0, 401);
}

#[tokio::test]
async fn a_client_that_leaves_a_stream_ends_the_work_of_the_upstream() {
    let upstream = ByHand::start().await;
    let pair = Pair::of(&["www.test"]);
    let (gate, _tls) = gate(&[&pair], usual(upstream.address));
    let mut sender = open(&gate, "www.test", &pair).await;
    let builder = request("GET", "https://www.test/slow");
    let answer = tokio::spawn(sender.send_request(builder.body(Full::default()).unwrap()));
    let mut served = upstream.accept().await;
    served.head().await;
    answer.abort();
    assert_eq!(served.rest().await, "");
}
