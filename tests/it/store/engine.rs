//! What the engines do when the database does not do as it is told.

use std::time::Duration;

use doorward_store::{Rotation, StoreError};

use super::{
    raw::Raw,
    world::{CLIENT, IDLE, Kind, NOW, PORTAL, World, groups, later, race, run, winners},
};

on_both_engines![
    s_16_a_value_that_is_too_long_reaches_no_engine,
    one_unit_of_work_that_fails_undoes_itself_only,
    o_8_a_sign_out_that_was_not_stored_is_an_error,
    o_8_a_revocation_that_was_not_stored_is_an_error,
    o_8_a_change_that_was_not_stored_raises_the_generation_or_nothing,
];

/// Whatever a caller forgot to bound: text, sealed bytes, and what is only looked for.
async fn s_16_a_value_that_is_too_long_reaches_no_engine(world: World) {
    let long = "a".repeat((1 << 20) + 1);
    let portal = world.sign_in(&world.person("grace", &["users"]).await).await;
    let before = world.raw().count("users").await;
    let mut sealed = world.new_user("vera", &["users"]);
    sealed.profile.display_name.clone_from(&long);
    assert_eq!(world.store.create_user(sealed, NOW).await.map(drop), Err(StoreError::TooLarge));
    let group = world.new_user("vera", &["users", &long]);
    assert_eq!(world.store.create_user(group, NOW).await.map(drop), Err(StoreError::TooLarge));
    let found = world.store.session(&portal.token, &long, IDLE, NOW).await;
    assert_eq!(found.map(drop), Err(StoreError::TooLarge));
    assert_eq!(world.raw().count("users").await, before, "nothing of it happened");
    assert!(world.portal(&portal, NOW).await.is_some());
}

async fn one_unit_of_work_that_fails_undoes_itself_only(world: World) {
    world.store.create_user(world.new_user("grace", &["users"]), NOW).await.unwrap();
    let won: Vec<_> = race(24, |at| {
        let name = if at % 3 == 0 { "grace".to_owned() } else { format!("vera{at}") };
        world.store.create_user(world.new_user(&name, &["users", &format!("of-{name}-{at}")]), NOW)
    });
    let won: Vec<_> = won.iter().map(Result::is_ok).collect();
    assert_eq!(winners(&won), 16);
    assert_eq!(world.store.users(None, 100).await.unwrap().len(), 17);
    assert_eq!(world.store.groups().await.unwrap().len(), 17, "no group of a refused person is left");
}

/// Makes each update of `table` fail.
async fn break_updates_of(raw: &Raw, table: &str) {
    let sql = match raw {
        Raw::Sqlite(_) => {
            format!("CREATE TRIGGER broken BEFORE UPDATE ON {table} BEGIN SELECT RAISE(ABORT, 'broken'); END")
        }
        Raw::Postgres(_) => format!(
            "CREATE FUNCTION broken() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''broken''; END'; \
             CREATE TRIGGER broken BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION broken()"
        ),
    };
    raw.run(&sql).await;
}

async fn mend_updates_of(raw: &Raw, table: &str) {
    let of = if matches!(raw, Raw::Postgres(_)) { format!(" ON {table}") } else { String::new() };
    raw.run(&format!("DROP TRIGGER broken{of}")).await;
}

async fn o_8_a_sign_out_that_was_not_stored_is_an_error(world: World) {
    let portal = world.sign_in(&world.person("grace", &["users"]).await).await;
    break_updates_of(&world.raw(), "sessions").await;
    assert!(world.store.end_portal_session(portal.id, NOW).await.is_err());
    mend_updates_of(&world.raw(), "sessions").await;
    assert!(world.portal(&portal, NOW).await.is_some());
    assert!(world.store.end_portal_session(portal.id, NOW).await.unwrap());
}

async fn o_8_a_revocation_that_was_not_stored_is_an_error(world: World) {
    let person = world.person("grace", &["users"]).await;
    let portal = world.sign_in(&person).await;
    let (_, first) = world.tokens(person.id, portal.id, &["openid"]).await;
    let rotation =
        world.store.rotate_refresh_token(first.refresh, CLIENT, world.new_tokens(), NOW).await.unwrap();
    assert!(matches!(rotation, Rotation::Rotated(_)));
    break_updates_of(&world.raw(), "token_families").await;
    assert!(world.store.rotate_refresh_token(first.refresh, CLIENT, world.new_tokens(), NOW).await.is_err());
    mend_updates_of(&world.raw(), "token_families").await;
    let rotation =
        world.store.rotate_refresh_token(first.refresh, CLIENT, world.new_tokens(), NOW).await.unwrap();
    assert!(matches!(rotation, Rotation::Reused));
}

async fn o_8_a_change_that_was_not_stored_raises_the_generation_or_nothing(world: World) {
    world.administrator().await;
    let person = world.person("grace", &["users"]).await;
    break_updates_of(&world.raw(), "users").await;
    assert!(world.store.set_disabled(person.id, true, NOW).await.is_err());
    mend_updates_of(&world.raw(), "users").await;
    assert_eq!(world.store.user(person.id).await.unwrap().unwrap().disabled_at, None);
    let before = world.store.generation();
    assert!(world.store.set_disabled(person.id, true, NOW).await.unwrap());
    assert!(world.store.generation() > before);
}

/// A restart of the server, or an idle connection that something on the way dropped.
#[test]
fn postgres_connections_that_break_are_replaced() {
    run(Kind::Postgres, async |world: World| {
        let portal = world.sign_in(&world.person("grace", &["users"]).await).await;
        for round in 0..3 {
            let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                          WHERE datname = current_database() AND pid <> pg_backend_pid()";
            world.raw().run(others).await;
            let found = race(12, |_| world.store.session(&portal.token, PORTAL, IDLE, NOW));
            assert!(found.iter().all(|found| matches!(found, Ok(Some(_)))), "round {round}: {found:?}");
            let new = world.new_user(&format!("person{round}"), &["users"]);
            world.store.create_user(new, NOW).await.unwrap();
        }
    });
}

#[test]
fn e_1_postgres_another_node_hears_of_a_change_within_a_second() {
    run(Kind::Postgres, async |world: World| {
        let person = world.person("grace", &["users"]).await;
        let portal = world.sign_in(&person).await;
        let other = world.another_node();
        let mut changes = other.changes();
        changes.borrow_and_update();
        world.store.end_portal_session(portal.id, NOW).await.unwrap();
        tokio::time::timeout(Duration::from_secs(1), changes.changed())
            .await
            .expect("within a second")
            .unwrap();
        assert!(other.session(&portal.token, PORTAL, IDLE, NOW).await.unwrap().is_none());
    });
}

/// A node that reads something before it first asks for the generation must still learn that it changed.
#[test]
fn e_1_postgres_a_change_right_after_opening_is_heard_of() {
    run(Kind::Postgres, async |world: World| {
        let person = world.person("grace", &["users"]).await;
        for _ in 0..5 {
            let portal = world.sign_in(&person).await;
            let other = world.another_node();
            let before = other.generation();
            assert!(other.session(&portal.token, PORTAL, IDLE, NOW).await.unwrap().is_some());
            world.store.end_portal_session(portal.id, NOW).await.unwrap();
            let mut changes = other.changes();
            let heard = changes.wait_for(|generation| *generation > before);
            tokio::time::timeout(Duration::from_secs(1), heard).await.expect("within a second").unwrap();
        }
    });
}

/// The server's defaults are its administrator's; our single-use guarantees do not hang on them.
#[test]
fn postgres_stricter_isolation_by_default_changes_nothing() {
    run(Kind::Postgres, async |world: World| {
        let name = world.raw().value("SELECT current_database()").await;
        world
            .raw()
            .run(&format!("ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'"))
            .await;
        let world = world.restart();
        let portal = world.sign_in(&world.person("grace", &["users"]).await).await;
        let (handoff, session) = world.handoff_of(portal.id);
        let code = handoff.code;
        world.store.issue_handoff(handoff).await.unwrap();
        let won = race(30, |_| {
            let mut session = session.clone();
            session.id = doorward_core::id::SessionId::from_random(world.bytes());
            session.token = world.token().hash();
            async { world.store.redeem_handoff(code, session, NOW).await.unwrap() }
        });
        assert_eq!(winners(&won), 1);
        let touched = race(12, |at| world.store.touch_session(portal.id, later(u32::try_from(at).unwrap())));
        assert!(touched.iter().all(Result::is_ok), "{touched:?}");
    });
}

/// Use of a service locks child and parent, sign-out parent and children: whoever loses is tried again.
#[test]
fn postgres_units_of_work_that_lock_each_other_out_are_tried_again() {
    run(Kind::Postgres, async |world: World| {
        let person = world.person("grace", &["users"]).await;
        for round in 0..4 {
            let portal = world.sign_in(&person).await;
            let notes = [world.open_notes(portal.id).await, world.open_notes(portal.id).await];
            let outcome: Vec<Result<(), StoreError>> = race(6, async |at| match at {
                0 => world.store.end_portal_session(portal.id, NOW).await.map(drop),
                1 => world.store.set_groups(person.id, groups(&["users"]), NOW).await.map(drop).or(Ok(())),
                _ => {
                    world
                        .store
                        .touch_session(notes[at % 2].id, later(round + u32::try_from(at).unwrap()))
                        .await
                }
            });
            assert!(outcome.iter().all(Result::is_ok), "{outcome:?}");
            assert!(world.portal(&portal, NOW).await.is_none());
        }
    });
}
