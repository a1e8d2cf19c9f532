//! One request and its answer.

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::{Method, Request, Response, StatusCode, Version, request::Parts};
use http_body::Body as _;
use tokio::{io::AsyncWriteExt as _, task::JoinHandle};

use super::{Http1Error, body::Body, connection::Connection, request, response};
use crate::body::RequestBody;

/// Bytes of output up to which more of the body is awaited before they are written.
const GATHERED: usize = 4 * 1024;

/// A request that got no answer.
pub(crate) struct Unanswered {
    pub(crate) error: Http1Error,
    /// The request, if it may be sent once more: nothing of it was written, or it only reads, has no body, and no byte
    /// of an answer came (RFC 9110 section 9.2.2).
    pub(crate) unsent: Option<Request<RequestBody>>,
}

impl Connection {
    /// Sends a request and waits for the head of its answer. The connection comes back with the answer's body; when
    /// this is dropped before, it is closed, which tells the upstream to stop working.
    pub(crate) async fn exchange(
        mut self: Box<Self>,
        request: Request<RequestBody>,
    ) -> Result<Response<Body>, Box<Unanswered>> {
        let (head, body) = request.into_parts();
        let framing = match request::write_head(&mut self.output, &head, &body) {
            Ok(framing) => framing,
            Err(error) => return Err(Box::new(Unanswered { error, unsent: None })),
        };
        let mut exchange = Exchange::new(self, body, framing);
        let answer = poll_fn(|context| exchange.poll(&head.method, context)).await;
        match answer {
            Ok((answer, framing)) => Ok(exchange.answered(answer, framing)),
            Err(error) => Err(Box::new(exchange.unanswered(error, head))),
        }
    }
}

struct Exchange {
    connection: Box<Connection>,
    outgoing: Outgoing,
    /// The request was written whole.
    sent: bool,
    /// The upstream does not take any more. It may have said why.
    refused: Option<io::Error>,
    /// Something came back.
    heard: bool,
}

impl Exchange {
    fn new(connection: Box<Connection>, body: RequestBody, framing: request::Framing) -> Self {
        let gathered = framing == request::Framing::None;
        let outgoing = Outgoing { body, framing, gathered, touched: false };
        Self { connection, outgoing, sent: false, refused: None, heard: false }
    }

    /// Writes and reads at once: the answer may come before the request was sent whole.
    fn poll(
        &mut self,
        method: &Method,
        context: &mut Context<'_>,
    ) -> Poll<Result<(response::Head, response::Framing), Http1Error>> {
        if !self.sent && self.refused.is_none() {
            match self.outgoing.poll(&mut self.connection, context) {
                Poll::Ready(Ok(())) => self.sent = true,
                Poll::Ready(Err(Http1Error::Io(error))) => self.refused = Some(error),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {}
            }
        }
        loop {
            if let Some(head) = self.take_head()? {
                let framing = response::framing(method, &head)?;
                if head.status == StatusCode::SWITCHING_PROTOCOLS || !head.status.is_informational() {
                    return Poll::Ready(Ok((head, framing)));
                }
                // 100, 103 and the like: the answer that counts comes behind them.
                continue;
            }
            match ready!(self.connection.poll_fill(context)) {
                Ok(0) => {
                    let error = self.refused.take().map_or(Http1Error::Closed, Http1Error::Io);
                    return Poll::Ready(Err(error));
                }
                Ok(_) => self.heard = true,
                Err(error) => return Poll::Ready(Err(Http1Error::Io(error))),
            }
        }
    }

    fn take_head(&mut self) -> Result<Option<response::Head>, Http1Error> {
        if self.connection.input.is_empty() {
            Ok(None)
        } else {
            response::take_head(&mut self.connection.input)
        }
    }

    fn answered(self, head: response::Head, framing: response::Framing) -> Response<Body> {
        let response::Head { status, headers, keep_alive } = head;
        let body = if status == StatusCode::SWITCHING_PROTOCOLS {
            Body::switched(self.connection)
        } else if self.sent {
            Body::new(self.connection, framing, keep_alive)
        } else if self.refused.is_some() {
            Body::new(self.connection, framing, false)
        } else {
            let (reading, writing) = self.connection.split();
            let upload = Upload::start(writing, self.outgoing);
            Body::new(Box::new(reading), framing, false).with_upload(upload)
        };
        let mut response = Response::new(body);
        *response.status_mut() = status;
        *response.version_mut() = Version::HTTP_11;
        *response.headers_mut() = headers;
        response
    }

    fn unanswered(self, error: Http1Error, head: Parts) -> Unanswered {
        let Outgoing { body, framing, touched, .. } = self.outgoing;
        let broke = matches!(error, Http1Error::Io(_) | Http1Error::Closed);
        let reads = matches!(head.method, Method::GET | Method::HEAD | Method::OPTIONS);
        let unwritten = self.connection.wrote_nothing() && !touched;
        let harmless = reads && framing == request::Framing::None && body.is_end_stream() && !self.heard;
        let again = broke && (unwritten || harmless);
        Unanswered { error, unsent: again.then(|| Request::from_parts(head, body)) }
    }
}

/// The body of a request on its way.
struct Outgoing {
    body: RequestBody,
    framing: request::Framing,
    /// The body was read to its end, which may not be written yet.
    gathered: bool,
    /// Something was read of the body.
    touched: bool,
}

impl Outgoing {
    /// Writes what is there, and reads more of the body only when that is written: nothing piles up.
    fn poll(
        &mut self,
        connection: &mut Connection,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Http1Error>> {
        loop {
            let waits = self.gather(connection, context)?;
            ready!(connection.poll_send(context)).map_err(Http1Error::Io)?;
            if self.gathered {
                return Poll::Ready(Ok(()));
            }
            if waits {
                return Poll::Pending;
            }
        }
    }

    /// Puts a little of the body behind the head, so that both go in one segment. Whether the client makes us wait.
    fn gather(&mut self, connection: &mut Connection, context: &mut Context<'_>) -> Result<bool, Http1Error> {
        while !self.gathered && connection.piece.is_empty() && connection.output.len() < GATHERED {
            self.touched = true;
            match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        self.framing.write(&mut connection.output, &mut connection.piece, data)?;
                    }
                }
                Poll::Ready(Some(Err(error))) => return Err(Http1Error::RequestBody(error.to_string())),
                Poll::Ready(None) => {
                    self.framing.end(&mut connection.output)?;
                    self.gathered = true;
                }
                Poll::Pending => return Ok(true),
            }
        }
        Ok(false)
    }
}

/// The rest of a request whose answer came early. It goes on beside the answer, so that an upstream and a client that
/// both send never wait for each other.
pub(super) struct Upload(Option<JoinHandle<()>>);

impl Upload {
    fn start(mut connection: Connection, mut outgoing: Outgoing) -> Self {
        let sending = async move {
            if poll_fn(|context| outgoing.poll(&mut connection, context)).await.is_err() {
                // The other half may stay open for the answer; what was sent must not look complete.
                let (mut io, _) = connection.into_parts();
                let _ = io.shutdown().await;
            }
        };
        Self(Some(tokio::task::spawn_local(sending)))
    }

    /// The answer has been read; what was announced as a body is still sent as one, and then the connection is closed.
    pub(super) fn finish(mut self) {
        self.0 = None;
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}
