//! Listeners and workers: one thread per core, each with its own runtime, connections and pools.

use std::{cell::Cell, io, net::SocketAddr, rc::Rc, sync::Arc, thread::JoinHandle, time::Duration};

use arc_swap::ArcSwap;
use doorward_core::{
    config::Config,
    http::forwarded,
    time::{Clock, Random},
};
use tokio::sync::watch;

use crate::{
    assertion::Asserter,
    certificates::Challenges,
    connection::{self, Accepted, Door},
    control::ControlPlane,
    credentials::Guesses,
    listener::Listener,
    session::SessionSource,
    timeouts::Timeouts,
    upstream::health::{self, Board},
    worker::Worker,
};

/// Connections that one worker holds at most; more wait in the kernel's queue.
const CONNECTIONS: usize = 8192;

/// Set when the server shall stop: how long requests that are under way may take.
pub(crate) type Stop = watch::Receiver<Option<Duration>>;

/// What a server needs.
pub struct Settings {
    /// Addresses to serve.
    pub listeners: Vec<Listener>,
    /// Threads.
    pub workers: usize,
    /// The configuration; storing another one changes what the next requests meet.
    pub config: Arc<ArcSwap<Config>>,
    /// Who is behind a session.
    pub sessions: Arc<dyn SessionSource>,
    /// What is not forwarded.
    pub control: Arc<dyn ControlPlane>,
    /// What vouches for people towards services.
    pub asserter: Arc<dyn Asserter>,
    /// What an authority is answered.
    pub challenges: Arc<Challenges>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where the names of requests start.
    pub random: Arc<dyn Random>,
    /// How long things may take.
    pub timeouts: Timeouts,
}

/// A running server.
pub struct Server {
    stop: watch::Sender<Option<Duration>>,
    threads: Vec<JoinHandle<()>>,
    addresses: Vec<SocketAddr>,
}

impl Server {
    /// Starts the workers.
    pub fn start(mut settings: Settings) -> io::Result<Self> {
        let (stop, stopped) = watch::channel(None);
        let (started, start) = std::sync::mpsc::channel();
        // Only the accepting tasks hold the sockets: when they end, the addresses are free.
        let listeners = std::mem::take(&mut settings.listeners);
        let addresses = listeners.iter().filter_map(Listener::address).collect();
        let guesses = Arc::new(Guesses::new(settings.workers));
        let settings = Arc::new(settings);
        let board = Arc::new(Board::default());
        let threads = (0..settings.workers.max(1))
            .map(|number| {
                let listeners = listeners.iter().map(Listener::share).collect::<io::Result<Vec<_>>>()?;
                let (settings, stopped) = (Arc::clone(&settings), stopped.clone());
                let shared = Shared { guesses: Arc::clone(&guesses), board: Arc::clone(&board) };
                let started = started.clone();
                let run = move || {
                    // Tasks of a worker never leave its thread, so they need neither locks nor a queue to share.
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build_local(tokio::runtime::LocalOptions::default());
                    let runtime = match runtime {
                        Ok(runtime) => runtime,
                        Err(error) => return drop(started.send(Err(error))),
                    };
                    let _ = started.send(Ok(()));
                    drop(started);
                    let asks = number == 0;
                    runtime.block_on(work(&settings, listeners, stopped, (shared, asks)));
                    // A look-up of a name may still block; nobody waits for it any more.
                    runtime.shutdown_background();
                };
                std::thread::Builder::new().name(format!("worker-{number}")).spawn(run)
            })
            .collect::<io::Result<_>>()?;
        drop(started);
        // Each says that it has begun, or why it can't.
        start.iter().collect::<io::Result<()>>()?;
        Ok(Self { stop, threads, addresses })
    }

    /// The TCP addresses that are served.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Stops accepting, lets requests that are under way finish for `grace`, and ends what remains. Blocks until then.
    pub fn shut_down(self, grace: Duration) {
        // Nobody to tell means that every worker has ended.
        let _ = self.stop.send(Some(grace));
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}

/// What all workers share.
pub(crate) struct Shared {
    pub(crate) guesses: Arc<Guesses>,
    pub(crate) board: Arc<Board>,
}

async fn work(settings: &Settings, listeners: Vec<Listener>, stopped: Stop, shared: (Shared, bool)) {
    let (shared, asks) = shared;
    let board = Arc::clone(&shared.board);
    let worker = Worker::new(settings, shared);
    if asks {
        tokio::task::spawn_local(health::ask(Rc::clone(&worker), board));
    }
    let open = Rc::new(Cell::new(0_usize));
    let accepting = listeners.into_iter().map(|listener| {
        let accepting = accept(Rc::clone(&worker), listener, Rc::clone(&open), stopped.clone());
        tokio::task::spawn_local(accepting)
    });
    for task in accepting.collect::<Vec<_>>() {
        let _ = task.await;
    }
    let drained = async {
        while open.get() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let grace = stopped.borrow().unwrap_or_default();
    let _ = tokio::time::timeout(grace, drained).await;
}

async fn accept(worker: Rc<Worker>, listener: Listener, open: Rc<Cell<usize>>, mut stopped: Stop) {
    let (socket, listener) = match listener.into_async() {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "can't wait for connections"),
    };
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept(), if open.get() < CONNECTIONS => accepted,
            () = tokio::time::sleep(Duration::from_millis(50)), if open.get() >= CONNECTIONS => continue,
            _ = stopped.wait_for(Option::is_some) => return,
        };
        let Ok((stream, peer)) = accepted else {
            // Out of file descriptors, mostly: give connections time to end.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let behind_balancer = !listener.proxy_protocol.is_empty();
        if behind_balancer && !forwarded::is_in(peer, &listener.proxy_protocol) {
            tracing::info!(%peer, "refused: not one of this listener's `proxy_protocol`");
            continue;
        }
        let door = Door { tls: listener.tls.clone(), redirect: listener.redirect, behind_balancer };
        let accepted = Accepted { stream, peer, door };
        let serving = connection::serve(Rc::clone(&worker), accepted, stopped.clone());
        let counted = Counted::new(&open);
        tokio::task::spawn_local(async move {
            serving.await;
            drop(counted);
        });
    }
}

/// Counts a connection for as long as it lives, also when its task ends by a panic.
struct Counted(Rc<Cell<usize>>);

impl Counted {
    fn new(open: &Rc<Cell<usize>>) -> Self {
        open.set(open.get() + 1);
        Self(Rc::clone(open))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}
