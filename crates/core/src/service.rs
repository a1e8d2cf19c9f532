//! A protected service: hosts, upstream, what is demanded and what it learns about the person.

use std::{fmt, net::IpAddr, sync::Arc};

use ::http::{HeaderName, Method, Uri};
use ipnet::IpNet;

use crate::{
    http::{host::Host, path},
    identity::Property,
    policy::{Access, Guard},
};

/// A service's name in the configuration: `[services.<name>]`.
pub type ServiceName = Arc<str>;

/// A protected service.
#[derive(Clone, Debug)]
pub struct Service {
    /// The name in the configuration.
    pub name: ServiceName,
    /// What people see on the launcher.
    pub title: String,
    /// The hosts it answers to; the first is the one that links use.
    pub hosts: Vec<Host>,
    /// Where requests go.
    pub upstream: Upstream,
    /// What stands in front.
    pub guard: Guard,
    /// The headers by which the upstream learns who the person is; empty for none.
    pub identity_headers: Vec<IdentityHeader>,
}

/// Where a service's requests go.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// `http` or `https`.
    pub scheme: UpstreamScheme,
    /// Host name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
    /// The `Host` to send: the client's (`true`, the default) or the upstream's own (`false`).
    pub original_host: bool,
    /// PEM file of the authorities to trust for `https`; the system's when absent.
    pub ca_file: Option<std::path::PathBuf>,
    /// Whether the certificate is checked. Only `[danger]` can turn it off.
    pub verify: bool,
}

/// The upstream's protocol.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UpstreamScheme {
    /// Clear text.
    Http,
    /// TLS.
    Https,
}

impl Upstream {
    /// `host:port`, with brackets around an IPv6 address.
    pub fn authority(&self) -> String {
        let host = self.host.as_str();
        if host.contains(':') { format!("[{host}]:{}", self.port) } else { format!("{host}:{}", self.port) }
    }

    /// The URL of its root.
    pub fn url(&self) -> String {
        let scheme = match self.scheme {
            UpstreamScheme::Http => "http",
            UpstreamScheme::Https => "https",
        };
        format!("{scheme}://{}", self.authority())
    }

    /// The same as a URI; `None` if the host is no authority, which the configuration's check rules out.
    pub fn uri(&self) -> Option<Uri> {
        self.url().parse().ok()
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.url())
    }
}

/// A header that tells the upstream something about the person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IdentityHeader {
    /// Its name.
    pub name: HeaderName,
    /// What it carries.
    pub property: Property,
}

/// A rule that opens paths without a session: paths AND networks AND methods.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bypass {
    /// Path prefixes, matched at segment boundaries: `/api` opens `/api` and `/api/x`, not `/apis`.
    pub paths: Vec<String>,
    /// Networks to come from; `None` only where the declaration says `public = true`.
    pub networks: Option<Vec<IpNet>>,
    /// Methods; `None` for all.
    pub methods: Option<Vec<Method>>,
}

impl Bypass {
    /// Whether the rule opens this request.
    pub fn opens(&self, access: &Access<'_>) -> bool {
        let network = |client: IpAddr| crate::policy::within(self.networks.as_deref(), client);
        let method = |method: &Method| self.methods.as_ref().is_none_or(|methods| methods.contains(method));
        network(access.client)
            && method(access.method)
            && self.paths.iter().any(|prefix| path::has_segment_prefix(access.path, prefix))
    }
}
