//! Message framing (RFC 9112 section 6.3): whatever two parsers could cut at different places is refused.

use ::http::{HeaderMap, Version, header};

/// Why the framing of a message is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FramingError(pub &'static str);

/// Checks framing and the headers that must be single (S-2, S-5, H-15).
pub fn check(headers: &HeaderMap, version: Version) -> Result<(), FramingError> {
    check_transfer_encoding(headers, version)?;
    check_content_length(headers)?;
    if several(headers, &header::AUTHORIZATION) {
        return Err(FramingError("more than one Authorization header"));
    }
    // HTTP/2 splits cookies into several fields by design (RFC 9113 section 8.2.3); HTTP/1.1 must not.
    if version <= Version::HTTP_11 && several(headers, &header::COOKIE) {
        return Err(FramingError("more than one Cookie header"));
    }
    Ok(())
}

fn check_transfer_encoding(headers: &HeaderMap, version: Version) -> Result<(), FramingError> {
    let Some(encoding) = headers.get(header::TRANSFER_ENCODING) else {
        return Ok(());
    };
    if version != Version::HTTP_11 {
        return Err(FramingError("a Transfer-Encoding outside HTTP/1.1"));
    }
    if headers.contains_key(header::CONTENT_LENGTH) {
        return Err(FramingError("Content-Length beside Transfer-Encoding"));
    }
    if several(headers, &header::TRANSFER_ENCODING) || !encoding.as_bytes().eq_ignore_ascii_case(b"chunked") {
        return Err(FramingError("a Transfer-Encoding other than chunked"));
    }
    Ok(())
}

fn check_content_length(headers: &HeaderMap) -> Result<(), FramingError> {
    let Some(length) = headers.get(header::CONTENT_LENGTH) else {
        return Ok(());
    };
    let digits = !length.is_empty() && length.len() <= 19 && length.as_bytes().iter().all(u8::is_ascii_digit);
    if several(headers, &header::CONTENT_LENGTH) || !digits {
        return Err(FramingError("a Content-Length that is not one number"));
    }
    Ok(())
}

/// Checks the framing of an upstream's answer (S-2, S-5). A length beside `chunked` is left to the caller to remove.
pub fn check_answer(headers: &HeaderMap, version: Version) -> Result<(), FramingError> {
    if let Some(encoding) = headers.get(header::TRANSFER_ENCODING) {
        if version != Version::HTTP_11 {
            return Err(FramingError("a Transfer-Encoding outside HTTP/1.1"));
        }
        // Other codings would be taken off here, unnoticed by the client, or end where the connection does.
        let chunked = encoding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked");
        if several(headers, &header::TRANSFER_ENCODING) || !chunked {
            return Err(FramingError("a Transfer-Encoding other than chunked"));
        }
    }
    let Some(length) = headers.get(header::CONTENT_LENGTH) else {
        return Ok(());
    };
    let digits = !length.is_empty() && length.len() <= 19 && length.as_bytes().iter().all(u8::is_ascii_digit);
    if !digits || headers.get_all(header::CONTENT_LENGTH).iter().any(|other| other != length) {
        return Err(FramingError("a Content-Length that is not one number"));
    }
    Ok(())
}

fn several(headers: &HeaderMap, name: &header::HeaderName) -> bool {
    headers.get_all(name).iter().nth(1).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(version: Version, lines: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        check(&headers, version).is_ok()
    }

    #[test]
    fn s_2_s_5_ambiguous_framing_is_refused() {
        let one = Version::HTTP_11;
        assert!(verdict(one, &[("content-length", "5")]));
        assert!(verdict(one, &[("transfer-encoding", "Chunked")]));
        for lines in [
            &[("content-length", "5"), ("transfer-encoding", "chunked")][..],
            &[("content-length", "5"), ("content-length", "5")],
            &[("content-length", "5, 5")],
            &[("content-length", "+5")],
            &[("content-length", "")],
            &[("transfer-encoding", "identity, chunked")],
            &[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")],
            &[("transfer-encoding", "xchunked")],
        ] {
            assert!(!verdict(one, lines), "{lines:?}");
        }
        assert!(!verdict(Version::HTTP_10, &[("transfer-encoding", "chunked")]));
        assert!(!verdict(Version::HTTP_2, &[("transfer-encoding", "chunked")]));
    }

    fn answer(version: Version, lines: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        check_answer(&headers, version).is_ok()
    }

    #[test]
    fn s_2_s_5_an_answer_has_one_framing() {
        let one = Version::HTTP_11;
        for lines in [
            &[][..],
            &[("content-length", "5")],
            &[("content-length", "5"), ("content-length", "5")],
            &[("transfer-encoding", "chunked"), ("content-length", "5")],
            &[("transfer-encoding", "Chunked ")],
        ] {
            assert!(answer(one, lines), "{lines:?}");
        }
        for lines in [
            &[("content-length", "5"), ("content-length", "6")][..],
            &[("content-length", "5, 5")],
            &[("content-length", "")],
            &[("content-length", "-1")],
            &[("content-length", "99999999999999999999")],
            &[("transfer-encoding", "")],
            &[("transfer-encoding", "identity")],
            &[("transfer-encoding", "gzip, chunked")],
            &[("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")],
        ] {
            assert!(!answer(one, lines), "{lines:?}");
        }
        assert!(!answer(Version::HTTP_10, &[("transfer-encoding", "chunked")]));
        assert!(!answer(Version::HTTP_2, &[("transfer-encoding", "chunked")]));
    }

    #[test]
    fn h_15_credentials_come_once() {
        assert!(!verdict(Version::HTTP_11, &[("authorization", "a"), ("authorization", "b")]));
        assert!(!verdict(Version::HTTP_11, &[("cookie", "a=1"), ("cookie", "b=2")]));
        assert!(verdict(Version::HTTP_2, &[("cookie", "a=1"), ("cookie", "b=2")]));
    }
}
