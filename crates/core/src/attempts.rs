//! Attempts per client network: a bound on guessing, and on the work that it makes.

use std::{collections::HashMap, net::IpAddr};

use crate::time::UnixTime;

/// How many attempts there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Allowance {
    /// Attempts that a network has at once.
    pub burst: u32,
    /// Attempts that come back per minute.
    pub per_minute: u32,
}

/// Networks that are remembered at most; beyond that, those that have recovered are forgotten.
const REMEMBERED: usize = 8192;

/// Attempts left per client network. An IPv6 network of 64 bits counts as one address, because one subscriber has it
/// all. Memory is bounded: while it is full, the networks that are not in it share one allowance, so that guessing from
/// ever new addresses ends as well.
#[derive(Clone, Debug)]
pub struct Attempts {
    allowance: Allowance,
    buckets: HashMap<IpAddr, Bucket>,
    /// What the networks that are not remembered share.
    shared: Bucket,
}

#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: u32,
    at: UnixTime,
}

impl Attempts {
    /// Nobody has tried yet.
    pub fn new(allowance: Allowance) -> Self {
        let shared = Bucket { left: allowance.burst, at: UnixTime(0) };
        Self { allowance, buckets: HashMap::new(), shared }
    }

    fn refilled(&self, bucket: Bucket, now: UnixTime) -> Bucket {
        let Allowance { burst, per_minute } = self.allowance;
        let each = i64::from(per_minute.max(1));
        let gained = now.since(bucket.at).saturating_mul(each) / 60;
        let left = bucket.left.saturating_add(u32::try_from(gained).unwrap_or(u32::MAX));
        if left >= burst {
            return Bucket { left: burst, at: now.max(bucket.at) };
        }
        // Only the time that gave an attempt is used up, so that asking often does not stop the clock.
        Bucket { left, at: UnixTime(bucket.at.0 + gained * 60 / each) }
    }

    /// Takes one attempt of `client`; `false` when none is left.
    pub fn take(&mut self, client: IpAddr, now: UnixTime) -> bool {
        let network = network(client);
        if self.buckets.len() >= REMEMBERED && !self.buckets.contains_key(&network) {
            let mut buckets = std::mem::take(&mut self.buckets);
            buckets.retain(|_, bucket| self.refilled(*bucket, now).left < self.allowance.burst);
            self.buckets = buckets;
        }
        let bucket = self.of(network, now);
        let rest = Bucket { left: bucket.left.saturating_sub(1), ..bucket };
        if self.is_remembered(network) {
            self.buckets.insert(network, rest);
        } else {
            self.shared = rest;
        }
        bucket.left > 0
    }

    /// Whether `client` has an attempt left.
    pub fn has_left(&self, client: IpAddr, now: UnixTime) -> bool {
        self.of(network(client), now).left > 0
    }

    /// Whether what `network` does is counted apart: it is known, or there is place for it.
    fn is_remembered(&self, network: IpAddr) -> bool {
        self.buckets.len() < REMEMBERED || self.buckets.contains_key(&network)
    }

    /// What counts for `network`.
    fn of(&self, network: IpAddr, now: UnixTime) -> Bucket {
        let full = Bucket { left: self.allowance.burst, at: now };
        let bucket = match self.buckets.get(&network) {
            Some(bucket) => *bucket,
            None if self.is_remembered(network) => full,
            None => self.shared,
        };
        self.refilled(bucket, now)
    }

    /// Networks that are remembered.
    pub fn remembered(&self) -> usize {
        self.buckets.len()
    }
}

fn network(client: IpAddr) -> IpAddr {
    match client {
        IpAddr::V4(_) => client,
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOWANCE: Allowance = Allowance { burst: 3, per_minute: 120 };

    #[test]
    fn attempts_run_out_and_come_back() {
        let mut attempts = Attempts::new(ALLOWANCE);
        let (client, other) = ("2001:db8::1".parse().unwrap(), "2001:db8:0:1::1".parse().unwrap());
        let same_network = "2001:db8::2".parse().unwrap();
        let now = UnixTime(1000);
        for _ in 0..3 {
            assert!(attempts.has_left(client, now) && attempts.take(client, now));
        }
        assert!(!attempts.take(client, now) && !attempts.take(same_network, now));
        assert!(!attempts.has_left(client, now));
        assert!(attempts.take(other, now));
        let later = UnixTime(1001);
        assert!(
            attempts.take(client, later) && attempts.take(client, later) && !attempts.take(client, later)
        );
        assert!(!attempts.take(client, UnixTime(0)), "a clock that goes back gives nothing");
    }

    #[test]
    fn asking_often_does_not_stop_the_clock() {
        let mut attempts = Attempts::new(Allowance { burst: 1, per_minute: 6 });
        let client = "192.0.2.1".parse().unwrap();
        assert!(attempts.take(client, UnixTime(0)));
        for second in 1..10 {
            assert!(!attempts.take(client, UnixTime(second)), "{second}");
        }
        assert!(attempts.take(client, UnixTime(10)));
        assert!(!attempts.take(client, UnixTime(19)) && attempts.take(client, UnixTime(20)));
    }

    #[test]
    fn memory_is_bounded() {
        let mut attempts = Attempts::new(ALLOWANCE);
        for number in 0..20_000_u32 {
            attempts.take(IpAddr::V4(number.into()), UnixTime(1));
        }
        assert!(attempts.remembered() <= REMEMBERED);
    }

    #[test]
    fn guessing_from_ever_new_networks_ends() {
        let mut attempts = Attempts::new(ALLOWANCE);
        let now = UnixTime(1000);
        let passed =
            (0..20_000_u32).filter(|number| attempts.take(IpAddr::V4((*number).into()), now)).count();
        assert_eq!(passed, REMEMBERED + 3, "once each while there is memory, then what all others share");
        let stranger = IpAddr::V4(30_000_u32.into());
        assert!(!attempts.has_left(stranger, now) && !attempts.take(stranger, now));
        let known = IpAddr::V4(0.into());
        assert!(attempts.has_left(known, now) && attempts.take(known, now), "a known one keeps its own");

        let later = UnixTime(1001);
        assert!(attempts.take(stranger, later), "the others have recovered, and there is memory again");
        assert!(attempts.remembered() < REMEMBERED);
    }
}
