//! The bodies of requests on their way to an upstream, and of our answers.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use doorward_core::http::headers;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::{
    control::{BodyError, ControlBody},
    upstream::{Lease, http1},
    watch::Watch,
};

/// The body of a request on its way to an upstream.
pub(crate) enum RequestBody {
    /// None.
    Empty,
    /// The client's.
    Client(Incoming),
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    /// Data only: a trailer field could be taken for a header, and nobody looked at it.
    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Self::Client(incoming) = &mut *self else {
            return Poll::Ready(None);
        };
        loop {
            match ready!(Pin::new(&mut *incoming).poll_frame(context)) {
                Some(Ok(frame)) if frame.is_trailers() => {}
                other => return Poll::Ready(other),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Client(incoming) => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Client(incoming) => incoming.size_hint(),
        }
    }
}

/// The body of an upstream's answer, as it arrives.
pub(crate) enum Arriving {
    /// Over a connection that carries nothing else.
    Http1(http1::Body),
    /// Over one that is shared.
    Http2(Incoming),
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Http1(body) => Pin::new(body).poll_frame(context).map_err(Into::into),
            Self::Http2(body) => Pin::new(body).poll_frame(context).map_err(Into::into),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Http1(body) => body.is_end_stream(),
            Self::Http2(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Http1(body) => body.size_hint(),
            Self::Http2(body) => body.size_hint(),
        }
    }
}

/// The body of an answer.
pub(crate) enum AnswerBody {
    /// None.
    Empty,
    /// From the control plane.
    Control(ControlBody),
    /// From an upstream.
    Upstream(UpstreamBody),
}

/// A body that streams from an upstream. When it ends the connection goes back to its pool; when it is dropped before
/// its end the connection is closed, which tells the upstream to stop working.
pub(crate) struct UpstreamBody {
    incoming: Arriving,
    lease: Option<Lease>,
    watch: Option<Watching>,
}

/// Whether the permission still holds: looked at from the first time that the upstream makes us wait or something
/// changes, so that short answers cost nothing.
enum Watching {
    NotYet(Box<Watch>),
    Running(Pin<Box<dyn Future<Output = ()>>>),
}

impl UpstreamBody {
    pub(crate) fn new(incoming: Arriving, lease: Lease, watch: Box<Watch>) -> Self {
        let mut body = Self { incoming, lease: Some(lease), watch: Some(Watching::NotYet(watch)) };
        body.release_at_end();
        body
    }

    fn release_at_end(&mut self) {
        if self.incoming.is_end_stream()
            && let Some(lease) = self.lease.take()
            && let Arriving::Http1(body) = &mut self.incoming
            && let Some(connection) = body.take_connection()
        {
            lease.give_back(connection);
        }
    }

    /// `waiting` says that the upstream makes us wait.
    fn permission_ended(&mut self, waiting: bool, context: &mut Context<'_>) -> bool {
        if let Some(Watching::NotYet(watch)) = &self.watch
            && (waiting || watch.something_changed())
            && let Some(Watching::NotYet(watch)) = self.watch.take()
        {
            self.watch = Some(Watching::Running(Box::pin(watch.ended())));
        }
        match &mut self.watch {
            Some(Watching::Running(ended)) => ended.as_mut().poll(context).is_ready(),
            _ => false,
        }
    }

    /// Ends the answer in its middle: both connections are closed, so that nobody takes it for complete.
    fn cut(&mut self) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.lease = None;
        self.watch = None;
        Poll::Ready(Some(Err("the permission ended".into())))
    }
}

impl Body for UpstreamBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        // Before each frame: an upstream that always has more to send never makes us wait.
        if self.permission_ended(false, context) {
            return self.cut();
        }
        match Pin::new(&mut self.incoming).poll_frame(context) {
            Poll::Ready(Some(Ok(mut frame))) => {
                if let Some(trailers) = frame.trailers_mut() {
                    headers::strip_response(trailers);
                }
                self.release_at_end();
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(None) => {
                self.release_at_end();
                Poll::Ready(None)
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error))),
            Poll::Pending if self.permission_ended(true, context) => self.cut(),
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self.get_mut() {
            Self::Empty => Poll::Ready(None),
            Self::Control(body) => Pin::new(body).poll_frame(context),
            Self::Upstream(body) => Pin::new(body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Control(body) => body.is_end_stream(),
            Self::Upstream(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Control(body) => body.size_hint(),
            Self::Upstream(body) => body.size_hint(),
        }
    }
}
