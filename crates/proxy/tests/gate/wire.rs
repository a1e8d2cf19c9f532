//! The client side, byte by byte.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpStream,
};

/// Waits for what must happen soon.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it takes too long")
}

/// One side of a connection that speaks HTTP/1.1.
pub(crate) struct Wire<S = TcpStream> {
    pub(crate) stream: S,
    read: Vec<u8>,
}

/// The head of a message.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) first: String,
    lines: Vec<(String, String)>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: Head,
    pub(crate) body: String,
}

impl Head {
    fn parse(text: &str) -> Self {
        let mut lines = text.split("\r\n");
        let first = lines.next().unwrap().to_owned();
        let pairs = lines.map(|line| line.split_once(':').unwrap_or_else(|| panic!("no header: {line}")));
        let lines = pairs.map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned())).collect();
        Self { first, lines }
    }

    /// All values of a header.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        self.lines.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a header that is there at most once.
    pub(crate) fn one(&self, name: &str) -> Option<&str> {
        let found = self.all(name);
        assert!(found.len() < 2, "{name} came twice: {found:?}");
        found.first().copied()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(|(name, _)| name.as_str())
    }
}

impl Answer {
    /// The request that an echoing upstream received.
    pub(crate) fn echoed(&self) -> Head {
        assert_eq!(self.status, 200, "{self:?}");
        Head::parse(self.body.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no echo: {self:?}")).0)
    }

    /// The body that an echoing upstream received.
    pub(crate) fn echoed_body(&self) -> &str {
        self.body.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no echo: {self:?}")).1
    }
}

impl Wire {
    pub(crate) async fn connect(address: SocketAddr) -> Self {
        Self::new(soon(TcpStream::connect(address)).await.unwrap())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire<S> {
    pub(crate) fn new(stream: S) -> Self {
        Self { stream, read: Vec::new() }
    }

    /// Sends these bytes.
    pub(crate) async fn send(&mut self, text: impl AsRef<[u8]>) {
        soon(self.stream.write_all(text.as_ref())).await.unwrap();
    }

    /// Sends a request without a body and reads the answer; `headers` are whole lines.
    pub(crate) async fn get(&mut self, host: &str, path: &str, headers: &str) -> Answer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{headers}\r\n")).await;
        self.answer().await
    }

    async fn more(&mut self) -> bool {
        self.read.reserve(16 * 1024);
        match soon(self.stream.read_buf(&mut self.read)).await {
            Ok(count) => count > 0,
            // A connection that was cut with bytes of ours unread is reset.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => false,
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => false,
            Err(error) => panic!("{error}"),
        }
    }

    /// Reads up to and with `end`; what came before it.
    pub(crate) async fn until(&mut self, end: &str) -> String {
        loop {
            if let Some(at) = self.read.windows(end.len()).position(|window| window == end.as_bytes()) {
                let rest = self.read.split_off(at + end.len());
                let mut found = std::mem::replace(&mut self.read, rest);
                found.truncate(at);
                return String::from_utf8(found).unwrap();
            }
            let more = self.more().await;
            assert!(more, "ended after {:?}", String::from_utf8_lossy(&self.read));
        }
    }

    /// Reads `count` bytes.
    pub(crate) async fn exactly(&mut self, count: usize) -> String {
        while self.read.len() < count {
            let more = self.more().await;
            assert!(more, "ended after {:?}", String::from_utf8_lossy(&self.read));
        }
        let rest = self.read.split_off(count);
        String::from_utf8(std::mem::replace(&mut self.read, rest)).unwrap()
    }

    /// Reads `count` bytes that may be anything.
    pub(crate) async fn bytes(&mut self, count: usize) -> Vec<u8> {
        while self.read.len() < count {
            let more = self.more().await;
            assert!(more, "ended after {} bytes", self.read.len());
        }
        let rest = self.read.split_off(count);
        std::mem::replace(&mut self.read, rest)
    }

    /// Reads a head.
    pub(crate) async fn head(&mut self) -> Head {
        Head::parse(&self.until("\r\n\r\n").await)
    }

    /// Reads an answer to a request that was not HEAD.
    pub(crate) async fn answer(&mut self) -> Answer {
        let head = self.head().await;
        let status: u16 = head.first.split(' ').nth(1).unwrap().parse().unwrap();
        let body = if matches!(status, 204 | 304) {
            String::new()
        } else if head.one("transfer-encoding") == Some("chunked") {
            assert_eq!(head.one("content-length"), None, "framed in two ways");
            self.chunks().await
        } else if let Some(length) = head.one("content-length") {
            self.exactly(length.parse().unwrap()).await
        } else {
            self.rest().await
        };
        Answer { status, head, body }
    }

    /// Reads one chunk; empty for the last one.
    pub(crate) async fn chunk(&mut self) -> String {
        let size = usize::from_str_radix(&self.until("\r\n").await, 16).unwrap();
        if size == 0 {
            return String::new();
        }
        let chunk = self.exactly(size).await;
        assert_eq!(self.exactly(2).await, "\r\n");
        chunk
    }

    async fn chunks(&mut self) -> String {
        let mut body = String::new();
        loop {
            let chunk = self.chunk().await;
            if chunk.is_empty() {
                assert_eq!(self.until("\r\n").await, "", "trailers were not expected");
                return body;
            }
            body.push_str(&chunk);
        }
    }

    /// Says that there is nothing more to come from here, and reads everything until the other side closes.
    pub(crate) async fn settled(&mut self) -> String {
        let _ = self.stream.shutdown().await;
        self.rest().await
    }

    /// Everything until the other side closes.
    pub(crate) async fn rest(&mut self) -> String {
        while self.more().await {}
        String::from_utf8_lossy(&std::mem::take(&mut self.read)).into_owned()
    }
}
