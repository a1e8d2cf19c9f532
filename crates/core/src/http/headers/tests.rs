use proptest::prelude::*;

use super::*;

fn map(lines: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    headers
}

fn stripped(lines: &[(&str, &str)]) -> Vec<String> {
    let mut headers = map(lines);
    strip(&mut headers, &ReservedHeaders::new(["X-Grafana_Role"]));
    headers.keys().map(|name| name.as_str().to_owned()).collect()
}

/// H-1, H-3, H-5, H-6, H-10, impossible 2: every reserved name in every spelling.
#[test]
fn h_1_h_3_h_5_h_6_h_10_reserved_names_are_removed_in_every_spelling() {
    for name in [
        "Remote-User",
        "remote-groups",
        "X-Forwarded-For",
        "X-Forwarded-Prefix",
        "X-Forwarded-Port",
        "Forwarded",
        "X-Real-IP",
        "X-Original-URL",
        "X-Rewrite-URL",
        "X-Token-Subject",
        "X-WEBAUTH-USER",
        "X-Auth-Request-User",
        "X-Doorward-Assertion",
        "X-HTTP-Method-Override",
        "CF-Connecting-IP",
        "True-Client-IP",
        "X-Grafana-Role",
    ] {
        for spelling in [
            name.to_owned(),
            name.to_lowercase(),
            name.to_uppercase(),
            name.replace('-', "_"),
            name.replace('-', "."),
            name.replacen('-', "_", 1),
            name.replace('-', "~"),
            name.replace('-', "!"),
        ] {
            assert_eq!(stripped(&[(&spelling, "root"), ("Accept", "*/*")]), ["accept"], "{spelling}");
        }
    }
    assert_eq!(
        stripped(&[("X-Api-Key", "k"), ("Remoteness", "1"), ("Range", "x")]).len(),
        3,
        "ordinary names pass"
    );
}

/// What a CGI-like upstream would take for framing, or for its own proxy, in another spelling (H-9).
#[test]
fn h_9_s_2_aliases_of_framing_are_removed() {
    for name in
        ["Content_Length", "content.length", "Transfer_Encoding", "Keep_Alive", "Proxy", "proxy_connection"]
    {
        assert_eq!(stripped(&[(name, "1"), ("Content-Length", "5")]), ["content-length"], "{name}");
    }
    assert_eq!(stripped(&[("Content_Type", "1"), ("X_Y", "5"), ("proxys", "1")]).len(), 3);
}

/// H-7: a client's `Connection` line can't name headers that we set, because ours are set afterwards; what it does
/// name is removed, but never Host.
#[test]
fn h_7_connection_options_are_removed_before_ours_are_set() {
    assert_eq!(
        stripped(&[
            ("Connection", "close, X-Secret, host"),
            ("X-Secret", "1"),
            ("Host", "a"),
            ("Keep-Alive", "1"),
            ("TE", "trailers")
        ]),
        ["host"]
    );
}

#[test]
fn p_14_only_websocket_upgrades_are_recognised() {
    let upgrade = |value: &str| {
        asks_for_websocket(
            &Method::GET,
            Version::HTTP_11,
            &map(&[("Connection", "keep-alive, Upgrade"), ("Upgrade", value)]),
        )
    };
    assert!(upgrade("websocket") && upgrade("WebSocket"));
    assert!(!upgrade("h2c") && !upgrade("websocket, h2c"));
    assert!(!asks_for_websocket(&Method::GET, Version::HTTP_11, &map(&[("Upgrade", "websocket")])));
    assert!(!asks_for_websocket(
        &Method::POST,
        Version::HTTP_11,
        &map(&[("Connection", "upgrade"), ("Upgrade", "websocket")])
    ));
}

#[test]
fn e_14_an_upstream_cannot_set_our_cookies() {
    let mut headers = map(&[
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "__Host-doorward=dw_s_x; Path=/"),
        ("Set-Cookie", " __HOST-Doorward-login-x=1"),
        ("Set-Cookie", "=__Host-doorward=dw_s_x"),
        ("Set-Cookie", "b=2"),
        ("Connection", "close"),
    ]);
    strip_response(&mut headers);
    let kept: Vec<_> =
        headers.get_all(header::SET_COOKIE).iter().map(|value| value.to_str().unwrap()).collect();
    assert_eq!(kept, ["a=1", "b=2"]);
    assert!(!headers.contains_key(header::CONNECTION));
}

/// Browsers would take their requests, our cookies in them, to where an upstream says that this host is too.
#[test]
fn s_7_an_upstream_names_no_way_around_the_door() {
    let mut headers =
        map(&[("Alt-Svc", "h3=\":8443\"; ma=86400"), ("Alt-Svc", "h2=\"a.test:443\""), ("Age", "1")]);
    strip_response(&mut headers);
    assert_eq!(headers.keys().map(http::HeaderName::as_str).collect::<Vec<_>>(), ["age"]);
}

#[test]
fn e_14_an_upstream_cannot_clear_our_cookies() {
    let left = |value: &str| {
        let mut headers = map(&[("Clear-Site-Data", value), ("Trailer", "x-checksum")]);
        strip_response(&mut headers);
        assert!(headers.contains_key(header::TRAILER));
        headers.get("clear-site-data").map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(left("\"cookies\""), None);
    assert_eq!(left("\"*\""), None);
    assert_eq!(left("\"cache\", \"cookies\",\"storage\"").as_deref(), Some("\"cache\", \"storage\""));
}

proptest! {
    #[test]
    fn nothing_reserved_remains(names in prop::collection::vec("(remote|x-forwarded|x_forwarded|X[.]Real|forwarded|x-token)[-_.](user|for|ip|groups)", 1..8)) {
        let reserved = ReservedHeaders::default();
        let mut headers = HeaderMap::new();
        for name in &names {
            headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_static("x"));
        }
        strip(&mut headers, &reserved);
        prop_assert!(headers.keys().all(|name| !reserved.contains(name)));
    }
}

/// The same rule whichever way two names are compared: by their canonical spellings, or beside each other.
#[test]
fn h_1_h_3_two_names_are_alike_when_their_canonical_spellings_are_one() {
    for (one, other, expected) in [
        ("x-api-key", "x_api.key", true),
        ("x-api-key", "x%api!key", true),
        ("x-api-key", "x~api*key", true),
        ("x-api-key", "x-apiskey", false),
        ("x-api-key", "x--api-key", false),
    ] {
        assert_eq!(canonical(one) == canonical(other), expected, "{one} {other}");
        assert_eq!(are_alike(one, other), expected, "{one} {other}");
    }
}
