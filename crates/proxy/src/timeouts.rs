//! How long things may take.

use std::time::Duration;

/// How long things may take. What a permitted request and its answer take is not limited.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// The TLS handshake of a client.
    pub handshake: Duration,
    /// The head of a request. A connection between two requests is kept as long.
    pub head: Duration,
    /// A connection to an upstream, with its TLS handshake.
    pub connect: Duration,
    /// One of several targets that can't be reached is left alone for so long; the second time in a row for twice as
    /// long, and so on up to 32 times.
    pub back_off: Duration,
    /// Between two looks at the permission of an open WebSocket or stream, although nothing seems to have changed:
    /// sessions expire by themselves, and configurations are reloaded.
    pub look_again: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            head: Duration::from_mins(1),
            connect: Duration::from_secs(5),
            back_off: Duration::from_secs(1),
            look_again: Duration::from_secs(15),
        }
    }
}
