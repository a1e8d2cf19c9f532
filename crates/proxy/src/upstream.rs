//! Connections to upstreams: a pool per target and worker, without locks.
//!
//! A service's upstream is one target or several. Which one is asked is decided here; how a request gets there and how
//! its answer comes back is [`pool`]'s affair.

pub(crate) mod connect;
pub(crate) mod health;
pub(crate) mod http1;
mod http2;
mod pool;

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    fmt,
    rc::Rc,
    sync::Arc,
};

use doorward_core::{
    config::Config,
    service::{Balance, Upstream},
};
use health::Board;
use http::{Request, Response};
pub(crate) use pool::Lease;
use pool::{Failure, Pool};
use tokio::time::Instant;

use crate::{
    body::{Arriving, RequestBody},
    metrics::{Fault, Tally},
    timeouts::Timeouts,
};

/// Why an upstream did not answer.
#[derive(Debug)]
pub(crate) enum UpstreamError {
    Connect(std::io::Error),
    TimedOut,
    Tls(String),
    Http1(http1::Http1Error),
    Http2(hyper::Error),
    Closed,
    Switched,
    Framing(&'static str),
    Unwell,
}

impl fmt::Display for UpstreamError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(formatter, "can't connect: {error}"),
            Self::TimedOut => formatter.write_str("no connection in time"),
            Self::Tls(error) => write!(formatter, "TLS: {error}"),
            Self::Http1(error) => write!(formatter, "HTTP: {error}"),
            Self::Http2(error) => write!(formatter, "HTTP/2: {error}"),
            Self::Closed => formatter.write_str("it closes connections at once"),
            Self::Framing(what) => write!(formatter, "its answer has {what}"),
            Self::Switched => formatter.write_str("it switched to a protocol that nobody asked for"),
            Self::Unwell => formatter.write_str("its health checks fail"),
        }
    }
}

impl UpstreamError {
    /// What it is in metrics; `None` if it is not the upstream's fault.
    pub(crate) const fn fault(&self) -> Option<Fault> {
        Some(match self {
            Self::Connect(_) => Fault::Connect,
            Self::TimedOut => Fault::Timeout,
            Self::Tls(_) => Fault::Tls,
            Self::Http1(http1::Http1Error::RequestBody(_)) => return None,
            Self::Http1(http1::Http1Error::Io(_)) | Self::Http2(_) => Fault::Reset,
            Self::Http1(http1::Http1Error::Closed) | Self::Closed => Fault::Closed,
            Self::Http1(http1::Http1Error::Malformed(_)) | Self::Switched | Self::Framing(_) => {
                Fault::Invalid
            }
            Self::Unwell => Fault::Unwell,
        })
    }

    /// Whether there was no connection, so that the next request had better go elsewhere.
    const fn is_of_connecting(&self) -> bool {
        matches!(self, Self::Connect(_) | Self::TimedOut | Self::Tls(_))
    }
}

/// An answer with the connection that it comes over.
pub(crate) struct Sent {
    pub(crate) response: Response<Arriving>,
    pub(crate) lease: Lease,
}

/// The pools of one worker: those of the upstreams of the current configuration.
pub(crate) struct Pools {
    timeouts: Timeouts,
    board: Arc<Board>,
    tally: Arc<Tally>,
    groups: RefCell<ByUpstream>,
}

#[derive(Default)]
struct ByUpstream {
    /// The configuration that the pools belong to; another one starts with none.
    config: Option<Arc<Config>>,
    groups: HashMap<*const Upstream, Rc<Group>>,
}

/// The targets of one upstream.
struct Group {
    targets: Vec<Rc<Pool>>,
    balance: Balance,
    /// Where the next round begins.
    next: Cell<usize>,
}

impl Pools {
    pub(crate) fn new(timeouts: Timeouts, board: Arc<Board>, tally: Arc<Tally>) -> Self {
        Self { timeouts, board, tally, groups: RefCell::default() }
    }

    /// Sends a request to an upstream of `config`.
    pub(crate) async fn send(
        &self,
        config: &Arc<Config>,
        upstream: &Upstream,
        request: Request<RequestBody>,
        websocket: bool,
    ) -> Result<Sent, UpstreamError> {
        let group = self.group(config, upstream);
        if let [only] = &*group.targets {
            return if only.is_unwell() {
                Err(UpstreamError::Unwell)
            } else if websocket {
                Box::pin(only.send_alone(request)).await.map_err(|failure| failure.error)
            } else {
                Rc::clone(only).send(request).await.map_err(|failure| failure.error)
            };
        }
        // Boxed, as all that is rare: a request's future is moved when it begins, so it is kept small.
        Box::pin(group.send(request, websocket)).await
    }

    fn group(&self, config: &Arc<Config>, upstream: &Upstream) -> Rc<Group> {
        let mut groups = self.groups.borrow_mut();
        if !groups.config.as_ref().is_some_and(|current| Arc::ptr_eq(current, config)) {
            *groups = ByUpstream { config: Some(Arc::clone(config)), groups: HashMap::new() };
        }
        // The address names the upstream: the configuration, which is kept, keeps it in place.
        let group = groups.groups.entry(std::ptr::from_ref(upstream)).or_insert_with(|| {
            let pool =
                |target| Rc::new(Pool::new(upstream, target, self.timeouts, (&self.board, &self.tally)));
            Rc::new(Group {
                targets: upstream.targets.iter().map(pool).collect(),
                balance: upstream.balance,
                next: Cell::default(),
            })
        });
        Rc::clone(group)
    }
}

impl Group {
    /// Asks one target after the other until one takes the request. What was not written, or only reads, may be sent
    /// to the next one.
    async fn send(&self, mut request: Request<RequestBody>, websocket: bool) -> Result<Sent, UpstreamError> {
        let mut last = UpstreamError::Unwell;
        for pool in self.in_order() {
            let attempt =
                if websocket { pool.send_alone(request).await } else { Rc::clone(&pool).send(request).await };
            let Failure { error, unsent } = match attempt {
                Ok(sent) => {
                    pool.works();
                    return Ok(sent);
                }
                Err(failure) => *failure,
            };
            if error.is_of_connecting() {
                pool.eject();
                tracing::warn!(target = %pool, %error, "a target can't be reached; others are asked for a while");
            }
            match unsent {
                Some(unsent) => request = unsent,
                None => return Err(error),
            }
            last = error;
        }
        Err(last)
    }

    /// The targets that may be well, in the order in which to ask them. Those that could not be reached lately come
    /// last: one that has been down may be up again, and is better than none.
    fn in_order(&self) -> Vec<Rc<Pool>> {
        let first = self.next.get();
        self.next.set(first.wrapping_add(1));
        let count = self.targets.len().max(1);
        let (before, after) = self.targets.split_at(first % count);
        let well = after.iter().chain(before).filter(|pool| !pool.is_unwell());
        let mut targets: Vec<Rc<Pool>> = well.map(Rc::clone).collect();
        let now = Instant::now();
        targets.sort_by_key(|pool| {
            let busy = if self.balance == Balance::LeastBusy { pool.busy() } else { 0 };
            (pool.ejected_until(now), busy)
        });
        targets
    }
}
