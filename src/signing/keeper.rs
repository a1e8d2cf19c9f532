//! Keeps the keys: makes those that are missing or due, forgets those that are gone, and follows what others do.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use doorward_core::{
    config::Config,
    jose::{
        Algorithm, Signer,
        key_ring::KeyRing,
        rotation::{self, KeyRecord, KeyState},
    },
    time::Clock,
};
use doorward_store::{Store, StoreError, StoredSigningKey};
use tokio::sync::Notify;

use super::{SigningKey, keep, new_key, wanted};
use crate::exit::{Failure, Stop};

/// How often it is looked whether a key is due, or changes its state.
const LOOK_EVERY: Duration = Duration::from_mins(1);

/// Keeps the keys. Clones share everything.
#[derive(Clone)]
pub(crate) struct KeyKeeper(Arc<Inner>);

struct Inner {
    ring: Arc<ArcSwap<KeyRing>>,
    config: Arc<ArcSwap<Config>>,
    store: Store,
    clock: Arc<dyn Clock>,
    shown: Mutex<Shown>,
    /// Held from reading the store to showing it, so that nobody shows what was there before.
    showing: tokio::sync::Mutex<()>,
    wake: Notify,
}

/// What the ring was made of.
#[derive(Default)]
struct Shown {
    states: Vec<(String, KeyState)>,
    keys: BTreeMap<String, Arc<SigningKey>>,
}

impl KeyKeeper {
    /// Makes what is missing, and the ring.
    ///
    /// # Errors
    /// [`Stop::Database`] when the store can't be asked, or holds a key that is none.
    pub(crate) async fn start(
        config: Arc<ArcSwap<Config>>,
        store: Store,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Failure> {
        let (ring, shown, showing, wake) = Default::default();
        let keeper = Self(Arc::new(Inner { ring, config, store, clock, shown, showing, wake }));
        Box::pin(keeper.look()).await?;
        Ok(keeper)
    }

    /// The keys of now. Whoever signs or verifies loads them each time: that is one atomic load.
    pub(crate) fn ring(&self) -> Arc<ArcSwap<KeyRing>> {
        Arc::clone(&self.0.ring)
    }

    /// Looks at once.
    pub(crate) fn wake(&self) {
        self.0.wake.notify_one();
    }

    /// Looks each minute until it is aborted.
    pub(crate) async fn run(self) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = self.0.wake.notified() => {}
            }
            if let Err(error) = self.look().await {
                tracing::warn!(%error, "signing keys can't be kept at the moment; those of before stay in use");
            }
        }
    }

    /// Follows what this and other processes store until it is aborted.
    pub(crate) async fn follow(self) {
        let mut changes = self.0.store.changes();
        let mut seen = None;
        loop {
            match self.0.store.signing_keys_changed().await {
                Ok(count) if seen == Some(count) => {}
                Ok(count) => match self.refresh().await {
                    Ok(()) => seen = Some(count),
                    Err(error) => tracing::warn!(%error, "signing keys can't be read again yet"),
                },
                Err(error) => tracing::warn!(%error, "signing keys can't be read again yet"),
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Makes keys that are due, forgets those that are gone, and shows the rest.
    pub(crate) async fn look(&self) -> Result<(), Failure> {
        let records = self.0.store.signing_key_records().await.map_err(unavailable)?;
        let config = self.0.config.load_full();
        let mut algorithms = wanted(&config);
        algorithms.extend(records.iter().map(|record| record.algorithm));
        algorithms.sort_unstable();
        algorithms.dedup();
        for algorithm in algorithms {
            self.keep(algorithm, &records, &config).await?;
        }
        self.forget().await?;
        self.refresh().await
    }

    async fn keep(
        &self,
        algorithm: Algorithm,
        records: &[KeyRecord],
        config: &Config,
    ) -> Result<(), Failure> {
        let now = self.0.clock.now();
        let Some(place) = rotation::due(algorithm, records, config.signing_keys, now) else { return Ok(()) };
        // A large RSA key takes a while, which is nothing for the runtime's own threads.
        let made = tokio::task::spawn_blocking(move || new_key(algorithm)).await;
        let new = made.ok().and_then(Result::ok).ok_or_else(|| {
            Failure::new(Stop::Database, format!("a signing key for {} can't be made", algorithm.name()))
        })?;
        let (kid, active_at) = (new.kid.clone(), place.active_at);
        // Of several nodes that make it one wins: what is in the store counts, not what was made here.
        if self.0.store.add_signing_key(new, place, now).await.map_err(unavailable)? {
            let algorithm = algorithm.name();
            tracing::info!(kid, algorithm, active_at = active_at.0, "a signing key is published");
        }
        Ok(())
    }

    async fn forget(&self) -> Result<(), Failure> {
        let records = self.0.store.signing_key_records().await.map_err(unavailable)?;
        let states = self.states(&records).await.map_err(unavailable)?;
        let gone = records.into_iter().zip(states).filter(|(_, state)| *state == KeyState::Gone);
        let gone: Vec<String> = gone.map(|(record, _)| record.kid).collect();
        if gone.is_empty() {
            return Ok(());
        }
        self.0.store.forget_signing_keys(gone).await.map_err(unavailable)
    }

    async fn states(&self, records: &[KeyRecord]) -> Result<Vec<KeyState>, StoreError> {
        let keep = keep(&self.0.store, &self.0.config.load()).await?;
        Ok(rotation::states(records, keep, self.0.clock.now()))
    }

    /// Reads what the store has, and shows it if it is not what is shown.
    async fn refresh(&self) -> Result<(), Failure> {
        let _only = self.0.showing.lock().await;
        let stored = self.0.store.signing_keys().await.map_err(unavailable)?;
        let records: Vec<_> = stored.iter().map(|stored| stored.record.clone()).collect();
        let states = self.states(&records).await.map_err(unavailable)?;
        if self.show(&stored, &states)? {
            // Statements that were signed before are remembered beside sessions: they are made anew.
            self.0.store.announce();
        }
        Ok(())
    }

    fn show(&self, stored: &[StoredSigningKey], states: &[KeyState]) -> Result<bool, Failure> {
        let mut shown = self.0.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let named: Vec<_> =
            stored.iter().zip(states).map(|(stored, state)| (stored.record.kid.clone(), *state)).collect();
        if named == shown.states {
            return Ok(false);
        }
        let (mut keys, mut ring) = (BTreeMap::new(), Vec::new());
        for (StoredSigningKey { record, private }, state) in stored.iter().zip(states) {
            if !state.is_believed() {
                continue;
            }
            let key = match shown.keys.get(&record.kid) {
                Some(key) => Arc::clone(key),
                None => Arc::new(read(record, private)?),
            };
            keys.insert(record.kid.clone(), Arc::clone(&key));
            ring.push((key as Arc<dyn Signer>, *state));
        }
        self.0.ring.store(Arc::new(KeyRing::new(ring)));
        *shown = Shown { states: named, keys };
        Ok(true)
    }
}

fn read(record: &KeyRecord, private: &[u8]) -> Result<SigningKey, Failure> {
    let unreadable = || Failure::new(Stop::Database, "a signing key in the database can't be read");
    SigningKey::named(&record.kid, record.algorithm, private).ok_or_else(unreadable)
}

fn unavailable(error: StoreError) -> Failure {
    Failure::new(Stop::Database, error)
}
