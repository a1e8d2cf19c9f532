//! Our cookies (RFC 6265bis): all `__Host-`, so that no sibling host can set one and none travels to another host.

use ::http::{HeaderMap, HeaderValue, header};

use crate::time::Lifetime;

/// The beginning of the name of every cookie of ours.
pub const PREFIX: &str = "__Host-doorward";
/// The session token: of the portal on the identity host, of a service session on a service's host.
pub const SESSION: &str = "__Host-doorward";
/// A WebAuthn ceremony in progress, sealed.
pub const CEREMONY: &str = "__Host-doorward-ceremony";
/// A login transaction in progress, sealed; its identifier follows.
pub const LOGIN_PREFIX: &str = "__Host-doorward-login-";
/// Login transactions that a browser may have open on one host; more are expired.
pub const LOGINS_MAX: usize = 8;

/// A cookie that must be single came twice: somebody tossed one in from elsewhere (E-13).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Duplicate;

/// All cookies of a request, as sent.
fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='))
}

/// The value of the cookie `name`; an error when it came more than once.
pub fn find<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Duplicate> {
    let mut found = pairs(headers).filter(|(found, _)| *found == name).map(|(_, value)| value);
    let first = found.next();
    if found.next().is_some() { Err(Duplicate) } else { Ok(first) }
}

/// Identifiers of the login transactions that the browser has open.
pub fn logins(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    pairs(headers).filter_map(|(name, _)| name.strip_prefix(LOGIN_PREFIX))
}

/// Removes our cookies from a request; other cookies stay as they were. Allocates only when both are there.
pub fn remove_own(headers: &mut HeaderMap) {
    let ours = |pair: &str| is_ours(pair.trim_start().as_bytes());
    let line_has_ours = |line: &HeaderValue| {
        line.to_str().map_or_else(|_| contains_prefix(line.as_bytes()), |line| line.split(';').any(ours))
    };
    if !headers.get_all(header::COOKIE).iter().any(line_has_ours) {
        return;
    }
    let mut kept = Vec::new();
    for line in headers.get_all(header::COOKIE) {
        // A line that is not text and might hold ours is dropped whole: better no cookie than a leaked session.
        let Ok(text) = line.to_str() else { continue };
        let rest: Vec<&str> =
            text.split(';').map(str::trim).filter(|pair| !pair.is_empty() && !ours(pair)).collect();
        if !rest.is_empty()
            && let Ok(line) = HeaderValue::from_str(&rest.join("; "))
        {
            kept.push(line);
        }
    }
    headers.remove(header::COOKIE);
    for line in kept {
        headers.append(header::COOKIE, line);
    }
}

fn is_ours(pair: &[u8]) -> bool {
    pair.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX.as_bytes()))
}

fn contains_prefix(line: &[u8]) -> bool {
    line.windows(PREFIX.len()).any(|window| window.eq_ignore_ascii_case(PREFIX.as_bytes()))
}

/// Whether a `Set-Cookie` line sets a cookie of ours. A cookie without a name is sent as its bare value, which may
/// look like a name and a value.
pub fn sets_ours(line: &HeaderValue) -> bool {
    let line = line.as_bytes().trim_ascii_start();
    is_ours(line.strip_prefix(b"=").unwrap_or(line).trim_ascii_start())
}

/// The `Set-Cookie` line for a cookie of ours. Without `lifetime` it lives as long as the browser's session.
/// `None` when name or value can't be in a header, which none of ours can be.
pub fn set(name: &str, value: &str, lifetime: Option<Lifetime>) -> Option<HeaderValue> {
    let age = lifetime.map_or_else(String::new, |lifetime| format!("; Max-Age={}", lifetime.0));
    HeaderValue::from_str(&format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{age}")).ok()
}

/// The `Set-Cookie` line that removes a cookie of ours.
pub fn expire(name: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("{name}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(line: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_bytes(line.as_bytes()).unwrap());
        headers
    }

    fn kept(line: &str) -> Option<String> {
        let mut headers = with(line);
        remove_own(&mut headers);
        headers.get(header::COOKIE).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
    }

    #[test]
    fn own_cookies_never_go_upstream() {
        assert_eq!(kept("a=1; b=2").as_deref(), Some("a=1; b=2"));
        assert_eq!(kept("__Host-doorward=x"), None);
        assert_eq!(
            kept("a=1;__host-DOORWARD=x; __Host-doorward-login-1=y; b=2").as_deref(),
            Some("a=1; b=2")
        );
        assert_eq!(kept("a=é; __Host-doorward=x"), None);
    }

    #[test]
    fn e_13_a_cookie_that_came_twice_is_an_error() {
        assert_eq!(find(&with("__Host-doorward=a; x=1"), SESSION), Ok(Some("a")));
        assert_eq!(find(&with("__Host-doorward=a; __Host-doorward=b"), SESSION), Err(Duplicate));
        assert_eq!(find(&with("__Host-doorward-login-1=a"), SESSION), Ok(None));
    }
}
