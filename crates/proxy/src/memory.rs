//! What a thread remembers: bounded, and never asked whether it is right. An entry says itself for how long it speaks
//! the truth; whoever reads it looks.

use std::{
    collections::HashMap,
    hash::{BuildHasher, Hash, RandomState},
};

/// Entries that are kept at most, unless told otherwise: as many as a table of 131,072 places takes before it grows.
pub const MOST: usize = 114_688;

/// A map with a bound. When there is no more room it forgets what is out of date, and only then a half of the rest, so
/// that more in use than it holds makes some of it be asked for again, not all.
#[derive(Debug)]
pub struct Memory<K, E, S = RandomState> {
    entries: HashMap<K, E, S>,
    most: usize,
}

impl<K, E, S: Default> Default for Memory<K, E, S> {
    fn default() -> Self {
        Self::with_at_most(MOST)
    }
}

impl<K, E, S: Default> Memory<K, E, S> {
    /// A memory of at most `most` entries.
    #[must_use]
    pub fn with_at_most(most: usize) -> Self {
        Self { entries: HashMap::default(), most }
    }
}

impl<K: Hash + Eq, E, S: BuildHasher> Memory<K, E, S> {
    /// What is remembered under `key`, out of date or not.
    pub fn get(&self, key: &K) -> Option<&E> {
        self.entries.get(key)
    }

    /// Remembers `entry`. `is_current` tells which of the others are still good for something; it is asked only when
    /// the table is full.
    pub fn insert(&mut self, key: K, entry: E, mut is_current: impl FnMut(&E) -> bool) {
        let room = self.entries.capacity().min(self.most);
        if self.entries.len() >= room && !self.entries.contains_key(&key) {
            self.entries.retain(|_, entry| is_current(entry));
            // The table grows only for what is in use, and is looked through only after many more entries.
            if self.entries.len() > room / 4 * 3 && room == self.most {
                let mut keep = false;
                self.entries.retain(|_, _| {
                    keep = !keep;
                    keep
                });
            } else if self.entries.len() > room / 4 * 3 {
                self.entries.reserve(room + 1 - self.entries.len());
            }
        }
        self.entries.insert(key, entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_it_holds_makes_it_forget_a_half_and_not_everything() {
        let mut memory: Memory<u32, u32> = Memory::with_at_most(1000);
        for number in 0..1000 {
            memory.insert(number, number, |_| true);
        }
        assert!((0..1000).all(|number| memory.get(&number) == Some(&number)));
        memory.insert(1000, 1000, |_| true);
        assert_eq!(memory.entries.len(), 501);
        assert_eq!(memory.get(&1000), Some(&1000));
        for number in 0..100_000 {
            memory.insert(number, number, |_| true);
            assert!(memory.entries.len() <= 1000);
        }
    }

    #[test]
    fn what_is_out_of_date_goes_first_and_what_is_known_is_replaced() {
        let mut memory: Memory<u32, bool> = Memory::with_at_most(100);
        for number in 0..100 {
            memory.insert(number, number < 50, |_| true);
        }
        memory.insert(7, true, |_| panic!("a known key needs no room"));
        memory.insert(100, true, |current| *current);
        assert!((0..50).chain([100]).all(|number| memory.get(&number).is_some()));
        assert_eq!(memory.entries.len(), 51);
    }

    #[test]
    fn a_table_full_of_what_is_out_of_date_does_not_grow() {
        let mut memory: Memory<u32, u32> = Memory::default();
        for number in 0..10_000 {
            memory.insert(number, number, |entry| *entry + 3 > number);
        }
        assert!(memory.entries.capacity() < 20, "{}", memory.entries.capacity());
    }
}
