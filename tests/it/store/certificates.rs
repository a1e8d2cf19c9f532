//! Certificates, and which node obtains them.

use doorward_store::{StoredChain, StoredProof};

use super::world::{NOW, World, later, race, winners};

on_both_engines![
    a_certificate_is_read_back_and_replaced,
    the_first_of_several_certificates_is_kept,
    failures_are_counted_until_one_succeeds,
    an_account_is_kept_until_its_authority_forgets_it,
    answers_to_an_authority_end_by_themselves,
    a_change_is_told_to_other_nodes,
    of_many_nodes_one_has_the_lease,
    a_lease_is_held_longer_by_its_holder_alone,
    a_lease_is_given_back_by_its_holder_alone,
    who_is_alone_frees_every_lease,
];

const ID: &str = "acme notes.localhost";

fn chain(name: &str) -> StoredChain {
    let part = |part: &str| format!("{part} of {name}").into_bytes();
    StoredChain { chain: vec![part("leaf"), part("authority")], key: part("key") }
}

async fn held(world: &World) -> (Vec<Vec<u8>>, Vec<u8>) {
    let [found] = &world.store.certificates().await.unwrap()[..] else { panic!("one certificate") };
    let chain = found.chain.clone().unwrap();
    (chain.chain, chain.key)
}

fn parts(name: &str) -> (Vec<Vec<u8>>, Vec<u8>) {
    let StoredChain { chain, key } = chain(name);
    (chain, key)
}

async fn take(world: &World, holder: &str, seconds: u32) -> bool {
    let until = later(seconds + 900);
    world.store.take_lease(ID, holder, later(seconds), until).await.unwrap()
}

async fn a_certificate_is_read_back_and_replaced(world: World) {
    world.store.save_certificate(ID, chain("one"), later(60)).await.unwrap();
    let world = world.restart();
    assert_eq!(held(&world).await, parts("one"));
    world.store.save_certificate(ID, chain("two"), later(90)).await.unwrap();
    assert_eq!(held(&world).await, parts("two"));
    world.store.reschedule_certificate(ID, later(30)).await.unwrap();
    let [found] = &world.store.certificates().await.unwrap()[..] else { panic!() };
    assert_eq!((found.id.as_str(), found.renew_at, found.failures), (ID, Some(later(30)), 0));
}

async fn the_first_of_several_certificates_is_kept(world: World) {
    let outcome = race(8, |at| {
        let added = world.store.add_certificate_unless_present(ID, chain(&at.to_string()), NOW);
        async move { added.await.unwrap() }
    });
    assert_eq!(winners(&outcome), 1);
    let winner = outcome.iter().position(|won| *won).unwrap().to_string();
    assert_eq!(held(&world).await, parts(&winner), "all nodes have the one that won");
}

async fn failures_are_counted_until_one_succeeds(world: World) {
    for at in [60, 120] {
        world.store.note_certificate_failure(ID, "the authority is down", later(at)).await.unwrap();
    }
    let [found] = &world.store.certificates().await.unwrap()[..] else { panic!() };
    assert!(found.chain.is_none());
    assert_eq!((found.failures, found.attempt_at), (2, Some(later(120))));
    assert_eq!(found.last_error.as_deref(), Some("the authority is down"));
    world.store.save_certificate(ID, chain("one"), NOW).await.unwrap();
    let [found] = &world.store.certificates().await.unwrap()[..] else { panic!() };
    assert_eq!((found.failures, found.attempt_at, found.last_error.as_deref()), (0, None, None));
}

async fn an_account_is_kept_until_its_authority_forgets_it(world: World) {
    const AT: &str = "https://authority.test/directory";
    let add = async |key: &[u8]| world.store.add_acme_account_unless_present(AT, key, NOW).await.unwrap();
    assert!(add(b"first").await && !add(b"second").await);
    assert_eq!(world.store.acme_account(AT).await.unwrap().as_deref(), Some(b"first".as_slice()));
    assert_eq!(world.store.acme_account("https://other.test/").await.unwrap(), None);
    world.store.forget_acme_account(AT).await.unwrap();
    assert!(add(b"second").await);
}

async fn answers_to_an_authority_end_by_themselves(world: World) {
    let proof = |token: &str| StoredProof {
        token: token.to_owned(),
        host: "notes.localhost".to_owned(),
        kind: "http-01".to_owned(),
        key_authorization: format!("{token}.thumbprint"),
    };
    world.store.publish_proofs(vec![proof("a")], later(60)).await.unwrap();
    world.store.publish_proofs(vec![proof("b")], later(90)).await.unwrap();
    assert_eq!(world.store.proofs(later(59)).await.unwrap(), [proof("b"), proof("a")]);
    assert_eq!(world.store.proofs(later(60)).await.unwrap(), [proof("b")], "its second has come");
    world.store.withdraw_proofs(vec![proof("b")]).await.unwrap();
    assert!(world.store.proofs(NOW).await.unwrap() == [proof("a")]);
}

async fn a_change_is_told_to_other_nodes(world: World) {
    let before = world.store.certificates_changed().await.unwrap();
    world.store.take_lease(ID, "a", NOW, later(9)).await.unwrap();
    assert_eq!(world.store.certificates_changed().await.unwrap(), before, "a lease is nobody's news");
    world.store.save_certificate(ID, chain("one"), NOW).await.unwrap();
    assert_eq!(world.store.certificates_changed().await.unwrap(), before + 1);
}

async fn of_many_nodes_one_has_the_lease(world: World) {
    let outcome = race(12, |at| {
        let world = &world;
        async move { take(world, &format!("node {at}"), 0).await }
    });
    assert_eq!(winners(&outcome), 1);
    // And again once it has ended: the same race about a row that is there.
    let outcome = race(12, |at| {
        let world = &world;
        async move { take(world, &format!("later node {at}"), 900).await }
    });
    assert_eq!(winners(&outcome), 1);
}

async fn a_lease_is_held_longer_by_its_holder_alone(world: World) {
    assert!(take(&world, "a", 0).await && take(&world, "a", 600).await);
    assert!(!take(&world, "b", 899).await && !take(&world, "b", 1499).await);
    assert!(take(&world, "b", 1500).await, "it has ended");
    assert!(!take(&world, "a", 1501).await);
}

async fn a_lease_is_given_back_by_its_holder_alone(world: World) {
    assert!(take(&world, "a", 0).await);
    world.store.release_lease(ID, "b").await.unwrap();
    world.store.release_leases("b").await.unwrap();
    assert!(!take(&world, "b", 1).await, "a successor's lease outlives its predecessor");
    world.store.release_leases("a").await.unwrap();
    assert!(take(&world, "b", 1).await);
}

async fn who_is_alone_frees_every_lease(world: World) {
    assert!(take(&world, "killed", 0).await);
    world.store.release_all_leases().await.unwrap();
    assert!(take(&world, "started again", 1).await);
}
