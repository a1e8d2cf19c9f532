//! Tokens that people make for themselves.

use doorward_core::{
    id::{PersonalTokenId, SessionId, UserId},
    token::{Hashed, Personal},
};
use doorward_store::{NewPersonalToken, PERSONAL_TOKENS_MAX, PersonalGrant};

use super::world::{NOW, World, groups, later};

on_both_engines![
    a_token_names_its_person_and_what_it_is_good_for,
    impossible_3_a_token_is_for_one_service,
    e_3_a_token_ends_at_the_second_it_expires,
    o_24_a_token_ends_with_its_revocation_and_with_its_person,
    a_token_is_revoked_by_its_owner_only,
    o_7_signing_somebody_out_everywhere_ends_their_tokens,
    groups_are_those_of_now,
    use_is_recorded_once_a_minute,
    a_person_has_a_bounded_number,
    a_change_of_tokens_raises_the_generation,
    ended_tokens_are_swept,
];

fn new(world: &World, user: UserId) -> (NewPersonalToken, Hashed<Personal>) {
    let token = world.token::<Personal>().hash();
    let grant = PersonalGrant {
        name: "Backup of the study".to_owned(),
        service: "notes".to_owned(),
        paths: vec!["/api".to_owned(), "/feed".to_owned()],
        methods: vec!["GET".to_owned()],
    };
    let id = PersonalTokenId::from_random(world.bytes());
    (NewPersonalToken { id, token, user, grant, expires_at: later(3600) }, token)
}

/// A live token of a new person.
async fn token(world: &World, username: &str) -> (NewPersonalToken, Hashed<Personal>) {
    let person = world.person(username, &["users"]).await;
    let (made, token) = new(world, person.id);
    assert!(world.store.create_personal_token(made.clone(), NOW).await.unwrap());
    (made, token)
}

async fn works(world: &World, token: Hashed<Personal>, seconds: u32) -> bool {
    world.store.personal_token(&token, "notes", later(seconds)).await.unwrap().is_some()
}

async fn a_token_names_its_person_and_what_it_is_good_for(world: World) {
    let (made, token) = token(&world, "grace").await;
    let found = world.store.personal_token(&token, "notes", NOW).await.unwrap().unwrap();
    assert_eq!((found.id, &found.grant), (made.id, &made.grant));
    let identity = found.identity;
    assert_eq!((identity.subject, identity.expires_at), (made.user, made.expires_at));
    assert_eq!(identity.profile.username.as_str(), "grace");
    assert_eq!((identity.session, identity.context.amr.len()), (SessionId::from(made.id), 0));
    let [listed] = &world.store.personal_tokens_of(made.user, NOW).await.unwrap()[..] else { panic!() };
    assert_eq!((listed.id, &listed.grant, listed.last_used_at), (made.id, &made.grant, None));
    assert_eq!((listed.created_at, listed.expires_at), (NOW, made.expires_at));
    let other = world.token::<Personal>().hash();
    assert!(world.store.personal_token(&other, "notes", NOW).await.unwrap().is_none());
}

async fn impossible_3_a_token_is_for_one_service(world: World) {
    let (_, token) = token(&world, "grace").await;
    for service in ["", "note", "notes2", "Notes", "vault"] {
        assert!(world.store.personal_token(&token, service, NOW).await.unwrap().is_none(), "{service}");
    }
}

async fn e_3_a_token_ends_at_the_second_it_expires(world: World) {
    let (made, token) = token(&world, "grace").await;
    assert!(works(&world, token, 3599).await);
    assert!(!works(&world, token, 3600).await);
    assert!(world.store.personal_tokens_of(made.user, later(3600)).await.unwrap().is_empty());
}

async fn o_24_a_token_ends_with_its_revocation_and_with_its_person(world: World) {
    world.administrator().await;
    let (made, first) = token(&world, "grace").await;
    assert!(world.store.revoke_personal_token(made.user, made.id, NOW).await.unwrap());
    assert!(!works(&world, first, 0).await);
    assert!(!world.store.revoke_personal_token(made.user, made.id, NOW).await.unwrap(), "once");
    let (made, second) = token(&world, "hedy").await;
    assert!(world.store.set_disabled(made.user, true, NOW).await.unwrap());
    assert!(!works(&world, second, 0).await);
    assert!(!world.store.create_personal_token(new(&world, made.user).0, NOW).await.unwrap());
    assert!(world.store.set_disabled(made.user, false, NOW).await.unwrap());
    assert!(!works(&world, second, 0).await, "it does not come back");
}

async fn a_token_is_revoked_by_its_owner_only(world: World) {
    let (made, token) = token(&world, "grace").await;
    let other = world.person("hedy", &["users"]).await;
    assert!(!world.store.revoke_personal_token(other.id, made.id, NOW).await.unwrap());
    assert!(works(&world, token, 0).await);
    assert!(world.store.personal_tokens_of(other.id, NOW).await.unwrap().is_empty());
}

async fn o_7_signing_somebody_out_everywhere_ends_their_tokens(world: World) {
    let (made, token) = token(&world, "grace").await;
    world.store.end_sessions_of(made.user, NOW).await.unwrap();
    assert!(!works(&world, token, 0).await);
}

async fn groups_are_those_of_now(world: World) {
    world.administrator().await;
    let (made, token) = token(&world, "grace").await;
    world.store.set_groups(made.user, groups(&["cooks"]), NOW).await.unwrap();
    let found = world.store.personal_token(&token, "notes", NOW).await.unwrap().unwrap();
    assert_eq!(*found.identity.groups, groups(&["cooks"]));
}

async fn use_is_recorded_once_a_minute(world: World) {
    let (made, _) = token(&world, "grace").await;
    let recorded = async |world: &World, seconds: u32| {
        world.store.touch_personal_token(made.id, later(seconds)).await.unwrap();
        world.store.personal_tokens_of(made.user, NOW).await.unwrap()[0].last_used_at
    };
    assert_eq!(recorded(&world, 10).await, Some(later(10)));
    assert_eq!(recorded(&world, 69).await, Some(later(10)));
    assert_eq!(recorded(&world, 70).await, Some(later(70)));
}

async fn a_person_has_a_bounded_number(world: World) {
    let (made, _) = token(&world, "grace").await;
    for _ in 1..PERSONAL_TOKENS_MAX {
        assert!(world.store.create_personal_token(new(&world, made.user).0, NOW).await.unwrap());
    }
    assert!(!world.store.create_personal_token(new(&world, made.user).0, NOW).await.unwrap());
    assert!(world.store.revoke_personal_token(made.user, made.id, NOW).await.unwrap());
    assert!(
        world.store.create_personal_token(new(&world, made.user).0, NOW).await.unwrap(),
        "ended ones count not"
    );
}

async fn a_change_of_tokens_raises_the_generation(world: World) {
    let (made, _) = token(&world, "grace").await;
    let before = world.store.generation();
    world.store.revoke_personal_token(made.user, made.id, NOW).await.unwrap();
    assert!(world.store.generation() > before);
    let before = world.store.generation();
    world.store.touch_personal_token(made.id, NOW).await.unwrap();
    assert_eq!(world.store.generation(), before, "use changes nothing");
}

async fn ended_tokens_are_swept(world: World) {
    let (made, _) = token(&world, "grace").await;
    assert!(world.store.create_personal_token(new(&world, made.user).0, NOW).await.unwrap());
    assert!(world.store.revoke_personal_token(made.user, made.id, NOW).await.unwrap());
    assert_eq!(world.store.sweep(NOW, 1000).await.unwrap(), 1);
    assert_eq!(world.raw().count("personal_tokens").await, 1);
    world.store.sweep(later(3600), 1000).await.unwrap();
    assert_eq!(world.raw().count("personal_tokens").await, 0);
}
