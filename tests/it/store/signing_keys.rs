//! Keys that sign tokens.

use doorward_store::NewSigningKey;

use super::world::{NOW, World, later, race};

on_both_engines![
    keys_are_read_back_oldest_first,
    impossible_7_keys_outlive_a_restart,
    of_many_at_once_one_key_per_algorithm_is_kept,
];

fn key(kid: &str, alg: &'static str) -> NewSigningKey {
    NewSigningKey { kid: kid.to_owned(), alg, private: format!("private part of {kid}").into_bytes() }
}

async fn kept(world: &World) -> Vec<(String, String, Vec<u8>)> {
    let keys = world.store.signing_keys().await.unwrap();
    keys.into_iter().map(|key| (key.kid, key.alg, key.private)).collect()
}

async fn keys_are_read_back_oldest_first(world: World) {
    assert!(world.store.add_signing_key_unless_present(key("b", "ES256"), NOW).await.unwrap());
    assert!(world.store.add_signing_key_unless_present(key("a", "EdDSA"), later(1)).await.unwrap());
    assert!(!world.store.add_signing_key_unless_present(key("c", "ES256"), later(2)).await.unwrap());
    let found: Vec<_> = kept(&world).await.into_iter().map(|(kid, alg, _)| (kid, alg)).collect();
    assert_eq!(found, [("b".to_owned(), "ES256".to_owned()), ("a".to_owned(), "EdDSA".to_owned())]);
}

async fn impossible_7_keys_outlive_a_restart(world: World) {
    assert!(world.store.add_signing_key_unless_present(key("a", "ES256"), NOW).await.unwrap());
    let world = world.restart();
    assert_eq!(kept(&world).await, [("a".to_owned(), "ES256".to_owned(), b"private part of a".to_vec())]);
}

async fn of_many_at_once_one_key_per_algorithm_is_kept(world: World) {
    race(12, |at| world.store.add_signing_key_unless_present(key(&format!("k{at}"), "ES256"), NOW));
    assert_eq!(kept(&world).await.len(), 1);
}
