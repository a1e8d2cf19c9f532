//! What is changed on the way, and limits.

use std::{io::Read as _, time::Duration};

use doorward_core::{
    policy::Posture,
    service::{HeaderEdits, Limits, PathMap, Relay, Service},
};
use http::{HeaderName, HeaderValue};

use crate::{
    harness::{Gate, Setup, guard, service},
    upstream::{ByHand, Echo},
    wire::{Answer, Wire},
};

fn open(address: std::net::SocketAddr, relay: Relay) -> Gate {
    let service = Service { relay, guard: guard(Posture::Public), ..service("app", address) };
    Gate::with(Setup::default(), vec![service])
}

fn edits(remove: &'static str, set: (&'static str, &'static str)) -> HeaderEdits {
    HeaderEdits {
        remove: vec![HeaderName::from_static(remove)],
        set: vec![(HeaderName::from_static(set.0), HeaderValue::from_static(set.1))],
    }
}

/// The answer to a request that an upstream by hand answered so.
async fn answered(relay: Relay, lines: &str, reply: &str) -> Answer {
    let upstream = ByHand::start().await;
    let gate = open(upstream.address, relay);
    let mut wire = gate.connect().await;
    wire.send(format!("GET /app/x HTTP/1.1\r\nHost: app.test\r\n{lines}\r\n")).await;
    let mut served = upstream.accept().await;
    served.head().await;
    served.send(reply.replace("UPSTREAM", &upstream.address.to_string())).await;
    wire.answer().await
}

#[tokio::test]
async fn r_83_headers_are_set_once_on_both_ways() {
    let relay = Relay {
        request: edits("x-debug", ("x-site", "home")),
        response: edits("server", ("x-frame-options", "SAMEORIGIN")),
        ..Relay::default()
    };
    let echo = Echo::start().await;
    let gate = open(echo.address, relay.clone());
    let lines =
        "X-Debug: 1\r\nX_Debug: 1\r\nX-Site: a\r\nX-Site: b\r\nX_Site: b\r\nX.Site: b\r\nX-Other: c\r\n";
    let seen = gate.connect().await.get("app.test", "/", lines).await.echoed();
    assert_eq!(
        (seen.one("x-site"), seen.one("x-debug"), seen.one("x-other")),
        (Some("home"), None, Some("c"))
    );
    assert!(!seen.names().any(|name| ["x_site", "x.site", "x_debug"].contains(&name)), "H-1, H-5: {seen:?}");
    let reply = "HTTP/1.1 200 OK\r\nServer: app\r\nX-Frame-Options: DENY\r\nx-frame-options: ALLOWALL\r\nContent-Length: 0\r\n\r\n";
    let answer = answered(relay, "", reply).await;
    assert_eq!((answer.head.one("x-frame-options"), answer.head.one("server")), (Some("SAMEORIGIN"), None));
}

/// H-7: what a client names in `Connection` is gone before ours are set.
#[tokio::test]
async fn h_7_connection_removes_no_declared_header() {
    let echo = Echo::start().await;
    let gate = open(echo.address, Relay { request: edits("x", ("x-site", "home")), ..Relay::default() });
    let seen =
        gate.connect().await.get("app.test", "/", "Connection: x-site\r\nX-Site: a\r\n").await.echoed();
    assert_eq!(seen.one("x-site"), Some("home"));
}

#[tokio::test]
async fn r_71_prefixes_are_mapped_both_ways() {
    let paths = PathMap { strip: Some("/app".to_owned()), add: Some("/base".to_owned()) };
    let relay = Relay { paths, ..Relay::default() };
    let echo = Echo::start().await;
    let gate = open(echo.address, relay.clone());
    let mut wire = gate.connect().await;
    let seen = wire.get("app.test", "/app/%61?b=/app", "X-Forwarded-Prefix: /evil\r\n").await.echoed();
    assert_eq!(seen.first, "GET /base/a?b=/app HTTP/1.1");
    assert_eq!(seen.one("x-forwarded-prefix"), Some("/app"));
    for path in ["/", "/apple", "/x"] {
        assert_eq!(wire.get("app.test", path, "").await.status, 404, "{path}");
    }
    assert_eq!(echo.requests(), 1);
    for (told, public) in [
        ("/base/login?x", "/app/login?x"),
        ("http://UPSTREAM/base/login", "https://app.test/app/login"),
        ("https://elsewhere.test/", "https://elsewhere.test/"),
    ] {
        let reply = format!("HTTP/1.1 302 Found\r\nLocation: {told}\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(answered(relay.clone(), "", &reply).await.head.one("location"), Some(public), "{told}");
    }
    let cookies = "Set-Cookie: a=1; Path=/base\r\nSet-Cookie: b=2; Path=/base/in\r\n";
    let reply = format!("HTTP/1.1 200 OK\r\n{cookies}Content-Length: 0\r\n\r\n");
    let answer = answered(relay, "", &reply).await;
    assert_eq!(answer.head.all("set-cookie"), ["a=1; Path=/app", "b=2; Path=/app/in"]);
}

#[tokio::test]
async fn a_redirect_to_the_upstream_leads_to_the_public_origin() {
    let reply = "HTTP/1.1 301 Moved\r\nLocation: http://UPSTREAM/login\r\nContent-Length: 0\r\n\r\n";
    let answer = answered(Relay::default(), "", reply).await;
    assert_eq!(answer.head.one("location"), Some("https://app.test/login"));
}

const FIVE: Limits = Limits { body: Some(5), duration: None };

#[tokio::test]
async fn r_85_a_body_that_is_too_large_is_refused_before_it_is_sent() {
    let echo = Echo::start().await;
    let gate = open(echo.address, Relay { limits: FIVE, ..Relay::default() });
    for (framed, status) in [
        ("Content-Length: 5\r\n\r\nhello", 200),
        ("Content-Length: 6\r\n\r\nhello!", 413),
        ("Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200),
    ] {
        let mut wire = gate.connect().await;
        wire.send(format!("POST / HTTP/1.1\r\nHost: app.test\r\n{framed}")).await;
        assert_eq!(wire.answer().await.status, status, "{framed}");
    }
    assert_eq!(echo.requests(), 2);
}

/// S-3: what is left of it is no request, and the upstream never takes it for complete.
#[tokio::test]
async fn s_3_a_body_that_becomes_too_large_is_cut() {
    let upstream = ByHand::start().await;
    let gate = open(upstream.address, Relay { limits: FIVE, ..Relay::default() });
    let mut wire = gate.connect().await;
    wire.send("POST / HTTP/1.1\r\nHost: app.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n").await;
    let mut served = upstream.accept().await;
    served.head().await;
    assert_eq!(served.chunk().await, "hel");
    wire.send("3\r\nlo!\r\n").await;
    assert_eq!(wire.answer().await.status, 413);
    assert_eq!(served.rest().await, "");
    wire.send("GET /hidden HTTP/1.1\r\nHost: app.test\r\n\r\n").await;
    assert!(!wire.settled().await.contains(" 200 "));
}

fn quick() -> Relay {
    let limits = Limits { body: None, duration: Some(Duration::from_millis(50)) };
    Relay { limits, ..Relay::default() }
}

#[tokio::test]
async fn r_85_an_answer_that_takes_too_long_is_cut() {
    let upstream = ByHand::start().await;
    let gate = open(upstream.address, quick());
    let mut wire = gate.connect().await;
    wire.send("GET / HTTP/1.1\r\nHost: app.test\r\n\r\n").await;
    let mut served = upstream.accept().await;
    served.head().await;
    assert_eq!(wire.answer().await.status, 504);
    assert_eq!(served.rest().await, "", "its work is cancelled");
    wire.send("GET / HTTP/1.1\r\nHost: app.test\r\n\r\n").await;
    let mut served = upstream.accept().await;
    served.head().await;
    served.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n").await;
    let rest = wire.rest().await;
    assert!(rest.contains("ok") && !rest.ends_with("0\r\n\r\n"), "{rest}");
    assert_eq!(served.rest().await, "");
}

const PAGE: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nETag: \"a\"\r\n";

/// The body of one chunked answer, as bytes.
async fn chunked(wire: &mut Wire) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let size = usize::from_str_radix(&wire.until("\r\n").await, 16).unwrap();
        body.extend(wire.bytes(size).await);
        wire.bytes(2).await;
        if size == 0 {
            return body;
        }
    }
}

#[tokio::test]
async fn text_is_compressed_for_those_who_take_it() {
    let upstream = ByHand::start().await;
    let gate = open(upstream.address, Relay { compress: true, ..Relay::default() });
    let page = "0123456789".repeat(1000);
    for (accept, coding) in [("gzip", "gzip"), ("br, gzip", "br"), ("zstd", "zstd")] {
        let mut wire = gate.connect().await;
        wire.send(format!("GET / HTTP/1.1\r\nHost: app.test\r\nAccept-Encoding: {accept}\r\n\r\n")).await;
        let mut served = upstream.accept().await;
        served.head().await;
        served.send(format!("{PAGE}Connection: close\r\nContent-Length: {}\r\n\r\n{page}", page.len())).await;
        let head = wire.head().await;
        assert_eq!(head.one("content-encoding"), Some(coding));
        assert_eq!((head.one("etag"), head.one("vary")), (Some("W/\"a\""), Some("Accept-Encoding")));
        let body = chunked(&mut wire).await;
        assert!(body.len() < page.len() / 10, "{coding}: {}", body.len());
        let mut plain = String::new();
        let read = match coding {
            "gzip" => flate2::read::GzDecoder::new(&*body).read_to_string(&mut plain),
            "br" => brotli::Decompressor::new(&*body, 4096).read_to_string(&mut plain),
            _ => zstd::stream::read::Decoder::new(&*body).unwrap().read_to_string(&mut plain),
        };
        assert_eq!(read.unwrap(), page.len());
        assert!(plain == page, "{coding}");
    }
}

#[tokio::test]
async fn what_shall_stay_as_it_is_is_not_compressed() {
    let relay = || Relay { compress: true, ..Relay::default() };
    let body = "x".repeat(2000);
    for (accept, lines) in [
        ("identity", "Content-Type: text/html"),
        ("gzip", "Content-Type: image/png"),
        ("gzip", "Content-Type: text/event-stream"),
        ("gzip", "Content-Type: text/html\r\nContent-Encoding: br"),
        ("gzip", "Content-Type: text/html\r\nCache-Control: no-transform"),
        ("gzip", "Content-Type: text/html\r\nContent-Range: bytes 0-1999/5000"),
    ] {
        let reply = format!("HTTP/1.1 200 OK\r\n{lines}\r\nContent-Length: 2000\r\n\r\n{body}");
        let answer = answered(relay(), &format!("Accept-Encoding: {accept}\r\n"), &reply).await;
        assert!(answer.body == body, "{accept} {lines}");
    }
    let reply = format!("{PAGE}Content-Length: 2000\r\n\r\n{body}");
    let answer = answered(Relay::default(), "Accept-Encoding: gzip\r\n", &reply).await;
    assert!(answer.body == body, "nobody asked for it");
}

/// Nothing is held back: what came so far can be read before more is sent.
#[tokio::test]
async fn r_85_a_compressed_answer_arrives_piece_by_piece() {
    let upstream = ByHand::start().await;
    let gate = open(upstream.address, Relay { compress: true, ..Relay::default() });
    let mut wire = gate.connect().await;
    wire.send("GET / HTTP/1.1\r\nHost: app.test\r\nAccept-Encoding: gzip\r\n\r\n").await;
    let mut served = upstream.accept().await;
    served.head().await;
    served.send(format!("{PAGE}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")).await;
    wire.head().await;
    let mut body = Vec::new();
    let mut plain = [0; 5];
    while flate2::read::GzDecoder::new(&*body).read_exact(&mut plain).is_err() {
        let size = usize::from_str_radix(&wire.until("\r\n").await, 16).unwrap();
        body.extend(wire.bytes(size).await);
        wire.bytes(2).await;
    }
    assert_eq!(&plain, b"hello");
    served.send("0\r\n\r\n").await;
    chunked(&mut wire).await;
}
