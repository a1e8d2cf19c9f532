//! Where a service's requests go.

use std::{fmt, path::PathBuf, time::Duration};

use crate::config::CertificateFiles;

/// Where a service's requests go.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// The servers that can answer, at least one.
    pub targets: Vec<Target>,
    /// Which of several targets is asked.
    pub balance: Balance,
    /// How targets are asked whether they are well; `None` to learn it from requests only.
    pub health: Option<HealthCheck>,
    /// The `Host` to send: the client's (`true`, the default) or the target's own (`false`).
    pub original_host: bool,
    /// How `https` targets are checked, and what they are shown.
    pub tls: UpstreamTls,
}

/// One server that can answer.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Target {
    /// The protocol.
    pub scheme: UpstreamScheme,
    /// Where it listens.
    pub address: Address,
}

/// Where a target listens.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Address {
    /// A TCP port.
    Tcp {
        /// Host name or address, without brackets.
        host: String,
        /// Port.
        port: u16,
    },
    /// A socket in the file system.
    Unix(PathBuf),
}

/// A target's protocol.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum UpstreamScheme {
    /// HTTP/1.1 in clear text.
    Http,
    /// TLS, with HTTP/2 or HTTP/1.1 as the target likes.
    Https,
    /// HTTP/2 in clear text, without asking first (RFC 9113 section 3.3). gRPC needs it.
    H2c,
}

/// Which of several targets is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Balance {
    /// The one with the fewest requests under way.
    #[default]
    LeastBusy,
    /// One after the other.
    RoundRobin,
}

/// How a target is asked whether it is well.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HealthCheck {
    /// The path to ask for.
    pub path: String,
    /// Time between two questions.
    pub interval: Duration,
    /// The status that means well; `None` for any from 200 to 399.
    pub expect: Option<u16>,
}

impl HealthCheck {
    /// Whether a status means that the target is well.
    pub const fn accepts(&self, status: u16) -> bool {
        match self.expect {
            Some(expected) => status == expected,
            None => matches!(status, 200..=399),
        }
    }
}

/// How `https` targets are checked, and what they are shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UpstreamTls {
    /// PEM file of the authorities to trust; the system's when absent.
    pub ca_file: Option<PathBuf>,
    /// The name to ask for and to check; the target's host when absent.
    pub server_name: Option<String>,
    /// What we show when the target wants to know who asks.
    pub identity: Option<CertificateFiles>,
    /// Whether the certificate is checked. Only `[danger]` can turn it off.
    pub verify: bool,
}

impl Default for UpstreamTls {
    /// The system's authorities, the target's own name, nothing to show, and checked.
    fn default() -> Self {
        Self { ca_file: None, server_name: None, identity: None, verify: true }
    }
}

impl Target {
    /// A TCP target.
    pub fn tcp(scheme: UpstreamScheme, host: impl Into<String>, port: u16) -> Self {
        Self { scheme, address: Address::Tcp { host: host.into(), port } }
    }

    /// What the target is called in `Host`: `host:port` with brackets around an IPv6 address, and `localhost` for a
    /// socket in the file system.
    pub fn authority(&self) -> String {
        match &self.address {
            Address::Tcp { host, port } if host.contains(':') => format!("[{host}]:{port}"),
            Address::Tcp { host, port } => format!("{host}:{port}"),
            Address::Unix(_) => "localhost".to_owned(),
        }
    }

    /// Whether the target is on this machine, as far as its address tells.
    pub fn is_local(&self) -> bool {
        match &self.address {
            Address::Tcp { host, .. } => {
                let loopback = host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
                loopback || host == "localhost"
            }
            Address::Unix(_) => true,
        }
    }

    /// The path and query behind this target's own origin, if `location` is an absolute or scheme-relative URL there.
    /// For `/` in place of an empty path see RFC 3986 section 6.2.3.
    pub fn path_of<'a>(&self, location: &'a str) -> Option<&'a str> {
        let (scheme, rest) = match location.split_once("//") {
            Some(("", rest)) => (self.web_scheme(), rest),
            Some((scheme, rest)) => (scheme.strip_suffix(':')?, rest),
            None => return None,
        };
        if !scheme.eq_ignore_ascii_case(self.web_scheme()) {
            return None;
        }
        let (authority, rest) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
        self.is_called(authority).then_some(rest)
    }

    const fn web_scheme(&self) -> &'static str {
        match self.scheme {
            UpstreamScheme::Http | UpstreamScheme::H2c => "http",
            UpstreamScheme::Https => "https",
        }
    }

    fn is_called(&self, authority: &str) -> bool {
        // What `localhost` is to an application behind a socket may be anything.
        if matches!(self.address, Address::Unix(_)) {
            return false;
        }
        let own = self.authority();
        let default = if self.web_scheme() == "https" { ":443" } else { ":80" };
        authority.eq_ignore_ascii_case(&own)
            || own.strip_suffix(default).is_some_and(|short| authority.eq_ignore_ascii_case(short))
    }
}

impl Upstream {
    /// An upstream of one TCP target, of which nothing else is said.
    pub fn new(scheme: UpstreamScheme, host: impl Into<String>, port: u16) -> Self {
        Self::of(vec![Target::tcp(scheme, host, port)])
    }

    /// An upstream of these targets, of which nothing else is said.
    pub fn of(targets: Vec<Target>) -> Self {
        Self {
            targets,
            balance: Balance::default(),
            health: None,
            original_host: true,
            tls: UpstreamTls::default(),
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match (&self.address, self.scheme) {
            (Address::Unix(path), _) => return write!(formatter, "unix:{}", path.display()),
            (_, UpstreamScheme::Http) => "http",
            (_, UpstreamScheme::Https) => "https",
            (_, UpstreamScheme::H2c) => "h2c",
        };
        write!(formatter, "{scheme}://{}", self.authority())
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, target) in self.targets.iter().enumerate() {
            let comma = if number == 0 { "" } else { ", " };
            write!(formatter, "{comma}{target}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_knows_its_own_urls() {
        let plain = Target::tcp(UpstreamScheme::Http, "app.test", 80);
        for (location, path) in [
            ("http://app.test/a?b#c", Some("/a?b#c")),
            ("HTTP://APP.TEST:80/a", Some("/a")),
            ("//app.test/a", Some("/a")),
            ("http://app.test", Some("")),
            ("http://app.test?x", Some("?x")),
            ("https://app.test/a", None),
            ("http://app.test:8080/a", None),
            ("http://app.test.evil/a", None),
            ("http://app.test@evil/a", None),
            ("/a//app.test/b", None),
            ("/a", None),
            ("a", None),
            ("", None),
        ] {
            assert_eq!(plain.path_of(location), path, "{location}");
        }
        let secure = Target::tcp(UpstreamScheme::Https, "::1", 8443);
        assert_eq!(secure.path_of("https://[::1]:8443/a"), Some("/a"));
        assert_eq!(secure.path_of("https://[::1]/a"), None);
        let socket = Target { scheme: UpstreamScheme::Http, address: Address::Unix("/run/app.sock".into()) };
        assert_eq!(socket.path_of("http://localhost/a"), None, "it may be anybody's");
    }
}
