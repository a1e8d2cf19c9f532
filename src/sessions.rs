//! The data plane's view of sessions: the store behind a cache per thread.
//!
//! An entry speaks the truth for one generation: the store raises its generation after every committed change to
//! people, groups or sessions, so one atomic load tells whether memory may answer. No lock and no allocation on
//! that path.

use std::{
    cell::RefCell,
    hash::{BuildHasherDefault, Hasher},
    sync::Arc,
};

use arc_swap::ArcSwap;
use doorward_core::{
    config::Config,
    identity::Identity,
    policy::Bearer,
    time::UnixTime,
    token::{Hashed, Personal, Session},
};
use doorward_proxy::{
    memory::Memory,
    session::{BoxFuture, SessionSource, Unavailable},
};
use doorward_store::Store;
use tokio::sync::watch;

use crate::bearers;

/// Seconds for which memory may answer at most. Then the store is asked again, and records that the session is in use:
/// often enough that nobody who uses a session is found idle.
const FRESH: i64 = 60;

/// Answers the data plane's question "who is behind this token, on this host, now?".
pub(crate) struct Sessions {
    store: Store,
    config: Arc<ArcSwap<Config>>,
}

struct Remembered {
    identity: Arc<Identity>,
    host: Box<str>,
    generation: u64,
    asked_at: UnixTime,
    /// Seconds for which it may answer.
    fresh_for: i64,
}

impl Remembered {
    fn answers(&self, host: &str, generation: u64, now: UnixTime) -> bool {
        *self.host == *host && self.is_current(generation, now)
    }

    fn is_current(&self, generation: u64, now: UnixTime) -> bool {
        self.generation == generation
            && now < self.identity.expires_at
            && now >= self.asked_at
            && now.since(self.asked_at) < self.fresh_for
    }
}

thread_local! {
    static MEMORY: RefCell<Memory<[u8; 32], Remembered, BuildHasherDefault<Leading>>> = RefCell::default();
}

/// Hashes a SHA-256 digest by its leading bytes. Only digests of sessions that exist get in, so nobody can aim at
/// collisions.
#[derive(Default)]
struct Leading(u64);

impl Hasher for Leading {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(leading) = bytes.first_chunk::<8>() {
            self.0 = u64::from_le_bytes(*leading);
        }
    }

    fn write_usize(&mut self, _length: usize) {}

    fn finish(&self) -> u64 {
        self.0
    }
}

impl Sessions {
    /// The sessions of `store`, with the idle lifetime of the current configuration.
    pub(crate) fn new(store: Store, config: Arc<ArcSwap<Config>>) -> Self {
        Self { store, config }
    }

    async fn ask(
        &self,
        token: &Hashed<Session>,
        host: &str,
        now: UnixTime,
    ) -> Result<Option<Arc<Identity>>, Unavailable> {
        // Read before asking: a change that lands in between makes the entry stale, not wrong.
        let generation = self.store.generation();
        let idle = self.config.load().portal.sessions.idle;
        let found = self
            .store
            .session(token, host, idle, now)
            .await
            .map_err(|error| Unavailable(error.to_string()))?;
        let Some(identity) = found.map(Arc::new) else {
            return Ok(None);
        };
        if let Err(error) = self.store.touch_session(identity.session, now).await {
            tracing::warn!(%error, "the use of a session can't be recorded");
        }
        remember(
            token,
            Remembered {
                identity: Arc::clone(&identity),
                host: host.into(),
                generation,
                asked_at: now,
                fresh_for: FRESH.min(i64::from(idle.0) / 2),
            },
        );
        Ok(Some(identity))
    }
}

fn remember(token: &Hashed<Session>, entry: Remembered) {
    let (generation, now) = (entry.generation, entry.asked_at);
    MEMORY.with_borrow_mut(|memory| {
        memory.insert(*token.as_bytes(), entry, |other| other.is_current(generation, now));
    });
}

impl SessionSource for Sessions {
    fn cached(&self, token: &Hashed<Session>, host: &str, now: UnixTime) -> Option<Option<Arc<Identity>>> {
        let generation = self.store.generation();
        MEMORY.with_borrow(|memory| {
            let entry = memory.get(token.as_bytes())?;
            entry.answers(host, generation, now).then(|| Some(Arc::clone(&entry.identity)))
        })
    }

    fn resolve<'a>(
        &'a self,
        token: &'a Hashed<Session>,
        host: &'a str,
        now: UnixTime,
    ) -> BoxFuture<'a, Result<Option<Arc<Identity>>, Unavailable>> {
        Box::pin(self.ask(token, host, now))
    }

    fn remembered_bearer(
        &self,
        token: &Hashed<Personal>,
        service: &str,
        now: UnixTime,
    ) -> Option<Arc<Bearer>> {
        bearers::remembered(self.store.generation(), token, service, now)
    }

    fn bearer<'a>(
        &'a self,
        token: &'a Hashed<Personal>,
        service: &'a str,
        now: UnixTime,
    ) -> BoxFuture<'a, Result<Option<Arc<Bearer>>, Unavailable>> {
        Box::pin(bearers::ask(&self.store, token, service, now))
    }

    fn generation(&self) -> u64 {
        self.store.generation()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.store.changes()
    }
}
