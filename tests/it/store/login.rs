//! Signing in.

use doorward_core::id::SessionId;

use super::world::{NOTES, NOW, Person, World, later, login_of, race, winners};

on_both_engines![
    a_sign_in_begins_a_session_and_updates_the_passkey,
    w_6_a_challenge_signs_in_once,
    w_6_one_of_many_at_once_signs_in,
    w_6_a_counter_that_did_not_rise_signs_nobody_in,
    w_6_a_refused_sign_in_changes_nothing,
    o_24_a_person_who_was_disabled_meanwhile_is_not_signed_in,
    a_passkey_that_was_removed_meanwhile_signs_nobody_in,
    e_4_signing_in_again_ends_the_former_session,
    e_4_service_sessions_and_tokens_follow_the_same_person,
    e_4_another_persons_former_session_ends_with_all_that_descends_from_it,
    e_6_a_session_identifier_or_token_is_never_used_twice,
];

async fn a_sign_in_begins_a_session_and_updates_the_passkey(world: World) {
    let person = world.person("grace", &["users"]).await;
    let session = world.sign_in(&person).await;
    let identity = world.portal(&session, NOW).await.unwrap();
    assert_eq!(
        (identity.subject, identity.session, identity.portal_session),
        (person.id, session.id, session.id)
    );
    assert_eq!(identity.context.auth_time, NOW);
    assert_eq!(identity.profile.display_name, "The Honourable grace");
    assert_eq!(world.store.credentials_of(person.id).await.unwrap()[0].last_used_at, Some(NOW));
}

async fn w_6_a_challenge_signs_in_once(world: World) {
    let person = world.person("grace", &["users"]).await;
    let (first, _) = world.sign_in_of(&person);
    let (mut second, replayed) = world.sign_in_of(&person);
    second.challenge = first.challenge;
    assert!(world.store.complete_login(first, NOW).await.unwrap());
    assert!(!world.store.complete_login(second, NOW).await.unwrap());
    assert!(world.portal(&replayed, NOW).await.is_none());
}

async fn w_6_one_of_many_at_once_signs_in(world: World) {
    let person = world.person("grace", &["users"]).await;
    let challenge = world.challenge();
    let won = race(50, |_| {
        let (mut sign_in, _) = world.sign_in_of(&person);
        sign_in.challenge = challenge;
        async { world.store.complete_login(sign_in, NOW).await.unwrap() }
    });
    assert_eq!(winners(&won), 1);
    assert_eq!(world.store.sessions_of(person.id, NOW).await.unwrap().len(), 1);
}

/// A person whose passkey counts and was last seen at `count`.
async fn counting_person(world: &World, count: u32) -> Person {
    let user = world.new_user("grace", &["users"]);
    let person = Person { id: user.id, passkey: world.passkey(user.id) };
    world.store.create_user(user, NOW).await.unwrap();
    let registration = person.passkey.counting_registration(count);
    let new = doorward_store::NewCredential { registration, label: "Stick".to_owned() };
    assert!(world.store.add_credential(new, world.challenge(), NOW).await.unwrap());
    person
}

async fn w_6_a_counter_that_did_not_rise_signs_nobody_in(world: World) {
    let person = counting_person(&world, 5).await;
    // Each is a true assertion for whoever verified it against an older counter: two nodes at once, or a copy.
    for (count, signs_in) in [(4, false), (5, false), (6, true), (6, false), (9, true), (7, false)] {
        let (mut sign_in, _) = world.sign_in_of(&person);
        sign_in.proof = person.passkey.counting_assertion(count);
        sign_in.login = login_of(&person, &sign_in.proof);
        assert_eq!(world.store.complete_login(sign_in, NOW).await.unwrap(), signs_in, "counter {count}");
    }
    assert_eq!(world.store.credential(person.passkey.id).await.unwrap().unwrap().credential.sign_count, 9);
}

async fn w_6_a_refused_sign_in_changes_nothing(world: World) {
    let person = counting_person(&world, 5).await;
    let (mut first, _) = world.sign_in_of(&person);
    let used = first.challenge;
    first.proof = person.passkey.counting_assertion(6);
    assert!(world.store.complete_login(first, NOW).await.unwrap());

    let (mut second, _) = world.sign_in_of(&person);
    second.challenge = used;
    second.proof = person.passkey.counting_assertion(7);
    assert!(!world.store.complete_login(second, later(9)).await.unwrap());
    let found = world.store.credential(person.passkey.id.clone()).await.unwrap().unwrap();
    assert_eq!(found.credential.sign_count, 6);
    assert_eq!(world.store.credentials_of(person.id).await.unwrap()[0].last_used_at, Some(NOW));
}

async fn o_24_a_person_who_was_disabled_meanwhile_is_not_signed_in(world: World) {
    world.administrator().await;
    let person = world.person("grace", &["users"]).await;
    let (sign_in, session) = world.sign_in_of(&person);
    world.store.set_disabled(person.id, true, NOW).await.unwrap();
    assert!(!world.store.complete_login(sign_in, NOW).await.unwrap());
    world.store.set_disabled(person.id, false, NOW).await.unwrap();
    assert!(world.portal(&session, NOW).await.is_none());
}

async fn a_passkey_that_was_removed_meanwhile_signs_nobody_in(world: World) {
    let person = world.person("grace", &["users"]).await;
    let registration = world.passkey(person.id).claimed_by(person.id);
    let other = doorward_store::NewCredential { registration, label: "Other".to_owned() };
    assert!(world.store.add_credential(other, world.challenge(), NOW).await.unwrap());
    let (sign_in, _) = world.sign_in_of(&person);
    assert!(world.store.remove_credential(person.id, person.passkey.id.clone()).await.unwrap());
    assert!(!world.store.complete_login(sign_in, NOW).await.unwrap());
}

async fn e_4_signing_in_again_ends_the_former_session(world: World) {
    let person = world.person("grace", &["users"]).await;
    let former = world.sign_in(&person).await;
    let (mut sign_in, session) = world.sign_in_of(&person);
    sign_in.replaces = Some(former.id);
    assert!(world.store.complete_login(sign_in, NOW).await.unwrap());
    assert!(world.portal(&former, NOW).await.is_none());
    assert!(world.portal(&session, NOW).await.is_some());
}

async fn e_4_service_sessions_and_tokens_follow_the_same_person(world: World) {
    let person = world.person("grace", &["users"]).await;
    let former = world.sign_in(&person).await;
    let notes = world.open_notes(former.id).await;
    let (_, tokens) = world.tokens(person.id, former.id, &["openid"]).await;
    let (mut sign_in, session) = world.sign_in_of(&person);
    sign_in.replaces = Some(former.id);
    assert!(world.store.complete_login(sign_in, NOW).await.unwrap());

    assert_eq!(world.notes(&notes, NOW).await.unwrap().portal_session, session.id);
    assert!(world.store.access_token(tokens.access, NOW).await.unwrap().is_some());
    assert!(world.store.end_portal_session(session.id, NOW).await.unwrap());
    assert!(world.notes(&notes, NOW).await.is_none());
    assert!(world.store.access_token(tokens.access, NOW).await.unwrap().is_none());
}

async fn e_4_another_persons_former_session_ends_with_all_that_descends_from_it(world: World) {
    let (before, after) = (world.person("grace", &["users"]).await, world.person("vera", &["users"]).await);
    let former = world.sign_in(&before).await;
    let notes = world.open_notes(former.id).await;
    let (_, tokens) = world.tokens(before.id, former.id, &["openid"]).await;
    let (mut sign_in, session) = world.sign_in_of(&after);
    sign_in.replaces = Some(former.id);
    assert!(world.store.complete_login(sign_in, NOW).await.unwrap());

    assert_eq!(world.portal(&session, NOW).await.unwrap().subject, after.id);
    assert!(world.portal(&former, NOW).await.is_none());
    assert!(world.notes(&notes, NOW).await.is_none());
    assert!(world.store.access_token(tokens.access, NOW).await.unwrap().is_none());
}

async fn e_6_a_session_identifier_or_token_is_never_used_twice(world: World) {
    let person = world.person("grace", &["users"]).await;
    let former = world.sign_in(&person).await;
    world.store.end_portal_session(former.id, NOW).await.unwrap();
    let (mut same_token, _) = world.sign_in_of(&person);
    same_token.session.token = former.token;
    assert!(world.store.complete_login(same_token, NOW).await.is_err());
    let (mut same_id, _) = world.sign_in_of(&person);
    same_id.session.id = former.id;
    assert!(world.store.complete_login(same_id, NOW).await.is_err());
    assert!(world.portal(&former, NOW).await.is_none());
    let (handoff, mut session) = world.handoff_of(world.sign_in(&person).await.id);
    session.id = SessionId::parse(former.id.as_str()).unwrap();
    let code = handoff.code;
    world.store.issue_handoff(handoff).await.unwrap();
    assert!(world.store.redeem_handoff(code, session, NOW).await.is_err());
    assert!(world.store.session(&former.token, NOTES, super::world::IDLE, NOW).await.unwrap().is_none());
}
