//! The root of the file: domain, public origin, portal, listeners, database, proxies, policies.

use doorward_core::{config::Database, policy::Allow};

use super::{SOUND, check, checked, found, found_in, help, toml};

const LISTENERS: &str = "root_secret_file = \"s\"\n[[listeners]]\naddress = \"0.0.0.0:443\"\ntls = { certificate_file = \"c\", key_file = \"k\" }\n";

#[test]
fn sound_is_sound() {
    assert!(found("").is_empty());
}

#[test]
fn the_domain_is_a_bare_name() {
    for domain in [
        "https://example.org",
        "example.org/",
        "example.org:443",
        "192.168.1.1",
        "::1",
        "10.1",
        "a b",
        "",
        "*.a.b",
        "-a.b",
    ] {
        assert_eq!(found_in(format!("domain = {domain:?}\n{LISTENERS}")), ["E005 domain"], "{domain}");
    }
    for domain in ["example.org", "Example.ORG.", "localhost", "a-1.example"] {
        assert!(found_in(format!("domain = {domain:?}\n{LISTENERS}")).is_empty(), "{domain}");
    }
    assert_eq!(found_in(LISTENERS), ["E004 "]);
    assert_eq!(found_in(format!("domain = 5\n{LISTENERS}")), ["E003 domain"]);
}

/// A mistake is never silent: `id.` does not fit in front of this domain.
#[test]
fn a_domain_that_leaves_no_room_is_reported() {
    let domain = ["a".repeat(63), "b".repeat(63), "c".repeat(63), "d".repeat(59)].join(".");
    assert_eq!(found_in(format!("domain = {domain:?}\n{LISTENERS}")), ["E005 domain"]);
    let named = format!("domain = {domain:?}\n{LISTENERS}[portal]\nhost = \"id.example.org\"\n");
    assert!(found_in(named).is_empty());
    assert_eq!(found_in(format!("domain = {domain:?}\n{LISTENERS}[portal]\n")), ["E005 domain"]);
}

#[test]
fn clear_text_is_for_localhost_only() {
    let local = |domain: &str, more: &str| {
        found_in(format!(
            "domain = {domain:?}\nroot_secret_file = \"s\"\nlisteners = [{{ address = \"127.0.0.1:1\" }}]\npublic.scheme = \"http\"\n{more}"
        ))
    };
    assert!(local("localhost", "").is_empty());
    assert!(local("lab.localhost", "").is_empty());
    assert_eq!(local("example.org", ""), ["E009 public.scheme"]);
    assert_eq!(local("localhost.example.org", ""), ["E009 public.scheme"]);
    assert_eq!(local("notlocalhost", ""), ["E009 public.scheme"]);
    assert_eq!(local("localhost", "portal.host = \"id.example.org\"\n"), ["E009 portal.host"]);
    assert_eq!(
        local("localhost", "portal.related_origins = [\"http://login.example.org\"]\n"),
        ["E009 portal.related_origins[0]"]
    );
    let service = "[services.notes]\nhost = \"notes.example.org\"\nupstream = \"http://127.0.0.1:1\"\nposture = \"sso\"\npolicy = \"users\"\n";
    assert_eq!(local("localhost", service), ["E009 services.notes.host"]);
    assert!(found(service).is_empty());
}

#[test]
fn public_scheme_and_port() {
    for (lines, expected) in [
        ("public.port = 8443\n", vec![]),
        ("public.port = 0\n", vec!["E005 public.port"]),
        ("public.port = -1\n", vec!["E005 public.port"]),
        ("public.port = 65536\n", vec!["E005 public.port"]),
        ("public.port = 443.0\n", vec!["E003 public.port"]),
        ("public.port = 99999999999999999999\n", vec!["E003 public.port"]),
        ("public.port = 2026-01-01\n", vec!["E003 public.port"]),
        ("public.scheme = \"HTTPS\"\n", vec!["E005 public.scheme"]),
        ("public = \"https\"\n", vec!["E003 public"]),
        ("public.prot = 1\n", vec!["E002 public.prot"]),
    ] {
        assert_eq!(found(lines), expected, "{lines}");
    }
    let hexadecimal = checked("public.port = 0x20fb\n");
    assert_eq!(hexadecimal.config.portal.origin.as_str(), "https://id.example.org:8443");
    assert_eq!(help("public.scheme = \"htps\"\n"), "did you mean `https`?");
}

#[test]
fn portal_and_sessions() {
    for (lines, expected) in [
        ("portal.host = \"10.0.0.1\"\n", vec!["E005 portal.host"]),
        ("portal.host = \"https://id.example.org\"\n", vec!["E005 portal.host"]),
        ("portal.session_idle = \"59s\"\n", vec!["E005 portal.session_idle"]),
        ("portal.session_idle = \"60s\"\n", vec![]),
        ("portal.session_absolute = \"365d\"\n", vec![]),
        ("portal.session_absolute = \"366d\"\n", vec!["E005 portal.session_absolute"]),
        (
            "portal.session_idle = \"8d\"\nportal.session_absolute = \"7d\"\n",
            vec!["E008 portal.session_idle"],
        ),
        ("portal.session_idle = \"\"\n", vec!["E005 portal.session_idle"]),
        ("portal.session_idle = \"d\"\n", vec!["E005 portal.session_idle"]),
        ("portal.session_idle = \"-1d\"\n", vec!["E005 portal.session_idle"]),
        ("portal.session_idle = \"1w\"\n", vec!["E005 portal.session_idle"]),
        ("portal.session_idle = \"1é\"\n", vec!["E005 portal.session_idle"]),
        ("portal.session_idle = \"9999999999d\"\n", vec!["E005 portal.session_idle"]),
        ("portal.session_idle = \"4294967295d\"\n", vec!["E005 portal.session_idle"]),
        ("portal.session_idle = 3600\n", vec!["E003 portal.session_idle"]),
        ("portal.related_origins = [\"https://*.example.org\"]\n", vec!["E005 portal.related_origins[0]"]),
        ("portal.related_origins = \"https://a.b\"\n", vec!["E003 portal.related_origins"]),
    ] {
        assert_eq!(found(lines), expected, "{lines}");
    }
}

#[test]
fn a_shorter_session_is_shorter_in_both_ways() {
    let sessions = checked("portal.session_absolute = \"1h\"\n").config.portal.sessions;
    assert_eq!((sessions.idle.0, sessions.absolute.0), (3600, 3600));
    let sessions = checked("portal.session_absolute = \"60d\"\n").config.portal.sessions;
    assert_eq!((sessions.idle.0, sessions.absolute.0), (7 * 86_400, 60 * 86_400));
    assert_eq!(found("portal.session_idle = \"31d\"\n"), ["E008 portal.session_idle"]);
}

#[test]
fn listeners_are_addresses() {
    let with = |listeners: &str| {
        found_in(format!(
            "domain = \"localhost\"\npublic.scheme = \"http\"\nroot_secret_file = \"s\"\n{listeners}"
        ))
    };
    for (listeners, expected) in [
        ("", vec!["E004 "]),
        ("listeners = []\n", vec!["E004 listeners"]),
        ("listeners = 443\n", vec!["E003 listeners"]),
        ("listeners = [443]\n", vec!["E003 listeners[0]"]),
        ("listeners = [{}]\n", vec!["E004 listeners[0]"]),
        ("listeners = [{ address = \"443\" }]\n", vec!["E005 listeners[0].address"]),
        ("listeners = [{ address = \":443\" }]\n", vec!["E005 listeners[0].address"]),
        ("listeners = [{ address = \"::1:443\" }]\n", vec!["E005 listeners[0].address"]),
        ("listeners = [{ address = \"localhost:443\" }]\n", vec!["E005 listeners[0].address"]),
        ("listeners = [{ address = \"[::1]:443\" }]\n", vec![]),
        (
            "listeners = [{ address = \"1.1.1.1:1\" }, { address = \"1.1.1.1:1\" }]\n",
            vec!["E007 listeners[1]"],
        ),
        ("listeners = [{ address = \"1.1.1.1:0\" }, { address = \"1.1.1.1:0\" }]\n", vec![]),
    ] {
        assert_eq!(with(listeners), expected, "{listeners}");
    }
}

/// A listener that says `tls` never serves clear text.
#[test]
fn impossible_1_tls_without_a_certificate_is_refused() {
    let with = |tls: &str| {
        found_in(format!(
            "domain = \"a.b\"\nroot_secret_file = \"s\"\nlisteners = [{{ address = \"1.1.1.1:1\", tls = {tls} }}]\n"
        ))
    };
    for (tls, expected) in [
        ("[]", vec!["E004 listeners[0].tls"]),
        ("{}", vec!["E004 listeners[0].tls", "E004 listeners[0].tls"]),
        ("true", vec!["E003 listeners[0].tls"]),
        ("{ certificate_file = \"c\" }", vec!["E004 listeners[0].tls"]),
        (
            "{ certificate_file = \"c\", key_file = \"k\", key = \"-----BEGIN\" }",
            vec!["E002 listeners[0].tls.key"],
        ),
        (
            "[{ certificate_file = \"c\", key_file = \"k\" }, {}]",
            vec!["E004 listeners[0].tls[1]", "E004 listeners[0].tls[1]"],
        ),
        ("{ certificate_file = \"c\", key_file = \"k\" }", vec![]),
    ] {
        assert_eq!(with(tls), expected, "{tls}");
    }
}

/// Clear text beside TLS serves nobody unless that is written.
#[test]
fn impossible_1_clear_text_beside_tls_redirects() {
    let tls = "tls = { certificate_file = \"c\", key_file = \"k\" }";
    let read = |listeners: &str| {
        let text = format!("domain = \"a.b\"\nroot_secret_file = \"s\"\nlisteners = [{listeners}]\n");
        let checked = check(&toml(text)).unwrap();
        checked.config.listeners.iter().map(|listener| listener.redirect).collect::<Vec<_>>()
    };
    let with_tls = format!("{{ address = \"1.1.1.1:443\", {tls} }}");
    assert_eq!(read(&format!("{with_tls}, {{ address = \"1.1.1.1:80\" }}")), [false, true]);
    assert_eq!(
        read(&format!("{with_tls}, {{ address = \"1.1.1.1:80\", redirect = false }}")),
        [false, false]
    );
    assert_eq!(read("{ address = \"1.1.1.1:80\" }"), [false]);
    assert_eq!(read("{ address = \"1.1.1.1:80\", redirect = true }"), [true]);
    let both = format!("{{ address = \"1.1.1.1:443\", redirect = true, {tls} }}");
    let text = format!("domain = \"a.b\"\nroot_secret_file = \"s\"\nlisteners = [{both}]\n");
    assert_eq!(found_in(text), ["E008 listeners[0].redirect"]);
    let clear = "domain = \"localhost\"\nroot_secret_file = \"s\"\npublic = { scheme = \"http\" }\n";
    let clear = format!("{clear}listeners = [{{ address = \"127.0.0.1:80\", redirect = true }}]\n");
    assert_eq!(found_in(clear), ["E008 listeners[0].redirect"]);
}

#[test]
fn https_needs_somebody_who_speaks_it() {
    let clear = "domain = \"a.b\"\nroot_secret_file = \"s\"\nlisteners = [{ address = \"1.1.1.1:1\" }]\n";
    assert_eq!(found_in(clear), ["W104 "]);
    assert!(found_in(format!("{clear}trusted_proxies = [\"1.1.1.1\"]\n")).is_empty());
}

#[test]
fn a_generated_root_secret_is_worth_a_word() {
    assert_eq!(found_in(SOUND.replace("root_secret_file = \"root.secret\"\n", "")), ["W103 "]);
}

#[test]
fn files_are_beside_the_configuration() {
    let config = checked("data_directory = \"state\"\n").config;
    assert_eq!(config.data_directory, std::path::Path::new("/etc/doorward/state"));
    let config = checked("data_directory = \"/srv/state\"\n").config;
    assert_eq!(config.data_directory, std::path::Path::new("/srv/state"));
}

#[test]
fn databases() {
    for (lines, expected) in [
        ("database.kind = \"sqlite\"\n", vec![]),
        ("database.kind = \"postgres\"\n", vec!["E004 database"]),
        ("database.kind = \"mysql\"\n", vec!["E005 database.kind"]),
        ("database.url_file = \"url\"\n", vec!["E008 database.url_file"]),
        ("database = { kind = \"sqlite\", url_file = \"url\" }\n", vec!["E008 database.url_file"]),
        (
            "database = { kind = \"postgres\", url = \"postgres://u:p@h/d\" }\n",
            vec!["E004 database", "E002 database.url"],
        ),
    ] {
        assert_eq!(found(lines), expected, "{lines}");
    }
    let config = checked("database = { kind = \"postgres\", url_file = \"url\" }\n").config;
    let url_file = "/etc/doorward/url".into();
    assert_eq!(config.database, Database::Postgres { url_file });
}

/// Impossible 9: nobody's forwarding headers are believed unless they are named, and never everybody's.
#[test]
fn impossible_9_trusted_proxies_are_named() {
    assert!(checked("").config.trusted_proxies.is_empty());
    for (lines, expected) in [
        ("trusted_proxies = [\"10.0.0.0/8\", \"::1\"]\n", vec![]),
        ("trusted_proxies = [\"::/0\"]\n", vec!["E009 trusted_proxies"]),
        ("trusted_proxies = [\"0.0.0.0/0\"]\n", vec!["E009 trusted_proxies"]),
        ("trusted_proxies = [\"10.0.0.1/33\"]\n", vec!["E005 trusted_proxies[0]"]),
        ("trusted_proxies = [\"proxy\"]\n", vec!["E005 trusted_proxies[0]"]),
        ("trusted_proxies = \"10.0.0.1\"\n", vec!["E003 trusted_proxies"]),
        ("trusted_proxies = [1]\n", vec!["E003 trusted_proxies[0]"]),
    ] {
        assert_eq!(found(lines), expected, "{lines}");
    }
    assert_eq!(help("trusted_proxies = [\"10.1.2.3/8\"]\n"), "did you mean `10.0.0.0/8`?");
}

#[test]
fn an_empty_list_of_groups_is_nobody() {
    let lines = "[policies.family]\ngroups = []\n";
    assert_eq!(found(lines), ["E009 policies.family.groups"]);
    assert!(help(lines).contains("`anyone = true`"));
}

#[test]
fn policies_say_whom_they_let_in() {
    for (lines, expected) in [
        ("policies.a = {}\n", vec!["E004 policies.a"]),
        ("policies.a = { anyone = false }\n", vec!["E004 policies.a"]),
        ("policies.a = { anyone = true, groups = [\"x\"] }\n", vec!["E008 policies.a"]),
        ("policies.a = { groups = \"x\" }\n", vec!["E003 policies.a.groups"]),
        ("policies.a = { groups = [\"x,admins\"] }\n", vec!["E005 policies.a.groups[0]"]),
        ("policies.a = { groups = [\"x y\"] }\n", vec![]),
        ("policies.a = { groups = [\" x\"] }\n", vec!["E005 policies.a.groups[0]"]),
        ("policies.a = { group = [\"x\"] }\n", vec!["E004 policies.a", "E002 policies.a.group"]),
        ("policies.a = { anyone = true, networks = [\"10.0.0.0\"] }\n", vec![]),
        ("policies.A = { anyone = true }\n", vec!["E005 policies.A"]),
        ("policies.\"\" = { anyone = true }\n", vec!["E005 policies."]),
        ("policies.a = []\n", vec!["E003 policies.a"]),
        ("policies = []\n", vec!["E003 policies"]),
    ] {
        let mut expected = expected;
        let mut found = found(lines);
        expected.sort_unstable();
        found.sort_unstable();
        assert_eq!(found, expected, "{lines}");
    }
}

#[test]
fn built_in_policies_can_be_declared_anew() {
    let of = |checked: &super::Checked, name: &str| checked.config.policies[name].allow.clone();
    let built_in = checked("");
    assert_eq!(of(&built_in, "admins"), Allow::AnyOf(vec!["admins".to_owned()]));
    assert_eq!(of(&built_in, "users"), Allow::AnyOf(vec!["admins".to_owned(), "users".to_owned()]));
    let declared = checked("[policies.users]\ngroups = [\"family\"]\n");
    assert_eq!(of(&declared, "users"), Allow::AnyOf(vec!["family".to_owned()]));
}

#[test]
fn unknown_keys_are_refused_with_a_proposal() {
    assert_eq!(found("domian = \"example.org\"\n"), ["E002 domian"]);
    assert_eq!(help("domian = \"example.org\"\n"), "did you mean `domain`?");
    assert_eq!(help("Domain = \"example.org\"\n"), "did you mean `domain`?");
    assert_eq!(help("service = {}\n"), "did you mean `services`?");
    assert!(help("xyzzy = 1\n").starts_with("possible here: domain, data_directory, "));
    assert!(check(&toml("")).is_err());
}

#[test]
fn a_key_is_published_for_longer_than_caches_keep_it_and_shorter_than_it_signs() {
    let with = |text: &str| found(&format!("[signing_keys]\n{text}\n"));
    for sound in ["", "rotate_every = \"30d\"", "rotate_every = \"1d\"", "publish_ahead = \"1h\""] {
        assert!(with(sound).is_empty(), "{sound}");
    }
    for (text, key) in [
        ("rotate_every = \"23h\"", "E005 signing_keys.rotate_every"),
        ("rotate_every = \"4000d\"", "E005 signing_keys.rotate_every"),
        ("publish_ahead = \"59m\"", "E005 signing_keys.publish_ahead"),
        ("publish_ahead = \"31d\"", "E005 signing_keys.publish_ahead"),
        ("rotate_every = \"2d\"\npublish_ahead = \"2d\"", "E008 signing_keys.publish_ahead"),
        ("rotate = \"2d\"", "E002 signing_keys.rotate"),
    ] {
        assert_eq!(with(text), [key], "{text}");
    }
    let read = checked("[signing_keys]\nrotate_every = \"1d\"\n").config.signing_keys;
    assert_eq!((read.rotate_every.0, read.publish_ahead.0), (86_400, 43_200));
}
