//! TOML and JSON are two spellings of one schema.

use super::{Checked, check, diagnostics, found_in, json, toml};
use crate::config::Source;

const COMPLETE_TOML: &str = include_str!("../../../tests/fixtures/config/complete.toml");
const COMPLETE_JSON: &str = include_str!("../../../tests/fixtures/config/complete.json");

/// Everything that was read. Tables of look-ups have no order and are left to [`routes`].
fn shown(checked: &Checked) -> String {
    let config = &checked.config;
    let mut clients: Vec<_> = checked.clients.iter().collect();
    clients.sort_by(|one, other| one.client.name.cmp(&other.client.name));
    let head = (&config.domain, &config.portal, &config.listeners, &config.data_directory);
    let tail = (&config.database, &config.root_secret_file, &config.trusted_proxies, &config.policies);
    format!("{head:#?}\n{tail:#?}\n{:#?}\n{clients:#?}", config.services)
}

fn routes(checked: &Checked) -> Vec<&str> {
    let hosts = checked.config.services.iter().flat_map(|service| &service.hosts);
    let origin = |host: &str| checked.config.routes.find(host).unwrap().origin.as_str();
    hosts.map(|host| origin(host.as_str())).collect()
}

#[test]
fn one_schema_in_two_syntaxes() {
    let toml = check(&toml(COMPLETE_TOML)).unwrap();
    let json = check(&json(COMPLETE_JSON)).unwrap();
    assert_eq!(shown(&toml), shown(&json));
    assert_eq!(routes(&toml), routes(&json));
    let codes = |checked: &Checked| checked.warnings.iter().map(|found| found.code).collect::<Vec<_>>();
    assert_eq!(codes(&toml), codes(&json));
}

#[test]
fn what_every_key_means() {
    let checked = check(&toml(COMPLETE_TOML)).unwrap();
    insta::assert_snapshot!(shown(&checked));
    assert_eq!(
        routes(&checked),
        [
            "https://notes.example.org:8443",
            "https://grafana.example.org:8443",
            "https://stats.example.com:8443",
            "https://mealie.example.org:8443",
            "https://git.example.org:8443",
            "https://www.example.org:8443",
        ]
    );
}

/// T-8: what is not written is closed: nobody is trusted, nothing is open, headers say nothing.
#[test]
fn t_8_the_shortest_configuration_opens_nothing() {
    let checked = super::checked(
        "[services.notes]\nupstream = \"http://127.0.0.1:1\"\nposture = \"sso\"\npolicy = \"users\"\n",
    );
    insta::assert_snapshot!(shown(&checked));
    assert!(checked.warnings.is_empty());
}

#[test]
fn the_spellings_of_the_founding_document_are_read_too() {
    let policies = "[policies.users]\nallowedGroups = [\"family\"]\nallowedNetworks = [\"10.0.0.0/8\"]\n";
    let checked = super::checked(&format!(
        "[portal]\nportalHost = \"id.example.org\"\n{policies}[services.sonarr]\nhostName = \"tv.example.org\"\n\
         upstream = \"http://127.0.0.1:8989\"\nposture = \"sso\"\npolicy = \"users\"\n\
         bypass = [{{ paths = [\"/api\"], allowedNetworks = [\"127.0.0.1\"] }}]\n\
         [clients.mealie]\nclientIdFile = \"id\"\nclientSecretFile = \"secret\"\nredirect_uris = [\"https://m.example.org/cb\"]\n\
         allowedGroups = [\"family\"]\n"
    ));
    assert_eq!(checked.config.services[0].hosts[0].as_str(), "tv.example.org");
    assert_eq!(checked.config.policies["users"].networks.as_ref().unwrap().len(), 1);
    assert_eq!(checked.clients[0].id_file.as_deref(), Some("/etc/doorward/id".as_ref()));
}

#[test]
fn two_spellings_of_one_key_contradict_each_other() {
    let lines = "[policies.family]\ngroups = [\"a\"]\nallowedGroups = [\"b\"]\n";
    assert_eq!(super::found(lines), ["E008 policies.family.allowedGroups"]);
}

#[test]
fn what_is_not_toml_is_reported_where_it_begins() {
    for (text, line) in [
        ("domain = \"a.b\"\n[portal\n", 2),
        ("domain = \"a.b\"\ndomain = \"c.d\"\n", 2),
        ("a = 1\n\nb = \n", 3),
        ("x = \"unclosed\n", 1),
        ("[services]\n[services]\n", 2),
    ] {
        let source = toml(text);
        let found = diagnostics(&source);
        assert!(found.iter().all(|found| found.code == "E001"), "{text}: {found:?}");
        assert_eq!(found[0].position(text).0, line, "{text}");
        assert!(source.render(&found, false).contains("doorward.toml"));
    }
    assert!(found_in("\u{0}").iter().all(|found| found == "E001 "));
}

#[test]
fn what_is_not_json_is_reported_where_it_begins() {
    for (text, line) in [
        ("{\n  \"domain\": \"a.b\",\n}", 2),
        ("{\n  // a comment\n  \"domain\": \"a.b\" }", 2),
        ("{ \"domain\": 'a.b' }", 1),
        ("{\n domain: \"a.b\" }", 2),
        ("{ \"domain\": \"a.b\" } {}", 1),
        ("[]", 1),
        ("\"text\"", 1),
        ("", 1),
        ("null", 1),
    ] {
        let found = diagnostics(&json(text));
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert_eq!((found[0].code, found[0].position(text).0), ("E001", line), "{text}");
    }
    for deep in ["[".repeat(100_000), "{\"a\":".repeat(100_000), format!("{{\"a\":{}", "[".repeat(40))] {
        assert_eq!(diagnostics(&json(deep))[0].message, "nested deeper than 32 levels");
    }
}

/// A key that is there twice does not hide the other mistakes.
#[test]
fn json_keys_are_unique_and_mistakes_have_lines() {
    let text = "{\n  \"domain\": \"example.org\",\n  \"domain\": \"example.com\",\n  \"listeners\": [\n    { \"address\": \"nowhere\" }\n  ],\n  \
                \"services\": {\n    \"nötes\": null\n  },\n  \"colour\": \"blue\"\n}\n";
    let source = json(text);
    let found: Vec<_> = diagnostics(&source)
        .iter()
        .map(|found| format!("{} {} {}", found.position(text).0, found.code, found.key))
        .collect();
    assert_eq!(
        found,
        [
            "3 E007 ",
            "5 E005 listeners[0].address",
            "8 E005 services.nötes",
            "8 E003 services.nötes",
            "10 E002 colour",
        ]
    );
}

#[test]
fn the_name_of_a_file_tells_its_syntax() {
    let scratch = doorward_testkit::Scratch::new("config").unwrap();
    for (name, text, sound) in [
        ("a.json", COMPLETE_JSON, true),
        ("a.JSON", COMPLETE_JSON, true),
        ("a.toml", COMPLETE_TOML, true),
        ("a", COMPLETE_TOML, true),
        ("b.toml", COMPLETE_JSON, false),
        ("b.json", COMPLETE_TOML, false),
    ] {
        let path = scratch.path().join(name);
        std::fs::write(&path, text).unwrap();
        assert_eq!(check(&Source::read(&path).unwrap()).is_ok(), sound, "{name}");
    }
}
