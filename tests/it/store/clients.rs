//! Clients that administrators register.

use std::collections::BTreeSet;

use doorward_core::{
    id::{GroupId, SecretId},
    oauth::{
        client::{ClientKind, SECRETS_MAX},
        registration::Registration,
        slow_secret::SlowHash,
    },
    policy::Allow,
    token::HashedSecret,
};
use doorward_store::{Constraint, GroupNames, NewClient, NewGroup, SecretHash, StoreError, StoredSecret};

use super::world::{CLIENT, NOW, World, later, race, winners};

on_both_engines![
    a_client_is_read_back_as_written,
    a_group_that_is_renamed_keeps_its_clients,
    o_18_a_disabled_client_stays_disabled,
    o_27_what_a_client_held_is_revoked_with_it,
    a_client_has_so_many_secrets_and_no_more,
    a_slow_secret_becomes_quick_once,
    a_11_a_registration_in_another_row_is_an_error,
];

fn registration(name: &str) -> Registration {
    Registration {
        name: name.to_owned(),
        callback_urls: vec!["https://wiki.test/cb".to_owned()],
        access_token_minutes: 5,
        ..Registration::default()
    }
}

async fn register(world: &World, id: &str) {
    let new = NewClient { id: id.to_owned(), registration: registration("Wiki"), groups: BTreeSet::new() };
    world.store.create_client(new, NOW).await.unwrap();
}

async fn family(world: &World) -> GroupId {
    let names = GroupNames { name: "family".to_owned(), friendly_name: "Family".to_owned() };
    let new = NewGroup { id: GroupId::from_random(world.bytes()), names };
    let id = new.id;
    world.store.create_group(new, NOW).await.unwrap();
    id
}

fn secret(world: &World, hash: SecretHash) -> StoredSecret {
    StoredSecret {
        id: SecretId::from_random(world.bytes()).to_string(),
        prefix: "abcd".to_owned(),
        hash,
        created_at: NOW,
        expires_at: Some(later(60)),
    }
}

fn quick(text: &str) -> SecretHash {
    SecretHash::Quick(HashedSecret::of(text.as_bytes()))
}

async fn a_client_is_read_back_as_written(world: World) {
    register(&world, "wiki").await;
    let group = family(&world).await;
    let stored = world.store.client("wiki").await.unwrap().unwrap();
    assert_eq!((&stored.registration, stored.created_at), (&registration("Wiki"), NOW));
    assert_eq!(stored.client().unwrap().0.policy.allow, Allow::AnyOf(Vec::new()), "nobody yet");
    let again = NewClient { id: "wiki".to_owned(), registration: registration("x"), groups: BTreeSet::new() };
    let taken = world.store.create_client(again, NOW).await;
    assert_eq!(taken, Err(StoreError::Conflict(Constraint::Client)));

    let before = world.store.generation();
    let nowhere = GroupId::from_random(world.bytes());
    assert!(world.store.set_client_groups("wiki", [group, nowhere].into()).await.unwrap());
    assert!(world.store.set_registration("wiki", registration("Other")).await.unwrap());
    assert!(world.store.generation() > before);
    let stored = world.store.client("wiki").await.unwrap().unwrap();
    assert_eq!(stored.groups, [(group, "family".to_owned())]);
    assert_eq!(stored.registration.name, "Other");
    let (client, slow) = stored.client().unwrap();
    assert_eq!((client.title.as_str(), client.lifetimes.access.0, slow.len()), ("Other", 300, 0));
    assert_eq!(client.policy.allow, Allow::AnyOf(vec!["family".to_owned()]));

    register(&world, "a").await;
    let listed = world.store.clients("", 1).await.unwrap();
    assert_eq!(listed[0].id, "a");
    assert_eq!(world.store.clients("a", 5).await.unwrap()[0].id, "wiki");
    assert!(!world.store.set_registration("none", registration("x")).await.unwrap());
    assert!(!world.store.set_client_groups("none", BTreeSet::new()).await.unwrap());
    assert!(world.store.client("none").await.unwrap().is_none());
}

async fn a_group_that_is_renamed_keeps_its_clients(world: World) {
    world.administrator().await;
    register(&world, "wiki").await;
    let group = family(&world).await;
    let wanted = ["wiki".to_owned(), "none".to_owned()];
    assert!(world.store.set_clients_of_group(group, wanted.into()).await.unwrap());
    let names = GroupNames { name: "kin".to_owned(), friendly_name: "Kin".to_owned() };
    assert!(world.store.rename_group(group, names).await.unwrap());
    let allow = |stored: doorward_store::StoredClient| stored.client().unwrap().0.policy.allow.clone();
    let stored = world.store.client("wiki").await.unwrap().unwrap();
    assert_eq!(allow(stored), Allow::AnyOf(vec!["kin".to_owned()]));
    assert_eq!(world.store.clients_of_group(group).await.unwrap(), ["wiki"]);
    assert!(world.store.delete_group(group).await.unwrap());
    let stored = world.store.client("wiki").await.unwrap().unwrap();
    assert_eq!(allow(stored), Allow::AnyOf(Vec::new()), "a group that is gone lets nobody in");
    assert!(!world.store.set_clients_of_group(group, BTreeSet::new()).await.unwrap());
}

async fn o_18_a_disabled_client_stays_disabled(world: World) {
    register(&world, "wiki").await;
    assert!(world.store.set_client_disabled("wiki", true, NOW).await.unwrap());
    assert!(!world.store.set_client_disabled("wiki", true, NOW).await.unwrap());
    assert!(world.store.set_registration("wiki", registration("Again")).await.unwrap());
    let stored = world.store.client("wiki").await.unwrap().unwrap();
    assert_eq!(stored.disabled_at, Some(NOW));
    assert!(stored.client().is_none());
    assert!(world.store.set_client_disabled("wiki", false, NOW).await.unwrap());
    assert!(world.store.client("wiki").await.unwrap().unwrap().client().is_some());
}

async fn o_27_what_a_client_held_is_revoked_with_it(world: World) {
    let person = world.person("grace", &["users"]).await;
    let session = world.sign_in(&person).await;
    for delete in [false, true] {
        register(&world, CLIENT).await;
        let (_, tokens) = world.tokens(person.id, session.id, &["openid"]).await;
        world.store.grant_consent(person.id, CLIENT, &["openid".to_owned()], NOW).await.unwrap();
        if delete {
            assert!(world.store.delete_client(CLIENT, NOW).await.unwrap());
            assert!(!world.store.delete_client(CLIENT, NOW).await.unwrap());
            register(&world, CLIENT).await;
            assert_eq!(world.store.consent(person.id, CLIENT).await.unwrap(), None);
        } else {
            assert!(world.store.set_client_disabled(CLIENT, true, NOW).await.unwrap());
            assert!(world.store.set_client_disabled(CLIENT, false, NOW).await.unwrap());
        }
        assert!(world.store.access_token(tokens.access, NOW).await.unwrap().is_none(), "{delete}");
        assert!(world.store.live_refresh_token(tokens.refresh, NOW).await.unwrap().is_none());
        assert!(world.store.delete_client(CLIENT, NOW).await.unwrap());
    }
}

async fn a_client_has_so_many_secrets_and_no_more(world: World) {
    register(&world, "wiki").await;
    let added = race(SECRETS_MAX + 3, |_| world.store.add_client_secret("wiki", secret(&world, quick("s"))));
    let added: Vec<_> = added.into_iter().map(|outcome| outcome.unwrap_or(false)).collect();
    assert_eq!(winners(&added), SECRETS_MAX);
    let held = world.store.client("wiki").await.unwrap().unwrap().secrets;
    assert_eq!(held.len(), SECRETS_MAX);
    assert!(!world.store.remove_client_secret("other", &held[0].id).await.unwrap(), "of another client");
    assert!(world.store.remove_client_secret("wiki", &held[0].id).await.unwrap());
    assert!(!world.store.remove_client_secret("wiki", &held[0].id).await.unwrap());
    let new = secret(&world, quick("new"));
    assert!(world.store.replace_client_secrets("wiki", new.clone()).await.unwrap());
    let stored = world.store.client("wiki").await.unwrap().unwrap();
    assert_eq!(stored.secrets, std::slice::from_ref(&new));
    let ClientKind::Confidential(secrets) = stored.client().unwrap().0.kind else { panic!() };
    assert!(secrets[0].hash.matches(b"new") && secrets[0].is_live(NOW) && !secrets[0].is_live(later(60)));
    assert!(!world.store.add_client_secret("none", new).await.unwrap());
}

async fn a_slow_secret_becomes_quick_once(world: World) {
    const HASH: &str = "$2a$04$abcdefghijklmnopqrstuuGR8gJ0CZk2fVjMtjl0WmCKxD7Gd8GIu";
    register(&world, "wiki").await;
    let slow = secret(&world, SecretHash::Slow(SlowHash::parse(HASH).unwrap()));
    assert!(world.store.add_client_secret("wiki", slow.clone()).await.unwrap());
    assert_eq!(world.store.client("wiki").await.unwrap().unwrap().secrets, std::slice::from_ref(&slow));
    let became = race(8, |_| world.store.quicken_client_secret(&slow.id, HashedSecret::of(b"s3cret")));
    let became: Vec<_> = became.into_iter().map(Result::unwrap).collect();
    assert_eq!(winners(&became), 1);
    let held = world.store.client("wiki").await.unwrap().unwrap().secrets;
    assert_eq!((&held[0].hash, held[0].expires_at), (&quick("s3cret"), slow.expires_at));
}

async fn a_11_a_registration_in_another_row_is_an_error(world: World) {
    register(&world, "wiki").await;
    register(&world, "bank").await;
    let move_it = "UPDATE clients SET registration = (SELECT registration FROM clients WHERE id = 'wiki') WHERE id = 'bank'";
    world.raw().run(move_it).await;
    let read = world.store.client("bank").await;
    assert!(matches!(read, Err(StoreError::Corrupt { table: "clients", .. })), "{read:?}");
}
