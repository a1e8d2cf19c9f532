//! Listeners and workers: one thread per core, each with its own runtime, connections and pools.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    rc::Rc,
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

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
    listener::{Declared, Listener, QUEUE},
    metrics::{Metrics, Tally},
    session::SessionSource,
    stream::Stream,
    timeouts::Timeouts,
    upgrade::LAST_WORDS,
    upstream::health::{self, Board},
    worker::Worker,
};

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
    metrics: Metrics,
}

/// Threads of a worker for what may block: look-ups of names, passwords, files. More wait.
const BLOCKING: usize = 64;

impl Server {
    /// Starts the workers.
    pub fn start(mut settings: Settings) -> io::Result<Self> {
        let (stop, stopped) = watch::channel(None);
        let (started, start) = std::sync::mpsc::channel();
        // Only the accepting tasks hold the sockets: when they end, the addresses are free.
        let listeners = std::mem::take(&mut settings.listeners);
        let addresses = listeners.iter().filter_map(Listener::address).collect();
        settings.workers = settings.workers.max(1);
        let guesses = Arc::new(Guesses::new(settings.workers));
        let metrics = Metrics::new(settings.workers);
        let settings = Arc::new(settings);
        let board = Arc::new(Board::default());
        let threads = (0..settings.workers)
            .map(|number| {
                let listeners = listeners.iter().map(Listener::share).collect::<io::Result<Vec<_>>>()?;
                let (settings, stopped) = (Arc::clone(&settings), stopped.clone());
                let started = started.clone();
                let board = Arc::clone(&board);
                let asks = (number == 0).then(|| Arc::clone(&board));
                let tally = metrics.of_worker(number);
                let shared =
                    Shared { board, tally, everybody: metrics.clone(), guesses: Arc::clone(&guesses) };
                let run = move || {
                    // Tasks of a worker never leave its thread, so they need neither locks nor a queue to share.
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .max_blocking_threads(BLOCKING)
                        .build_local(tokio::runtime::LocalOptions::default());
                    let runtime = match runtime {
                        Ok(runtime) => runtime,
                        Err(error) => return drop(started.send(Err(error))),
                    };
                    let _ = started.send(Ok(()));
                    drop(started);
                    runtime.block_on(async {
                        work(Worker::new(&settings, shared), listeners, stopped, asks).await;
                    });
                    // A look-up of a name may still block; nobody waits for it any more.
                    runtime.shutdown_background();
                };
                std::thread::Builder::new().name(format!("worker-{number}")).spawn(run)
            })
            .collect::<io::Result<_>>()?;
        drop(started);
        // Each says that it has begun, or why it can't.
        start.iter().collect::<io::Result<()>>()?;
        Ok(Self { stop, threads, addresses, metrics })
    }

    /// The TCP addresses that are served.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
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

/// What a worker shares with others.
pub(crate) struct Shared {
    pub(crate) board: Arc<Board>,
    pub(crate) tally: Arc<Tally>,
    pub(crate) guesses: Arc<Guesses>,
    /// What all workers count.
    pub(crate) everybody: Metrics,
}

/// Serves until the end. One of the workers asks upstreams how they are, and has the board to write on.
async fn work(worker: Rc<Worker>, listeners: Vec<Listener>, mut stopped: Stop, asks: Option<Arc<Board>>) {
    if let Some(board) = asks {
        tokio::task::spawn_local(health::ask(Rc::clone(&worker), board));
    }
    let accepting = listeners
        .into_iter()
        .map(|listener| tokio::task::spawn_local(accept(Rc::clone(&worker), listener, stopped.clone())));
    let accepting = accepting.collect::<Vec<_>>();
    // An error says that nobody is left to stop us: that is the end too.
    let _ = stopped.wait_for(Option::is_some).await;
    worker.connections.drain();
    for task in accepting {
        let _ = task.await;
    }
    let drained = async {
        while !worker.connections.is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let grace = stopped.borrow().unwrap_or_default();
    if tokio::time::timeout(grace, drained).await.is_err() && worker.connections.end_websockets() {
        let ended = async {
            while worker.connections.has_websockets() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = tokio::time::timeout(LAST_WORDS, ended).await;
    }
}

async fn accept(worker: Rc<Worker>, listener: Listener, mut stopped: Stop) {
    let (socket, listener) = match listener.into_async() {
        Ok(listener) => listener,
        Err(error) => return tracing::error!(%error, "can't wait for connections"),
    };
    let mut complained = false;
    loop {
        if worker.is_ahead() {
            // All workers were woken by the same connection. Without this the quickest would take them all.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let full = worker.is_full() && !worker.connections.make_room();
        let accepted = tokio::select! {
            biased;
            _ = stopped.wait_for(Option::is_some) => break,
            accepted = socket.accept(), if !full => accepted,
            () = tokio::time::sleep(Duration::from_millis(20)), if full => continue,
        };
        match accepted {
            Ok((stream, peer)) => {
                complained = false;
                take(&worker, &listener, stream, peer);
            }
            Err(error) => {
                // Out of file descriptors, mostly: whoever asks for nothing goes, and the others have their turn.
                if !complained {
                    tracing::warn!(%error, "a connection can't be accepted; idle ones are closed");
                }
                complained = true;
                worker.connections.make_room();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
    }
    // What the kernel accepted for us before we knew is answered too.
    for _ in 0..QUEUE {
        tokio::select! {
            biased;
            Ok((stream, peer)) = socket.accept() => take(&worker, &listener, stream, peer),
            () = std::future::ready(()) => return,
        }
    }
}

fn take(worker: &Rc<Worker>, listener: &Declared, stream: Stream, peer: IpAddr) {
    let behind_balancer = !listener.proxy_protocol.is_empty();
    if behind_balancer && !forwarded::is_in(peer, &listener.proxy_protocol) {
        worker.tally.refused_peer.add(1);
        return tracing::info!(%peer, "refused: not one of this listener's `proxy_protocol`");
    }
    let Declared { redirect, asks, .. } = *listener;
    let door = Door { tls: listener.tls.clone(), redirect, asks, behind_balancer };
    let accepted = Accepted { stream, peer, door };
    let open = worker.connections.enter();
    tokio::task::spawn_local(connection::serve(Rc::clone(worker), accepted, open));
}
