//! What happens, counted. Each worker counts for itself, in memory of its own, with plain relaxed stores: no lock, no
//! shared cache line and no allocation for a request that is forwarded. A scrape adds the workers up.
//!
//! Every set of labels is closed (D-10): services are those of the configuration, everything else is a word of ours.

mod text;
mod upstream;

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use doorward_core::{config::Config, service::Service};
use http::StatusCode;
pub use text::Exposition;
pub(crate) use upstream::Fault;

/// A number that one thread changes and others read.
#[derive(Default, Debug)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, more: u64) {
        // One writer: no read-modify-write is needed.
        self.0.store(self.get().wrapping_add(more), Ordering::Relaxed);
    }

    pub(crate) fn subtract(&self, less: u64) {
        self.0.store(self.get().saturating_sub(less), Ordering::Relaxed);
    }

    pub(crate) fn set(&self, value: usize) {
        self.0.store(value as u64, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Upper bounds of the classes of decisions, in microseconds.
const DECISION: [u64; 8] = [5, 10, 25, 50, 100, 1_000, 10_000, 100_000];
/// Upper bounds of the classes of answers of upstreams, in microseconds.
const UPSTREAM: [u64; 8] = [1_000, 5_000, 25_000, 100_000, 500_000, 1_000_000, 5_000_000, 30_000_000];

/// Durations by class.
#[derive(Default)]
pub(crate) struct Histogram {
    classes: [Counter; 9],
    nanoseconds: Counter,
}

impl Histogram {
    fn add(&self, took: Duration, bounds: &[u64; 8]) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let class = bounds.iter().position(|bound| micros <= *bound).unwrap_or(bounds.len());
        self.classes[class].add(1);
        self.nanoseconds.add(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX));
    }
}

/// What became of a request to a service.
const OUTCOMES: [&str; 8] =
    ["forwarded", "redirected", "bypassed", "by_key", "sign_in", "denied", "closed", "other"];

/// The requests of one service.
#[derive(Default)]
pub(crate) struct ServiceTally([Counter; OUTCOMES.len()]);

/// What one worker counts.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct Tally {
    /// Answers by class of their status: 1xx to 5xx.
    answers: [Counter; 5],
    decision: Histogram,
    upstream: Histogram,
    /// What went wrong with upstreams, by kind.
    upstream_errors: [Counter; Fault::KINDS],
    /// Answers under way that tell events as they happen.
    pub(crate) event_streams: Counter,
    pub(crate) event_streams_total: Counter,
    /// Connections and streams whose clients took nothing for too long.
    pub(crate) stalled_connections: Counter,
    pub(crate) stalled_streams: Counter,
    pub(crate) connections: Counter,
    pub(crate) connections_total: Counter,
    pub(crate) evicted: Counter,
    pub(crate) refused_client: Counter,
    pub(crate) refused_peer: Counter,
    pub(crate) websockets: Counter,
    pub(crate) websockets_total: Counter,
    pub(crate) tls_ok: Counter,
    pub(crate) tls_failed: Counter,
    pub(crate) sessions_remembered: Counter,
    pub(crate) sessions_asked: Counter,
    pub(crate) rate_limited: Counter,
    pub(crate) malformed: Counter,
    pub(crate) unknown_host: Counter,
    pub(crate) portal: Counter,
    pub(crate) reserved: Counter,
    /// By name. Locked when a worker meets a service for the first time, and by scrapes.
    services: Mutex<BTreeMap<Arc<str>, Arc<ServiceTally>>>,
    /// By code. Locked for requests that are not forwarded.
    reasons: Mutex<BTreeMap<&'static str, u64>>,
}

impl Tally {
    pub(crate) fn answered(&self, status: StatusCode) {
        let class = usize::from(status.as_u16() / 100).clamp(1, 5) - 1;
        self.answers[class].add(1);
    }

    pub(crate) fn decided_within(&self, took: Duration) {
        self.decision.add(took, &DECISION);
    }

    pub(crate) fn upstream_within(&self, took: Duration) {
        self.upstream.add(took, &UPSTREAM);
    }

    pub(crate) fn upstream_failed(&self, fault: Fault) {
        self.upstream_errors[fault as usize].add(1);
    }

    fn reason(&self, code: &'static str) {
        if let Ok(mut reasons) = self.reasons.lock() {
            *reasons.entry(code).or_default() += 1;
        }
    }
}

/// The counters of services as one worker finds them: by the service's place in memory, for one configuration.
#[derive(Default)]
pub(crate) struct ServiceTallies(RefCell<Known>);

#[derive(Default)]
struct Known {
    config: Option<Arc<Config>>,
    services: HashMap<*const Service, Arc<ServiceTally>>,
}

impl ServiceTallies {
    /// Counts what became of a request. `reason` is a code of ours.
    pub(crate) fn count(
        &self,
        tally: &Tally,
        config: &Arc<Config>,
        service: &Arc<Service>,
        (outcome, reason): (&'static str, &'static str),
    ) {
        let mut known = self.0.borrow_mut();
        if !known.config.as_ref().is_some_and(|current| Arc::ptr_eq(current, config)) {
            *known = Known { config: Some(Arc::clone(config)), services: HashMap::new() };
        }
        let counters = known.services.entry(Arc::as_ptr(service)).or_insert_with(|| {
            let Ok(mut all) = tally.services.lock() else { return Arc::default() };
            Arc::clone(all.entry(Arc::from(&*service.name)).or_default())
        });
        let outcome = OUTCOMES.iter().position(|known| *known == outcome).unwrap_or(OUTCOMES.len() - 1);
        counters.0[outcome].add(1);
        if outcome != 0 {
            tally.reason(reason);
        }
    }
}

/// The counts of all workers.
#[derive(Clone, Default)]
pub struct Metrics {
    workers: Vec<Arc<Tally>>,
}

impl Metrics {
    pub(crate) fn new(workers: usize) -> Self {
        Self { workers: (0..workers).map(|_| Arc::default()).collect() }
    }

    pub(crate) fn of_worker(&self, number: usize) -> Arc<Tally> {
        Arc::clone(&self.workers[number])
    }

    /// Connections of the worker that has the fewest.
    pub(crate) fn fewest_connections(&self) -> usize {
        let fewest = self.workers.iter().map(|worker| worker.connections.get()).min();
        fewest.and_then(|fewest| usize::try_from(fewest).ok()).unwrap_or_default()
    }

    fn sum(&self, of: impl Fn(&Tally) -> &Counter) -> u64 {
        self.workers.iter().map(|worker| of(worker).get()).sum()
    }

    /// Writes everything that the data plane counts. Services that `config` does not have any more are left out.
    pub fn write(&self, text: &mut Exposition, config: &Config) {
        self.write_requests(text);
        self.write_services(text, config);
        self.write_connections(text);
    }

    fn write_requests(&self, text: &mut Exposition) {
        text.family("doorward_answers_total", "counter", "Answers by class of their status.");
        for (class, name) in ["1xx", "2xx", "3xx", "4xx", "5xx"].into_iter().enumerate() {
            text.sample(&[("class", name)], self.sum(|worker| &worker.answers[class]));
        }
        text.family(
            "doorward_refused_requests_total",
            "counter",
            "Requests that were not read to a decision.",
        );
        text.sample(&[("reason", "malformed")], self.sum(|worker| &worker.malformed));
        text.sample(&[("reason", "unknown_host")], self.sum(|worker| &worker.unknown_host));
        text.counter(
            "doorward_portal_requests_total",
            "Requests to the identity host.",
            self.sum(|w| &w.portal),
        );
        let help = "Requests to the reserved path on hosts of services.";
        text.counter("doorward_reserved_requests_total", help, self.sum(|worker| &worker.reserved));
        let help = "Requests that were refused because the client made too many attempts.";
        text.counter("doorward_rate_limited_total", help, self.sum(|worker| &worker.rate_limited));
        text.family("doorward_session_lookups_total", "counter", "Looks for the person behind a session.");
        text.sample(&[("result", "hit")], self.sum(|worker| &worker.sessions_remembered));
        text.sample(&[("result", "miss")], self.sum(|worker| &worker.sessions_asked));
        text.family(
            "doorward_decision_seconds",
            "histogram",
            "Time from a request to the decision about it.",
        );
        self.write_histogram(text, &DECISION, |worker| &worker.decision);
        let help = "Time from the decision to the head of the upstream's answer.";
        text.family("doorward_upstream_seconds", "histogram", help);
        self.write_histogram(text, &UPSTREAM, |worker| &worker.upstream);
        let help = "Permitted requests that no upstream answered, or not to the end, by what went wrong.";
        text.family("doorward_upstream_errors_total", "counter", help);
        for (fault, kind) in Fault::ALL {
            text.sample(&[("kind", kind)], self.sum(|worker| &worker.upstream_errors[fault as usize]));
        }
    }

    fn write_histogram(&self, text: &mut Exposition, bounds: &[u64; 8], of: impl Fn(&Tally) -> &Histogram) {
        let classes = (0..9).map(|class| self.sum(|worker| &of(worker).classes[class])).collect::<Vec<_>>();
        text.histogram(bounds, &classes, self.sum(|worker| &of(worker).nanoseconds));
    }

    fn write_services(&self, text: &mut Exposition, config: &Config) {
        let mut services: BTreeMap<Arc<str>, [u64; OUTCOMES.len()]> = BTreeMap::new();
        let mut reasons: BTreeMap<&str, u64> = BTreeMap::new();
        for worker in &self.workers {
            if let Ok(known) = worker.services.lock() {
                for (name, tally) in known.iter().filter(|(name, _)| config.service(name).is_some()) {
                    let sums = services.entry(Arc::clone(name)).or_default();
                    sums.iter_mut().zip(&tally.0).for_each(|(sum, counter)| *sum += counter.get());
                }
            }
            if let Ok(known) = worker.reasons.lock() {
                known.iter().for_each(|(code, count)| *reasons.entry(code).or_default() += count);
            }
        }
        let help = "Requests to services, by what was decided.";
        text.family("doorward_service_requests_total", "counter", help);
        for (name, sums) in &services {
            for (outcome, sum) in OUTCOMES.iter().zip(sums) {
                text.sample(&[("service", name), ("outcome", outcome)], *sum);
            }
        }
        let help = "Requests that were not forwarded for a session, by reason.";
        text.family("doorward_decisions_total", "counter", help);
        for (code, count) in reasons {
            text.sample(&[("reason", code)], count);
        }
    }

    fn write_connections(&self, text: &mut Exposition) {
        let help = "Connections that are open, WebSockets among them.";
        text.gauge("doorward_connections", help, self.sum(|worker| &worker.connections));
        let help = "Connections that were accepted.";
        text.counter("doorward_connections_total", help, self.sum(|worker| &worker.connections_total));
        let help = "Connections that were closed because their place was needed.";
        text.counter("doorward_connections_evicted_total", help, self.sum(|worker| &worker.evicted));
        text.family("doorward_connections_refused_total", "counter", "Connections that were closed at once.");
        text.sample(&[("reason", "client_limit")], self.sum(|worker| &worker.refused_client));
        text.sample(&[("reason", "proxy_protocol")], self.sum(|worker| &worker.refused_peer));
        text.gauge("doorward_websockets", "WebSockets that are open.", self.sum(|w| &w.websockets));
        let help = "WebSockets that were opened.";
        text.counter("doorward_websockets_total", help, self.sum(|worker| &worker.websockets_total));
        let help = "Streams of events that are open.";
        text.gauge("doorward_event_streams", help, self.sum(|worker| &worker.event_streams));
        let help = "Streams of events that were opened.";
        text.counter("doorward_event_streams_total", help, self.sum(|worker| &worker.event_streams_total));
        let help = "Clients that were given up because they took nothing of what was written to them.";
        text.family("doorward_stalled_clients_total", "counter", help);
        text.sample(&[("closed", "connection")], self.sum(|worker| &worker.stalled_connections));
        text.sample(&[("closed", "stream")], self.sum(|worker| &worker.stalled_streams));
        text.family("doorward_tls_handshakes_total", "counter", "TLS handshakes of clients.");
        text.sample(&[("result", "ok")], self.sum(|worker| &worker.tls_ok));
        text.sample(&[("result", "failed")], self.sum(|worker| &worker.tls_failed));
    }
}

#[cfg(test)]
mod tests;
