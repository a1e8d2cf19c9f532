use super::*;

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// A pattern, what it means, and what it does not mean.
const MEANT: [(&str, &[&str], &[&str]); 7] = [
    (
        "https://*.example.org/cb",
        &["https://a.example.org/cb", "https://a-1.example.org/cb"],
        &[
            "https://example.org/cb",
            "https://.example.org/cb",
            "https://a.b.example.org/cb",
            "https://aXexample.org/cb",
            "https://a.example.org.evil.test/cb",
            "https://evil.test/.example.org/cb",
            "https://evil.test?.example.org/cb",
            "https://a.example.org:8443/cb",
            "https://A.example.org/cb",
            "http://a.example.org/cb",
            "https://a.example.org/cb/",
            "https://a.example.org/CB",
        ],
    ),
    (
        "https://pr-*.apps.example.org/*/cb",
        &["https://pr-7.apps.example.org/x/cb"],
        &[
            "https://pr-.apps.example.org/x/cb",
            "https://pr-7.apps.example.org//cb",
            "https://pr-7.apps.example.org/x/y/cb",
        ],
    ),
    (
        "https://a.test/**",
        &["https://a.test/x", "https://a.test/x/y"],
        &[
            "https://a.test/",
            "https://a.test",
            "https://a.test//x",
            "https://a.test/x//y",
            "https://b.test/",
            "https://a.test/x?y",
        ],
    ),
    (
        "https://a.test/**/end",
        &["https://a.test/x/end", "https://a.test/x/y/end"],
        &["https://a.test/end", "https://a.test/x/end/x", "https://a.test/xend"],
    ),
    (
        "https://a.test:*/cb?to=*&x=1",
        &["https://a.test:8443/cb?to=y&x=1", "https://a.test:8443/cb?x=1&to=y"],
        &[
            "https://a.test/cb?to=y&x=1",
            "https://a.test:8443/cb?to=y",
            "https://a.test:8443/cb?to=&x=1",
            "https://a.test:8443/cb?to=y&x=1&z=2",
            "https://a.test:8443/cb?to=y&x=1&x=1",
            "https://a.test:8443/cb?to=y&to=1",
            "https://a.test:8443/cb",
        ],
    ),
    (
        "app.immich:///*",
        &["app.immich:///oauth-callback"],
        &["app.immich://x/oauth-callback", "app.immich:/x"],
    ),
    ("org.example:/cb*", &["org.example:/cb-1"], &["org.example:/cb", "org.example:///cb-1"]),
];

#[test]
fn r_1_a_wildcard_stays_within_its_component() {
    for (text, means, means_not) in MEANT {
        let pattern = pattern(text);
        for uri in means {
            assert!(pattern.matches(uri), "{text} means {uri}");
        }
        for uri in means_not {
            assert!(!pattern.matches(uri), "{text} does not mean {uri}");
        }
    }
}

#[test]
fn r_1_what_could_lead_to_somebody_else_is_no_pattern() {
    for (text, expected) in [
        ("*", Unfit::NotAbsolute),
        ("", Unfit::NotAbsolute),
        ("/cb", Unfit::NotAbsolute),
        ("https://*/cb", Unfit::Wildcard),
        ("https://*.org/cb", Unfit::Wildcard),
        ("https://example.*/cb", Unfit::Wildcard),
        ("https://a.*.org/cb", Unfit::Wildcard),
        ("https://a.example.org*/cb", Unfit::Wildcard),
        ("https://**.example.org/cb", Unfit::Wildcard),
        ("https://127.0.*.1/cb", Unfit::NotAbsolute),
        ("https://a.test/x**", Unfit::Wildcard),
        ("https://a.test/*/../x", Unfit::Wildcard),
        ("https://a.test/cb?*=1", Unfit::Wildcard),
        ("https://a.test/cb?x=1&x=2", Unfit::Wildcard),
        ("https://a.test/*#x", Unfit::Fragment),
        ("https://*@a.test/cb", Unfit::UserInformation),
        ("http://*.example.org/cb", Unfit::ClearText),
        ("javascript:*", Unfit::Scheme),
        ("JaVaScRiPt:*", Unfit::Scheme),
        ("data:text/html,*", Unfit::Scheme),
    ] {
        assert_eq!(Pattern::parse(text), Err(expected), "{text}");
    }
    for text in ["*://a.test/cb", "http*://a.test/cb", "https://a.test:8*/cb"] {
        assert!(Pattern::parse(text).is_err(), "{text}");
    }
}

#[test]
fn r_5_on_this_machine_only_the_port_is_free() {
    for (text, means, means_not) in [
        ("http://localhost/*", "http://localhost:51004/cb", "http://localhost.evil.test:51004/cb"),
        ("http://127.0.0.1/*", "http://127.0.0.1:51004/cb", "http://127.0.0.2:51004/cb"),
        ("http://[::1]/*", "http://[::1]:51004/cb", "http://[::2]:51004/cb"),
        ("http://127.0.0.1:80*/x", "", "http://127.0.0.1:8000/x"),
    ] {
        let Ok(pattern) = Pattern::parse(text) else {
            assert!(means.is_empty(), "{text}");
            continue;
        };
        assert!(pattern.matches(means) && !pattern.matches(means_not), "{text}");
    }
    assert!(!pattern("http://localhost:8080/*").matches("http://localhost:8081/cb"));
}

/// What parsers read differently: each was an advisory somewhere.
#[test]
fn r_4_what_parsers_read_differently_is_meant_by_no_pattern() {
    let patterns =
        ["https://*.example.org/**", "https://a.example.org/app/*", "https://a.example.org/app/**"];
    for uri in [
        "https://a.example.org@evil.test/app/x",
        "https://evil.test@a.example.org/app/x",
        "https://a:b@c@a.example.org/app/x",
        "https://@a.example.org/app/x",
        "https://evil.test\\@a.example.org/app/x",
        "https://evil.test\\.example.org/app/x",
        "https:\\\\a.example.org/app/x",
        "https:/a.example.org/app/x",
        "https:a.example.org/app/x",
        "https:///a.example.org/app/x",
        "https://a.example.org/app/../x",
        "https://a.example.org/app/..",
        "https://a.example.org/app/.",
        "https://a.example.org/app/%2e%2e/x",
        "https://a.example.org/app/.%2E/x",
        "https://a.example.org/app/..;/x",
        "https://a.example.org/app/x;y",
        "https://a.example.org/app/x%2Fy",
        "https://a.example.org/app/x%5cy",
        "https://a.example.org/app/%252e%252e",
        "https://a.example.org/app/x%00",
        "https://a.example.org/app//x",
        "https://a.example.org/app/x#y",
        "https://a.example.org/app/x\n",
        " https://a.example.org/app/x",
        "https://a.example.org:/app/x",
        "https://a.example.org:0443/app/x",
        "https://a.example.org./app/x",
        "https://evil.test%2f.example.org/app/x",
        "https://evil.test%23.example.org/app/x",
        "https://a。example.org/app/x",
        "https://xn--.example.org/app/x\u{ff0f}",
        "HTTPS://a.example.org/app/x",
        "https://A.EXAMPLE.ORG/app/x",
    ] {
        for text in patterns {
            assert!(!pattern(text).matches(uri), "{text} means {uri:?}");
        }
    }
    assert!(patterns.iter().all(|text| pattern(text).matches("https://a.example.org/app/x")));
}

/// Whatever is put anywhere into a URI that is meant: what is still meant leads to the same site, as browsers read it.
#[test]
fn r_4_no_change_to_a_uri_leaves_the_site() {
    let hostile = [
        "/",
        "\\",
        "@",
        "?",
        "#",
        ":",
        ".",
        "%",
        "%2f",
        "%2e",
        "*",
        ";",
        "&",
        "=",
        "//",
        "..",
        "/../",
        "[",
        "]",
        "\t",
        "\n",
        "\0",
        " ",
        "x",
        "evil.test",
        "evil.test/",
        "@evil.test",
        "\\@evil.test",
        ".evil.test",
        "http:",
        "é",
        "｡",
    ];
    let (scope, sound) = (pattern("https://*.example.org/app/**?to=*"), "https://a.example.org/app/x?to=y");
    assert!(scope.matches(sound));
    let mut meant = 0;
    for at in 0..=sound.len() {
        for cut in 0..=(sound.len() - at).min(3) {
            for insert in hostile {
                let changed = format!("{}{insert}{}", &sound[..at], &sound[at + cut..]);
                if !scope.matches(&changed) {
                    continue;
                }
                meant += 1;
                let uri = Url::parse(&changed).unwrap();
                let host = uri.host_str().unwrap();
                assert!(host.ends_with(".example.org") && host.split('.').count() == 3, "{changed}");
                assert!(uri.path().starts_with("/app/") && uri.scheme() == "https", "{changed}");
                assert!(uri.username().is_empty() && uri.fragment().is_none(), "{changed}");
                assert_eq!((uri.port(), uri.as_str()), (None, changed.as_str()));
            }
        }
    }
    assert!(meant > 20, "{meant}");
}

#[test]
fn r_7_without_wildcards_it_is_the_same_text() {
    let pattern = pattern("https://a.example.org/Cb?x=1");
    assert!(pattern.matches("https://a.example.org/Cb?x=1"));
    for uri in ["https://a.example.org/cb?x=1", "https://a.example.org/Cb", "https://a.example.org/Cb?x=2"] {
        assert!(!pattern.matches(uri), "{uri}");
    }
}

#[test]
fn many_wildcards_come_to_an_end() {
    let text = format!("https://a.test/{}x", "*a".repeat(200));
    let uri = format!("https://a.test/{}", "a".repeat(1500));
    // Trying all ways to share the letters among the stars would go on for ever.
    assert!(!pattern(&text).matches(&uri));
}
