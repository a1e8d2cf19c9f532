//! HTTP/1.1 towards upstreams (RFC 9112): one exchange at a time over one connection.
//!
//! The request's own future writes and reads: no task, no channel and no second header map stand between it and the
//! socket. An upstream is not trusted to frame its answers well: what two readers could cut at different places is
//! refused, and a connection is used again only if its answer was read to the end and nothing came after it.

mod body;
mod chunked;
mod connection;
mod exchange;
mod idle;
mod request;
mod response;

use std::{fmt, io};

pub(crate) use body::{Body, Upgraded};
pub(crate) use connection::{Connection, Io};
pub(super) use exchange::Unanswered;
pub(super) use idle::Idle;

/// Why an exchange failed.
#[derive(Debug)]
pub(crate) enum Http1Error {
    /// The connection broke.
    Io(io::Error),
    /// The upstream closed it before an answer, or in the middle of one.
    Closed,
    /// What came is no answer that can be read in one way only.
    Malformed(&'static str),
    /// The request's body broke off, or was not as long as announced.
    RequestBody(String),
}

impl fmt::Display for Http1Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(formatter, "the connection broke: {error}"),
            Self::Closed => formatter.write_str("the connection was closed before the end of the answer"),
            Self::Malformed(what) => write!(formatter, "the answer is refused: {what}"),
            Self::RequestBody(what) => write!(formatter, "the body of the request: {what}"),
        }
    }
}

impl std::error::Error for Http1Error {}

#[cfg(test)]
mod tests;
