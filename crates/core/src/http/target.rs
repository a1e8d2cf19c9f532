//! The request target (RFC 9112 section 3.2, RFC 9113 section 8.3.1): parsed once into the value that is matched
//! and forwarded.
//!
//! Ambiguous spellings are refused, not repaired: what two parsers can read differently would be judged in one
//! reading and served in the other.

use std::borrow::Cow;

use ::http::{HeaderMap, Method, Uri, header, uri::PathAndQuery};

/// What a request asks for: canonical host, canonical path, query as sent.
#[derive(Debug, PartialEq, Eq)]
pub struct RequestTarget<'a> {
    host: Cow<'a, str>,
    path_and_query: PathAndQuery,
}

/// Why a request target is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TargetError {
    /// Ambiguous or ill-formed; the text says how. 400.
    Malformed(&'static str),
    /// The connection was made for another host. 421.
    Misdirected,
}

impl<'a> RequestTarget<'a> {
    /// Reads the target. `sni` is the name that the TLS connection was made for.
    pub fn parse(
        method: &Method,
        uri: &'a Uri,
        headers: &'a HeaderMap,
        sni: Option<&str>,
    ) -> Result<Self, TargetError> {
        if *method == Method::CONNECT || *method == Method::TRACE {
            return Err(TargetError::Malformed("this method is not served"));
        }
        let host = host(uri, headers)?;
        if sni.is_some_and(|name| !name.eq_ignore_ascii_case(&host)) {
            return Err(TargetError::Misdirected);
        }
        let path_and_query = uri.path_and_query().ok_or(TargetError::Malformed("no path"))?;
        Ok(Self { host, path_and_query: canonical(path_and_query)? })
    }

    /// The canonical host: lower case, no port, no trailing dot.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The canonical path.
    pub fn path(&self) -> &str {
        self.path_and_query.path()
    }

    /// Canonical path and query: what is forwarded.
    pub const fn path_and_query(&self) -> &PathAndQuery {
        &self.path_and_query
    }
}

/// The one host that a request names. Authority and `Host` header must agree (P-13); a request without either,
/// or with two `Host` headers, names none.
fn host<'a>(uri: &'a Uri, headers: &'a HeaderMap) -> Result<Cow<'a, str>, TargetError> {
    const NONE: TargetError = TargetError::Malformed("exactly one host is needed");
    let mut named = headers.get_all(header::HOST).iter();
    let header = named.next().map(|value| value.to_str().map_err(|_| NONE)).transpose()?;
    if named.next().is_some() {
        return Err(NONE);
    }
    let authority = uri.authority().map(::http::uri::Authority::as_str);
    if authority.is_some_and(|authority| authority.contains('@')) {
        return Err(TargetError::Malformed("user information in the authority"));
    }
    match (authority, header) {
        (Some(authority), Some(header)) if !authority.eq_ignore_ascii_case(header) => {
            Err(TargetError::Malformed("the authority and the Host header differ"))
        }
        (Some(text), _) | (None, Some(text)) => canonical_host(text).ok_or(NONE),
        (None, None) => Err(NONE),
    }
}

/// `text` without its port, in lower case, without one trailing dot; brackets around an IPv6 address are dropped.
fn canonical_host(text: &str) -> Option<Cow<'_, str>> {
    let (name, port) = match text.strip_prefix('[') {
        Some(rest) => {
            let (address, port) = rest.split_once(']')?;
            return address
                .parse::<std::net::Ipv6Addr>()
                .ok()
                .filter(|_| valid_port(port))
                .map(|ip| ip.to_string().into());
        }
        None => text.find(':').map_or((text, ""), |at| text.split_at(at)),
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    if name.is_empty() || !name.bytes().all(allowed) || !valid_port(port) {
        return None;
    }
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Some(name.to_ascii_lowercase().into())
    } else {
        Some(name.into())
    }
}

/// Empty, or a colon and a port number.
fn valid_port(text: &str) -> bool {
    text.is_empty()
        || text
            .strip_prefix(':')
            .is_some_and(|port| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok())
}

/// The canonical spelling; the same value, without allocation, when it is canonical already.
fn canonical(original: &PathAndQuery) -> Result<PathAndQuery, TargetError> {
    let path = original.path();
    if !path.starts_with('/') {
        return Err(TargetError::Malformed("the path does not begin with a slash"));
    }
    let decoded = if path.contains('%') { Some(decode(path)?) } else { None };
    let path = decoded.as_deref().unwrap_or(path);
    check(path)?;
    match decoded {
        Some(path) => {
            let text = original.query().map_or_else(|| path.clone(), |query| format!("{path}?{query}"));
            text.parse().map_err(|_| TargetError::Malformed("the path has a character that is not allowed"))
        }
        None => Ok(original.clone()),
    }
}

/// Refuses what parsers disagree about in a path whose escapes have been read.
fn check(path: &str) -> Result<(), TargetError> {
    if let Some(bad) = path.bytes().find(|byte| matches!(byte, 0..=0x20 | 0x7f.. | b'\\' | b';' | b'#')) {
        return Err(TargetError::Malformed(match bad {
            b'\\' => "a backslash in the path",
            b';' => "a semicolon in the path",
            _ => "the path has a character that is not allowed",
        }));
    }
    let mut segments = path[1..].split('/').peekable();
    while let Some(segment) = segments.next() {
        match segment {
            "" if segments.peek().is_some() => return Err(TargetError::Malformed("an empty path segment")),
            "." | ".." => return Err(TargetError::Malformed("a dot segment in the path")),
            _ => {}
        }
    }
    Ok(())
}

/// Reads escapes: unreserved characters are decoded, the others keep their escape in upper case (RFC 3986
/// section 6.2.2). What would change the structure of the path, or can be decoded twice, is refused.
fn decode(path: &str) -> Result<String, TargetError> {
    const INVALID: TargetError = TargetError::Malformed("an invalid escape in the path");
    let mut canonical = String::with_capacity(path.len());
    let mut octets = Vec::with_capacity(path.len());
    let mut rest = path.as_bytes();
    while let [byte, tail @ ..] = rest {
        rest = tail;
        if *byte != b'%' {
            canonical.push(char::from(*byte));
            octets.push(*byte);
            continue;
        }
        let (digits, tail) = rest.split_at_checked(2).ok_or(INVALID)?;
        rest = tail;
        let octet = hex(digits).ok_or(INVALID)?;
        octets.push(octet);
        match octet {
            b'/' | b'\\' | b';' => return Err(TargetError::Malformed("an encoded separator in the path")),
            0..=0x1f | 0x7f => {
                return Err(TargetError::Malformed("an encoded control character in the path"));
            }
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => {
                canonical.push(char::from(octet));
            }
            _ => {
                canonical.push('%');
                canonical.extend(digits.iter().map(|digit| char::from(digit.to_ascii_uppercase())));
            }
        }
    }
    // Overlong forms of `/` and `.` are no UTF-8; nothing else that is not UTF-8 has one meaning either.
    std::str::from_utf8(&octets).map_err(|_| INVALID)?;
    if is_escaped_twice(&canonical) {
        return Err(TargetError::Malformed("a doubly encoded character in the path"));
    }
    Ok(canonical)
}

/// Whether the canonical path would hold another escape if it were decoded once more. Asked of the whole, because an
/// escaped percent sign can also be completed by escaped digits (`%25%32%65`).
fn is_escaped_twice(canonical: &str) -> bool {
    canonical.match_indices("%25").any(|(at, escape)| {
        let next = canonical.as_bytes().get(at + escape.len()..at + escape.len() + 2);
        next.is_some_and(|digits| hex(digits).is_some())
    })
}

fn hex(digits: &[u8]) -> Option<u8> {
    let [high, low] = digits else { return None };
    let digit = |digit: u8| char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok());
    Some(digit(*high)? * 16 + digit(*low)?)
}

#[cfg(test)]
mod tests;
