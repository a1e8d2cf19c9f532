//! What is changed about requests and answers on their way, and how large and long they may be. The default is
//! nothing, and costs nothing.

use std::time::Duration;

use ::http::{HeaderMap, HeaderName, HeaderValue, header, uri::PathAndQuery};

use super::Upstream;
use crate::{
    http::{
        headers::{are_alike, remove_names},
        origin::Origin,
        path,
    },
    policy::Paths,
};

/// What is changed on the way between a client and a service.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Relay {
    /// Headers of requests.
    pub request: HeaderEdits,
    /// Headers of answers.
    pub response: HeaderEdits,
    /// How public paths become the service's own.
    pub paths: PathMap,
    /// Parameters of queries that are set.
    pub queries: Vec<QueryRule>,
    /// How large and long a request may be.
    pub limits: Limits,
    /// Whether answers are compressed that the service did not compress.
    pub compress: bool,
}

/// Headers that are removed, and then headers that are set in place of whatever is there under their names (R83).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HeaderEdits {
    /// Names that are removed.
    pub remove: Vec<HeaderName>,
    /// Names with the one value that they shall have.
    pub set: Vec<(HeaderName, HeaderValue)>,
}

/// How public paths become the service's own: first one prefix is taken off, then another is put in front.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PathMap {
    /// What every public path begins with, without a slash at its end; nothing outside of it is served.
    pub strip: Option<String>,
    /// What the service's paths begin with, without a slash at its end.
    pub add: Option<String>,
}

/// Parameters that the queries of some paths have.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueryRule {
    /// Public paths.
    pub paths: Paths,
    /// Names and values, neither of them in need of an escape.
    pub set: Vec<(String, String)>,
}

/// How large and long a request may be. `None` is without a limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Limits {
    /// Bytes of a request's body.
    pub body: Option<u64>,
    /// From the request to the end of its answer.
    pub duration: Option<Duration>,
}

/// A public path that leads nowhere: it is outside of the prefix, or would become a reserved one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Elsewhere;

impl HeaderEdits {
    /// Applies the edits to an answer.
    pub fn apply(&self, headers: &mut HeaderMap) {
        for name in &self.remove {
            headers.remove(name);
        }
        for (name, value) in &self.set {
            headers.insert(name.clone(), value.clone());
        }
    }

    /// Applies the edits to a request. What the client said under another spelling of the same name goes, too: an
    /// application that folds names would read it beside ours, or although it was removed (H-1, H-5).
    pub fn apply_to_request(&self, headers: &mut HeaderMap) {
        if self.remove.is_empty() && self.set.is_empty() {
            return;
        }
        let meant = self.remove.iter().chain(self.set.iter().map(|(name, _)| name));
        remove_names(headers, |found, _| meant.clone().any(|name| are_alike(name.as_str(), found.as_str())));
        for (name, value) in &self.set {
            headers.insert(name.clone(), value.clone());
        }
    }
}

impl PathMap {
    /// Whether paths stay as they are.
    pub const fn is_empty(&self) -> bool {
        self.strip.is_none() && self.add.is_none()
    }

    /// The service's path for a public one, which is canonical; so is the result.
    pub fn to_service(&self, public: &str) -> Result<String, Elsewhere> {
        let rest = match &self.strip {
            Some(prefix) if path::has_segment_prefix(public, prefix) => &public[prefix.len()..],
            // Otherwise `/x` would be the same page as `/prefix/x`, under a path that no rule was written for.
            Some(_) => return Err(Elsewhere),
            None => public,
        };
        let rest = if rest.is_empty() { "/" } else { rest };
        let inner = match &self.add {
            Some(prefix) => format!("{prefix}{rest}"),
            None => rest.to_owned(),
        };
        if is_reserved(&inner) { Err(Elsewhere) } else { Ok(inner) }
    }

    /// The public path for one of the service's, with whatever follows it; the same if it has none.
    fn to_public(&self, inner: &str) -> String {
        let end = inner.find(['?', '#']).unwrap_or(inner.len());
        let (path, rest) = inner.split_at(end);
        let path = match &self.add {
            Some(prefix) if path::has_segment_prefix(path, prefix) => &path[prefix.len()..],
            Some(_) => return inner.to_owned(),
            None => path,
        };
        let path = if path.is_empty() { "/" } else { path };
        match &self.strip {
            // A service that knows its prefix has written it already.
            Some(prefix) if !path::has_segment_prefix(path, prefix) => format!("{prefix}{path}{rest}"),
            _ => format!("{path}{rest}"),
        }
    }
}

impl PathMap {
    /// The public path of a cookie for the service's `inner` one; `None` if it stays as it is.
    fn cookie_path(&self, inner: &str) -> Option<String> {
        let path = inner.strip_suffix('/').unwrap_or(inner);
        let rest = match &self.add {
            Some(prefix) if path::has_segment_prefix(path, prefix) => &path[prefix.len()..],
            // It is for all of the service, and more.
            Some(prefix) if path::has_segment_prefix(prefix, path) => "",
            Some(_) => return None,
            None => path,
        };
        let public = match &self.strip {
            Some(prefix) if !path::has_segment_prefix(rest, prefix) => format!("{prefix}{rest}"),
            _ => rest.to_owned(),
        };
        // Without the slash `/app` is for `/app` itself as well (RFC 6265 section 5.1.4).
        Some(if public.is_empty() { "/".to_owned() } else { public })
    }

    /// A `Set-Cookie` line with the public path; `None` to leave it as it is.
    fn cookie(&self, line: &HeaderValue) -> Option<HeaderValue> {
        // A browser takes `__Host-` cookies with the path `/` only.
        const WHOLE_HOST: &[u8] = b"__host-";
        let start = line.as_bytes().trim_ascii_start().get(..WHOLE_HOST.len())?;
        if start.eq_ignore_ascii_case(WHOLE_HOST) {
            return None;
        }
        let mut changed = false;
        let mut parts: Vec<Vec<u8>> = Vec::new();
        for (number, part) in line.as_bytes().split(|byte| *byte == b';').enumerate() {
            let public = path_attribute(part).filter(|_| number > 0).and_then(|path| self.cookie_path(path));
            changed |= public.is_some();
            parts.push(public.map_or_else(|| part.to_vec(), |path| format!(" Path={path}").into_bytes()));
        }
        HeaderValue::from_bytes(&parts.join(&b';')).ok().filter(|_| changed)
    }
}

/// The path that an attribute of a cookie names.
fn path_attribute(part: &[u8]) -> Option<&str> {
    let (name, path) = std::str::from_utf8(part).ok()?.split_once('=')?;
    let path = path.trim();
    (name.trim().eq_ignore_ascii_case("path") && path.starts_with('/')).then_some(path)
}

/// Whether a path is ours on every host, in any case.
fn is_reserved(path: &str) -> bool {
    path::has_segment_prefix(&path.to_ascii_lowercase(), "/.doorward")
}

impl Relay {
    /// What the service is asked for in place of the public target that was decided on; `None` if that is the same.
    pub fn target(&self, public: &PathAndQuery) -> Result<Option<PathAndQuery>, Elsewhere> {
        if self.paths.is_empty() && self.queries.is_empty() {
            return Ok(None);
        }
        let path = self.paths.to_service(public.path())?;
        let mut query = public.query().map(str::to_owned);
        for rule in self.queries.iter().filter(|rule| rule.paths.contain(public.path())) {
            for (name, value) in &rule.set {
                query = Some(with_parameter(query.as_deref(), name, value));
            }
        }
        let text = query.map_or_else(|| path.clone(), |query| format!("{path}?{query}"));
        text.parse().map(Some).map_err(|_| Elsewhere)
    }

    /// Gives the service's cookies the paths under which browsers know it.
    pub fn cookies(&self, headers: &mut HeaderMap) {
        if self.paths.is_empty() {
            return;
        }
        if let header::Entry::Occupied(mut lines) = headers.entry(header::SET_COOKIE) {
            for line in lines.iter_mut() {
                if let Some(public) = self.paths.cookie(line) {
                    *line = public;
                }
            }
        }
    }

    /// The public place of a `Location` that leads to the service's own address or path; `None` to leave it as it is.
    pub fn location(&self, value: &HeaderValue, upstream: &Upstream, public: &Origin) -> Option<HeaderValue> {
        let text = value.to_str().ok()?;
        let own = upstream.targets.iter().find_map(|target| target.path_of(text));
        let mapped = match own {
            Some(inner) => format!("{public}{}", self.paths.to_public(inner)),
            // A path alone is the service's too; `//` begins a host.
            None if !self.paths.is_empty() && text.starts_with('/') && !text.starts_with("//") => {
                self.paths.to_public(text)
            }
            None => return None,
        };
        // A browser would read it as another host.
        let leads_away = mapped.starts_with("//") || mapped.starts_with("/\\");
        HeaderValue::from_str(&mapped).ok().filter(|_| !leads_away)
    }
}

/// The query with this parameter once, in place of every one that says the same name in any spelling.
fn with_parameter(query: Option<&str>, name: &str, value: &str) -> String {
    let others = query.unwrap_or_default().split('&').filter(|part| {
        let found = part.split('=').next().unwrap_or_default();
        !part.is_empty() && unescaped(found) != name.as_bytes()
    });
    let mut parts: Vec<&str> = others.collect();
    let ours = format!("{name}={value}");
    parts.push(&ours);
    parts.join("&")
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, tail @ ..] = rest {
        let escape = rest.get(1..3).and_then(|digits| std::str::from_utf8(digits).ok());
        match escape.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(octet) if *byte == b'%' => {
                octets.push(octet);
                rest = &rest[3..];
            }
            _ => {
                octets.push(*byte);
                rest = tail;
            }
        }
    }
    octets
}

#[cfg(test)]
mod tests;
