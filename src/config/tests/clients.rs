//! OAuth clients, and the files of their secrets.

use std::path::Path;

use doorward_core::{
    jose::Algorithm,
    oauth::client::ClientKind,
    policy::Allow,
    time::{Lifetime, UnixTime},
};
use doorward_testkit::Scratch;

use super::{SOUND, checked, found, help};
use crate::config::{LoadError, Loaded, load, read_secret};

const WIKI: &str = "[clients.wiki]\nclient_id = \"wiki\"\nclient_secret_file = \"wiki.secret\"\n\
                    redirect_uris = [\"https://wiki.example.org/callback\"]\npolicy = \"users\"\n";

/// What is found when `line` takes the place of the line that begins with `key`.
fn instead(key: &str, line: &str) -> Vec<String> {
    let lines: Vec<&str> = WIKI.lines().map(|old| if old.starts_with(key) { line } else { old }).collect();
    found(&lines.join("\n")).into_iter().map(|found| found.replace(" clients.wiki", " ")).collect()
}

#[test]
fn defaults_are_strict() {
    let client = &checked(WIKI).clients[0].client;
    assert!(client.consent && !client.require_pkce && !client.is_public());
    assert_eq!((client.title.as_str(), client.id_token_alg), ("wiki", Algorithm::Rs256));
    let public = WIKI.replace("client_secret_file = \"wiki.secret\"", "public = true");
    assert!(checked(&public).clients[0].client.require_pkce);
}

#[test]
fn a_client_is_public_or_has_a_secret() {
    for (line, expected) in [
        ("", vec!["E004 "]),
        ("public = false", vec!["E004 "]),
        ("public = true", vec![]),
        ("client_secret = \"0123456789abcdef\"", vec!["E004 ", "E002 .client_secret"]),
        ("client_secret_file = 5", vec!["E003 .client_secret_file"]),
        ("public = true\nclient_secret_file = \"s\"", vec!["E008 .client_secret_file"]),
        ("public = true\nrequire_pkce = false", vec!["E009 "]),
        ("public = true\nrequire_pkce = true", vec![]),
    ] {
        assert_eq!(instead("client_secret_file", line), expected, "{line}");
    }
}

#[test]
fn several_secrets_overlap() {
    for (line, expected) in [
        ("client_secrets = [{ file = \"a\", expires = \"2027-01-31\" }, { file = \"b\" }]", vec![]),
        ("client_secrets = []", vec!["E005 .client_secrets"]),
        ("client_secrets = [{}]", vec!["E004 .client_secrets[0]"]),
        ("client_secrets = [{ file = \"a\", expires = \"soon\" }]", vec!["E005 .client_secrets[0].expires"]),
        ("client_secrets = [{ file = \"a\", until = \"x\" }]", vec!["E002 .client_secrets[0].until"]),
        ("client_secret_file = \"a\"\nclient_secrets = [{ file = \"b\" }]", vec!["E008 .client_secrets"]),
        ("public = true\nclient_secrets = [{ file = \"b\" }]", vec!["E008 .client_secrets"]),
    ] {
        assert_eq!(instead("client_secret_file", line), expected, "{line}");
    }
    let many = format!("client_secrets = [{}]", "{ file = \"a\" },".repeat(21));
    assert_eq!(instead("client_secret_file", &many), ["E005 .client_secrets"]);
    let more = "[clients.tool]\nclient_id = \"tool\"\npolicy = \"users\"\nredirect_uris = [\"https://t.test/\"]\n\
                client_secrets = [{ file = \"old\", expires = \"2027-01-31\" }, { file = \"new\" }]\n";
    let files: [(&str, &[u8]); 3] = [
        ("wiki.secret", b"0123456789abcdef"),
        ("old", b"old-0123456789abcdef"),
        ("new", b"new-0123456789abcdef"),
    ];
    let loaded = loaded(more, &files).unwrap();
    let ClientKind::Confidential(secrets) = &loaded.config.client("tool").unwrap().kind else {
        panic!("secrets")
    };
    assert!(
        secrets[0].hash.matches(b"old-0123456789abcdef") && secrets[1].hash.matches(b"new-0123456789abcdef")
    );
    assert_eq!((secrets[0].expires_at, secrets[1].expires_at), (Some(UnixTime(1_801_353_600)), None));
}

#[test]
fn tokens_live_as_long_as_the_client_says() {
    let with = |line: &str| format!("{WIKI}{line}\n");
    let lifetimes = checked(&with(
        "access_token_lifetime = \"5m\"\nid_token_lifetime = \"2h\"\nrefresh_token_lifetime = \"7d\"",
    ))
    .clients[0]
        .client
        .lifetimes;
    assert_eq!(
        (lifetimes.access, lifetimes.id, lifetimes.refresh),
        (Lifetime(300), Lifetime(7200), Lifetime(604_800))
    );
    for value in ["\"59s\"", "\"366d\"", "\"0s\""] {
        let found = found(&with(&format!("access_token_lifetime = {value}")));
        assert_eq!(found, ["E005 clients.wiki.access_token_lifetime"], "{value}");
    }
    for (value, sound) in [
        ("https://wiki.example.org/", true),
        ("http://wiki.lan/", true),
        ("javascript:alert(1)", false),
        ("app.wiki:/open", false),
        ("https://u@wiki.example.org/", false),
        ("wiki.example.org", false),
    ] {
        assert_eq!(found(&with(&format!("launch_url = \"{value}\""))).is_empty(), sound, "{value}");
    }
}

#[test]
fn r_1_patterns_are_asked_for_by_name() {
    for (line, expected) in [
        ("redirect_uri_patterns = [\"https://*.a.example.org/cb\"]", vec![]),
        ("redirect_uri_patterns = []", vec!["E004 "]),
        ("redirect_uri_patterns = [\"https://*/cb\"]", vec!["E005 .redirect_uri_patterns[0]"]),
        ("redirect_uri_patterns = [\"*\"]", vec!["E005 .redirect_uri_patterns[0]"]),
    ] {
        assert_eq!(instead("redirect_uris", line), expected, "{line}");
    }
    // In the other list a star is a character.
    let written = WIKI.replace("/callback", "/*");
    let client = &checked(&written).clients[0].client;
    assert!(client.redirect_uris.allow("https://wiki.example.org/*"));
    assert!(!client.redirect_uris.allow("https://wiki.example.org/callback"));
}

#[test]
fn claims_are_written_in_words_of_the_client() {
    for (rule, expected) in [
        ("{ name = \"roles\", from = \"groups\", groups = [\"admins\"], prefix = \"x-\" }", vec![]),
        ("{ name = \"roles\", within = \"realm_access\", from = \"groups\" }", vec![]),
        ("{ name = \"tenant\", value = \"home\" }", vec![]),
        ("{ name = \"sub\", value = \"ada\" }", vec!["E009 .claims[0].name"]),
        ("{ name = \"x\", within = \"aud\", value = \"ada\" }", vec!["E009 .claims[0].name"]),
        ("{ name = \"email\", from = \"preferred_username\" }", vec!["E009 .claims[0].name"]),
        ("{ name = \"x\", from = \"sub\" }", vec!["E005 .claims[0].from"]),
        ("{ name = \"x\" }", vec!["E004 .claims[0]"]),
        ("{ value = \"x\" }", vec!["E004 .claims[0]"]),
        ("{ name = \"x\", from = \"name\", value = \"y\" }", vec!["E008 .claims[0].value"]),
        ("{ name = \"x\", from = \"name\", groups = [\"a\"] }", vec!["E008 .claims[0].groups"]),
        ("{ name = \"x\", value = \"y\", prefix = \"a\" }", vec!["E008 .claims[0].prefix"]),
        ("{ name = \"x\", value = \"y\", groups = [\"a\"] }", vec!["E008 .claims[0].groups"]),
    ] {
        let line = format!("policy = \"users\"\nclaims = [{rule}]");
        assert_eq!(instead("policy", &line), expected, "{rule}");
    }
}

#[test]
fn a_secret_is_made_where_its_file_is_named_and_missing() {
    for (line, expected) in [
        ("client_secret_file = \"a\"\ngenerate_secret = true", vec![]),
        ("client_secrets = [{ file = \"a\" }]\ngenerate_secret = true", vec!["E008 .generate_secret"]),
        ("public = true\ngenerate_secret = true", vec!["E008 .generate_secret"]),
    ] {
        assert_eq!(instead("client_secret_file", line), expected, "{line}");
    }
    let more = "[clients.tool]\nclient_id = \"tool\"\npolicy = \"users\"\nredirect_uris = [\"https://t.test/\"]\n\
                client_secret_file = \"tool.secret\"\ngenerate_secret = true\n";
    let loaded = loaded(more, &[("wiki.secret", b"0123456789abcdef")]).unwrap();
    let ClientKind::Confidential(secrets) = &loaded.config.client("tool").unwrap().kind else {
        panic!("a secret")
    };
    assert_eq!(secrets.len(), 1);
    // An empty file is not a missing one: it is refused, and stays (impossible 10).
    let files: [(&str, &[u8]); 2] = [("wiki.secret", b"0123456789abcdef"), ("tool.secret", b"")];
    let error = self::loaded(more, &files).unwrap_err();
    assert_eq!(error, "the secret DIR/tool.secret is empty");
}

#[test]
fn identifiers_are_visible_and_unique() {
    for (line, expected) in [
        ("", vec!["E004 "]),
        ("client_id = \"\"", vec!["E005 .client_id"]),
        ("client_id = \"a b\"", vec!["E005 .client_id"]),
        ("client_id = \"ä\"", vec!["E005 .client_id"]),
        ("client_id = 7", vec!["E003 .client_id"]),
        ("client_id_file = \"id\"", vec![]),
        ("client_id = \"a\"\nclient_id_file = \"id\"", vec!["E008 .client_id_file"]),
    ] {
        assert_eq!(instead("client_id", line), expected, "{line}");
    }
    let twice = WIKI.to_owned() + &WIKI.replace("[clients.wiki]", "[clients.other]");
    assert_eq!(found(&twice), ["E007 clients.other"]);
    assert_eq!(found(&WIKI.replace("[clients.wiki]", "[clients.Wiki]")), ["E005 clients.Wiki"]);
}

#[test]
fn r_2_r_3_r_4_redirect_uris_are_safe_places() {
    for (line, expected) in [
        ("", vec!["E004 "]),
        ("redirect_uris = []", vec!["E004 "]),
        ("redirect_uris = \"https://a.b/\"", vec!["E003 .redirect_uris"]),
        ("redirect_uris = [\"https://a.b/cb\", \"http://127.0.0.1/cb\", \"app.x:/cb\"]", vec![]),
        ("redirect_uris = [\"http://a.b/cb\"]", vec!["E005 .redirect_uris[0]"]),
        ("redirect_uris = [\"https://a.b/cb#x\"]", vec!["E005 .redirect_uris[0]"]),
        ("redirect_uris = [\"https://u@a.b/cb\"]", vec!["E005 .redirect_uris[0]"]),
        ("redirect_uris = [\"javascript:alert(1)\"]", vec!["E005 .redirect_uris[0]"]),
        ("redirect_uris = [\"https://a.b/cb\", \"/cb\"]", vec!["E005 .redirect_uris[1]"]),
        (
            "redirect_uris = [\"https://a.b/\"]\npost_logout_redirect_uris = [\"data:x\"]",
            vec!["E005 .post_logout_redirect_uris[0]"],
        ),
    ] {
        assert_eq!(instead("redirect_uris", line), expected, "{line}");
    }
}

/// T-11: who may use a client is written down, and an empty list lets nobody in.
#[test]
fn t_11_a_client_says_who_may_use_it() {
    for (line, expected) in [
        ("", vec!["E004 "]),
        ("policy = \"admin\"", vec!["E006 .policy"]),
        ("policy = []", vec!["E003 .policy"]),
        ("allowed_groups = []", vec!["E009 .allowed_groups"]),
        ("allowed_groups = [\"a,b\"]", vec!["E005 .allowed_groups[0]"]),
        ("allowed_groups = [\"family\"]\npolicy = \"users\"", vec!["E008 .policy"]),
    ] {
        assert_eq!(instead("policy", line), expected, "{line}");
    }
    let lines = WIKI.replace("policy = \"users\"", "allowed_groups = [\"family\"]");
    let policy = checked(&lines).clients[0].client.policy.clone();
    assert_eq!(
        (policy.name.as_str(), &policy.allow),
        ("clients.wiki", &Allow::AnyOf(vec!["family".to_owned()]))
    );
}

#[test]
fn o_12_signing_algorithms_are_asymmetric() {
    for name in ["HS256", "none", "rs256", "ES256K", ""] {
        assert_eq!(found(&format!("{WIKI}id_token_alg = \"{name}\"\n")), ["E005 clients.wiki.id_token_alg"]);
    }
    assert_eq!(help(&format!("{WIKI}id_token_alg = \"RS265\"\n")), "did you mean `RS256`?");
    for name in ["RS256", "ES256", "EdDSA", "PS384", "ES512"] {
        assert_eq!(
            checked(&format!("{WIKI}id_token_alg = \"{name}\"\n")).clients[0].client.id_token_alg.name(),
            name
        );
    }
}

/// Loads `WIKI` and more with these files beside it.
fn loaded(more: &str, files: &[(&str, &[u8])]) -> Result<Loaded, String> {
    let scratch = Scratch::new("clients").unwrap();
    let path = scratch.path().join("doorward.toml");
    std::fs::write(&path, format!("{SOUND}{WIKI}{more}")).unwrap();
    for (name, content) in files {
        std::fs::write(scratch.path().join(name), content).unwrap();
    }
    load(&path).map_err(|error| error.to_string().replace(&scratch.path().display().to_string(), "DIR"))
}

#[test]
fn secrets_are_hashed_when_they_are_read() {
    let loaded = loaded("", &[("wiki.secret", b"0123456789abcdef\n")]).unwrap();
    let client = loaded.config.client("wiki").unwrap();
    let ClientKind::Confidential(secrets) = &client.kind else { panic!("it has a secret") };
    assert!(secrets.len() == 1 && secrets[0].hash.matches(b"0123456789abcdef"));
    assert!(!format!("{loaded:?}").contains("0123456789abcdef"), "impossible 12");
}

/// Impossible 10: an absent, empty or placeholder secret never means "no protection".
#[test]
fn impossible_10_unfit_secrets_stop_the_start() {
    for (content, sentence) in [
        (b"".as_slice(), "is empty"),
        (b"\n", "is empty"),
        (b"\r\n", "is empty"),
        (b"short\n", "is 5 bytes long; at least 16 are needed"),
        (b"CHANGEME-CHANGEME-CHANGEME", "holds a placeholder"),
        (b"changeme1234567890", "holds a placeholder"),
        (b"ENC[AES256_GCM,data:abcdefghijklm]", "still holds an encrypted SOPS value"),
        (b"0123456789abcdef\n0123456789abcdef\n", "holds more than one line"),
        (b"0123456789abcdef\n\n", "holds more than one line"),
    ] {
        let error = loaded("", &[("wiki.secret", content)]).unwrap_err();
        assert!(error.starts_with("the secret DIR/wiki.secret ") && error.contains(sentence), "{error}");
        assert!(!error.contains("0123456789"), "impossible 12: {error}");
    }
    let error = loaded("", &[]).unwrap_err();
    assert!(error.starts_with("the secret DIR/wiki.secret can't be read: "), "{error}");
}

#[test]
fn every_unfit_secret_is_named_at_once() {
    let more = "[clients.tool]\nclient_id_file = \"tool.id\"\nclient_secret_file = \"tool.secret\"\n\
                redirect_uris = [\"https://tool.example.org/\"]\npolicy = \"users\"\n";
    let error = loaded(more, &[("tool.id", b"two words\n")]).unwrap_err();
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(lines.len(), 2, "{error}");
    assert_eq!(lines[1], "DIR/tool.id holds no client identifier");
    let good: [(&str, &[u8]); 3] =
        [("wiki.secret", b"0123456789abcdef"), ("tool.id", b"wiki\n"), ("tool.secret", b"0123456789abcdef")];
    let error = loaded(more, &good).unwrap_err();
    assert_eq!(error, "the clients have one identifier twice; the second is clients.tool");
}

#[test]
fn files_that_can_not_be_read_are_said_to_be() {
    let scratch = Scratch::new("unreadable").unwrap();
    let error = read_secret(scratch.path()).unwrap_err();
    assert!(error.contains("can't be read"), "{error}");
    for (name, content) in
        [("large.toml", vec![b'#'; 5 * 1024 * 1024]), ("latin1.toml", b"# caf\xe9\n".to_vec())]
    {
        let path = scratch.path().join(name);
        std::fs::write(&path, content).unwrap();
        assert!(matches!(load(&path), Err(LoadError::Unreadable(..))), "{name}");
    }
    let error = load(Path::new("/nowhere/doorward.toml")).unwrap_err().to_string();
    assert!(error.starts_with("the configuration /nowhere/doorward.toml can't be read: "), "{error}");
}

/// `check` is offline: nothing that the file names has to exist (R58).
#[test]
fn checking_reads_no_secret() {
    assert_eq!(checked(WIKI).clients.len(), 1);
    let mistaken = load_text("domain = 1\n");
    assert!(mistaken.contains("E003") && mistaken.contains("doorward.toml"), "{mistaken}");
}

fn load_text(text: &str) -> String {
    let scratch = Scratch::new("load").unwrap();
    let path = scratch.path().join("doorward.toml");
    std::fs::write(&path, text).unwrap();
    load(&path).unwrap_err().to_string()
}
