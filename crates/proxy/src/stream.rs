//! A connection of either kind, and what the PROXY protocol says at its beginning.

use std::{
    io::{self, IoSlice},
    net::IpAddr,
    pin::Pin,
    task::{Context, Poll},
};

use doorward_core::proxy_protocol::{self, Progress};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf},
    net::{TcpStream, UnixStream},
};

use crate::connections::Blocked;

/// A connection.
pub struct Stream {
    socket: Kind,
    blocked: Option<Blocked>,
}

/// The two kinds of connections.
pub(crate) enum Kind {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    pub(crate) fn new(socket: Kind) -> Self {
        Self { socket, blocked: None }
    }

    /// Notes from now on whether the client takes what is written.
    pub(crate) fn watched(mut self, blocked: Blocked) -> Self {
        self.blocked = Some(blocked);
        self
    }

    fn wrote<T>(&self, outcome: Poll<T>) -> Poll<T> {
        if let Some(blocked) = &self.blocked {
            blocked.wrote(&outcome);
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
        either!(self, stream => stream.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = either!(self, stream => stream.poll_write_vectored(context, slices));
        self.wrote(wrote)
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
