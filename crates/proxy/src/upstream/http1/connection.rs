//! The bytes of a connection.

use std::{
    fmt, io,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};

/// Bytes that are read at once at first, and while an answer is small.
const READ: usize = 8 * 1024;
/// Bytes that are read at once from an upstream that always has more: what a body in transit costs at most.
const READ_MAX: usize = 64 * 1024;

/// What a connection runs over: TCP, TLS or a Unix socket.
pub(crate) trait Io: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Io for T {}

/// A connection between two exchanges, or in one.
pub(crate) struct Connection {
    io: Box<dyn Io>,
    /// What was read and not yet used.
    pub(super) input: BytesMut,
    /// How much to ask for next.
    ask_for: usize,
    /// A head, or what stands around a chunk, that is not yet written from [`Self::written`] on.
    pub(super) output: Vec<u8>,
    written: usize,
    /// Data of the body that follows `output`.
    pub(super) piece: Bytes,
    flushed: bool,
}

impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Connection")
    }
}

impl Connection {
    pub(crate) fn new(io: impl Io + 'static) -> Self {
        Self {
            io: Box::new(io),
            input: BytesMut::new(),
            ask_for: READ,
            output: Vec::new(),
            written: 0,
            piece: Bytes::new(),
            flushed: true,
        }
    }

    /// Whether an idle connection may carry another request: the upstream has neither closed it nor sent anything
    /// that nobody asked for. `context` is woken when that ends.
    pub(crate) fn is_quiet(&mut self, context: &mut Context<'_>) -> bool {
        let mut byte = [0];
        let mut byte = ReadBuf::new(&mut byte);
        self.input.is_empty() && Pin::new(&mut self.io).poll_read(context, &mut byte).is_pending()
    }

    /// Makes it ready for another exchange. `None` if something is left over from the last one.
    pub(super) fn rest(mut self: Box<Self>) -> Option<Box<Self>> {
        if self.ask_for > READ {
            // Many connections are idle; none of them keeps a large buffer.
            self.ask_for = READ;
            self.input = BytesMut::new();
        }
        (self.input.is_empty() && self.output.is_empty() && self.piece.is_empty()).then_some(self)
    }

    /// Reads what is there. 0 is the end.
    pub(super) fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.input.reserve(self.ask_for);
        let count = ready!(poll_read_buf(&mut self.io, context, &mut self.input, self.ask_for))?;
        if count == self.ask_for && self.ask_for < READ_MAX {
            self.ask_for *= 2;
        }
        Poll::Ready(Ok(count))
    }

    /// Lets go of buffers that hold nothing, for a wait that may be long.
    pub(super) fn free_buffers(&mut self) {
        if self.input.is_empty() {
            self.input = BytesMut::new();
        }
        if self.output.is_empty() {
            self.output = Vec::new();
        }
    }

    /// Writes what is to be written, and sees it off.
    pub(super) fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.output.len() {
            let rest = self.output.get(self.written..).unwrap_or_default();
            self.written += written(ready!(Pin::new(&mut self.io).poll_write(context, rest))?)?;
            self.flushed = false;
        }
        self.output.clear();
        self.written = 0;
        while !self.piece.is_empty() {
            let count = written(ready!(Pin::new(&mut self.io).poll_write(context, &self.piece))?)?;
            bytes::Buf::advance(&mut self.piece, count);
            self.flushed = false;
        }
        if !self.flushed {
            ready!(Pin::new(&mut self.io).poll_flush(context))?;
            self.flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Whether there is output of which nothing was written yet.
    pub(super) fn wrote_nothing(&self) -> bool {
        self.written == 0 && !self.output.is_empty()
    }

    /// The half that reads the answer, and the half that still writes the request.
    pub(super) fn split(self) -> (Self, Self) {
        let (reading, writing) = tokio::io::split(self.io);
        let reader = Self { input: self.input, ..Self::new(tokio::io::join(reading, tokio::io::sink())) };
        let writer = Self {
            output: self.output,
            written: self.written,
            piece: self.piece,
            flushed: self.flushed,
            ..Self::new(tokio::io::join(tokio::io::empty(), writing))
        };
        (reader, writer)
    }

    pub(super) fn into_parts(self) -> (Box<dyn Io>, Bytes) {
        // A connection may stay open for long: memory that holds nothing is not kept with it.
        let early = if self.input.is_empty() { Bytes::new() } else { self.input.freeze() };
        (self.io, early)
    }
}

fn written(count: usize) -> io::Result<usize> {
    if count == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(count) }
}

/// Reads at most `limit` bytes into the room that `buffer` has.
fn poll_read_buf(
    io: &mut Box<dyn Io>,
    context: &mut Context<'_>,
    buffer: &mut BytesMut,
    limit: usize,
) -> Poll<io::Result<usize>> {
    let mut room = bytes::BufMut::limit(buffer, limit);
    // The future holds nothing between two polls.
    pin!(io.read_buf(&mut room)).poll(context)
}
