//! Authorization codes.

use doorward_core::token::{Code, Hashed};

use super::world::{CLIENT, NOW, World, groups, later, race};

on_both_engines![
    a_code_is_redeemed_for_what_was_granted,
    o_2_a_code_is_for_its_client_only,
    o_2_a_replayed_code_revokes_what_descends_from_it,
    o_2_a_replay_after_expiry_revokes_too,
    o_2_one_of_many_at_once_redeems_and_the_replays_revoke,
    o_6_a_replay_is_recognised_after_a_restart,
    e_3_a_code_ends_at_the_second_it_expires,
    o_24_a_code_of_an_ended_session_is_worth_nothing,
    o_24_a_code_of_a_disabled_person_is_worth_nothing,
    a_code_without_nonce_and_challenge_is_read_back_as_such,
    a_code_for_nobody_is_refused_alike,
];

async fn a_code_is_redeemed_for_what_was_granted(world: World) {
    world.administrator().await;
    let person = world.person("grace", &["users"]).await;
    let portal = world.sign_in(&person).await;
    let new = world.new_code(person.id, portal.id, &["openid", "profile"]);
    world.store.issue_code(new.clone(), NOW).await.unwrap();
    world.store.set_groups(person.id, groups(&["family"]), NOW).await.unwrap();
    let issued = world.store.consume_code(new.code, CLIENT, later(59)).await.unwrap().unwrap();
    assert_eq!(issued.redirect_uri, new.redirect_uri);
    assert_eq!(issued.code_challenge, new.code_challenge);
    let grant = issued.grant;
    assert_eq!((grant.family, grant.client_id.as_str(), &grant.scope), (new.family, CLIENT, &new.scope));
    assert_eq!(grant.nonce, new.nonce);
    assert_eq!((grant.identity.subject, grant.identity.session), (person.id, portal.id));
    assert_eq!(grant.identity.context, new.context);
    assert_eq!(*grant.identity.groups, groups(&["family"]), "groups are those of now");
}

async fn issued(world: &World, scope: &[&str]) -> doorward_store::NewCode {
    let person = world.person("grace", &["users"]).await;
    let portal = world.sign_in(&person).await;
    let new = world.new_code(person.id, portal.id, scope);
    world.store.issue_code(new.clone(), NOW).await.unwrap();
    new
}

async fn o_2_a_code_is_for_its_client_only(world: World) {
    let new = issued(&world, &["openid"]).await;
    assert!(world.store.consume_code(new.code, "files", NOW).await.unwrap().is_none());
    assert!(
        world.store.consume_code(new.code, CLIENT, NOW).await.unwrap().is_some(),
        "another's attempt burns nothing"
    );
}

async fn o_2_a_replayed_code_revokes_what_descends_from_it(world: World) {
    // Not even offline access survives.
    let new = issued(&world, &["openid", "offline_access"]).await;
    let tokens = world.new_tokens();
    assert!(world.store.consume_code(new.code, CLIENT, NOW).await.unwrap().is_some());
    assert!(world.store.issue_tokens(new.family, tokens).await.unwrap());
    assert!(world.store.access_token(tokens.access, NOW).await.unwrap().is_some());
    assert!(world.store.consume_code(new.code, CLIENT, NOW).await.unwrap().is_none());
    assert!(world.store.access_token(tokens.access, NOW).await.unwrap().is_none());
    let rotation =
        world.store.rotate_refresh_token(tokens.refresh, CLIENT, world.new_tokens(), NOW).await.unwrap();
    assert!(matches!(rotation, doorward_store::Rotation::Unknown));
    assert!(!world.store.issue_tokens(new.family, world.new_tokens()).await.unwrap());
}

async fn o_2_a_replay_after_expiry_revokes_too(world: World) {
    let new = issued(&world, &["openid"]).await;
    let tokens = world.new_tokens();
    assert!(world.store.consume_code(new.code, CLIENT, NOW).await.unwrap().is_some());
    assert!(world.store.issue_tokens(new.family, tokens).await.unwrap());
    world.store.sweep(later(600), 1000).await.unwrap();
    assert!(world.store.consume_code(new.code, CLIENT, later(600)).await.unwrap().is_none());
    assert!(world.store.access_token(tokens.access, later(600)).await.unwrap().is_none());
}

async fn o_2_one_of_many_at_once_redeems_and_the_replays_revoke(world: World) {
    let new = issued(&world, &["openid"]).await;
    let outcome = race(50, |_| world.store.consume_code(new.code, CLIENT, NOW));
    assert_eq!(outcome.iter().filter(|outcome| outcome.as_ref().unwrap().is_some()).count(), 1);
    assert!(!world.store.issue_tokens(new.family, world.new_tokens()).await.unwrap());
}

async fn o_6_a_replay_is_recognised_after_a_restart(world: World) {
    let new = issued(&world, &["openid"]).await;
    let tokens = world.new_tokens();
    assert!(world.store.consume_code(new.code, CLIENT, NOW).await.unwrap().is_some());
    assert!(world.store.issue_tokens(new.family, tokens).await.unwrap());
    let world = world.restart();
    assert!(world.store.access_token(tokens.access, NOW).await.unwrap().is_some());
    assert!(world.store.consume_code(new.code, CLIENT, NOW).await.unwrap().is_none());
    assert!(world.store.access_token(tokens.access, NOW).await.unwrap().is_none());
}

async fn e_3_a_code_ends_at_the_second_it_expires(world: World) {
    let new = issued(&world, &["openid"]).await;
    assert!(world.store.consume_code(new.code, CLIENT, later(60)).await.unwrap().is_none());
    assert!(world.store.consume_code(new.code, CLIENT, later(59)).await.unwrap().is_some());
}

async fn o_24_a_code_of_an_ended_session_is_worth_nothing(world: World) {
    let new = issued(&world, &["openid"]).await;
    world.store.end_portal_session(new.session, NOW).await.unwrap();
    assert!(world.store.consume_code(new.code, CLIENT, NOW).await.unwrap().is_none());
}

async fn o_24_a_code_of_a_disabled_person_is_worth_nothing(world: World) {
    world.administrator().await;
    let new = issued(&world, &["openid", "offline_access"]).await;
    world.store.set_disabled(new.user, true, NOW).await.unwrap();
    assert!(world.store.consume_code(new.code, CLIENT, NOW).await.unwrap().is_none());
    world.store.set_disabled(new.user, false, NOW).await.unwrap();
    assert!(world.store.consume_code(new.code, CLIENT, NOW).await.unwrap().is_none(), "it was used");
}

async fn a_code_without_nonce_and_challenge_is_read_back_as_such(world: World) {
    let person = world.person("grace", &["users"]).await;
    let mut new = world.new_code(person.id, world.sign_in(&person).await.id, &["openid"]);
    (new.nonce, new.code_challenge) = (None, None);
    let code: Hashed<Code> = new.code;
    world.store.issue_code(new, NOW).await.unwrap();
    let issued = world.store.consume_code(code, CLIENT, NOW).await.unwrap().unwrap();
    assert_eq!((issued.grant.nonce, issued.code_challenge), (None, None));
}

/// A rule of the data that is broken is the same error on both engines.
async fn a_code_for_nobody_is_refused_alike(world: World) {
    let person = world.person("grace", &["users"]).await;
    let portal = world.sign_in(&person).await;
    let nobody = world.new_user("nobody", &[]).id;
    let outcome = world.store.issue_code(world.new_code(nobody, portal.id, &["openid"]), NOW).await;
    assert_eq!(outcome, Err(doorward_store::StoreError::Conflict(doorward_store::Constraint::Other)));
}
