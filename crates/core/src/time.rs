//! Points in time and durations, in whole seconds.

use std::fmt;

/// Seconds since 1970-01-01T00:00:00Z: a JWT `NumericDate` and a `BIGINT` column as they are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct UnixTime(pub i64);

impl UnixTime {
    /// The moment `lifetime` later; stops at the largest representable time.
    pub const fn after(self, lifetime: Lifetime) -> Self {
        Self(self.0.saturating_add(lifetime.0 as i64))
    }

    /// Seconds from `earlier` to `self`, zero when `earlier` is later.
    pub const fn since(self, earlier: Self) -> i64 {
        let seconds = self.0.saturating_sub(earlier.0);
        if seconds < 0 { 0 } else { seconds }
    }
}

impl fmt::Display for UnixTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A length of time in whole seconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Lifetime(pub u32);

impl Lifetime {
    /// `minutes` minutes.
    pub const fn minutes(minutes: u32) -> Self {
        Self(minutes * 60)
    }

    /// `hours` hours.
    pub const fn hours(hours: u32) -> Self {
        Self(hours * 3600)
    }

    /// `days` days.
    pub const fn days(days: u32) -> Self {
        Self(days * 86_400)
    }
}

/// Where the shell reads the time, once per request. Tests implement it with a clock they can advance.
pub trait Clock: Send + Sync + 'static {
    /// The current time.
    fn now(&self) -> UnixTime;
}

/// Where the shell draws random bytes. Production uses the operating system's generator, tests a seeded one.
pub trait Random: Send + Sync + 'static {
    /// Fills `bytes` with random data.
    fn fill(&self, bytes: &mut [u8]);
}

/// Draws `N` random bytes.
pub fn draw<const N: usize>(random: &dyn Random) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_neither_overflows_nor_runs_backwards() {
        assert_eq!(UnixTime(i64::MAX).after(Lifetime::days(30)), UnixTime(i64::MAX));
        assert_eq!(UnixTime(100).since(UnixTime(40)), 60);
        assert_eq!(UnixTime(40).since(UnixTime(100)), 0);
        assert_eq!(UnixTime(i64::MIN).since(UnixTime(i64::MAX)), 0);
        assert_eq!((Lifetime::minutes(1).0, Lifetime::hours(1).0, Lifetime::days(1).0), (60, 3600, 86_400));
    }
}
