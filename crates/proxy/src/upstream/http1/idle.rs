//! Connections that wait for their next exchange.

use std::{
    cell::RefCell,
    future::poll_fn,
    rc::{Rc, Weak},
    task::{Context, Poll, Waker},
};

use super::connection::Connection;

/// Connections that are kept; more are closed. Over HTTP/2 a handful of clients has hundreds of requests under way, and
/// each that finds no kept connection pays for a new one.
const KEPT: usize = 512;

/// The idle connections to one target. A task of its own watches them, so that one that its upstream closes is closed
/// at once, and not found closed by a request.
#[derive(Default)]
pub(crate) struct Idle(Rc<Shelf>);

#[derive(Default)]
struct Shelf {
    #[expect(clippy::vec_box, reason = "a connection is boxed wherever it goes; here it only rests")]
    connections: RefCell<Vec<Box<Connection>>>,
    keeper: RefCell<Keeper>,
}

#[derive(Default)]
enum Keeper {
    #[default]
    None,
    Starting,
    Watching(Waker),
}

impl Idle {
    /// Keeps a connection whose exchange is over.
    pub(crate) fn keep(&self, mut connection: Box<Connection>) {
        if self.0.connections.borrow().len() >= KEPT {
            return;
        }
        match &*self.0.keeper.borrow() {
            Keeper::Watching(waker) if !connection.is_quiet(&mut Context::from_waker(waker)) => return,
            _ => {}
        }
        self.0.connections.borrow_mut().push(connection);
        if matches!(&*self.0.keeper.borrow(), Keeper::None) {
            tokio::task::spawn_local(watch(Rc::downgrade(&self.0)));
            *self.0.keeper.borrow_mut() = Keeper::Starting;
        }
    }

    /// The connection that was used last, if it may still be used.
    pub(crate) fn take(&self) -> Option<Box<Connection>> {
        let mut connections = self.0.connections.borrow_mut();
        loop {
            let mut connection = connections.pop()?;
            if connection.is_quiet(&mut Context::from_waker(Waker::noop())) {
                return Some(connection);
            }
        }
    }
}

/// Closes what is closed from the other side, or speaks without being asked.
async fn watch(shelf: Weak<Shelf>) {
    poll_fn(|context| {
        let Some(shelf) = shelf.upgrade() else {
            return Poll::Ready(());
        };
        shelf.connections.borrow_mut().retain_mut(|connection| connection.is_quiet(context));
        *shelf.keeper.borrow_mut() = Keeper::Watching(context.waker().clone());
        Poll::Pending
    })
    .await;
}

impl Drop for Shelf {
    fn drop(&mut self) {
        if let Keeper::Watching(waker) = self.keeper.take() {
            // The task finds nothing to watch and ends.
            waker.wake();
        }
    }
}
