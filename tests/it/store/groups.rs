//! Groups, what they are called, and claims of people and groups.

use std::collections::BTreeSet;

use doorward_core::{
    id::GroupId,
    user::{Profile, Username, claims::WrittenClaims},
};
use doorward_store::{Constraint, GroupNames, NewGroup, StoreError};

use super::world::{NOW, World, groups};

on_both_engines![
    a_group_is_read_back_as_written,
    a_group_that_was_named_first_has_an_identifier,
    a_group_keeps_its_members_and_claims_when_it_is_renamed,
    administrators_keep_their_group,
    the_members_of_a_group_are_those_that_were_named,
    a_profile_is_replaced_whole,
    a_person_is_removed_with_everything,
    claims_reach_tokens_and_nothing_else,
];

fn names(name: &str, friendly_name: &str) -> GroupNames {
    GroupNames { name: name.to_owned(), friendly_name: friendly_name.to_owned() }
}

fn claims(pairs: &[(&str, &str)]) -> WrittenClaims {
    WrittenClaims::new(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))).unwrap()
}

async fn family(world: &World) -> GroupId {
    let new = NewGroup { id: GroupId::from_random(world.bytes()), names: names("family", "The Family") };
    let id = new.id;
    world.store.create_group(new, NOW).await.unwrap();
    id
}

async fn a_group_is_read_back_as_written(world: World) {
    let id = family(&world).await;
    let group = world.store.group(id).await.unwrap().unwrap();
    assert_eq!(
        (group.id, group.names, group.created_at, group.members),
        (id, names("family", "The Family"), NOW, 0)
    );
    let again = NewGroup { id: GroupId::from_random(world.bytes()), names: names("family", "x") };
    let outcome = world.store.create_group(again, NOW).await;
    assert_eq!(outcome, Err(StoreError::Conflict(Constraint::Group)));
    assert_eq!(world.store.group(GroupId::from_random(world.bytes())).await.unwrap(), None);
    assert_eq!(world.store.groups_after(Some(id), 10).await.unwrap(), []);
}

async fn a_group_that_was_named_first_has_an_identifier(world: World) {
    let person = world.person("grace", &["users"]).await;
    let found = world.store.groups_after(None, 10).await.unwrap();
    assert_eq!(found[0].names, names("users", "users"));
    assert_eq!(world.store.groups_of(person.id).await.unwrap(), found);
    assert_eq!(world.store.group(found[0].id).await.unwrap().unwrap().members, 1);
}

async fn a_group_keeps_its_members_and_claims_when_it_is_renamed(world: World) {
    world.administrator().await;
    let id = family(&world).await;
    let grace = world.person("grace", &["family"]).await;
    assert!(world.store.set_group_claims(id, claims(&[("team", "red")])).await.unwrap());
    assert!(world.store.rename_group(id, names("kin", "Kin")).await.unwrap());
    assert_eq!(world.store.user(grace.id).await.unwrap().unwrap().groups, groups(&["kin"]));
    assert_eq!(world.store.group_claims(id).await.unwrap(), claims(&[("team", "red")]));
    assert_eq!(world.store.group(id).await.unwrap().unwrap().names, names("kin", "Kin"));
    let taken = world.store.rename_group(id, names("users", "x")).await;
    assert_eq!(taken, Err(StoreError::Conflict(Constraint::Group)));
    assert_eq!(world.store.user(grace.id).await.unwrap().unwrap().groups, groups(&["kin"]));
    assert!(!world.store.rename_group(GroupId::from_random(world.bytes()), names("x", "x")).await.unwrap());
}

async fn administrators_keep_their_group(world: World) {
    let ada = world.administrator().await;
    let all = world.store.groups_after(None, 10).await.unwrap();
    let admins = all.iter().find(|group| group.names.name == "admins").unwrap().id;
    let refused = Err(StoreError::Conflict(Constraint::LastAdministrator));
    assert_eq!(world.store.rename_group(admins, names("bosses", "Bosses")).await, refused);
    assert_eq!(world.store.delete_group(admins).await, refused);
    assert_eq!(world.store.set_members(admins, BTreeSet::new()).await, refused);
    assert_eq!(world.store.delete_user(ada.id).await, refused);
    assert!(world.store.user(ada.id).await.unwrap().unwrap().groups.contains("admins"));
}

async fn the_members_of_a_group_are_those_that_were_named(world: World) {
    world.administrator().await;
    let (grace, id) = (world.person("grace", &["users"]).await, family(&world).await);
    let nobody = world.new_user("nobody", &[]).id;
    let before = world.store.generation();
    assert!(world.store.set_members(id, [grace.id, nobody].into()).await.unwrap());
    assert!(world.store.generation() > before, "sessions are read again");
    assert_eq!(world.store.members_of(id, 10).await.unwrap(), [grace.id]);
    assert_eq!(world.store.user(grace.id).await.unwrap().unwrap().groups, groups(&["family", "users"]));
    assert!(world.store.set_members(id, BTreeSet::new()).await.unwrap());
    assert_eq!(world.store.members_of(id, 10).await.unwrap(), []);
    assert!(world.store.delete_group(id).await.unwrap());
    assert!(!world.store.delete_group(id).await.unwrap());
    assert!(!world.store.set_members(id, BTreeSet::new()).await.unwrap());
}

async fn a_profile_is_replaced_whole(world: World) {
    let (grace, vera) = (world.person("grace", &[]).await, world.person("vera", &[]).await);
    let profile = Profile {
        first_name: "Grace".to_owned(),
        last_name: "Hopper".to_owned(),
        locale: Some("en-US".to_owned()),
        email: Some("g@example.org".to_owned()),
        email_verified: false,
        ..Profile::new(Username::parse("Gracie").unwrap(), "Grace H.".to_owned())
    };
    assert!(world.store.set_profile(grace.id, profile.clone()).await.unwrap());
    let read = world.store.user(grace.id).await.unwrap().unwrap().profile;
    assert_eq!((&read, read.username.as_str()), (&profile, "Gracie"), "as it was written");
    let taken = world.store.set_profile(vera.id, profile.clone()).await;
    assert!(
        matches!(taken, Err(StoreError::Conflict(Constraint::Username | Constraint::Email))),
        "{taken:?}"
    );
    let same = Profile { username: Username::parse("GRACIE").unwrap(), ..profile };
    assert!(world.store.set_profile(grace.id, same).await.unwrap(), "another spelling of one's own name");
    world.store.create_user(world.new_user("grace", &[]), NOW).await.unwrap();
    assert!(!world.store.set_profile(world.new_user("x", &[]).id, read).await.unwrap_or(false));
}

async fn a_person_is_removed_with_everything(world: World) {
    world.administrator().await;
    let grace = world.person("grace", &["users"]).await;
    let session = world.sign_in(&grace).await;
    assert!(world.store.delete_user(grace.id).await.unwrap());
    assert!(!world.store.delete_user(grace.id).await.unwrap());
    assert!(world.portal(&session, NOW).await.is_none());
    assert!(world.store.credential(grace.passkey.id).await.unwrap().is_none());
}

async fn claims_reach_tokens_and_nothing_else(world: World) {
    let id = family(&world).await;
    let grace = world.person("grace", &["family", "users"]).await;
    assert!(world.store.set_group_claims(id, claims(&[("team", "red"), ("shell", "sh")])).await.unwrap());
    assert!(world.store.set_user_claims(grace.id, claims(&[("team", "blue")])).await.unwrap());
    assert_eq!(world.store.user_claims(grace.id).await.unwrap(), claims(&[("team", "blue")]));
    let session = world.sign_in(&grace).await;
    assert_eq!(world.portal(&session, NOW).await.unwrap().custom_claims, None, "not at the gate");
    let (_, tokens) = world.tokens(grace.id, session.id, &["openid", "profile"]).await;
    let grant = world.store.access_token(tokens.access, NOW).await.unwrap().unwrap();
    let told: Vec<_> = grant.identity.custom_claims.as_ref().unwrap().iter().collect();
    assert_eq!(told, [("shell", &"sh".into()), ("team", &"blue".into())]);
    assert!(world.store.set_user_claims(grace.id, WrittenClaims::default()).await.unwrap());
    assert_eq!(world.store.user_claims(grace.id).await.unwrap(), WrittenClaims::default());
    let nobody = world.new_user("nobody", &[]).id;
    assert!(!world.store.set_user_claims(nobody, WrittenClaims::default()).await.unwrap());
}
