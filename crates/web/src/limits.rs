//! A bound on unauthenticated work: attempts per client address.

use std::{collections::HashMap, net::IpAddr, sync::Mutex};

use doorward_core::time::UnixTime;

/// Attempts that an address has at once.
const BURST: u32 = 120;
/// Attempts that come back per second.
const PER_SECOND: u32 = 2;
/// Addresses that are remembered at most; beyond that, those that have recovered are forgotten.
const REMEMBERED: usize = 8192;

/// Attempts left per client address. An IPv6 network of 64 bits counts as one address, because one subscriber has it
/// all.
#[derive(Default)]
pub(crate) struct Limits {
    buckets: Mutex<HashMap<IpAddr, Bucket>>,
}

#[derive(Clone, Copy)]
struct Bucket {
    left: u32,
    at: UnixTime,
}

impl Bucket {
    fn refilled(self, now: UnixTime) -> Self {
        let seconds = u32::try_from(now.since(self.at)).unwrap_or(u32::MAX);
        let left = self.left.saturating_add(seconds.saturating_mul(PER_SECOND)).min(BURST);
        Self { left, at: now.max(self.at) }
    }
}

impl Limits {
    /// Takes one attempt of `client`; `false` when none is left.
    pub(crate) fn take(&self, client: IpAddr, now: UnixTime) -> bool {
        let Ok(mut buckets) = self.buckets.lock() else {
            return false;
        };
        if buckets.len() >= REMEMBERED {
            buckets.retain(|_, bucket| bucket.refilled(now).left < BURST);
        }
        // Somebody with that many addresses gets no further memory from us; the others are let through.
        if buckets.len() >= REMEMBERED && !buckets.contains_key(&network(client)) {
            return true;
        }
        let bucket = buckets.entry(network(client)).or_insert(Bucket { left: BURST, at: now });
        *bucket = bucket.refilled(now);
        let taken = bucket.left > 0;
        bucket.left = bucket.left.saturating_sub(1);
        taken
    }

    /// Whether `client` has an attempt left.
    pub(crate) fn has_left(&self, client: IpAddr, now: UnixTime) -> bool {
        let Ok(buckets) = self.buckets.lock() else {
            return false;
        };
        buckets.get(&network(client)).is_none_or(|bucket| bucket.refilled(now).left > 0)
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

    #[test]
    fn attempts_run_out_and_come_back() {
        let limits = Limits::default();
        let (client, other) = ("2001:db8::1".parse().unwrap(), "2001:db8:0:1::1".parse().unwrap());
        let same_network = "2001:db8::2".parse().unwrap();
        let now = UnixTime(1000);
        for _ in 0..BURST {
            assert!(limits.has_left(client, now) && limits.take(client, now));
        }
        assert!(
            !limits.take(client, now) && !limits.take(same_network, now) && !limits.has_left(client, now)
        );
        assert!(limits.take(other, now));
        let later = UnixTime(1001);
        assert!(limits.take(client, later) && limits.take(client, later) && !limits.take(client, later));
        assert!(!limits.take(client, UnixTime(0)), "a clock that goes back gives nothing");
    }

    #[test]
    fn memory_is_bounded() {
        let limits = Limits::default();
        for number in 0..20_000_u32 {
            limits.take(IpAddr::V4(number.into()), UnixTime(1));
        }
        assert!(limits.buckets.lock().unwrap().len() <= REMEMBERED);
    }
}
