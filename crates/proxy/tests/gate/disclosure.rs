//! What upstreams learn about people: header sets, roles, nothing.

use std::net::SocketAddr;

use doorward_core::service::{Disclosure, HeaderSet, IdentityHeader, Role, Service};

use crate::{
    harness::{ADA, Gate, Setup, config, service},
    sessions::ada,
    upstream::Echo,
    wire::Head,
};

/// The headers of all sets.
fn every_set() -> Vec<IdentityHeader> {
    let headers = HeaderSet::ALL.iter().flat_map(|set| set.headers);
    headers
        .map(|(name, property)| IdentityHeader { name: name.parse().unwrap(), property: *property })
        .collect()
}

fn role(name: &str, group: &str) -> Role {
    Role { name: name.to_owned(), groups: vec![group.to_owned()] }
}

/// A service that sends every set, with these roles.
fn talkative(name: &str, upstream: SocketAddr, roles: Vec<Role>) -> Service {
    let disclosure = Disclosure { headers: every_set(), roles, ..Disclosure::default() };
    Service { disclosure, ..service(name, upstream) }
}

/// notes and wiki call members of `family` different things; glances is behind the portal and asks for nothing.
fn services(upstream: SocketAddr) -> Vec<Service> {
    vec![
        talkative("notes", upstream, vec![role("Admin", "family")]),
        talkative("wiki", upstream, vec![role("Reader", "family"), role("Admin", "editors")]),
        Service { disclosure: Disclosure::default(), ..service("glances", upstream) },
    ]
}

fn gate(upstream: SocketAddr) -> Gate {
    let gate = Gate::with(Setup::default(), services(upstream));
    for host in ["notes.test", "wiki.test", "glances.test"] {
        gate.sessions.sign_in(ADA, host, ada(&["users", "family"]));
    }
    gate
}

async fn seen(gate: &Gate, host: &str, lines: &str) -> Head {
    let lines = format!("Cookie: __Host-doorward={ADA}\r\n{lines}");
    gate.connect().await.get(host, "/", &lines).await.echoed()
}

/// Names that are about people, as far as any of them arrived.
fn about_people(seen: &Head) -> Vec<&str> {
    let prefixes = ["remote", "x-token", "x-webauth", "x-auth", "x-doorward"];
    let names = seen.names().filter(|name| {
        let name = name.replace(['_', '.'], "-");
        let forwarding = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port"];
        prefixes.iter().any(|prefix| name.starts_with(prefix))
            || name.starts_with("x-forwarded") && !forwarding.contains(&name.as_str())
    });
    names.collect()
}

/// Every name of every set, forged in several spellings.
fn forged() -> String {
    let names = HeaderSet::ALL.iter().flat_map(|set| set.headers).map(|(name, _)| name);
    let spelled =
        names.flat_map(|name| [name.to_uppercase(), name.replace('-', "_"), name.replacen('-', ".", 1)]);
    spelled.fold(String::new(), |lines, name| lines + &name + ": forged\r\n")
}

#[tokio::test]
async fn r_33_several_conventions_at_once() {
    let echo = Echo::start().await;
    let gate = gate(echo.address);
    let seen = seen(&gate, "wiki.test", "").await;
    for (name, value) in [
        ("remote-user", "ada"),
        ("remote-roles", "Reader"),
        ("x-forwarded-preferred-username", "ada"),
        ("x-forwarded-groups", "family,users"),
        ("x-token-user-name", "Ada Lovelace"),
        ("x-token-user-roles", "Reader"),
        ("x-webauth-user", "ada"),
        ("x-webauth-role", "Reader"),
    ] {
        assert_eq!(seen.one(name), Some(value), "{name}");
    }
}

/// What the client says is gone whether we say something under that name or not: Ada has no address, and glances is
/// told nothing at all.
#[tokio::test]
async fn h_1_h_8_impossible_2_no_name_of_any_set_can_be_forged() {
    let echo = Echo::start().await;
    let gate = gate(echo.address);
    let wiki = seen(&gate, "wiki.test", &forged()).await;
    for name in about_people(&wiki) {
        assert_ne!(wiki.one(name), Some("forged"), "{name}");
    }
    assert_eq!(wiki.one("remote-email"), None);
    assert_eq!(about_people(&seen(&gate, "glances.test", &forged()).await), Vec::<&str>::new());
}

/// R38: who is only let in by the door learns nothing about whom it let in.
#[tokio::test]
async fn r_38_a_service_that_asks_for_nothing_learns_nothing() {
    let echo = Echo::start().await;
    let gate = gate(echo.address);
    let seen = seen(&gate, "glances.test", "").await;
    assert_eq!(about_people(&seen), Vec::<&str>::new());
    let text: Vec<&str> = seen.names().flat_map(|name| seen.all(name)).collect();
    assert!(!text.iter().any(|value| value.to_lowercase().contains("ada")), "{text:?}");
}

#[tokio::test]
async fn impossible_3_w_14_a_role_belongs_to_one_service() {
    let echo = Echo::start().await;
    let gate = gate(echo.address);
    // One session after the other on one worker: what was rendered for one service is not sent to the other.
    for _ in 0..2 {
        assert_eq!(seen(&gate, "notes.test", "").await.one("remote-roles"), Some("Admin"));
        assert_eq!(seen(&gate, "wiki.test", "").await.one("remote-roles"), Some("Reader"));
    }
}

#[tokio::test]
async fn impossible_3_roles_follow_groups_and_declarations_at_once() {
    let echo = Echo::start().await;
    let gate = gate(echo.address);
    assert_eq!(seen(&gate, "wiki.test", "").await.one("x-webauth-role"), Some("Reader"));
    gate.sessions.sign_in(ADA, "wiki.test", ada(&["users", "editors"]));
    assert_eq!(seen(&gate, "wiki.test", "").await.one("x-webauth-role"), Some("Admin"));
    gate.sessions.sign_in(ADA, "wiki.test", ada(&["users"]));
    assert_eq!(seen(&gate, "wiki.test", "").await.one("x-webauth-role"), None);
    let declared = vec![talkative("wiki", echo.address, vec![role("Guest", "users")])];
    gate.config.store(config(declared, &[]).into());
    assert_eq!(seen(&gate, "wiki.test", "").await.one("x-webauth-role"), Some("Guest"));
}
