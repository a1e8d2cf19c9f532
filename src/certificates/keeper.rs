//! Keeps certificates: obtains those that are missing, renews those that are due, and follows what other nodes do.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use doorward_acme::{Failure, Made};
use doorward_core::{
    certificate::{Facts, Wanted, Window, attempt_again_at, facts, renewal_at},
    config::{Config, Issuer},
    time::{Clock, Lifetime, Random, UnixTime, draw},
};
use doorward_store::{Store, StoreError, StoredChain};
use tokio::{
    sync::{Notify, oneshot},
    task::JoinSet,
};

use super::{
    Certificates, local,
    obtain::{self, Asked},
    wanted,
};

/// How often it is looked whether something is due.
const LOOK_EVERY: Duration = Duration::from_mins(1);
/// How long one node may take over a certificate before another one tries: longer than all waits of an order together.
const LEASE: Lifetime = Lifetime::minutes(15);
/// Orders at the same time.
const ORDERS: usize = 4;
/// How often an authority is asked when it wants a certificate renewed, if it does not say (RFC 9773 section 4.3.3).
const ASK_EVERY: Lifetime = Lifetime::hours(6);
/// How long a new certificate is left alone, whatever its authority says: one that always wants them renewed at once would
/// have them ordered without end.
const SETTLE: Lifetime = Lifetime::hours(1);
/// How long changes of other nodes are collected before they are read.
const COLLECT: Duration = Duration::from_millis(100);

/// Keeps certificates. Clones share everything.
#[derive(Clone)]
pub(crate) struct Keeper(Arc<Inner>);

struct Inner {
    certificates: Arc<Certificates>,
    config: Arc<ArcSwap<Config>>,
    store: Store,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    /// Who we are to other nodes.
    holder: String,
    wake: Notify,
    /// Who waits for the end of a look that has not begun yet.
    waiting: Mutex<Vec<oneshot::Sender<()>>>,
    /// Held while the store is read, so that nobody presents what was true before.
    reading: tokio::sync::Mutex<()>,
    /// When an authority is asked again about a certificate.
    ask_at: Mutex<BTreeMap<String, UnixTime>>,
}

/// What a keeper needs.
pub(crate) struct Settings {
    pub(crate) certificates: Arc<Certificates>,
    pub(crate) config: Arc<ArcSwap<Config>>,
    pub(crate) store: Store,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
}

impl Keeper {
    /// Presents what the store has, and makes what the local authority signs: neither needs the network.
    ///
    /// # Errors
    /// The store can't be read.
    pub(crate) async fn start(settings: Settings) -> Result<Self, StoreError> {
        let Settings { certificates, config, store, clock, random } = settings;
        // Drawn, not fixed: while a restart hands over, two processes use one database.
        let holder = format!("{:016x}", u64::from_le_bytes(draw(&*random)));
        let (wake, waiting, reading, ask_at) =
            (Notify::new(), Mutex::default(), tokio::sync::Mutex::default(), Mutex::default());
        let keeper = Self(Arc::new(Inner {
            certificates,
            config,
            store,
            clock,
            random,
            holder,
            wake,
            waiting,
            reading,
            ask_at,
        }));
        keeper.refresh().await?;
        let config = keeper.0.config.load_full();
        for wanted in wanted(&config).iter().filter(|wanted| wanted.issuer == Issuer::Local) {
            keeper.keep(wanted).await;
        }
        Ok(keeper)
    }

    /// Looks at once whether something is due. What comes back ends when that is done or has failed.
    pub(crate) fn wake(&self) -> oneshot::Receiver<()> {
        let (sender, ended) = oneshot::channel();
        self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(sender);
        self.0.wake.notify_one();
        ended
    }

    /// Where everything is kept.
    pub(super) fn store(&self) -> &Store {
        &self.0.store
    }

    /// Lets other nodes go on with what this one has begun.
    pub(crate) async fn stop(&self) {
        // A database that can't be asked any more lets the leases expire.
        let _ = self.0.store.release_leases(&self.0.holder).await;
    }

    /// Obtains and renews until it is aborted.
    pub(crate) async fn run(self) {
        loop {
            // They learn of the end by being dropped.
            let waiting = std::mem::take(&mut *self.0.waiting.lock().unwrap_or_else(PoisonError::into_inner));
            let config = self.0.config.load_full();
            self.0.certificates.look_at_files(&config, self.0.clock.now());
            let mut orders = JoinSet::new();
            for wanted in wanted(&config) {
                if !self.is_due(&wanted) && !self.shall_ask(&wanted) {
                    continue;
                }
                if orders.len() >= ORDERS {
                    orders.join_next().await;
                }
                let keeper = self.clone();
                orders.spawn(async move { keeper.keep(&wanted).await });
            }
            while orders.join_next().await.is_some() {}
            drop(waiting);
            tokio::select! {
                () = tokio::time::sleep(LOOK_EVERY) => {}
                () = self.0.wake.notified() => {}
            }
        }
    }

    /// Follows what this and other nodes store until it is aborted.
    pub(crate) async fn follow(self) {
        let mut changes = self.0.store.changes();
        let mut seen = None;
        loop {
            match self.0.store.certificates_changed().await {
                Ok(count) if seen == Some(count) => {}
                Ok(count) => match self.refresh().await {
                    Ok(()) => seen = Some(count),
                    Err(error) => tracing::warn!(%error, "certificates can't be read again yet"),
                },
                Err(error) => tracing::warn!(%error, "certificates can't be read again yet"),
            }
            if changes.changed().await.is_err() {
                return;
            }
            if self.0.store.is_shared() {
                tokio::time::sleep(COLLECT).await;
            }
        }
    }

    /// Reads what the store has, and presents it.
    pub(super) async fn refresh(&self) -> Result<(), StoreError> {
        let _reading = self.0.reading.lock().await;
        let now = self.0.clock.now();
        let rows = self.0.store.certificates().await?;
        let proofs = self.0.store.proofs(now).await?;
        self.0.certificates.held().replace(rows);
        self.0.certificates.answer(obtain::answers(proofs, now));
        self.0.certificates.present(&self.0.config.load(), now);
        Ok(())
    }

    fn is_due(&self, wanted: &Wanted) -> bool {
        let now = self.0.clock.now();
        self.0.certificates.held().find(&wanted.id()).is_none_or(|stored| stored.is_due(now))
    }

    /// Whether the authority shall be asked when it wants a certificate renewed.
    fn shall_ask(&self, wanted: &Wanted) -> bool {
        let ask_at = self.0.ask_at.lock().unwrap_or_else(PoisonError::into_inner);
        let due = ask_at.get(&wanted.id()).is_none_or(|at| *at <= self.0.clock.now());
        due && wanted.issuer == Issuer::Acme
    }

    /// Does what is due for one certificate, unless another node does.
    async fn keep(&self, wanted: &Wanted) {
        let (id, now) = (wanted.id(), self.0.clock.now());
        let taken = self.0.store.take_lease(&id, &self.0.holder, now, now.after(LEASE)).await;
        let done = match taken {
            // Read again: another node may have done it before we got the lease.
            Ok(true) => self.refresh().await,
            Ok(false) => return,
            Err(error) => Err(error),
        };
        let done = match done {
            Ok(()) => Box::pin(self.do_what_is_due(wanted)).await,
            error => error,
        };
        if let Err(error) = done {
            tracing::warn!(certificate = id, %error, "certificates can't be kept at the moment");
        }
        // What is left is taken by another node when it expires.
        let _ = self.0.store.release_lease(&id, &self.0.holder).await;
    }

    async fn do_what_is_due(&self, wanted: &Wanted) -> Result<(), StoreError> {
        if !self.is_due(wanted) && self.shall_ask(wanted) {
            self.ask(wanted).await?;
        }
        if self.is_due(wanted) { self.obtain(wanted).await } else { Ok(()) }
    }

    /// Obtains a certificate and stores it, or notes why there is none.
    async fn obtain(&self, wanted: &Wanted) -> Result<(), StoreError> {
        let id = wanted.id();
        let config = self.0.config.load_full();
        let (replaces, failures) = self.held(&id);
        let asked = Asked { acme: &config.certificates.acme, wanted, replaces, failures };
        let obtained = match wanted.issuer {
            Issuer::Local => {
                self.by_local(&config, wanted).await.map(|made| (made, None)).map_err(Failure::from)
            }
            Issuer::Acme => obtain::by_acme(&asked, self, self.0.clock.now()).await,
        };
        match obtained {
            Ok((made, renewal)) => {
                let now = self.0.clock.now();
                let window = renewal.map(|renewal| renewal.window).filter(|window| window.end > now);
                let renew_at = self.renew_at(&made, window);
                tracing::info!(certificate = id, renew_at = renew_at.0, "a certificate was obtained");
                let wait = renewal.map_or(ASK_EVERY, |renewal| renewal.ask_again_after);
                self.remember_to_ask(&id, wait.max(SETTLE));
                let chain = StoredChain { chain: made.chain, key: made.key };
                self.0.store.save_certificate(&id, chain, renew_at).await?;
            }
            Err(failure) => self.note(&id, failures.saturating_add(1), &failure, &config).await?,
        }
        self.refresh().await
    }

    async fn by_local(&self, config: &Config, wanted: &Wanted) -> Result<Made, String> {
        let now = self.0.clock.now();
        let root = local::root(&self.0.store, now).await?;
        local::export(&root, &config.data_directory);
        root.issue(&wanted.names, now)
    }

    async fn note(
        &self,
        id: &str,
        failures: u32,
        failure: &Failure,
        config: &Config,
    ) -> Result<(), StoreError> {
        let now = self.0.clock.now();
        let attempt_at = attempt_again_at(now, failures, failure.retry_after, self.draw());
        let reason = &failure.reason;
        let wait = attempt_at.since(now);
        tracing::warn!(certificate = id, failures, wait, "a certificate can't be obtained: {reason}");
        if failure.account_unknown {
            self.0.store.forget_acme_account(&config.certificates.acme.directory).await?;
        }
        self.0.store.note_certificate_failure(id, reason, attempt_at).await
    }

    /// Asks when the authority wants a certificate renewed.
    async fn ask(&self, wanted: &Wanted) -> Result<(), StoreError> {
        let (id, config) = (wanted.id(), self.0.config.load_full());
        self.remember_to_ask(&id, ASK_EVERY);
        let (Some(facts), _) = self.held(&id) else { return Ok(()) };
        let now = self.0.clock.now();
        // Who can't be asked now is asked later; what was planned stays.
        let Ok(authority) = obtain::authority(&config.certificates.acme, &self.0.store, now).await else {
            return Ok(());
        };
        let Some(renewal) = authority.renewal(&facts).await else { return Ok(()) };
        self.remember_to_ask(&id, renewal.ask_again_after);
        let window = renewal.window;
        let planned = self.0.certificates.held().find(&id).and_then(|stored| stored.renew_at);
        // A moment inside of the window stays what it is, or it would move each time.
        if planned.is_some_and(|planned| window.start <= planned && planned <= window.end) {
            return Ok(());
        }
        let valid = Window { start: facts.not_before, end: facts.not_after };
        let renew_at = renewal_at(valid, Some(window), self.draw());
        tracing::info!(certificate = id, renew_at = renew_at.0, "the authority moved a renewal");
        self.0.store.reschedule_certificate(&id, renew_at).await?;
        self.refresh().await
    }

    /// The certificate that there is, and how often obtaining another failed.
    fn held(&self, id: &str) -> (Option<Facts>, u32) {
        let held = self.0.certificates.held();
        let stored = held.find(id);
        let facts = stored.and_then(|stored| stored.certificate.as_ref()).map(|(_, facts)| facts.clone());
        (facts, stored.map_or(0, |stored| stored.failures))
    }

    fn renew_at(&self, made: &Made, window: Option<Window>) -> UnixTime {
        let facts = made.chain.first().and_then(|leaf| facts(leaf).ok());
        // It was read before; a certificate that says nothing would be renewed at once.
        facts.map_or(self.0.clock.now(), |facts| {
            let valid = Window { start: facts.not_before, end: facts.not_after };
            renewal_at(valid, window, self.draw())
        })
    }

    fn remember_to_ask(&self, id: &str, wait: Lifetime) {
        let next = self.0.clock.now().after(wait);
        self.0.ask_at.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned(), next);
    }

    fn draw(&self) -> u32 {
        u32::from_le_bytes(draw(&*self.0.random))
    }
}
