//! A running server: everything put together, started and stopped.

use std::{os::fd::OwnedFd, path::Path, sync::Arc, time::Duration};

use arc_swap::ArcSwap;
use doorward_core::{
    config::{Config, Database},
    seal::RootSecret,
    time::{Clock, Lifetime, Random, draw},
    token::{Plain, Setup},
};
use doorward_proxy::{Listener, Server, Socket};
use doorward_store::{DataDirectory, DataDirectoryError, Engine, OpenError, Store, StoreError};
use doorward_web::App;
use tokio::{sync::watch, task::JoinHandle};

use crate::{
    admin::{Admin, Listening},
    assertions::Assertions,
    certificates::{CertificateStatus, Certificates, Keeper, KeeperSettings},
    clock::{OperatingSystem, SystemClock},
    config::{self, Loaded},
    control::Control,
    exit::{Failure, Stop},
    handover::Successor,
    inherited::Inherited,
    jobs, reload, secrets,
    sessions::Sessions,
    signing::KeyKeeper,
};

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
    pub(crate) keeper: Keeper,
    pub(crate) keys: KeyKeeper,
    pub(crate) clock: Arc<dyn Clock>,
    server: Option<Server>,
    background: Vec<JoinHandle<()>>,
    /// What a successor would be handed.
    sockets: Named,
    draining: watch::Sender<bool>,
    admin: Option<Listening>,
    directory: DataDirectory,
}

/// Starts everything that `loaded` declares.
///
/// # Errors
/// Each has its own exit code: see [`Stop`]. Nothing is served unless everything could be started.
pub async fn start(loaded: Loaded, shell: Shell) -> Result<Running, Failure> {
    start_with(loaded, shell, Inherited::default()).await
}

/// Starts everything that `loaded` declares, with what was passed in.
///
/// # Errors
/// As [`start`].
pub async fn start_with(loaded: Loaded, shell: Shell, mut inherited: Inherited) -> Result<Running, Failure> {
    let config = loaded.config;
    let alone = inherited.lock.is_none();
    let (directory, root, store) = open(&config, &shell, inherited.lock.take())?;
    free_leases(&store, alone).await?;
    let certificates = Certificates::open(&config).map_err(|error| Failure::new(Stop::File, error))?;
    let certificates = Arc::new(certificates);
    let (listeners, mut sockets) = listen(&config, &certificates, &mut inherited)?;
    let admin_socket = admin_socket(&config, &mut inherited, &mut sockets)?;
    let setup_link = setup_link(&config, &store, &shell).await.map_err(unavailable)?;
    let config = Arc::new(ArcSwap::from_pointee(config));
    let keys = KeyKeeper::start(Arc::clone(&config), store.clone(), Arc::clone(&shell.clock)).await?;
    let app = App::new(doorward_web::Settings {
        config: Arc::clone(&config),
        store: store.clone(),
        root: &root,
        keys: keys.ring(),
        random: Arc::clone(&shell.random),
    });
    let keeper = keeper(&config, &store, &certificates, &shell).await?;
    let server = Server::start(doorward_proxy::Settings {
        listeners,
        workers: shell.workers,
        config: Arc::clone(&config),
        sessions: Arc::new(Sessions::new(store.clone(), Arc::clone(&config))),
        control: Arc::new(Control(app)),
        asserter: Arc::new(Assertions(keys.ring())),
        challenges: Arc::clone(&certificates.challenges),
        clock: Arc::clone(&shell.clock),
        random: Arc::clone(&shell.random),
        timeouts: doorward_proxy::Timeouts::default(),
    });
    let server =
        server.map_err(|error| Failure::new(Stop::Port, format!("the workers can't be started: {error}")))?;
    let background = background(&store, &shell, &keeper, &keys);
    let (draining, told) = watch::channel(false);
    let admin = Admin {
        config: Arc::clone(&config),
        store: store.clone(),
        metrics: server.metrics().clone(),
        certificates: Arc::clone(&certificates),
        draining: told,
    };
    let admin = tell(admin, admin_socket)?;
    Ok(Running {
        setup_link,
        config,
        store,
        certificates,
        keeper,
        keys,
        clock: shell.clock,
        server: Some(server),
        background,
        sockets,
        draining,
        admin,
        directory,
    })
}

fn tell(admin: Admin, socket: Option<Socket>) -> Result<Option<Listening>, Failure> {
    socket
        .map(|socket| admin.listen(socket))
        .transpose()
        .map_err(|error| Failure::new(Stop::Port, format!("the admin listener can't be waited on: {error}")))
}

/// The lock of the data directory is ours alone, unless a predecessor handed it over: on an embedded database, whoever
/// held a lease is no more.
async fn free_leases(store: &Store, alone: bool) -> Result<(), Failure> {
    if alone && !store.is_shared() {
        store.release_all_leases().await.map_err(unavailable)?;
    }
    Ok(())
}

async fn keeper(
    config: &Arc<ArcSwap<Config>>,
    store: &Store,
    certificates: &Arc<Certificates>,
    shell: &Shell,
) -> Result<Keeper, Failure> {
    let settings = KeeperSettings {
        certificates: Arc::clone(certificates),
        config: Arc::clone(config),
        store: store.clone(),
        clock: Arc::clone(&shell.clock),
        random: Arc::clone(&shell.random),
    };
    Box::pin(Keeper::start(settings)).await.map_err(unavailable)
}

/// What happens by itself.
fn background(store: &Store, shell: &Shell, keeper: &Keeper, keys: &KeyKeeper) -> Vec<JoinHandle<()>> {
    vec![
        tokio::spawn(jobs::sweep(store.clone(), Arc::clone(&shell.clock))),
        tokio::spawn(keeper.clone().run()),
        tokio::spawn(keeper.clone().follow()),
        tokio::spawn(keys.clone().run()),
        tokio::spawn(keys.clone().follow()),
    ]
}

fn admin_socket(
    config: &Config,
    inherited: &mut Inherited,
    sockets: &mut Named,
) -> Result<Option<Socket>, Failure> {
    let Some(address) = &config.listening.admin else { return Ok(None) };
    let Some(socket) = inherited.sockets(address)?.pop() else { return Ok(None) };
    sockets.push((address.to_string(), share(&socket)?));
    Ok(Some(socket))
}

pub(crate) fn open(
    config: &Config,
    shell: &Shell,
    lock: Option<OwnedFd>,
) -> Result<(DataDirectory, RootSecret, Store), Failure> {
    let taken_over = lock.is_some();
    let directory = match lock {
        None => DataDirectory::open(&config.data_directory),
        Some(lock) => DataDirectory::take_over(&config.data_directory, lock),
    };
    let directory = directory.map_err(|error| match error {
        DataDirectoryError::Locked(_) => Failure::new(Stop::Locked, error),
        DataDirectoryError::Io(..) | DataDirectoryError::RootSecret(..) => Failure::new(Stop::File, error),
    })?;
    let root = secrets::root(config, &directory, &*shell.random)?;
    let engine = match &config.database {
        Database::Sqlite => Engine::Sqlite { path: directory.database() },
        Database::Postgres { url_file } => Engine::Postgres { url: database_url(url_file)? },
    };
    let settings = doorward_store::Settings { engine, root: &root, random: Arc::clone(&shell.random) };
    let opened = if taken_over { Store::open_beside(settings) } else { Store::open(settings) };
    let store = opened.map_err(not_opened)?;
    store.watch().map_err(unavailable)?;
    Ok((directory, root, store))
}

pub(crate) fn not_opened(error: OpenError) -> Failure {
    let stop = match error {
        OpenError::WrongRootSecret => Stop::RootSecret,
        OpenError::Newer { .. } | OpenError::Older { .. } => Stop::NewerDatabase,
        OpenError::Unavailable(_) => Stop::Database,
    };
    Failure::new(stop, error)
}

pub(crate) fn database_url(file: &Path) -> Result<String, Failure> {
    let text = config::read_secret(file).map_err(|sentence| Failure::new(Stop::File, sentence))?;
    String::from_utf8(text)
        .map_err(|_| Failure::new(Stop::File, format!("{} holds no postgres:// URL", file.display())))
}

/// Sockets with the addresses that they were declared by, to be handed over.
type Named = Vec<(String, Socket)>;

fn listen(
    config: &Config,
    certificates: &Certificates,
    inherited: &mut Inherited,
) -> Result<(Vec<Listener>, Named), Failure> {
    let tls = certificates.listeners().map_err(|error| Failure::new(Stop::File, error))?;
    let (mut listeners, mut named) = (Vec::new(), Vec::new());
    for (declared, tls) in config.listeners.iter().zip(tls) {
        for socket in inherited.sockets(&declared.address)? {
            named.push((declared.address.to_string(), share(&socket)?));
            let listener = Listener::new(socket, tls.clone())
                .redirecting(declared.redirect)
                .for_questions(declared.forward_auth);
            listeners.push(listener.behind(&declared.proxy_protocol));
        }
    }
    Ok((listeners, named))
}

fn share(socket: &Socket) -> Result<Socket, Failure> {
    socket.share().map_err(|error| Failure::new(Stop::Port, format!("a socket can't be kept: {error}")))
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
        self.certificates.look_at_files(&self.config.load(), self.clock.now());
    }

    /// Looks now whether a certificate is due, as it happens each minute. Returns when what was due has been done or has
    /// failed.
    pub async fn look_at_certificates(&self) {
        // It is dropped at the end, and never sent.
        let _ = self.keeper.wake().await;
    }

    /// Moves whenever what is known about certificates may have changed.
    pub fn certificate_changes(&self) -> tokio::sync::watch::Receiver<()> {
        self.certificates.changes()
    }

    /// Looks now whether a signing key is due or changes its state, as it happens each minute.
    ///
    /// # Errors
    /// The database can't be asked: the keys of before stay in use.
    pub async fn look_at_signing_keys(&self) -> Result<(), Failure> {
        self.keys.look().await
    }

    /// Every certificate that the configuration wants, and what is known about it.
    pub fn certificates(&self) -> Vec<CertificateStatus> {
        self.certificates.status(&self.config.load())
    }

    /// Services that are declared.
    pub(crate) fn services(&self) -> usize {
        self.config.load().services.len()
    }

    /// Starts a process that takes this one's place. From now on both may change the database.
    pub(crate) fn start_successor(&self) -> std::io::Result<Successor> {
        self.store.follow().map_err(std::io::Error::other)?;
        Successor::start(&self.sockets, self.directory.lock())
    }

    /// Stops accepting, lets requests that are under way finish, and ends what remains.
    pub async fn shut_down(&mut self) {
        let grace = self.config.load().listening.limits.stop_grace;
        self.shut_down_within(grace).await;
    }

    /// The same after a successor took over: it does not wait for us, so what is under way may take its time.
    pub async fn drain(&mut self) {
        // The successor answers there.
        self.admin = None;
        let grace = self.config.load().listening.limits.handover_grace;
        self.shut_down_within(grace).await;
    }

    async fn shut_down_within(&mut self, grace: Lifetime) {
        self.draining.send_replace(true);
        for task in self.background.drain(..) {
            task.abort();
        }
        self.keeper.stop().await;
        // The last of the sockets go with the workers: from then on nobody connects.
        self.sockets.clear();
        if let Some(server) = self.server.take() {
            // Waiting for threads is no work for the runtime's own.
            let grace = Duration::from_secs(u64::from(grace.0));
            let _ = tokio::task::spawn_blocking(move || server.shut_down(grace)).await;
        }
        self.admin = None;
    }
}
