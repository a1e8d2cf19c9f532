//! Requests and answers that go through, and upstreams that fail.

use tokio::{io::AsyncWriteExt as _, net::TcpListener};

use crate::{
    harness::{ADA, Gate, service, usual},
    upstream::{ByHand, Echo},
    wire::Wire,
};

/// There is no cache, so nobody gets what was meant for somebody else: whatever an answer says about being kept, the next
/// request goes to the application.
#[tokio::test]
async fn s_4_nothing_is_answered_from_memory() {
    let upstream = ByHand::start().await;
    let gate = Gate::before(upstream.address);
    for (number, host) in ["www.test", "www.test", "notes.test", "notes.test"].into_iter().enumerate() {
        let mut wire = gate.connect().await;
        let cookie = format!("__Host-doorward={ADA}");
        wire.send(format!("GET /same HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n")).await;
        let mut served = upstream.accept().await;
        assert_eq!(served.head().await.first, "GET /same HTTP/1.1");
        let lines =
            "Cache-Control: public, max-age=86400\r\nETag: \"1\"\r\nConnection: close\r\nContent-Length: 1";
        served.send(format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\n{number}")).await;
        assert_eq!(wire.answer().await.body, number.to_string(), "{host}");
    }
}

#[tokio::test]
async fn a_request_arrives_as_it_was_meant() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    let mut wire = gate.connect().await;
    wire.send(format!(
        "PUT /a/b?c=d%20e HTTP/1.1\r\nHost: notes.test\r\nCookie: __Host-doorward={ADA}\r\nX-One: 1\r\nX-One: 2\r\n\
         Authorization: Bearer x\r\nContent-Length: 5\r\n\r\nhello"
    ))
    .await;
    let answer = wire.answer().await;
    let seen = answer.echoed();
    assert_eq!(seen.first, "PUT /a/b?c=d%20e HTTP/1.1");
    assert_eq!(answer.echoed_body(), "hello");
    assert_eq!(seen.all("x-one"), ["1", "2"]);
    assert_eq!(seen.one("authorization"), Some("Bearer x"));
    assert_eq!(seen.one("content-length"), Some("5"));
    assert_eq!(seen.one("transfer-encoding"), None);
}

#[tokio::test]
async fn bodies_of_every_method_and_framing_arrive() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    let mut wire = gate.connect().await;
    for method in ["GET", "POST", "DELETE", "PATCH", "OPTIONS", "PROPFIND"] {
        let chunked = "Transfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\n\r\n";
        for framed in [
            "Content-Length: 5\r\n\r\nhello",
            chunked,
            "Connection: content-length\r\nContent-Length: 5\r\n\r\nhello",
        ] {
            wire.send(format!("{method} / HTTP/1.1\r\nHost: www.test\r\n{framed}")).await;
            assert_eq!(wire.answer().await.echoed_body(), "hello", "{method} {framed}");
        }
        wire.send(format!("{method} / HTTP/1.1\r\nHost: www.test\r\nContent-Length: 0\r\n\r\n")).await;
        assert_eq!(wire.answer().await.echoed_body(), "", "{method}");
    }
}

#[tokio::test]
async fn one_connection_carries_many_requests_on_both_sides() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    let mut wire = gate.connect().await;
    for number in 0..100 {
        let answer = wire.get("www.test", &format!("/{number}"), "").await;
        assert_eq!(answer.echoed().first, format!("GET /{number} HTTP/1.1"));
    }
    assert_eq!((echo.connections(), echo.requests()), (1, 100));
}

#[tokio::test]
async fn http_1_0_is_answered_in_its_terms() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    let mut wire = gate.connect().await;
    wire.send("GET / HTTP/1.0\r\nHost: www.test\r\n\r\n").await;
    let answer = wire.answer().await;
    assert!(answer.head.first.starts_with("HTTP/1.0 200"), "{}", answer.head.first);
    assert_eq!(answer.echoed().first, "GET / HTTP/1.1");
    assert_eq!(wire.rest().await, "", "closed");

    let upstream = ByHand::start().await;
    let gate = Gate::before(upstream.address);
    let mut wire = gate.connect().await;
    wire.send("GET / HTTP/1.0\r\nHost: www.test\r\nConnection: keep-alive\r\n\r\n").await;
    let mut served = upstream.accept().await;
    served.head().await;
    served.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n").await;
    let answer = wire.answer().await;
    assert_eq!(answer.head.one("transfer-encoding"), None);
    assert_eq!(answer.body, "hello", "without chunks, until the end");
}

/// One exchange with an upstream by hand: the head that it saw, and what the client received.
async fn exchange(method: &str, reply: &str) -> (String, String) {
    let upstream = ByHand::start().await;
    let gate = Gate::before(upstream.address);
    let mut wire = gate.connect().await;
    wire.send(format!("{method} / HTTP/1.1\r\nHost: www.test\r\nConnection: close\r\n\r\n")).await;
    let mut served = upstream.accept().await;
    let first = served.head().await.first;
    served.send(reply).await;
    drop(served);
    (first, wire.rest().await)
}

#[tokio::test]
async fn answers_without_a_body_stay_without_one() {
    let (seen, answer) = exchange("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 1234\r\nETag: x\r\n\r\n").await;
    assert_eq!(seen, "HEAD / HTTP/1.1");
    assert!(answer.contains("content-length: 1234\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
    let (_, answer) = exchange("HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    assert!(!answer.contains("content-length") && answer.ends_with("\r\n\r\n"), "{answer}");
    let (_, answer) = exchange("GET", "HTTP/1.1 204 No Content\r\nX: 1\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 204 ") && !answer.contains("content-length"), "{answer}");
    assert!(answer.contains("x: 1\r\n") && answer.ends_with("\r\n\r\n"), "{answer}");
    let (_, answer) = exchange("GET", "HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 304 ") && answer.contains("etag: \"a\"\r\n"), "{answer}");
    assert!(answer.ends_with("\r\n\r\n") && !answer.contains("content-length: 0"), "{answer}");
}

#[tokio::test]
async fn answers_are_passed_on_whole() {
    let (_, answer) = exchange(
        "GET",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n\
         HTTP/1.1 299 Whatever\r\nX-One: 1\r\nX-One: 2\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\nuntil the end",
    )
    .await;
    assert!(answer.starts_with("HTTP/1.1 299 "), "{answer}");
    assert!(answer.contains("x-one: 1\r\nx-one: 2\r\n") && !answer.contains("x-hop"), "{answer}");
    assert!(answer.contains("\r\n\r\n") && answer.contains("until the end"), "{answer}");
}

#[tokio::test]
async fn an_upstream_that_is_down_is_named() {
    let address = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let gate = Gate::before(address);
    let mut wire = gate.connect().await;
    for (host, cookie) in
        [("www.test", String::new()), ("notes.test", format!("Cookie: __Host-doorward={ADA}\r\n"))]
    {
        let answer = wire.get(host, "/", &cookie).await;
        assert_eq!(answer.status, 502);
        let name = host.trim_end_matches(".test");
        assert!(answer.body.starts_with(&format!("{name} is down, request ")), "{}", answer.body);
    }
    assert_eq!(wire.get("notes.test", "/", "").await.status, 401, "whether it is up is nobody's business");
}

#[tokio::test]
async fn an_upstream_that_speaks_no_http_is_down() {
    for reply in
        ["SSH-2.0-x\r\n", "", "HTTP/1.1 200 OK\r\nContent-Le", "HTTP/1.1 101 Switching Protocols\r\n\r\n"]
    {
        let upstream = ByHand::start().await;
        let gate = Gate::before(upstream.address);
        let mut wire = gate.connect().await;
        wire.send("GET / HTTP/1.1\r\nHost: www.test\r\n\r\n").await;
        let mut served = upstream.accept().await;
        served.head().await;
        served.send(reply).await;
        drop(served);
        assert_eq!(wire.answer().await.status, 502, "{reply:?}");
    }
}

/// An answer that breaks off must not look complete.
#[tokio::test]
async fn a_broken_answer_is_broken_off() {
    for reply in ["Content-Length: 10\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"] {
        let upstream = ByHand::start().await;
        let gate = Gate::before(upstream.address);
        let mut wire = gate.connect().await;
        wire.send("GET / HTTP/1.1\r\nHost: www.test\r\n\r\n").await;
        let mut served = upstream.accept().await;
        served.head().await;
        served.send(format!("HTTP/1.1 200 OK\r\n{reply}")).await;
        drop(served);
        let rest = wire.rest().await;
        assert!(rest.contains("hello") && !rest.ends_with("0\r\n\r\n"), "{reply:?}: {rest:?}");
    }
}

/// A kept connection and a first request on it.
async fn kept(upstream: &ByHand, wire: &mut Wire) -> Wire {
    wire.send("GET /first HTTP/1.1\r\nHost: www.test\r\n\r\n").await;
    let mut served = upstream.accept().await;
    served.head().await;
    served.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    assert_eq!(wire.answer().await.body, "ok");
    served
}

#[tokio::test]
async fn a_stale_connection_costs_a_reader_nothing() {
    for method in ["GET", "HEAD", "OPTIONS"] {
        let upstream = ByHand::start().await;
        let gate = Gate::before(upstream.address);
        let mut wire = gate.connect().await;
        let mut served = kept(&upstream, &mut wire).await;
        wire.send(format!("{method} /again HTTP/1.1\r\nHost: www.test\r\nX: y\r\n\r\n")).await;
        assert_eq!(served.head().await.first, format!("{method} /again HTTP/1.1"), "the connection was kept");
        drop(served);
        let mut fresh = upstream.accept().await;
        let head = fresh.head().await;
        assert_eq!(head.first, format!("{method} /again HTTP/1.1"));
        assert_eq!((head.one("x"), head.one("host")), (Some("y"), Some("www.test")));
        fresh.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").await;
        assert_eq!(wire.answer().await.status, 200);
    }
}

#[tokio::test]
async fn what_changes_things_is_never_sent_twice() {
    for request in [
        "POST /again HTTP/1.1\r\nHost: www.test\r\nContent-Length: 2\r\n\r\nhi",
        "POST /again HTTP/1.1\r\nHost: www.test\r\nContent-Length: 0\r\n\r\n",
        "DELETE /again HTTP/1.1\r\nHost: www.test\r\n\r\n",
        "GET /again HTTP/1.1\r\nHost: www.test\r\nContent-Length: 2\r\n\r\nhi",
    ] {
        let upstream = ByHand::start().await;
        let gate = Gate::before(upstream.address);
        let mut wire = gate.connect().await;
        let mut served = kept(&upstream, &mut wire).await;
        wire.send(request).await;
        served.head().await;
        drop(served);
        assert_eq!(wire.answer().await.status, 502, "{request}");
        // A second connection would be in the queue before the next one.
        let mut other = gate.connect().await;
        other.send("GET /other HTTP/1.1\r\nHost: www.test\r\n\r\n").await;
        assert_eq!(upstream.accept().await.head().await.first, "GET /other HTTP/1.1", "{request}");
    }
}

/// A connection that the upstream closed while it was idle is not used: nothing is lost, whatever the method.
#[tokio::test]
async fn a_connection_closed_in_time_is_not_used() {
    let upstream = ByHand::start().await;
    let gate = Gate::before(upstream.address);
    let mut wire = gate.connect().await;
    let mut served = kept(&upstream, &mut wire).await;
    served.stream.shutdown().await.unwrap();
    assert_eq!(served.rest().await, "", "the server has seen it and closed its side");
    wire.send("POST / HTTP/1.1\r\nHost: www.test\r\nContent-Length: 2\r\n\r\nhi").await;
    let mut fresh = upstream.accept().await;
    fresh.head().await;
    assert_eq!(fresh.exactly(2).await, "hi");
    fresh.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(wire.answer().await.status, 204);
}

#[tokio::test]
async fn an_upstream_may_want_its_own_host() {
    let echo = Echo::start().await;
    let mut own = service("own", echo.address);
    own.upstream_mut().unwrap().original_host = false;
    own.guard = crate::harness::guard(doorward_core::policy::Posture::Public);
    let mut services = usual(echo.address);
    services.push(own);
    let gate = Gate::with(crate::harness::Setup::default(), services);
    let seen = gate.connect().await.get("own.test", "/", "").await.echoed();
    assert_eq!(seen.one("host"), Some(echo.address.to_string().as_str()));
    assert_eq!(seen.one("x-forwarded-host"), Some("own.test"));
}
