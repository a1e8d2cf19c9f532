//! Deleting what has expired, and only that.

use doorward_core::{
    time::{Lifetime, UnixTime},
    token::{Enrolment, Setup},
};

use super::world::{NOW, SESSION, World, later};

on_both_engines![
    nothing_that_is_live_is_swept,
    everything_that_has_expired_is_swept,
    a_sweep_is_bounded,
    ended_sessions_are_kept_for_a_week,
    w_6_a_challenge_is_remembered_longer_than_any_clock_is_wrong,
];

const TABLES: [&str; 8] = [
    "consumed_challenges",
    "setups",
    "enrolments",
    "handoffs",
    "access_tokens",
    "authorization_codes",
    "token_families",
    "sessions",
];

/// One row or more in each table that the sweep visits.
async fn something_of_everything(world: &World) {
    world.store.issue_setup(world.token::<Setup>().hash(), later(60)).await.unwrap();
    let person = world.person("grace", &["users"]).await;
    world.store.issue_enrolment(world.token::<Enrolment>().hash(), person.id, later(60)).await.unwrap();
    let portal = world.sign_in(&person).await;
    world.open_notes(portal.id).await;
    world.tokens(person.id, portal.id, &["openid"]).await;
}

async fn counts(world: &World) -> Vec<u64> {
    let mut counts = Vec::new();
    for table in TABLES {
        counts.push(world.raw().count(table).await);
    }
    counts
}

async fn nothing_that_is_live_is_swept(world: World) {
    something_of_everything(&world).await;
    let before = counts(&world).await;
    assert!(before.iter().all(|count| *count > 0), "{before:?}");
    assert_eq!(world.store.sweep(later(59), 1000).await.unwrap(), 0);
    assert_eq!(counts(&world).await, before);
}

async fn everything_that_has_expired_is_swept(world: World) {
    something_of_everything(&world).await;
    assert!(world.store.sweep(NOW.after(SESSION), 1000).await.unwrap() > 0);
    assert_eq!(counts(&world).await, [0; TABLES.len()]);
    assert_eq!(world.store.users(None, 10).await.unwrap().len(), 1);
    assert_eq!(world.raw().count("credentials").await, 1);
}

async fn a_sweep_is_bounded(world: World) {
    let person = world.person("grace", &["users"]).await;
    for _ in 0..5 {
        world.sign_in(&person).await;
    }
    let end = NOW.after(SESSION);
    world.store.sweep(end, 2).await.unwrap();
    assert_eq!(world.raw().count("sessions").await, 3);
    world.store.sweep(end, 2).await.unwrap();
    world.store.sweep(end, 2).await.unwrap();
    assert_eq!(world.raw().count("sessions").await, 0);
}

async fn ended_sessions_are_kept_for_a_week(world: World) {
    let person = world.person("grace", &["users"]).await;
    let (ended, live) = (world.sign_in(&person).await, world.sign_in(&person).await);
    world.store.end_portal_session(ended.id, NOW).await.unwrap();
    let week = NOW.after(Lifetime::days(7));
    world.store.sweep(UnixTime(week.0 - 1), 1000).await.unwrap();
    assert_eq!(world.raw().count("sessions").await, 2);
    world.store.sweep(week, 1000).await.unwrap();
    assert_eq!(world.raw().count("sessions").await, 1);
    assert!(world.store.sessions_of(person.id, week).await.unwrap()[0].id == live.id);
}

/// A node whose clock is ahead must not make a challenge good again on a node whose clock is behind, nor for a request
/// that read the time before the sweep did.
async fn w_6_a_challenge_is_remembered_longer_than_any_clock_is_wrong(world: World) {
    let person = world.person("grace", &["users"]).await;
    let (first, _) = world.sign_in_of(&person);
    let (mut replayed, _) = world.sign_in_of(&person);
    replayed.challenge = first.challenge;
    let expiry = first.challenge.expires_at;
    assert!(world.store.complete_login(first, NOW).await.unwrap());
    world.store.sweep(expiry.after(Lifetime::minutes(5)), 1000).await.unwrap();
    assert!(!world.store.complete_login(replayed, UnixTime(expiry.0 - 1)).await.unwrap());
}
