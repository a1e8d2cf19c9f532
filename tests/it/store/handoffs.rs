//! Handing a portal session over to a service's host.

use doorward_core::id::SessionId;

use super::world::{NOW, SESSION, SignedIn, World, later, race, winners};

on_both_engines![
    a_handoff_becomes_a_session_of_its_host,
    a_handoff_is_redeemed_once,
    one_of_many_at_once_redeems,
    e_3_a_handoff_ends_at_the_second_it_expires,
    impossible_4_a_handoff_for_one_host_opens_no_other,
    e_16_a_handoff_is_for_the_browser_that_asked,
    o_24_a_handoff_of_an_ended_session_opens_nothing,
    o_24_a_handoff_of_a_disabled_person_opens_nothing,
    e_10_a_service_session_hands_nothing_over,
    a_service_session_ends_with_the_portal_sessions_lifetime,
];

async fn a_handoff_becomes_a_session_of_its_host(world: World) {
    let person = world.person("grace", &["users"]).await;
    let portal = world.sign_in(&person).await;
    let notes = world.open_notes(portal.id).await;
    let identity = world.notes(&notes, NOW).await.unwrap();
    assert_eq!(
        (identity.subject, identity.session, identity.portal_session),
        (person.id, notes.id, portal.id)
    );
    assert_eq!(identity.context.auth_time, NOW);
}

async fn a_handoff_is_redeemed_once(world: World) {
    let portal = world.sign_in(&world.person("grace", &["users"]).await).await;
    let (handoff, mut session) = world.handoff_of(portal.id);
    let code = handoff.code;
    world.store.issue_handoff(handoff).await.unwrap();
    assert!(world.store.redeem_handoff(code, session.clone(), NOW).await.unwrap());
    session.id = SessionId::from_random(world.bytes());
    session.token = world.token().hash();
    assert!(!world.store.redeem_handoff(code, session.clone(), NOW).await.unwrap());
    assert!(world.notes(&SignedIn { id: session.id, token: session.token }, NOW).await.is_none());
}

async fn one_of_many_at_once_redeems(world: World) {
    let portal = world.sign_in(&world.person("grace", &["users"]).await).await;
    let (handoff, session) = world.handoff_of(portal.id);
    let code = handoff.code;
    world.store.issue_handoff(handoff).await.unwrap();
    let won = race(50, |_| {
        let mut session = session.clone();
        session.id = SessionId::from_random(world.bytes());
        session.token = world.token().hash();
        async { world.store.redeem_handoff(code, session, NOW).await.unwrap() }
    });
    assert_eq!(winners(&won), 1);
    assert_eq!(world.raw().count("sessions").await, 2);
}

async fn e_3_a_handoff_ends_at_the_second_it_expires(world: World) {
    let portal = world.sign_in(&world.person("grace", &["users"]).await).await;
    let (handoff, session) = world.handoff_of(portal.id);
    let code = handoff.code;
    world.store.issue_handoff(handoff).await.unwrap();
    assert!(!world.store.redeem_handoff(code, session.clone(), later(60)).await.unwrap());
    assert!(world.store.redeem_handoff(code, session, later(59)).await.unwrap());
}

async fn impossible_4_a_handoff_for_one_host_opens_no_other(world: World) {
    let portal = world.sign_in(&world.person("grace", &["users"]).await).await;
    let (handoff, session) = world.handoff_of(portal.id);
    let code = handoff.code;
    world.store.issue_handoff(handoff).await.unwrap();
    let mut elsewhere = session.clone();
    elsewhere.host = String::from("vault.localhost");
    assert!(!world.store.redeem_handoff(code, elsewhere, NOW).await.unwrap());
    assert!(
        world.store.redeem_handoff(code, session, NOW).await.unwrap(),
        "a wrong host must not burn the code"
    );
}

async fn e_16_a_handoff_is_for_the_browser_that_asked(world: World) {
    let portal = world.sign_in(&world.person("grace", &["users"]).await).await;
    let (handoff, session) = world.handoff_of(portal.id);
    let code = handoff.code;
    world.store.issue_handoff(handoff).await.unwrap();
    let mut other_browser = session.clone();
    other_browser.challenge = world.bytes();
    assert!(!world.store.redeem_handoff(code, other_browser, NOW).await.unwrap());
    assert!(world.store.redeem_handoff(code, session, NOW).await.unwrap());
}

async fn o_24_a_handoff_of_an_ended_session_opens_nothing(world: World) {
    let portal = world.sign_in(&world.person("grace", &["users"]).await).await;
    let (handoff, session) = world.handoff_of(portal.id);
    let code = handoff.code;
    world.store.issue_handoff(handoff).await.unwrap();
    world.store.end_portal_session(portal.id, NOW).await.unwrap();
    assert!(!world.store.redeem_handoff(code, session, NOW).await.unwrap());
    assert_eq!(world.raw().count("sessions").await, 1);
}

async fn o_24_a_handoff_of_a_disabled_person_opens_nothing(world: World) {
    world.administrator().await;
    let person = world.person("grace", &["users"]).await;
    let portal = world.sign_in(&person).await;
    let (handoff, session) = world.handoff_of(portal.id);
    let code = handoff.code;
    world.store.issue_handoff(handoff).await.unwrap();
    world.store.set_disabled(person.id, true, NOW).await.unwrap();
    assert!(!world.store.redeem_handoff(code, session, NOW).await.unwrap());
}

async fn e_10_a_service_session_hands_nothing_over(world: World) {
    let portal = world.sign_in(&world.person("grace", &["users"]).await).await;
    let notes = world.open_notes(portal.id).await;
    let (handoff, session) = world.handoff_of(notes.id);
    let code = handoff.code;
    world.store.issue_handoff(handoff).await.unwrap();
    assert!(!world.store.redeem_handoff(code, session, NOW).await.unwrap());
}

async fn a_service_session_ends_with_the_portal_sessions_lifetime(world: World) {
    let portal = world.sign_in(&world.person("grace", &["users"]).await).await;
    let (mut handoff, session) = world.handoff_of(portal.id);
    let (code, end) = (handoff.code, NOW.after(SESSION));
    handoff.expires_at = end.after(SESSION);
    world.store.issue_handoff(handoff).await.unwrap();
    assert!(!world.store.redeem_handoff(code, session, end).await.unwrap());

    let notes = world.open_notes(portal.id).await;
    assert_eq!(world.notes(&notes, NOW).await.unwrap().expires_at, end);
}
