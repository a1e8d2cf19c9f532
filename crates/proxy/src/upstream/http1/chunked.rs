//! Reading a chunked body (RFC 9112 section 7.1).

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::Http1Error;

/// Bytes that a line with a size may have, extensions included.
const LINE: usize = 1024;
/// Bytes that trailers may have.
const TRAILERS: usize = 16 * 1024;
/// Lines that trailers may have.
const LINES: usize = 64;

/// Where in the body the reader is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Chunked {
    /// Before the size of a chunk.
    Size,
    /// In a chunk, of which so many bytes are still to come.
    Data(u64),
    /// Behind the data of a chunk, before its line ends.
    EndOfData,
    /// Behind the last chunk.
    Trailers,
    /// Behind everything.
    Done,
}

/// What was read.
#[derive(Debug)]
pub(super) enum Read {
    /// More has to arrive.
    NotYet,
    Data(Bytes),
    Trailers(HeaderMap),
    End,
}

impl Chunked {
    /// Takes the next part from the front of `input`.
    pub(super) fn read(&mut self, input: &mut BytesMut) -> Result<Read, Http1Error> {
        loop {
            match *self {
                Self::Size => match take_line(input, LINE)? {
                    None => return Ok(Read::NotYet),
                    Some(line) => {
                        *self = match size(&line)? {
                            0 => Self::Trailers,
                            size => Self::Data(size),
                        };
                    }
                },
                Self::Data(left) => {
                    if input.is_empty() {
                        return Ok(Read::NotYet);
                    }
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(input.len());
                    let data = input.split_to(here).freeze();
                    *self = match left.saturating_sub(here as u64) {
                        0 => Self::EndOfData,
                        left => Self::Data(left),
                    };
                    return Ok(Read::Data(data));
                }
                Self::EndOfData => match input.get(..2) {
                    Some(b"\r\n") => {
                        let _ = input.split_to(2);
                        *self = Self::Size;
                    }
                    None if matches!(&**input, b"" | b"\r") => return Ok(Read::NotYet),
                    _ => return Err(Http1Error::Malformed("a chunk is longer than its size")),
                },
                Self::Trailers => return self.read_trailers(input),
                Self::Done => return Ok(Read::End),
            }
        }
    }

    fn read_trailers(&mut self, input: &mut BytesMut) -> Result<Read, Http1Error> {
        let mut lines = [httparse::EMPTY_HEADER; LINES];
        let parsed = httparse::parse_headers(input, &mut lines)
            .map_err(|_| Http1Error::Malformed("the trailers can't be read"))?;
        let httparse::Status::Complete((length, lines)) = parsed else {
            return if input.len() < TRAILERS {
                Ok(Read::NotYet)
            } else {
                Err(Http1Error::Malformed("the trailers are too large"))
            };
        };
        let mut trailers = HeaderMap::new();
        for line in lines {
            let name = HeaderName::from_bytes(line.name.as_bytes());
            let value = HeaderValue::from_bytes(line.value);
            let (Ok(name), Ok(value)) = (name, value) else {
                return Err(Http1Error::Malformed("a trailer has a character that is not allowed"));
            };
            trailers.append(name, value);
        }
        let _ = input.split_to(length);
        *self = Self::Done;
        Ok(if trailers.is_empty() { Read::End } else { Read::Trailers(trailers) })
    }
}

/// A line without its end; a line feed alone ends none.
fn take_line(input: &mut BytesMut, limit: usize) -> Result<Option<BytesMut>, Http1Error> {
    let Some(end) = input.iter().take(limit).position(|byte| *byte == b'\n') else {
        return if input.len() < limit {
            Ok(None)
        } else {
            Err(Http1Error::Malformed("the size of a chunk is too long"))
        };
    };
    let mut line = input.split_to(end + 1);
    line.truncate(end);
    match line.last() {
        Some(b'\r') => line.truncate(end - 1),
        _ => return Err(Http1Error::Malformed("a line of a chunk ends with a line feed alone")),
    }
    Ok(Some(line))
}

/// Hexadecimal digits, perhaps spaces, perhaps an extension, which says nothing to us.
fn size(line: &[u8]) -> Result<u64, Http1Error> {
    const WRONG: Http1Error = Http1Error::Malformed("the size of a chunk is no number");
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    let (number, rest) = line.split_at(digits);
    // Sixteen digits fill a number of 64 bits; more would wrap around (S-5).
    if number.is_empty() || number.len() > 16 {
        return Err(WRONG);
    }
    let rest = rest.trim_ascii_start();
    let extension = rest.is_empty() || rest.starts_with(b";");
    if !extension || rest.iter().any(|byte| byte.is_ascii_control() && *byte != b'\t') {
        return Err(WRONG);
    }
    let text = std::str::from_utf8(number).map_err(|_| WRONG)?;
    u64::from_str_radix(text, 16).map_err(|_| WRONG)
}
