//! One-time links to register a passkey.

use doorward_core::token::{Enrolment, Hashed};
use doorward_store::{CompleteEnrolment, NewCredential};

use super::world::{NOW, Person, SignedIn, World, later, login_of, race, winners};

on_both_engines![
    a_link_registers_a_passkey_and_signs_in,
    a_15_a_link_works_once,
    a_15_one_of_many_at_once_wins,
    a_15_a_link_is_for_its_person_only,
    a_15_a_passkey_for_somebody_else_is_not_registered,
    a_20_a_newer_link_replaces_the_older_one,
    a_20_links_issued_at_once_leave_one_that_works,
    a_20_a_link_for_nobody_is_not_issued,
    e_3_a_link_ends_at_the_second_it_expires,
    o_24_a_disabled_person_enrols_nothing,
    w_6_a_used_challenge_completes_nothing_and_leaves_the_link_as_it_was,
    w_6_a_registered_passkey_is_a_conflict_and_leaves_the_link_as_it_was,
];

/// A person without a passkey, and one that they might register.
async fn newcomer(world: &World, username: &str) -> Person {
    let user = world.new_user(username, &["users"]);
    let id = user.id;
    world.store.create_user(user, NOW).await.unwrap();
    Person { id, passkey: world.passkey(id) }
}

async fn link_for(world: &World, person: &Person) -> Hashed<Enrolment> {
    let token = world.token().hash();
    assert!(world.store.issue_enrolment(token, person.id, later(60)).await.unwrap());
    token
}

fn complete(world: &World, token: Hashed<Enrolment>, person: &Person) -> CompleteEnrolment {
    let registration = person.passkey.registration();
    let login = login_of(person, &registration.as_assertion());
    let credential = NewCredential { registration, label: "Phone".to_owned() };
    CompleteEnrolment {
        token,
        credential,
        login,
        challenge: world.challenge(),
        session: world.new_session().0,
    }
}

async fn passkeys(world: &World, person: &Person) -> usize {
    world.store.credentials_of(person.id).await.unwrap().len()
}

async fn a_link_registers_a_passkey_and_signs_in(world: World) {
    let person = newcomer(&world, "grace").await;
    let token = link_for(&world, &person).await;
    assert_eq!(world.store.enrolment(token, NOW).await.unwrap().unwrap().id, person.id);
    let done = complete(&world, token, &person);
    let session = SignedIn { id: done.session.id, token: done.session.token };
    assert!(world.store.complete_enrolment(done, NOW).await.unwrap());
    assert_eq!(passkeys(&world, &person).await, 1);
    assert_eq!(world.portal(&session, NOW).await.unwrap().subject, person.id);
}

async fn a_15_a_link_works_once(world: World) {
    let person = newcomer(&world, "grace").await;
    let token = link_for(&world, &person).await;
    assert!(world.store.complete_enrolment(complete(&world, token, &person), NOW).await.unwrap());
    assert_eq!(world.store.enrolment(token, NOW).await.unwrap(), None);
    let again = Person { id: person.id, passkey: world.passkey(person.id) };
    assert!(!world.store.complete_enrolment(complete(&world, token, &again), NOW).await.unwrap());
    assert_eq!(passkeys(&world, &person).await, 1);
}

async fn a_15_one_of_many_at_once_wins(world: World) {
    let person = newcomer(&world, "grace").await;
    let token = link_for(&world, &person).await;
    let won = race(12, |_| {
        let contender = Person { id: person.id, passkey: world.passkey(person.id) };
        let done = complete(&world, token, &contender);
        async { world.store.complete_enrolment(done, NOW).await.unwrap() }
    });
    assert_eq!(winners(&won), 1);
    assert_eq!(passkeys(&world, &person).await, 1);
    assert_eq!(world.store.sessions_of(person.id, NOW).await.unwrap().len(), 1);
}

async fn a_15_a_link_is_for_its_person_only(world: World) {
    let (person, thief) = (newcomer(&world, "grace").await, newcomer(&world, "eve").await);
    let token = link_for(&world, &person).await;
    assert!(!world.store.complete_enrolment(complete(&world, token, &thief), NOW).await.unwrap());
    assert_eq!(passkeys(&world, &thief).await, 0);
    assert!(world.store.enrolment(token, NOW).await.unwrap().is_some());
}

async fn a_15_a_passkey_for_somebody_else_is_not_registered(world: World) {
    let (person, victim) = (newcomer(&world, "grace").await, newcomer(&world, "vera").await);
    let token = link_for(&world, &person).await;
    let mut done = complete(&world, token, &person);
    done.credential.registration = world.passkey(victim.id).claimed_by(victim.id);
    assert!(!world.store.complete_enrolment(done, NOW).await.unwrap());
    assert_eq!(passkeys(&world, &victim).await, 0);
    assert!(world.store.enrolment(token, NOW).await.unwrap().is_some());
}

async fn a_20_a_newer_link_replaces_the_older_one(world: World) {
    let person = newcomer(&world, "grace").await;
    let older = link_for(&world, &person).await;
    let newer = link_for(&world, &person).await;
    assert_eq!(world.store.enrolment(older, NOW).await.unwrap(), None);
    assert!(!world.store.complete_enrolment(complete(&world, older, &person), NOW).await.unwrap());
    assert!(world.store.complete_enrolment(complete(&world, newer, &person), NOW).await.unwrap());
}

async fn a_20_links_issued_at_once_leave_one_that_works(world: World) {
    let person = newcomer(&world, "grace").await;
    let tokens: Vec<_> = (0..12).map(|_| world.token::<Enrolment>().hash()).collect();
    race(12, |at| world.store.issue_enrolment(tokens[at], person.id, later(60)));
    let mut open = Vec::new();
    for token in tokens {
        open.push(world.store.enrolment(token, NOW).await.unwrap().is_some());
    }
    assert_eq!(winners(&open), 1);
}

async fn a_20_a_link_for_nobody_is_not_issued(world: World) {
    let nobody = world.new_user("nobody", &[]).id;
    assert!(!world.store.issue_enrolment(world.token().hash(), nobody, later(60)).await.unwrap());
}

async fn e_3_a_link_ends_at_the_second_it_expires(world: World) {
    let person = newcomer(&world, "grace").await;
    let token = link_for(&world, &person).await;
    assert!(world.store.enrolment(token, later(59)).await.unwrap().is_some());
    assert_eq!(world.store.enrolment(token, later(60)).await.unwrap(), None);
    assert!(!world.store.complete_enrolment(complete(&world, token, &person), later(60)).await.unwrap());
    assert!(world.store.complete_enrolment(complete(&world, token, &person), later(59)).await.unwrap());
}

async fn o_24_a_disabled_person_enrols_nothing(world: World) {
    world.administrator().await;
    let person = newcomer(&world, "grace").await;
    let token = link_for(&world, &person).await;
    let done = complete(&world, token, &person);
    assert!(world.store.set_disabled(person.id, true, NOW).await.unwrap());
    assert_eq!(world.store.enrolment(token, NOW).await.unwrap(), None);
    assert!(!world.store.complete_enrolment(done, NOW).await.unwrap());
    assert_eq!(passkeys(&world, &person).await, 0);
}

async fn w_6_a_used_challenge_completes_nothing_and_leaves_the_link_as_it_was(world: World) {
    let other = newcomer(&world, "ada").await;
    let first = link_for(&world, &other).await;
    let done = complete(&world, first, &other);
    let used = done.challenge;
    assert!(world.store.complete_enrolment(done, NOW).await.unwrap());

    let person = newcomer(&world, "grace").await;
    let token = link_for(&world, &person).await;
    let mut done = complete(&world, token, &person);
    done.challenge = used;
    assert!(!world.store.complete_enrolment(done, NOW).await.unwrap());
    assert_eq!(passkeys(&world, &person).await, 0);
    assert!(
        world.store.enrolment(token, NOW).await.unwrap().is_some(),
        "the link must survive what it did not do"
    );
}

async fn w_6_a_registered_passkey_is_a_conflict_and_leaves_the_link_as_it_was(world: World) {
    let person = newcomer(&world, "grace").await;
    let other = world.person("ada", &["users"]).await;
    let token = link_for(&world, &person).await;
    let mut done = complete(&world, token, &person);
    done.credential.registration = other.passkey.claimed_by(person.id);
    let outcome = world.store.complete_enrolment(done, NOW).await;
    assert_eq!(outcome, Err(doorward_store::StoreError::Conflict(doorward_store::Constraint::Credential)));
    assert!(world.store.enrolment(token, NOW).await.unwrap().is_some());
    assert_eq!(world.store.credential(other.passkey.id).await.unwrap().unwrap().account.user, other.id);
}
