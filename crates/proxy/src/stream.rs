//! A connection of either kind, and what the PROXY protocol says at its beginning.

use std::{
    io::{self, IoSlice},
    net::IpAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use doorward_core::proxy_protocol::{self, Progress};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf},
    net::{TcpStream, UnixStream},
    time::{Instant, Sleep},
};

use crate::connections::Blocked;

/// A connection.
pub struct Stream {
    socket: Kind,
    /// None before anything is written.
    patience: Option<Patience>,
}

/// How long a client may take nothing of what is written to it. There is a timer only once it made us wait, so that a
/// connection on which nothing is to be written may be silent for as long as it likes.
struct Patience {
    blocked: Blocked,
    timeout: Duration,
    waiting: bool,
    given_up: bool,
    ends: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    /// Notes what came of a write.
    ///
    /// # Errors
    /// When nothing could be written for too long.
    fn wrote(&mut self, outcome: &Poll<io::Result<usize>>, context: &mut Context<'_>) -> io::Result<()> {
        self.blocked.wrote(outcome);
        if outcome.is_pending() {
            return self.wait(context);
        }
        self.waiting = false;
        Ok(())
    }

    fn wait(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        let timeout = self.timeout;
        let ends = self.ends.get_or_insert_with(|| Box::pin(tokio::time::sleep(timeout)));
        if !self.waiting {
            self.waiting = true;
            ends.as_mut().reset(Instant::now() + timeout);
        }
        if ends.as_mut().poll(context).is_pending() {
            return Ok(());
        }
        if !std::mem::replace(&mut self.given_up, true) {
            self.blocked.gave_up();
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "the client takes nothing"))
    }
}

/// The two kinds of connections.
pub(crate) enum Kind {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    pub(crate) fn new(socket: Kind) -> Self {
        Self { socket, patience: None }
    }

    /// Notes from now on whether the client takes what is written, and breaks when it takes nothing for so long.
    pub(crate) fn watched(mut self, blocked: Blocked, timeout: Duration) -> Self {
        self.patience = Some(Patience { blocked, timeout, waiting: false, given_up: false, ends: None });
        self
    }

    fn wrote(
        &mut self,
        outcome: Poll<io::Result<usize>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if let Some(patience) = &mut self.patience {
            patience.wrote(&outcome, context)?;
        }
        outcome
    }

    /// Sends what is written at once: heads and small bodies are written whole.
    pub(crate) fn set_nodelay(&self) -> io::Result<()> {
        match &self.socket {
            Kind::Tcp(stream) => stream.set_nodelay(true),
            Kind::Unix(_) => Ok(()),
        }
    }

    /// Reads the header of the PROXY protocol and nothing of what follows it. The client's address, or `None` when
    /// the balancer speaks for itself.
    ///
    /// # Errors
    /// When the connection ends before it, or begins with something else.
    pub(crate) async fn proxied(&mut self) -> io::Result<Option<IpAddr>> {
        let mut read = Vec::new();
        loop {
            let parsed = proxy_protocol::parse(&read)
                .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            match parsed {
                Progress::Done(header) => return Ok(header.client.map(|client| client.ip())),
                Progress::Needs(count) => {
                    let start = read.len();
                    read.resize(start + count, 0);
                    self.read_exact(&mut read[start..]).await?;
                }
            }
        }
    }
}

macro_rules! either {
    ($stream:ident, $inner:ident => $call:expr) => {
        match &mut $stream.socket {
            Kind::Tcp(stream) => {
                let $inner = Pin::new(stream);
                $call
            }
            Kind::Unix(stream) => {
                let $inner = Pin::new(stream);
                $call
            }
        }
    };
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_read(context, buffer))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wrote = either!(self, stream => stream.poll_write(context, bytes));
        self.wrote(wrote, context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = either!(self, stream => stream.poll_write_vectored(context, slices));
        self.wrote(wrote, context)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.socket {
            Kind::Tcp(stream) => stream.is_write_vectored(),
            Kind::Unix(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => stream.poll_shutdown(context))
    }
}
