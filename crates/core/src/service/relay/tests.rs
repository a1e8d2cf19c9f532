use super::*;
use crate::{
    http::{host::Host, origin::Scheme},
    service::{Target, UpstreamScheme},
};

fn map(strip: Option<&str>, add: Option<&str>) -> PathMap {
    PathMap { strip: strip.map(str::to_owned), add: add.map(str::to_owned) }
}

#[test]
fn r_71_prefixes_are_taken_off_and_put_in_front_at_segments() {
    for (strip, add, public, inner) in [
        (None, None, "/a", Ok("/a")),
        (Some("/app"), None, "/app", Ok("/")),
        (Some("/app"), None, "/app/", Ok("/")),
        (Some("/app"), None, "/app/x/", Ok("/x/")),
        (Some("/app"), None, "/apple", Err(Elsewhere)),
        (Some("/app"), None, "/x", Err(Elsewhere)),
        (Some("/app"), None, "/APP/x", Err(Elsewhere)),
        (None, Some("/base"), "/", Ok("/base/")),
        (None, Some("/base"), "/x", Ok("/base/x")),
        (Some("/app"), Some("/base"), "/app/x", Ok("/base/x")),
        (Some("/app"), None, "/app/.doorward/x", Err(Elsewhere)),
        (Some("/app"), None, "/app/.Doorward", Err(Elsewhere)),
        (Some("/app"), None, "/app/.doorwards", Ok("/.doorwards")),
    ] {
        let found = map(strip, add).to_service(public);
        assert_eq!(found, inner.map(str::to_owned), "{strip:?} {add:?} {public}");
    }
}

fn location(strip: Option<&str>, add: Option<&str>, text: &str) -> Option<String> {
    let relay = Relay { paths: map(strip, add), ..Relay::default() };
    let upstream = Upstream::of(vec![
        Target::tcp(UpstreamScheme::Https, "10.0.0.5", 8043),
        Target::tcp(UpstreamScheme::Http, "10.0.0.6", 80),
    ]);
    let public = Origin::new(Scheme::Https, &Host::parse("omada.test").unwrap(), 443);
    let value = HeaderValue::from_str(text).unwrap();
    relay.location(&value, &upstream, &public).map(|value| value.to_str().unwrap().to_owned())
}

#[test]
fn locations_of_the_upstream_become_public() {
    for (text, expected) in [
        ("https://10.0.0.5:8043/login?x=//y#z", Some("https://omada.test/login?x=//y#z")),
        ("https://10.0.0.5:8043", Some("https://omada.test/")),
        ("http://10.0.0.6/a", Some("https://omada.test/a")),
        ("//10.0.0.6/a", Some("https://omada.test/a")),
        ("http://10.0.0.5:8043/a", None),
        ("https://elsewhere.test/a", None),
        ("https://10.0.0.5:8043@elsewhere.test/", None),
        ("/a", None),
        ("a", None),
        ("", None),
    ] {
        assert_eq!(location(None, None, text).as_deref(), expected, "{text}");
    }
}

#[test]
fn locations_get_the_prefix_of_the_public_path() {
    let strip = Some("/app");
    for (text, expected) in [
        ("/login", Some("/app/login")),
        ("/", Some("/app/")),
        ("/app/login", Some("/app/login")),
        ("https://10.0.0.5:8043/login", Some("https://omada.test/app/login")),
        ("//elsewhere.test/x", None),
        ("login", None),
    ] {
        assert_eq!(location(strip, None, text).as_deref(), expected, "{text}");
    }
    let add = Some("/base");
    for (text, expected) in [
        ("/base/login?a", Some("/login?a")),
        ("/base", Some("/")),
        ("/bases", Some("/bases")),
        ("/base//elsewhere.test/x", None),
        ("/base/\\elsewhere.test", None),
    ] {
        assert_eq!(location(None, add, text).as_deref(), expected, "{text}");
    }
    assert_eq!(location(strip, add, "/base/x").as_deref(), Some("/app/x"));
}

#[test]
fn parameters_are_set_once() {
    let set = vec![("terms_accepted".to_owned(), "true".to_owned())];
    let paths = Paths::Some { prefixes: vec!["/api/auth".to_owned()], regexes: Vec::new() };
    let relay = Relay { queries: vec![QueryRule { paths, set }], ..Relay::default() };
    for (public, expected) in [
        ("/api/auth/x", "/api/auth/x?terms_accepted=true"),
        ("/api/auth?", "/api/auth?terms_accepted=true"),
        ("/api/auth?a=b&c", "/api/auth?a=b&c&terms_accepted=true"),
        ("/api/auth?terms_accepted=false&terms%5Faccepted=0&b=1", "/api/auth?b=1&terms_accepted=true"),
        ("/other?terms_accepted=false", "/other?terms_accepted=false"),
        ("/api/auth?%", "/api/auth?%&terms_accepted=true"),
    ] {
        let found = relay.target(&public.parse().unwrap()).unwrap().unwrap();
        assert_eq!(found.as_str(), expected, "{public}");
    }
    assert_eq!(Relay::default().target(&"/a?b".parse().unwrap()), Ok(None));
}

#[test]
fn r_83_headers_are_set_and_not_added() {
    let mut headers = HeaderMap::new();
    for (name, value) in
        [("x-frame-options", "DENY"), ("x-frame-options", "ALLOW"), ("server", "app"), ("x", "1")]
    {
        headers.append(name, HeaderValue::from_static(value));
    }
    let edits = HeaderEdits {
        remove: vec![HeaderName::from_static("server")],
        set: vec![(HeaderName::from_static("x-frame-options"), HeaderValue::from_static("SAMEORIGIN"))],
    };
    edits.apply(&mut headers);
    let all: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    assert_eq!(all.len(), 2);
    assert!(all.contains(&("x-frame-options", "SAMEORIGIN")) && all.contains(&("x", "1")));
}

/// H-1, H-5: an application may read `X_Site` as `X-Site`.
#[test]
fn h_5_edits_of_requests_mean_every_spelling() {
    let mut headers = HeaderMap::new();
    for name in ["x-site", "x_site", "x.site", "x-debug", "x_debug", "x-sites", "x_other"] {
        headers.append(name, HeaderValue::from_static("theirs"));
        headers.append(name, HeaderValue::from_static("theirs, too"));
    }
    let edits = HeaderEdits {
        remove: vec![HeaderName::from_static("x.debug")],
        set: vec![(HeaderName::from_static("x-site"), HeaderValue::from_static("ours"))],
    };
    edits.apply_to_request(&mut headers);
    let mut left: Vec<_> =
        headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    left.sort_unstable();
    let other = |name| [(name, "theirs"), (name, "theirs, too")];
    assert_eq!(left, [&[("x-site", "ours")][..], &other("x-sites"), &other("x_other")].concat());
}

#[test]
fn cookies_are_for_the_public_path() {
    let (app, base) = (Some("/app"), Some("/base/x"));
    for (strip, add, told, public) in [
        (None, None, "a=1; Path=/", "a=1; Path=/"),
        (app, None, "a=1; Path=/; HttpOnly", "a=1; Path=/app; HttpOnly"),
        (app, None, "a=1;path = /in/ ;Secure", "a=1; Path=/app/in;Secure"),
        (app, None, "a=1; PATH=/app/in", "a=1; Path=/app/in"),
        (app, None, "a=1; Path=/a; Path=/b", "a=1; Path=/app/a; Path=/app/b"),
        (app, None, "a=Path=/; Domain=x", "a=Path=/; Domain=x"),
        (app, None, "Path=/; Path=/", "Path=/; Path=/app"),
        (app, None, "a=1; Path=in", "a=1; Path=in"),
        (app, None, "a=1; Path", "a=1; Path"),
        (app, None, "__Host-a=1; Path=/; Secure", "__Host-a=1; Path=/; Secure"),
        (app, None, "__secure-a=1; Path=/; Secure", "__secure-a=1; Path=/app; Secure"),
        (None, base, "a=1; Path=/base/x/y", "a=1; Path=/y"),
        (None, base, "a=1; Path=/base/x", "a=1; Path=/"),
        (None, base, "a=1; Path=/base", "a=1; Path=/"),
        (None, base, "a=1; Path=/", "a=1; Path=/"),
        (None, base, "a=1; Path=/bas", "a=1; Path=/bas"),
        (app, base, "a=1; Path=/base/x/", "a=1; Path=/app"),
        (app, base, "a=1; Path=/", "a=1; Path=/app"),
        (app, base, "a=1; Path=/base/x/y", "a=1; Path=/app/y"),
    ] {
        let relay = Relay { paths: map(strip, add), ..Relay::default() };
        let mut headers = HeaderMap::new();
        headers.append(header::SET_COOKIE, HeaderValue::from_static("other=1"));
        headers.append(header::SET_COOKIE, HeaderValue::from_static(told));
        relay.cookies(&mut headers);
        let lines: Vec<_> = headers.get_all(header::SET_COOKIE).iter().collect();
        assert_eq!(lines, ["other=1", public], "{strip:?} {add:?}");
    }
}
