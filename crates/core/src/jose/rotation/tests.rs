//! The life of keys, on a clock.

use proptest::prelude::*;

use super::*;

const DAY: i64 = 86_400;
const KEEP: Lifetime = Lifetime::days(30);
const ALG: Algorithm = Algorithm::Es256;

fn schedule() -> Schedule {
    Schedule::default()
}

fn at(day: i64) -> UnixTime {
    UnixTime(day * DAY)
}

fn made(kid: &str, place: &Place, now: UnixTime) -> KeyRecord {
    let (active_at, succeeds) = (place.active_at, place.succeeds.clone());
    KeyRecord { kid: kid.to_owned(), algorithm: ALG, created_at: now, active_at, succeeds, revoked_at: None }
}

/// What a node does when it looks.
fn look(keys: &mut Vec<KeyRecord>, now: UnixTime) {
    if let Some(place) = due(ALG, keys, schedule(), now) {
        let kid = format!("k{}", now.0 / DAY);
        assert!(
            !keys.iter().any(|key| key.succeeds == place.succeeds),
            "two successors of {}",
            place.succeeds
        );
        keys.push(made(&kid, &place, now));
    }
    let states = states(keys, KEEP, now);
    let mut states = states.iter();
    keys.retain(|_| states.next() != Some(&KeyState::Gone));
}

fn words(keys: &[KeyRecord], now: UnixTime) -> Vec<String> {
    let states = states(keys, KEEP, now);
    keys.iter().zip(states).map(|(key, state)| format!("{} {state}", key.kid)).collect()
}

#[test]
fn o_25_a_key_is_published_signs_retires_and_goes() {
    let mut keys = Vec::new();
    for (day, expected) in [
        (0, &["k0 active"][..]),
        (87, &["k0 active"]),
        (88, &["k0 active", "k88 published"]),
        (89, &["k0 active", "k88 published"]),
        (90, &["k0 retired", "k88 active"]),
        (119, &["k0 retired", "k88 active"]),
        (120, &["k88 active"]),
        (178, &["k88 active", "k178 published"]),
    ] {
        look(&mut keys, at(day));
        assert_eq!(words(&keys, at(day)), expected, "{day}");
    }
}

#[test]
fn after_a_long_pause_the_next_key_is_still_published_ahead() {
    let mut keys = Vec::new();
    look(&mut keys, at(0));
    look(&mut keys, at(400));
    assert_eq!(words(&keys, at(400)), ["k0 active", "k400 published"]);
    assert_eq!(words(&keys, at(402)), ["k0 retired", "k400 active"]);
}

#[test]
fn a_node_whose_clock_is_behind_signs_with_the_first_key() {
    let mut keys = Vec::new();
    look(&mut keys, at(10));
    assert_eq!(words(&keys, at(9)), ["k10 active"]);
    assert_eq!(due(ALG, &keys, schedule(), at(9)), None);
}

fn revoke(keys: &mut Vec<KeyRecord>, kid: &str, now: UnixTime) {
    match after_revocation(kid, keys, now) {
        Replacement::Nothing => {}
        Replacement::Promote(next) => keys.iter_mut().find(|key| key.kid == next).unwrap().active_at = now,
        Replacement::Make(place) => keys.push(made("new", &place, now)),
    }
    keys.iter_mut().find(|key| key.kid == kid).unwrap().revoked_at = Some(now);
}

#[test]
fn o_25_a_revoked_key_is_replaced_at_once() {
    let mut keys = Vec::new();
    look(&mut keys, at(0));
    revoke(&mut keys, "k0", at(1));
    assert_eq!(words(&keys, at(1)), ["k0 revoked", "new active"]);
    look(&mut keys, at(31));
    assert_eq!(words(&keys, at(31)), ["new active"]);

    // One that waits takes over, and its own successor comes a whole period later.
    let mut keys = Vec::new();
    look(&mut keys, at(0));
    look(&mut keys, at(88));
    revoke(&mut keys, "k0", at(88));
    assert_eq!(words(&keys, at(88)), ["k0 revoked", "k88 active"]);
    assert_eq!(due(ALG, &keys, schedule(), at(175)), None);
    assert!(due(ALG, &keys, schedule(), at(176)).is_some());
}

#[test]
fn a_revoked_key_that_waited_is_made_again_behind_it() {
    let mut keys = Vec::new();
    look(&mut keys, at(0));
    look(&mut keys, at(88));
    revoke(&mut keys, "k88", at(88));
    assert_eq!(words(&keys, at(88)), ["k0 active", "k88 revoked"]);
    look(&mut keys, at(89));
    assert_eq!(words(&keys, at(91)), ["k0 retired", "k88 revoked", "k89 active"]);
}

#[test]
fn a_key_of_elsewhere_signs_at_once_and_what_ours_signed_stays_good() {
    let mut keys = Vec::new();
    look(&mut keys, at(0));
    let place = at_once(ALG, &keys, at(5));
    keys.push(made("theirs", &place, at(5)));
    assert_eq!(words(&keys, at(5)), ["k0 retired", "theirs active"]);
    assert_eq!(due(ALG, &keys, schedule(), at(6)), None);
}

#[test]
fn of_two_keys_of_one_second_the_one_that_follows_signs() {
    for (first, second) in [("a", "b"), ("b", "a")] {
        let mut keys = vec![made(first, &at_once(ALG, &[], at(0)), at(0))];
        let place = at_once(ALG, &keys, at(0));
        keys.insert(0, made(second, &place, at(0)));
        assert_eq!(words(&keys, at(0)), [format!("{second} active"), format!("{first} retired")]);
    }
}

#[test]
fn whoever_asks_twice_for_a_key_ahead_gets_one() {
    let mut keys = Vec::new();
    look(&mut keys, at(0));
    let place = ahead(ALG, &keys, schedule(), at(5)).unwrap();
    assert_eq!((place.active_at, place.succeeds.as_str()), (at(7), "k0"));
    keys.push(made("next", &place, at(5)));
    assert_eq!(ahead(ALG, &keys, schedule(), at(6)), None);
    assert!(ahead(ALG, &keys, schedule(), at(7)).is_some());
    assert_eq!(ahead(Algorithm::EdDsa, &keys, schedule(), at(7)).unwrap().active_at, at(7));
}

proptest! {
    /// Whatever happens, one key signs, and what it signs today is believed for as long as a token may live, unless the
    /// key is revoked.
    #[test]
    fn o_25_nothing_that_was_signed_stops_verifying(steps in prop::collection::vec((1_i64..40, 0_u8..4), 1..40)) {
        let (mut keys, mut day) = (Vec::new(), 0);
        let mut signed: Vec<(String, i64)> = Vec::new();
        for (days, what) in steps {
            // Each day is looked at, as a server does each minute.
            for _ in 0..days {
                day += 1;
                look(&mut keys, at(day));
                let now = states(&keys, KEEP, at(day));
                let active: Vec<_> = keys.iter().zip(&now).filter(|(_, state)| **state == KeyState::Active).collect();
                prop_assert_eq!(active.len(), 1);
                signed.push((active[0].0.kid.clone(), day));
                for (kid, then) in signed.iter().filter(|(_, then)| day < then + 30) {
                    let found = keys.iter().zip(&now).find(|(key, _)| key.kid == *kid);
                    let revoked = keys.iter().any(|key| key.kid == *kid && key.revoked_at.is_some());
                    let gone = found.is_none();
                    prop_assert!(revoked || !gone, "{} of day {} on day {}", kid, then, day);
                    prop_assert!(revoked || found.is_some_and(|(_, state)| state.is_believed()));
                }
            }
            match what {
                0 => {
                    if let Some(place) = ahead(ALG, &keys, schedule(), at(day)) {
                        keys.push(made(&format!("a{day}"), &place, at(day)));
                    }
                }
                1 => {
                    let place = at_once(ALG, &keys, at(day));
                    keys.push(made(&format!("i{day}"), &place, at(day)));
                }
                _ => {}
            }
        }
    }
}
