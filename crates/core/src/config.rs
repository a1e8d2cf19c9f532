//! The checked configuration: what remains after every mistake has been reported. Nothing here is optional that
//! should not be, and nothing here is secret: secrets are read from the files that it names.

mod certificates;
mod listening;

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

pub use certificates::{
    Acme, CertificateFiles, CertificateSource, Certificates, Challenge, DeclaredCertificate, Dns,
    DnsProvider, ExternalAccount, Issuer, LETS_ENCRYPT, ListenerCertificates, TsigAlgorithm, is_in,
};
use ipnet::IpNet;
pub use listening::{Address, Limits, Listener, Listening, UnixAddress};

use crate::{
    http::{host::Host, origin::Origin},
    jose::rotation::Schedule,
    oauth::client::Client,
    policy::Policy,
    route::RouteTable,
    service::Service,
    time::Lifetime,
};

/// Everything that a running server needs to know.
#[derive(Clone, Debug)]
pub struct Config {
    /// The domain that hosts default to.
    pub domain: String,
    /// The identity host.
    pub portal: Portal,
    /// Where to listen.
    pub listeners: Vec<Listener>,
    /// Certificates that listeners share, and where they come from.
    pub certificates: Certificates,
    /// Where the database, generated secrets and other state live; created with mode 0700.
    pub data_directory: PathBuf,
    /// Which database.
    pub database: Database,
    /// How often the keys that sign tokens are replaced.
    pub signing_keys: Schedule,
    /// File of the root secret; `None` to generate one in the data directory.
    pub root_secret_file: Option<PathBuf>,
    /// Peers whose forwarding headers are believed. Empty by default.
    pub trusted_proxies: Vec<IpNet>,
    /// Which decisions of the gate are logged.
    pub decisions: Decisions,
    /// Tunnels and what else is about listening.
    pub listening: Listening,
    /// Policies by name.
    pub policies: BTreeMap<String, Arc<Policy>>,
    /// Services, in order of declaration.
    pub services: Vec<Arc<Service>>,
    /// OAuth clients, in order of declaration.
    pub clients: Vec<Arc<Client>>,
    /// Hosts to services.
    pub routes: RouteTable,
    /// Every header name that must never come from a client: what any service injects, canonical.
    pub reserved_headers: crate::http::headers::ReservedHeaders,
}

/// Which decisions of the gate are logged.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Decisions {
    /// Those about requests that were denied, sent to sign in, or let through without a session (R48).
    #[default]
    Exceptions,
    /// Those about requests of people who are let in, too.
    All,
}

/// The identity host: OpenID provider and portal.
#[derive(Clone, Debug)]
pub struct Portal {
    /// Its host; also the WebAuthn RP ID.
    pub host: Host,
    /// Its public origin: the issuer, and where people sign in.
    pub origin: Origin,
    /// What people see as the name of this place.
    pub title: String,
    /// Further origins whose pages may use our passkeys (WebAuthn Level 3 section 5.11).
    pub related_origins: Vec<Origin>,
    /// How long sessions last.
    pub sessions: SessionLifetimes,
}

/// How long sessions last.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionLifetimes {
    /// Without use.
    pub idle: Lifetime,
    /// At the longest, however much they are used.
    pub absolute: Lifetime,
}

/// Which database.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Database {
    /// The embedded one, a file in the data directory.
    Sqlite,
    /// A server; the file holds the `postgres://` URL, which has a password in it.
    Postgres {
        /// File that holds the URL.
        url_file: PathBuf,
    },
}

impl Config {
    /// The public origin of `host`: the portal's scheme and port with another host.
    pub fn origin_of(&self, host: &Host) -> Origin {
        self.portal.origin.with_host(host)
    }

    /// The service with this name.
    pub fn service(&self, name: &str) -> Option<&Arc<Service>> {
        self.services.iter().find(|service| &*service.name == name)
    }

    /// The client with this identifier (RFC 6749 section 2.2).
    pub fn client(&self, client_id: &str) -> Option<&Arc<Client>> {
        self.clients.iter().find(|client| client.client_id == client_id)
    }
}
