//! An application for what `wrk` can't show, bodies of any size, WebSockets and events, and the clients for it. Both
//! are threads of this program.

use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc::{self, Receiver, Sender},
    thread,
    time::Duration,
};

use anyhow::{Context as _, Result, ensure};

use super::http;

/// Bytes that go in one piece.
const PIECE: usize = 64 * 1024;
/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// The application. It answers `/bytes/N` with as many bytes, takes any body, switches to a WebSocket on `/socket`,
/// and begins a stream of events on `/events`. Open streams come out of `opened`.
pub(super) struct Application {
    pub(super) port: u16,
    pub(super) opened: Receiver<TcpStream>,
}

impl Application {
    pub(super) fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let (open, opened) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let open = open.clone();
                // A client that goes away ends its thread.
                thread::spawn(move || serve(stream, &open).ok());
            }
        });
        Ok(Self { port, opened })
    }
}

fn serve(mut stream: TcpStream, open: &Sender<TcpStream>) -> Result<()> {
    stream.set_nodelay(true)?;
    loop {
        let head = head(&mut stream)?;
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        if path == "/socket" || path == "/events" {
            let answer = if path == "/socket" {
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
            } else {
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
            };
            stream.write_all(answer.as_bytes())?;
            // Nobody to take it means that the row is over.
            let _ = open.send(stream);
            return Ok(());
        }
        take_body(&mut stream, &head)?;
        let size: usize = path.strip_prefix("/bytes/").and_then(|size| size.parse().ok()).unwrap_or(0);
        write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n")?;
        give_body(&mut stream, size)?;
    }
}

/// Reads a head, byte for byte: what follows it is not its own.
fn head(stream: &mut TcpStream) -> Result<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.extend(byte);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

fn take_body(stream: &mut impl Read, head: &str) -> Result<usize> {
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    let mut left: usize = length.unwrap_or(0);
    let whole = left;
    let mut piece = vec![0; PIECE];
    while left > 0 {
        let wanted = left.min(PIECE);
        stream.read_exact(&mut piece[..wanted])?;
        left -= wanted;
    }
    Ok(whole)
}

fn give_body(stream: &mut impl Write, mut size: usize) -> Result<()> {
    let piece = vec![b'x'; PIECE];
    while size > 0 {
        let now = size.min(PIECE);
        stream.write_all(&piece[..now])?;
        size -= now;
    }
    Ok(())
}

/// What stays open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Stream {
    WebSocket,
    Events,
}

/// A client with a connection to the server that is measured.
pub(super) struct Client<'a> {
    pub(super) port: u16,
    pub(super) host: &'a str,
    pub(super) cookie: &'a str,
}

impl Client<'_> {
    fn ask(&self, method: &str, path: &str, lines: &str) -> Result<TcpStream> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        let (host, cookie) = (http::authority(self.host, self.port), self.cookie);
        // In one piece, as clients send it: written bit by bit it would arrive so, and be collected in a larger buffer.
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n{lines}\r\n");
        stream.write_all(head.as_bytes())?;
        Ok(stream)
    }

    /// Receives a body of `size` bytes.
    pub(super) fn download(&self, size: usize) -> Result<()> {
        let mut stream = self.ask("GET", &format!("/bytes/{size}"), "")?;
        let head = head(&mut stream)?;
        ensure!(head.starts_with("HTTP/1.1 200 "), "the answer to a download: {head}");
        let received = take_body(&mut stream, &head)?;
        ensure!(received == size, "{received} bytes of {size} were received");
        Ok(())
    }

    /// Sends a body of `size` bytes.
    pub(super) fn upload(&self, size: usize) -> Result<()> {
        let mut stream = self.ask("POST", "/", &format!("Content-Length: {size}\r\n"))?;
        give_body(&mut stream, size)?;
        let head = head(&mut stream)?;
        ensure!(head.starts_with("HTTP/1.1 200 "), "the answer to an upload: {head}");
        Ok(())
    }

    /// Opens a stream that stays.
    pub(super) fn open(&self, kind: Stream) -> Result<TcpStream> {
        match kind {
            Stream::WebSocket => self.websocket(),
            Stream::Events => self.events(),
        }
    }

    /// Opens a WebSocket, or whatever is one to a proxy.
    fn websocket(&self) -> Result<TcpStream> {
        let origin = format!("Origin: http://{}\r\n", http::authority(self.host, self.port));
        let lines = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n";
        let mut stream = self.ask("GET", "/socket", &(origin + lines))?;
        let head = head(&mut stream)?;
        ensure!(head.starts_with("HTTP/1.1 101 "), "the answer to an upgrade: {head}");
        Ok(stream)
    }

    /// Begins to receive events.
    fn events(&self) -> Result<TcpStream> {
        let mut stream = self.ask("GET", "/events", "Accept: text/event-stream\r\n")?;
        let head = head(&mut stream)?;
        ensure!(head.starts_with("HTTP/1.1 200 "), "the answer to a request for events: {head}");
        Ok(stream)
    }
}

/// Sends one event into each stream, and waits until it has come out on the other side.
pub(super) fn send_event(sources: &mut [TcpStream], clients: &mut [TcpStream]) -> Result<()> {
    const EVENT: &str = "data: tick\n\n";
    let chunk = format!("{:x}\r\n{EVENT}\r\n", EVENT.len());
    for source in sources {
        source.write_all(chunk.as_bytes())?;
    }
    for client in clients {
        let mut received = vec![0; chunk.len()];
        client.read_exact(&mut received).context("an event did not arrive")?;
        ensure!(received.windows(EVENT.len()).any(|part| part == EVENT.as_bytes()), "something else arrived");
    }
    Ok(())
}

/// Sends one byte from each client, and waits until it has come out on the other side.
pub(super) fn send_byte(clients: &mut [TcpStream], served: &mut [TcpStream]) -> Result<()> {
    let mut byte = [7];
    for client in clients {
        client.write_all(&byte)?;
    }
    for stream in served {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.read_exact(&mut byte).context("a byte did not arrive")?;
    }
    Ok(())
}
