//! One request, and the headers that a browser adds to it (Fetch Metadata, Fetch section 3.2 on `Origin`).

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri,
    header::{self, Entry},
};
use http_body_util::Full;
use serde_json::Value;
use url::{Host, Url};

use super::is_secure;

/// Who starts a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Initiator {
    /// The person, in the address bar: `Sec-Fetch-Site: none`.
    Person,
    /// A page of this origin.
    Page(String),
}

/// What kind of request it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// A document in the tab: `Sec-Fetch-Mode: navigate`.
    Navigate,
    /// A script's `fetch()`: `Sec-Fetch-Mode: cors`.
    Fetch,
    /// Not a browser at all, as curl: no fetch metadata, no cookies sent or stored.
    Program,
}

/// The relation of two addresses, worst last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Site {
    /// Same scheme, host and port.
    SameOrigin,
    /// Same scheme and registrable domain. That is taken to be the last two labels; there is no public suffix list.
    SameSite,
    /// All else.
    CrossSite,
}

impl Site {
    /// The relation of an origin, which may be `null`, to an address.
    pub fn between(origin: &str, url: &Url) -> Self {
        if url.origin().ascii_serialization() == origin {
            return Self::SameOrigin;
        }
        let same_site = Url::parse(origin).is_ok_and(|origin| {
            origin.scheme() == url.scheme()
                && registrable(&origin).is_some_and(|domain| Some(domain) == registrable(url))
        });
        if same_site { Self::SameSite } else { Self::CrossSite }
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::SameOrigin => "same-origin",
            Self::SameSite => "same-site",
            Self::CrossSite => "cross-site",
        }
    }
}

fn registrable(url: &Url) -> Option<&str> {
    let Some(Host::Domain(host)) = url.host() else {
        return None;
    };
    let start = host.rmatch_indices('.').nth(1).map_or(0, |(dot, _)| dot + 1);
    Some(&host[start..])
}

/// A request before the browser's headers are added.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The address, in the normal form of the URL standard.
    pub url: Url,
    /// Who starts it.
    pub initiator: Initiator,
    /// What kind it is.
    pub mode: Mode,
    /// Headers that replace what the browser (and the client's own list) would send under the same name, forged ones
    /// and several of one name included. An empty `cookie` here is a request without cookies.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The request target to send in place of the address's, byte by byte, such as `/a/../b`.
    pub target: Option<String>,
    /// The worst relation on the way so far, for redirects.
    worst: Site,
}

impl Request {
    fn new(method: Method, url: &str, mode: Mode) -> Result<Self> {
        let url = Url::parse(url).with_context(|| format!("{url} is not an address."))?;
        Ok(Self {
            method,
            initiator: Initiator::Page(url.origin().ascii_serialization()),
            url,
            mode,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            target: None,
            worst: Site::SameOrigin,
        })
    }

    /// The person opens `url`.
    ///
    /// # Errors
    /// If it is no absolute URL.
    pub fn navigation(url: &str) -> Result<Self> {
        Ok(Self { initiator: Initiator::Person, ..Self::new(Method::GET, url, Mode::Navigate)? })
    }

    /// A script on a page of the same origin fetches `url`.
    ///
    /// # Errors
    /// As [`Request::navigation`].
    pub fn fetch(method: Method, url: &str) -> Result<Self> {
        Self::new(method, url, Mode::Fetch)
    }

    /// A program that is no browser asks for `url`.
    ///
    /// # Errors
    /// As [`Request::navigation`].
    pub fn program(method: Method, url: &str) -> Result<Self> {
        Self::new(method, url, Mode::Program)
    }

    /// A script on a page of the same origin posts JSON.
    ///
    /// # Errors
    /// As [`Request::navigation`].
    pub fn json(url: &str, value: &Value) -> Result<Self> {
        Self::fetch(Method::POST, url)?.body(value.to_string()).header("content-type", "application/json")
    }

    /// A form on a page of the same origin is submitted.
    ///
    /// # Errors
    /// As [`Request::navigation`].
    pub fn form(url: &str, pairs: &[(&str, &str)]) -> Result<Self> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        Self::new(Method::POST, url, Mode::Navigate)?
            .body(body)
            .header("content-type", "application/x-www-form-urlencoded")
    }

    /// Says which page starts it: an origin such as `https://evil.example`, or `null`.
    pub fn from_page(mut self, origin: &str) -> Self {
        self.initiator = Initiator::Page(origin.to_owned());
        self
    }

    /// Adds a header: see [`Request::headers`].
    ///
    /// # Errors
    /// If the name or value can't be sent.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self> {
        let name = HeaderName::try_from(name).with_context(|| format!("{name} is not a header name."))?;
        let value =
            HeaderValue::try_from(value).with_context(|| format!("The value of {name} can't be sent."))?;
        self.headers.append(name, value);
        Ok(self)
    }

    /// Sets the body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets the raw request target: see [`Request::target`].
    pub fn target(mut self, target: &str) -> Self {
        self.target = Some(target.to_owned());
        self
    }

    /// The request that follows a redirect (Fetch section 4.4).
    pub(super) fn redirected(mut self, status: StatusCode, next: Url) -> Self {
        self.worst = self.site().unwrap_or(Site::SameOrigin);
        let becomes_get = match status.as_u16() {
            303 => self.method != Method::HEAD,
            301 | 302 => self.method == Method::POST,
            _ => false,
        };
        if becomes_get {
            self.method = Method::GET;
            self.body = Bytes::new();
            self.headers.remove(header::CONTENT_TYPE);
        }
        self.url = next;
        self.target = None;
        self
    }

    /// The relation of initiator and address; none if the person starts it.
    fn site(&self) -> Option<Site> {
        match &self.initiator {
            Initiator::Person => None,
            Initiator::Page(origin) => Some(Site::between(origin, &self.url).max(self.worst)),
        }
    }

    /// The message to send, with the browser's headers where nobody replaced them.
    pub(super) fn into_message(
        self,
        cookies: Option<&str>,
        always: &HeaderMap,
    ) -> Result<http::Request<Full<Bytes>>> {
        let mut headers = self.browser_headers(cookies)?;
        replace(&mut headers, always);
        replace(&mut headers, &self.headers);
        let target = self.target.unwrap_or_else(|| {
            self.url
                .query()
                .map_or_else(|| self.url.path().to_owned(), |query| format!("{}?{query}", self.url.path()))
        });
        let target = Uri::try_from(&target).with_context(|| format!("{target} is not a request target."))?;
        let mut message = http::Request::new(Full::new(self.body));
        *message.method_mut() = self.method;
        *message.uri_mut() = target;
        *message.headers_mut() = headers;
        Ok(message)
    }

    fn browser_headers(&self, cookies: Option<&str>) -> Result<HeaderMap> {
        let mut headers = HeaderMap::new();
        let host = self.url.host_str().with_context(|| format!("{} has no host.", self.url))?;
        let host = self.url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        headers.insert(header::HOST, HeaderValue::try_from(host)?);
        headers.insert(header::USER_AGENT, HeaderValue::from_static("doorward-visitor"));
        let accept =
            if self.mode == Mode::Navigate { "text/html,application/xhtml+xml,*/*;q=0.8" } else { "*/*" };
        headers.insert(header::ACCEPT, HeaderValue::from_static(accept));
        if self.mode == Mode::Program {
            return Ok(headers);
        }
        if let Some(cookies) = cookies {
            headers.insert(header::COOKIE, HeaderValue::try_from(cookies)?);
        }
        if is_secure(&self.url) {
            self.add_fetch_metadata(&mut headers);
        }
        if let Some(origin) = self.origin() {
            headers.insert(header::ORIGIN, HeaderValue::try_from(origin)?);
        }
        Ok(headers)
    }

    /// `Sec-Fetch-*`, which browsers send to secure origins only.
    fn add_fetch_metadata(&self, headers: &mut HeaderMap) {
        let (mode, dest) =
            if self.mode == Mode::Navigate { ("navigate", "document") } else { ("cors", "empty") };
        headers.insert("sec-fetch-site", HeaderValue::from_static(self.site().map_or("none", Site::as_str)));
        headers.insert("sec-fetch-mode", HeaderValue::from_static(mode));
        headers.insert("sec-fetch-dest", HeaderValue::from_static(dest));
        if self.mode == Mode::Navigate {
            headers.insert("sec-fetch-user", HeaderValue::from_static("?1"));
        }
    }

    /// `Origin` goes with everything but GET and HEAD, and with each fetch of another origin.
    fn origin(&self) -> Option<&str> {
        let Initiator::Page(origin) = &self.initiator else {
            return None;
        };
        let reads = self.method == Method::GET || self.method == Method::HEAD;
        let foreign = self.mode == Mode::Fetch && self.site() != Some(Site::SameOrigin);
        (!reads || foreign).then_some(origin)
    }
}

/// Puts all values of each name in `from` in place of those in `headers`. An empty cookie is left out.
fn replace(headers: &mut HeaderMap, from: &HeaderMap) {
    for name in from.keys() {
        if let Entry::Occupied(entry) = headers.entry(name) {
            entry.remove_entry_mult();
        }
        for value in from.get_all(name) {
            if !(name == header::COOKIE && value.is_empty()) {
                headers.append(name, value.clone());
            }
        }
    }
}
