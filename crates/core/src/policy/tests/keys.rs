//! Keys: who presents one means it.

use ::http::{HeaderMap, HeaderName, header};

use super::*;
use crate::token::HashedSecret;

const BACKUP: &str = "0123456789abcdef0123456789abcdef";
const OTHER: &str = "fedcba9876543210fedcba9876543210";

fn key(name: &str, header: &'static str, secret: &str, scope: Scope) -> Key {
    let header = HeaderName::from_static(header);
    Key { name: name.into(), header, secret: HashedSecret::of(secret.as_bytes()), scope }
}

/// A gate with a key for everything, and one for reading `/api` from home until a time.
fn keyed() -> Guard {
    let narrow = Scope {
        networks: Some(networks(&["10.0.0.0/8"])),
        methods: Some(vec![Method::GET]),
        expires_at: Some(UnixTime(NOW.0 + 1)),
        ..Scope::below(["/api"])
    };
    let keys = vec![
        key("backup", "x-api-key", BACKUP, Scope::everything()),
        key("narrow", "x-api-key", OTHER, narrow),
        key("ci", "authorization", BACKUP, Scope::everything()),
    ];
    Guard { keys, ..bypassed() }
}

fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, value.parse().unwrap());
    }
    headers
}

fn asked(guard: &Guard, case: &Case, lines: &[(&'static str, &str)]) -> String {
    let presented = presented_keys(guard, &headers(lines));
    word(&case.ask_with(guard, Credential { keys: &presented, user: None }))
}

#[test]
fn impossible_1_a_key_opens_what_it_is_for_and_falls_through_to_nothing() {
    let open = Case { client: "127.0.0.1", path: "/api", ..Case::default() };
    let home = Case { client: "10.1.1.1", path: "/api/x", ..Case::default() };
    let bearer = format!("Bearer {BACKUP}");
    for (case, lines, expected) in [
        (&Case::default(), &[("x-api-key", BACKUP)][..], "permit by key:backup"),
        (&Case::default(), &[("authorization", bearer.as_str())], "permit by key:ci"),
        (
            &Case::default(),
            &[("authorization", "bearer   0123456789abcdef0123456789abcdef ")],
            "permit by key:ci",
        ),
        (&Case::default(), &[("x-api-key", BACKUP), ("authorization", &bearer)], "permit by key:ci"),
        (&home, &[("x-api-key", OTHER)], "permit by key:narrow"),
        (&Case { path: "/apis", ..home.clone() }, &[("x-api-key", OTHER)], "deny: key_path"),
        (&Case { method: Method::POST, ..home.clone() }, &[("x-api-key", OTHER)], "deny: key_method"),
        (&Case { client: "11.1.1.1", ..home.clone() }, &[("x-api-key", OTHER)], "deny: key_network"),
        (&Case { now: UnixTime(NOW.0 + 1), ..home.clone() }, &[("x-api-key", OTHER)], "deny: key_expired"),
        // A bypass or a session would open these.
        (&open, &[("x-api-key", "wrong")], "deny: key_unknown"),
        (&open, &[("x-api-key", "")], "deny: key_unknown"),
        (&open, &[("x-api-key", OTHER)], "deny: key_network"),
        (&Case::member(), &[("x-api-key", "wrong")], "deny: key_unknown"),
        (&Case::member(), &[("authorization", "Bearer wrong")], "deny: key_unknown"),
        (&Case::member(), &[("authorization", "Bearer")], "deny: key_unknown"),
        // A key of one header is none in another one.
        (&home, &[("authorization", "Bearer fedcba9876543210fedcba9876543210")], "deny: key_unknown"),
        // One that is good does not make up for one that is not.
        (&open, &[("x-api-key", BACKUP), ("authorization", "Bearer x")], "deny: key_unknown"),
        // An application's own.
        (&Case::member(), &[("authorization", "Basic YTpi")], "permit by session as a person"),
        (&Case::member(), &[("authorization", "BearerX y")], "permit by session as a person"),
        (&Case::default(), &[("authorization", "Token x")], "sign in"),
        (&Case::default(), &[("x-auth-key", BACKUP)], "sign in"),
    ] {
        assert_eq!(asked(&keyed(), case, lines), expected, "{} {lines:?}", case.path);
    }
}

/// H-15: which of two keys counts is not for us to guess.
#[test]
fn h_15_a_key_comes_once() {
    for lines in [
        [("x-api-key", BACKUP), ("x-api-key", BACKUP)],
        [("x-api-key", BACKUP), ("x-api-key", "")],
        [("authorization", "Bearer 0123456789abcdef0123456789abcdef"), ("authorization", "Basic YTpi")],
    ] {
        assert_eq!(asked(&keyed(), &Case::member(), &lines), "deny: key_unknown", "{lines:?}");
    }
}

#[test]
fn an_applications_own_key_is_its_own_where_none_is_declared() {
    for lines in [[("x-api-key", "its own")], [("authorization", "Bearer its own")]] {
        assert_eq!(asked(&sso(policy()), &Case::member(), &lines), "permit by session as a person");
        let mut passed = headers(&lines);
        strip_keys(&[], &mut passed);
        assert_eq!(passed, headers(&lines));
    }
}

#[test]
fn h_1_what_was_presented_is_taken_away_in_every_spelling() {
    let all = [
        ("x-api-key", BACKUP),
        ("x_api_key", "alias"),
        ("x.api.key", "alias"),
        ("authorization", "Bearer x"),
        ("x-api-key2", "kept"),
        ("accept", "kept"),
    ];
    let mut stripped = headers(&all);
    strip_keys(&keyed().keys, &mut stripped);
    assert_eq!(stripped, headers(&all[4..]));
    let mut kept = headers(&[("authorization", "Basic YTpi")]);
    strip_keys(&keyed().keys, &mut kept);
    assert!(kept.contains_key(header::AUTHORIZATION), "an application's own");
}

#[test]
fn impossible_10_a_key_that_is_easy_to_guess_is_refused() {
    assert_eq!(check_key(BACKUP.as_bytes()), Ok(()));
    assert_eq!(check_key(b"kq3v9ZbT0Ye4Xw7LmNc2Rf"), Ok(()), "22 characters of base64");
    for weak in [
        "",
        "short",
        "kq3v9ZbT0Ye4Xw7LmNc2R",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "changeme changeme changeme",
    ] {
        assert!(check_key(weak.as_bytes()).is_err(), "{weak}");
    }
    assert!(check_key("kq3v9ZbT0Ye4Xw7LmNc2Rfé".as_bytes()).is_err());
}

/// A network that may not reach the service does not get further by a key.
#[test]
fn the_services_networks_come_before_keys() {
    let closed = Guard { networks: Some(networks(&["10.0.0.0/8"])), ..keyed() };
    assert_eq!(asked(&closed, &Case::default(), &[("x-api-key", BACKUP)]), "deny: service_network");
    assert_eq!(asked(&closed, &Case::default(), &[("x-api-key", "wrong")]), "deny: service_network");
}

/// What begins as a person's token and is no text is a wrong key: neither reader leaves it to the other.
#[test]
fn t_5_what_is_no_text_is_a_wrong_key_where_tokens_count_too() {
    let guard = Guard { tokens: true, ..keyed() };
    let mut lines = HeaderMap::new();
    lines.insert("x-api-key", ::http::HeaderValue::from_bytes(b"dw_k_\xff").unwrap());
    assert_eq!(presented(&lines), None);
    let keys = presented_keys(&guard, &lines);
    let credentials = Credential { keys: &keys, user: None };
    assert_eq!(word(&Case::member().ask_with(&guard, credentials)), "deny: key_unknown");
}
