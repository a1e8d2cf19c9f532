//! How long things may take.

use std::time::Duration;

/// How long things of ours may take. What clients may take is in the configuration.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
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
            connect: Duration::from_secs(5),
            back_off: Duration::from_secs(1),
            look_again: Duration::from_secs(15),
        }
    }
}
