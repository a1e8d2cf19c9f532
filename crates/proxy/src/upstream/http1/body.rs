//! The body of an answer, as it arrives.

use std::{
    fmt, io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use http_body::{Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    Http1Error,
    chunked::{Chunked, Read},
    connection::{Connection, Io},
    exchange::Upload,
    response::Framing,
};

/// The body of an answer with the connection that it comes over.
pub(crate) struct Body {
    state: State,
    keep_alive: bool,
    /// The request's body, where the answer came before its end.
    upload: Option<Upload>,
}

enum State {
    Length(Box<Connection>, u64),
    Chunked(Box<Connection>, Chunked),
    UntilClose(Box<Connection>),
    /// Read to its end.
    Ended(Option<Box<Connection>>),
    /// Not HTTP any more (101).
    Switched(Box<Connection>),
    /// Broken, which is said at the next look.
    Breaking(Http1Error),
    Broken,
}

impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Body")
    }
}

impl Body {
    pub(super) fn new(connection: Box<Connection>, framing: Framing, keep_alive: bool) -> Self {
        let state = match framing {
            Framing::None => State::Ended(Some(connection)),
            Framing::Length(length) => State::Length(connection, length),
            Framing::Chunked => State::Chunked(connection, Chunked::Size),
            Framing::UntilClose => State::UntilClose(connection),
        };
        Self { state, keep_alive, upload: None }
    }

    /// The body of an answer that came before the request's own was sent.
    pub(super) fn with_upload(self, upload: Upload) -> Self {
        Self { upload: Some(upload), ..self }
    }

    pub(super) fn switched(connection: Box<Connection>) -> Self {
        Self { state: State::Switched(connection), keep_alive: false, upload: None }
    }

    /// The connection, once, if the answer was read to its end and it may carry another exchange: the upstream does
    /// not close it, the request was sent whole, and nothing came after the answer.
    pub(crate) fn take_connection(&mut self) -> Option<Box<Connection>> {
        let State::Ended(connection) = &mut self.state else {
            return None;
        };
        let connection = connection.take()?;
        if let Some(upload) = self.upload.take() {
            upload.finish();
            return None;
        }
        if self.keep_alive { connection.rest() } else { None }
    }

    /// What the connection has become; `None` unless it switched.
    pub(crate) fn into_upgraded(self) -> Option<Upgraded> {
        match self.state {
            State::Switched(connection) => {
                let (io, early) = connection.into_parts();
                Some(Upgraded { io, early })
            }
            _ => None,
        }
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Http1Error>>> {
        loop {
            let (connection, ends_by_closing) = match &mut self.state {
                State::Ended(_) | State::Switched(_) | State::Broken => return Poll::Ready(None),
                State::Breaking(_) => return Poll::Ready(self.break_off().map(Err)),
                State::Length(connection, left) if !connection.input.is_empty() => {
                    let here = usize::try_from(*left).unwrap_or(usize::MAX).min(connection.input.len());
                    let data = connection.input.split_to(here).freeze();
                    *left = left.saturating_sub(here as u64);
                    if *left == 0 {
                        self.end();
                    }
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                State::UntilClose(connection) if !connection.input.is_empty() => {
                    return Poll::Ready(Some(Ok(Frame::data(connection.input.split().freeze()))));
                }
                State::Chunked(connection, reader) => match reader.read(&mut connection.input) {
                    Ok(Read::NotYet) => (connection, false),
                    Ok(Read::Data(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                    Ok(Read::Trailers(trailers)) => return Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
                    Ok(Read::End) => {
                        self.end();
                        return Poll::Ready(None);
                    }
                    Err(error) => return self.fail(error, context),
                },
                State::Length(connection, _) => (connection, false),
                State::UntilClose(connection) => (connection, true),
            };
            let Poll::Ready(read) = connection.poll_fill(context) else {
                connection.free_buffers();
                return Poll::Pending;
            };
            match read {
                Ok(0) if ends_by_closing => {
                    self.state = State::Ended(None);
                    return Poll::Ready(None);
                }
                Ok(0) => return self.fail(Http1Error::Closed, context),
                Ok(_) => {}
                Err(error) => return self.fail(Http1Error::Io(error), context),
            }
        }
    }

    fn end(&mut self) {
        self.state = match std::mem::replace(&mut self.state, State::Broken) {
            State::Length(connection, _) | State::Chunked(connection, _) => State::Ended(Some(connection)),
            other => other,
        };
    }

    /// Closes the connection. The error waits for the next look: what came before it is on its way to the client by
    /// then, and would be lost together with the client's connection otherwise.
    fn fail(
        &mut self,
        error: Http1Error,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Http1Error>>> {
        self.state = State::Breaking(error);
        self.upload = None;
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn break_off(&mut self) -> Option<Http1Error> {
        match std::mem::replace(&mut self.state, State::Broken) {
            State::Breaking(error) => Some(error),
            _ => None,
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Http1Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Http1Error>>> {
        self.get_mut().poll(context)
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.state, State::Ended(_))
    }

    fn size_hint(&self) -> SizeHint {
        match &self.state {
            State::Length(_, left) => SizeHint::with_exact(*left),
            State::Ended(_) => SizeHint::with_exact(0),
            _ => SizeHint::default(),
        }
    }
}

/// A connection that is no longer HTTP: first what the upstream sent early, then what it sends.
pub(crate) struct Upgraded {
    io: Box<dyn Io>,
    early: Bytes,
}

impl AsyncRead for Upgraded {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.early.is_empty() {
            return Pin::new(&mut self.io).poll_read(context, buffer);
        }
        let count = self.early.len().min(buffer.remaining());
        buffer.put_slice(&self.early.split_to(count));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Upgraded {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
