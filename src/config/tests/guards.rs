//! Keys, rules, passwords and redirects, as people write them.

use doorward_core::{
    policy::{Effect, Posture},
    service::Backend,
};
use doorward_testkit::Scratch;

use super::{Source, check, check_files, checked, found, help, toml};

fn service(more: &str) -> String {
    format!(
        "[services.notes]\nupstream = \"http://127.0.0.1:3000\"\nposture = \"sso\"\npolicy = \"users\"\n{more}"
    )
}

fn in_service(rows: &[(&str, &[&str])]) {
    for (line, expected) in rows {
        let found: Vec<String> =
            found(&service(line)).into_iter().map(|found| found.replace(" services.notes", " ")).collect();
        assert_eq!(&found, expected, "{line}");
    }
}

#[test]
fn keys_have_a_name_and_a_file() {
    in_service(&[
        ("keys = [{ name = \"backup\", key_file = \"k\" }]\n", &[]),
        (
            "keys = [{ name = \"a\", key_file = \"k\", header = \"Authorization\", expires = 2027-01-31 }]\n",
            &[],
        ),
        ("keys = [{ name = \"a\", key_file = \"k\", expires = \"2027-01-31T12:00:00+01:00\" }]\n", &[]),
        ("keys = [{ name = \"a\", key_file = \"k\", expires = 2027-01-31T12:00:00Z }]\n", &[]),
        ("keys = [{ name = \"a\", key_file = \"k\", expires = \"soon\" }]\n", &["E005 .keys[0].expires"]),
        ("keys = [{ name = \"a\", key_file = \"k\", expires = 7 }]\n", &["E005 .keys[0].expires"]),
        ("keys = [{ key_file = \"k\" }]\n", &["E004 .keys[0]"]),
        ("keys = [{ name = \"a\" }]\n", &["E004 .keys[0]"]),
        ("keys = [{ name = \"A b\", key_file = \"k\" }]\n", &["E005 .keys[0].name"]),
        (
            "keys = [{ name = \"a\", key_file = \"k\" }, { name = \"a\", key_file = \"l\" }]\n",
            &["E007 .keys[1].name"],
        ),
        ("keys = [{ name = \"a\", key_file = \"k\", regexes = [\"(\"] }]\n", &["Q001 .keys[0].regexes[0]"]),
        ("keys = [{ name = \"a\", key = \"secret\" }]\n", &["E004 .keys[0]", "E002 .keys[0].key"]),
        ("keys = { name = \"a\" }\n", &["E003 .keys"]),
    ]);
    for name in ["Cookie", "Host", "Remote-User", "X_Forwarded_For", "Connection", "a b", ""] {
        let line = format!("keys = [{{ name = \"a\", key_file = \"k\", header = \"{name}\" }}]\n");
        assert_eq!(found(&service(&line)), ["E005 services.notes.keys[0].header"], "{name}");
    }
}

#[test]
fn rules_say_what_they_are_about_and_what_they_demand() {
    in_service(&[
        ("rules = [{ paths = [\"/admin\"], policy = \"admins\" }]\n", &[]),
        ("rules = [{ regexes = [\"/[0-9]+\"], step_up = \"10m\" }]\n", &[]),
        ("rules = [{ methods = [\"DELETE\"], deny = true }]\n", &[]),
        ("rules = [{ paths = [\"/a\"] }]\n", &["E004 .rules[0]"]),
        ("rules = [{ paths = [\"/a\"], deny = false }]\n", &["E004 .rules[0]"]),
        ("rules = [{ policy = \"admins\" }]\n", &["E004 .rules[0]"]),
        ("rules = [{ paths = [\"/a\"], policy = \"admin\" }]\n", &["E006 .rules[0].policy"]),
        ("rules = [{ paths = [\"/a\"], policy = \"admins\", deny = true }]\n", &["E008 .rules[0]"]),
        ("rules = [{ paths = [\"/a\"], step_up = \"1s\" }]\n", &["E005 .rules[0].step_up"]),
        ("rules = [{ paths = [\"/a\"], step_up = 10 }]\n", &["E003 .rules[0].step_up"]),
        ("rules = [{ paths = [\"a\"], deny = true }]\n", &["E005 .rules[0].paths[0]"]),
        ("rules = [{ regexes = [\"[\"], deny = true }]\n", &["Q001 .rules[0].regexes[0]"]),
        ("rules = [{ paths = [\"/a\"], bypass = true }]\n", &["E004 .rules[0]", "E002 .rules[0].bypass"]),
    ]);
    let rules = checked(&service("rules = [{ paths = [\"/a\"], step_up = \"10m\" }]\n"));
    let Effect::Require { policy: None, step_up } = &rules.config.services[0].guard.rules[0].effect else {
        panic!("it demands a passkey")
    };
    assert_eq!(step_up.unwrap().0, 600);
    let open = service("rules = [{ paths = [\"/a\"], step_up = \"10m\" }]\n")
        .replace("\"sso\"", "\"public\"")
        .replace("policy = \"users\"\n", "");
    assert_eq!(found(&open), ["E008 services.notes.rules[0]"], "nobody is asked who they are");
    assert!(found(&open.replace("step_up = \"10m\"", "step_up = \"10m\", policy = \"users\"")).is_empty());
}

#[test]
fn what_a_posture_does_not_read_is_a_mistake() {
    let posture = |word: &str, line: &str| {
        found(&format!("[services.notes]\nupstream = \"http://127.0.0.1:1\"\nposture = \"{word}\"\n{line}"))
    };
    let key = "keys = [{ name = \"a\", key_file = \"k\" }]\n";
    let basic = "basic = { users_file = \"u\" }\n";
    assert_eq!(posture("public", key), ["E008 services.notes.keys"]);
    assert_eq!(posture("public", basic), ["E008 services.notes.basic"]);
    assert!(posture("basic", &format!("{basic}{key}")).is_empty());
    assert_eq!(posture("basic", ""), ["E004 services.notes"]);
    assert_eq!(posture("basic", &format!("{basic}policy = \"users\"\n")), ["E008 services.notes.policy"]);
    assert_eq!(posture("basic", "basic = {}\n"), ["E004 services.notes.basic"]);
    assert_eq!(
        posture("basic", "basic = { users_file = \"u\", user_header = \"Host\" }\n"),
        ["E005 services.notes.basic.user_header"]
    );
    let rule = "rules = [{ paths = [\"/a\"], policy = \"users\" }]\n";
    assert_eq!(posture("basic", &format!("{basic}{rule}")), ["E008 services.notes.rules[0]"]);
    let names = checked(
        "[services.notes]\nupstream = \"http://127.0.0.1:1\"\nposture = \"basic\"\nbasic = { users_file = \"u\", user_header = \"X-Login\" }\n",
    );
    assert!(names.config.reserved_headers.contains(&"x_login".parse().unwrap()), "no client says who it is");
}

#[test]
fn r_8_a_redirect_names_an_origin() {
    let redirect = |line: &str| format!("[services.www]\nposture = \"redirect\"\n{line}");
    let config = checked(&redirect("redirect_to = \"https://example.com\"\npermanent = true\n")).config;
    let Backend::Redirect(target) = &config.services[0].backend else { panic!("it leads elsewhere") };
    assert_eq!((target.to.as_str(), target.permanent), ("https://example.com", true));
    for (line, expected) in [
        ("", "E004 services.www"),
        ("redirect_to = \"example.com\"\n", "E005 services.www.redirect_to"),
        ("redirect_to = \"https://example.com/path\"\n", "E005 services.www.redirect_to"),
        ("redirect_to = \"javascript:alert(1)\"\n", "E005 services.www.redirect_to"),
        ("redirect_to = \"https://a\\r\\nb\"\n", "E005 services.www.redirect_to"),
    ] {
        assert_eq!(found(&redirect(line)), [expected], "{line}");
    }
    assert_eq!(
        found(&service("redirect_to = \"https://example.com\"\n")),
        ["E008 services.notes.redirect_to"]
    );
    assert!(help(&service("permanent = true\n")).contains("posture = \"redirect\""));
}

/// The files of one service: what is unfit closes it, and what is fit is read.
#[test]
fn impossible_10_unfit_keys_and_users_close_their_service_alone() {
    const USERS: &str = include_str!("../../../crates/core/src/policy/tests/users.htpasswd");
    let scratch = Scratch::new("guards").unwrap();
    let write = |name: &str, text: &str| std::fs::write(scratch.path().join(name), text).unwrap();
    write("good.key", "kq3v9ZbT0Ye4Xw7LmNc2Rf\n");
    write("short.key", "short\n");
    write("users", USERS);
    write("md5", "ada:$apr1$salt$hash\n");
    let lines = "[services.a]\nupstream = \"http://127.0.0.1:1\"\nposture = \"sso\"\npolicy = \"users\"\n\
        keys = [{ name = \"a\", key_file = \"good.key\", paths = [\"/x\"] }]\n\
        [services.b]\nupstream = \"http://127.0.0.1:1\"\nposture = \"sso\"\npolicy = \"users\"\n\
        keys = [{ name = \"a\", key_file = \"short.key\" }]\n\
        [services.c]\nupstream = \"http://127.0.0.1:1\"\nposture = \"sso\"\npolicy = \"users\"\n\
        keys = [{ name = \"a\", key_file = \"good.key\" }, { name = \"b\", key_file = \"good.key\" }]\n\
        [services.d]\nupstream = \"http://127.0.0.1:1\"\nposture = \"basic\"\nbasic = { users_file = \"users\" }\n\
        [services.e]\nupstream = \"http://127.0.0.1:1\"\nposture = \"basic\"\nbasic = { users_file = \"md5\" }\n\
        [services.f]\nupstream = \"http://127.0.0.1:1\"\nposture = \"basic\"\nbasic = { users_file = \"none\" }\n";
    let source =
        Source { path: scratch.path().join("doorward.toml"), ..toml(format!("{}{lines}", super::SOUND)) };
    let mut checked = check(&source).unwrap();
    let found: Vec<String> =
        check_files(&mut checked).into_iter().map(|found| format!("{} {}", found.code, found.key)).collect();
    assert_eq!(
        found,
        [
            "Q002 services.b.keys[0].key_file",
            "Q002 services.c.keys[1].key_file",
            "Q002 services.e.basic.users_file",
            "Q002 services.f.basic.users_file",
        ]
    );
    let postures: Vec<&str> =
        checked.config.services.iter().map(|service| service.guard.posture.word()).collect();
    assert_eq!(postures, ["sso", "quarantined", "quarantined", "basic", "quarantined", "quarantined"]);
    assert_eq!(checked.config.services[0].guard.keys[0].name.as_ref(), "a");
    let Posture::Quarantined(reason) = &checked.config.services[4].guard.posture else {
        panic!("it is closed")
    };
    assert!(reason.cause.contains("MD5") && !reason.cause.contains("$apr1$"), "{}", reason.cause);
    assert_eq!(reason.id, "closed_users_file");
}
