//! Host to service. The table is built once per configuration; a look-up is one hash.

use std::{collections::HashMap, sync::Arc};

use crate::{http::host::Host, service::Service};

/// What a host leads to.
#[derive(Clone, Debug)]
pub enum Route {
    /// The identity host: provider and portal.
    Portal,
    /// A protected service.
    Service(Arc<Service>),
}

/// All hosts that we answer for. Anything else is misdirected (421, RFC 9110 section 15.5.20).
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    hosts: HashMap<Host, Route>,
}

impl RouteTable {
    /// The table for a portal host and services. A host declared twice keeps its first owner; the configuration's
    /// check reports the second.
    pub fn new(portal: &Host, services: &[Arc<Service>]) -> Self {
        let mut hosts = HashMap::new();
        hosts.insert(portal.clone(), Route::Portal);
        for service in services {
            for host in &service.hosts {
                hosts.entry(host.clone()).or_insert_with(|| Route::Service(Arc::clone(service)));
            }
        }
        Self { hosts }
    }

    /// What `host`, already canonical, leads to.
    pub fn find(&self, host: &str) -> Option<&Route> {
        self.hosts.get(host)
    }
}
