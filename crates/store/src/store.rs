//! Opening the store, and the generation.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use doorward_core::{seal::RootSecret, time::Random};
use tokio::sync::watch;

use crate::{
    db::{Db, Ending, Tx},
    error::{OpenError, StoreError},
    group, migrate,
    vault::Vault,
};

/// How often a node looks whether another one changed something.
const POLL: Duration = Duration::from_millis(250);
/// How long it waits for the answer. After that nothing is remembered any more: with the pause between two looks this
/// bounds how long somebody whose session was ended elsewhere gets in here although we can't hear of it (E-15).
const POLL_ANSWER: Duration = Duration::from_secs(1);

/// Which database.
pub enum Engine {
    /// A file.
    Sqlite {
        /// Its path.
        path: PathBuf,
    },
    /// A server.
    Postgres {
        /// `postgres://…`, with a password in it.
        url: String,
    },
}

/// What a store needs.
pub struct Settings<'a> {
    /// Which database.
    pub engine: Engine,
    /// The secret that its columns are sealed with.
    pub root: &'a RootSecret,
    /// Where nonces come from.
    pub random: Arc<dyn Random>,
}

/// The store. Clones share everything.
#[derive(Clone)]
pub struct Store {
    pub(crate) db: Arc<Db>,
    pub(crate) vault: Vault,
    generation: Generation,
    shared: Arc<AtomicBool>,
    followed: Arc<AtomicBool>,
}

impl Store {
    /// Whether other nodes may work on the same database.
    pub fn is_shared(&self) -> bool {
        self.shared.load(Ordering::Acquire)
    }

    /// Opens the database, brings it up to date and checks the root secret.
    ///
    /// # Errors
    /// See [`OpenError`]. Nothing is served from a database that does not open.
    pub fn open(settings: Settings<'_>) -> Result<Self, OpenError> {
        let remote = matches!(settings.engine, Engine::Postgres { .. });
        let db = match &settings.engine {
            Engine::Sqlite { path } => Db::sqlite(path)?,
            Engine::Postgres { url } => Db::postgres(url)?,
        };
        migrate::run(&db)?;
        Self::check(db, settings, remote)
    }

    /// Opens a database that another process of this machine works with and hands over. What that one changes is
    /// noticed by asking, as with other nodes.
    ///
    /// # Errors
    /// As [`Self::open`], and [`OpenError::Older`] for a database that this version would change under the other's
    /// feet.
    pub fn open_beside(settings: Settings<'_>) -> Result<Self, OpenError> {
        let db = match &settings.engine {
            Engine::Sqlite { path } => Db::sqlite(path)?,
            Engine::Postgres { url } => Db::postgres(url)?,
        };
        migrate::demand_current(&db)?;
        Self::check(db, settings, true)
    }

    fn check(db: Db, settings: Settings<'_>, shared: bool) -> Result<Self, OpenError> {
        let vault = Vault::new(settings.root, settings.random);
        check_canary(&db, &vault)?;
        group::identify_all(&db, &vault)?;
        let (db, generation) = (Arc::new(db), Generation::new());
        let store = Self { db, vault, generation, shared: Arc::default(), followed: Arc::default() };
        if shared {
            store.follow()?;
        }
        Ok(store)
    }

    /// A counter that rises after each committed change to people, groups or sessions. One atomic load.
    pub fn generation(&self) -> u64 {
        self.generation.seen.load(Ordering::Acquire)
    }

    /// The same counter, to wait on.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.generation.sender.subscribe()
    }

    /// Raises the counter although no row changed: something else that decisions rest on did, such as the
    /// configuration.
    pub fn announce(&self) {
        self.generation.raise();
    }

    /// Runs a unit of work that changes people, groups or sessions. The counter's row is written first: on PostgreSQL
    /// that makes such units wait for each other, so that a rule over several rows (one administrator must remain)
    /// can't be broken by two at once.
    pub(crate) async fn change<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut dyn Tx) -> Result<T, StoreError> + Send + 'static,
    {
        self.change_if(work, |_| true).await
    }

    /// Like [`Self::change`] for a unit of work that can lose: when it says `false`, nothing of it happened.
    pub(crate) async fn attempt<F>(&self, work: F) -> Result<bool, StoreError>
    where
        F: Fn(&mut dyn Tx) -> Result<bool, StoreError> + Send + 'static,
    {
        self.change_if(work, |won| *won).await
    }

    async fn change_if<T, F>(&self, work: F, keep: fn(&T) -> bool) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Fn(&mut dyn Tx) -> Result<T, StoreError> + Send + 'static,
    {
        let generation = self.generation.clone();
        let ending = Ending { keep, then: Box::new(move || generation.raise()) };
        let counted = move |tx: &mut dyn Tx| {
            tx.execute("UPDATE meta SET number = number + 1 WHERE key = 'generation'", &[])?;
            work(tx)
        };
        self.db.write_and(counted, ending).await
    }

    /// Shares the database with other processes that serve, and notices from now on what they change.
    ///
    /// # Errors
    /// When the database can't be asked.
    pub fn follow(&self) -> Result<(), StoreError> {
        self.shared.store(true, Ordering::Release);
        self.watch()
    }

    /// Notices from now on what others change: nodes, and commands that are run beside the server.
    ///
    /// # Errors
    /// When the database can't be asked.
    pub fn watch(&self) -> Result<(), StoreError> {
        if self.followed.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        // Read before anybody reads anything else: what changes from now on is noticed.
        let mut last = stored_generation(&self.db)?;
        let (db, generation) = (Arc::downgrade(&self.db), self.generation.clone());
        let follow = move || loop {
            std::thread::sleep(POLL);
            let Some(db) = db.upgrade() else { return };
            match stored_generation(&db) {
                Ok(found) if found == last => {}
                Ok(found) => {
                    last = found;
                    generation.raise();
                }
                // A database that can't be asked may have changed: better to ask again for each session.
                Err(_) => generation.raise(),
            }
        };
        let started = std::thread::Builder::new().name("store-follow".to_owned()).spawn(follow);
        started.map(drop).map_err(|error| StoreError::Unavailable(error.to_string()))
    }
}

/// The counter, in a form to wait on and in a form to read at no cost.
#[derive(Clone)]
struct Generation {
    sender: Arc<watch::Sender<u64>>,
    seen: Arc<AtomicU64>,
}

impl Generation {
    fn new() -> Self {
        Self { sender: Arc::new(watch::Sender::new(1)), seen: Arc::new(AtomicU64::new(1)) }
    }

    fn raise(&self) {
        self.sender.send_modify(|generation| {
            *generation += 1;
            self.seen.store(*generation, Ordering::Release);
        });
    }
}

fn stored_generation(db: &Db) -> Result<i64, StoreError> {
    const SQL: &str = "SELECT number FROM meta WHERE key = 'generation'";
    let read = |tx: &mut dyn Tx| tx.optional(SQL, &[])?.map_or(Ok(0), |row| row.integer(0));
    db.read_blocking(read, POLL_ANSWER)
}

fn check_canary(db: &Db, vault: &Vault) -> Result<(), OpenError> {
    let fresh = vault.canary();
    let found = db.write_blocking(move |tx| {
        tx.execute(
            "INSERT INTO meta (key, content) VALUES ('canary', $1) ON CONFLICT DO NOTHING",
            &[fresh.clone().into()],
        )?;
        let row = tx.optional("SELECT content FROM meta WHERE key = 'canary'", &[])?;
        row.map_or(Ok(Vec::new()), |row| row.bytes(0).map(<[u8]>::to_vec))
    })?;
    if vault.knows_canary(&found) { Ok(()) } else { Err(OpenError::WrongRootSecret) }
}
