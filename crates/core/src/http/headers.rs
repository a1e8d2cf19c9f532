//! Strip, then set: what a client sends never reaches an upstream under a name that means something to us.

use std::collections::{BTreeSet, HashSet};

use ::http::{
    HeaderMap, HeaderName, HeaderValue, Method, Version,
    header::{self, Entry},
};

use super::cookie;
use crate::service::{Disclosed, HeaderSet};

/// Names that are reserved whatever the services inject, besides [`PREFIXES`].
const NAMES: [&str; 17] = [
    "forwarded",
    "x-request-id",
    "x-real-ip",
    "x-rewrite-url",
    "x-client-ip",
    "x-cluster-client-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "fastly-client-ip",
    "client-ip",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
    "x-forwarded",
    "remote-user",
    "via",
    // A CGI application would find it as HTTP_PROXY in its environment, and send its own requests there.
    "proxy",
];

/// Names that mean something to HTTP itself: removed when spelled otherwise, because behind an upstream that folds
/// names the alias would be another length of the body.
const NO_ALIASES: [&str; 6] = [
    "content-length",
    "transfer-encoding",
    "keep-alive",
    "proxy-connection",
    "proxy-authorization",
    "http2-settings",
];

/// Beginnings of reserved names: identity and forwarding conventions of the field.
const PREFIXES: [&str; 9] = [
    "remote-",
    "x-forwarded-",
    "x-original-",
    "x-token-",
    "x-webauth-",
    "x-auth-request-",
    "x-remote-",
    "x-doorward-",
    "x-authenticated-",
];

/// Hop-by-hop fields (RFC 9110 section 7.6.1), and two that were invented beside them.
static HOP_BY_HOP: [HeaderName; HOPS] = [
    header::CONNECTION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::PROXY_AUTHORIZATION,
    header::PROXY_AUTHENTICATE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("http2-settings"),
];
const HOPS: usize = 9;

/// Header names that never pass from a client to an upstream, compared by their canonical form: lower case, `-` for
/// everything that is neither letter nor digit, because upstreams fold them (H-1, H-3, H-9).
#[derive(Clone, Debug)]
pub struct ReservedHeaders {
    names: HashSet<String>,
    /// What services inject, and what they would by default.
    injected: Vec<HeaderName>,
    /// Whether a name that begins with this byte may be reserved: rules out most headers at once.
    first: [bool; 256],
}

impl ReservedHeaders {
    /// The fixed set plus `injected`, the names that any service injects.
    pub fn new<'a>(injected: impl IntoIterator<Item = &'a str>) -> Self {
        let by_default = HeaderSet::DEFAULT.headers.iter().map(|(name, _)| *name);
        let injected: BTreeSet<&str> = injected.into_iter().chain(by_default).collect();
        let all = NAMES.into_iter().chain(injected.iter().copied());
        let names: HashSet<String> = all.map(|name| canonical(&name.to_ascii_lowercase())).collect();
        let injected = injected.into_iter().filter_map(|name| name.parse().ok()).collect();
        let mut first = [false; 256];
        for name in names.iter().map(String::as_str).chain(PREFIXES).chain(NO_ALIASES) {
            if let Some(byte) = name.as_bytes().first() {
                first[usize::from(*byte)] = true;
            }
        }
        Self { names, injected, first }
    }

    /// The names that any service injects, and those that services inject by default.
    pub fn injected(&self) -> &[HeaderName] {
        &self.injected
    }

    /// Whether `name`, in any spelling, is reserved.
    pub fn contains(&self, name: &HeaderName) -> bool {
        let name = name.as_str();
        let may_be = name.as_bytes().first().is_some_and(|byte| self.first[usize::from(*byte)]);
        may_be && self.contains_canonical(name)
    }

    fn contains_canonical(&self, name: &str) -> bool {
        let folded = name.bytes().any(folds).then(|| canonical(name));
        if folded.as_deref().is_some_and(|folded| NO_ALIASES.contains(&folded)) {
            return true;
        }
        let name = folded.as_deref().unwrap_or(name);
        PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || self.names.contains(name)
    }
}

impl Default for ReservedHeaders {
    fn default() -> Self {
        Self::new([])
    }
}

/// The spelling by which names are compared: WSGI and FastCGI fold `_`, PHP folds `.`, and some servers of CGI
/// applications fold whatever is neither letter nor digit.
pub fn canonical(name: &str) -> String {
    name.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-").to_ascii_lowercase()
}

const fn folds(byte: u8) -> bool {
    !byte.is_ascii_alphanumeric() && byte != b'-'
}

/// Whether upstreams may read these two names, in lower case, as one.
pub fn are_alike(one: &str, other: &str) -> bool {
    let fold = |byte: u8| if folds(byte) { b'-' } else { byte };
    one.len() == other.len() && one.bytes().map(fold).eq(other.bytes().map(fold))
}

/// Whether a request asks for a WebSocket (RFC 6455 section 4.1): the only upgrade that is forwarded (P-14).
pub fn asks_for_websocket(method: &Method, version: Version, headers: &HeaderMap) -> bool {
    version == Version::HTTP_11
        && *method == Method::GET
        && headers
            .get(header::UPGRADE)
            .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"websocket"))
        && connection_options(headers).any(|option| option.eq_ignore_ascii_case("upgrade"))
}

/// Removes what a client may not tell an upstream: hop-by-hop fields, every field that a `Connection` line names,
/// every reserved name in every spelling, and our own cookies.
pub fn strip(headers: &mut HeaderMap, reserved: &ReservedHeaders) {
    strip_hop_by_hop(headers);
    // Trailers of requests are not passed on: a header could come in by that door.
    headers.remove(header::TRAILER);
    remove_names(headers, |name, _| reserved.contains(name));
    cookie::remove_own(headers);
}

/// Removes every name of which a line is meant. Takes no memory when none is.
pub(crate) fn remove_names(headers: &mut HeaderMap, is_meant: impl Fn(&HeaderName, &HeaderValue) -> bool) {
    let mut found: Vec<HeaderName> = Vec::new();
    for (name, line) in &*headers {
        if is_meant(name, line) {
            found.push(name.clone());
        }
    }
    for name in &found {
        headers.remove(name);
    }
}

/// Removes hop-by-hop fields, our own cookies, orders to clear them (E-14), and other ways to this host (RFC 7838), from an
/// upstream's answer: people's requests, our cookies in them, would go around the door. `Trailer`
/// stays: it announces what comes after the body, which is passed on.
pub fn strip_response(headers: &mut HeaderMap) {
    strip_hop_by_hop(headers);
    headers.remove(header::ALT_SVC);
    keep_our_cookies(headers);
    if let Entry::Occupied(cookies) = headers.entry(header::SET_COOKIE)
        && cookies.iter().any(cookie::sets_ours)
    {
        let (name, lines) = cookies.remove_entry_mult();
        let kept: Vec<HeaderValue> = lines.filter(|line| !cookie::sets_ours(line)).collect();
        for line in kept {
            headers.append(name.clone(), line);
        }
    }
}

/// `Clear-Site-Data: "cookies"` would sign the person out everywhere below the domain; the other directives pass.
fn keep_our_cookies(headers: &mut HeaderMap) {
    let Some(first) = headers.get(CLEAR_SITE_DATA) else {
        return;
    };
    let directives = first.to_str().unwrap_or_default().split(',').map(str::trim);
    let harmless: Vec<&str> =
        directives.filter(|word| !matches!(*word, "\"cookies\"" | "\"*\"" | "")).collect();
    match HeaderValue::from_str(&harmless.join(", ")) {
        Ok(value) if !value.is_empty() => headers.insert(CLEAR_SITE_DATA, value),
        _ => headers.remove(CLEAR_SITE_DATA),
    };
}

fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(header::CONNECTION) {
        // What nearly everybody says names no header that is not removed below anyway.
        let options = connection_options(headers).filter(|option| {
            !option.eq_ignore_ascii_case("keep-alive") && !option.eq_ignore_ascii_case("close")
        });
        let named: Vec<HeaderName> = options.filter_map(|option| option.parse().ok()).collect();
        for name in named.iter().filter(|name| **name != header::HOST) {
            headers.remove(name);
        }
    }
    // To look at the few names that are there costs less than to look for each of these.
    let mut there = [false; HOPS];
    for name in headers.keys() {
        if let Some(index) = HOP_BY_HOP.iter().position(|hop| hop == name) {
            there[index] = true;
        }
    }
    for (name, there) in HOP_BY_HOP.iter().zip(there) {
        if there {
            headers.remove(name);
        }
    }
}

fn connection_options(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let lines = headers.get_all(header::CONNECTION).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

/// What we tell an upstream about the connection, in place of what the client said.
#[derive(Clone, Debug)]
pub struct ForwardedValues {
    /// `X-Forwarded-For` and `X-Real-IP`: the effective client address.
    pub client: HeaderValue,
    /// `X-Forwarded-Proto`: the public scheme.
    pub scheme: HeaderValue,
    /// `X-Forwarded-Port`: the public port.
    pub port: HeaderValue,
    /// `Host` and `X-Forwarded-Host`: the public host, with the port unless it is the scheme's own.
    pub host: HeaderValue,
}

const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");

/// Sets what the upstream learns: who the person is, if the permission rests on one, and how the request came.
/// Call it after [`strip`], so that nothing of the client's can survive under these names.
pub fn apply(headers: &mut HeaderMap, person: Option<&Disclosed>, forwarded: &ForwardedValues) {
    if let Some(person) = person {
        person.apply(headers);
    }
    // What the client spelled or added, a port for instance, would end up in the upstream's links (T-13).
    headers.insert(header::HOST, forwarded.host.clone());
    headers.insert(X_FORWARDED_HOST, forwarded.host.clone());
    headers.insert(X_FORWARDED_FOR, forwarded.client.clone());
    headers.insert(X_REAL_IP, forwarded.client.clone());
    headers.insert(X_FORWARDED_PROTO, forwarded.scheme.clone());
    headers.insert(X_FORWARDED_PORT, forwarded.port.clone());
}

#[cfg(test)]
mod tests;
