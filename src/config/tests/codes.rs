//! Every code has an example, and every example has its code.

use super::found_in;
use crate::config::{CODES, Severity, diagnostic::Diagnostic};

/// Code, what replaces the listeners of a sound file, and what follows them.
const EXAMPLES: [(&str, &str); 16] = [
    ("E001", "domain = "),
    ("E002", "domian = \"x\""),
    ("E003", "portal = 1"),
    ("E004", "policies.a = {}"),
    ("E005", "public.port = 0"),
    ("E006", "services.a = { upstream = \"http://[::1]\", posture = \"sso\", policy = \"x\" }"),
    ("E007", "services.id = { upstream = \"http://[::1]\", posture = \"public\" }"),
    ("E008", "services.a = { upstream = \"http://[::1]\", posture = \"public\", policy = \"users\" }"),
    ("E009", "policies.a = { groups = [] }"),
    (
        "Q001",
        "services.a = { upstream = \"http://[::1]\", posture = \"sso\", policy = \"users\", bypass = [{ regexes = [\"(\"], networks = [\"::1\"] }] }",
    ),
    (
        "W101",
        "services.a = { upstream = \"http://[::1]\", posture = \"sso\", policy = \"users\", bypass = [{ paths = [\"/a\"], public = true }] }",
    ),
    ("W102", "services.a = { upstream = \"http://app\", posture = \"public\" }"),
    ("W103", ""),
    ("W104", ""),
    (
        "W105",
        "services.a = { upstream = \"https://app\", posture = \"public\", danger = { verify_upstream = false } }",
    ),
    (
        "W106",
        "services.a = { upstream = \"http://[::1]\", posture = \"sso\", policy = \"users\", claimRoles = { a = \"admins\" } }",
    ),
];

#[test]
fn every_code_can_be_had() {
    // What is wrong with a file shows when it is opened: `impossible_5_a_missing_file_closes_its_service_alone`.
    let codes = CODES.into_iter().filter(|(code, _)| *code != "Q002");
    for ((code, meaning), (example, line)) in codes.zip(EXAMPLES) {
        assert_eq!(code, example);
        let found = found_in(format!(
            "domain = \"example.org\"\nlisteners = [{{ address = \"1.1.1.1:1\" }}]\n{line}\n"
        ));
        assert!(found.iter().any(|found| found.starts_with(code)), "{code} {meaning}: {found:?}");
    }
}

#[test]
fn the_first_letter_is_the_severity() {
    for (code, _) in CODES {
        let diagnostic =
            Diagnostic { code, key: String::new(), message: String::new(), help: String::new(), span: 0..0 };
        let expected = match &code[..1] {
            "W" => Severity::Warning,
            "Q" => Severity::Closed,
            _ => Severity::Error,
        };
        assert_eq!(diagnostic.severity(), expected);
    }
}
