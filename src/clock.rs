//! The system's clock and random generator: the only places in the product that read either, but for the random
//! numbers that making keys and signing draw by themselves ([`crate::signing`]).

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};
use doorward_core::time::{Clock, Random, UnixTime};

/// The system's clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    fn now(&self) -> UnixTime {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixTime(i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX))
    }
}

/// The operating system's random generator.
#[derive(Debug, Default)]
pub struct OperatingSystem(SystemRandom);

impl Random for OperatingSystem {
    /// Stops the process if the system gives no randomness: going on would mean guessable tokens.
    fn fill(&self, bytes: &mut [u8]) {
        assert!(self.0.fill(bytes).is_ok(), "the operating system gave no random bytes");
    }
}
