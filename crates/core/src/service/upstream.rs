//! Where a service's requests go.

use std::{fmt, path::PathBuf};

use ::http::Uri;

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
    pub ca_file: Option<PathBuf>,
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
    /// An upstream of which nothing else is said.
    pub fn new(scheme: UpstreamScheme, host: impl Into<String>, port: u16) -> Self {
        Self { scheme, host: host.into(), port, original_host: true, ca_file: None, verify: true }
    }

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
