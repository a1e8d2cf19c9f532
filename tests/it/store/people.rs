//! People and groups.

use doorward_store::{Constraint, StoreError};

use super::world::{NOW, World, groups, later, race, winners};

on_both_engines![
    a_person_is_read_back_as_written,
    a_19_names_and_addresses_are_taken_in_any_spelling,
    a_19_one_of_many_at_once_gets_the_name,
    a_refused_person_leaves_no_trace,
    people_are_listed_by_pages,
    groups_are_listed_in_alphabetical_order,
    disabling_and_enabling_say_whether_they_changed_something,
    an_administrator_always_remains,
    an_administrator_remains_when_all_are_removed_at_once,
    nothing_is_lost_between_writers_and_readers,
];

async fn a_person_is_read_back_as_written(world: World) {
    let new = world.new_user("grace", &["users", "family"]);
    world.store.create_user(new.clone(), NOW).await.unwrap();
    let user = world.store.user(new.id).await.unwrap().unwrap();
    assert_eq!((user.id, &user.profile, &user.groups), (new.id, &new.profile, &new.groups));
    assert_eq!((user.created_at, user.disabled_at, user.credentials), (NOW, None, 0));
    assert_eq!(world.store.user(world.new_user("nobody", &[]).id).await.unwrap(), None);

    let mut without_mail = world.new_user("vera", &[]);
    without_mail.profile.email = None;
    world.store.create_user(without_mail.clone(), NOW).await.unwrap();
    let mut another = world.new_user("wanda", &[]);
    another.profile.email = None;
    world.store.create_user(another, NOW).await.unwrap();
    assert_eq!(world.store.user(without_mail.id).await.unwrap().unwrap().profile.email, None);
}

async fn a_19_names_and_addresses_are_taken_in_any_spelling(world: World) {
    world.store.create_user(world.new_user("grace", &[]), NOW).await.unwrap();
    let mut same_name = world.new_user("GRACE", &[]);
    same_name.profile.email = None;
    let outcome = world.store.create_user(same_name, NOW).await;
    assert_eq!(outcome, Err(StoreError::Conflict(Constraint::Username)));
    let mut same_address = world.new_user("vera", &[]);
    same_address.profile.email = Some("Grace@EXAMPLE.org".to_owned());
    let outcome = world.store.create_user(same_address, NOW).await;
    assert_eq!(outcome, Err(StoreError::Conflict(Constraint::Email)));
}

async fn a_19_one_of_many_at_once_gets_the_name(world: World) {
    let outcome = race(12, |_| world.store.create_user(world.new_user("grace", &["users"]), NOW));
    let won: Vec<_> = outcome.iter().map(Result::is_ok).collect();
    assert_eq!(winners(&won), 1);
    for lost in outcome.into_iter().filter_map(Result::err) {
        assert!(matches!(lost, StoreError::Conflict(Constraint::Username | Constraint::Email)), "{lost}");
    }
    assert_eq!(world.store.users(None, 50).await.unwrap().len(), 1);
}

async fn a_refused_person_leaves_no_trace(world: World) {
    world.store.create_user(world.new_user("grace", &["users"]), NOW).await.unwrap();
    assert!(world.store.create_user(world.new_user("grace", &["conspirators"]), NOW).await.is_err());
    assert_eq!(world.store.groups().await.unwrap(), ["users"]);
}

async fn people_are_listed_by_pages(world: World) {
    let mut ids = Vec::new();
    for at in 0..7 {
        let new = world.new_user(&format!("person{at}"), &["users"]);
        ids.push(new.id);
        world.store.create_user(new, NOW).await.unwrap();
    }
    let (mut seen, mut after) = (Vec::new(), None);
    for _ in 0..=ids.len() {
        let page = world.store.users(after, 3).await.unwrap();
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        seen.extend(page.into_iter().map(|user| user.id));
    }
    ids.sort();
    assert_eq!(seen, ids);
}

async fn groups_are_listed_in_alphabetical_order(world: World) {
    world.store.create_user(world.new_user("grace", &["b-team", "Bteam", "a", "ba"]), NOW).await.unwrap();
    assert_eq!(world.store.groups().await.unwrap(), ["Bteam", "a", "b-team", "ba"]);
}

async fn disabling_and_enabling_say_whether_they_changed_something(world: World) {
    world.administrator().await;
    let person = world.person("grace", &["users"]).await;
    assert!(world.store.set_disabled(person.id, true, later(5)).await.unwrap());
    assert!(!world.store.set_disabled(person.id, true, later(6)).await.unwrap());
    assert_eq!(world.store.user(person.id).await.unwrap().unwrap().disabled_at, Some(later(5)));
    assert!(world.store.credential(person.passkey.id).await.unwrap().unwrap().account.disabled_at.is_some());
    assert!(world.store.set_disabled(person.id, false, NOW).await.unwrap());
    assert!(!world.store.set_disabled(person.id, false, NOW).await.unwrap());
    let nobody = world.new_user("nobody", &[]).id;
    assert!(!world.store.set_disabled(nobody, true, NOW).await.unwrap());
    assert!(!world.store.set_groups(nobody, groups(&["users"]), NOW).await.unwrap());
}

async fn an_administrator_always_remains(world: World) {
    let ada = world.administrator().await;
    let refused = Err(StoreError::Conflict(Constraint::LastAdministrator));
    assert_eq!(world.store.set_disabled(ada.id, true, NOW).await, refused);
    assert_eq!(world.store.set_groups(ada.id, groups(&["users"]), NOW).await, refused);
    let user = world.store.user(ada.id).await.unwrap().unwrap();
    assert_eq!((user.disabled_at, user.groups), (None, groups(&["admins", "users"])));

    let grace = world.person("grace", &["admins"]).await;
    assert_eq!(world.store.set_disabled(grace.id, true, NOW).await, Ok(true));
    assert_eq!(
        world.store.set_groups(ada.id, groups(&["users"]), NOW).await,
        refused,
        "a disabled one does not count"
    );
    assert_eq!(world.store.set_disabled(grace.id, false, NOW).await, Ok(true));
    assert_eq!(world.store.set_groups(ada.id, groups(&["users"]), NOW).await, Ok(true));
}

async fn an_administrator_remains_when_all_are_removed_at_once(world: World) {
    let mut administrators = vec![world.administrator().await.id];
    for at in 0..5 {
        administrators.push(world.person(&format!("grace{at}"), &["admins"]).await.id);
    }
    let outcome = race(6, |at| world.store.set_groups(administrators[at], groups(&["users"]), NOW));
    assert_eq!(outcome.iter().filter(|outcome| outcome.is_ok()).count(), 5);
    let users = world.store.users(None, 50).await.unwrap();
    assert_eq!(users.iter().filter(|user| user.groups.contains("admins")).count(), 1);
}

async fn nothing_is_lost_between_writers_and_readers(world: World) {
    const WRITERS: usize = 6;
    const EACH: usize = 20;
    let person = world.person("grace", &["users"]).await;
    let session = world.sign_in(&person).await;
    let written = race(WRITERS + 2, |at| {
        let (world, person, session) = (&world, &person, &session);
        async move {
            for round in 0..EACH {
                if at < WRITERS {
                    let new = world.new_user(&format!("w{at}r{round}"), &["users"]);
                    world.store.create_user(new.clone(), NOW).await.unwrap();
                    assert!(
                        world.store.user(new.id).await.unwrap().is_some(),
                        "what was acknowledged is there"
                    );
                    let seconds = u32::try_from(at * EACH + round).unwrap();
                    world.store.touch_session(session.id, later(seconds)).await.unwrap();
                } else {
                    assert_eq!(world.portal(session, NOW).await.unwrap().subject, person.id);
                }
            }
            true
        }
    });
    assert_eq!(winners(&written), WRITERS + 2);
    assert_eq!(world.store.users(None, 1000).await.unwrap().len(), WRITERS * EACH + 1);
    let last = world.store.sessions_of(person.id, NOW).await.unwrap()[0].last_used_at;
    assert_eq!(last, later(u32::try_from(WRITERS * EACH - 1).unwrap()));
}
