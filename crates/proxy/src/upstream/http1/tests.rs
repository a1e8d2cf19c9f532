use std::{pin::Pin, task::Waker};

use bytes::BytesMut;
use http::{HeaderMap, Method, Request};
use http_body_util::BodyExt as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use super::{chunked::Chunked, *};
use crate::body::RequestBody;

/// A connection, and the upstream's end of it.
fn connection() -> (Box<Connection>, DuplexStream) {
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    (Box::new(Connection::new(ours)), theirs)
}

fn request(method: &Method) -> Request<RequestBody> {
    let request = Request::builder().method(method).uri("/a?b=c").header("host", "a.test");
    request.body(RequestBody::Empty).unwrap()
}

/// What became of one exchange.
#[derive(PartialEq, Eq, Debug)]
struct Seen {
    status: u16,
    headers: Vec<(String, String)>,
    body: Option<String>,
    trailers: HeaderMap,
    kept: bool,
}

/// One exchange with an upstream that sends these pieces; `closes` after them.
async fn exchange(method: &Method, pieces: &[&[u8]], closes: bool) -> Result<Seen, Http1Error> {
    let (connection, mut upstream) = connection();
    let asking = connection.exchange(request(method));
    let serving = async {
        for piece in pieces {
            if upstream.write_all(piece).await.is_err() {
                // It has heard enough.
                break;
            }
            tokio::task::yield_now().await;
        }
        if closes {
            let _ = upstream.shutdown().await;
        }
        upstream
    };
    let reading = async {
        let response = asking.await.map_err(|unanswered| unanswered.error)?;
        let (head, mut body) = response.into_parts();
        let collected = body.collect_mut().await;
        let line = |(name, value): (&http::HeaderName, &http::HeaderValue)| {
            (name.as_str().to_owned(), value.to_str().unwrap().to_owned())
        };
        Ok(Seen {
            status: head.status.as_u16(),
            headers: head.headers.iter().map(line).collect(),
            body: collected.as_ref().map(|(text, _)| text.clone()),
            trailers: collected.map(|(_, trailers)| trailers).unwrap_or_default(),
            kept: body.take_connection().is_some(),
        })
    };
    let (seen, _upstream) = tokio::join!(reading, serving);
    seen
}

impl Body {
    /// The whole body with its trailers; `None` if it broke.
    async fn collect_mut(&mut self) -> Option<(String, HeaderMap)> {
        let (mut text, mut trailers) = (String::new(), HeaderMap::new());
        while let Some(frame) = self.frame().await {
            match frame.ok()?.into_data() {
                Ok(data) => text.push_str(&String::from_utf8_lossy(&data)),
                Err(frame) => trailers = frame.into_trailers().ok()?,
            }
        }
        Some((text, trailers))
    }
}

#[tokio::test]
async fn s_2_an_answer_is_the_same_however_it_is_cut() {
    for (method, answer, closes) in [
        (Method::GET, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nA: b\r\nA: c\r\n\r\nhello", false),
        (
            Method::GET,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nhel\r\n2;a=b\r\nlo\r\n0\r\nT: u\r\n\r\n",
            false,
        ),
        (Method::GET, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", false),
        (Method::HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", false),
        (Method::GET, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nhi", false),
        (Method::GET, "HTTP/1.0 200 OK\r\n\r\nuntil the end", true),
        (Method::GET, "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi", false),
    ] {
        let bytes = answer.as_bytes();
        let whole = exchange(&method, &[bytes], closes).await.unwrap();
        assert!(whole.body.is_some(), "{answer:?}");
        let last = answer.contains("Connection: close") || closes;
        assert_eq!(whole.kept, !last, "{answer:?}");
        for cut in 1..bytes.len() {
            let (first, second) = bytes.split_at(cut);
            let seen = exchange(&method, &[first, second], closes).await.unwrap();
            assert_eq!(seen, whole, "{answer:?} cut at {cut}");
        }
    }
}

#[tokio::test]
async fn s_2_an_answer_with_two_readings_is_refused() {
    for lines in [
        "Content-Length: 5\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 5",
        "Content-Length: 5\r\nContent-Length: 5",
        "Content-Length: 5, 5",
        "Content-Length: +5",
        "Content-Length: 00000000000000000005",
        "Content-Length: 18446744073709551621",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding:\u{b}chunked",
        "Transfer-Encoding : chunked",
        "A: b\r\n c\r\nContent-Length: 5",
        "A: b\0c\r\nContent-Length: 5",
        "A: b\rContent-Length: 5",
        ": b\r\nContent-Length: 5",
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\nhello");
        let seen = exchange(&Method::GET, &[answer.as_bytes()], true).await;
        assert!(matches!(seen, Err(Http1Error::Malformed(_))), "{lines:?}: {seen:?}");
    }
    for first in [
        "HTTP/1.2 200 OK",
        "HTTP/2 200 OK",
        "HTTP/1.1 20 OK",
        "HTTP/1.1 2000 OK",
        "HTTP/1.1 099 OK",
        "ICY 200 OK",
        "HTTP/1.1  200 OK",
        " HTTP/1.1 200 OK",
    ] {
        let answer = format!("{first}\r\nContent-Length: 5\r\n\r\nhello");
        let seen = exchange(&Method::GET, &[answer.as_bytes()], true).await;
        assert!(matches!(seen, Err(Http1Error::Malformed(_))), "{first:?}: {seen:?}");
    }
    let answer = "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    assert!(exchange(&Method::GET, &[answer.as_bytes()], true).await.is_err(), "not in HTTP/1.0");
}

#[tokio::test]
async fn s_2_a_head_has_a_limit() {
    let line = format!("A: {}\r\n", "b".repeat(1000));
    for (count, served) in [(60, true), (70, false), (200, false)] {
        let answer = format!("HTTP/1.1 200 OK\r\n{}Content-Length: 0\r\n\r\n", line.repeat(count));
        assert_eq!(exchange(&Method::GET, &[answer.as_bytes()], true).await.is_ok(), served, "{count}");
    }
}

#[tokio::test]
async fn s_2_bytes_behind_an_answer_close_the_connection() {
    for (method, answer) in [
        (Method::GET, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
        (Method::GET, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"),
        (Method::GET, "HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n"),
        (Method::HEAD, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"),
    ] {
        assert!(exchange(&method, &[answer.as_bytes()], false).await.unwrap().kept, "{answer:?}");
        let more = format!("{answer}H");
        assert!(!exchange(&method, &[more.as_bytes()], false).await.unwrap().kept, "{answer:?}");
    }
}

/// Reads a chunked body from bytes that are all there.
fn dechunk(text: &str) -> Result<Option<String>, Http1Error> {
    let (mut reader, mut input, mut body) = (Chunked::Size, BytesMut::from(text), String::new());
    loop {
        match reader.read(&mut input)? {
            chunked::Read::NotYet => return Ok(None),
            chunked::Read::Data(data) => body.push_str(&String::from_utf8_lossy(&data)),
            chunked::Read::Trailers(_) => {}
            chunked::Read::End => return Ok(Some(body)),
        }
    }
}

#[test]
fn s_5_a_chunk_has_one_size() {
    for whole in ["2\r\nhi\r\n0\r\n\r\n", "02 \r\nhi\r\n00\r\n\r\n", "2;a=\"b\"\r\nhi\r\n0;c\r\nT: u\r\n\r\n"]
    {
        assert_eq!(dechunk(whole).unwrap().as_deref(), Some("hi"), "{whole:?}");
    }
    for wrong in [
        "\r\nhi",
        "x\r\nhi",
        "-2\r\nhi\r\n0\r\n\r\n",
        "+2\r\nhi\r\n0\r\n\r\n",
        "0x2\r\nhi\r\n0\r\n\r\n",
        " 2\r\nhi\r\n0\r\n\r\n",
        "2 2\r\nhi\r\n0\r\n\r\n",
        "2\nhi\n0\n\n",
        "2\r\nhi0\r\n\r\n",
        "2\r\nhi\n0\r\n\r\n",
        "2\r\nhi\rX0\r\n\r\n",
        "2;\ra\r\nhi\r\n0\r\n\r\n",
        "10000000000000002\r\nhi\r\n0\r\n\r\n",
        "00000000000000002\r\nhi\r\n0\r\n\r\n",
        "0\r\nT : u\r\n\r\n",
        "0\r\nno line\r\n\r\n",
    ] {
        assert!(dechunk(wrong).is_err(), "{wrong:?}");
    }
    for early in [
        "2",
        "2\r",
        "2\r\n",
        "2\r\nh",
        "2\r\nhi",
        "2\r\nhi\r",
        "2\r\nhi\r\n0\r\n",
        "2\r\nhi\r\n0\r\nT: u\r\n",
        "ffffffffffffffff\r\nhi",
    ] {
        assert_eq!(dechunk(early).unwrap(), None, "{early:?}");
    }
    assert!(dechunk(&format!("2;{}", "x".repeat(2000))).is_err(), "an extension has a limit");
}

#[test]
fn s_2_a_request_is_as_long_as_it_says() {
    use request::Framing;
    let write = |framing: &mut Framing, data: &'static str| {
        let (mut output, mut piece) = (Vec::new(), bytes::Bytes::new());
        framing.write(&mut output, &mut piece, bytes::Bytes::from_static(data.as_bytes()))?;
        Ok::<_, Http1Error>(output)
    };
    let mut framing = Framing::Length(3);
    assert_eq!(write(&mut framing, "hi").unwrap(), b"hi");
    assert!(framing.end(&mut Vec::new()).is_err(), "too short");
    assert!(write(&mut framing, "hi").is_err(), "too long");
    assert!(write(&mut Framing::None, "x").is_err(), "none was announced");
    assert_eq!(write(&mut Framing::Chunked, "hi").unwrap(), b"2\r\nhi\r\n");
    assert_eq!(write(&mut Framing::Chunked, "").unwrap(), b"", "an empty chunk would be the last");
    for length in ["5", "x", "-1"] {
        let (head, body) = {
            let mut request = request(&Method::POST);
            request.headers_mut().insert("content-length", length.parse().unwrap());
            request.into_parts()
        };
        assert!(request::write_head(&mut Vec::new(), &head, &body).is_err(), "no body of {length}");
    }
}

#[tokio::test]
async fn a_request_is_written_as_it_is() {
    for (method, length) in [(Method::GET, ""), (Method::POST, "content-length: 0\r\n"), (Method::DELETE, "")]
    {
        let (connection, mut upstream) = connection();
        let serving = async {
            let mut received = vec![0; 1024];
            let count = upstream.read(&mut received).await.unwrap();
            upstream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.unwrap();
            String::from_utf8_lossy(&received[..count]).into_owned()
        };
        let (response, received) = tokio::join!(connection.exchange(request(&method)), serving);
        assert_eq!(response.unwrap_or_else(|failed| panic!("{}", failed.error)).status(), 204);
        assert_eq!(received, format!("{method} /a?b=c HTTP/1.1\r\nhost: a.test\r\n{length}\r\n"));
    }
}

#[tokio::test]
async fn s_1_early_bytes_of_a_switch_are_read_first() {
    let (connection, mut upstream) = connection();
    upstream.write_all(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\nearly").await.unwrap();
    let response = connection.exchange(request(&Method::GET)).await;
    let response = response.unwrap_or_else(|failed| panic!("{}", failed.error));
    assert_eq!(response.status(), 101);
    let mut upgraded = response.into_body().into_upgraded().unwrap();
    upstream.write_all(b"late").await.unwrap();
    drop(upstream);
    let mut received = String::new();
    upgraded.read_to_string(&mut received).await.unwrap();
    assert_eq!(received, "earlylate");
}

#[tokio::test]
async fn what_only_reads_comes_back_if_nothing_was_heard() {
    for (method, bytes, again) in [
        (Method::GET, "", true),
        (Method::HEAD, "", true),
        (Method::GET, "HTTP/1.1 200", false),
        (Method::GET, "nonsense\r\n\r\n", false),
        (Method::POST, "", false),
        (Method::DELETE, "", false),
    ] {
        let (connection, mut upstream) = connection();
        let serving = async {
            let mut received = [0; 1024];
            assert!(upstream.read(&mut received).await.unwrap() > 0);
            upstream.write_all(bytes.as_bytes()).await.unwrap();
            drop(upstream);
        };
        let (response, ()) = tokio::join!(connection.exchange(request(&method)), serving);
        let Err(unanswered) = response else { panic!("{method} {bytes:?} was answered") };
        assert_eq!(unanswered.unsent.is_some(), again, "{method} {bytes:?}");
    }
}

#[tokio::test]
async fn s_2_an_idle_connection_that_speaks_is_closed() {
    tokio::task::LocalSet::new()
        .run_until(async {
            let idle = Idle::default();
            let (first, mut upstream) = connection();
            idle.keep(first);
            assert!(idle.take().is_some(), "it is quiet");
            let (second, other) = connection();
            idle.keep(second);
            upstream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap_err();
            drop(other);
            assert!(idle.take().is_none(), "it is closed");
            let (third, mut upstream) = connection();
            idle.keep(third);
            upstream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
            // Whoever watches closes it without anybody asking for it.
            let mut end = [0];
            assert_eq!(upstream.read(&mut end).await.unwrap(), 0);
            assert!(idle.take().is_none());
        })
        .await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_says_so_once() {
    let (connection, mut upstream) = connection();
    upstream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel").await.unwrap();
    drop(upstream);
    let response = connection.exchange(request(&Method::GET)).await;
    let mut body = response.unwrap_or_else(|failed| panic!("{}", failed.error)).into_body();
    assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "hel");
    let mut context = std::task::Context::from_waker(Waker::noop());
    let first = http_body::Body::poll_frame(Pin::new(&mut body), &mut context);
    assert!(first.is_pending(), "what came before gets its turn");
    assert!(matches!(body.frame().await, Some(Err(Http1Error::Closed))));
    assert!(body.frame().await.is_none() && body.take_connection().is_none());
}
