//! Whether a permission still holds while a WebSocket or a long answer is open.

use std::{rc::Rc, time::Duration};

use doorward_core::{
    http::fetch::FetchMetadata,
    policy::{self, Access, Decision, Demand},
    route::{Destination, Route},
    token::{Hashed, Session},
};
use http::Method;
use tokio::sync::watch;

use crate::worker::Worker;

/// How often a permission is looked at although nothing seems to have changed: sessions expire by themselves, and
/// configurations are reloaded.
const LOOK_EVERY: Duration = Duration::from_secs(15);

/// Everything that the decision depended on. Without a session it rests on the configuration alone.
pub(crate) struct Watch {
    pub(crate) worker: Rc<Worker>,
    pub(crate) token: Option<Hashed<Session>>,
    pub(crate) host: String,
    pub(crate) path: String,
    pub(crate) method: Method,
    pub(crate) client: std::net::IpAddr,
    pub(crate) fetch: FetchMetadata,
}

impl Watch {
    /// Returns when the permission no longer holds: signed out, disabled, out of the group, expired, or not declared
    /// so any more. If that can't be told, it does not hold.
    pub(crate) async fn ended(self: Box<Self>) {
        let mut changes = self.worker.sessions.changes();
        loop {
            if !self.holds().await {
                return;
            }
            let changed = tokio::time::timeout(LOOK_EVERY, changes.changed()).await;
            if matches!(changed, Ok(Err(watch::error::RecvError { .. }))) {
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
        let mut access = Access {
            method: &self.method,
            path: &self.path,
            client: self.client,
            identity: None,
            fetch: self.fetch,
            now,
        };
        let decision = policy::decide(&service.guard, &access);
        let (Decision::Demand(Demand::SignIn), Some(token)) = (&decision, &self.token) else {
            return matches!(decision, Decision::Permit(_));
        };
        let Ok(Some(identity)) = self.worker.sessions.resolve(token, &self.host, now).await else {
            return false;
        };
        access.identity = Some(&identity);
        matches!(policy::decide(&service.guard, &access), Decision::Permit(_))
    }
}
