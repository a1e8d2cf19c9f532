//! Cookies, both ways.

use doorward_core::http::cookie::{self, Duplicate};
use http::{HeaderMap, HeaderValue, header};

use super::lines;

const OURS: &[u8] = b"__host-doorward";

/// Our cookies go nowhere, those of others stay as they are, and a session comes once (E-13, E-14). Lines of data are
/// `Cookie` headers.
///
/// # Panics
/// If it does not hold.
pub fn cookie(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n') {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(header::COOKIE, value.clone());
            let stores = a_browser_stores_ours(value.as_bytes());
            assert!(!stores || cookie::sets_ours(&value), "{value:?} sets a cookie of ours");
        }
    }
    let sessions = sessions(&headers);
    match cookie::find(&headers, cookie::SESSION) {
        Ok(None) => assert_eq!(sessions, 0, "a session was not found"),
        Ok(Some(_)) => assert_eq!(sessions, 1, "several sessions, and one was taken"),
        Err(Duplicate) => assert!(sessions > 1, "one session is no duplicate"),
    }
    let others = of_others(&headers);
    cookie::remove_own(&mut headers);
    none_of_ours(&headers);
    if others.is_some() {
        assert_eq!(of_others(&headers), others, "cookies of others stay");
    }
    // Whatever the bytes are, they may as well be whole heads.
    none_of_ours(&{
        let mut head = lines(data);
        cookie::remove_own(&mut head);
        head
    });
}

/// How many session cookies there are, for the strictest reading: text, and the very name.
fn sessions(headers: &HeaderMap) -> usize {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).map(str::trim);
    pairs.filter(|pair| pair.strip_prefix("__Host-doorward=").is_some()).count()
}

/// Nothing of ours is left, for the laxest reading: any case, any space around it.
pub(super) fn none_of_ours(headers: &HeaderMap) {
    for line in headers.get_all(header::COOKIE) {
        for pair in line.as_bytes().split(|byte| *byte == b';') {
            let start = pair.trim_ascii().get(..OURS.len()).unwrap_or_default();
            assert!(!start.eq_ignore_ascii_case(OURS), "{line:?} has a cookie of ours");
        }
    }
}

/// The cookies that are not ours, in their order; `None` if a line is not text, which may be dropped whole.
pub(super) fn of_others(headers: &HeaderMap) -> Option<Vec<String>> {
    let mut others = Vec::new();
    for line in headers.get_all(header::COOKIE) {
        for pair in line.to_str().ok()?.split(';').map(str::trim).filter(|pair| !pair.is_empty()) {
            let start = pair.as_bytes().get(..OURS.len()).unwrap_or_default();
            if !start.eq_ignore_ascii_case(OURS) {
                others.push(pair.to_owned());
            }
        }
    }
    Some(others)
}

/// Whether a browser that reads this `Set-Cookie` line (RFC 6265bis section 5.6) sends a cookie of ours afterwards.
pub(super) fn a_browser_stores_ours(line: &[u8]) -> bool {
    let pair = line.split(|byte| *byte == b';').next().unwrap_or_default();
    let (name, value) = match pair.iter().position(|byte| *byte == b'=') {
        Some(at) => (&pair[..at], &pair[at + 1..]),
        None => (&[][..], pair),
    };
    let (name, value) = (name.trim_ascii(), value.trim_ascii());
    // Without a name it is sent as its value alone.
    let sent = if name.is_empty() { value } else { name };
    sent.get(..OURS.len()).unwrap_or_default().eq_ignore_ascii_case(OURS)
}
