//! Whether a permission still holds while a WebSocket or a long answer is open.

use std::rc::Rc;

use doorward_core::{
    http::fetch::FetchMetadata,
    policy::{self, Access, Decision},
    route::{Destination, Route},
    token::{Hashed, Session},
};
use http::Method;
use tokio::sync::watch;

use crate::worker::Worker;

/// Everything that the decision depended on.
pub(crate) struct Watch {
    pub(crate) worker: Rc<Worker>,
    pub(crate) token: Hashed<Session>,
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) method: Method,
    pub(crate) client: std::net::IpAddr,
    pub(crate) fetch: FetchMetadata,
    /// The generation at which it was decided.
    pub(crate) generation: u64,
}

impl Watch {
    /// Whether the permission may have changed since it was decided.
    pub(crate) fn something_changed(&self) -> bool {
        self.worker.sessions.generation() != self.generation
    }

    /// Returns when the permission no longer holds: signed out, disabled, out of the group, expired, or not declared
    /// so any more. If that can't be told, it does not hold.
    pub(crate) async fn ended(self: Box<Self>) {
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
        let Some(route) = config.routes.find(&self.host) else {
            return false;
        };
        let Route {
            to: Destination::Service(service),
            ..
        } = &**route
        else {
            return false;
        };
        let Ok(Some(identity)) = self.worker.sessions.resolve(&self.token, &self.host, now).await else {
            return false;
        };
        let access = Access {
            method: &self.method,
            path: &self.path,
            client: self.client,
            identity: Some(&identity),
            fetch: self.fetch,
            now,
        };
        matches!(policy::decide(&service.guard, &access), Decision::Permit(_))
    }
}
