//! Bytes on the wire: requests that no HTTP library would send, and an application that keeps what reached it.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpSocket, TcpStream},
    sync::broadcast,
};

/// Longer than anything here takes; only a failure waits for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    /// The first header of this name.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The request that the application shows, if this is its answer.
    pub(crate) fn shown(&self) -> Option<Value> {
        let shown: Value = serde_json::from_slice(&self.body).ok()?;
        shown["target"].is_string().then_some(shown)
    }

    /// Every value of a header that the application received, under any alias of its name.
    pub(crate) fn received(&self, name: &str) -> Vec<String> {
        let shown = self.shown().unwrap_or_else(|| panic!("{self:?}"));
        let canonical = |name: &str| name.replace(['_', '.'], "-").to_ascii_lowercase();
        let alike = shown["headers"].as_object().unwrap().iter();
        let alike = alike.filter(|(found, _)| canonical(found) == canonical(name));
        alike
            .flat_map(|(_, values)| values.as_array().unwrap().clone())
            .map(|value| value.as_str().unwrap().to_owned())
            .collect()
    }

    fn read(head: &str) -> Self {
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.filter_map(|line| line.split_once(':'));
        Self {
            status,
            headers: headers
                .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
                .collect(),
            body: Vec::new(),
        }
    }
}

/// The head of a request for `host`, with header lines of one's own, each ended by CRLF.
pub(crate) fn head(method: &str, target: &str, host: &str, lines: &str) -> String {
    format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n{lines}\r\n")
}

/// A connection.
pub(crate) struct Wire {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Wire {
    /// Connects from 127.0.0.1.
    pub(crate) async fn to(address: SocketAddr) -> Self {
        Self::from(IpAddr::from([127, 0, 0, 1]), address).await
    }

    /// Connects from `source`.
    pub(crate) async fn from(source: IpAddr, address: SocketAddr) -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(SocketAddr::new(source, 0)).unwrap();
        let stream = socket.connect(address).await.unwrap();
        Self { stream, buffer: Vec::new() }
    }

    /// Writes; that the other side has closed already shows at the next read.
    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref()).await;
    }

    /// The next answer; `None` when the connection ends before one is complete.
    pub(crate) async fn reply(&mut self) -> Option<Reply> {
        let mut reply = self.reply_head().await?;
        if let Some(length) = reply.header("content-length") {
            let length: usize = length.parse().unwrap();
            reply.body = self.take(length).await?;
        } else if reply.header("transfer-encoding").is_some() {
            while let Some(chunk) = self.chunk().await {
                if chunk.is_empty() {
                    return Some(reply);
                }
                reply.body.extend(chunk);
            }
            return None;
        }
        Some(reply)
    }

    /// The head of the next answer, for one whose body does not end.
    pub(crate) async fn reply_head(&mut self) -> Option<Reply> {
        let end = self.find(b"\r\n\r\n").await?;
        let head: Vec<u8> = self.buffer.drain(..end + 4).collect();
        Some(Reply::read(String::from_utf8_lossy(&head).trim_end()))
    }

    /// The next chunk of a body; empty at its end, `None` when it breaks off.
    pub(crate) async fn chunk(&mut self) -> Option<Vec<u8>> {
        let end = self.find(b"\r\n").await?;
        let size: Vec<u8> = self.buffer.drain(..end + 2).collect();
        let size = usize::from_str_radix(std::str::from_utf8(&size).unwrap().trim(), 16).unwrap();
        let mut chunk = self.take(size + 2).await?;
        chunk.truncate(size);
        Some(chunk)
    }

    /// The next `count` bytes.
    pub(crate) async fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        while self.buffer.len() < count {
            self.fill().await?;
        }
        Some(self.buffer.drain(..count).collect())
    }

    /// Waits for the end of the connection: what came before it.
    pub(crate) async fn rest(&mut self) -> Vec<u8> {
        while self.fill().await.is_some() {}
        std::mem::take(&mut self.buffer)
    }

    async fn find(&mut self, what: &[u8]) -> Option<usize> {
        loop {
            let found = self.buffer.windows(what.len()).position(|window| window == what);
            if found.is_some() {
                return found;
            }
            self.fill().await?;
        }
    }

    async fn fill(&mut self) -> Option<()> {
        let read = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.buffer)).await;
        let read = read.unwrap_or_else(|_| panic!("nothing came, and nothing ended: {:?}", self.buffer));
        read.ok().filter(|count| *count > 0).map(drop)
    }
}

/// One request on a connection of its own.
pub(crate) async fn ask(address: SocketAddr, bytes: impl AsRef<[u8]>) -> Option<Reply> {
    let mut wire = Wire::to(address).await;
    wire.send(bytes).await;
    wire.reply().await
}

/// An application that keeps the requests that reach it, as bytes. It echoes on WebSockets and streams at `…/events`.
pub(crate) struct Application {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    events: broadcast::Sender<String>,
}

impl Application {
    /// Starts it on a free port. `extra` are header lines of every ordinary answer.
    pub(crate) async fn start(extra: &'static str) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (events, _) = broadcast::channel(16);
        let (kept, said) = (Arc::clone(&requests), events.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let wire = Wire { stream, buffer: Vec::new() };
                tokio::spawn(serve(wire, extra, Arc::clone(&kept), said.clone()));
            }
        });
        Self { address, requests, events }
    }

    /// What reached it since the last time.
    pub(crate) fn requests(&self) -> Vec<String> {
        std::mem::take(&mut *self.requests.lock().unwrap())
    }

    /// Sends a chunk on every open stream.
    pub(crate) fn say(&self, text: &str) {
        let _ = self.events.send(text.to_owned());
    }
}

async fn serve(
    mut wire: Wire,
    extra: &'static str,
    kept: Arc<Mutex<Vec<String>>>,
    said: broadcast::Sender<String>,
) -> Option<()> {
    loop {
        // An idle connection may stay as long as the proxy likes.
        let end = loop {
            if let Some(end) = wire.buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            wire.stream.read_buf(&mut wire.buffer).await.ok().filter(|count| *count > 0)?;
        };
        let head: Vec<u8> = wire.buffer.drain(..end).collect();
        let mut request = String::from_utf8_lossy(&head).into_owned();
        let lower = request.to_ascii_lowercase();
        if let Some((_, length)) = lower.split_once("content-length: ") {
            let length = length.split("\r\n").next()?.parse().ok()?;
            request.push_str(&String::from_utf8_lossy(&wire.take(length).await?));
        } else if lower.contains("transfer-encoding: chunked") {
            let end = wire.find(b"0\r\n").await?;
            let body: Vec<u8> = wire.buffer.drain(..end + 3).collect();
            let end = wire.find(b"\r\n").await?;
            let trailers: Vec<u8> = wire.buffer.drain(..end + 2).collect();
            request.push_str(&String::from_utf8_lossy(&[body, trailers].concat()));
        }
        // Subscribed before the answer: whoever has the answer may speak.
        let events = said.subscribe();
        kept.lock().unwrap().push(request);
        if lower.contains("\r\nupgrade: websocket") {
            wire.send(
                // The answer to the example key of RFC 6455 section 1.3: some proxies look for one.
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                 Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
            )
            .await;
            return echo(wire).await;
        }
        if lower.split(' ').nth(1)?.ends_with("/events") {
            return stream(wire, events).await;
        }
        wire.send(format!("HTTP/1.1 200 OK\r\n{extra}Content-Length: 2\r\n\r\nok")).await;
    }
}

async fn echo(mut wire: Wire) -> Option<()> {
    loop {
        let bytes = std::mem::take(&mut wire.buffer);
        wire.send(bytes).await;
        wire.stream.read_buf(&mut wire.buffer).await.ok().filter(|count| *count > 0)?;
    }
}

async fn stream(mut wire: Wire, mut events: broadcast::Receiver<String>) -> Option<()> {
    wire.send("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        .await;
    while let Ok(text) = events.recv().await {
        wire.send(format!("{:x}\r\n{text}\r\n", text.len())).await;
    }
    Some(())
}
