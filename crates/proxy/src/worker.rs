//! What one worker thread knows.

use std::{
    cell::{Cell, RefCell},
    net::IpAddr,
    rc::Rc,
    sync::Arc,
};

use arc_swap::{ArcSwap, Cache};
use bytes::{BufMut as _, BytesMut};
use doorward_core::{
    config::{Config, Limits},
    http::context::RequestId,
    service::Service,
    time::{Clock, draw},
};
use http::HeaderValue;

use crate::{
    certificates::Challenges,
    connections::{Connections, Open},
    control::ControlPlane,
    credentials::{Guesses, Passwords},
    disclose::Disclosures,
    metrics::{Metrics, ServiceTallies, Tally},
    server::{Settings, Shared},
    service::{Arrival, trust},
    session::SessionSource,
    static_site::Turns,
    timeouts::Timeouts,
    upstream::Pools,
};

/// Connections that a worker may have more than another before it lets that one go first.
const LEAD: usize = 4;

/// The state of one worker: shared ports, and what is its own and needs no lock.
pub(crate) struct Worker {
    pub(crate) sessions: Arc<dyn SessionSource>,
    pub(crate) control: Arc<dyn ControlPlane>,
    pub(crate) challenges: Arc<Challenges>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) timeouts: Timeouts,
    pub(crate) pools: Pools,
    pub(crate) disclosures: Disclosures,
    pub(crate) guesses: Arc<Guesses>,
    pub(crate) passwords: Passwords,
    pub(crate) turns: Turns,
    pub(crate) connections: Rc<Connections>,
    pub(crate) tally: Arc<Tally>,
    pub(crate) services: ServiceTallies,
    workers: usize,
    everybody: Metrics,
    config: RefCell<Cache<Arc<ArcSwap<Config>>, Arc<Config>>>,
    next_request: Cell<u64>,
    /// Where the names of requests are written, many into one piece of memory.
    names: RefCell<BytesMut>,
}

impl Worker {
    pub(crate) fn new(settings: &Settings, shared: Shared) -> Rc<Self> {
        Rc::new(Self {
            sessions: Arc::clone(&settings.sessions),
            control: Arc::clone(&settings.control),
            challenges: Arc::clone(&settings.challenges),
            clock: Arc::clone(&settings.clock),
            timeouts: settings.timeouts,
            pools: Pools::new(settings.timeouts, shared.board, Arc::clone(&shared.tally)),
            disclosures: Disclosures::new(Arc::clone(&settings.asserter)),
            guesses: shared.guesses,
            passwords: Passwords::new(draw(&*settings.random)),
            turns: Turns::default(),
            connections: Connections::new(Arc::clone(&shared.tally)),
            tally: shared.tally,
            services: ServiceTallies::default(),
            workers: settings.workers,
            everybody: shared.everybody,
            config: RefCell::new(Cache::new(Arc::clone(&settings.config))),
            next_request: Cell::new(u64::from_le_bytes(draw(&*settings.random))),
            names: RefCell::default(),
        })
    }

    /// The current configuration.
    pub(crate) fn config(&self) -> Arc<Config> {
        Arc::clone(self.config.borrow_mut().load())
    }

    /// Counts what became of a request, and why.
    pub(crate) fn count(
        &self,
        service: &Arc<Service>,
        arrival: &Arrival,
        decided: (&'static str, &'static str),
    ) {
        self.services.count(&self.tally, &arrival.config, service, decided);
    }

    /// What clients may take, as the configuration says now.
    pub(crate) fn limits(&self) -> Limits {
        self.config.borrow_mut().load().listening.limits
    }

    /// Whether this worker has its share of all connections.
    pub(crate) fn is_full(&self) -> bool {
        self.connections.len() >= self.limits().connections.div_ceil(self.workers)
    }

    /// Whether this worker has clearly more connections than another, which then should take the next one.
    pub(crate) fn is_ahead(&self) -> bool {
        let (own, least) = (self.connections.len(), self.everybody.fewest_connections());
        own > least + LEAD + least / 8
    }

    /// Counts a connection for its client, unless it comes from somebody who speaks for many.
    pub(crate) fn has_room_for(&self, client: IpAddr, open: &Open) -> bool {
        let most = self.limits().connections_per_client.div_ceil(self.workers);
        self.counted_client(client).is_none_or(|client| open.belongs_to(client, most))
    }

    /// Whom a connection counts for; `None` if it is somebody who speaks for many.
    pub(crate) fn counted_client(&self, client: IpAddr) -> Option<IpAddr> {
        let config = self.config();
        (!trust(&config).speaks_for_others(client)).then_some(client)
    }

    /// A request's name as a header's value. Memory is taken for 256 of them at once.
    pub(crate) fn header_of(&self, id: RequestId) -> HeaderValue {
        const DIGITS: usize = 16;
        let mut names = self.names.borrow_mut();
        if names.capacity() < DIGITS {
            names.reserve(DIGITS * 256);
        }
        for byte in id.0.to_be_bytes() {
            for digit in [byte >> 4, byte & 15] {
                names.put_u8(b"0123456789abcdef"[usize::from(digit)]);
            }
        }
        let name = names.split().freeze();
        HeaderValue::from_maybe_shared(name).unwrap_or_else(|_| HeaderValue::from_static("unknown"))
    }

    /// A name for a request: an odd step through all 64-bit numbers from a random start, so that names do not tell
    /// how many requests there were.
    pub(crate) fn name_request(&self) -> RequestId {
        const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
        let id = self.next_request.get();
        self.next_request.set(id.wrapping_add(STEP));
        RequestId(id)
    }
}
