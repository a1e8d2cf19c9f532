//! A tiny HTTP server on the loopback for the tests of this crate: one answer per connection.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

/// One request as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) from: IpAddr,
    /// The request line and the headers.
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Seen {
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    /// All values of a header, in order.
    pub(crate) fn header(&self, name: &str) -> Vec<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value).collect()
    }
}

type Answer = dyn Fn(&Seen) -> String + Send + Sync;

/// The server; it ends with the runtime of the test.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    pub(crate) async fn start(answer: impl Fn(&Seen) -> String + Send + Sync + 'static) -> Self {
        Self::start_with(None, Arc::new(answer)).await
    }

    pub(crate) async fn start_with(tls: Option<TlsAcceptor>, answer: Arc<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        tokio::spawn(async move {
            loop {
                let (stream, peer) = listener.accept().await.unwrap();
                let Some(tls) = &tls else {
                    serve(stream, peer.ip(), &answer, &log).await;
                    continue;
                };
                if let Ok(stream) = tls.accept(stream).await {
                    serve(stream, peer.ip(), &answer, &log).await;
                }
            }
        });
        Self { address, seen }
    }

    /// The requests so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    from: IpAddr,
    answer: &Arc<Answer>,
    log: &Mutex<Vec<Seen>>,
) {
    let mut received = Vec::new();
    let seen = loop {
        if stream.read_buf(&mut received).await.unwrap_or(0) == 0 {
            return;
        }
        let text = String::from_utf8_lossy(&received);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let seen = Seen { from, head: head.to_owned(), body: body.to_owned() };
        let expected = seen.header("content-length").first().map_or(0, |length| length.parse().unwrap());
        if body.len() >= expected {
            break seen;
        }
    };
    let reply = answer(&seen);
    log.lock().unwrap().push(seen);
    // The client may hang up first, as after a body that is too long.
    let _ = stream.write_all(reply.as_bytes()).await;
    let _ = stream.shutdown().await;
}

/// An answer with a body; `headers` are whole lines, each with its line break.
pub(crate) fn answer(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} Whatever\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// A redirect.
pub(crate) fn redirect(status: u16, to: &str) -> String {
    answer(status, &format!("Location: {to}\r\n"), "")
}
