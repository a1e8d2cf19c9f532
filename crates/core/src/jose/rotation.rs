//! When keys are made, when they sign, and when they go.
//!
//! The state of a key follows from times that stand in its row, so nodes that look at the same rows agree without a
//! word. A key is published before it signs, so that applications which keep the key set know it by then, and stays
//! published afterwards for longer than the longest token that it signed (O-25). Keys of one algorithm follow one another
//! in a chain: a key can have one successor, whoever makes it.

use std::fmt;

use super::Algorithm;
use crate::time::{Lifetime, UnixTime};

/// How often keys are replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Schedule {
    /// How long a key signs.
    pub rotate_every: Lifetime,
    /// How long it is published before: longer than applications keep the key set.
    pub publish_ahead: Lifetime,
}

impl Default for Schedule {
    fn default() -> Self {
        Self { rotate_every: Lifetime::days(90), publish_ahead: Lifetime::days(2) }
    }
}

/// What is known about a key beside its halves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyRecord {
    /// Its identifier.
    pub kid: String,
    /// The one algorithm that it is for.
    pub algorithm: Algorithm,
    /// Since when it is published.
    pub created_at: UnixTime,
    /// From when on it signs.
    pub active_at: UnixTime,
    /// The key that it follows; empty for the first of its algorithm.
    pub succeeds: String,
    /// When it was revoked.
    pub revoked_at: Option<UnixTime>,
}

impl KeyRecord {
    /// Keys of one algorithm in the order in which they sign. Of two that begin in one second, it is the one that follows.
    fn order<'a>(&'a self, all: &[Self]) -> (UnixTime, usize, &'a str) {
        let before = |link: &Self| {
            all.iter().find(|other| other.algorithm == self.algorithm && other.kid == link.succeeds)
        };
        // A chain can't be longer than there are keys: a circle made by hand ends there.
        let depth = std::iter::successors(before(self), |link| before(link)).take(all.len()).count();
        (self.active_at, depth, &self.kid)
    }

    /// Whether it signed anything before `now`.
    fn signed(&self, now: UnixTime) -> bool {
        self.active_at <= now && self.revoked_at.is_none_or(|at| self.active_at <= at)
    }
}

/// What a key is good for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyState {
    /// Applications learn it; it will sign.
    Published,
    /// It signs.
    Active,
    /// Another one signs; what it signed is still believed.
    Retired {
        /// Since when.
        since: UnixTime,
    },
    /// It signs nothing, and nothing that it signed is believed.
    Revoked,
    /// Everything that it signed has expired: its row can be deleted.
    Gone,
}

impl KeyState {
    /// Whether it is in the key set, and what it signed is believed.
    pub const fn is_believed(self) -> bool {
        matches!(self, Self::Published | Self::Active | Self::Retired { .. })
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Published => "published",
            Self::Active => "active",
            Self::Retired { .. } => "retired",
            Self::Revoked => "revoked",
            Self::Gone => "gone",
        })
    }
}

/// Where a new key stands in the chain of its algorithm. Two that are made for one place are one: the store keeps the
/// first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// From when on it signs.
    pub active_at: UnixTime,
    /// The key that it follows; empty for none.
    pub succeeds: String,
}

/// What takes the place of a key that is revoked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Replacement {
    /// It did not sign: nothing.
    Nothing,
    /// The one that was published already signs from now on.
    Promote(String),
    /// A new one, which signs from now on.
    Make(Place),
}

/// The states of `records` now, in their order. `keep` is how long a key is believed after it signed for the last time.
pub fn states(records: &[KeyRecord], keep: Lifetime, now: UnixTime) -> Vec<KeyState> {
    records.iter().map(|record| state(record, records, keep, now)).collect()
}

fn state(record: &KeyRecord, all: &[KeyRecord], keep: Lifetime, now: UnixTime) -> KeyState {
    if let Some(revoked_at) = record.revoked_at {
        return if now >= revoked_at.after(keep) { KeyState::Gone } else { KeyState::Revoked };
    }
    if active(record.algorithm, all, now).is_some_and(|active| active.kid == record.kid) {
        return KeyState::Active;
    }
    let later =
        of(record.algorithm, all).filter(|other| other.order(all) > record.order(all) && other.signed(now));
    match later.map(|other| other.active_at).min() {
        Some(since) if now >= since.after(keep) => KeyState::Gone,
        Some(since) => KeyState::Retired { since },
        None => KeyState::Published,
    }
}

fn of(algorithm: Algorithm, all: &[KeyRecord]) -> impl Iterator<Item = &KeyRecord> {
    all.iter().filter(move |record| record.algorithm == algorithm)
}

fn live(algorithm: Algorithm, all: &[KeyRecord]) -> impl Iterator<Item = &KeyRecord> {
    of(algorithm, all).filter(|record| record.revoked_at.is_none())
}

/// The key that signs: the last that began. A node whose clock is behind takes the first that will, rather than none.
fn active(algorithm: Algorithm, all: &[KeyRecord], now: UnixTime) -> Option<&KeyRecord> {
    let begun = live(algorithm, all).filter(|record| record.active_at <= now);
    begun
        .max_by_key(|record| record.order(all))
        .or_else(|| live(algorithm, all).min_by_key(|record| record.order(all)))
}

/// The end of the chain. Rows in its middle may have been deleted, so of several ends it is the youngest.
fn tail(algorithm: Algorithm, all: &[KeyRecord]) -> String {
    let followed = |kid: &str| of(algorithm, all).any(|record| record.succeeds == kid);
    let ends = of(algorithm, all).filter(|record| !followed(&record.kid));
    let youngest = ends.max_by_key(|record| (record.created_at, record.order(all)));
    youngest.map(|record| record.kid.clone()).unwrap_or_default()
}

/// The place of the key that has to be made now for this algorithm, if one has to: there is none, or the one that signs
/// ends within the time that its successor is published ahead.
pub fn due(algorithm: Algorithm, all: &[KeyRecord], schedule: Schedule, now: UnixTime) -> Option<Place> {
    let Some(head) = live(algorithm, all).max_by_key(|record| record.order(all)) else {
        return Some(Place { active_at: now, succeeds: tail(algorithm, all) });
    };
    let ends = head.active_at.after(schedule.rotate_every);
    let soonest = now.after(schedule.publish_ahead);
    let due = head.active_at <= now && soonest >= ends;
    due.then(|| Place { active_at: soonest.max(ends), succeeds: tail(algorithm, all) })
}

/// The place of a key that somebody wants before it is due. `None` while one is published and waits.
pub fn ahead(algorithm: Algorithm, all: &[KeyRecord], schedule: Schedule, now: UnixTime) -> Option<Place> {
    let waits = live(algorithm, all).any(|record| record.active_at > now);
    let first = live(algorithm, all).next().is_none();
    let active_at = if first { now } else { now.after(schedule.publish_ahead) };
    (!waits).then(|| Place { active_at, succeeds: tail(algorithm, all) })
}

/// The place of a key that comes from elsewhere, and signs at once: applications know it already.
pub fn at_once(algorithm: Algorithm, all: &[KeyRecord], now: UnixTime) -> Place {
    Place { active_at: now, succeeds: tail(algorithm, all) }
}

/// What takes the place of a key that is about to be revoked.
pub fn after_revocation(kid: &str, all: &[KeyRecord], now: UnixTime) -> Replacement {
    let Some(record) = all.iter().find(|record| record.kid == kid) else { return Replacement::Nothing };
    if active(record.algorithm, all, now).is_none_or(|active| active.kid != kid) {
        return Replacement::Nothing;
    }
    let waiting = live(record.algorithm, all).filter(|other| other.kid != kid && other.active_at > now);
    match waiting.min_by_key(|other| other.order(all)) {
        Some(next) => Replacement::Promote(next.kid.clone()),
        None => Replacement::Make(at_once(record.algorithm, all, now)),
    }
}

#[cfg(test)]
mod tests;
