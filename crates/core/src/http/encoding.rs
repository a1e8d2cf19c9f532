//! Compression of answers (RFC 9110 sections 8.4 and 12.5.3): which coding, and whether at all.

use ::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

/// Bytes from which on compression is worth its while.
const WORTHWHILE: u64 = 1024;

/// What a client can take.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Coding {
    /// `zstd` (RFC 8878).
    Zstd,
    /// `br` (RFC 7932).
    Brotli,
    /// `gzip` (RFC 1952).
    Gzip,
}

impl Coding {
    /// Those that we know, the best one first.
    const ALL: [Self; 3] = [Self::Brotli, Self::Zstd, Self::Gzip];

    /// Its name in headers.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }

    /// The end of the names of files that are compressed by it.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Zstd => "zst",
            Self::Brotli => "br",
            Self::Gzip => "gz",
        }
    }

    /// The best one that a request accepts. What it does not name, it does not accept.
    pub fn accepted(headers: &HeaderMap) -> Option<Self> {
        let mut best: Option<(Self, u16)> = None;
        for coding in Self::ALL {
            let weight = weight(headers, coding.name());
            if weight > best.map_or(0, |(_, weight)| weight) {
                best = Some((coding, weight));
            }
        }
        best.map(|(coding, _)| coding)
    }
}

/// All codings that a request accepts, the one that it likes best first.
pub fn in_order(headers: &HeaderMap) -> Vec<Coding> {
    let mut wanted: Vec<(Coding, u16)> =
        Coding::ALL.map(|coding| (coding, weight(headers, coding.name()))).into();
    wanted.retain(|(_, weight)| *weight > 0);
    wanted.sort_by_key(|(_, weight)| std::cmp::Reverse(*weight));
    wanted.into_iter().map(|(coding, _)| coding).collect()
}

/// How much a request wants a coding, in thousandths.
fn weight(headers: &HeaderMap, name: &str) -> u16 {
    let lines = headers.get_all(header::ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    let mut weight = 0;
    for item in lines.flat_map(|line| line.split(',')) {
        let (coding, parameters) = item.split_once(';').unwrap_or((item, ""));
        if coding.trim().eq_ignore_ascii_case(name) {
            weight = quality(parameters);
        }
    }
    weight
}

fn quality(parameters: &str) -> u16 {
    let Some((_, number)) = parameters.trim().split_once('=') else {
        return 1000;
    };
    let (whole, part) = number.trim().split_once('.').unwrap_or((number.trim(), ""));
    let thousandths = format!("{part:0<3}").get(..3).and_then(|digits| digits.parse::<u16>().ok());
    match (whole, thousandths) {
        ("0", Some(thousandths)) => thousandths,
        ("1", Some(_)) => 1000,
        // What can't be read is no wish.
        _ => 0,
    }
}

/// Whether an answer depends on `Accept-Encoding` once answers of this service are compressed: whether its body is of
/// a kind that compression makes smaller, and nobody forbids or has done it.
pub fn is_compressible(status: StatusCode, headers: &HeaderMap, length: Option<u64>) -> bool {
    let whole = status.is_success()
        && !matches!(
            status,
            StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::PARTIAL_CONTENT
        );
    let forbidden = headers.contains_key(header::CONTENT_ENCODING)
        || headers.contains_key(header::CONTENT_RANGE)
        || headers.get_all(header::CACHE_CONTROL).iter().any(says_no_transform);
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    whole && !forbidden && length.is_none_or(|length| length >= WORTHWHILE) && kind.is_some_and(is_text)
}

fn says_no_transform(value: &HeaderValue) -> bool {
    let words = value.to_str().unwrap_or_default().split(',');
    words.into_iter().any(|word| word.trim().eq_ignore_ascii_case("no-transform"))
}

/// Text that comes at once. Events come one by one, and shall arrive one by one.
fn is_text(kind: &str) -> bool {
    const TEXTS: [&str; 9] = [
        "application/json",
        "application/javascript",
        "application/xml",
        "application/wasm",
        "application/manifest+json",
        "application/vnd.apple.mpegurl",
        "image/svg+xml",
        "image/bmp",
        "font/ttf",
    ];
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind == "text/event-stream" {
        return false;
    }
    let suffix = kind.ends_with("+json") || kind.ends_with("+xml");
    kind.starts_with("text/") || suffix || TEXTS.contains(&kind.as_str())
}

const DIGESTS: [HeaderName; 4] = [
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
];

/// Says in the head of an answer that its body is compressed. What was true of the bytes before is removed or, for the
/// entity tag, weakened (RFC 9110 section 8.8.1).
pub fn mark_compressed(headers: &mut HeaderMap, coding: Coding) {
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
    headers.remove(header::CONTENT_LENGTH);
    headers.remove(header::ACCEPT_RANGES);
    for name in &DIGESTS {
        headers.remove(name);
    }
    let strong = headers.get(header::ETAG).filter(|tag| !tag.as_bytes().starts_with(b"W/"));
    if let Some(weak) = strong.and_then(|tag| HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat()).ok())
    {
        headers.insert(header::ETAG, weak);
    }
}

/// Says that the answer depends on `Accept-Encoding`.
pub fn mark_varying(headers: &mut HeaderMap) {
    let lines = headers.get_all(header::VARY).iter().filter_map(|line| line.to_str().ok());
    let named = lines
        .flat_map(|line| line.split(','))
        .any(|name| name.trim() == "*" || name.trim().eq_ignore_ascii_case("accept-encoding"));
    if !named {
        headers.append(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn the_best_coding_that_is_wanted() {
        for (accept, expected) in [
            ("gzip, deflate, br, zstd", Some(Coding::Brotli)),
            ("gzip, zstd", Some(Coding::Zstd)),
            ("GZIP", Some(Coding::Gzip)),
            ("gzip;q=1.0, br;q=0.5", Some(Coding::Gzip)),
            ("gzip;q=0.001, br;q=0", Some(Coding::Gzip)),
            ("gzip ; q=0", None),
            ("gzip;q=x", None),
            ("gzip;q=2", None),
            ("*", None),
            ("identity", None),
            ("deflate", None),
            ("xgzip", None),
            ("", None),
        ] {
            assert_eq!(Coding::accepted(&headers(&[("accept-encoding", accept)])), expected, "{accept}");
        }
        assert_eq!(Coding::accepted(&HeaderMap::new()), None);
    }

    #[test]
    fn codings_are_tried_as_the_client_likes_them() {
        let order = |accept: &'static str| in_order(&headers(&[("accept-encoding", accept)]));
        assert_eq!(order("gzip, zstd, br"), [Coding::Brotli, Coding::Zstd, Coding::Gzip]);
        assert_eq!(order("gzip, br;q=0.5, zstd;q=0"), [Coding::Gzip, Coding::Brotli]);
        assert_eq!(order("identity, *"), []);
        assert_eq!(in_order(&HeaderMap::new()), []);
    }

    #[test]
    fn what_is_compressed() {
        let json = ("content-type", "application/json; charset=utf-8");
        let ok =
            |lines: &[(&'static str, &'static str)]| is_compressible(StatusCode::OK, &headers(lines), None);
        for kind in ["text/html", "TEXT/CSS", "application/problem+json", "image/svg+xml"] {
            assert!(ok(&[("content-type", kind)]), "{kind}");
        }
        for kind in [
            "text/event-stream",
            "image/png",
            "application/octet-stream",
            "application/grpc",
            "video/mp4",
            "",
        ] {
            assert!(!ok(&[("content-type", kind)]), "{kind}");
        }
        assert!(!ok(&[]));
        for line in [
            ("content-encoding", "gzip"),
            ("content-encoding", "identity"),
            ("content-range", "bytes 0-1/2"),
            ("cache-control", "public, No-Transform"),
        ] {
            assert!(!ok(&[json, line]), "{line:?}");
        }
        assert!(!is_compressible(StatusCode::PARTIAL_CONTENT, &headers(&[json]), None));
        assert!(!is_compressible(StatusCode::NOT_FOUND, &headers(&[json]), None));
        assert!(is_compressible(StatusCode::OK, &headers(&[json]), Some(1024)));
        assert!(!is_compressible(StatusCode::OK, &headers(&[json]), Some(1023)));
    }

    #[test]
    fn the_head_of_a_compressed_answer() {
        let mut head = headers(&[
            ("content-length", "5000"),
            ("accept-ranges", "bytes"),
            ("etag", "\"a\""),
            ("vary", "Cookie"),
            ("content-md5", "x"),
        ]);
        mark_compressed(&mut head, Coding::Gzip);
        mark_varying(&mut head);
        mark_varying(&mut head);
        let expected = headers(&[
            ("etag", "W/\"a\""),
            ("vary", "Cookie"),
            ("vary", "Accept-Encoding"),
            ("content-encoding", "gzip"),
        ]);
        assert_eq!(head, expected);
        mark_compressed(&mut head, Coding::Brotli);
        assert_eq!(head["etag"], "W/\"a\"");
        let mut any = headers(&[("vary", "*")]);
        mark_varying(&mut any);
        assert_eq!(any, headers(&[("vary", "*")]));
    }
}
