//! The connections of one worker: how many there are, whose they are, and which may go when there is no room.
//!
//! A flood of connections that ask for nothing must not keep anybody out (D-16). So a connection without a request
//! under way has no right to its place: when all places are taken, those that have been idle longest go.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    future::poll_fn,
    net::{IpAddr, Ipv6Addr},
    pin::{Pin, pin},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use crate::metrics::Tally;

/// How long a connection is still listened to after the server was told to stop: a request that its client was just
/// sending is answered, with the word that it was the last.
const LINGER: Duration = Duration::from_millis(500);
/// A client that takes none of its answer for so long has no right to its place either.
const BLOCKED: Duration = Duration::from_secs(30);
/// The part of all places that is made free at once, so that looking for them costs little each time.
const AT_ONCE: usize = 64;

/// Why a connection shall end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Farewell {
    /// Its place is needed.
    Evicted,
    /// The server stops.
    Draining,
    /// It has waited for as long as it waits.
    Over,
}

/// All connections of a worker.
pub(crate) struct Connections {
    open: RefCell<HashMap<u64, Rc<Entry>>>,
    clients: RefCell<HashMap<IpAddr, usize>>,
    /// Told to go, and not gone yet.
    leaving: Cell<usize>,
    next: Cell<u64>,
    /// Counts ends of requests: orders connections by how long they have been idle.
    ticks: Rc<Cell<u64>>,
    draining: Cell<bool>,
    began: Instant,
    tally: Arc<Tally>,
}

struct Entry {
    underway: Cell<usize>,
    idle_since: Cell<u64>,
    websocket: bool,
    client: Cell<Option<IpAddr>>,
    farewell: Cell<Option<Farewell>>,
    waker: RefCell<Option<Waker>>,
    blocked: Blocked,
    /// Whether the body that was polled last had something for the client.
    gave: Cell<Option<bool>>,
    ticks: Rc<Cell<u64>>,
}

/// Since when a client takes nothing of what is written to it: milliseconds, 0 while it does.
#[derive(Clone)]
pub(crate) struct Blocked {
    since: Arc<AtomicU64>,
    began: Instant,
    tally: Arc<Tally>,
}

impl Blocked {
    /// The client took nothing for too long: the connection is closed.
    pub(crate) fn gave_up(&self) {
        self.tally.stalled_connections.add(1);
    }

    /// Notes the outcome of a write.
    pub(crate) fn wrote<T>(&self, outcome: &Poll<T>) {
        let waiting = self.since.load(Ordering::Relaxed) != 0;
        if outcome.is_pending() != waiting {
            self.since.store(if waiting { 0 } else { self.now().max(1) }, Ordering::Relaxed);
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn for_long(&self) -> bool {
        let since = self.since.load(Ordering::Relaxed);
        since != 0 && u128::from(self.now().saturating_sub(since)) >= BLOCKED.as_millis()
    }
}

impl Connections {
    pub(crate) fn new(tally: Arc<Tally>) -> Rc<Self> {
        Rc::new(Self {
            open: RefCell::default(),
            clients: RefCell::default(),
            leaving: Cell::new(0),
            next: Cell::new(0),
            ticks: Rc::default(),
            draining: Cell::new(false),
            began: Instant::now(),
            tally,
        })
    }

    /// Connections that have a place.
    pub(crate) fn len(&self) -> usize {
        self.open.borrow().len().saturating_sub(self.leaving.get())
    }

    /// Whether any connection is there, also one that was told to go.
    pub(crate) fn is_empty(&self) -> bool {
        self.open.borrow().is_empty()
    }

    /// Whether the server stops.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// Takes a place.
    pub(crate) fn enter(self: &Rc<Self>) -> Open {
        self.tally.connections_total.add(1);
        self.insert(false)
    }

    /// Takes a place for a connection that became a WebSocket. It is not idle, whatever it carries, and still one of
    /// its client's: else one client could have all places by opening WebSockets.
    pub(crate) fn enter_websocket(self: &Rc<Self>, client: Option<IpAddr>) -> Open {
        self.tally.websockets_total.add(1);
        self.tally.websockets.add(1);
        let open = self.insert(true);
        if let Some(client) = client {
            open.counts_for(network_of(client));
        }
        open
    }

    fn insert(self: &Rc<Self>, websocket: bool) -> Open {
        let number = self.next.get();
        self.next.set(number + 1);
        let entry = Rc::new(Entry {
            underway: Cell::new(usize::from(websocket)),
            idle_since: Cell::new(tick(&self.ticks)),
            websocket,
            client: Cell::new(None),
            farewell: Cell::new(self.draining.get().then_some(Farewell::Draining)),
            waker: RefCell::default(),
            blocked: Blocked { since: Arc::default(), began: self.began, tally: Arc::clone(&self.tally) },
            gave: Cell::new(None),
            ticks: Rc::clone(&self.ticks),
        });
        self.open.borrow_mut().insert(number, Rc::clone(&entry));
        self.tally.connections.set(self.open.borrow().len());
        Open { connections: Rc::clone(self), entry, number }
    }

    /// Makes room: those that have been idle longest go, else those whose clients take nothing of their answers.
    /// Whether there was anybody.
    pub(crate) fn make_room(&self) -> bool {
        let count = (self.open.borrow().len() / AT_ONCE).max(1);
        self.evict(count, |entry| entry.underway.get() == 0)
            || self.evict(count, |entry| entry.blocked.for_long())
    }

    fn evict(&self, count: usize, may_go: impl Fn(&Entry) -> bool) -> bool {
        let mut found: Vec<(u64, Rc<Entry>)> = self
            .open
            .borrow()
            .values()
            .filter(|entry| entry.farewell.get() != Some(Farewell::Evicted) && may_go(entry))
            .map(|entry| (entry.idle_since.get(), Rc::clone(entry)))
            .collect();
        if found.len() > count {
            found.select_nth_unstable_by_key(count, |(since, _)| *since);
            found.truncate(count);
        }
        for (_, entry) in &found {
            self.leaving.set(self.leaving.get() + 1);
            self.leave_client(entry);
            entry.tell(Farewell::Evicted);
        }
        self.tally.evicted.add(found.len() as u64);
        !found.is_empty()
    }

    /// Tells every connection that the server stops.
    pub(crate) fn drain(&self) {
        self.draining.set(true);
        for entry in self.open.borrow().values() {
            if entry.farewell.get().is_none() {
                entry.tell(Farewell::Draining);
            }
        }
    }

    /// Tells the WebSockets that they end now. Whether there are any.
    pub(crate) fn end_websockets(&self) -> bool {
        let open = self.open.borrow();
        let websockets = open.values().filter(|entry| entry.websocket);
        websockets.map(|entry| entry.tell(Farewell::Over)).count() > 0
    }

    /// Whether any WebSocket is there.
    pub(crate) fn has_websockets(&self) -> bool {
        self.open.borrow().values().any(|entry| entry.websocket)
    }

    fn leave_client(&self, entry: &Entry) {
        let Some(client) = entry.client.take() else { return };
        let mut clients = self.clients.borrow_mut();
        if let Some(count) = clients.get_mut(&client) {
            *count -= 1;
            if *count == 0 {
                clients.remove(&client);
            }
        }
    }
}

fn tick(ticks: &Cell<u64>) -> u64 {
    ticks.set(ticks.get() + 1);
    ticks.get()
}

/// One client: an IPv4 address, or an IPv6 network of 64 bits, which one subscriber has for itself.
fn network_of(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
    }
}

impl Entry {
    fn tell(&self, farewell: Farewell) {
        self.farewell.set(Some(farewell));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn told(&self, context: &Context<'_>) -> Option<Farewell> {
        let told = self.farewell.get();
        if told.is_none() {
            self.will_tell(context);
        }
        told
    }

    fn will_tell(&self, context: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
            *waker = Some(context.waker().clone());
        }
    }
}

/// The place of one connection, for as long as it is kept.
pub(crate) struct Open {
    connections: Rc<Connections>,
    entry: Rc<Entry>,
    number: u64,
}

impl Open {
    /// Counts the connection for its client. When the client has `most` already, the one of them that has been idle
    /// longest goes; when all of them are busy, this one is refused.
    pub(crate) fn belongs_to(&self, client: IpAddr, most: usize) -> bool {
        let client = network_of(client);
        let count = self.connections.clients.borrow().get(&client).copied().unwrap_or_default();
        let theirs = |entry: &Entry| entry.client.get() == Some(client) && entry.underway.get() == 0;
        if count >= most && !self.connections.evict(1, theirs) {
            self.connections.tally.refused_client.add(1);
            return false;
        }
        self.counts_for(client);
        true
    }

    fn counts_for(&self, client: IpAddr) {
        *self.connections.clients.borrow_mut().entry(client).or_default() += 1;
        self.entry.client.set(Some(client));
    }

    /// What notes whether the client takes what is written to it.
    pub(crate) fn blocked(&self) -> Blocked {
        self.entry.blocked.clone()
    }

    /// Whether the body that was polled since the last call had something for the client; `None` if none was polled.
    pub(crate) fn take_gave(&self) -> Option<bool> {
        self.entry.gave.take()
    }

    /// A stream was closed because its client gave no room for its answer.
    pub(crate) fn gave_up_stream(&self) {
        self.connections.tally.stalled_streams.add(1);
    }

    /// A request begins; it ends when the value is dropped.
    pub(crate) fn request(&self) -> Underway {
        self.entry.underway.set(self.entry.underway.get() + 1);
        Underway(Rc::clone(&self.entry))
    }

    /// Runs `serving` until it ends, or until the connection shall end.
    pub(crate) async fn unless_told<F: Future>(
        &self,
        mut serving: Pin<&mut F>,
    ) -> Result<F::Output, Farewell> {
        poll_fn(|context| match self.entry.told(context) {
            Some(farewell) => Poll::Ready(Err(farewell)),
            None => serving.as_mut().poll(context).map(Ok),
        })
        .await
    }

    /// Returns when a stopping server waits no longer.
    pub(crate) async fn over(&self) {
        poll_fn(|context| {
            if self.entry.farewell.get() == Some(Farewell::Over) {
                return Poll::Ready(());
            }
            self.entry.will_tell(context);
            Poll::Pending
        })
        .await;
    }

    /// Runs what comes before the first request. It is given up when the place is needed, and soon when the server
    /// stops.
    pub(crate) async fn beginning<F: Future>(&self, serving: F) -> Option<F::Output> {
        let mut serving = pin!(serving);
        match self.unless_told(serving.as_mut()).await {
            Ok(done) => Some(done),
            Err(Farewell::Evicted | Farewell::Over) => None,
            Err(Farewell::Draining) => lingering(serving).await,
        }
    }
}

/// Runs something for as long as a stopping server still listens.
pub(crate) async fn lingering<F: Future>(serving: F) -> Option<F::Output> {
    tokio::time::timeout(LINGER, serving).await.ok()
}

impl Drop for Open {
    fn drop(&mut self) {
        let Connections { open, leaving, tally, .. } = &*self.connections;
        open.borrow_mut().remove(&self.number);
        if self.entry.farewell.get() == Some(Farewell::Evicted) {
            leaving.set(leaving.get().saturating_sub(1));
        }
        self.connections.leave_client(&self.entry);
        tally.connections.set(open.borrow().len());
        if self.entry.websocket {
            tally.websockets.subtract(1);
        }
    }
}

/// A request under way.
pub(crate) struct Underway(Rc<Entry>);

impl Underway {
    /// Notes whether its body had something for the client.
    pub(crate) fn gave(&self, something: bool) {
        self.0.gave.set(Some(something));
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.0.underway.set(self.0.underway.get().saturating_sub(1));
        self.0.idle_since.set(tick(&self.0.ticks));
    }
}
