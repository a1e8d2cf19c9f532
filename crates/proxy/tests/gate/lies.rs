//! Upstreams that lie, trickle, reset and talk too much. Whatever they do, a client gets the answer to its own request,
//! a clean 502, or a connection that is cut; the next request gets its own answer, over the same connection and over
//! another.

mod bodies;
mod heads;

use std::net::SocketAddr;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::{harness::Gate, wire::soon};

/// What the upstream does after it has lied.
#[derive(Clone, Copy, Debug)]
enum Then {
    /// Waits for the next request on the same connection.
    Wait,
    /// Closes.
    Close,
    /// Resets the connection.
    Reset,
}

/// What becomes of the client's request.
#[derive(PartialEq, Eq, Debug)]
enum Outcome {
    /// A whole answer: status and body.
    Answer(u16, String),
    /// The connection ended in the middle of the answer, or before it.
    Cut,
}

/// An answer with this body.
fn whole(status: u16, body: &str) -> Outcome {
    Outcome::Answer(status, body.to_owned())
}

/// The clean refusal.
fn refused() -> Outcome {
    whole(502, "")
}

/// Bytes that an upstream sends for a request, piece by piece.
struct Lie {
    pieces: Vec<Vec<u8>>,
    then: Then,
    method: &'static str,
}

impl Lie {
    fn new(bytes: impl Into<Vec<u8>>, then: Then) -> Self {
        Self { pieces: vec![bytes.into()], then, method: "GET" }
    }

    fn to(method: &'static str, bytes: &str, then: Then) -> Self {
        Self { method, ..Self::new(bytes, then) }
    }

    /// Each byte in a packet of its own.
    fn trickled(bytes: &str, then: Then) -> Self {
        let pieces = bytes.bytes().map(|byte| vec![byte]).collect();
        Self { pieces, then, method: "GET" }
    }

    /// What a client sees of it. Fails if anybody's next answer is not their own.
    async fn told(self) -> Outcome {
        let method = self.method;
        let gate = Gate::before(self.start().await);
        let mut client = Client::connect(gate.address).await;
        let outcome = client.ask(method, "/lie").await;
        if matches!(outcome, Outcome::Answer(..)) && !client.ends {
            for path in ["/next/1", "/next/2"] {
                assert_eq!(client.ask("GET", path).await, whole(200, path), "over the same connection");
            }
        }
        let mut other = Client::connect(gate.address).await;
        for path in ["/other/1", "/other/2"] {
            assert_eq!(other.ask("GET", path).await, whole(200, path), "over another connection");
        }
        match outcome {
            // The words of a refusal are the control plane's.
            Outcome::Answer(502, _) => refused(),
            other => other,
        }
    }

    async fn start(self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let lie = std::sync::Arc::new(self);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).unwrap();
                let lie = std::sync::Arc::clone(&lie);
                tokio::spawn(async move { lie.serve(stream).await });
            }
        });
        address
    }

    async fn serve(&self, mut stream: TcpStream) {
        let mut read = Vec::new();
        while let Some(path) = request(&mut stream, &mut read).await {
            if path != "/lie" {
                let length = path.len();
                let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{path}");
                let _ = stream.write_all(answer.as_bytes()).await;
                continue;
            }
            for piece in &self.pieces {
                // The other side may have heard enough.
                if stream.write_all(piece).await.is_err() {
                    return;
                }
                tokio::task::yield_now().await;
            }
            match self.then {
                Then::Wait => {}
                Then::Close => return,
                Then::Reset => return stream.set_zero_linger().unwrap(),
            }
        }
    }
}

/// The path of the next request on a connection; `None` at its end.
async fn request(stream: &mut TcpStream, read: &mut Vec<u8>) -> Option<String> {
    loop {
        if let Some(end) = find(read, b"\r\n\r\n") {
            let rest = read.split_off(end + 4);
            let head = String::from_utf8(std::mem::replace(read, rest)).unwrap();
            return Some(head.split(' ').nth(1).unwrap().to_owned());
        }
        if stream.read_buf(read).await.unwrap_or(0) == 0 {
            return None;
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// A client that takes note of every byte.
struct Client {
    stream: TcpStream,
    read: Vec<u8>,
    /// The last answer said that the connection ends.
    ends: bool,
}

impl Client {
    async fn connect(address: SocketAddr) -> Self {
        let stream = soon(TcpStream::connect(address)).await.unwrap();
        Self { stream, read: Vec::new(), ends: false }
    }

    async fn ask(&mut self, method: &str, path: &str) -> Outcome {
        assert!(self.read.is_empty(), "before {path}: {:?}", String::from_utf8_lossy(&self.read));
        let request = format!("{method} {path} HTTP/1.1\r\nHost: www.test\r\nTE: trailers\r\n\r\n");
        soon(self.stream.write_all(request.as_bytes())).await.unwrap();
        loop {
            if let Some((status, body, length)) = answer(&self.read, method == "HEAD") {
                let head = String::from_utf8_lossy(&self.read).to_ascii_lowercase();
                self.ends = head.contains("\r\nconnection: close\r\n");
                self.read.drain(..length);
                return Outcome::Answer(status, body);
            }
            if soon(self.stream.read_buf(&mut self.read)).await.unwrap_or(0) == 0 {
                self.read.clear();
                return Outcome::Cut;
            }
        }
    }
}

/// Status, body and length of the answer that `bytes` begin with, once it is whole. One that is framed by the end of
/// the connection is never whole: nobody can tell it from one that was cut.
fn answer(bytes: &[u8], head_only: bool) -> Option<(u16, String, usize)> {
    let end = find(bytes, b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&bytes[..end]).unwrap().to_ascii_lowercase();
    let status: u16 = head.split(' ').nth(1).unwrap().parse().unwrap();
    let values = |name: &str| -> Vec<String> {
        let pairs = head.split("\r\n").filter_map(|line| line.split_once(": "));
        pairs.filter(|(found, _)| *found == name).map(|(_, value)| value.to_owned()).collect()
    };
    let (lengths, codings) = (values("content-length"), values("transfer-encoding"));
    assert!(lengths.len() + codings.len() < 2, "framed in two ways: {head}");
    if head_only || matches!(status, 100..200 | 204 | 304) {
        return Some((status, String::new(), end));
    }
    if let Some(length) = lengths.first() {
        let all = end + length.parse::<usize>().unwrap();
        return bytes.get(end..all).map(|body| (status, text(body), all));
    }
    assert_eq!(codings, ["chunked"], "{head}");
    let (body, all) = chunks(bytes, end)?;
    Some((status, body, all))
}

fn chunks(bytes: &[u8], mut at: usize) -> Option<(String, usize)> {
    let mut body = Vec::new();
    loop {
        let line = find(&bytes[at..], b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[at..at + line]).unwrap(), 16).unwrap();
        at += line + 2;
        if size == 0 {
            let trailers = find(&bytes[at - 2..], b"\r\n\r\n")?;
            return Some((text(&body), at + trailers + 2));
        }
        body.extend(bytes.get(at..at + size)?);
        assert_eq!(bytes.get(at + size..at + size + 2)?, b"\r\n");
        at += size + 2;
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
