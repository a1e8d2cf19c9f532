//! Bodies that come bit by bit, both ways.

use std::{io::ErrorKind, time::Duration};

use crate::{
    harness::Gate,
    upstream::{ByHand, Echo},
    wire::soon,
};

#[tokio::test]
async fn r_85_an_answer_arrives_piece_by_piece() {
    let upstream = ByHand::start().await;
    let gate = Gate::before(upstream.address);
    let mut wire = gate.connect().await;
    wire.send("GET /events HTTP/1.1\r\nHost: www.test\r\nAccept: text/event-stream\r\n\r\n").await;
    let mut served = upstream.accept().await;
    served.head().await;
    served
        .send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    assert_eq!(
        wire.head().await.one("content-type"),
        Some("text/event-stream"),
        "the head comes before any data"
    );
    for number in 0..5 {
        let event = format!("data: {number}\n\n");
        served.send(format!("{:x}\r\n{event}\r\n", event.len())).await;
        assert_eq!(wire.chunk().await, event, "before the next one is sent");
    }
    served.send("0\r\n\r\n").await;
    assert_eq!(wire.chunk().await, "");
}

#[tokio::test]
async fn r_85_a_request_arrives_piece_by_piece() {
    let upstream = ByHand::start().await;
    let gate = Gate::before(upstream.address);
    let mut wire = gate.connect().await;
    wire.send("POST / HTTP/1.1\r\nHost: www.test\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    let mut served = upstream.accept().await;
    served.head().await;
    for piece in ["one", "two", "three"] {
        wire.send(format!("{:x}\r\n{piece}\r\n", piece.len())).await;
        assert_eq!(served.chunk().await, piece);
    }
    wire.send("0\r\n\r\n").await;
    assert_eq!(served.until("\r\n\r\n").await, "0");
    served.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
    assert_eq!(wire.answer().await.status, 200);
}

/// An upstream that does not read makes the client wait, instead of filling our memory.
#[tokio::test]
async fn r_85_an_upload_waits_for_its_upstream() {
    const TOTAL: usize = 64 * 1024 * 1024;
    let upstream = ByHand::start().await;
    let gate = Gate::before(upstream.address);
    let mut wire = gate.connect().await;
    wire.send(format!("POST / HTTP/1.1\r\nHost: www.test\r\nContent-Length: {TOTAL}\r\n\r\n")).await;
    let mut served = upstream.accept().await;
    served.head().await;
    let piece = vec![b'x'; 256 * 1024];
    let mut sent = 0;
    // Nobody reads: at some point no more is taken. The time only says when we believe it.
    while tokio::time::timeout(Duration::from_millis(300), wire.stream.writable()).await.is_ok() {
        match wire.stream.try_write(&piece[..piece.len().min(TOTAL - sent)]) {
            Ok(count) => sent += count,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        assert!(sent < TOTAL / 2, "{sent} bytes were taken although nobody reads them");
    }
    let rest = tokio::spawn(async move {
        while sent < TOTAL {
            let count = piece.len().min(TOTAL - sent);
            wire.send(&piece[..count]).await;
            sent += count;
        }
        wire
    });
    let mut received = 0;
    while received < TOTAL {
        received += served.exactly((TOTAL - received).min(1024 * 1024)).await.len();
    }
    served.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    assert_eq!(soon(rest).await.unwrap().answer().await.body, "ok");
}

#[tokio::test]
async fn trailers_of_answers_reach_those_who_want_them() {
    let reply = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: grpc-status\r\n\r\n\
                 2\r\nok\r\n0\r\ngrpc-status: 0\r\nset-cookie: __Host-doorward=x\r\n\r\n";
    for (te, expected) in
        [("TE: trailers\r\n", "2\r\nok\r\n0\r\ngrpc-status: 0\r\n\r\n"), ("", "2\r\nok\r\n0\r\n\r\n")]
    {
        let upstream = ByHand::start().await;
        let gate = Gate::before(upstream.address);
        let mut wire = gate.connect().await;
        wire.send(format!("GET / HTTP/1.1\r\nHost: www.test\r\nConnection: close\r\n{te}\r\n")).await;
        let mut served = upstream.accept().await;
        assert_eq!(served.head().await.one("te"), (!te.is_empty()).then_some("trailers"));
        served.send(reply).await;
        wire.head().await;
        assert_eq!(wire.rest().await, expected);
    }
}

#[tokio::test]
async fn a_client_that_expects_100_is_told_when_the_upstream_takes_the_body() {
    let upstream = ByHand::start().await;
    let gate = Gate::before(upstream.address);
    let mut wire = gate.connect().await;
    let head = |host: &str| {
        format!("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    };
    wire.send(head("www.test")).await;
    let mut served = upstream.accept().await;
    assert_eq!(served.head().await.one("content-length"), Some("5"));
    assert_eq!(wire.head().await.first, "HTTP/1.1 100 Continue");
    wire.send("hello").await;
    assert_eq!(served.exactly(5).await, "hello");
    served.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    assert_eq!(wire.answer().await.body, "ok");
    wire.send(head("notes.test")).await;
    assert_eq!(wire.answer().await.status, 401, "what is refused is not asked for its body");
}

/// The answer comes through while the client is still sending, and the connection does not carry another request
/// until that is done.
#[tokio::test]
async fn s_3_an_upstream_may_answer_before_the_upload_ends() {
    let upstream = ByHand::start().await;
    let gate = Gate::before(upstream.address);
    let mut wire = gate.connect().await;
    wire.send("POST / HTTP/1.1\r\nHost: www.test\r\nContent-Length: 10\r\n\r\nhello").await;
    let mut served = upstream.accept().await;
    served.head().await;
    assert_eq!(served.exactly(5).await, "hello");
    served.send("HTTP/1.1 413 Content Too Large\r\nContent-Length: 3\r\n\r\nbig").await;
    let answer = wire.answer().await;
    assert_eq!((answer.status, answer.body.as_str()), (413, "big"));
    let mut other = gate.connect().await;
    other.send("GET /other HTTP/1.1\r\nHost: www.test\r\n\r\n").await;
    let mut fresh = upstream.accept().await;
    assert_eq!(fresh.head().await.first, "GET /other HTTP/1.1", "by another connection");
    fresh.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(other.answer().await.status, 204);
    wire.send("GET /").await;
    assert_eq!(served.exactly(5).await, "GET /", "what was announced as a body stays one");
    assert_eq!(wire.get("other.test", "/", "").await.status, 421, "and the next request is a request");
}

#[tokio::test]
async fn an_upload_that_breaks_off_is_not_completed() {
    for (framing, part) in [("Content-Length: 10", "hello"), ("Transfer-Encoding: chunked", "5\r\nhello\r\n")]
    {
        let upstream = ByHand::start().await;
        let gate = Gate::before(upstream.address);
        let mut wire = gate.connect().await;
        wire.send(format!("POST / HTTP/1.1\r\nHost: www.test\r\n{framing}\r\n\r\n{part}")).await;
        let mut served = upstream.accept().await;
        served.head().await;
        assert_eq!(served.exactly(part.len()).await, part);
        drop(wire);
        assert_eq!(served.rest().await, "");
    }
}

#[tokio::test]
async fn a_client_that_leaves_ends_the_work_of_the_upstream() {
    let upstream = ByHand::start().await;
    let gate = Gate::before(upstream.address);
    for reply in ["", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"] {
        let mut wire = gate.connect().await;
        wire.send("GET /slow HTTP/1.1\r\nHost: www.test\r\n\r\n").await;
        let mut served = upstream.accept().await;
        served.head().await;
        served.send(reply).await;
        if !reply.is_empty() {
            wire.until("ok").await;
        }
        drop(wire);
        assert_eq!(served.rest().await, "", "closed: {reply:?}");
    }
}

#[tokio::test]
async fn a_large_answer_arrives_whole() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    let mut wire = gate.connect().await;
    let body = "0123456789".repeat(300_000);
    let request =
        format!("POST / HTTP/1.1\r\nHost: www.test\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    wire.send(request).await;
    assert!(wire.answer().await.echoed_body() == body);
}
