//! Whether a permission still holds while a WebSocket or a long answer is open.

use std::{rc::Rc, sync::Arc};

use bytes::Bytes;
use doorward_core::{
    http::{context::RequestId, fetch::FetchMetadata},
    policy::{self, Access, Decision, Demand, Presented},
    route::{Destination, Route},
    token::{Hashed, Session},
};
use http::{Method, uri::PathAndQuery};
use tokio::sync::watch;

use crate::{
    credentials::Held,
    service::{self, bearer},
    session::Unavailable,
    worker::Worker,
};

/// Everything that the decision depended on. Without a session it rests on the configuration alone.
pub(crate) struct Watch {
    pub(crate) worker: Rc<Worker>,
    pub(crate) token: Option<Hashed<Session>>,
    /// The token of a person's program that it rests on instead.
    pub(crate) bearer: Option<Presented>,
    pub(crate) route: Arc<Route>,
    pub(crate) target: PathAndQuery,
    pub(crate) method: Method,
    pub(crate) client: std::net::IpAddr,
    pub(crate) fetch: FetchMetadata,
    /// What was presented in place of a session.
    pub(crate) held: Held,
    /// The generation at which it was decided.
    pub(crate) generation: u64,
    /// The request, for the log.
    pub(crate) request: RequestId,
    /// When the service's limit of time ends it in any case.
    pub(crate) until: Option<tokio::time::Instant>,
}

impl Watch {
    /// Whether the permission may have changed since it was decided.
    pub(crate) fn something_changed(&self) -> bool {
        self.worker.sessions.generation() != self.generation
    }

    /// Makes it ready to be kept for long. The target is a piece of the memory that the request was read into, and would
    /// keep all of that.
    fn settle(&mut self) {
        let own = Bytes::copy_from_slice(self.target.as_str().as_bytes());
        if let Ok(target) = PathAndQuery::from_maybe_shared(own) {
            self.target = target;
        }
    }

    /// Returns when the permission no longer holds: signed out, disabled, out of the group, expired, or not declared
    /// so any more. If that can't be told, it does not hold.
    pub(crate) async fn ended(mut self: Box<Self>) {
        self.settle();
        match self.until {
            None => self.permission_ended().await,
            Some(until) => {
                let _ = tokio::time::timeout_at(until, self.permission_ended()).await;
            }
        }
    }

    async fn permission_ended(&self) {
        let mut generations = self.worker.sessions.changes();
        loop {
            if !self.holds().await {
                return;
            }
            let moved = tokio::time::timeout(self.worker.timeouts.look_again, generations.changed()).await;
            if matches!(moved, Ok(Err(watch::error::RecvError { .. }))) {
                return;
            }
        }
    }

    async fn holds(&self) -> bool {
        let now = self.worker.clock.now();
        let config = self.worker.config();
        let Some(route) = config.routes.find(self.route.host.as_str()) else {
            return false;
        };
        let Route { to: Destination::Service(service), .. } = &**route else {
            return false;
        };
        let mut access = Access {
            method: &self.method,
            path: self.target.path(),
            client: self.client,
            identity: None,
            credentials: self.held.credential(),
            fetch: self.fetch,
            now,
        };
        if let Some(presented) = self.bearer {
            let found = match bearer(&self.worker, presented, &service.name, now).await {
                Ok(found) => found,
                Err(error) => return self.unknown(&error),
            };
            let decision = policy::decide_by_token(&service.guard, &access, found.as_ref());
            return matches!(decision, Decision::Permit(_));
        }
        let decision = policy::decide(&service.guard, &access);
        let (Decision::Demand(Demand::SignIn), Some(token)) = (&decision, &self.token) else {
            return matches!(decision, Decision::Permit(_));
        };
        let identity = match self.worker.sessions.resolve(token, self.route.host.as_str(), now).await {
            Ok(Some(identity)) => identity,
            Ok(None) => return false,
            Err(error) => return self.unknown(&error),
        };
        access.identity = Some(&identity);
        matches!(policy::decide(&service.guard, &access), Decision::Permit(_))
    }

    /// What can't be told does not hold.
    fn unknown(&self, error: &Unavailable) -> bool {
        service::unknown(self.request, error);
        false
    }
}
