//! Heads that are none, too long, or say two things.

use super::{Lie, Outcome, Then, refused, whole};

/// What is no head is a 502, and the connection that it came over is not used again.
#[tokio::test]
async fn what_is_no_head_is_a_bad_gateway() {
    for bytes in [
        &b"hello\r\n\r\n"[..],
        b"\0\0\0\0\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02\x28",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/0.9 200 OK\r\n\r\n",
        b"HTTP/1.2 200 OK\r\n\r\n",
        b"http/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 -20 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\0c\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\rc\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA : b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nA\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n: b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\xc3\xa9: b\r\nContent-Length: 0\r\n\r\n",
    ] {
        for then in [Then::Wait, Then::Close] {
            assert_eq!(
                Lie::new(bytes, then).told().await,
                refused(),
                "{:?}",
                bytes.escape_ascii().to_string()
            );
        }
    }
}

#[tokio::test]
async fn an_end_before_the_end_of_the_head_is_a_bad_gateway() {
    for bytes in
        ["", "HTT", "HTTP/1.1 200 OK", "HTTP/1.1 200 OK\r\nContent-Len", "HTTP/1.1 200 OK\r\nA: b\r\n"]
    {
        for then in [Then::Close, Then::Reset] {
            assert_eq!(Lie::new(bytes, then).told().await, refused(), "{bytes:?} {then:?}");
        }
    }
}

/// What two readers could cut at different places is not passed on (RFC 9112 section 6.3).
#[tokio::test]
async fn s_2_answers_with_ambiguous_framing_are_refused() {
    for lines in [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5, 6",
        "Content-Length: +5",
        "Content-Length: -5",
        "Content-Length: 0x5",
        "Content-Length: 5 5",
        "Content-Length:",
        "Content-Length: five",
        "Content-Length: 99999999999999999999999",
        "Transfer-Encoding: identity",
        "Transfer-Encoding: gzip",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
        "Transfer-Encoding: chunked;a=b",
        "Transfer-Encoding:",
    ] {
        for then in [Then::Wait, Then::Close] {
            let lie = format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
            assert_eq!(Lie::new(lie, then).told().await, refused(), "{lines:?}");
        }
    }
    let lie = "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
    assert_eq!(Lie::new(lie, Then::Close).told().await, refused(), "HTTP/1.0 has no transfer codings");
}

#[tokio::test]
async fn interim_answers_are_not_the_answer() {
    let ok = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
    for interim in [
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 102 Processing\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\nSet-Cookie: __Host-doorward=x\r\n\r\n",
        "HTTP/1.1 199 Whatever\r\nContent-Length: 7\r\n\r\n",
    ] {
        assert_eq!(
            Lie::new(format!("{interim}{ok}"), Then::Wait).told().await,
            whole(200, "hello"),
            "{interim}"
        );
        let flood = format!("{}{ok}", interim.repeat(2000));
        assert_eq!(Lie::new(flood, Then::Wait).told().await, whole(200, "hello"), "{interim} 2000 times");
        assert_eq!(Lie::new(interim, Then::Close).told().await, refused(), "{interim} and nothing else");
    }
}

/// Nobody asked: what follows would be nobody's answer.
#[tokio::test]
async fn s_1_p_14_a_switch_that_nobody_asked_for_is_refused() {
    for lines in
        ["Upgrade: websocket\r\nConnection: Upgrade\r\n", "Upgrade: h2c\r\nConnection: Upgrade\r\n", ""]
    {
        let lie = format!("HTTP/1.1 101 Switching Protocols\r\n{lines}\r\nHTTP/1.1 200 OK\r\n\r\nevil");
        assert_eq!(Lie::new(lie, Then::Wait).told().await, refused(), "{lines}");
    }
}

#[tokio::test]
async fn heads_may_trickle_and_be_long_up_to_a_limit() {
    let ok = "HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello";
    assert_eq!(Lie::trickled(ok, Then::Wait).told().await, whole(200, "hello"));
    assert_eq!(Lie::trickled(ok, Then::Close).told().await, whole(200, "hello"));
    let head = |line: &str, times: usize| {
        format!("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n{}\r\nhello", line.repeat(times))
    };
    assert_eq!(Lie::new(head("X-A: b\r\n", 60), Then::Wait).told().await, whole(200, "hello"));
    let long = format!("X-A: {}\r\n", "x".repeat(2 * 1024 * 1024));
    assert_eq!(Lie::new(head(&long, 1), Then::Wait).told().await, refused());
    assert_eq!(Lie::new(head("X-A: b\r\n", 100_000), Then::Wait).told().await, refused());
}

/// Old servers end lines with a line feed alone; that has one meaning.
#[tokio::test]
async fn plain_line_feeds_and_http_1_0_are_understood() {
    assert_eq!(
        Lie::new("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", Then::Wait).told().await,
        whole(200, "hello")
    );
    assert_eq!(Lie::new("HTTP/1.0 200 OK\r\n\r\nhello", Then::Close).told().await, whole(200, "hello"));
    assert_eq!(
        Lie::new("HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello", Then::Wait).told().await,
        whole(200, "hello")
    );
    assert_eq!(
        Lie::new("HTTP/1.1 999 Odd\r\nContent-Length: 5\r\n\r\nhello", Then::Wait).told().await,
        whole(999, "hello")
    );
    assert_ne!(
        Lie::new("HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nhello", Then::Close).told().await,
        whole(200, "hello")
    );
    assert_eq!(
        Lie::new("HTTP/1.0 200 OK\r\nContent-Length: 9\r\n\r\nhello", Then::Close).told().await,
        Outcome::Cut
    );
}
