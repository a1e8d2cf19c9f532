//! What is known about a request before anything is decided about it.

use std::{fmt, net::IpAddr};

use super::{host::Host, origin::Origin};
use crate::time::UnixTime;

/// Names one request in logs and on pages: 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct RequestId(pub u64);

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:016x}", self.0)
    }
}

/// What is known about a request: carried beside it, and in its extensions where a handler receives it.
#[derive(Clone, Debug)]
pub struct RequestContext {
    /// Its name.
    pub id: RequestId,
    /// The effective client address.
    pub client: IpAddr,
    /// The address of the TCP peer.
    pub peer: IpAddr,
    /// The one time of this request.
    pub now: UnixTime,
    /// The canonical host that it asks for.
    pub host: Host,
    /// The public origin of that host.
    pub origin: Origin,
}
