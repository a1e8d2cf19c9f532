//! Bytes both ways between the two connections of a WebSocket. A direction holds a buffer only while its reader takes
//! less than comes: a connection on which nothing happens costs none.

use std::{
    future::poll_fn,
    io,
    mem::MaybeUninit,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::frames::Frames;

/// Bytes that are passed on at once.
const ROOM: usize = 8 * 1024;

/// Both directions, and where each of them is.
#[derive(Default)]
pub(crate) struct BothWays {
    there: Direction,
    back: Direction,
}

impl BothWays {
    /// Passes bytes on until both directions have ended. The end of one is passed on by itself: the other may still
    /// have something to say.
    ///
    /// # Errors
    /// When either connection breaks.
    pub(crate) async fn run<A, B>(&mut self, one: &mut A, other: &mut B) -> io::Result<()>
    where
        A: AsyncRead + AsyncWrite + Unpin,
        B: AsyncRead + AsyncWrite + Unpin,
    {
        poll_fn(|context| {
            let there = self.there.poll(one, other, context)?;
            let back = self.back.poll(other, one, context)?;
            if there.is_ready() && back.is_ready() { Poll::Ready(Ok(())) } else { Poll::Pending }
        })
        .await
    }

    /// What the other one was told.
    pub(crate) fn there(&self) -> &Frames {
        &self.there.frames
    }

    /// What the one was told.
    pub(crate) fn back(&self) -> &Frames {
        &self.back.frames
    }
}

#[derive(Default)]
struct Direction {
    /// What was read and not yet taken. Nothing more is read before it is: a slow reader slows the sender down.
    held: Bytes,
    frames: Frames,
    unflushed: bool,
    read_to_end: bool,
    ended: bool,
}

impl Direction {
    fn poll<A, B>(&mut self, from: &mut A, to: &mut B, context: &mut Context<'_>) -> Poll<io::Result<()>>
    where
        A: AsyncRead + Unpin,
        B: AsyncWrite + Unpin,
    {
        while !self.ended {
            while !self.held.is_empty() {
                let count = written(ready!(Pin::new(&mut *to).poll_write(context, &self.held))?)?;
                self.frames.follow(self.held.get(..count).unwrap_or_default());
                self.held.advance(count);
                self.unflushed = true;
            }
            self.held = Bytes::new();
            if self.read_to_end {
                ready!(Pin::new(&mut *to).poll_shutdown(context))?;
                self.ended = true;
            } else if self.pass_on(from, to, context)?.is_pending() {
                if self.unflushed {
                    ready!(Pin::new(&mut *to).poll_flush(context))?;
                    self.unflushed = false;
                }
                return Poll::Pending;
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Reads once, and writes what came at once if it is taken. What is not taken is held.
    fn pass_on<A, B>(&mut self, from: &mut A, to: &mut B, context: &mut Context<'_>) -> Poll<io::Result<()>>
    where
        A: AsyncRead + Unpin,
        B: AsyncWrite + Unpin,
    {
        let mut room = [const { MaybeUninit::uninit() }; ROOM];
        let mut room = ReadBuf::uninit(&mut room);
        ready!(Pin::new(from).poll_read(context, &mut room))?;
        let came = room.filled();
        self.read_to_end = came.is_empty();
        if came.is_empty() {
            return Poll::Ready(Ok(()));
        }
        let count = match Pin::new(to).poll_write(context, came) {
            Poll::Ready(count) => written(count?)?,
            Poll::Pending => 0,
        };
        self.frames.follow(came.get(..count).unwrap_or_default());
        self.unflushed |= count > 0;
        self.held = Bytes::copy_from_slice(came.get(count..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

fn written(count: usize) -> io::Result<usize> {
    if count == 0 { Err(io::ErrorKind::WriteZero.into()) } else { Ok(count) }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};

    use super::*;

    #[tokio::test]
    async fn everything_arrives_through_a_narrow_reader_and_each_end_by_itself() {
        // Narrower than what is read at once: most of it has to be held.
        let (mut client, mut outer) = duplex(3 * ROOM);
        let (mut inner, mut server) = duplex(7);
        let copying = async { BothWays::default().run(&mut outer, &mut inner).await };
        let sent: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        let talking = async {
            let asking = async {
                client.write_all(&sent).await.expect("the copier reads");
                client.shutdown().await.expect("the copier reads");
                let mut answer = Vec::new();
                client.read_to_end(&mut answer).await.expect("the copier writes");
                answer
            };
            let serving = async {
                let mut received = Vec::new();
                server.read_to_end(&mut received).await.expect("the copier writes");
                // The other direction is still open after the end of the first.
                server.write_all(b"all of it").await.expect("the copier reads");
                server.shutdown().await.expect("the copier reads");
                received
            };
            tokio::join!(asking, serving)
        };
        let (copied, (answer, received)) = tokio::join!(copying, talking);
        copied.expect("both ended well");
        assert_eq!(received, sent);
        assert_eq!(answer, b"all of it");
    }

    #[tokio::test]
    async fn a_reader_that_takes_nothing_stops_the_sender_and_silence_holds_nothing() {
        let (mut client, mut outer) = duplex(1 << 20);
        let (mut inner, _server) = duplex(10);
        client.write_all(&vec![7; 5 * ROOM]).await.expect("there is room");
        let mut direction = Direction::default();
        let mut context = Context::from_waker(std::task::Waker::noop());
        assert!(direction.poll(&mut outer, &mut inner, &mut context).is_pending());
        assert_eq!(direction.held.len(), ROOM - 10);

        let mut silent = Direction::default();
        let (mut quiet, _other) = duplex(10);
        assert!(silent.poll(&mut quiet, &mut inner, &mut context).is_pending());
        assert!(silent.held.is_empty());
    }
}
