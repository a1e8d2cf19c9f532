//! One request and its answer: enough of HTTP for a check before the load.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context as _, Result};

/// What came back.
#[derive(PartialEq, Eq, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

/// What requests name as their host.
pub(super) fn authority(host: &str, port: u16) -> String {
    format!("{host}:{port}")
}

/// Asks the server on `port` for `path` of `host`, as a program would, not as a browser.
pub(super) fn get(port: u16, host: &str, path: &str, cookie: Option<&str>) -> Result<Answer> {
    let mut stream =
        TcpStream::connect(("127.0.0.1", port)).with_context(|| format!("nobody listens on port {port}"))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let cookie = cookie.map_or_else(String::new, |cookie| format!("Cookie: {cookie}\r\n"));
    let host = authority(host, port);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\n{cookie}Connection: close\r\n\r\n")?;
    let mut text = Vec::new();
    stream.read_to_end(&mut text).context("the answer did not end")?;
    parse(&String::from_utf8_lossy(&text)).context("the answer is not HTTP")
}

fn parse(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()?;
    Some(Answer { status, body: body.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read() {
        let read = parse("HTTP/1.1 401 Unauthorized\r\nA: b\r\n\r\nno\n");
        assert_eq!(read, Some(Answer { status: 401, body: "no\n".to_owned() }));
        assert_eq!(parse("nonsense"), None);
    }
}
