//! Bodies that are shorter or longer than was said, or are none.

use super::{Lie, Outcome, Then, whole};

/// A whole answer that nobody asked for.
const EVIL: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil";

/// Nobody takes a part for the whole: the client's connection is cut.
#[tokio::test]
async fn s_2_a_body_that_ends_early_cuts_the_connection() {
    for answer in [
        "Content-Length: 10\r\n\r\nhello",
        "Content-Length: 10\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5",
        "Transfer-Encoding: chunked\r\n\r\n5\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhel",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
        "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n",
    ] {
        for then in [Then::Close, Then::Reset] {
            let lie = format!("HTTP/1.1 200 OK\r\n{answer}");
            assert_eq!(Lie::new(lie, then).told().await, Outcome::Cut, "{answer:?} {then:?}");
        }
    }
    let reset = Lie::new("HTTP/1.1 200 OK\r\n\r\nhello", Then::Reset);
    assert_eq!(reset.told().await, Outcome::Cut, "a reset is no end of a body");
}

#[tokio::test]
async fn s_5_chunks_that_are_none_cut_the_connection() {
    for chunks in [
        "zz\r\nhello\r\n0\r\n\r\n",
        "-5\r\nhello\r\n0\r\n\r\n",
        "+5\r\nhello\r\n0\r\n\r\n",
        "0x5\r\nhello\r\n0\r\n\r\n",
        "\r\nhello\r\n0\r\n\r\n",
        "5 5\r\nhello\r\n0\r\n\r\n",
        "ffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        "fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
        "100000000000000005\r\nhello\r\n0\r\n\r\n",
        "3\r\nhello\r\n0\r\n\r\n",
        "5\r\nhelloX\r\n0\r\n\r\n",
        "5\r\nhello0\r\n\r\n",
        "5\rhello\r\n0\r\n\r\n",
        "5\r\nhello\r\n0\r\nbad trailer\r\n\r\n",
        "5;\0\r\nhello\r\n0\r\n\r\n\0",
    ] {
        let lie = format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}");
        let told = Lie::new(lie, Then::Close).told().await;
        // A surplus in an extension is the one thing that has no effect on where the body ends.
        assert!(
            told == Outcome::Cut || chunks.starts_with("5;") && told == whole(200, "hello"),
            "{chunks:?}: {told:?}"
        );
    }
    let endless =
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;{}", "x".repeat(1024 * 1024));
    assert_eq!(Lie::new(endless, Then::Wait).told().await, Outcome::Cut, "an extension without end");
    let many = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n{}\r\n",
        "A: b\r\n".repeat(100_000)
    );
    assert_eq!(Lie::new(many, Then::Wait).told().await, Outcome::Cut, "trailers without end");
}

/// What comes after the end of an answer is nobody's answer.
#[tokio::test]
async fn s_2_what_follows_an_answer_is_given_to_nobody() {
    for (method, answer, expected) in [
        ("GET", "200 OK\r\nContent-Length: 5\r\n\r\nhello", whole(200, "hello")),
        ("GET", "200 OK\r\nContent-Length: 0\r\n\r\n", whole(200, "")),
        ("GET", "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", whole(200, "hello")),
        ("GET", "204 No Content\r\n\r\n", whole(204, "")),
        ("GET", "204 No Content\r\nContent-Length: 5\r\n\r\nhello", whole(204, "")),
        (
            "GET",
            "204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            whole(204, ""),
        ),
        ("GET", "304 Not Modified\r\n\r\nhello", whole(304, "")),
        ("GET", "304 Not Modified\r\nContent-Length: 5\r\n\r\nhello", whole(304, "")),
        (
            "GET",
            "304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
            whole(304, ""),
        ),
        ("HEAD", "200 OK\r\nContent-Length: 5\r\n\r\nhello", whole(200, "")),
        ("HEAD", "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", whole(200, "")),
        ("HEAD", "200 OK\r\n\r\nhello", whole(200, "")),
    ] {
        for then in [Then::Wait, Then::Close, Then::Reset] {
            for surplus in [EVIL, "\r\n\r\n", "x", "\0"] {
                let lie = format!("HTTP/1.1 {answer}{surplus}");
                let told = Lie::to(method, &lie, then).told().await;
                // A reset may overtake what was sent before it.
                let cut =
                    matches!(then, Then::Reset) && matches!(told, Outcome::Cut | Outcome::Answer(502, _));
                assert!(told == expected || cut, "{method} {answer:?} {surplus:?} {then:?}: {told:?}");
            }
        }
    }
}

/// The answers that have a length and no body.
#[tokio::test]
async fn answers_without_a_body_leave_the_connection_as_it_is() {
    for (method, answer, status) in [
        ("HEAD", "200 OK\r\nContent-Length: 5\r\n\r\n", 200),
        ("HEAD", "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200),
        ("HEAD", "200 OK\r\n\r\n", 200),
        ("GET", "304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304),
        ("GET", "304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n", 304),
        ("GET", "204 No Content\r\nContent-Length: 0\r\n\r\n", 204),
        ("GET", "205 Reset Content\r\nContent-Length: 0\r\n\r\n", 205),
    ] {
        let lie = Lie::to(method, &format!("HTTP/1.1 {answer}"), Then::Wait);
        assert_eq!(lie.told().await, whole(status, ""), "{method} {answer:?}");
    }
}

#[tokio::test]
async fn bodies_may_trickle() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;a=b\r\nllo\r\n0\r\nA: b\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n00005\r\nhello\r\n000\r\n\r\n",
    ] {
        assert_eq!(Lie::trickled(answer, Then::Wait).told().await, whole(200, "hello"), "{answer:?}");
    }
    let closed = Lie::trickled("HTTP/1.1 200 OK\r\n\r\nhello", Then::Close);
    assert_eq!(closed.told().await, whole(200, "hello"));
}

/// Trailers say nothing about framing, and set none of our cookies.
#[tokio::test]
async fn e_14_trailers_carry_no_header_that_means_something() {
    for trailer in [
        "Set-Cookie: __Host-doorward=x",
        "Content-Length: 100",
        "Transfer-Encoding: chunked",
        "Connection: close",
        "Clear-Site-Data: \"cookies\"",
    ] {
        let name = trailer.split(':').next().unwrap();
        let lie = format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: {name}, x-ok\r\n\r\n5\r\nhello\r\n0\r\n{trailer}\r\nx-ok: 1\r\n\r\n"
        );
        let gate = crate::harness::Gate::before(Lie::new(lie, Then::Wait).start().await);
        let mut wire = gate.connect().await;
        wire.send("GET /lie HTTP/1.1\r\nHost: www.test\r\nTE: trailers\r\nConnection: close\r\n\r\n").await;
        let all = wire.rest().await;
        let trailers = all.split_once("0\r\n").unwrap().1;
        assert_eq!(trailers, "x-ok: 1\r\n\r\n", "{trailer}: {all}");
    }
}
