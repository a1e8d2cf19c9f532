//! The bodies of requests on their way to an upstream, and of our answers.

use std::{
    cell::Cell,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use doorward_core::http::headers;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use crate::{
    compress::CompressedBody,
    control::{BodyError, ControlBody},
    static_site::FileBody,
    upstream::{Lease, http1},
    watch::Watch,
};

/// The body of a request on its way to an upstream.
pub(crate) enum RequestBody {
    /// None.
    Empty,
    /// The client's.
    Client(Incoming),
    /// The client's, which may only be so long.
    Limited(Box<LimitedBody>),
}

/// A body that breaks off when it has become too long: the upstream never takes it for complete.
pub(crate) struct LimitedBody {
    incoming: Incoming,
    left: u64,
    exceeded: Rc<Cell<bool>>,
}

impl RequestBody {
    /// A body of at most `limit` bytes; `exceeded` is set if it turns out to be longer.
    pub(crate) fn limited(incoming: Incoming, limit: u64, exceeded: &Rc<Cell<bool>>) -> Self {
        Self::Limited(Box::new(LimitedBody { incoming, left: limit, exceeded: Rc::clone(exceeded) }))
    }
}

impl LimitedBody {
    fn count(&mut self, frame: &Frame<Bytes>) -> Result<(), BodyError> {
        let length = frame.data_ref().map_or(0, |data| data.len() as u64);
        if let Some(left) = self.left.checked_sub(length) {
            self.left = left;
            return Ok(());
        }
        self.exceeded.set(true);
        Err("the body is too large".into())
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = BodyError;

    /// Data only: a trailer field could be taken for a header, and nobody looked at it.
    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        loop {
            let incoming = match &mut *self {
                Self::Empty => return Poll::Ready(None),
                Self::Client(incoming) => incoming,
                Self::Limited(limited) => &mut limited.incoming,
            };
            match ready!(Pin::new(incoming).poll_frame(context)) {
                Some(Ok(frame)) if frame.is_trailers() => {}
                Some(Ok(frame)) => {
                    if let Self::Limited(limited) = &mut *self {
                        limited.count(&frame)?;
                    }
                    return Poll::Ready(Some(Ok(frame)));
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                None => return Poll::Ready(None),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Client(incoming) => incoming.is_end_stream(),
            Self::Limited(limited) => limited.incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Client(incoming) => incoming.size_hint(),
            Self::Limited(limited) => limited.incoming.size_hint(),
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
    /// From a file.
    File(Box<FileBody>),
    /// One of the others, compressed.
    Compressed(Box<CompressedBody>),
}

/// A body that streams from an upstream. When it ends the connection goes back to its pool; when it is dropped before
/// its end the connection is closed, which tells the upstream to stop working.
pub(crate) struct UpstreamBody {
    incoming: Arriving,
    lease: Option<Lease>,
    permission: Permission,
}

/// Whether the permission still holds: looked at from the first time that a body makes us wait or something changes,
/// so that short answers cost nothing.
pub(crate) struct Permission(Option<Watching>);

enum Watching {
    NotYet(Box<Watch>),
    Running(Pin<Box<dyn Future<Output = ()>>>),
}

impl Permission {
    pub(crate) fn new(watch: Box<Watch>) -> Self {
        // A limit of time ends a body that never makes us wait, too.
        Self(Some(if watch.until.is_some() {
            Watching::Running(Box::pin(watch.ended()))
        } else {
            Watching::NotYet(watch)
        }))
    }

    /// Whether it ended; `waiting` says that the body makes us wait.
    pub(crate) fn ended(&mut self, waiting: bool, context: &mut Context<'_>) -> bool {
        if let Some(Watching::NotYet(watch)) = &self.0
            && (waiting || watch.something_changed())
            && let Some(Watching::NotYet(watch)) = self.0.take()
        {
            self.0 = Some(Watching::Running(Box::pin(watch.ended())));
        }
        match &mut self.0 {
            Some(Watching::Running(ended)) => ended.as_mut().poll(context).is_ready(),
            _ => false,
        }
    }

    /// Ends the answer in its middle, so that nobody takes it for complete.
    pub(crate) fn cut(&mut self) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.0 = None;
        Poll::Ready(Some(Err("the permission ended".into())))
    }
}

impl UpstreamBody {
    pub(crate) fn new(incoming: Arriving, lease: Lease, watch: Box<Watch>) -> Self {
        let mut body = Self { incoming, lease: Some(lease), permission: Permission::new(watch) };
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

    /// Both connections are closed.
    fn cut(&mut self) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.lease = None;
        self.permission.cut()
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
        if self.permission.ended(false, context) {
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
            Poll::Ready(Some(Err(error))) => {
                if let Some(lease) = self.lease.take() {
                    lease.broke();
                }
                Poll::Ready(Some(Err(error)))
            }
            Poll::Pending if self.permission.ended(true, context) => self.cut(),
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
            Self::File(body) => Pin::new(&mut **body).poll_frame(context),
            Self::Compressed(body) => Pin::new(&mut **body).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Control(body) => body.is_end_stream(),
            Self::Upstream(body) => body.is_end_stream(),
            Self::File(body) => body.is_end_stream(),
            Self::Compressed(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Control(body) => body.size_hint(),
            Self::Upstream(body) => body.size_hint(),
            Self::File(body) => body.size_hint(),
            Self::Compressed(body) => body.size_hint(),
        }
    }
}
