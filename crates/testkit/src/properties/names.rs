//! Names of headers.

use doorward_core::{
    http::headers::{self, ForwardedValues, ReservedHeaders},
    service::{Disclosure, HeaderSet, IdentityHeader},
};
use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{cookies, lines, somebody};

/// A name that no convention has, as one service injects it.
const INJECTED: &str = "x-grafana_role";

/// Beginnings and names that no application may see but from us, folded.
const BEGINNINGS: [&str; 8] = [
    "remote-",
    "x-forwarded-",
    "x-original-",
    "x-token-",
    "x-webauth-",
    "x-auth-request-",
    "x-remote-",
    "x-doorward-",
];
const NAMES: [&str; 11] = [
    "forwarded",
    "x-forwarded",
    "x-real-ip",
    "true-client-ip",
    "cf-connecting-ip",
    "x-http-method-override",
    "x-rewrite-url",
    "x-grafana-role",
    "proxy",
    "keep-alive",
    "proxy-connection",
];
const HOP_BY_HOP: [&str; 7] =
    ["connection", "te", "transfer-encoding", "upgrade", "trailer", "proxy-authorization", "http2-settings"];

/// Nothing reserved survives in any spelling, and what we say is said once (H-1 to H-10). Lines of data are header lines.
///
/// # Panics
/// If it does not hold.
pub fn headers(data: &[u8]) {
    let mut request = lines(data);
    let mut response = request.clone();
    let sent_cookies = cookies::of_others(&request);
    let named: Vec<HeaderName> = connection_options(&request);
    headers::strip(&mut request, &ReservedHeaders::new([INJECTED]));
    for name in request.keys() {
        let folded = fold(name.as_str());
        assert!(!BEGINNINGS.iter().any(|start| folded.starts_with(start)), "{name} survived");
        assert!(!NAMES.contains(&folded.as_str()), "{name} survived");
        assert!(!HOP_BY_HOP.contains(&folded.as_str()), "{name} survived");
        assert!(folded != "content-length" || name == "content-length", "{name} is another length");
        assert!(!named.contains(name) || name == header::HOST, "Connection named {name}");
    }
    cookies::none_of_ours(&request);
    if !named.contains(&header::COOKIE) && sent_cookies.is_some() {
        assert_eq!(cookies::of_others(&request), sent_cookies, "cookies of others pass");
    }
    ours_are_single(request);
    headers::strip_response(&mut response);
    for line in response.get_all(header::SET_COOKIE) {
        assert!(!cookies::a_browser_stores_ours(line.as_bytes()), "{line:?} sets a cookie of ours");
    }
    for name in ["connection", "keep-alive", "transfer-encoding", "upgrade", "proxy-authenticate"] {
        assert!(!response.contains_key(name), "{name} goes to the client");
    }
    for line in response.get_all("clear-site-data") {
        let mut words = line.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        assert!(!words.any(|word| matches!(word, b"\"cookies\"" | b"\"*\"")), "{line:?} signs out");
    }
}

fn ours_are_single(mut request: HeaderMap) {
    let headers = HeaderSet::DEFAULT.headers.iter();
    let headers = headers
        .map(|(name, property)| IdentityHeader { name: HeaderName::from_static(name), property: *property });
    let disclosure = Disclosure { headers: headers.collect(), ..Disclosure::default() };
    let forwarded = ForwardedValues {
        client: HeaderValue::from_static("192.0.2.1"),
        scheme: HeaderValue::from_static("https"),
        port: HeaderValue::from_static("443"),
        host: HeaderValue::from_static("a.test"),
    };
    headers::apply(&mut request, Some(&disclosure.render(&somebody())), &forwarded);
    for (name, value) in [
        ("host", "a.test"),
        ("remote-user", "ada"),
        ("remote-groups", "users"),
        ("x-forwarded-for", "192.0.2.1"),
        ("x-real-ip", "192.0.2.1"),
        ("x-forwarded-host", "a.test"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-port", "443"),
    ] {
        let alike = request.iter().filter(|(found, _)| fold(found.as_str()) == name);
        let values: Vec<&[u8]> = alike.map(|(_, value)| value.as_bytes()).collect();
        assert_eq!(values, [value.as_bytes()], "{name}");
    }
}

fn connection_options(request: &HeaderMap) -> Vec<HeaderName> {
    let lines = request.get_all(header::CONNECTION).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).filter_map(|option| option.trim().parse().ok()).collect()
}

/// As the laxest application reads a name.
fn fold(name: &str) -> String {
    name.chars()
        .map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' })
        .collect()
}
