//! Answers that come before the body was read. We give them all the time, and what was sent as a body must never be
//! taken for a request (S-3).

use crate::{
    harness::{ADA, Gate},
    upstream::Echo,
    wire::Wire,
};

/// A request to a public service: were it read as one, the upstream would see it.
const INNER: &str = "GET /smuggled HTTP/1.1\r\nHost: www.test\r\n\r\n";

const PAGE: &str = "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\nAccept: text/html\r\n";

/// Requests that are answered early, without framing and the end of the head, and how.
fn answered_early() -> Vec<(String, u16)> {
    let session = format!("Cookie: __Host-doorward={ADA}\r\n");
    vec![
        ("POST /a HTTP/1.1\r\nHost: notes.test\r\n".to_owned(), 401),
        (format!("GET /a HTTP/1.1\r\nHost: notes.test\r\n{PAGE}"), 303),
        (format!("DELETE /a HTTP/1.1\r\nHost: notes.test\r\nSec-Fetch-Site: cross-site\r\n{session}"), 403),
        ("PUT /a HTTP/1.1\r\nHost: other.test\r\n".to_owned(), 421),
        ("POST /a//b HTTP/1.1\r\nHost: www.test\r\n".to_owned(), 400),
        ("POST /a HTTP/1.1\r\nHost: id.test\r\n".to_owned(), 200),
        ("POST /.doorward/x HTTP/1.1\r\nHost: notes.test\r\n".to_owned(), 200),
    ]
}

/// Sends although the other side may have closed; that shows when the answer is read.
async fn send_anyway(wire: &mut Wire, bytes: impl AsRef<[u8]>) {
    let _ = tokio::io::AsyncWriteExt::write_all(&mut wire.stream, bytes.as_ref()).await;
}

/// The only answers are to the request itself and, if the connection goes on, to `/next`.
async fn ends_well(mut wire: Wire, what: &str) {
    let rest = wire.settled().await;
    assert!(!rest.contains("smuggled"), "{what}: {rest}");
    let answers = rest.matches("HTTP/1.1 ").count();
    assert!(answers == 0 || answers == 1 && rest.contains("portal /next"), "{what}: {rest}");
}

#[tokio::test]
async fn s_3_a_body_that_comes_with_the_head_is_no_request() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    let next = "GET /next HTTP/1.1\r\nHost: id.test\r\n\r\n";
    for (head, status) in answered_early() {
        let chunk = format!("{:x}\r\n{INNER}\r\n", INNER.len());
        let large = INNER.repeat(1 + 300_000 / INNER.len());
        for (framing, body) in [
            (format!("Content-Length: {}", INNER.len()), INNER.to_owned()),
            (format!("Content-Length: {}", large.len()), large.clone()),
            ("Transfer-Encoding: chunked".to_owned(), format!("{chunk}0\r\n\r\n")),
            ("Transfer-Encoding: chunked".to_owned(), format!("{chunk}0\r\nHost: www.test\r\n\r\n")),
            ("Transfer-Encoding: chunked".to_owned(), format!("{}0\r\n\r\n", chunk.repeat(5000))),
        ] {
            let what = format!("{status} {framing} {}", body.len());
            let mut wire = gate.connect().await;
            send_anyway(&mut wire, format!("{head}{framing}\r\n\r\n{body}{next}")).await;
            // With much of it unread the connection may be reset before the answer was fetched.
            if body.len() < 1000 {
                assert_eq!(wire.answer().await.status, status, "{what}");
                ends_well(wire, &what).await;
            } else {
                let rest = wire.settled().await;
                assert!(!rest.contains("smuggled"), "{what}: {rest}");
            }
        }
    }
    assert_eq!(echo.requests(), 0);
}

#[tokio::test]
async fn s_3_a_body_that_comes_after_the_answer_is_no_request() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    for (head, status) in answered_early() {
        for framing in [
            format!("Content-Length: {}", INNER.len()),
            "Content-Length: 100000000".to_owned(),
            "Transfer-Encoding: chunked".to_owned(),
        ] {
            // What is sent is a body by its framing, or looks like the next request of a client that thinks otherwise.
            let chunk = format!("{:x}\r\n{INNER}\r\n0\r\n\r\n", INNER.len());
            for body in [INNER, &chunk] {
                let what = format!("{status} {framing}");
                let mut wire = gate.connect().await;
                wire.send(format!("{head}{framing}\r\n\r\n")).await;
                assert_eq!(wire.answer().await.status, status, "{what}");
                send_anyway(&mut wire, body).await;
                ends_well(wire, &what).await;
            }
        }
        // Slowly, and cut where it hurts.
        let mut wire = gate.connect().await;
        wire.send(format!("{head}Content-Length: {}\r\n\r\n", INNER.len() + 1)).await;
        assert_eq!(wire.answer().await.status, status);
        for piece in ["\n", "GET /smu", "ggled HTTP/1.1\r\nHost: ", "www.test\r\n\r", "\n"] {
            send_anyway(&mut wire, piece).await;
        }
        ends_well(wire, "slowly").await;
    }
    assert_eq!(echo.requests(), 0);
}

/// A client that waits for 100 gets the answer instead, and nobody waits for its body.
#[tokio::test]
async fn s_3_a_body_that_nobody_asked_for_is_no_request() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    for (head, status) in answered_early() {
        for framing in ["Content-Length: 45", "Content-Length: 100000000", "Transfer-Encoding: chunked"] {
            let mut wire = gate.connect().await;
            wire.send(format!("{head}{framing}\r\nExpect: 100-continue\r\n\r\n")).await;
            let answer = wire.answer().await;
            assert_eq!(answer.status, status, "{framing}: not even 100");
            send_anyway(&mut wire, INNER).await;
            ends_well(wire, &format!("{status} {framing}")).await;
        }
    }
    assert_eq!(echo.requests(), 0);
}

/// Requests that were sent without waiting get their answers in their order, whoever gives them.
#[tokio::test]
async fn s_3_pipelined_requests_are_answered_in_order() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    let mut wire = gate.connect().await;
    let request = |number: usize| {
        let body = format!("body {number}");
        let length = body.len();
        let post = |framing: &str, body: &str| {
            format!("POST /{number} HTTP/1.1\r\nHost: www.test\r\n{framing}\r\n\r\n{body}")
        };
        match number % 4 {
            0 => format!("GET /{number} HTTP/1.1\r\nHost: www.test\r\n\r\n"),
            1 => post(&format!("Content-Length: {length}"), &body),
            2 => format!("GET /{number} HTTP/1.1\r\nHost: id.test\r\n\r\n"),
            _ => post("Transfer-Encoding: chunked", &format!("{length:x}\r\n{body}\r\n0\r\n\r\n")),
        }
    };
    let sent: String = (0..60).map(request).collect();
    wire.send(sent).await;
    for number in 0..60 {
        let answer = wire.answer().await;
        if number % 4 == 2 {
            assert!(answer.body.starts_with(&format!("portal /{number} ")), "{}", answer.body);
        } else {
            assert!(answer.echoed().first.contains(&format!(" /{number} ")), "{}", answer.body);
            assert_eq!(
                answer.echoed_body(),
                if number % 4 == 0 { String::new() } else { format!("body {number}") }
            );
        }
    }
    assert_eq!(echo.requests(), 45);
}
