//! What another proxy asks before it forwards a request itself: may this one pass?
//!
//! The question is an HTTP request of its own, and says in headers which request it is about. Only a trusted proxy is
//! answered, and only a question that can be read in one way: what is judged must be, byte for byte, what the proxy
//! will forward.

use std::{fmt::Write as _, net::IpAddr};

use ::http::{
    HeaderMap, HeaderValue, Method, StatusCode, Uri, header,
    uri::{Authority, PathAndQuery, Scheme},
};

use super::{
    forwarded,
    headers::{ReservedHeaders, are_alike},
    target::{RequestTarget, TargetError},
};
use crate::service::Disclosure;

const CADDY: &str = "/.doorward/auth/caddy";
const TRAEFIK: &str = "/.doorward/auth/traefik";
const HAPROXY: &str = "/.doorward/auth/haproxy";
const NGINX: &str = "/.doorward/auth/nginx";
const NGINX_ANSWER: &str = "/.doorward/auth/nginx/answer";
/// Envoy puts this before the path that it asks about.
const ENVOY: &str = "/.doorward/auth/envoy";

/// How a proxy asks, and what it can do with the answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Dialect {
    /// `forward_auth`: copies headers of the answer, and passes on answers other than 2xx.
    Caddy,
    /// `ForwardAuth`: the same.
    Traefik,
    /// A Lua action: does what it is told.
    Haproxy,
    /// `auth_request`: knows 2xx, 401 and 403, and nothing of the answer but headers.
    Nginx,
    /// What nginx asks after a refusal, to have the answer that the person shall see.
    NginxAnswer,
    /// HTTP `ext_authz`: asks with the method and the path of the request itself.
    Envoy,
}

impl Dialect {
    /// The dialect that is spoken at `path`.
    pub fn at(path: &str) -> Option<Self> {
        match path {
            CADDY => Some(Self::Caddy),
            TRAEFIK => Some(Self::Traefik),
            HAPROXY => Some(Self::Haproxy),
            NGINX => Some(Self::Nginx),
            NGINX_ANSWER => Some(Self::NginxAnswer),
            _ => path.strip_prefix(ENVOY).filter(|rest| rest.starts_with('/')).map(|_| Self::Envoy),
        }
    }

    /// The headers by which a question says what it is about, in lower case. Each must be there exactly once.
    pub const fn headers(self) -> &'static [&'static str] {
        match self {
            Self::Caddy | Self::Traefik | Self::Haproxy => {
                &[FORWARDED_FOR, FORWARDED_METHOD, FORWARDED_PROTO, FORWARDED_HOST, FORWARDED_URI]
            }
            Self::Nginx | Self::NginxAnswer => &[FORWARDED_FOR, ORIGINAL_METHOD, ORIGINAL_URL],
            Self::Envoy => &[CLIENT, FORWARDED_PROTO],
        }
    }

    /// Reserved names under which the proxy, not the client, speaks to the application.
    const fn of_the_proxy(self) -> &'static [&'static str] {
        match self {
            Self::Envoy => &[FORWARDED_FOR, FORWARDED_PROTO],
            _ => self.headers(),
        }
    }
}

/// Envoy adds its own address to `X-Forwarded-For` when it asks, so it tells the client's apart.
const CLIENT: &str = "x-doorward-client";
const FORWARDED_FOR: &str = "x-forwarded-for";
const FORWARDED_METHOD: &str = "x-forwarded-method";
const FORWARDED_PROTO: &str = "x-forwarded-proto";
const FORWARDED_HOST: &str = "x-forwarded-host";
const FORWARDED_URI: &str = "x-forwarded-uri";
const ORIGINAL_METHOD: &str = "x-original-method";
const ORIGINAL_URL: &str = "x-original-url";

/// The request that a proxy asks about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Asked {
    /// Its method.
    pub method: Method,
    /// Its canonical host.
    pub host: String,
    /// Its path and query: canonical, and at the same time what the proxy has.
    pub path_and_query: PathAndQuery,
    /// The client, if the proxy tells it by another header than `X-Forwarded-For`.
    pub client: Option<IpAddr>,
    /// Whether it asks for a WebSocket.
    pub websocket: bool,
}

/// Why a question gets no decision.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unanswered {
    /// The peer is not declared in `trusted_proxies`: anybody could ask for anybody (T-1).
    Untrusted,
    /// No dialect is spoken at this address.
    Dialect,
    /// A header is missing or empty (T-7).
    Missing(&'static str),
    /// A header is there more than once, perhaps in another spelling (H-4).
    Ambiguous(&'static str),
    /// What is asked about can be read in two ways, or not at all (T-6, P-8, P-9).
    Malformed(&'static str),
    /// No service is declared for the host.
    Host,
    /// The host is the identity host, which protects itself.
    Portal,
    /// The path is ours on every host.
    Reserved,
    /// Somebody came here with a request that belongs to the other proxy.
    Elsewhere,
    /// It was refused, and a moment later, when the person's answer was asked for, it would have passed.
    Meanwhile,
    /// A key, a password or a token, which another proxy would not take from the request.
    Token,
}

impl Unanswered {
    /// A stable word for logs and programs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Untrusted => "untrusted_proxy",
            Self::Dialect => "not_found",
            Self::Missing(_) => "forwarding_header_missing",
            Self::Ambiguous(_) => "forwarding_header_ambiguous",
            Self::Malformed(_) => "malformed_request",
            Self::Host => "unknown_host",
            Self::Portal => "identity_host",
            Self::Reserved => "reserved_path",
            Self::Elsewhere => "behind_another_proxy",
            Self::Meanwhile => "try_again",
            Self::Token => "credential_at_another_proxy",
        }
    }

    /// The status of the answer.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Untrusted | Self::Missing(_) | Self::Portal | Self::Reserved | Self::Token => {
                StatusCode::FORBIDDEN
            }
            Self::Dialect => StatusCode::NOT_FOUND,
            Self::Ambiguous(_) | Self::Malformed(_) => StatusCode::BAD_REQUEST,
            Self::Host | Self::Elsewhere => StatusCode::MISDIRECTED_REQUEST,
            Self::Meanwhile => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What happened, and what to do next.
    pub fn message(self) -> String {
        match self {
            Self::Untrusted => {
                "Only a trusted proxy may ask here. Name its address in `trusted_proxies`.".to_owned()
            }
            Self::Dialect => "Only questions of other proxies are answered here, and none at this address. Take one of those in the guide to forward-auth.".to_owned(),
            Self::Missing(name) => format!(
                "The proxy did not say which request it asks about: `{name}` is missing or empty. Compare its configuration with the guide to forward-auth."
            ),
            Self::Ambiguous(name) => format!(
                "`{name}` came more than once, or in another spelling. Send the request without it, or let the proxy drop it."
            ),
            Self::Malformed(what) => format!("This request can't be read in one way only: {what}."),
            Self::Host => "No service is declared for this address. Check the address, or ask whoever runs this place.".to_owned(),
            Self::Portal => "The identity host protects itself. Let the proxy forward it without asking.".to_owned(),
            Self::Reserved => "`/.doorward/` belongs to the door on every host. Let the proxy forward it to Doorward without asking.".to_owned(),
            Self::Elsewhere => "This service is behind another proxy. Open it there, by its public address.".to_owned(),
            Self::Token => "Keys, passwords and tokens of the door are accepted where Doorward forwards by itself. Use the service's address there.".to_owned(),
            Self::Meanwhile => "Something changed while this was decided. Send it again.".to_owned(),
        }
    }
}

impl Asked {
    /// Reads a question: `method` and `uri` are its own.
    pub fn read(
        dialect: Dialect,
        method: &Method,
        uri: &Uri,
        headers: &HeaderMap,
    ) -> Result<Self, Unanswered> {
        let by_envoy = dialect == Dialect::Envoy;
        let clients = single(headers, if by_envoy { CLIENT } else { FORWARDED_FOR })?;
        // Who asks is not who is asked about: without an address, a network rule would judge the proxy's.
        let client = clients.rsplit(',').next().and_then(|hop| forwarded::parse_hop(hop.trim()));
        let client = client.ok_or(Unanswered::Malformed("the client's address is none"))?;
        let (method, host, target) = match dialect {
            Dialect::Caddy | Dialect::Traefik | Dialect::Haproxy => {
                check_scheme(single(headers, FORWARDED_PROTO)?)?;
                let host = single(headers, FORWARDED_HOST)?;
                (parse_method(single(headers, FORWARDED_METHOD)?)?, host, single(headers, FORWARDED_URI)?)
            }
            Dialect::Nginx | Dialect::NginxAnswer => {
                let url = single(headers, ORIGINAL_URL)?;
                let (scheme, rest) =
                    url.split_once("://").ok_or(Unanswered::Malformed("X-Original-URL is no URL"))?;
                check_scheme(scheme)?;
                let (host, target) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                (parse_method(single(headers, ORIGINAL_METHOD)?)?, host, target)
            }
            Dialect::Envoy => {
                check_scheme(single(headers, FORWARDED_PROTO)?)?;
                let target = uri.path_and_query().map_or("", PathAndQuery::as_str);
                (method.clone(), own_host(uri, headers)?, target.strip_prefix(ENVOY).unwrap_or_default())
            }
        };
        let asked = Self::of(method, host, target)?;
        Ok(Self { client: by_envoy.then_some(client), websocket: asks_for_websocket(headers), ..asked })
    }

    fn of(method: Method, host: &str, target: &str) -> Result<Self, Unanswered> {
        const HOST: Unanswered = Unanswered::Malformed("exactly one host is needed");
        let authority = Authority::try_from(host).map_err(|_| HOST)?;
        let path_and_query = PathAndQuery::try_from(target)
            .map_err(|_| Unanswered::Malformed("the path has a character that is not allowed"))?;
        let mut parts = ::http::uri::Parts::default();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(authority);
        parts.path_and_query = Some(path_and_query);
        let uri = Uri::from_parts(parts).map_err(|_| HOST)?;
        let none = HeaderMap::new();
        let read = RequestTarget::parse(&method, &uri, &none, None).map_err(|error| match error {
            TargetError::Malformed(what) => Unanswered::Malformed(what),
            TargetError::Misdirected => Unanswered::Host,
        })?;
        // The proxy forwards its own spelling: one that had to be read first was judged as something else.
        if read.path_and_query().as_str() != target {
            return Err(Unanswered::Malformed("the path is not in its canonical spelling"));
        }
        let path_and_query = read.path_and_query().clone();
        Ok(Self { host: read.host().to_owned(), path_and_query, method, client: None, websocket: false })
    }
}

/// The host that a question of Envoy names as its own, with its port.
fn own_host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Result<&'a str, Unanswered> {
    match uri.authority() {
        Some(authority) => Ok(authority.as_str()),
        None => single(headers, "host"),
    }
}

/// The value of a header that must be there once, in its own spelling.
fn single<'a>(headers: &'a HeaderMap, wanted: &'static str) -> Result<&'a str, Unanswered> {
    let mut found: Option<&HeaderValue> = None;
    for (name, value) in headers {
        if is_alias(name.as_str(), wanted) {
            if found.is_some() || name.as_str() != wanted {
                return Err(Unanswered::Ambiguous(wanted));
            }
            found = Some(value);
        }
    }
    let value = found.filter(|value| !value.as_bytes().trim_ascii().is_empty());
    let text = value.ok_or(Unanswered::Missing(wanted))?.to_str();
    text.map_err(|_| Unanswered::Malformed("a forwarding header with a character that is not allowed"))
}

/// Whether some reader takes `name`, in lower case, for `wanted`.
fn is_alias(name: &str, wanted: &str) -> bool {
    let alike =
        |(byte, wanted): (u8, u8)| byte == wanted || (wanted == b'-' && !byte.is_ascii_alphanumeric());
    name.len() == wanted.len() && name.bytes().zip(wanted.bytes()).all(alike)
}

fn check_scheme(scheme: &str) -> Result<(), Unanswered> {
    match scheme {
        "http" | "https" | "ws" | "wss" => Ok(()),
        _ => Err(Unanswered::Malformed("the scheme is neither http nor https")),
    }
}

fn parse_method(text: &str) -> Result<Method, Unanswered> {
    Method::from_bytes(text.as_bytes()).map_err(|_| Unanswered::Malformed("the method is none"))
}

/// Whether the request that is asked about wants a WebSocket. `Upgrade` is between neighbours, so that proxies do not
/// pass it on; what belongs to the handshake itself (RFC 6455 section 4.1) comes through.
fn asks_for_websocket(headers: &HeaderMap) -> bool {
    headers.contains_key(header::SEC_WEBSOCKET_KEY)
        || headers.contains_key(header::SEC_WEBSOCKET_VERSION)
        || headers
            .get(header::UPGRADE)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
        || headers.get(FORWARDED_PROTO).is_some_and(|scheme| scheme.as_bytes().starts_with(b"ws"))
}

/// The headers that the proxy must take from the request before it forwards it, for proxies that can be told: what
/// the client sent under a name that means something to us, in every spelling, and identity headers that `answer`
/// does not set. `asked` are the headers of the question.
pub fn to_remove(
    dialect: Dialect,
    (asked, answer): (&HeaderMap, &HeaderMap),
    reserved: &ReservedHeaders,
    disclosure: &Disclosure,
) -> Option<HeaderValue> {
    let lent = |name: &str| disclosure.credentials.iter().any(|lent| are_alike(name, lent.name.as_str()));
    let mut list = String::new();
    let mut add = |name: &str| {
        let separator = if list.is_empty() { "" } else { "," };
        // Writing to a string does not fail.
        let _ = write!(list, "{separator}{name}");
    };
    for name in asked.keys() {
        let of_the_proxy = dialect.of_the_proxy().contains(&name.as_str());
        let ours = reserved.contains(name) || lent(name.as_str());
        if ours && !of_the_proxy && !answer.contains_key(name) {
            add(name.as_str());
        }
    }
    for name in reserved.injected() {
        if !answer.contains_key(name) && !asked.contains_key(name) {
            add(name.as_str());
        }
    }
    if asked.contains_key(header::COOKIE) && !answer.contains_key(header::COOKIE) {
        add(header::COOKIE.as_str());
    }
    HeaderValue::from_str(&list).ok().filter(|list| !list.is_empty())
}

#[cfg(test)]
mod tests;
