//! Writing a request.

use bytes::Bytes;
use http::{HeaderMap, Method, header, request::Parts};
use http_body::Body as _;

use super::Http1Error;
use crate::body::RequestBody;

/// How the body of a request is framed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Framing {
    None,
    /// So many bytes are still to come.
    Length(u64),
    Chunked,
}

/// Pieces up to this size are copied behind what stands before them: one segment costs the kernel less than two.
const COPIED: usize = 4 * 1024;

/// Writes the head, and says how the body has to be framed.
pub(super) fn write_head(
    output: &mut Vec<u8>,
    head: &Parts,
    body: &RequestBody,
) -> Result<Framing, Http1Error> {
    let framing = framing(&head.headers, body)?;
    let target = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    for part in [head.method.as_str(), " ", target, " HTTP/1.1\r\n"] {
        output.extend_from_slice(part.as_bytes());
    }
    for (name, value) in &head.headers {
        output.extend_from_slice(name.as_str().as_bytes());
        output.extend_from_slice(b": ");
        output.extend_from_slice(value.as_bytes());
        output.extend_from_slice(b"\r\n");
    }
    let announced = head.headers.contains_key(header::CONTENT_LENGTH);
    match framing {
        Framing::Chunked if !head.headers.contains_key(header::TRANSFER_ENCODING) => {
            output.extend_from_slice(b"transfer-encoding: chunked\r\n");
        }
        // Many applications refuse these methods without a length (RFC 9110 section 8.6).
        Framing::None if !announced && [Method::POST, Method::PUT, Method::PATCH].contains(&head.method) => {
            output.extend_from_slice(b"content-length: 0\r\n");
        }
        _ => {}
    }
    output.extend_from_slice(b"\r\n");
    Ok(framing)
}

/// The lines of the head decide, and the body has to agree with them: were it otherwise, its bytes would be taken for
/// the next request, or the next request for its bytes (S-2).
fn framing(headers: &HeaderMap, body: &RequestBody) -> Result<Framing, Http1Error> {
    let length = headers.get(header::CONTENT_LENGTH).map(|length| {
        let digits = length.to_str().unwrap_or_default();
        digits.parse::<u64>().map_err(|_| Http1Error::RequestBody("its length is no number".to_owned()))
    });
    let length = length.transpose()?;
    if headers.contains_key(header::TRANSFER_ENCODING) {
        return if length.is_some() {
            Err(Http1Error::RequestBody("it is framed twice".to_owned()))
        } else {
            Ok(Framing::Chunked)
        };
    }
    match length {
        None if body.is_end_stream() => Ok(Framing::None),
        None => Ok(Framing::Chunked),
        Some(0) => Ok(Framing::None),
        Some(_) if body.is_end_stream() => Err(too_short()),
        Some(length) => Ok(Framing::Length(length)),
    }
}

fn too_short() -> Http1Error {
    Http1Error::RequestBody("it is shorter than announced".to_owned())
}

impl Framing {
    /// Puts data of the body behind `output`, or into `piece`, which is written after it.
    pub(super) fn write(
        &mut self,
        output: &mut Vec<u8>,
        piece: &mut Bytes,
        data: Bytes,
    ) -> Result<(), Http1Error> {
        if data.is_empty() {
            // A chunk of no bytes would be the last one.
            return Ok(());
        }
        match self {
            Self::None => return Err(too_long()),
            Self::Length(left) => {
                let size = u64::try_from(data.len()).map_err(|_| too_long())?;
                *left = left.checked_sub(size).ok_or_else(too_long)?;
            }
            Self::Chunked => output.extend_from_slice(format!("{:x}\r\n", data.len()).as_bytes()),
        }
        if data.len() <= COPIED || *self == Self::Chunked && data.len() <= 4 * COPIED {
            output.extend_from_slice(&data);
            if *self == Self::Chunked {
                output.extend_from_slice(b"\r\n");
            }
        } else {
            *piece = data;
        }
        Ok(())
    }

    /// Ends the body.
    pub(super) fn end(self, output: &mut Vec<u8>) -> Result<(), Http1Error> {
        match self {
            Self::None | Self::Length(0) => Ok(()),
            Self::Length(_) => Err(too_short()),
            Self::Chunked => {
                output.extend_from_slice(b"0\r\n\r\n");
                Ok(())
            }
        }
    }
}

fn too_long() -> Http1Error {
    Http1Error::RequestBody("it is longer than announced".to_owned())
}
