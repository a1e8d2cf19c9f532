//! Requests that hide another one: however they are spelled, the upstream sees what was judged, and nothing else.

use crate::{harness::Gate, upstream::Echo};

const INNER: &str = "GET /smuggled HTTP/1.1\r\nHost: www.test\r\nX-Inner: 1\r\n\r\n";

/// Neither the head nor the chunks have room for a second reading.
#[tokio::test]
async fn s_2_s_5_what_has_two_readings_is_not_forwarded() {
    let chunked = "POST /a HTTP/1.1\r\nHost: www.test\r\nTransfer-Encoding: chunked\r\n\r\n";
    for request in [
        format!("POST /a HTTP/1.1\r\nHost: www.test\r\nX: a\rContent-Length: 5\r\n\r\n{INNER}"),
        format!("POST /a HTTP/1.1\r\nHost: www.test\r\nX: a\0\r\nContent-Length: 5\r\n\r\n{INNER}"),
        format!("POST /a HTTP/1.1\r\nHost: www.test\r\nContent-Length: 5\r\n x\r\n\r\n{INNER}"),
        format!("POST /a HTTP/1.1\r\nHost: www.test\r\nContent\u{b}Length: 5\r\n\r\n{INNER}"),
        format!("POST /a HTTP/1.1\r\nHost: www.test\r\nContent-Length: 5\u{b}\r\n\r\n{INNER}"),
        format!("POST /a HTTP/1.1\r\nHost: www.test\r\nContent-Length: 5e1\r\n\r\n{INNER}"),
        format!("POST /a HTTP/1.1\r\nHost: www.test\r\nContent-Length: ٥\r\n\r\n{INNER}"),
        format!(
            "POST /a HTTP/1.1\r\nHost: www.test\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n{INNER}"
        ),
        format!("POST /a HTTP/1.1\r\nHost: www.test\r\nTransfer-Encoding: chunked,\r\n\r\n0\r\n\r\n{INNER}"),
        format!("POST /a HTTP/1.1\r\nHost: www.test\r\nTransfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n{INNER}"),
        format!(
            "POST /a HTTP/1.1\r\nHost: www.test\r\nTransfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n{INNER}"
        ),
        format!(
            "POST /a HTTP/1.1\r\nHost: www.test\r\nTransfer-Encoding: chunKed\u{212a}\r\n\r\n0\r\n\r\n{INNER}"
        ),
        format!(
            "POST /a HTTP/1.0\r\nHost: www.test\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n{INNER}"
        ),
        format!("POST /a  HTTP/1.1\r\nHost: www.test\r\n\r\n{INNER}"),
        format!("POST /a b HTTP/1.1\r\nHost: www.test\r\n\r\n{INNER}"),
        format!("POST /a HTTP/1.1 \r\nHost: www.test\r\n\r\n{INNER}"),
        format!("POST /a HTTP/1.1 HTTP/1.1\r\nHost: www.test\r\n\r\n{INNER}"),
        format!("POST\t/a\tHTTP/1.1\r\nHost: www.test\r\n\r\n{INNER}"),
        format!("\0POST /a HTTP/1.1\r\nHost: www.test\r\n\r\n{INNER}"),
        format!("POST /a HTTP/1.1\r\n Host: www.test\r\nHost: notes.test\r\n\r\n{INNER}"),
        format!("{chunked}5;\nhello\r\n0\r\n\r\n{INNER}"),
        format!("{chunked}5;a\nhello\r\n0\r\n\r\n{INNER}"),
        format!("{chunked}5\nhello\n0\n\n{INNER}"),
        format!("{chunked}5\rhello\r\n0\r\n\r\n{INNER}"),
        format!("{chunked}5\r\nhello0\r\n\r\n{INNER}"),
        format!("{chunked}5\r\nhelloxx0\r\n\r\n{INNER}"),
        format!("{chunked}5\r\nhello\n0\r\n\r\n{INNER}"),
        format!("{chunked}0x5\r\nhello\r\n0\r\n\r\n{INNER}"),
        format!("{chunked}+5\r\nhello\r\n0\r\n\r\n{INNER}"),
        format!("{chunked}5_0\r\nhello\r\n0\r\n\r\n{INNER}"),
        format!("{chunked}10000000000000005\r\nhello\r\n0\r\n\r\n{INNER}"),
        format!("{chunked}\r\n5\r\nhello\r\n0\r\n\r\n{INNER}"),
        format!("{chunked}0\r\nbad trailer\r\n\r\n{INNER}"),
    ] {
        let shown = request.escape_debug();
        let echo = Echo::start().await;
        let gate = Gate::before(echo.address);
        let mut wire = gate.connect().await;
        wire.send(&request).await;
        let all = wire.rest().await;
        assert!(!all.contains(" 200 "), "{shown}: {all:?}");
        let requests = echo.requests();
        // The head alone may have gone out before the chunks were seen; the upstream never got to its end.
        assert!(requests <= usize::from(request.starts_with(chunked)), "{shown}: {requests}");
    }
}

/// Header lines and body of a request for `/a` with one reading, the body that the upstream gets, and whether what
/// follows is a request of its own. `LONG` is the length of `INNER`, in decimal; `HEX` in hexadecimal.
const ONE_READING: &[(&str, &str, &str, &str, bool)] = &[
    // `Connection` takes no part of the framing away.
    ("GET", "Connection: content-length\r\nContent-Length: LONG", "INNER", "INNER", false),
    ("POST", "Connection: content-length\r\nContent-Length: LONG", "INNER", "INNER", false),
    ("POST", "Connection: transfer-encoding\r\nTransfer-Encoding: chunked", CHUNK, "INNER", false),
    ("GET", "Transfer-Encoding: chunked", CHUNK, "INNER", false),
    ("OPTIONS", "Content-Length: LONG", "INNER", "INNER", false),
    ("POST", "Content-Length: 00LONG", "INNER", "INNER", false),
    ("POST", "Content-Length: LONG\r\nContent-Length: LONG", "INNER", "INNER", false),
    // An upgrade that is none changes nothing.
    (
        "POST",
        "Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\nContent-Length: LONG",
        "INNER",
        "INNER",
        false,
    ),
    // A body of none, and a request behind it.
    ("POST", "X: 1", "INNER", "", true),
    ("POST", "Content-Length: 0", "INNER", "", true),
    ("POST", "Transfer-Encoding: chunked", "0\r\nContent-Length: 9\r\n\r\nINNER", "", true),
    ("POST", "Transfer-Encoding: chunked", "5;a=\"b\"\r\nhello\r\n0\r\n\r\nINNER", "hello", true),
    // Aliases of framing are no framing, and go no further.
    (
        "POST",
        "Content_Length: 3\r\nTransfer_Encoding: chunked\r\nContent-Length: 5",
        "helloINNER",
        "hello",
        true,
    ),
    (
        "POST",
        "Content.Length: 3\r\nTransfer~Encoding: chunked\r\nContent-Length: 5",
        "helloINNER",
        "hello",
        true,
    ),
];

const CHUNK: &str = "HEX\r\nINNER\r\n0\r\n\r\n";

/// What has one reading is forwarded with framing of our own, and what follows is a request of its own.
#[tokio::test]
async fn s_2_s_5_what_has_one_reading_is_framed_anew() {
    let fill = |text: &str| {
        let text = text.replace("HEX", &format!("{:x}", INNER.len())).replace("INNER", INNER);
        text.replace("LONG", &INNER.len().to_string())
    };
    for (method, lines, sent, body, another) in ONE_READING {
        let echo = Echo::start().await;
        let gate = Gate::before(echo.address);
        let mut wire = gate.connect().await;
        wire.send(fill(&format!("{method} /a HTTP/1.1\r\nHost: www.test\r\n{lines}\r\n\r\n{sent}"))).await;
        let first = wire.answer().await;
        assert_eq!(first.echoed_body(), fill(body), "{method} {lines}");
        for name in first.echoed().names() {
            let folded = name.replace(['_', '.', '~'], "-");
            let framing = matches!(&*folded, "content-length" | "transfer-encoding");
            assert!(!framing || folded == name, "{lines}: an alias of framing");
        }
        if *another {
            assert_eq!(wire.answer().await.echoed().first, "GET /smuggled HTTP/1.1", "{lines}");
        }
        assert_eq!(wire.get("www.test", "/last", "").await.echoed().first, "GET /last HTTP/1.1", "{lines}");
        assert_eq!(echo.requests(), 2 + usize::from(*another), "{lines}");
    }
}
