//! A running server: everything put together, started and stopped.

use std::{path::Path, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use doorward_core::{
    config::{Address, Config, Database},
    seal::RootSecret,
    time::{Clock, Lifetime, Random, draw},
    token::{Plain, Setup},
};
use doorward_proxy::{Listener, Server, Socket};
use doorward_store::{DataDirectory, DataDirectoryError, Engine, OpenError, Store, StoreError};
use doorward_web::App;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    task::JoinHandle,
};

use crate::{
    assertions::Assertions,
    certificates::Certificates,
    clock::{OperatingSystem, SystemClock},
    config::{self, Loaded},
    control::Control,
    exit::{Failure, Stop},
    inherited::Inherited,
    jobs, reload, secrets,
    sessions::Sessions,
    signing,
};

/// How long requests that are under way may take to finish when the server stops.
const GRACE: Duration = Duration::from_secs(10);
/// How long a set-up link works. Every start makes a new one until set-up is closed.
const SETUP: Lifetime = Lifetime::hours(24);

/// What a server takes from outside.
#[derive(Clone)]
pub struct Shell {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where tokens and keys come from.
    pub random: Arc<dyn Random>,
    /// Threads that serve connections.
    pub workers: usize,
}

impl Shell {
    /// The system's own.
    pub fn system() -> Self {
        let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self { clock: Arc::new(SystemClock), random: Arc::new(OperatingSystem::default()), workers }
    }
}

/// A server that runs.
pub struct Running {
    /// The link that makes the first administrator; `None` once there is one.
    pub setup_link: Option<String>,
    pub(crate) config: Arc<ArcSwap<Config>>,
    pub(crate) store: Store,
    pub(crate) certificates: Arc<Certificates>,
    server: Option<Server>,
    background: Vec<JoinHandle<()>>,
    _directory: DataDirectory,
}

/// Starts everything that `loaded` declares.
///
/// # Errors
/// Each has its own exit code: see [`Stop`]. Nothing is served unless everything could be started.
pub async fn start(loaded: Loaded, shell: Shell) -> Result<Running, Failure> {
    let config = loaded.config;
    let (directory, root, store) = open(&config, &shell)?;
    let certificates = Certificates::open(&config).map_err(|error| Failure::new(Stop::File, error))?;
    let certificates = Arc::new(certificates);
    let listeners = listen(&config, &certificates)?;
    let setup_link = setup_link(&config, &store, &shell).await.map_err(unavailable)?;
    let keys = signing::key_ring(&store, shell.clock.now()).await?;
    let config = Arc::new(ArcSwap::from_pointee(config));
    let app = App::new(doorward_web::Settings {
        config: Arc::clone(&config),
        store: store.clone(),
        root: &root,
        keys: keys.clone(),
        random: Arc::clone(&shell.random),
    });
    let server = Server::start(doorward_proxy::Settings {
        listeners,
        workers: shell.workers,
        config: Arc::clone(&config),
        sessions: Arc::new(Sessions::new(store.clone(), Arc::clone(&config))),
        control: Arc::new(Control(app)),
        asserter: Arc::new(Assertions(keys)),
        challenges: Arc::clone(&certificates.challenges),
        clock: Arc::clone(&shell.clock),
        random: Arc::clone(&shell.random),
        timeouts: doorward_proxy::Timeouts::default(),
    });
    let server =
        server.map_err(|error| Failure::new(Stop::Port, format!("the workers can't be started: {error}")))?;
    let background = vec![
        tokio::spawn(jobs::sweep(store.clone(), shell.clock)),
        tokio::spawn(jobs::watch_files(Arc::clone(&certificates), Arc::clone(&config))),
    ];
    let server = Some(server);
    Ok(Running { setup_link, config, store, certificates, server, background, _directory: directory })
}

fn open(config: &Config, shell: &Shell) -> Result<(DataDirectory, RootSecret, Store), Failure> {
    let directory = DataDirectory::open(&config.data_directory).map_err(|error| match error {
        DataDirectoryError::Locked(_) => Failure::new(Stop::Locked, error),
        DataDirectoryError::Io(..) | DataDirectoryError::RootSecret(..) => Failure::new(Stop::File, error),
    })?;
    let root = secrets::root(config, &directory, &*shell.random)?;
    let engine = match &config.database {
        Database::Sqlite => Engine::Sqlite { path: directory.database() },
        Database::Postgres { url_file } => Engine::Postgres { url: database_url(url_file)? },
    };
    let settings = doorward_store::Settings { engine, root: &root, random: Arc::clone(&shell.random) };
    let store = Store::open(settings).map_err(|error| match error {
        OpenError::WrongRootSecret => Failure::new(Stop::RootSecret, error),
        OpenError::Newer { .. } => Failure::new(Stop::NewerDatabase, error),
        OpenError::Unavailable(_) => Failure::new(Stop::Database, error),
    })?;
    Ok((directory, root, store))
}

fn database_url(file: &Path) -> Result<String, Failure> {
    let text = config::read_secret(file).map_err(|sentence| Failure::new(Stop::File, sentence))?;
    String::from_utf8(text)
        .map_err(|_| Failure::new(Stop::File, format!("{} holds no postgres:// URL", file.display())))
}

fn listen(config: &Config, certificates: &Certificates) -> Result<Vec<Listener>, Failure> {
    let mut inherited = Inherited::from_systemd().map_err(|error| {
        Failure::new(Stop::Port, format!("a socket that was passed in can't be used: {error}"))
    })?;
    let tls = certificates.listeners().map_err(|error| Failure::new(Stop::File, error))?;
    let mut listeners = Vec::new();
    for (declared, tls) in config.listeners.iter().zip(tls) {
        for socket in sockets(&declared.address, &mut inherited)? {
            let listener = Listener::new(socket, tls.clone()).redirecting(declared.redirect);
            listeners.push(listener.behind(&declared.proxy_protocol));
        }
    }
    Ok(listeners)
}

/// The sockets of an address: several only when systemd passed several under one name.
fn sockets(address: &Address, inherited: &mut Inherited) -> Result<Vec<Socket>, Failure> {
    let Address::Systemd(name) = address else {
        return Socket::bind(address)
            .map(|socket| vec![socket])
            .map_err(|error| Failure::new(Stop::Port, error));
    };
    let sockets = inherited.take(name);
    if sockets.is_empty() {
        let sentence = format!(
            "systemd passed no socket with FileDescriptorName={name}; write it into the .socket unit, and start that"
        );
        return Err(Failure::new(Stop::Port, sentence));
    }
    Ok(sockets)
}

async fn setup_link(config: &Config, store: &Store, shell: &Shell) -> Result<Option<String>, StoreError> {
    let token = Plain::<Setup>::from_random(draw(&*shell.random));
    let open = store.issue_setup(token.hash(), shell.clock.now().after(SETUP)).await?;
    Ok(open.then(|| format!("{}/setup/{}", config.portal.origin, token.expose())))
}

fn unavailable(error: StoreError) -> Failure {
    Failure::new(Stop::Database, error)
}

impl Running {
    /// The TCP addresses that are served.
    pub fn addresses(&self) -> &[std::net::SocketAddr] {
        self.server.as_ref().map_or(&[], Server::addresses)
    }

    /// Reads the configuration again. A bad one leaves the old one running; the sentence says why.
    ///
    /// # Errors
    /// The mistakes, or what can't change without a restart.
    pub fn reload(&self, file: &Path) -> Result<(), String> {
        reload::reload(self, file)
    }

    /// Looks at the files of certificates now, as it happens each minute.
    pub fn look_at_certificate_files(&self) {
        self.certificates.look_at_files(&self.config.load());
    }

    /// Stops accepting, lets requests that are under way finish, and ends what remains.
    pub async fn shut_down(&mut self) {
        for task in self.background.drain(..) {
            task.abort();
        }
        if let Some(server) = self.server.take() {
            // Waiting for threads is no work for the runtime's own.
            let _ = tokio::task::spawn_blocking(move || server.shut_down(GRACE)).await;
        }
    }
}

/// The signals that a server obeys. Listen before anybody can know that it runs: one that comes earlier would end the
/// process.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    /// Listens from now on.
    ///
    /// # Errors
    /// When the system does not allow it; then nothing could stop the server in an orderly way.
    pub fn listen() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind)
                .map_err(|error| Failure::new(Stop::File, format!("signals can't be received: {error}")))
        };
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hangup: listen(SignalKind::hangup())?,
        })
    }

    /// Serves until SIGTERM or SIGINT; SIGHUP reads the configuration again.
    pub async fn serve(mut self, running: &Running, file: &Path) {
        loop {
            tokio::select! {
                _ = self.terminate.recv() => return,
                _ = self.interrupt.recv() => return,
                _ = self.hangup.recv() => match running.reload(file) {
                    Ok(()) => tracing::info!(file = %file.display(), "configuration reloaded"),
                    Err(reason) => tracing::error!(file = %file.display(), "configuration not reloaded, the former one stays in force: {reason}"),
                },
            }
        }
    }
}
