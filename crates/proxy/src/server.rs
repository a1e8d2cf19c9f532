//! Listeners and workers: one thread per core, each with its own runtime, connections and pools.

use std::{
    cell::Cell,
    fmt, io,
    net::{SocketAddr, TcpListener},
    rc::Rc,
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use arc_swap::ArcSwap;
use doorward_core::{
    config::Config,
    time::{Clock, Random},
};
use rustls::ServerConfig;
use tokio::sync::watch;

use crate::{
    certificates::Challenges,
    connection::{self, Door},
    control::ControlPlane,
    credentials::Guesses,
    session::SessionSource,
    timeouts::Timeouts,
    worker::Worker,
};

/// Connections that one worker holds at most; more wait in the kernel's queue.
const CONNECTIONS: usize = 8192;

/// The TLS of a listener.
pub type ListenerTls = Arc<ServerConfig>;

/// An address that is ours, not yet served.
pub struct Listener {
    socket: TcpListener,
    tls: Option<ListenerTls>,
    redirect: bool,
}

/// An address that can't be listened on.
#[derive(Debug)]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// Why.
    pub error: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hint = match self.error.kind() {
            io::ErrorKind::AddrInUse => "another program listens there; stop it or choose another port",
            io::ErrorKind::PermissionDenied => "ports below 1024 need the capability CAP_NET_BIND_SERVICE",
            io::ErrorKind::AddrNotAvailable => "no interface of this machine has this address",
            _ => "",
        };
        write!(formatter, "can't listen on {}: {}", self.address, self.error)?;
        if hint.is_empty() { Ok(()) } else { write!(formatter, "; {hint}") }
    }
}

impl std::error::Error for BindError {}

impl Listener {
    /// Takes an address.
    pub fn bind(address: SocketAddr, tls: Option<ListenerTls>) -> Result<Self, BindError> {
        let bound =
            TcpListener::bind(address).and_then(|socket| socket.set_nonblocking(true).map(|()| socket));
        bound
            .map(|socket| Self { socket, tls, redirect: false })
            .map_err(|error| BindError { address, error })
    }

    /// Answers every request with the way to https.
    pub fn redirecting(self, redirect: bool) -> Self {
        Self { redirect, ..self }
    }

    fn share(&self) -> io::Result<Self> {
        let Self { tls, redirect, .. } = self;
        self.socket.try_clone().map(|socket| Self { socket, tls: tls.clone(), redirect: *redirect })
    }

    /// The address, with the port that was chosen if it was 0.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }
}

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
        let addresses = listeners.iter().map(Listener::address).collect::<io::Result<_>>()?;
        let guesses = Arc::new(Guesses::new(settings.workers));
        let settings = Arc::new(settings);
        let threads = (0..settings.workers.max(1))
            .map(|number| {
                let listeners = listeners.iter().map(Listener::share).collect::<io::Result<Vec<_>>>()?;
                let (settings, stopped) = (Arc::clone(&settings), stopped.clone());
                let (started, guesses) = (started.clone(), Arc::clone(&guesses));
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
                    runtime.block_on(work(&settings, guesses, listeners, stopped));
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

    /// The addresses that are served.
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

async fn work(settings: &Settings, guesses: Arc<Guesses>, listeners: Vec<Listener>, stopped: Stop) {
    let worker = Worker::new(settings, guesses);
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
    let Listener { socket, tls, redirect } = listener;
    let socket = match tokio::net::TcpListener::from_std(socket) {
        Ok(socket) => socket,
        Err(error) => return tracing::error!(%error, "can't wait for connections"),
    };
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept(), if open.get() < CONNECTIONS => accepted,
            () = tokio::time::sleep(Duration::from_millis(50)), if open.get() >= CONNECTIONS => continue,
            _ = stopped.wait_for(Option::is_some) => return,
        };
        let Ok((stream, _)) = accepted else {
            // Out of file descriptors, mostly: give connections time to end.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let door = Door { tls: tls.clone(), redirect };
        let serving = connection::serve(Rc::clone(&worker), stream, door, stopped.clone());
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
