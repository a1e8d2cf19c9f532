//! What a browser says about where a request comes from (Fetch Metadata, RFC 6454).

/// What a browser says about a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FetchMetadata {
    /// Who started it.
    pub site: Site,
    /// Whether a person is navigating to a page, who can then be sent somewhere else to sign in.
    pub navigation: bool,
    /// Whether it asks for a WebSocket.
    pub websocket: bool,
}

/// Who started a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Site {
    /// A page of the same origin, or the person (typed, bookmark).
    Own,
    /// A page of any other origin, siblings under the same domain included.
    Other,
    /// The client does not say: no browser of this decade.
    Unknown,
}

use ::http::{HeaderMap, HeaderName, Method, header};

use super::origin::Origin;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const X_REQUESTED_WITH: HeaderName = HeaderName::from_static("x-requested-with");

impl FetchMetadata {
    /// Reads what the browser says. `own` is the public origin of the host that was asked.
    pub fn read(method: &Method, headers: &HeaderMap, own: &Origin, websocket: bool) -> Self {
        let site = site(headers, own, websocket);
        let navigation = !websocket && is_navigation(method, headers);
        Self { site, navigation, websocket }
    }
}

/// `Origin` decides for WebSockets, which browsers let any page open; `Sec-Fetch-Site` for the rest, and `Origin`
/// where that is missing.
fn site(headers: &HeaderMap, own: &Origin, websocket: bool) -> Site {
    let by_origin = headers.get(header::ORIGIN).map(|origin| origin.as_bytes() == own.as_str().as_bytes());
    let by_fetch =
        headers.get(SEC_FETCH_SITE).map(|site| matches!(site.as_bytes(), b"same-origin" | b"none"));
    let answer = if websocket { by_origin.or(by_fetch) } else { by_fetch.or(by_origin) };
    match answer {
        Some(true) => Site::Own,
        Some(false) => Site::Other,
        None => Site::Unknown,
    }
}

fn is_navigation(method: &Method, headers: &HeaderMap) -> bool {
    (*method == Method::GET || *method == Method::HEAD) && wants_page(headers)
}

/// Whether whoever asks shows a page to a person, whatever the method: a form that was sent is no navigation, and its
/// person reads a page all the same.
pub fn wants_page(headers: &HeaderMap) -> bool {
    let html = || headers.get(header::ACCEPT).is_some_and(|accept| contains(accept.as_bytes(), b"text/html"));
    let navigates = headers.get(SEC_FETCH_MODE).map_or_else(html, |mode| mode.as_bytes() == b"navigate");
    navigates && !headers.contains_key(X_REQUESTED_WITH)
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{host::Host, origin::Scheme};

    fn read(method: &Method, lines: &[(&'static str, &'static str)], websocket: bool) -> (Site, bool) {
        let own = Origin::new(Scheme::Https, &Host::parse("app.test").unwrap(), 443);
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        let read = FetchMetadata::read(method, &headers, &own, websocket);
        (read.site, read.navigation)
    }

    #[test]
    fn e_16_who_started_a_request() {
        for (lines, websocket, expected) in [
            (&[("sec-fetch-site", "same-origin")][..], false, Site::Own),
            (&[("sec-fetch-site", "none")], false, Site::Own),
            (&[("sec-fetch-site", "same-site")], false, Site::Other),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://app.test")], false, Site::Other),
            (&[("origin", "https://app.test")], false, Site::Own),
            (&[("origin", "null")], false, Site::Other),
            (&[("origin", "http://app.test")], false, Site::Other),
            (&[("origin", "https://app.test.evil.test")], false, Site::Other),
            (&[], false, Site::Unknown),
            (&[("sec-fetch-site", "same-origin"), ("origin", "https://evil.test")], true, Site::Other),
            (&[("origin", "https://app.test")], true, Site::Own),
        ] {
            assert_eq!(read(&Method::POST, lines, websocket).0, expected, "{lines:?}");
        }
    }

    #[test]
    fn impossible_11_only_navigations_get_pages() {
        let navigation = |method, lines: &[(&'static str, &'static str)]| read(method, lines, false).1;
        assert!(navigation(&Method::GET, &[("sec-fetch-mode", "navigate")]));
        assert!(navigation(&Method::GET, &[("accept", "text/html,*/*")]));
        assert!(!navigation(&Method::GET, &[("accept", "*/*")]));
        assert!(!navigation(&Method::GET, &[("accept", "text/html"), ("sec-fetch-mode", "cors")]));
        assert!(!navigation(
            &Method::GET,
            &[("accept", "text/html"), ("x-requested-with", "XMLHttpRequest")]
        ));
        assert!(!navigation(&Method::POST, &[("sec-fetch-mode", "navigate")]));
        assert!(!read(&Method::GET, &[("accept", "text/html")], true).1);
    }
}
