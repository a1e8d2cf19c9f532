//! A protected service: hosts, what answers for it, what is demanded and what it learns about the person.

mod disclosure;
mod relay;
pub mod static_site;
mod upstream;

use std::sync::Arc;

use ::http::HeaderName;
pub use disclosure::{
    Credential, CredentialValue, Disclosed, Disclosure, HeaderSet, IdentityHeader, Role, is_taken_header,
};
pub use relay::{Elsewhere, HeaderEdits, Limits, PathMap, QueryRule, Relay};
pub use static_site::StaticSite;
pub use upstream::{Address, Balance, HealthCheck, Target, Upstream, UpstreamScheme, UpstreamTls};

use crate::{
    http::{host::Host, origin::Origin},
    policy::{Guard, Posture},
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
    /// What stands in front.
    pub guard: Guard,
    /// What answers a permitted request.
    pub backend: Backend,
    /// What the upstream learns about the person.
    pub disclosure: Disclosure,
    /// What is changed on the way, and limits.
    pub relay: Relay,
}

/// What answers a permitted request.
#[derive(Clone, Debug)]
pub enum Backend {
    /// An application that the request is forwarded to.
    Upstream(Upstream),
    /// Files.
    Static(Box<StaticSite>),
    /// Another origin, to which people are sent.
    Redirect(Redirect),
    /// Another proxy, which asks about each request and forwards it itself.
    Elsewhere,
}

impl Backend {
    /// Every application that requests may be forwarded to.
    pub fn upstreams(&self) -> impl Iterator<Item = &Upstream> {
        let (one, several) = match self {
            Self::Upstream(upstream) => (Some(upstream), None),
            Self::Static(site) => (None, Some(site)),
            Self::Redirect(_) | Self::Elsewhere => (None, None),
        };
        let several = several.into_iter().flat_map(|site| &site.api).map(|(_, upstream)| upstream);
        one.into_iter().chain(several)
    }
}

/// Where people are sent: the same path and query at another origin, which no request can change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Redirect {
    /// The origin.
    pub to: Origin,
    /// Whether browsers may remember it.
    pub permanent: bool,
}

impl Service {
    /// A service that says nothing about people. Its title is its name.
    pub fn new(name: &str, hosts: Vec<Host>, guard: Guard, backend: Backend) -> Self {
        Self {
            name: name.into(),
            title: name.to_owned(),
            hosts,
            guard,
            backend,
            disclosure: Disclosure::default(),
            relay: Relay::default(),
        }
    }

    /// The headers by which the application learns who somebody is.
    pub fn told_names(&self) -> impl Iterator<Item = &HeaderName> {
        let by_password = match &self.guard.posture {
            Posture::Basic(realm) => realm.user_header.as_ref(),
            _ => None,
        };
        self.disclosure.headers.iter().map(|header| &header.name).chain(by_password)
    }

    /// The application that requests are forwarded to, if there is one.
    pub const fn upstream(&self) -> Option<&Upstream> {
        match &self.backend {
            Backend::Upstream(upstream) => Some(upstream),
            Backend::Static(_) | Backend::Redirect(_) | Backend::Elsewhere => None,
        }
    }

    /// The same, to change.
    pub const fn upstream_mut(&mut self) -> Option<&mut Upstream> {
        match &mut self.backend {
            Backend::Upstream(upstream) => Some(upstream),
            Backend::Static(_) | Backend::Redirect(_) | Backend::Elsewhere => None,
        }
    }
}
