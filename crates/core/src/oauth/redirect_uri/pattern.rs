//! Redirect URIs with wildcards, for applications whose addresses can't all be written down.
//!
//! A pattern is read by a grammar of its own: it is no regular expression. `*` stands for one or more characters
//! within one label of a host, one segment of a path or one value of a query, or for a whole port; `**` for one or more
//! segments. Nothing stands for a scheme, user information, or the last two labels of a host.

use std::fmt;

use url::Url;

use super::{Unfit, check_registered, is_loopback, parse};

/// A redirect URI with wildcards.
#[derive(Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
    parts: Parts,
    any_port: bool,
}

/// A URI taken apart as it was written: nothing is decoded and nothing is normalised.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Parts {
    scheme: String,
    /// `None` without `//`, which is another URI than one with an empty host.
    host: Option<String>,
    port: Option<String>,
    path: Vec<String>,
    query: Option<Vec<(String, Option<String>)>>,
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// What is refused for a redirect URI without wildcards, and [`Unfit::Wildcard`] for wildcards that could lead to
    /// somebody else.
    pub fn parse(text: &str) -> Result<Self, Unfit> {
        // With letters in place of the wildcards it must be a redirect URI that may be registered.
        let parts = Parts::read(text).ok_or(Unfit::NotAbsolute)?;
        let plain_port = parts.port.as_deref() != Some("*");
        let example = if plain_port { text.to_owned() } else { text.replacen(":*", ":1", 1) };
        let example = example.replace('*', "x");
        check_registered(&example)?;
        if !parts.has_safe_wildcards() {
            return Err(Unfit::Wildcard);
        }
        let uri = parse(&example)?;
        // Native applications can't choose their port (RFC 8252 section 7.3).
        let any_port = uri.scheme() == "http" && is_loopback(&uri) && parts.port.is_none();
        Ok(Self { text: text.to_owned(), parts, any_port })
    }

    /// The pattern as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether `requested` is meant by it. A URI that two parsers could read differently is meant by none.
    pub fn matches(&self, requested: &str) -> bool {
        let Some(uri) = parse(requested).ok().filter(|_| check_registered(requested).is_ok()) else {
            return false;
        };
        let Some(asked) = Parts::read(requested).filter(|asked| asked.agrees_with(&uri)) else {
            return false;
        };
        self.parts.scheme == asked.scheme
            && self.host_matches(&asked)
            && self.port_matches(&asked)
            && segments_match(&self.parts.path, &asked.path)
            && query_matches(self.parts.query.as_deref(), asked.query.as_deref())
    }

    fn host_matches(&self, asked: &Parts) -> bool {
        let (Some(pattern), Some(host)) = (&self.parts.host, &asked.host) else {
            return self.parts.host == asked.host;
        };
        if !pattern.contains('*') {
            return pattern == host;
        }
        let (pattern, host): (Vec<_>, Vec<_>) = (pattern.split('.').collect(), host.split('.').collect());
        // Label by label, so that no wildcard reaches across a dot.
        pattern.len() == host.len()
            && pattern.iter().zip(host).all(|(pattern, label)| text_matches(pattern, label))
    }

    fn port_matches(&self, asked: &Parts) -> bool {
        match &self.parts.port {
            None => self.any_port || asked.port.is_none(),
            Some(port) if port == "*" => asked.port.is_some(),
            port => *port == asked.port,
        }
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Pattern").field(&self.text).finish()
    }
}

impl Parts {
    fn read(uri: &str) -> Option<Self> {
        let (scheme, rest) = uri.split_once(':')?;
        let (rest, query) = match rest.split_once('?') {
            Some((rest, query)) => (rest, Some(query)),
            None => (rest, None),
        };
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => {
                let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                (Some(authority), path)
            }
            None => (None, rest),
        };
        let (host, port) = match authority.and_then(|authority| authority.rsplit_once(':')) {
            // The colons of an IPv6 address are within brackets.
            Some((host, port)) if !port.contains(']') => (Some(host), Some(port.to_owned())),
            _ => (authority, None),
        };
        let pair = |pair: &str| match pair.split_once('=') {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (pair.to_owned(), None),
        };
        Some(Self {
            scheme: scheme.to_owned(),
            host: host.map(str::to_owned),
            port,
            path: path.split('/').map(str::to_owned).collect(),
            query: query.map(|query| query.split('&').map(pair).collect()),
        })
    }

    /// Whether this reading is also the one of browsers (WHATWG URL), and nothing in it changes its meaning when
    /// somebody decodes it once more.
    fn agrees_with(&self, uri: &Url) -> bool {
        let path = self.path.join("/");
        let same_path = uri.path() == path || (path.is_empty() && uri.path() == "/");
        let port = self.port.as_deref().map(|port| port.parse::<u16>().ok());
        let same_port = port.is_none_or(|port| port.is_some() && uri.port_or_known_default() == port);
        let host = uri.host_str().filter(|host| !host.is_empty());
        uri.scheme() == self.scheme
            && host == self.host.as_deref().filter(|host| !host.is_empty())
            && same_port
            && same_path
            && self.path.iter().all(|segment| is_plain(segment))
    }

    fn has_safe_wildcards(&self) -> bool {
        let wild = |text: &str| text.contains('*');
        let host = self.host.as_deref().unwrap_or_default();
        // The two labels at the end say whose machine it is; an address has no labels.
        let own = host.rsplit('.').take(2).all(|label| !label.is_empty() && !wild(label));
        let below = host.split('.').count() > 2 && !host.contains("**");
        let query = self.query.as_deref().unwrap_or_default();
        let names: std::collections::BTreeSet<_> = query.iter().map(|(name, _)| name).collect();
        !wild(&self.scheme)
            && (!wild(host) || (own && below && host.bytes().any(|byte| byte.is_ascii_alphabetic())))
            && self.port.as_deref().is_none_or(|port| !wild(port) || (port == "*" && !host.is_empty()))
            && self.path.iter().all(|segment| segment == "**" || !segment.contains("**"))
            && self.path.iter().all(|segment| is_plain(segment))
            && names.len() == query.len()
            && query.iter().all(|(name, value)| {
                !wild(name) && value.as_deref().is_none_or(|value| !value.contains("**"))
            })
    }
}

/// Whether a segment of a path is what it looks like: no dots that lead upwards, no parameters (`..;/`), and nothing
/// encoded that would be one of these.
fn is_plain(segment: &str) -> bool {
    let lower = segment.to_ascii_lowercase();
    let hidden = ["%2e", "%2f", "%5c", "%3b", "%25", "%00", ";"];
    segment != "." && segment != ".." && !hidden.iter().any(|hidden| lower.contains(hidden))
}

/// Whether `*` in `pattern`, standing for one or more characters, make it `text`. Linear in the product of the lengths.
fn text_matches(pattern: &str, text: &str) -> bool {
    let text = text.as_bytes();
    // `reached[i]`: what was read of the pattern is the first `i` bytes of the text.
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for byte in pattern.bytes() {
        let mut next = vec![false; text.len() + 1];
        for at in 0..text.len() {
            next[at + 1] =
                if byte == b'*' { reached[at] || next[at] } else { reached[at] && text[at] == byte };
        }
        reached = next;
    }
    reached.last() == Some(&true)
}

/// The same for segments, of which `**` stands for one or more. An empty one, as between `//`, is meant by no wildcard.
fn segments_match(pattern: &[String], path: &[String]) -> bool {
    let mut reached = vec![false; path.len() + 1];
    reached[0] = true;
    for segment in pattern {
        let mut next = vec![false; path.len() + 1];
        for at in 0..path.len() {
            next[at + 1] = if segment == "**" {
                (reached[at] || next[at]) && !path[at].is_empty()
            } else {
                reached[at] && text_matches(segment, &path[at])
            };
        }
        reached = next;
    }
    reached.last() == Some(&true)
}

/// Whether both have the same names, each once, with values that fit.
fn query_matches(
    pattern: Option<&[(String, Option<String>)]>,
    asked: Option<&[(String, Option<String>)]>,
) -> bool {
    let (Some(pattern), Some(asked)) = (pattern, asked) else {
        return pattern.is_none() && asked.is_none();
    };
    let fits = |(name, value): &(String, Option<String>)| {
        let mut named = asked.iter().filter(|(asked, _)| asked == name);
        match (named.next(), named.next(), value) {
            (Some((_, Some(asked))), None, Some(value)) => text_matches(value, asked),
            (Some((_, None)), None, None) => true,
            _ => false,
        }
    };
    pattern.len() == asked.len() && pattern.iter().all(fits)
}

#[cfg(test)]
mod tests;
