use std::collections::BTreeSet;

use super::*;
use crate::{
    id::{SessionId, UserId},
    identity::{AuthContext, Identity, IdentityParts},
    time::UnixTime,
    user::{Profile, Username},
};

fn person(display_name: &str, email: Option<&str>, groups: &[&str]) -> Identity {
    Identity::new(IdentityParts {
        subject: UserId::from_random([1; 16]),
        profile: Profile {
            email: email.map(str::to_owned),
            ..Profile::new(Username::parse("ada").unwrap(), display_name.to_owned())
        },
        groups: groups.iter().map(|group| (*group).to_owned()).collect(),
        context: AuthContext { auth_time: UnixTime(0), amr: Vec::new() },
        session: SessionId::from_random([2; 16]),
        portal_session: SessionId::from_random([3; 16]),
        expires_at: UnixTime(1),
    })
}

fn role(name: &str, groups: &[&str]) -> Role {
    Role { name: name.to_owned(), groups: groups.iter().map(|group| (*group).to_owned()).collect() }
}

/// A service that sends every set, and these roles.
fn every_set(roles: Vec<Role>) -> Disclosure {
    let headers = HeaderSet::ALL
        .iter()
        .flat_map(|set| set.headers)
        .map(|(name, property)| IdentityHeader { name: HeaderName::from_static(name), property: *property });
    Disclosure { headers: headers.collect(), roles, ..Disclosure::default() }
}

fn shown(disclosure: &Disclosure, person: &Identity) -> String {
    let disclosed = disclosure.render(person);
    let line = |(name, value): &(HeaderName, http::HeaderValue)| {
        format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes()))
    };
    disclosed.lines().iter().map(line).collect()
}

#[test]
fn every_header_of_every_set() {
    let disclosure = every_set(vec![role("Editor", &["staff"]), role("Admin", &["admins"])]);
    let ada = person("Ada Löve", Some("ada@example.org"), &["users", "staff", "admins"]);
    insta::assert_snapshot!(shown(&disclosure, &ada));
}

/// What is not known, or can't stand in a header, is no header: never an empty or a broken one.
#[test]
fn h_8_what_can_not_be_sent_is_left_out() {
    let disclosure = every_set(vec![role("Admin", &["admins"])]);
    for (name, email) in [("Ada\r\nRemote-User: root", None), ("", Some("")), ("A\u{7f}", None)] {
        let sent = shown(&disclosure, &person(name, email, &[]));
        let names: BTreeSet<&str> = sent.lines().filter_map(|line| line.split(": ").next()).collect();
        assert_eq!(
            names.into_iter().collect::<Vec<_>>(),
            [
                "remote-user",
                "x-forwarded-preferred-username",
                "x-forwarded-user",
                "x-token-subject",
                "x-webauth-user"
            ]
        );
    }
}

/// A name with a separator inside would be read as two, one of which the person does not have.
#[test]
fn impossible_3_a_group_can_not_pass_for_two() {
    let disclosure = every_set(vec![role("Viewer Admin", &["users"]), role("Editor,Admin", &["users"])]);
    let sent = shown(&disclosure, &person("Ada", None, &["guests,admins", "users"]));
    assert!(sent.contains("remote-groups: users\n"), "{sent}");
    assert!(sent.contains("remote-roles: Viewer Admin\n"), "{sent}");
    assert!(sent.contains("x-token-user-roles: Editor,Admin\n"), "{sent}");
}

/// Roles come from what the service declares, never from the names of groups.
#[test]
fn impossible_3_w_14_a_group_is_no_role_by_itself() {
    let ada = person("Ada", None, &["admins", "users"]);
    assert!(!shown(&every_set(Vec::new()), &ada).contains("role"), "nothing is declared");
    let elsewhere = every_set(vec![role("admins", &["cooks"])]);
    assert!(!shown(&elsewhere, &ada).contains("role"), "a role of the same name as a group");
    let nobody = every_set(vec![role("admins", &[])]);
    assert!(!shown(&nobody, &ada).contains("role"), "a role of nobody");
}

#[test]
fn the_first_role_that_is_declared_takes_precedence() {
    let ada = person("Ada", None, &["staff", "admins"]);
    let disclosure = every_set(vec![role("Admin", &["admins"]), role("Editor", &["staff"])]);
    assert_eq!(disclosure.roles_of(&ada).collect::<Vec<_>>(), ["Admin", "Editor"]);
    assert!(shown(&disclosure, &ada).contains("x-webauth-role: Admin\n"));
}

#[test]
fn the_default_says_nothing() {
    let ada = person("Ada", Some("ada@example.org"), &["users"]);
    assert_eq!(Disclosure::default().render(&ada), Disclosed::default());
    assert!(!Disclosure::default().says_anything());
}
