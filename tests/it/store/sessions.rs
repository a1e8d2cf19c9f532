//! Sessions: when they are live, and what ends them.

use doorward_core::time::{Lifetime, UnixTime};

use super::world::{IDLE, NOTES, NOW, PORTAL, SESSION, World, groups, later};

on_both_engines![
    impossible_4_a_session_is_live_on_its_own_host_only,
    impossible_7_sessions_outlive_a_restart,
    e_3_a_session_ends_at_the_second_it_expires,
    e_3_an_idle_session_ends_at_the_second,
    use_keeps_a_session_and_its_portal_session_from_being_idle,
    use_never_goes_back_in_time,
    use_does_not_revive_an_ended_session,
    audit_9_sign_out_ends_the_session_on_every_host,
    audit_9_a_service_session_alone_is_not_signed_out,
    e_1_all_sessions_of_a_person_end_at_once,
    e_2_a_disabled_persons_sessions_stop_and_come_back,
    groups_are_those_of_now,
    a_person_sees_their_live_portal_sessions_only,
    a_long_user_agent_is_cut,
    e_7_a_session_identifier_opens_nothing,
];

async fn impossible_4_a_session_is_live_on_its_own_host_only(world: World) {
    let portal = world.sign_in(&world.person("grace", &["users"]).await).await;
    let notes = world.open_notes(portal.id).await;
    assert!(world.store.session(&portal.token, NOTES, IDLE, NOW).await.unwrap().is_none());
    assert!(world.store.session(&notes.token, PORTAL, IDLE, NOW).await.unwrap().is_none());
    assert!(world.store.session(&notes.token, "vault.localhost", IDLE, NOW).await.unwrap().is_none());
    assert!(world.notes(&notes, NOW).await.is_some());
}

async fn impossible_7_sessions_outlive_a_restart(world: World) {
    let portal = world.sign_in(&world.person("grace", &["users"]).await).await;
    let notes = world.open_notes(portal.id).await;
    let ended = world.sign_in(&world.person("vera", &["users"]).await).await;
    world.store.end_portal_session(ended.id, NOW).await.unwrap();
    let world = world.restart();
    assert!(world.portal(&portal, NOW).await.is_some());
    assert!(world.notes(&notes, NOW).await.is_some());
    assert!(world.portal(&ended, NOW).await.is_none());
}

/// Expiry is checked at read: no sweep runs here.
async fn e_3_a_session_ends_at_the_second_it_expires(world: World) {
    let portal = world.sign_in(&world.person("grace", &["users"]).await).await;
    let notes = world.open_notes(portal.id).await;
    let (end, never_idle) = (NOW.after(SESSION), Lifetime(u32::MAX));
    let live = async |now: UnixTime| {
        let on_portal = world.store.session(&portal.token, PORTAL, never_idle, now).await.unwrap().is_some();
        let on_notes = world.store.session(&notes.token, NOTES, never_idle, now).await.unwrap().is_some();
        (on_portal, on_notes)
    };
    assert_eq!(live(UnixTime(end.0 - 1)).await, (true, true));
    assert_eq!(live(end).await, (false, false));
    // Use does not prolong it.
    world.store.touch_session(notes.id, UnixTime(end.0 - 1)).await.unwrap();
    assert_eq!(live(end).await, (false, false));
}

async fn e_3_an_idle_session_ends_at_the_second(world: World) {
    let portal = world.sign_in(&world.person("grace", &["users"]).await).await;
    let notes = world.open_notes(portal.id).await;
    let idle = NOW.after(IDLE);
    assert!(world.portal(&portal, UnixTime(idle.0 - 1)).await.is_some());
    assert!(world.portal(&portal, idle).await.is_none());
    assert!(world.notes(&notes, UnixTime(idle.0 - 1)).await.is_some());
    assert!(world.notes(&notes, idle).await.is_none());
}

async fn use_keeps_a_session_and_its_portal_session_from_being_idle(world: World) {
    let portal = world.sign_in(&world.person("grace", &["users"]).await).await;
    let notes = world.open_notes(portal.id).await;
    let other = world.open_notes(portal.id).await;
    world.store.touch_session(notes.id, later(1000)).await.unwrap();
    let idle = NOW.after(IDLE);
    assert!(world.notes(&notes, idle).await.is_some());
    assert!(world.portal(&portal, idle).await.is_some());
    assert!(world.notes(&other, idle).await.is_none(), "use of one service is not use of another");
    let idle = later(1000).after(IDLE);
    assert!(world.notes(&notes, idle).await.is_none());
    assert!(world.portal(&portal, idle).await.is_none());
}

async fn use_never_goes_back_in_time(world: World) {
    let portal = world.sign_in(&world.person("grace", &["users"]).await).await;
    world.store.touch_session(portal.id, later(1000)).await.unwrap();
    world.store.touch_session(portal.id, later(500)).await.unwrap();
    assert!(world.portal(&portal, later(999).after(IDLE)).await.is_some());
}

async fn use_does_not_revive_an_ended_session(world: World) {
    let portal = world.sign_in(&world.person("grace", &["users"]).await).await;
    world.store.end_portal_session(portal.id, NOW).await.unwrap();
    world.store.touch_session(portal.id, later(5)).await.unwrap();
    assert!(world.portal(&portal, later(5)).await.is_none());
}

async fn audit_9_sign_out_ends_the_session_on_every_host(world: World) {
    let person = world.person("grace", &["users"]).await;
    let portal = world.sign_in(&person).await;
    let hosts = [
        world.open_notes(portal.id).await,
        world.open_notes(portal.id).await,
        world.open_notes(portal.id).await,
    ];
    let elsewhere = world.sign_in(&person).await;
    assert!(world.store.end_portal_session(portal.id, NOW).await.unwrap());
    assert!(!world.store.end_portal_session(portal.id, NOW).await.unwrap(), "it was live once");
    assert!(world.portal(&portal, NOW).await.is_none());
    for session in &hosts {
        assert!(world.notes(session, NOW).await.is_none());
    }
    assert!(world.portal(&elsewhere, NOW).await.is_some(), "another browser is another session");
}

async fn audit_9_a_service_session_alone_is_not_signed_out(world: World) {
    let portal = world.sign_in(&world.person("grace", &["users"]).await).await;
    let notes = world.open_notes(portal.id).await;
    assert!(!world.store.end_portal_session(notes.id, NOW).await.unwrap());
    assert!(world.notes(&notes, NOW).await.is_some());
}

async fn e_1_all_sessions_of_a_person_end_at_once(world: World) {
    let (person, other) = (world.person("grace", &["users"]).await, world.person("vera", &["users"]).await);
    let sessions = [world.sign_in(&person).await, world.sign_in(&person).await];
    let notes = world.open_notes(sessions[0].id).await;
    let untouched = world.sign_in(&other).await;
    world.store.end_sessions_of(person.id, NOW).await.unwrap();
    for session in &sessions {
        assert!(world.portal(session, NOW).await.is_none());
    }
    assert!(world.notes(&notes, NOW).await.is_none());
    assert!(world.portal(&untouched, NOW).await.is_some());
}

async fn e_2_a_disabled_persons_sessions_stop_and_come_back(world: World) {
    world.administrator().await;
    let person = world.person("grace", &["users"]).await;
    let portal = world.sign_in(&person).await;
    let notes = world.open_notes(portal.id).await;
    assert!(world.store.set_disabled(person.id, true, NOW).await.unwrap());
    assert!(world.portal(&portal, NOW).await.is_none());
    assert!(world.notes(&notes, NOW).await.is_none());
    assert!(world.store.set_disabled(person.id, false, NOW).await.unwrap());
    assert!(world.portal(&portal, NOW).await.is_some());
}

async fn groups_are_those_of_now(world: World) {
    world.administrator().await;
    let person = world.person("grace", &["users"]).await;
    let notes = world.open_notes(world.sign_in(&person).await.id).await;
    assert_eq!(*world.notes(&notes, NOW).await.unwrap().groups, groups(&["users"]));
    world.store.set_groups(person.id, groups(&["family"]), NOW).await.unwrap();
    assert_eq!(*world.notes(&notes, NOW).await.unwrap().groups, groups(&["family"]));
}

async fn a_person_sees_their_live_portal_sessions_only(world: World) {
    let person = world.person("grace", &["users"]).await;
    let (first, second, ended) =
        (world.sign_in(&person).await, world.sign_in(&person).await, world.sign_in(&person).await);
    world.open_notes(first.id).await;
    world.sign_in(&world.person("vera", &["users"]).await).await;
    world.store.end_portal_session(ended.id, NOW).await.unwrap();
    world.store.touch_session(second.id, later(10)).await.unwrap();
    let rows = world.store.sessions_of(person.id, later(20)).await.unwrap();
    assert_eq!(rows.iter().map(|row| row.id).collect::<Vec<_>>(), [second.id, first.id]);
    assert_eq!((rows[0].created_at, rows[0].last_used_at), (NOW, later(10)));
    assert_eq!(rows[0].user_agent, "Gecko of the tests");
    assert_eq!(world.store.sessions_of(person.id, NOW.after(SESSION)).await.unwrap(), []);
}

async fn a_long_user_agent_is_cut(world: World) {
    let person = world.person("grace", &["users"]).await;
    let (mut sign_in, _) = world.sign_in_of(&person);
    sign_in.session.user_agent = "é".repeat(10_000);
    assert!(world.store.complete_login(sign_in, NOW).await.unwrap());
    assert_eq!(world.store.sessions_of(person.id, NOW).await.unwrap()[0].user_agent, "é".repeat(300));
}

async fn e_7_a_session_identifier_opens_nothing(world: World) {
    let portal = world.sign_in(&world.person("grace", &["users"]).await).await;
    let token = doorward_core::token::Hashed::of_text(portal.id.as_str());
    assert!(world.store.session(&token, PORTAL, IDLE, NOW).await.unwrap().is_none());
}
