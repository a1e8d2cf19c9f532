//! Keys that sign tokens.

use doorward_core::{
    jose::{
        Algorithm,
        rotation::{KeyRecord, Place},
    },
    time::{Lifetime, UnixTime},
};
use doorward_store::NewSigningKey;

use super::world::{NOW, World, later, race, winners};

on_both_engines![
    keys_are_read_back_oldest_first,
    impossible_7_keys_outlive_a_restart,
    o_25_of_many_successors_at_once_one_is_kept,
    a_key_of_elsewhere_is_taken_over_once_and_signs_at_once,
    o_25_what_is_revoked_is_destroyed_and_replaced_at_once,
    o_25_of_many_revocations_at_once_one_makes_one_key,
    a_revoked_key_gives_way_to_the_one_that_waits,
    keys_that_are_gone_are_deleted,
    each_change_is_counted,
    the_longest_token_never_shrinks,
];

fn key_for(algorithm: Algorithm, kid: &str) -> NewSigningKey {
    NewSigningKey { kid: kid.to_owned(), algorithm, private: format!("private part of {kid}").into_bytes() }
}

fn key(kid: &str) -> NewSigningKey {
    key_for(Algorithm::Es256, kid)
}

fn place(succeeds: &str, active_at: UnixTime) -> Place {
    Place { active_at, succeeds: succeeds.to_owned() }
}

async fn kept(world: &World) -> Vec<(String, String)> {
    let keys = world.store.signing_keys().await.unwrap();
    let private = |bytes| String::from_utf8(bytes).unwrap();
    keys.into_iter().map(|key| (key.record.kid, private(key.private))).collect()
}

async fn record(world: &World, kid: &str) -> KeyRecord {
    let records = world.store.signing_key_records().await.unwrap();
    records.into_iter().find(|record| record.kid == kid).unwrap()
}

async fn keys_are_read_back_oldest_first(world: World) {
    assert!(world.store.add_signing_key(key("b"), place("", NOW), NOW).await.unwrap());
    let other = key_for(Algorithm::EdDsa, "a");
    assert!(world.store.add_signing_key(other, place("", later(9)), later(1)).await.unwrap());
    assert!(!world.store.add_signing_key(key("c"), place("", later(2)), later(2)).await.unwrap());
    assert_eq!(
        kept(&world).await,
        [("b", "private part of b"), ("a", "private part of a")].map(|(a, b)| (a.to_owned(), b.to_owned()))
    );
    let found = record(&world, "a").await;
    assert_eq!((found.algorithm, found.created_at, found.active_at), (Algorithm::EdDsa, later(1), later(9)));
}

async fn impossible_7_keys_outlive_a_restart(world: World) {
    assert!(world.store.add_signing_key(key("a"), place("", NOW), NOW).await.unwrap());
    let world = world.restart();
    assert_eq!(kept(&world).await, [("a".to_owned(), "private part of a".to_owned())]);
}

async fn o_25_of_many_successors_at_once_one_is_kept(world: World) {
    for former in ["", "first"] {
        let name = |at: usize| if former.is_empty() { "first".to_owned() } else { format!("k{at}") };
        let won = race(12, |at| {
            let (store, new) = (&world.store, key(&name(at)));
            async move { store.add_signing_key(new, place(former, NOW), NOW).await.unwrap() }
        });
        assert_eq!(winners(&won), 1, "{former}");
    }
    assert_eq!(kept(&world).await.len(), 2);
}

async fn a_key_of_elsewhere_is_taken_over_once_and_signs_at_once(world: World) {
    assert!(world.store.add_signing_key(key("ours"), place("", NOW), NOW).await.unwrap());
    assert!(world.store.import_signing_key(key("theirs"), later(5)).await.unwrap());
    assert!(!world.store.import_signing_key(key("theirs"), later(6)).await.unwrap());
    let theirs = record(&world, "theirs").await;
    assert_eq!((theirs.active_at, theirs.succeeds.as_str()), (later(5), "ours"));
    assert_eq!(kept(&world).await.len(), 2);
}

async fn o_25_what_is_revoked_is_destroyed_and_replaced_at_once(world: World) {
    assert!(world.store.add_signing_key(key("a"), place("", NOW), NOW).await.unwrap());
    assert!(world.store.revoke_signing_key("a", key("b"), later(5)).await.unwrap());
    assert!(!world.store.revoke_signing_key("a", key("c"), later(6)).await.unwrap());
    assert!(!world.store.revoke_signing_key("unknown", key("d"), later(6)).await.unwrap());
    assert_eq!(
        kept(&world).await,
        [("a", ""), ("b", "private part of b")].map(|(a, b)| (a.to_owned(), b.to_owned()))
    );
    assert_eq!(record(&world, "a").await.revoked_at, Some(later(5)));
    assert_eq!(record(&world, "b").await.active_at, later(5));
    let sql = "SELECT COUNT(*) FROM signing_keys WHERE kid = 'a' AND LENGTH(private_key) = 0";
    assert_eq!(world.raw().value(sql).await, "1");
}

async fn o_25_of_many_revocations_at_once_one_makes_one_key(world: World) {
    assert!(world.store.add_signing_key(key("a"), place("", NOW), NOW).await.unwrap());
    let won = race(12, |at| {
        let replacement = key(&format!("k{at}"));
        async { world.store.revoke_signing_key("a", replacement, later(5)).await.unwrap() }
    });
    assert_eq!(winners(&won), 1);
    assert_eq!(kept(&world).await.len(), 2);
}

async fn a_revoked_key_gives_way_to_the_one_that_waits(world: World) {
    assert!(world.store.add_signing_key(key("a"), place("", NOW), NOW).await.unwrap());
    assert!(world.store.add_signing_key(key("b"), place("a", later(900)), later(1)).await.unwrap());
    assert!(world.store.revoke_signing_key("a", key("c"), later(5)).await.unwrap());
    assert_eq!(kept(&world).await.len(), 2);
    assert_eq!(record(&world, "b").await.active_at, later(5));
}

async fn keys_that_are_gone_are_deleted(world: World) {
    assert!(world.store.add_signing_key(key("a"), place("", NOW), NOW).await.unwrap());
    assert!(world.store.add_signing_key(key("b"), place("a", later(1)), NOW).await.unwrap());
    let gone = vec!["a".to_owned(), "unknown".to_owned()];
    world.store.forget_signing_keys(gone).await.unwrap();
    assert_eq!(kept(&world).await, [("b".to_owned(), "private part of b".to_owned())]);
}

async fn each_change_is_counted(world: World) {
    let mut seen = world.store.signing_keys_changed().await.unwrap();
    let mut moved = async |expected: bool| {
        let now = world.store.signing_keys_changed().await.unwrap();
        assert_eq!(now > seen, expected);
        seen = now;
    };
    world.store.add_signing_key(key("a"), place("", NOW), NOW).await.unwrap();
    moved(true).await;
    world.store.add_signing_key(key("b"), place("", NOW), NOW).await.unwrap();
    moved(false).await;
    world.store.import_signing_key(key("c"), NOW).await.unwrap();
    moved(true).await;
    world.store.revoke_signing_key("c", key("d"), NOW).await.unwrap();
    moved(true).await;
    world.store.revoke_signing_key("c", key("d"), NOW).await.unwrap();
    moved(false).await;
    world.store.forget_signing_keys(vec!["a".to_owned()]).await.unwrap();
    moved(true).await;
}

async fn the_longest_token_never_shrinks(world: World) {
    for (given, expected) in [(600, 600), (60, 600), (900, 900), (1, 900)] {
        assert_eq!(world.store.longest_token(Lifetime(given)).await.unwrap(), Lifetime(expected));
    }
    assert_eq!(world.restart().store.longest_token(Lifetime(1)).await.unwrap(), Lifetime(900));
}
