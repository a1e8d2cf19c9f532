//! The counter by which caches and open connections learn that something changed.

use std::{task::Poll, time::Duration};

use super::world::{NOW, World, groups, later};

on_both_engines![
    changes_to_people_groups_and_sessions_raise_the_generation,
    reading_and_using_raise_nothing,
    what_did_not_happen_raises_nothing,
    a_waiter_wakes,
    e_1_a_change_counts_even_if_the_one_who_asked_for_it_left,
];

async fn changes_to_people_groups_and_sessions_raise_the_generation(world: World) {
    let mut last = world.store.generation();
    let mut rose = |what: &str| {
        let now = world.store.generation();
        assert!(now > last, "{what} must raise the generation");
        last = now;
    };
    world.administrator().await;
    rose("set-up");
    let person = world.person("grace", &["users"]).await;
    rose("a new person");
    let session = world.sign_in(&person).await;
    rose("a sign-in");
    world.store.set_groups(person.id, groups(&["family"]), NOW).await.unwrap();
    rose("a change of groups");
    world.store.set_disabled(person.id, true, NOW).await.unwrap();
    rose("disabling");
    world.store.set_disabled(person.id, false, NOW).await.unwrap();
    rose("enabling");
    world.store.end_portal_session(session.id, NOW).await.unwrap();
    rose("a sign-out");
    world.store.end_sessions_of(person.id, NOW).await.unwrap();
    rose("the end of all sessions");
}

async fn reading_and_using_raise_nothing(world: World) {
    let person = world.person("grace", &["users"]).await;
    let portal = world.sign_in(&person).await;
    let stored = async || world.raw().value("SELECT number FROM meta WHERE key = 'generation'").await;
    let before = stored().await;
    let notes = world.open_notes(portal.id).await;
    world.store.touch_session(notes.id, later(5)).await.unwrap();
    assert!(world.notes(&notes, later(5)).await.is_some());
    world.tokens(person.id, portal.id, &["openid"]).await;
    world.store.sweep(later(5), 1000).await.unwrap();
    assert_eq!(stored().await, before);
}

/// Otherwise whoever replays a sign-in could keep every cache empty.
async fn what_did_not_happen_raises_nothing(world: World) {
    let person = world.person("grace", &["users"]).await;
    let (first, _) = world.sign_in_of(&person);
    let (mut replayed, _) = world.sign_in_of(&person);
    replayed.challenge = first.challenge;
    assert!(world.store.complete_login(first, NOW).await.unwrap());
    let stored = async || world.raw().value("SELECT number FROM meta WHERE key = 'generation'").await;
    let before = stored().await;
    assert!(!world.store.complete_login(replayed, NOW).await.unwrap());
    assert!(world.store.create_user(world.new_user("grace", &[]), NOW).await.is_err());
    assert_eq!(stored().await, before);
}

async fn a_waiter_wakes(world: World) {
    let person = world.person("grace", &["users"]).await;
    let session = world.sign_in(&person).await;
    let mut changes = world.store.changes();
    let seen = *changes.borrow_and_update();
    world.store.end_portal_session(session.id, NOW).await.unwrap();
    tokio::time::timeout(Duration::from_secs(5), changes.changed()).await.expect("it wakes").unwrap();
    assert!(*changes.borrow() > seen);
    assert!(world.store.generation() > seen);
}

/// A browser that goes away during sign-out drops the request, not the sign-out: caches must hear of it.
async fn e_1_a_change_counts_even_if_the_one_who_asked_for_it_left(world: World) {
    let person = world.person("grace", &["users"]).await;
    let session = world.sign_in(&person).await;
    let mut changes = world.store.changes();
    changes.borrow_and_update();
    {
        let mut abandoned = std::pin::pin!(world.store.end_portal_session(session.id, NOW));
        // Once is enough to send it on its way.
        let _ = std::future::poll_fn(|context| Poll::Ready(abandoned.as_mut().poll(context))).await;
    }
    tokio::time::timeout(Duration::from_secs(5), changes.changed())
        .await
        .expect("caches hear of it")
        .unwrap();
    assert!(world.portal(&session, NOW).await.is_none());
}
