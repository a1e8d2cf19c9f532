//! Where one request ends and the next begins.

use crate::{
    harness::Gate,
    upstream::{ByHand, Echo},
};

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nHost: www.test\r\n\r\n";

/// What could be cut at two places is refused, and nothing after it is read as a request.
#[tokio::test]
async fn s_2_s_5_s_18_ambiguous_framing_is_refused() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    for lines in [
        "Content-Length: 4\r\nContent-Length: 5\r\n",
        "Content-Length: 4, 4\r\n",
        "Content-Length: +4\r\n",
        "Content-Length: -4\r\n",
        "Content-Length: 0x4\r\n",
        "Content-Length: 4 4\r\n",
        "Content-Length:\r\n",
        "Content-Length: 99999999999999999999999\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked;a=b\r\n",
        "Transfer-Encoding : chunked\r\n",
        "Transfer-Encoding\r\n",
        "Transfer-Encoding: \x0bchunked\r\n",
        "X: 1\r\n Transfer-Encoding: chunked\r\n",
        "Content-Length : 4\r\n",
        " Content-Length: 4\r\n",
    ] {
        let mut wire = gate.connect().await;
        wire.send(format!("POST / HTTP/1.1\r\nHost: www.test\r\n{lines}\r\n0\r\n\r\n{SMUGGLED}")).await;
        let answer = wire.answer().await;
        assert_eq!(answer.status, 400, "{lines:?}");
        assert_eq!(wire.rest().await, "", "{lines:?}: nothing is read after it");
    }
    for (version, status) in [("1.0", 400), ("2.0", 400), ("0.9", 400), ("1.2", 400)] {
        let mut wire = gate.connect().await;
        let request =
            format!("POST / HTTP/{version}\r\nHost: www.test\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
        wire.send(format!("{request}{SMUGGLED}")).await;
        assert_eq!(wire.answer().await.status, status, "{version}");
        assert_eq!(wire.rest().await, "");
    }
    assert_eq!(echo.requests(), 0);
}

/// RFC 9112 section 6.3: `Transfer-Encoding` wins, `Content-Length` goes no further, and the connection ends.
#[tokio::test]
async fn s_2_content_length_beside_transfer_encoding_ends_the_connection() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    for lines in [
        "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 6\r\n",
        "Content-Length: 6\r\nTransfer-Encoding: chunked\r\nContent-Length: 6\r\n",
    ] {
        let mut wire = gate.connect().await;
        wire.send(format!("POST / HTTP/1.1\r\nHost: www.test\r\n{lines}\r\n0\r\n\r\n{SMUGGLED}")).await;
        let answer = wire.answer().await;
        let seen = answer.echoed();
        assert!(seen.one("content-length").is_none() || seen.one("transfer-encoding").is_none(), "{lines:?}");
        assert_ne!(seen.one("content-length"), Some("6"));
        assert_eq!(wire.rest().await, "", "{lines:?}: nothing is read after it");
    }
    assert_eq!(echo.requests(), 3);
}

#[tokio::test]
async fn s_5_a_broken_chunk_ends_the_connection() {
    for body in
        ["zz\r\n", "3\r\nabcd\r\n0\r\n\r\n", "-1\r\n\r\n", "fffffffffffffffff\r\n", "3 3\r\nabc\r\n0\r\n\r\n"]
    {
        let upstream = ByHand::start().await;
        let gate = Gate::before(upstream.address);
        let mut wire = gate.connect().await;
        wire.send("POST / HTTP/1.1\r\nHost: www.test\r\nTransfer-Encoding: chunked\r\n\r\n").await;
        let mut served = upstream.accept().await;
        served.head().await;
        wire.send(format!("{body}{SMUGGLED}")).await;
        let forwarded = served.rest().await;
        assert!(
            !forwarded.contains("smuggled") && !forwarded.ends_with("0\r\n\r\n"),
            "{body:?}: {forwarded:?}"
        );
        assert!(!wire.rest().await.contains(" 200 "), "{body:?}");
    }
}

/// S-3: we answer early all the time. What was sent as a body must never be read as a request.
#[tokio::test]
async fn s_3_the_body_of_a_refused_request_is_no_request() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    let inner = "GET /smuggled HTTP/1.1\r\nHost: www.test\r\n\r\n";
    for (host, status) in [("notes.test", 401), ("other.test", 421), ("broken.test", 503), ("id.test", 200)] {
        // The body comes after the answer.
        let mut wire = gate.connect().await;
        let head = format!("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: {}\r\n\r\n", inner.len());
        wire.send(&head).await;
        assert_eq!(wire.answer().await.status, status);
        wire.send(inner).await;
        assert_eq!(wire.rest().await, "", "{host}");
        // The body comes with the head, and a request after it.
        let mut wire = gate.connect().await;
        wire.send(format!("{head}{inner}GET /next HTTP/1.1\r\nHost: id.test\r\n\r\n")).await;
        assert_eq!(wire.answer().await.status, status);
        let rest = wire.settled().await;
        assert!(!rest.contains("smuggled"), "{host}: {rest}");
        // More body than anybody drains.
        let mut wire = gate.connect().await;
        wire.send(format!("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 10000000\r\n\r\n{inner}"))
            .await;
        assert_eq!(wire.answer().await.status, status);
        assert_eq!(wire.rest().await, "");
    }
    assert_eq!(echo.requests(), 0);
}

#[tokio::test]
async fn s_3_requests_in_a_row_are_each_decided() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    let mut wire = gate.connect().await;
    let session = format!("Cookie: __Host-doorward={}\r\n", crate::harness::ADA);
    let get = |host: &str, more: &str| format!("GET / HTTP/1.1\r\nHost: {host}\r\n{more}\r\n");
    wire.send(
        [get("notes.test", &session), get("notes.test", ""), get("www.test", ""), get("other.test", "")]
            .concat(),
    )
    .await;
    let first = wire.answer().await.echoed();
    assert_eq!(first.one("remote-user"), Some("ada"));
    assert_eq!(wire.answer().await.status, 401, "the session of the request before is not remembered");
    assert_eq!(wire.answer().await.echoed().one("remote-user"), None);
    assert_eq!(wire.answer().await.status, 421);
}

#[tokio::test]
async fn d_16_heads_have_a_limit() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    let long = "x".repeat(40 * 1024);
    let many = "X: 1\r\n".repeat(200);
    for (request, status) in [
        (format!("GET / HTTP/1.1\r\nHost: www.test\r\nX: {long}\r\n\r\n"), 431),
        (format!("GET / HTTP/1.1\r\nHost: www.test\r\n{many}\r\n"), 431),
        (format!("GET /{long} HTTP/1.1\r\nHost: www.test\r\n\r\n"), 431),
    ] {
        let mut wire = gate.connect().await;
        // It may be answered and closed before it is read whole.
        let sent = tokio::io::AsyncWriteExt::write_all(&mut wire.stream, request.as_bytes()).await;
        if sent.is_ok() {
            assert_eq!(wire.answer().await.status, status, "{}", &request[..20]);
        }
    }
    assert_eq!(echo.requests(), 0);
    let fits = "x".repeat(20 * 1024);
    assert_eq!(gate.connect().await.get("www.test", "/", &format!("X: {fits}\r\n")).await.status, 200);
}

#[tokio::test]
async fn s_2_http_2_in_clear_text_is_not_spoken() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    let mut wire = gate.connect().await;
    wire.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
    assert!(!wire.rest().await.contains(" 200 "));
    assert_eq!(echo.requests(), 0);
}

/// The upstream's answer is framed anew too, if its framing can be read in one way only.
#[tokio::test]
async fn s_2_ambiguous_answers_are_framed_once() {
    for (lines, status) in [
        ("Content-Length: 5\r\nConnection: content-length\r\n", 200),
        ("Content-Length: 5\r\nContent-Length: 5\r\n", 502),
        ("Content-Length: 5\r\nContent-Length: 6\r\n", 502),
        ("Content-Length: x\r\n", 502),
        ("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n", 502),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 502),
        ("Bad Header: x\r\n", 502),
    ] {
        let upstream = ByHand::start().await;
        let gate = Gate::before(upstream.address);
        let mut wire = gate.connect().await;
        wire.send("GET / HTTP/1.1\r\nHost: www.test\r\n\r\n").await;
        let mut served = upstream.accept().await;
        served.head().await;
        served.send(format!("HTTP/1.1 200 OK\r\n{lines}\r\nhello")).await;
        let answer = wire.answer().await;
        assert_eq!(answer.status, status, "{lines:?}");
        assert!(status != 200 || answer.body == "hello", "{lines:?}");
    }
}
