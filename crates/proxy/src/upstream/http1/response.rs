//! Reading the head of an answer.

use std::mem::MaybeUninit;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};

use super::Http1Error;

/// Bytes that the head of an answer may have.
const HEAD_BYTES: usize = 64 * 1024;
/// Header lines that an answer may have.
const LINES: usize = 128;

/// Header lines that there is room for without asking for memory. The map goes on to hold the next request's lines, to
/// which ours are added.
const ROOM: usize = 12;

/// The head of an answer.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// Whether the connection stays open by the upstream's word.
    pub(super) keep_alive: bool,
}

/// How the body of an answer ends (RFC 9112 section 6.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Framing {
    /// There is none.
    None,
    /// So many bytes are still to come.
    Length(u64),
    Chunked,
    /// When the upstream closes.
    UntilClose,
}

/// Takes a head from the front of `input`; `None` if it has not arrived whole.
pub(super) fn take_head(input: &mut BytesMut) -> Result<Option<Head>, Http1Error> {
    let mut lines = [const { MaybeUninit::uninit() }; LINES];
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default()
        .parse_response_with_uninit_headers(&mut response, input, &mut lines)
        .map_err(|error| Http1Error::Malformed(reason(error)))?;
    let httparse::Status::Complete(length) = parsed else {
        return if input.len() < HEAD_BYTES {
            Ok(None)
        } else {
            Err(Http1Error::Malformed("its head is too large"))
        };
    };
    if length > HEAD_BYTES {
        return Err(Http1Error::Malformed("its head is too large"));
    }
    let status = response.code.and_then(|code| StatusCode::from_u16(code).ok());
    let status = status.ok_or(Http1Error::Malformed("its status is none"))?;
    let modern = response.version == Some(1);
    let start = input.as_ptr().addr();
    let mut places = [Place::default(); LINES];
    let count = response.headers.len();
    for (place, line) in places.iter_mut().zip(response.headers.iter()) {
        *place = Place::of(line, start);
    }
    // The values share the memory that they were read into.
    let bytes = input.split_to(length).freeze();
    let mut headers = HeaderMap::with_capacity(count.max(ROOM));
    for place in places.iter().take(count) {
        let (name, value) = place.take(&bytes)?;
        headers.append(name, value);
    }
    let keep_alive = keep_alive(&headers, modern);
    if !modern && headers.contains_key(header::TRANSFER_ENCODING) {
        // What HTTP/1.0 does not know is read differently by whoever does (S-2).
        return Err(Http1Error::Malformed("HTTP/1.0 with Transfer-Encoding"));
    }
    Ok(Some(Head { status, headers, keep_alive }))
}

const fn reason(error: httparse::Error) -> &'static str {
    match error {
        httparse::Error::HeaderName => "a header name has a character that is not allowed",
        httparse::Error::HeaderValue => "a header value has a character that is not allowed",
        httparse::Error::NewLine => "a line ends in a way that is not allowed",
        httparse::Error::Status => "its status line is none",
        httparse::Error::TooManyHeaders => "it has too many header lines",
        httparse::Error::Version => "it is no HTTP/1",
        httparse::Error::Token => "a character that is not allowed",
    }
}

/// Where a line is in the head.
#[derive(Clone, Copy, Default)]
struct Place {
    name: (usize, usize),
    value: (usize, usize),
}

impl Place {
    fn of(line: &httparse::Header<'_>, start: usize) -> Self {
        let place = |part: &[u8]| {
            let from = part.as_ptr().addr().saturating_sub(start);
            (from, from + part.len())
        };
        Self { name: place(line.name.as_bytes()), value: place(line.value) }
    }

    fn take(&self, bytes: &Bytes) -> Result<(HeaderName, HeaderValue), Http1Error> {
        let name = bytes.get(self.name.0..self.name.1).unwrap_or_default();
        let name = HeaderName::from_bytes(name)
            .map_err(|_| Http1Error::Malformed("a header name has a character that is not allowed"))?;
        let value = HeaderValue::from_maybe_shared(bytes.slice(self.value.0..self.value.1))
            .map_err(|_| Http1Error::Malformed("a header value has a character that is not allowed"))?;
        Ok((name, value))
    }
}

fn keep_alive(headers: &HeaderMap, modern: bool) -> bool {
    let says = |word: &str| {
        let lines = headers.get_all(header::CONNECTION).iter().filter_map(|line| line.to_str().ok());
        lines.flat_map(|line| line.split(',')).any(|option| option.trim().eq_ignore_ascii_case(word))
    };
    if modern { !says("close") } else { says("keep-alive") && !says("close") }
}

/// How the body ends. What two readers could cut at different places is refused: a length beside chunks, several
/// lengths, codings other than `chunked` (S-2, S-5).
pub(super) fn framing(method: &Method, head: &Head) -> Result<Framing, Http1Error> {
    let mut codings = head.headers.get_all(header::TRANSFER_ENCODING).iter();
    let coding = codings.next();
    let mut lengths = head.headers.get_all(header::CONTENT_LENGTH).iter();
    let length = lengths.next();
    if codings.next().is_some()
        || coding.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked"))
    {
        return Err(Http1Error::Malformed("a Transfer-Encoding other than chunked"));
    }
    if coding.is_some() && length.is_some() {
        return Err(Http1Error::Malformed("Content-Length beside Transfer-Encoding"));
    }
    if lengths.next().is_some() {
        return Err(Http1Error::Malformed("more than one Content-Length"));
    }
    let length = length.map(number).transpose()?;
    if *method == Method::HEAD
        || head.status.is_informational()
        || matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED)
    {
        return Ok(Framing::None);
    }
    Ok(match (coding, length) {
        (Some(_), _) => Framing::Chunked,
        (None, Some(0)) => Framing::None,
        (None, Some(length)) => Framing::Length(length),
        (None, None) => Framing::UntilClose,
    })
}

fn number(value: &HeaderValue) -> Result<u64, Http1Error> {
    let digits = value.as_bytes();
    let plain = (1..=19).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    let number = value.to_str().ok().filter(|_| plain).and_then(|digits| digits.parse().ok());
    number.ok_or(Http1Error::Malformed("a Content-Length that is not one number"))
}
