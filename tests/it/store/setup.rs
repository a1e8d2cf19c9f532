//! First-run set-up.

use doorward_core::token::Setup;

use super::world::{NOW, World, groups, later, race, winners};

on_both_engines![
    the_first_administrator_is_made_with_a_passkey_and_a_session,
    a_newer_link_replaces_the_older_one,
    e_3_a_link_ends_at_the_second_it_expires,
    a_8_another_links_token_completes_nothing,
    w_6_a_used_challenge_completes_nothing_and_leaves_the_link_as_it_was,
    a_16_set_up_closes_for_good,
    a_16_one_of_many_at_once_becomes_the_first_administrator,
    a_16_links_issued_at_once_leave_one_that_works,
    impossible_7_set_up_stays_open_or_closed_over_a_restart,
];

async fn the_first_administrator_is_made_with_a_passkey_and_a_session(world: World) {
    let token = world.token::<Setup>().hash();
    assert!(!world.store.setup_is_closed().await.unwrap());
    assert!(world.store.issue_setup(token, later(60)).await.unwrap());
    assert!(world.store.setup_is_open(token, NOW).await.unwrap());
    let (setup, person) = world.complete_setup(token, "ada");
    let session = super::world::SignedIn { id: setup.session.id, token: setup.session.token };
    assert!(world.store.complete_setup(setup, NOW).await.unwrap());

    let user = world.store.user(person.id).await.unwrap().unwrap();
    assert_eq!((user.profile.username.as_str(), user.credentials), ("ada", 1));
    assert_eq!(user.groups, groups(&["admins", "users"]));
    let identity = world.portal(&session, NOW).await.unwrap();
    assert!(identity.is_administrator());
    assert_eq!(identity.context.amr, ["user", "hwk"]);
}

async fn a_newer_link_replaces_the_older_one(world: World) {
    let (older, newer) = (world.token::<Setup>().hash(), world.token::<Setup>().hash());
    assert!(world.store.issue_setup(older, later(60)).await.unwrap());
    assert!(world.store.issue_setup(newer, later(60)).await.unwrap());
    assert!(!world.store.setup_is_open(older, NOW).await.unwrap());
    assert!(!world.store.complete_setup(world.complete_setup(older, "ada").0, NOW).await.unwrap());
    assert!(world.store.complete_setup(world.complete_setup(newer, "ada").0, NOW).await.unwrap());
}

async fn e_3_a_link_ends_at_the_second_it_expires(world: World) {
    let token = world.token::<Setup>().hash();
    world.store.issue_setup(token, later(60)).await.unwrap();
    assert!(world.store.setup_is_open(token, later(59)).await.unwrap());
    assert!(!world.store.setup_is_open(token, later(60)).await.unwrap());
    assert!(!world.store.complete_setup(world.complete_setup(token, "ada").0, later(60)).await.unwrap());
    assert!(world.store.complete_setup(world.complete_setup(token, "ada").0, later(59)).await.unwrap());
}

async fn a_8_another_links_token_completes_nothing(world: World) {
    world.store.issue_setup(world.token::<Setup>().hash(), later(60)).await.unwrap();
    let (setup, person) = world.complete_setup(world.token().hash(), "ada");
    assert!(!world.store.complete_setup(setup, NOW).await.unwrap());
    assert_eq!(world.store.user(person.id).await.unwrap(), None);
    assert!(!world.store.setup_is_closed().await.unwrap());
}

async fn w_6_a_used_challenge_completes_nothing_and_leaves_the_link_as_it_was(world: World) {
    let token = world.token::<Setup>().hash();
    world.store.issue_setup(token, later(60)).await.unwrap();
    let somebody = world.person("grace", &["users"]).await;
    let (sign_in, _) = world.sign_in_of(&somebody);
    let used = sign_in.challenge;
    assert!(world.store.complete_login(sign_in, NOW).await.unwrap());

    let (mut setup, person) = world.complete_setup(token, "ada");
    setup.challenge = used;
    assert!(!world.store.complete_setup(setup, NOW).await.unwrap());
    assert_eq!(world.store.user(person.id).await.unwrap(), None);
    assert!(world.store.setup_is_open(token, NOW).await.unwrap(), "the link must survive what it did not do");
    assert!(world.store.complete_setup(world.complete_setup(token, "ada").0, NOW).await.unwrap());
}

async fn a_16_set_up_closes_for_good(world: World) {
    let administrator = world.administrator().await;
    assert!(world.store.setup_is_closed().await.unwrap());
    let token = world.token::<Setup>().hash();
    assert!(!world.store.issue_setup(token, later(60)).await.unwrap());

    // Even when nobody is left and the link's row comes back.
    let raw = world.raw();
    raw.run(&format!("DELETE FROM users WHERE id = '{}'", administrator.id)).await;
    assert!(!world.store.issue_setup(token, later(60)).await.unwrap());
    raw.run("DELETE FROM setups").await;
    let hash = raw.literal(token.as_bytes());
    raw.run(&format!("INSERT INTO setups (token_hash, expires_at) VALUES ({hash}, {})", later(60))).await;
    assert!(!world.store.setup_is_open(token, NOW).await.unwrap());
    assert!(!world.store.complete_setup(world.complete_setup(token, "eve").0, NOW).await.unwrap());
}

async fn a_16_one_of_many_at_once_becomes_the_first_administrator(world: World) {
    let token = world.token::<Setup>().hash();
    world.store.issue_setup(token, later(60)).await.unwrap();
    let won = race(12, |at| {
        let setup = world.complete_setup(token, &format!("ada{at}")).0;
        async { world.store.complete_setup(setup, NOW).await.unwrap() }
    });
    assert_eq!(winners(&won), 1);
    assert_eq!(world.store.users(None, 50).await.unwrap().len(), 1);
}

async fn a_16_links_issued_at_once_leave_one_that_works(world: World) {
    let tokens: Vec<_> = (0..12).map(|_| world.token::<Setup>().hash()).collect();
    let issued = race(12, |at| world.store.issue_setup(tokens[at], later(60)));
    assert!(issued.into_iter().all(|issued| issued == Ok(true)));
    let mut open = Vec::new();
    for token in tokens {
        open.push(world.store.setup_is_open(token, NOW).await.unwrap());
    }
    assert_eq!(winners(&open), 1);
}

async fn impossible_7_set_up_stays_open_or_closed_over_a_restart(world: World) {
    let token = world.token::<Setup>().hash();
    world.store.issue_setup(token, later(60)).await.unwrap();
    let world = world.restart();
    assert!(world.store.setup_is_open(token, NOW).await.unwrap());
    assert!(world.store.complete_setup(world.complete_setup(token, "ada").0, NOW).await.unwrap());
    let world = world.restart();
    assert!(world.store.setup_is_closed().await.unwrap());
    assert!(!world.store.issue_setup(token, later(60)).await.unwrap());
}
