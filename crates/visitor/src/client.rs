//! An HTTP/1.1 client that sends what a browser sends, to addresses that the caller chooses.

mod connection;
mod page;
mod request;
#[cfg(test)]
mod tests;

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, SystemTime},
};

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, header};
use rustls::{ClientConfig, RootCertStore, crypto::aws_lc_rs, pki_types::CertificateDer};
use serde_json::Value;
use tokio_rustls::TlsConnector;
use url::Url;

use self::connection::Route;
pub use self::{
    page::{Hop, Page},
    request::{Initiator, Mode, Request, Site},
};
use crate::cookie::CookieJar;

/// The most redirects that one navigation follows.
pub const MAX_REDIRECTS: usize = 12;

/// A browser's network side: where hosts are, what it trusts, its cookies.
///
/// Each request has its own connection. Redirects are followed by the `navigate` methods only.
#[derive(Clone)]
pub struct Client {
    /// The cookies.
    pub jar: CookieJar,
    /// Headers that are sent with every request, beside or in place of what a browser sends: see [`Request::headers`].
    pub headers: HeaderMap,
    /// The time that one request may take, body included; 10 s by default.
    pub timeout: Duration,
    /// The longest body that is read, in bytes; 8 MiB by default. A longer one is an error.
    pub max_body: usize,
    /// The address that connections come from, such as 127.0.0.2; the system's choice by default.
    pub source: Option<IpAddr>,
    default_address: Option<SocketAddr>,
    hosts: HashMap<String, SocketAddr>,
    tls: Option<TlsConnector>,
}

impl Client {
    /// A client for which every host is at `address`, whatever its port.
    pub fn new(address: SocketAddr) -> Self {
        Self { default_address: Some(address), ..Self::without_hosts() }
    }

    /// A client that reaches no host until [`Client::host`] names it.
    pub fn without_hosts() -> Self {
        Self {
            jar: CookieJar::new(),
            headers: HeaderMap::new(),
            timeout: Duration::from_secs(10),
            max_body: 8 * 1024 * 1024,
            source: None,
            default_address: None,
            hosts: HashMap::new(),
            tls: None,
        }
    }

    /// Says where `host` is, whatever its port.
    pub fn host(mut self, host: &str, address: SocketAddr) -> Self {
        self.hosts.insert(host.to_ascii_lowercase(), address);
        self
    }

    /// Connects from this address.
    pub fn source(mut self, address: IpAddr) -> Self {
        self.source = Some(address);
        self
    }

    /// Trusts exactly these root certificates for `https`, which is refused without.
    ///
    /// # Errors
    /// If one of them is no certificate.
    pub fn trust(mut self, roots: impl IntoIterator<Item = CertificateDer<'static>>) -> Result<Self> {
        let mut store = RootCertStore::empty();
        for root in roots {
            store.add(root).context("A root certificate can't be used.")?;
        }
        let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .context("TLS can't be set up.")?
            .with_root_certificates(store)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        self.tls = Some(TlsConnector::from(Arc::new(config)));
        Ok(self)
    }

    /// Types `url` into the address bar and follows redirects.
    ///
    /// # Errors
    /// If an address is malformed or unknown, a request fails, or there are more than [`MAX_REDIRECTS`].
    pub async fn navigate(&mut self, url: &str) -> Result<Page> {
        self.run(Request::navigation(url)?).await
    }

    /// Follows a link on a page of `origin`, and then redirects.
    ///
    /// # Errors
    /// As [`Client::navigate`].
    pub async fn navigate_from(&mut self, origin: &str, url: &str) -> Result<Page> {
        self.run(Request::navigation(url)?.from_page(origin)).await
    }

    /// Like [`Client::navigate`], but stops before a redirect to an address for which `stop` is true, and returns
    /// the redirect: for the `redirect_uri` of an application that does not run.
    ///
    /// # Errors
    /// As [`Client::navigate`].
    pub async fn navigate_until(&mut self, url: &str, stop: impl Fn(&Url) -> bool + Sync) -> Result<Page> {
        self.run_until(Request::navigation(url)?, &stop).await
    }

    /// What a script on a page of the same origin fetches. Redirects are not followed. Cookies are sent and stored.
    /// A header that is given replaces what the browser would send under its name.
    ///
    /// # Errors
    /// If the address or a header is malformed, or the request fails.
    pub async fn fetch(
        &mut self,
        method: Method,
        url: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Result<Page> {
        let mut request = Request::fetch(method, url)?.body(body);
        for (name, value) in headers {
            request = request.header(name, value)?;
        }
        self.send(request).await
    }

    /// A script on a page of the same origin posts JSON. Redirects are not followed.
    ///
    /// # Errors
    /// As [`Client::fetch`].
    pub async fn post_json(&mut self, url: &str, value: &Value) -> Result<Page> {
        self.send(Request::json(url, value)?).await
    }

    /// Submits a form on a page of the same origin. The answer is returned as it is: [`Client::run`] with
    /// [`Request::form`] follows redirects.
    ///
    /// # Errors
    /// As [`Client::fetch`].
    pub async fn post_form(&mut self, url: &str, pairs: &[(&str, &str)]) -> Result<Page> {
        self.send(Request::form(url, pairs)?).await
    }

    /// Sends a request and follows redirects as a browser does (Fetch section 4.4): 301, 302 and 303 turn a POST into
    /// a GET, 307 and 308 repeat it.
    ///
    /// # Errors
    /// As [`Client::navigate`].
    pub async fn run(&mut self, request: Request) -> Result<Page> {
        self.run_until(request, &|_| false).await
    }

    async fn run_until(
        &mut self,
        mut request: Request,
        stop: &(dyn Fn(&Url) -> bool + Sync),
    ) -> Result<Page> {
        let mut chain: Vec<Hop> = Vec::new();
        loop {
            let mut page = self.send(request.clone()).await?;
            let next = page.location()?.filter(|next| !stop(next));
            let Some(next) = next else {
                page.chain = chain;
                return Ok(page);
            };
            chain.push(Hop { url: page.url, status: page.status, headers: page.headers });
            if chain.len() > MAX_REDIRECTS {
                let urls: Vec<&str> = chain.iter().map(|hop| hop.url.as_str()).collect();
                bail!("There were more than {MAX_REDIRECTS} redirects: {}.", urls.join(" → "));
            }
            request = request.redirected(page.status, next);
        }
    }

    /// Sends one request and reads the whole answer. Redirects are not followed.
    ///
    /// # Errors
    /// If the host is unknown, the connection or TLS fails, the answer is malformed, too long or too late.
    pub async fn send(&mut self, request: Request) -> Result<Page> {
        let url = request.url.clone();
        let route = self.route(&url)?;
        let cookies = if request.mode == Mode::Program { None } else { self.jar.header(&url, now()) };
        let keeps_cookies = request.mode != Mode::Program;
        let message = request.into_message(cookies.as_deref(), &self.headers)?;
        let exchange = connection::exchange(&route, message, self.max_body);
        let answer = tokio::time::timeout(self.timeout, exchange).await;
        let (parts, body) = answer
            .with_context(|| format!("{url} did not answer within {} s.", self.timeout.as_secs_f32()))?
            .with_context(|| format!("The request to {url} failed."))?;
        if keeps_cookies {
            for header in parts.headers.get_all(header::SET_COOKIE) {
                self.jar.store(&url, &String::from_utf8_lossy(header.as_bytes()), now());
            }
        }
        Ok(Page { url, status: parts.status, headers: parts.headers, body, chain: Vec::new() })
    }

    fn route(&self, url: &Url) -> Result<Route> {
        let host = url.host_str().with_context(|| format!("{url} has no host."))?;
        let address = self.hosts.get(host).copied().or(self.default_address);
        let address = address.with_context(|| format!("No address is known for {host}."))?;
        let tls = match url.scheme() {
            "http" => None,
            "https" => {
                Some(self.tls.clone().with_context(|| format!("No root certificate is trusted for {url}."))?)
            }
            other => bail!("{other} is not a scheme of HTTP."),
        };
        Ok(Route { address, source: self.source, tls, host: host.to_owned() })
    }
}

/// Whether a browser trusts the way to `url`: https, or plain http to localhost and the names below it (Secure
/// Contexts section 3.1).
pub(crate) fn is_secure(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    url.scheme() == "https"
        || (url.scheme() == "http" && (host == "localhost" || host.ends_with(".localhost")))
}

/// Whether a navigation goes on to `Location` after this status.
fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

#[expect(clippy::disallowed_methods, reason = "cookies die by the visitor's clock, as in a browser")]
fn now() -> SystemTime {
    SystemTime::now()
}
