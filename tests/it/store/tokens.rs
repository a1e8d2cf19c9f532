//! Access and refresh tokens, and their families.

use doorward_core::token::Hashed;
use doorward_store::{NewServiceSession, NewTokens, Rotation};

use super::world::{CLIENT, IDLE, NOW, PORTAL, Person, SESSION, SignedIn, World, groups, later, race};

on_both_engines![
    an_access_token_stands_for_the_person_as_of_now,
    a_refresh_token_is_exchanged_for_new_tokens,
    o_3_a_refresh_token_is_for_its_client_only,
    o_4_one_kind_of_token_is_never_another,
    o_5_one_of_fifty_at_once_rotates_and_the_family_is_revoked,
    o_5_a_reused_refresh_token_revokes_its_family,
    o_6_reuse_is_recognised_after_a_restart,
    o_7_signing_out_ends_tokens_without_offline_access,
    o_7_ending_all_sessions_ends_every_token,
    e_2_a_disabled_persons_tokens_stop,
    e_3_tokens_end_at_the_second_they_expire,
    e_3_a_family_ends_at_the_second_it_expires,
    consent_is_kept_and_replaced,
    o_3_o_7_a_token_is_taken_back_by_its_client_only,
    o_7_a_token_is_live_until_it_is_used_ends_or_is_taken_back,
];

async fn signed_in(world: &World, username: &str) -> (Person, SignedIn) {
    let person = world.person(username, &["users"]).await;
    let session = world.sign_in(&person).await;
    (person, session)
}

async fn rotate(world: &World, old: NewTokens) -> (Rotation, NewTokens) {
    let new = world.new_tokens();
    (world.store.rotate_refresh_token(old.refresh, CLIENT, new, NOW).await.unwrap(), new)
}

async fn works(world: &World, tokens: NewTokens) -> bool {
    world.store.access_token(tokens.access, NOW).await.unwrap().is_some()
}

async fn an_access_token_stands_for_the_person_as_of_now(world: World) {
    world.administrator().await;
    let (person, session) = signed_in(&world, "grace").await;
    let (family, tokens) = world.tokens(person.id, session.id, &["openid", "groups"]).await;
    world.store.set_groups(person.id, groups(&["family"]), NOW).await.unwrap();
    let grant = world.store.access_token(tokens.access, NOW).await.unwrap().unwrap();
    assert_eq!((grant.family, grant.client_id.as_str()), (family, CLIENT));
    assert_eq!(grant.scope, ["openid", "groups"]);
    assert_eq!(*grant.identity.groups, groups(&["family"]));
}

async fn a_refresh_token_is_exchanged_for_new_tokens(world: World) {
    let (person, session) = signed_in(&world, "grace").await;
    let (family, mut tokens) = world.tokens(person.id, session.id, &["openid"]).await;
    for _ in 0..3 {
        let (rotation, new) = rotate(&world, tokens).await;
        let Rotation::Rotated(grant) = rotation else { panic!("{rotation:?}") };
        assert_eq!((grant.family, grant.nonce.as_deref()), (family, Some("nonce of the wiki")));
        assert!(works(&world, new).await);
        tokens = new;
    }
}

async fn o_3_a_refresh_token_is_for_its_client_only(world: World) {
    let (person, session) = signed_in(&world, "grace").await;
    let (_, tokens) = world.tokens(person.id, session.id, &["openid"]).await;
    for _ in 0..2 {
        let stolen =
            world.store.rotate_refresh_token(tokens.refresh, "files", world.new_tokens(), NOW).await.unwrap();
        assert!(matches!(stolen, Rotation::Unknown));
    }
    assert!(
        matches!(rotate(&world, tokens).await.0, Rotation::Rotated(_)),
        "another's attempt burns nothing"
    );
}

/// Even the same bytes under another kind's name are nothing: each kind has its table.
async fn o_4_one_kind_of_token_is_never_another(world: World) {
    let (person, session) = signed_in(&world, "grace").await;
    let code = world.new_code(person.id, session.id, &["openid"]);
    world.store.issue_code(code.clone(), NOW).await.unwrap();
    let (_, tokens) = world.tokens(person.id, session.id, &["openid"]).await;
    let link = world.token().hash();
    world.store.issue_enrolment(link, person.id, later(60)).await.unwrap();
    let setup = world.token().hash();
    world.store.issue_setup(setup, later(60)).await.unwrap();
    let (handoff, redeem) = world.handoff_of(session.id);
    let handoff_code = *handoff.code.as_bytes();
    world.store.issue_handoff(handoff).await.unwrap();
    let secrets = [
        *session.token.as_bytes(),
        *code.code.as_bytes(),
        *tokens.access.as_bytes(),
        *tokens.refresh.as_bytes(),
        *link.as_bytes(),
        *setup.as_bytes(),
        handoff_code,
    ];
    for (kind, secret) in secrets.into_iter().enumerate() {
        for other in (0..secrets.len()).filter(|other| *other != kind) {
            assert!(!opens(&world, other, secret, &redeem).await, "{kind} as {other}");
        }
    }
    for (kind, secret) in secrets.into_iter().enumerate() {
        assert!(opens(&world, kind, secret, &redeem).await, "{kind} as itself");
    }
}

/// Whether bytes open something as a token of a kind, by the order of the test above.
async fn opens(world: &World, kind: usize, secret: [u8; 32], redeem: &NewServiceSession) -> bool {
    let store = &world.store;
    match kind {
        0 => {
            let found = store.session(&Hashed::from_stored(secret), PORTAL, IDLE, NOW).await;
            found.unwrap().is_some()
        }
        1 => {
            let found = store.consume_code(Hashed::from_stored(secret), CLIENT, NOW).await;
            found.unwrap().is_some()
        }
        2 => {
            let found = store.access_token(Hashed::from_stored(secret), NOW).await;
            found.unwrap().is_some()
        }
        3 => {
            let refresh = Hashed::from_stored(secret);
            let rotation = store.rotate_refresh_token(refresh, CLIENT, world.new_tokens(), NOW).await;
            matches!(rotation.unwrap(), Rotation::Rotated(_))
        }
        4 => store.enrolment(Hashed::from_stored(secret), NOW).await.unwrap().is_some(),
        5 => store.setup_is_open(Hashed::from_stored(secret), NOW).await.unwrap(),
        _ => {
            let code = Hashed::from_stored(secret);
            store.redeem_handoff(code, redeem.clone(), NOW).await.unwrap()
        }
    }
}

async fn o_5_one_of_fifty_at_once_rotates_and_the_family_is_revoked(world: World) {
    let (person, session) = signed_in(&world, "grace").await;
    let (family, tokens) = world.tokens(person.id, session.id, &["openid"]).await;
    let fresh: Vec<_> = (0..50).map(|_| world.new_tokens()).collect();
    let outcome = race(50, |at| world.store.rotate_refresh_token(tokens.refresh, CLIENT, fresh[at], NOW));
    let rotated = outcome.iter().filter(|outcome| matches!(outcome, Ok(Rotation::Rotated(_)))).count();
    let reused = outcome.iter().filter(|outcome| matches!(outcome, Ok(Rotation::Reused))).count();
    assert_eq!((rotated, reused), (1, 49));
    for new in fresh {
        assert!(!works(&world, new).await, "the family is revoked, the winner's tokens with it");
    }
    assert!(!world.store.issue_tokens(family, world.new_tokens()).await.unwrap());
}

async fn o_5_a_reused_refresh_token_revokes_its_family(world: World) {
    let (person, session) = signed_in(&world, "grace").await;
    let (_, first) = world.tokens(person.id, session.id, &["openid", "offline_access"]).await;
    let (_, unrelated) = world.tokens(person.id, session.id, &["openid"]).await;
    let (_, second) = rotate(&world, first).await;
    assert!(works(&world, first).await && works(&world, second).await);
    assert!(matches!(rotate(&world, first).await.0, Rotation::Reused));
    assert!(!works(&world, first).await && !works(&world, second).await);
    assert!(matches!(rotate(&world, second).await.0, Rotation::Unknown));
    assert!(works(&world, unrelated).await, "another family is untouched");
}

async fn o_6_reuse_is_recognised_after_a_restart(world: World) {
    let (person, session) = signed_in(&world, "grace").await;
    let (_, first) = world.tokens(person.id, session.id, &["openid"]).await;
    let (_, second) = rotate(&world, first).await;
    let world = world.restart();
    assert!(works(&world, second).await);
    assert!(matches!(rotate(&world, first).await.0, Rotation::Reused));
    assert!(!works(&world, second).await);
}

async fn o_7_signing_out_ends_tokens_without_offline_access(world: World) {
    let (person, session) = signed_in(&world, "grace").await;
    let (_, online) = world.tokens(person.id, session.id, &["openid"]).await;
    // A scope that merely contains the words is not offline access.
    let (_, alike) = world.tokens(person.id, session.id, &["openid", "not_offline_access_at_all"]).await;
    let (_, offline) = world.tokens(person.id, session.id, &["openid", "offline_access"]).await;
    assert!(world.store.end_portal_session(session.id, NOW).await.unwrap());
    assert!(!works(&world, online).await && !works(&world, alike).await);
    assert!(matches!(rotate(&world, online).await.0, Rotation::Unknown));
    assert!(works(&world, offline).await);
    assert!(matches!(rotate(&world, offline).await.0, Rotation::Rotated(_)));
}

async fn o_7_ending_all_sessions_ends_every_token(world: World) {
    let (person, session) = signed_in(&world, "grace").await;
    let (other, others_session) = signed_in(&world, "vera").await;
    let (_, online) = world.tokens(person.id, session.id, &["openid"]).await;
    let (_, offline) = world.tokens(person.id, session.id, &["openid", "offline_access"]).await;
    let (_, others) = world.tokens(other.id, others_session.id, &["openid"]).await;
    world.store.end_sessions_of(person.id, NOW).await.unwrap();
    assert!(!works(&world, online).await && !works(&world, offline).await);
    assert!(matches!(rotate(&world, offline).await.0, Rotation::Unknown));
    assert!(works(&world, others).await);
}

async fn e_2_a_disabled_persons_tokens_stop(world: World) {
    world.administrator().await;
    let (person, session) = signed_in(&world, "grace").await;
    let (_, online) = world.tokens(person.id, session.id, &["openid"]).await;
    let (_, offline) = world.tokens(person.id, session.id, &["openid", "offline_access"]).await;
    world.store.set_disabled(person.id, true, NOW).await.unwrap();
    assert!(!works(&world, online).await && !works(&world, offline).await);
    assert!(matches!(rotate(&world, online).await.0, Rotation::Unknown));
    assert!(matches!(rotate(&world, offline).await.0, Rotation::Unknown));
}

async fn e_3_tokens_end_at_the_second_they_expire(world: World) {
    let (person, session) = signed_in(&world, "grace").await;
    let code = world.new_code(person.id, session.id, &["openid"]);
    let family = code.family;
    world.store.issue_code(code, NOW).await.unwrap();
    let mut tokens = world.new_tokens();
    tokens.refresh_expires_at = later(7200);
    assert!(world.store.issue_tokens(family, tokens).await.unwrap());
    assert!(world.store.access_token(tokens.access, later(3599)).await.unwrap().is_some());
    assert!(world.store.access_token(tokens.access, later(3600)).await.unwrap().is_none());
    let at = |now| world.store.rotate_refresh_token(tokens.refresh, CLIENT, world.new_tokens(), now);
    assert!(matches!(at(later(7200)).await.unwrap(), Rotation::Unknown));
    assert!(matches!(at(later(7199)).await.unwrap(), Rotation::Rotated(_)));
    assert!(matches!(at(later(9999)).await.unwrap(), Rotation::Reused), "also when it had expired since");
}

async fn e_3_a_family_ends_at_the_second_it_expires(world: World) {
    let (person, session) = signed_in(&world, "grace").await;
    let code = world.new_code(person.id, session.id, &["openid", "offline_access"]);
    let family = code.family;
    world.store.issue_code(code, NOW).await.unwrap();
    let (mut tokens, end) = (world.new_tokens(), NOW.after(SESSION));
    (tokens.access_expires_at, tokens.refresh_expires_at) = (end.after(SESSION), end.after(SESSION));
    assert!(world.store.issue_tokens(family, tokens).await.unwrap());
    assert!(
        world
            .store
            .access_token(tokens.access, doorward_core::time::UnixTime(end.0 - 1))
            .await
            .unwrap()
            .is_some()
    );
    assert!(world.store.access_token(tokens.access, end).await.unwrap().is_none());
    let rotation =
        world.store.rotate_refresh_token(tokens.refresh, CLIENT, world.new_tokens(), end).await.unwrap();
    assert!(matches!(rotation, Rotation::Unknown));
}

async fn consent_is_kept_and_replaced(world: World) {
    let person = world.person("grace", &["users"]).await;
    let scopes = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    assert_eq!(world.store.consent(person.id, CLIENT).await.unwrap(), None);
    world.store.grant_consent(person.id, CLIENT, &scopes(&["openid", "email"]), NOW).await.unwrap();
    assert_eq!(world.store.consent(person.id, CLIENT).await.unwrap(), Some(scopes(&["openid", "email"])));
    assert_eq!(world.store.consent(person.id, "files").await.unwrap(), None);
    world.store.grant_consent(person.id, CLIENT, &scopes(&["openid"]), later(1)).await.unwrap();
    let world = world.restart();
    assert_eq!(world.store.consent(person.id, CLIENT).await.unwrap(), Some(scopes(&["openid"])));
}

async fn o_3_o_7_a_token_is_taken_back_by_its_client_only(world: World) {
    let (person, session) = signed_in(&world, "grace").await;
    let (_, first) = world.tokens(person.id, session.id, &["openid"]).await;
    let (_, other) = world.tokens(person.id, session.id, &["openid"]).await;
    let store = &world.store;
    assert!(!store.revoke_access_token(first.access, "files").await.unwrap());
    assert!(!store.revoke_refresh_token(first.refresh, "files", NOW).await.unwrap());
    assert!(works(&world, first).await);
    assert!(store.revoke_access_token(first.access, CLIENT).await.unwrap());
    assert!(!store.revoke_access_token(first.access, CLIENT).await.unwrap());
    assert!(!works(&world, first).await && works(&world, other).await);
    let (rotation, second) = rotate(&world, first).await;
    assert!(matches!(rotation, Rotation::Rotated(_)), "an access token goes alone");
    assert!(store.revoke_refresh_token(first.refresh, CLIENT, NOW).await.unwrap(), "by a rotated token too");
    assert!(!store.revoke_refresh_token(second.refresh, CLIENT, NOW).await.unwrap());
    assert!(!works(&world, second).await && works(&world, other).await);
    assert!(matches!(rotate(&world, second).await.0, Rotation::Unknown));
}

async fn o_7_a_token_is_live_until_it_is_used_ends_or_is_taken_back(world: World) {
    let (person, session) = signed_in(&world, "grace").await;
    let (family, first) = world.tokens(person.id, session.id, &["openid"]).await;
    let store = &world.store;
    let access = store.live_access_token(first.access, NOW).await.unwrap().unwrap();
    assert_eq!((access.grant.family, access.expires_at), (family, later(3600)));
    assert!(store.live_access_token(first.access, later(3600)).await.unwrap().is_none());
    let refresh = store.live_refresh_token(first.refresh, NOW).await.unwrap().unwrap();
    assert_eq!(refresh.grant.family, family);
    let (_, second) = rotate(&world, first).await;
    assert!(store.live_refresh_token(first.refresh, NOW).await.unwrap().is_none());
    assert!(store.live_refresh_token(second.refresh, NOW).await.unwrap().is_some());
    assert!(store.revoke_refresh_token(second.refresh, CLIENT, NOW).await.unwrap());
    assert!(store.live_refresh_token(second.refresh, NOW).await.unwrap().is_none());
    assert!(store.live_access_token(second.access, NOW).await.unwrap().is_none());
}
