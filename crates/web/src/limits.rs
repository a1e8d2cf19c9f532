//! A bound on unauthenticated work: attempts per client address.

use std::{net::IpAddr, sync::Mutex};

use doorward_core::{
    attempts::{Allowance, Attempts},
    time::UnixTime,
};

const ALLOWANCE: Allowance = Allowance { burst: 120, per_minute: 120 };

/// Attempts left per client address.
pub(crate) struct Limits(Mutex<Attempts>);

impl Default for Limits {
    fn default() -> Self {
        Self(Mutex::new(Attempts::new(ALLOWANCE)))
    }
}

impl Limits {
    /// Takes one attempt of `client`; `false` when none is left.
    pub(crate) fn take(&self, client: IpAddr, now: UnixTime) -> bool {
        self.0.lock().is_ok_and(|mut attempts| attempts.take(client, now))
    }

    /// Whether `client` has an attempt left.
    pub(crate) fn has_left(&self, client: IpAddr, now: UnixTime) -> bool {
        self.0.lock().is_ok_and(|attempts| attempts.has_left(client, now))
    }
}
