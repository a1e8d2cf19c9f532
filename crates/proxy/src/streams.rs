//! The streams of one HTTP/2 connection, each with its answer.

use std::{
    future::poll_fn,
    pin::{Pin, pin},
    rc::Rc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::time::Sleep;

use crate::connections::Open;

/// Runs streams on the connection's own thread. One whose client gives no room for its answer is dropped after a while,
/// which resets it: the connection may go on, but no upstream works for somebody who only answers pings.
#[derive(Clone)]
pub(crate) struct Streams {
    open: Rc<Open>,
    timeout: Duration,
}

impl Streams {
    pub(crate) fn new(open: Rc<Open>, timeout: Duration) -> Self {
        Self { open, timeout }
    }

    /// Polls a stream. `ends` runs while its body had something and was not asked for more.
    fn poll<F: Future<Output = ()>>(
        &self,
        stream: Pin<&mut F>,
        ends: &mut Option<Pin<Box<Sleep>>>,
        context: &mut Context<'_>,
    ) -> Poll<()> {
        self.open.take_gave();
        if stream.poll(context).is_ready() {
            return Poll::Ready(());
        }
        if let Some(gave) = self.open.take_gave() {
            *ends = gave.then(|| Box::pin(tokio::time::sleep(self.timeout)));
        }
        let over = ends.as_mut().is_some_and(|ends| ends.as_mut().poll(context).is_ready());
        if over {
            self.open.gave_up_stream();
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for Streams {
    fn execute(&self, stream: F) {
        let streams = self.clone();
        tokio::task::spawn_local(async move {
            let (mut stream, mut ends) = (pin!(stream), None);
            poll_fn(|context| streams.poll(stream.as_mut(), &mut ends, context)).await;
        });
    }
}
