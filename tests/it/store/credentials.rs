//! Passkeys.

use doorward_store::{Constraint, NewCredential, StoreError};

use super::{
    passkey::Passkey,
    world::{NOW, World, later, race, winners},
};

on_both_engines![
    a_passkey_is_read_back_as_registered,
    w_6_a_passkey_registered_by_one_person_is_refused_to_another,
    w_6_a_challenge_adds_one_passkey,
    w_6_one_of_many_at_once_adds,
    o_24_a_disabled_person_adds_nothing,
    a_passkey_is_renamed_by_its_owner_only,
    a_passkey_is_removed_by_its_owner_only,
    the_last_passkey_stays,
    the_last_passkey_stays_when_all_are_removed_at_once,
];

fn new(passkey: &Passkey, label: &str) -> NewCredential {
    NewCredential { registration: passkey.registration(), label: label.to_owned() }
}

async fn a_passkey_is_read_back_as_registered(world: World) {
    let person = world.person("grace", &["users"]).await;
    let second = world.passkey(person.id);
    assert!(
        world.store.add_credential(new(&second, "Téléphone 📱"), world.challenge(), later(5)).await.unwrap()
    );
    let rows = world.store.credentials_of(person.id).await.unwrap();
    assert_eq!(
        rows.iter().map(|row| row.id.clone()).collect::<Vec<_>>(),
        [person.passkey.id.clone(), second.id.clone()]
    );
    assert_eq!((rows[1].label.as_str(), rows[1].aaguid, rows[1].backed_up), ("Téléphone 📱", [3; 16], false));
    assert_eq!((rows[1].created_at, rows[1].last_used_at), (later(5), None));

    let stored = world.store.credential(second.id.clone()).await.unwrap().unwrap();
    assert_eq!(stored.credential.public_key, second.public_key());
    assert_eq!((stored.credential.user, stored.credential.sign_count), (person.id, 0));
    assert_eq!((stored.account.user, stored.account.disabled_at), (person.id, None));
    assert!(world.store.credential(vec![1, 2, 3]).await.unwrap().is_none());
}

async fn w_6_a_passkey_registered_by_one_person_is_refused_to_another(world: World) {
    let (person, thief) = (world.person("grace", &["users"]).await, world.person("eve", &["users"]).await);
    let claimed =
        NewCredential { registration: person.passkey.claimed_by(thief.id), label: "Mine".to_owned() };
    let challenge = world.challenge();
    let outcome = world.store.add_credential(claimed, challenge, NOW).await;
    assert_eq!(outcome, Err(StoreError::Conflict(Constraint::Credential)));
    let owner = world.store.credential(person.passkey.id.clone()).await.unwrap().unwrap().credential.user;
    assert_eq!(owner, person.id);
    let another = world.passkey(thief.id);
    assert!(
        world.store.add_credential(new(&another, "Key"), challenge, NOW).await.unwrap(),
        "nothing had happened"
    );
}

async fn w_6_a_challenge_adds_one_passkey(world: World) {
    let person = world.person("grace", &["users"]).await;
    let challenge = world.challenge();
    assert!(world.store.add_credential(new(&world.passkey(person.id), "One"), challenge, NOW).await.unwrap());
    assert!(
        !world.store.add_credential(new(&world.passkey(person.id), "Two"), challenge, NOW).await.unwrap()
    );
    assert_eq!(world.store.credentials_of(person.id).await.unwrap().len(), 2);
}

async fn w_6_one_of_many_at_once_adds(world: World) {
    let person = world.person("grace", &["users"]).await;
    let challenge = world.challenge();
    let won = race(12, |_| {
        let new = new(&world.passkey(person.id), "Key");
        async { world.store.add_credential(new, challenge, NOW).await.unwrap() }
    });
    assert_eq!(winners(&won), 1);
    assert_eq!(world.store.credentials_of(person.id).await.unwrap().len(), 2);
}

async fn o_24_a_disabled_person_adds_nothing(world: World) {
    world.administrator().await;
    let person = world.person("grace", &["users"]).await;
    world.store.set_disabled(person.id, true, NOW).await.unwrap();
    let second = world.passkey(person.id);
    assert!(!world.store.add_credential(new(&second, "Key"), world.challenge(), NOW).await.unwrap());
    assert!(world.store.credential(second.id).await.unwrap().is_none());
}

async fn a_passkey_is_renamed_by_its_owner_only(world: World) {
    let (person, thief) = (world.person("grace", &["users"]).await, world.person("eve", &["users"]).await);
    let id = person.passkey.id.clone();
    assert!(!world.store.rename_credential(thief.id, id.clone(), "Mine".to_owned()).await.unwrap());
    assert_eq!(world.store.credentials_of(person.id).await.unwrap()[0].label, "Key");
    assert!(world.store.rename_credential(person.id, id, "Desk".to_owned()).await.unwrap());
    assert_eq!(world.store.credentials_of(person.id).await.unwrap()[0].label, "Desk");
}

async fn a_passkey_is_removed_by_its_owner_only(world: World) {
    let (person, thief) = (world.person("grace", &["users"]).await, world.person("eve", &["users"]).await);
    let second = world.passkey(person.id);
    assert!(world.store.add_credential(new(&second, "Key"), world.challenge(), NOW).await.unwrap());
    assert!(!world.store.remove_credential(thief.id, second.id.clone()).await.unwrap());
    assert!(world.store.credential(second.id.clone()).await.unwrap().is_some());
    assert!(world.store.remove_credential(person.id, second.id.clone()).await.unwrap());
    assert!(!world.store.remove_credential(person.id, second.id.clone()).await.unwrap());
    assert!(world.store.credential(second.id).await.unwrap().is_none());
}

async fn the_last_passkey_stays(world: World) {
    let person = world.person("grace", &["users"]).await;
    let outcome = world.store.remove_credential(person.id, person.passkey.id.clone()).await;
    assert_eq!(outcome, Err(StoreError::Conflict(Constraint::LastCredential)));
    assert_eq!(world.store.credentials_of(person.id).await.unwrap().len(), 1);
}

async fn the_last_passkey_stays_when_all_are_removed_at_once(world: World) {
    let person = world.person("grace", &["users"]).await;
    let mut ids = vec![person.passkey.id.clone()];
    for _ in 0..5 {
        let passkey = world.passkey(person.id);
        ids.push(passkey.id.clone());
        assert!(world.store.add_credential(new(&passkey, "Key"), world.challenge(), NOW).await.unwrap());
    }
    let outcome = race(6, |at| world.store.remove_credential(person.id, ids[at].clone()));
    assert_eq!(outcome.iter().filter(|outcome| **outcome == Ok(true)).count(), 5);
    assert_eq!(world.store.credentials_of(person.id).await.unwrap().len(), 1);
}
