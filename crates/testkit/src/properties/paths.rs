//! Targets of requests.

use doorward_core::{
    http::{host::Host, target::RequestTarget},
    policy::{PathRegex, Paths},
};
use http::{HeaderMap, HeaderValue, Method, Uri, header};

/// A target has one reading, or none (P-1 to P-13): lines of data are the target, then each a `Host` header.
///
/// # Panics
/// If it does not hold.
pub fn target(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let Ok(uri) = Uri::try_from(lines.next().unwrap_or_default()) else { return };
    let mut headers = HeaderMap::new();
    for line in lines.take(3) {
        if let Ok(host) = HeaderValue::from_bytes(line) {
            headers.append(header::HOST, host);
        }
    }
    let Ok(target) = RequestTarget::parse(&Method::GET, &uri, &headers, None) else { return };
    assert!(headers.len() < 2, "two hosts");
    let host = target.host();
    assert!(!host.is_empty() && !host.bytes().any(|byte| byte.is_ascii_uppercase()), "{host:?}");
    // Routes are found by this spelling; what is none belongs to nobody.
    let known = Host::parse(host).is_ok_and(|known| known.as_str() != host);
    assert!(!known || host.ends_with('.'), "{host:?} has another spelling");
    assert!(!host.contains(['/', '@', '%', ' ', '\\', '#', '?']), "{host:?}");
    one_reading(target.path());
    // The application decodes what we forward; it must find what we judged, and what the client meant.
    let meant = uri.path_and_query().expect("it was parsed");
    assert_eq!(decoded(target.path()), decoded(meant.path()), "the meaning changed");
    assert_eq!(target.path_and_query().query(), meant.query(), "queries go as they came");
    // What is canonical stays as it is.
    let mut again = HeaderMap::new();
    again.insert(header::HOST, HeaderValue::from_static("a.test"));
    let canonical = Uri::from(target.path_and_query().clone());
    let twice =
        RequestTarget::parse(&Method::GET, &canonical, &again, None).expect("canonical targets are targets");
    assert_eq!(twice.path_and_query(), target.path_and_query());
}

/// Whatever an application does to the path, decode it, decode it twice, cut parameters off, take backslashes for
/// slashes, merge slashes or resolve dots: the segments are the same.
fn one_reading(path: &str) {
    assert!(path.starts_with('/') && path.bytes().all(|byte| byte.is_ascii_graphic()), "{path:?}");
    let once = decoded(path);
    let twice = decoded(&String::from_utf8_lossy(&once));
    for reading in [path.as_bytes(), &once, &twice] {
        let segments = reading[1..].split(|byte| *byte == b'/' || *byte == b'\\');
        assert_eq!(
            segments.clone().count(),
            path[1..].split('/').count(),
            "{path:?} has other segments decoded"
        );
        let last = segments.clone().count() - 1;
        for (number, segment) in segments.enumerate() {
            assert!(!matches!(segment, b"." | b".."), "{path:?} has a dot segment");
            assert!(!segment.is_empty() || number == last, "{path:?} has an empty segment");
            assert!(!segment.contains(&b';'), "{path:?} has a parameter");
            assert!(!segment.iter().any(u8::is_ascii_control), "{path:?} has a control character");
        }
        let text = std::str::from_utf8(reading).expect("UTF-8, also decoded");
        assert!(
            !text.starts_with("/.doorward") || path.starts_with("/.doorward"),
            "{path:?} is reserved decoded"
        );
    }
}

/// One reading of escapes; what is no escape stays.
fn decoded(path: &str) -> Vec<u8> {
    let mut rest = path.as_bytes();
    let mut octets = Vec::with_capacity(rest.len());
    while let [byte, tail @ ..] = rest {
        let digit = |at: usize| tail.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        if let (b'%', Some(high), Some(low)) = (byte, digit(0), digit(1)) {
            octets.push(u8::try_from(high * 16 + low).expect("two digits"));
            rest = &tail[2..];
        } else {
            octets.push(*byte);
            rest = tail;
        }
    }
    octets
}

/// An expression matches whole paths or none, and a prefix ends at a segment (P-7): lines of data are a pattern and
/// paths.
///
/// # Panics
/// If it does not hold.
pub fn scope(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.split('\n');
    let pattern = lines.next().unwrap_or_default();
    let prefixes = Paths::Some { prefixes: vec![pattern.to_owned()], regexes: Vec::new() };
    let regex = PathRegex::new(pattern).ok();
    for path in lines.filter(|path| path.starts_with('/')) {
        let prefix = pattern.strip_suffix('/').unwrap_or(pattern);
        let below = path == prefix || path.starts_with(&format!("{prefix}/"));
        assert_eq!(prefixes.contain(path), below, "{pattern:?} {path:?}");
        let Some(regex) = &regex else { continue };
        assert_eq!(regex.as_str(), pattern);
        // The same between two other bytes: an anchor that can be escaped from would find it there.
        let within = format!("\u{1}{path}\u{1}");
        let literal = pattern.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'/');
        if literal {
            assert_eq!(regex.matches(path), path == pattern, "{pattern:?} {path:?}");
            assert!(!regex.matches(&within), "{pattern:?} {path:?}");
        }
    }
}
