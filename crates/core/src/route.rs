//! Host to service. The table is built once per configuration; a look-up is one hash.

use std::{collections::HashMap, sync::Arc};

use ::http::HeaderValue;

use crate::{
    http::{host::Host, origin::Origin},
    service::Service,
};

/// What a host leads to, with what is known about the host once and for all.
#[derive(Clone, Debug)]
pub struct Route {
    /// The host.
    pub host: Host,
    /// Its public origin.
    pub origin: Origin,
    /// `X-Forwarded-Proto` for its upstream.
    pub forwarded_scheme: HeaderValue,
    /// `X-Forwarded-Port` for its upstream.
    pub forwarded_port: HeaderValue,
    /// `Host` and `X-Forwarded-Host` for its upstream: the host, with the port unless it is the scheme's own.
    pub forwarded_host: HeaderValue,
    /// What is there.
    pub to: Destination,
}

/// What is behind a host.
#[derive(Clone, Debug)]
pub enum Destination {
    /// The identity host: provider and portal.
    Portal,
    /// A protected service.
    Service(Arc<Service>),
}

/// All hosts that we answer for. Anything else is misdirected (421, RFC 9110 section 15.5.20).
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    hosts: HashMap<Host, Arc<Route>>,
}

impl RouteTable {
    /// The table for the portal's origin and the services, which share its scheme and port. A host declared twice
    /// keeps its first owner; the configuration's check reports the second.
    pub fn new(portal: &Origin, services: &[Arc<Service>]) -> Self {
        let mut table = Self::default();
        table.add(portal, portal.host(), Destination::Portal);
        for service in services {
            for host in &service.hosts {
                table.add(portal, host, Destination::Service(Arc::clone(service)));
            }
        }
        table
    }

    fn add(&mut self, portal: &Origin, host: &Host, to: Destination) {
        let origin = portal.with_host(host);
        let authority = origin.as_str().split_once("://").map_or("", |(_, authority)| authority);
        let route = Route {
            host: host.clone(),
            // A host consists of letters, digits and punctuation.
            forwarded_host: HeaderValue::from_str(authority).unwrap_or_else(|_| HeaderValue::from_static("")),
            origin,
            forwarded_scheme: HeaderValue::from_static(portal.scheme().as_str()),
            forwarded_port: HeaderValue::from(portal.port()),
            to,
        };
        self.hosts.entry(host.clone()).or_insert_with(|| Arc::new(route));
    }

    /// What `host`, already canonical, leads to.
    pub fn find(&self, host: &str) -> Option<&Arc<Route>> {
        self.hosts.get(host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        http::origin::Scheme,
        policy::{Guard, Posture},
        service::{Backend, Upstream, UpstreamScheme},
    };

    fn service(name: &str) -> Arc<Service> {
        let backend = Backend::Upstream(Upstream::new(UpstreamScheme::Http, "127.0.0.1", 1));
        let hosts = vec![Host::parse(&format!("{name}.test")).unwrap()];
        Arc::new(Service::new(name, hosts, Guard::new(Posture::Public), backend))
    }

    #[test]
    fn p_5_the_number_of_hosts_changes_nothing() {
        let portal = Origin::new(Scheme::Https, &Host::parse("id.test").unwrap(), 443);
        for count in [1, 1000] {
            let services: Vec<_> = (0..count).map(|number| service(&format!("s{number}"))).collect();
            let table = RouteTable::new(&portal, &services);
            let found = |host: &str| table.find(host).map(|route| route.origin.as_str());
            assert_eq!(found("s0.test"), Some("https://s0.test"));
            assert_eq!(found("id.test"), Some("https://id.test"));
            assert_eq!(found("S0.test"), None, "hosts are canonical before they are looked up");
            assert_eq!(found("other.test"), None);
        }
    }

    /// A host that is declared twice keeps its first owner, and nobody takes the portal's.
    #[test]
    fn p_5_the_first_owner_of_a_host_keeps_it() {
        let portal = Origin::new(Scheme::Https, &Host::parse("id.test").unwrap(), 8443);
        let table = RouteTable::new(&portal, &[service("id"), service("a"), service("a")]);
        assert!(matches!(table.find("id.test").unwrap().to, Destination::Portal));
        let route = table.find("a.test").unwrap();
        assert_eq!(route.origin.as_str(), "https://a.test:8443");
        assert_eq!(
            (&route.forwarded_scheme, &route.forwarded_port),
            (&"https".parse().unwrap(), &8443.into())
        );
        for host in ["", "test", "a.test.", "a.test:8443", "x.a.test"] {
            assert!(table.find(host).is_none(), "{host}");
        }
    }
}
