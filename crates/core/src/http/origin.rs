//! Web origins (RFC 6454): scheme, host, port.

use std::{fmt, sync::Arc};

use super::host::Host;

/// A web origin.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Origin {
    scheme: Scheme,
    host: Host,
    port: u16,
    text: Arc<str>,
}

/// The scheme of an origin.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Scheme {
    /// Clear text; a secure context only on `localhost` and its subdomains.
    Http,
    /// TLS.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port that is left out of URLs.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

impl Origin {
    /// The origin of `host` at `port` by `scheme`.
    pub fn new(scheme: Scheme, host: &Host, port: u16) -> Self {
        let name = if host.as_str().contains(':') { format!("[{host}]") } else { host.to_string() };
        let text = if port == scheme.default_port() {
            format!("{}://{name}", scheme.as_str())
        } else {
            format!("{}://{name}:{port}", scheme.as_str())
        };
        Self { scheme, host: host.clone(), port, text: text.into() }
    }

    /// The same scheme and port at another host.
    pub fn with_host(&self, host: &Host) -> Self {
        Self::new(self.scheme, host, self.port)
    }

    /// `scheme://host[:port]`, without a trailing slash: as in the `Origin` header and as an issuer.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its scheme.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Its host.
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// Its port, also where the text leaves it out.
    pub const fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// A text that is no origin.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InvalidOrigin;

impl fmt::Display for InvalidOrigin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("not an origin (scheme, host and perhaps a port, nothing else)")
    }
}

impl Origin {
    /// Reads `http[s]://host[:port]`, nothing before, between or after.
    pub fn parse(text: &str) -> Result<Self, InvalidOrigin> {
        let (scheme, rest) = match text.split_once("://") {
            Some(("http", rest)) => (Scheme::Http, rest),
            Some(("https", rest)) => (Scheme::Https, rest),
            _ => return Err(InvalidOrigin),
        };
        let (host, port) = match rest.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                let digits = !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit());
                (host, port.parse().ok().filter(|_| digits).ok_or(InvalidOrigin)?)
            }
            _ => (rest, scheme.default_port()),
        };
        if host.contains(':') && !host.starts_with('[') {
            return Err(InvalidOrigin);
        }
        let host = Host::parse(host).map_err(|_| InvalidOrigin)?;
        Ok(Self::new(scheme, &host, port))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w_3_w_4_origins_are_whole() {
        for text in ["https://a.test", "http://id.localhost:8080", "https://[::1]:8443"] {
            assert_eq!(Origin::parse(text).unwrap().as_str(), text);
        }
        assert_eq!(Origin::parse("https://A.test:443").unwrap().as_str(), "https://a.test");
        for text in [
            "a.test",
            "https://",
            "https://a.test/",
            "https://u@a.test",
            "https://a.test:",
            "https://a.test:+1",
            "ftp://a.test",
            "https://a.test?x",
            "https://::1",
            "https://::1:80",
            "https://[::1",
            "https://[[::1]]",
            "https://[127.0.0.1]",
            "javascript://a",
        ] {
            assert!(Origin::parse(text).is_err(), "{text}");
        }
    }
}
