//! A cookie jar after RFC 6265 (bis): what a browser stores, refuses, and sends back.
//!
//! Two things are left out on purpose, so that the server's own work is what tests see: `SameSite` (every cookie that
//! fits a host is sent, even across sites) and `Clear-Site-Data`.

mod date;
mod set_cookie;
#[cfg(test)]
mod tests;

use std::time::SystemTime;

use url::Url;

use self::set_cookie::SetCookie;
use crate::client::is_secure;

/// One stored cookie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// Its name, with any prefix.
    pub name: String,
    /// Its value, with quotes if it has them.
    pub value: String,
    /// The host that set it, or its `Domain`.
    pub domain: String,
    /// Whether it goes to exactly that host.
    pub host_only: bool,
    /// Its `Path`, or the default one.
    pub path: String,
    /// Whether it goes to secure origins only.
    pub secure: bool,
    /// When it dies; none with the session of the browser.
    pub expires: Option<SystemTime>,
}

impl Cookie {
    fn is_for_host(&self, host: &str) -> bool {
        if self.host_only { host == self.domain } else { domain_matches(host, &self.domain) }
    }

    fn is_live(&self, now: SystemTime) -> bool {
        self.expires.is_none_or(|expires| expires > now)
    }
}

/// The cookies of one browser. Ports make no difference; hosts do.
#[derive(Clone, Debug, Default)]
pub struct CookieJar {
    cookies: Vec<Cookie>,
    refused: Vec<String>,
}

impl CookieJar {
    /// An empty jar.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of the cookie `name` that is set for `host`.
    pub fn cookie(&self, host: &str, name: &str) -> Option<&str> {
        self.cookies(host).find(|cookie| cookie.name == name).map(|cookie| cookie.value.as_str())
    }

    /// All cookies that go to `host`, on any path, oldest first.
    pub fn cookies(&self, host: &str) -> impl Iterator<Item = &Cookie> {
        self.cookies.iter().filter(move |cookie| cookie.is_for_host(host))
    }

    /// What was refused so far, one sentence each: a browser drops these silently.
    pub fn refused(&self) -> &[String] {
        &self.refused
    }

    /// Puts a cookie in unchecked: for exactly this host, path `/`, secure if its prefix says so.
    pub fn set_cookie(&mut self, host: &str, name: &str, value: &str) {
        let secure = has_prefix(name, "__Host-") || has_prefix(name, "__Secure-");
        self.replace(Cookie {
            name: name.to_owned(),
            value: value.to_owned(),
            domain: host.to_ascii_lowercase(),
            host_only: true,
            path: "/".to_owned(),
            secure,
            expires: None,
        });
    }

    /// Forgets the cookies that go to `host` under this name.
    pub fn remove_cookie(&mut self, host: &str, name: &str) {
        self.cookies.retain(|cookie| cookie.name != name || !cookie.is_for_host(host));
    }

    /// Forgets everything, refusals too.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Obeys one `Set-Cookie` header of an answer from `url`, or notes why it is refused.
    pub fn store(&mut self, url: &Url, header: &str, now: SystemTime) {
        match accept(url, header, now) {
            Ok(cookie) if cookie.is_live(now) => self.replace(cookie),
            Ok(dead) => self.cookies.retain(|held| !same(held, &dead)),
            Err(reason) => self.refused.push(format!("{url} set {header}: {reason}")),
        }
    }

    /// The `Cookie` header of a request to `url`, if any cookie fits: longest paths first, then oldest first.
    pub fn header(&self, url: &Url, now: SystemTime) -> Option<String> {
        let host = url.host_str()?;
        let mut fitting: Vec<&Cookie> = self
            .cookies(host)
            .filter(|cookie| cookie.is_live(now) && path_matches(url.path(), &cookie.path))
            .filter(|cookie| !cookie.secure || is_secure(url))
            .collect();
        fitting.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<String> =
            fitting.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value)).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// Stores a cookie; one that it replaces keeps its place in the order.
    fn replace(&mut self, cookie: Cookie) {
        match self.cookies.iter_mut().find(|held| same(held, &cookie)) {
            Some(held) => *held = cookie,
            None => self.cookies.push(cookie),
        }
    }
}

/// RFC 6265bis section 5.7: turns a header into a cookie or says why it is refused.
fn accept(url: &Url, header: &str, now: SystemTime) -> Result<Cookie, &'static str> {
    let host = url.host_str().ok_or("the address has no host")?;
    let set = SetCookie::parse(header).ok_or("it has neither name nor value, or a control character")?;
    if set.secure && !is_secure(url) {
        return Err("Secure from an origin that is not secure");
    }
    let domain = set.domain.as_deref().filter(|domain| !domain.is_empty());
    if has_prefix(&set.name, "__Secure-") && !set.secure {
        return Err("the prefix __Secure- needs Secure");
    }
    if has_prefix(&set.name, "__Host-") {
        if !set.secure {
            return Err("the prefix __Host- needs Secure");
        }
        if domain.is_some() {
            return Err("the prefix __Host- forbids Domain");
        }
        if set.path.as_deref() != Some("/") {
            return Err("the prefix __Host- needs Path=/");
        }
    }
    if domain.is_some_and(|domain| !domain_matches(host, domain)) {
        return Err("Domain is not the host or a parent of it");
    }
    // Stands for the public suffix list: one label belongs to nobody.
    let host_only = domain.is_none_or(|domain| !domain.contains('.'));
    if host_only && domain.is_some_and(|domain| domain != host) {
        return Err("Domain is a public suffix");
    }
    Ok(Cookie {
        expires: set.expires_at(now),
        domain: domain.unwrap_or(host).to_owned(),
        host_only,
        path: set.path.filter(|path| path.starts_with('/')).unwrap_or_else(|| default_path(url.path())),
        secure: set.secure,
        name: set.name,
        value: set.value,
    })
}

/// Whether two cookies are one for storage: name, domain, path.
fn same(one: &Cookie, other: &Cookie) -> bool {
    (&one.name, &one.domain, one.host_only, &one.path)
        == (&other.name, &other.domain, other.host_only, &other.path)
}

/// Prefixes are compared without case (RFC 6265bis section 5.4).
fn has_prefix(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// RFC 6265 section 5.1.3. A host that is an address matches only itself.
fn domain_matches(host: &str, domain: &str) -> bool {
    let is_address = host.starts_with('[') || host.parse::<std::net::IpAddr>().is_ok();
    host == domain || (!is_address && host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')))
}

/// RFC 6265 section 5.1.4.
fn path_matches(path: &str, cookie_path: &str) -> bool {
    path.strip_prefix(cookie_path)
        .is_some_and(|rest| rest.is_empty() || cookie_path.ends_with('/') || rest.starts_with('/'))
}

/// RFC 6265 section 5.1.4: the directory of the page.
fn default_path(path: &str) -> String {
    match path.rfind('/') {
        None | Some(0) => "/".to_owned(),
        Some(end) => path[..end].to_owned(),
    }
}
