//! `inject`, `assertion`, and what is only said where somebody is known.

use super::{checked, found};

fn service(more: &str) -> String {
    format!(
        "[services.notes]\nupstream = \"http://127.0.0.1:3000\"\nposture = \"sso\"\npolicy = \"users\"\n{more}"
    )
}

#[test]
fn a_credential_has_a_header_and_a_file() {
    let lines = service(
        "inject = [{ header = \"X-Api-Key\", value_file = \"key\" }, \
         { header = \"Authorization\", value_file = \"/run/token\", prefix = \"Bearer \" }]\n",
    );
    let checked = checked(&lines);
    let credentials = &checked.config.services[0].disclosure.credentials;
    let shown: Vec<_> = credentials
        .iter()
        .map(|found| (found.name.as_str(), found.file.to_str().unwrap(), found.prefix.as_str()))
        .collect();
    assert_eq!(shown, [("x-api-key", "/etc/doorward/key", ""), ("authorization", "/run/token", "Bearer ")]);
    for (line, expected) in [
        ("inject = true\n", "E003 services.notes.inject"),
        ("inject = [{ header = \"X-Api-Key\" }]\n", "E004 services.notes.inject[0]"),
        ("inject = [{ value_file = \"key\" }]\n", "E004 services.notes.inject[0]"),
        (
            "inject = [{ header = \"X-Key\", value = \"1234\", value_file = \"k\" }]\n",
            "E002 services.notes.inject[0].value",
        ),
        (
            "inject = [{ header = \"X-Key\", value_file = \"k\", prefix = \"a\\nb\" }]\n",
            "E005 services.notes.inject[0].prefix",
        ),
        (
            "inject = [{ header = \"X-Key\", value_file = \"k\" }, { header = \"x_key\", value_file = \"k\" }]\n",
            "E007 services.notes.inject[1]",
        ),
    ] {
        assert_eq!(found(&service(line)), [expected], "{line}");
    }
    for name in [
        "Cookie",
        "Host",
        "X-Forwarded-For",
        "Connection",
        "X-Doorward-Assertion",
        "Content_Length",
        "a b",
        "",
    ] {
        let line = format!("inject = [{{ header = \"{name}\", value_file = \"k\" }}]\n");
        assert_eq!(found(&service(&line)), ["E005 services.notes.inject[0].header"], "{name}");
    }
}

/// Nothing about people is accepted where nobody is known.
#[test]
fn what_is_about_people_needs_people() {
    for posture in ["public", "native-oidc", "app-login"] {
        for key in [
            "identity_headers = true",
            "roles = { A = \"a\" }",
            "claimRoles = { A = \"a\" }",
            "assertion = true",
            "inject = [{ header = \"X-Api-Key\", value_file = \"key\" }]",
        ] {
            let name = key.split(' ').next().unwrap();
            let lines = format!(
                "[services.notes]\nupstream = \"http://127.0.0.1:3000\"\nposture = \"{posture}\"\n{key}\n"
            );
            let expected = format!("E008 services.notes.{name}");
            assert!(found(&lines).contains(&expected), "{posture} {key}: {:?}", found(&lines));
        }
    }
}

#[test]
fn a_name_with_its_password_is_lent_credentials_and_told_nothing() {
    let lines = |key: &str| {
        format!(
            "[services.notes]\nupstream = \"http://127.0.0.1:3000\"\nposture = \"basic\"\n\
             basic = {{ users_file = \"users\" }}\n{key}\n"
        )
    };
    let inject = found(&lines("inject = [{ header = \"X-Api-Key\", value_file = \"key\" }]"));
    assert!(!inject.iter().any(|mistake| mistake.starts_with('E')), "{inject:?}");
    assert_eq!(found(&lines("identity_headers = true")), ["E008 services.notes.identity_headers"]);
}

#[test]
fn an_assertion_is_asked_for() {
    assert!(
        checked(&service("assertion = true\nroles = { A = \"a\" }\n")).config.services[0]
            .disclosure
            .assertion
    );
    assert!(!checked(&service("")).config.services[0].disclosure.assertion, "nothing is said by default");
    assert_eq!(found(&service("assertion = \"yes\"\n")), ["E003 services.notes.assertion"]);
}
