//! Tables of what is registered, what is asked for, and the verdict.

use proptest::prelude::*;

use super::*;

const REGISTERED: &str = "https://app.example.org/callback";

#[test]
fn r_1_r_7_r_10_comparison_is_of_characters() {
    assert!(matches(REGISTERED, REGISTERED));
    for requested in [
        "https://appXexample.org/callback",
        "https://app.example.org/callback/",
        "https://app.example.org/callback?x=1",
        "https://app.example.org/callback/../steal",
        "https://app.example.org/Callback",
        "https://APP.example.org/callback",
        "https://app.example.org:443/callback",
        "https://app.example.org.evil.test/callback",
        "https://evil.test/https://app.example.org/callback",
        "http://app.example.org/callback",
        "https://app.example.org/%63allback",
        "https://app.example.org/callbac",
        "https://app.example.org/callback2",
        "",
    ] {
        assert!(!matches(REGISTERED, requested), "{requested}");
    }
}

#[test]
fn r_2_r_3_r_12_schemes_that_run_or_show_are_refused() {
    for uri in [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "\u{1}javascript:alert(1)",
        " javascript:alert(1)",
        "java\tscript:alert(1)",
        "data:text/html,x",
        "DATA:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "blob:https://a.test/x",
        "about:blank",
        "view-source:https://a.test",
        "https:",
        "HTTPS://a.test/",
        "://a.test",
        "1a://b",
        "",
    ] {
        assert!(check(uri).is_err(), "{uri:?}");
        assert!(!matches(uri, uri), "even if it is registered: {uri:?}");
    }
}

#[test]
fn r_4_readers_can_not_disagree_about_the_host() {
    for uri in [
        "https://app.example.org@evil.test/callback",
        "https://a@b@evil.test/",
        "https://app.example.org\\@evil.test/",
        "https://app.example.org#@evil.test/",
        "https://app.example.org/#x",
        "https://app.example.org/ x",
        "https://app.example.org/\r\nx",
        "https://app.example.org/ä",
        "https:/app.example.org/",
        "https:app.example.org",
        "https:///app.example.org",
        "https://",
        "https://:443/",
        "https://a.test:/",
        "https://a.test:x/",
        "https://a.test:99999/",
        "https://[::1/",
        "https://::1/",
        "https://a..test/",
        "https://-a.test/",
        "https://*.example.org/",
        "https://a.test:80:80/",
        "https://a%2etest/",
        "app://u@h/x",
    ] {
        assert!(check(uri).is_err(), "{uri:?}");
        assert!(!matches(uri, uri), "{uri:?}");
    }
}

#[test]
fn r_5_only_the_port_of_a_loopback_address_may_vary() {
    for (registered, requested, expected) in [
        ("http://127.0.0.1/cb", "http://127.0.0.1:51004/cb", true),
        ("http://127.0.0.1:1234/cb", "http://127.0.0.1:51004/cb", true),
        ("http://127.0.0.1:1234/cb", "http://127.0.0.1/cb", true),
        ("http://[::1]/cb", "http://[::1]:51004/cb", true),
        ("http://localhost/cb", "http://localhost:51004/cb", true),
        ("http://localhost", "http://localhost:51004", true),
        ("http://localhost/cb", "http://localhost:51004/other", false),
        ("http://localhost/cb", "http://localhost:51004/cb?x=1", false),
        ("http://localhost/cb", "http://127.0.0.1:51004/cb", false),
        ("http://localhost/cb", "https://localhost:51004/cb", false),
        ("http://localhost/cb", "http://localhost.evil.test/cb", false),
        ("http://localhost/cb", "http://localhost@evil.test/cb", false),
        ("http://localhost/cb", "http://localhost:1@evil.test/cb", false),
        ("http://localhost/cb", "http://localhost:/cb", false),
        ("http://localhost/cb", "http://localhost:99999/cb", false),
        ("http://localhost/cb", "http://localhost:80:80/cb", false),
        ("http://127.0.0.1/cb", "http://127.0.0.1.evil.test/cb", false),
        (
            "http://app.localhost:8080/cb",
            "http://app.localhost:8081/cb",
            false,
        ),
        (
            "http://app.localhost:8080/cb",
            "http://app.localhost:8080/cb",
            true,
        ),
        ("https://localhost:1/cb", "https://localhost:2/cb", false),
    ] {
        assert_eq!(
            matches(registered, requested),
            expected,
            "{registered} {requested}"
        );
    }
}

#[test]
fn clear_text_and_private_schemes() {
    assert_eq!(
        check("http://app.example.org/cb"),
        Err(InvalidRedirectUri::ClearText)
    );
    assert_eq!(
        check("http://localhost.example.org/cb"),
        Err(InvalidRedirectUri::ClearText)
    );
    for uri in [
        "com.example.app:/callback",
        "immich://auth",
        "app.immich:///oauth-callback",
        "obsidian://x?y=1",
    ] {
        assert_eq!(check(uri), Ok(()), "{uri}");
    }
}

#[test]
fn one_of_several_is_found() {
    let registered = [REGISTERED.to_owned(), "http://127.0.0.1/cb".to_owned()];
    assert_eq!(
        find(&registered, "http://127.0.0.1:7/cb"),
        Ok("http://127.0.0.1/cb")
    );
    assert_eq!(
        find(&registered, "https://evil.test/"),
        Err(InvalidRedirectUri::Unregistered)
    );
    assert_eq!(find(&[], REGISTERED), Err(InvalidRedirectUri::Unregistered));
}

proptest! {
    /// Whatever is asked for, it goes where the registered one goes: a prefix with the authority stays the same.
    #[test]
    fn r_1_nothing_else_ever_matches(requested in "(https?|app)://[a-z0-9.@:\\\\/\\[\\]%#?-]{0,40}") {
        if requested != REGISTERED {
            prop_assert!(!matches(REGISTERED, &requested));
        }
        if matches("http://localhost/cb", &requested) {
            prop_assert!(requested.starts_with("http://localhost") && requested.ends_with("/cb"));
            let port = &requested["http://localhost".len()..requested.len() - "/cb".len()];
            prop_assert!(port.is_empty() || port[1..].parse::<u16>().is_ok());
        }
    }
}
