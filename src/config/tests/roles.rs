//! `roles`, and the spellings of `claimRoles`.

use super::{checked, found, help};

fn service(more: &str) -> String {
    format!(
        "[services.notes]\nupstream = \"http://127.0.0.1:3000\"\nposture = \"sso\"\npolicy = \"users\"\n\
         identity_headers = true\n{more}"
    )
}

/// The roles of the service, as `name: group group`.
fn roles(more: &str) -> Vec<String> {
    let checked = checked(&service(more));
    let roles = &checked.config.services[0].disclosure.roles;
    roles.iter().map(|role| format!("{}: {}", role.name, role.groups.join(" "))).collect()
}

/// One meaning, whichever way it is written.
#[test]
fn roles_are_a_list_or_a_table() {
    let wanted = ["Admin: admins staff", "Viewer: users"];
    for lines in [
        "roles = [{ role = \"Admin\", groups = [\"admins\", \"staff\"] }, { role = \"Viewer\", groups = [\"users\"] }]\n",
        "roles = { Admin = [\"admins\", \"staff\"], Viewer = \"users\" }\n",
        "claimRoles = [{ claim = \"groups\", value = \"admins\", role = \"Admin\" }, { role = \"Admin\", value = \"staff\" }, \
         { claim = \"groups\", value = \"users\", role = \"Viewer\" }]\n",
        "claimRoles = { Admin = [\"example.org#admins\", \"staff\"], Viewer = \"example.org#users\" }\n",
    ] {
        assert_eq!(roles(lines), wanted, "{lines}");
    }
    assert!(roles("").is_empty());
}

#[test]
fn a_role_is_of_somebody() {
    for (line, expected) in [
        ("roles = \"admins\"\n", "E003 services.notes.roles"),
        ("roles = [\"admins\"]\n", "E003 services.notes.roles[0]"),
        ("roles = [{ groups = [\"a\"] }]\n", "E004 services.notes.roles[0]"),
        ("roles = [{ role = \"A\" }]\n", "E004 services.notes.roles[0]"),
        ("roles = [{ role = \"A\", groups = [] }]\n", "E009 services.notes.roles[0]"),
        (
            "roles = [{ role = \"A\", groups = [\"a\"], value = \"b\" }]\n",
            "E008 services.notes.roles[0].value",
        ),
        ("roles = [{ role = \"A\", groups = [\"a,b\"] }]\n", "E005 services.notes.roles[0].groups[0]"),
        ("roles = [{ role = \"A B\", groups = [\"a\"] }]\n", "E005 services.notes.roles[0].role"),
        ("roles = [{ role = \"A\", groups = [\"a\"], rank = 1 }]\n", "E002 services.notes.roles[0].rank"),
        ("roles = { \"A,B\" = \"a\" }\n", "E005 services.notes.roles.A,B"),
        ("roles = { A = [] }\n", "E009 services.notes.roles.A"),
        ("roles = { A = 1 }\n", "E003 services.notes.roles.A"),
        ("roles = { A = [1] }\n", "E003 services.notes.roles.A[0]"),
        ("claimRoles = { A = \"example.com#admins\" }\n", "E005 services.notes.claimRoles.A"),
        ("claimRoles = { A = \"#admins\" }\n", "E005 services.notes.claimRoles.A"),
        (
            "claimRoles = [{ claim = \"email\", value = \"a\", role = \"A\" }]\n",
            "E005 services.notes.claimRoles[0].claim",
        ),
        ("roles = { A = \"a\" }\nclaimRoles = { A = \"a\" }\n", "E008 services.notes.claimRoles"),
    ] {
        assert_eq!(found(&service(line)), [expected], "{line}");
    }
    assert_eq!(
        help(&service("claimRoles = { A = \"x#a\" }\n")),
        "the realm is the domain, `example.org`, or nothing"
    );
}

/// Nothing is accepted and then ignored in silence.
#[test]
fn roles_and_headers_belong_together() {
    let named = service("").replace("true", "{ \"X-Role\" = \"role\" }");
    assert_eq!(found(&named), ["E004 services.notes"]);
    assert!(found(&(named + "roles = { A = \"a\" }\n")).is_empty());
    let silent = service("roles = { A = \"a\" }\n").replace("identity_headers = true\n", "");
    let warned: Vec<_> =
        checked(&silent).warnings.iter().map(|found| (found.code, found.key.clone())).collect();
    assert_eq!(warned, [("W106", "services.notes.roles".to_owned())]);
}
