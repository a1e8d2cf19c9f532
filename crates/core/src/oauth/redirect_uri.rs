//! Redirect URIs (RFC 6749 section 3.1.2, RFC 8252 section 7, RFC 9700 section 2.1).

mod pattern;

use std::fmt;

pub use pattern::Pattern;
use url::{Host, Url};

/// Why a redirect URI can't be registered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unfit {
    /// Not an absolute URI, or written with characters that parsers read differently.
    NotAbsolute,
    /// It has a fragment.
    Fragment,
    /// It has user information, behind which hosts hide.
    UserInformation,
    /// A scheme that runs code or is no place to send a code to.
    Scheme,
    /// Clear text to another machine.
    ClearText,
    /// A wildcard stands where it could lead to somebody else.
    Wildcard,
}

impl fmt::Display for Unfit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NotAbsolute => "it is no absolute URI",
            Self::Fragment => "it has a fragment",
            Self::UserInformation => "it has user information",
            Self::Scheme => "its scheme is not allowed",
            Self::ClearText => "it is http and not on this machine",
            Self::Wildcard => "a wildcard stands where none may be",
        })
    }
}

/// Checks a URI that is to be registered: https, http on loopback, or a scheme of the application's own.
pub fn check_registered(uri: &str) -> Result<(), Unfit> {
    let parsed = parse(uri)?;
    match parsed.scheme() {
        "http" if is_loopback(&parsed) => Ok(()),
        "http" => Err(Unfit::ClearText),
        "javascript" | "data" | "vbscript" | "file" | "blob" | "about" | "ws" | "wss" | "ftp" => {
            Err(Unfit::Scheme)
        }
        _ => Ok(()),
    }
}

fn parse(uri: &str) -> Result<Url, Unfit> {
    if uri.len() > 2048 || !uri.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\') {
        return Err(Unfit::NotAbsolute);
    }
    let parsed = Url::parse(uri).map_err(|_| Unfit::NotAbsolute)?;
    if uri.contains('#') {
        return Err(Unfit::Fragment);
    }
    let authority =
        uri.split_once("://").map_or("", |(_, rest)| rest.split(['/', '?']).next().unwrap_or_default());
    if !parsed.username().is_empty() || parsed.password().is_some() || authority.contains('@') {
        return Err(Unfit::UserInformation);
    }
    Ok(parsed)
}

/// Whether the URI leads to this machine: an address of the loopback network, `localhost` or a name below it.
fn is_loopback(uri: &Url) -> bool {
    match uri.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        None => false,
    }
}

/// Whether `requested` is `registered`: the same text (RFC 3986 section 6.2.1). Only the port of a loopback address
/// may differ, because native applications can't choose it (RFC 8252 section 7.3).
pub fn matches(registered: &str, requested: &str) -> bool {
    if registered == requested {
        return parse(requested).is_ok();
    }
    let (Ok(mut one), Ok(mut other)) = (parse(registered), parse(requested)) else {
        return false;
    };
    let literal = |uri: &Url| matches!(uri.host(), Some(Host::Ipv4(_) | Host::Ipv6(_))) && is_loopback(uri);
    if one.scheme() != "http" || !literal(&one) || !literal(&other) {
        return false;
    }
    // Both are compared as they were written but for the port, so no normalisation can make them equal.
    let written = |uri: &mut Url, text: &str| uri.set_port(None).is_ok() && without_port(text).is_some();
    written(&mut one, registered)
        && written(&mut other, requested)
        && without_port(registered) == without_port(requested)
}

/// `http://host[:port]rest` without the port.
fn without_port(uri: &str) -> Option<(&str, &str)> {
    let rest = uri.strip_prefix("http://")?;
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !host.is_empty() => host,
        _ => authority,
    };
    Some((host, path))
}

/// The origin of a redirect URI as a source expression of a content security policy; the scheme alone for schemes
/// without an origin.
pub fn csp_source(uri: &str) -> Option<String> {
    let parsed = parse(uri).ok()?;
    Some(match parsed.scheme() {
        "http" | "https" => parsed.origin().ascii_serialization(),
        scheme => format!("{scheme}:"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r_1_r_4_r_5_r_7_r_10_redirect_uris_match_exactly() {
        const REGISTERED: &str = "https://app.test/callback?x=1";
        assert!(matches(REGISTERED, REGISTERED));
        for requested in [
            "https://app.test/callback",
            "https://app.test/Callback?x=1",
            "https://app.test/callback?x=1&y",
            "https://app.test/callback?x=1#f",
            "https://app.test.evil.test/callback?x=1",
            "https://appxtest/callback?x=1",
            "https://app.test@evil.test/callback?x=1",
            "https://app.test:8443/callback?x=1",
            "https://app.test/a/..;/callback?x=1",
            "https://app.test/%2e%2e/callback?x=1",
            "https://APP.test/callback?x=1",
            "http://app.test/callback?x=1",
            " https://app.test/callback?x=1",
        ] {
            assert!(!matches(REGISTERED, requested), "{requested}");
        }
    }

    /// RUSTSEC-2024-0421, and letters that are folded into ASCII: nothing but the registered text is that host.
    #[test]
    fn s_14_no_other_spelling_of_a_host_is_a_registered_one() {
        let registered = "https://example.com/cb";
        for host in [
            "xn--example-.com",
            "xn--example.com",
            "ｅxample.com",
            "example。com",
            "ex%61mple.com",
            "EXAMPLE.com",
            "example.com.",
            "ex\u{ad}ample.com",
        ] {
            assert!(!matches(registered, &format!("https://{host}/cb")), "{host}");
        }
        assert!(matches(registered, registered));
        let pattern = Pattern::parse("https://*.example.com/cb").unwrap();
        for host in [
            "a.xn--example-.com",
            "a.ｅxample.com",
            "a。example.com",
            "xn--a-.example.com",
            "a.example.com。",
        ] {
            assert!(!pattern.matches(&format!("https://{host}/cb")), "{host}");
        }
        assert!(pattern.matches("https://a.example.com/cb"));
    }

    #[test]
    fn r_5_only_the_port_of_a_loopback_address_varies() {
        assert!(matches("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb"));
        assert!(matches("http://[::1]:1/cb", "http://[::1]:2/cb"));
        for requested in [
            "http://127.0.0.1:1/other",
            "http://127.0.0.2:1/cb",
            "http://localhost:1/cb",
            "http://127.0.0.1.evil.test:1/cb",
            "http://127.0.0.1:1@evil.test/cb",
        ] {
            assert!(!matches("http://127.0.0.1/cb", requested), "{requested}");
        }
        assert!(!matches("http://localhost/cb", "http://localhost:9999/cb"), "a name can lead elsewhere");
    }

    #[test]
    fn r_2_r_3_some_schemes_are_no_places() {
        for uri in [
            "https://a.test/cb",
            "http://127.0.0.1:3000/cb",
            "http://localhost/cb",
            "app.immich:///oauth-callback",
            "com.example:/cb",
        ] {
            assert_eq!(check_registered(uri), Ok(()), "{uri}");
        }
        for (uri, unfit) in [
            ("javascript:alert(1)", Unfit::Scheme),
            ("JaVaScRiPt:alert(1)", Unfit::Scheme),
            ("data:text/html,x", Unfit::Scheme),
            ("http://a.test/cb", Unfit::ClearText),
            ("https://u@a.test/", Unfit::UserInformation),
            ("https://@a.test/", Unfit::UserInformation),
            ("https://a.test/#x", Unfit::Fragment),
            ("/cb", Unfit::NotAbsolute),
            ("https://a.test/\\evil", Unfit::NotAbsolute),
            ("\u{1}https://a.test", Unfit::NotAbsolute),
        ] {
            assert_eq!(check_registered(uri), Err(unfit), "{uri}");
        }
    }
}
