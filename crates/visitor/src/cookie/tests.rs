use std::time::{Duration, SystemTime};

use url::Url;

use super::{CookieJar, date};

fn now() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_hours(500_000)
}

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn jar(from: &str, header: &str) -> CookieJar {
    let mut jar = CookieJar::new();
    jar.store(&url(from), header, now());
    jar
}

#[test]
fn a_host_cookie_goes_to_exactly_its_host_on_every_port() {
    let jar =
        jar("http://id.localhost:8080/login", "__Host-doorward=abc; Secure; HttpOnly; SameSite=Lax; Path=/");
    assert_eq!(jar.cookie("id.localhost", "__Host-doorward"), Some("abc"));
    for (to, expected) in [
        ("http://id.localhost:8080/", Some("__Host-doorward=abc")),
        ("http://id.localhost:9090/deep/er", Some("__Host-doorward=abc")),
        ("https://id.localhost/", Some("__Host-doorward=abc")),
        ("http://notes.localhost:8080/", None),
        ("http://sub.id.localhost:8080/", None),
        ("http://localhost:8080/", None),
    ] {
        assert_eq!(jar.header(&url(to), now()).as_deref(), expected, "{to}");
    }
}

#[test]
fn the_host_prefix_is_refused_without_what_it_promises() {
    for header in [
        "__Host-a=1; Path=/",
        "__Host-a=1; Secure",
        "__Host-a=1; Secure; Path=/sub",
        "__Host-a=1; Secure; Path=/; Domain=id.example.com",
        "__host-a=1; Path=/",
        "__Secure-a=1; Path=/",
    ] {
        let jar = jar("https://id.example.com/", header);
        assert_eq!(jar.cookies("id.example.com").count(), 0, "{header}");
        assert_eq!(jar.refused().len(), 1, "{header}");
    }
    let kept = jar("https://id.example.com/", "__Host-a=1; Secure; Path=/; Domain=");
    assert_eq!(kept.cookie("id.example.com", "__Host-a"), Some("1"), "an empty Domain is none");
}

#[test]
fn secure_cookies_need_https_or_localhost() {
    let plain = jar("http://id.example.com/", "a=1; Secure");
    assert_eq!(plain.cookie("id.example.com", "a"), None);
    let jar = jar("https://id.example.com/", "a=1; Secure");
    assert_eq!(jar.header(&url("http://id.example.com/"), now()), None);
    assert_eq!(jar.header(&url("https://id.example.com/"), now()).as_deref(), Some("a=1"));
}

#[test]
fn max_age_and_expires_delete() {
    for death in [
        "Max-Age=0",
        "Max-Age=-1",
        "Expires=Thu, 01 Jan 1970 00:00:00 GMT",
        "Max-Age=0; Expires=Fri, 01 Jan 2100 00:00:00 GMT",
    ] {
        let mut jar = jar("http://a.localhost/", "x=1; Path=/");
        jar.store(&url("http://a.localhost/deep/er"), "x=; Path=/elsewhere; Max-Age=0", now());
        assert_eq!(jar.cookie("a.localhost", "x"), Some("1"), "another path is another cookie");
        jar.store(&url("http://a.localhost/deep/er"), &format!("x=; Path=/; {death}"), now());
        assert_eq!(jar.cookie("a.localhost", "x"), None, "{death}");
    }
}

#[test]
fn cookies_die_with_time() {
    let jar = jar("http://a.localhost/", "x=1; Max-Age=600");
    let at = |seconds| jar.header(&url("http://a.localhost/"), now() + Duration::from_secs(seconds));
    assert_eq!(at(599).as_deref(), Some("x=1"));
    assert_eq!(at(600), None);
}

#[test]
fn paths_match_by_whole_segments_and_the_longest_comes_first() {
    let mut jar = jar("http://a.localhost/docs/page", "wide=1; Path=/");
    jar.store(&url("http://a.localhost/docs/page"), "narrow=2", now());
    assert_eq!(jar.header(&url("http://a.localhost/docs"), now()).as_deref(), Some("narrow=2; wide=1"));
    assert_eq!(jar.header(&url("http://a.localhost/docs/x"), now()).as_deref(), Some("narrow=2; wide=1"));
    assert_eq!(jar.header(&url("http://a.localhost/docsx"), now()).as_deref(), Some("wide=1"));
}

#[test]
fn a_domain_cookie_reaches_sub_domains_and_strangers_cannot_set_it() {
    let jar_of_parent = jar("https://notes.example.com/", "a=1; Domain=.Example.com; Path=/");
    assert_eq!(jar_of_parent.cookie("id.example.com", "a"), Some("1"));
    assert_eq!(jar_of_parent.cookie("badexample.com", "a"), None);
    for (from, header) in [
        ("https://notes.example.com/", "a=1; Domain=id.example.com"),
        ("https://notes.example.com/", "a=1; Domain=com"),
        ("http://notes.localhost/", "a=1; Domain=localhost"),
        ("http://127.0.0.1/", "a=1; Domain=0.0.1"),
    ] {
        assert_eq!(jar(from, header).refused().len(), 1, "{header}");
    }
}

#[test]
fn a_second_value_replaces_the_first() {
    let mut jar = jar("http://a.localhost/", "x=1; Path=/");
    jar.store(&url("http://a.localhost/"), "x=\"2\"; Path=/", now());
    assert_eq!(jar.header(&url("http://a.localhost/"), now()).as_deref(), Some("x=\"2\""));
    jar.set_cookie("a.localhost", "x", "3");
    assert_eq!(jar.header(&url("http://a.localhost/"), now()).as_deref(), Some("x=3"));
    jar.remove_cookie("a.localhost", "x");
    assert_eq!(jar.header(&url("http://a.localhost/"), now()), None);
}

#[test]
fn dates_are_read_in_their_three_forms() {
    let expected = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
    for text in
        ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
    {
        assert_eq!(date::parse(text), Some(expected), "{text}");
    }
    assert_eq!(
        date::parse("Thu, 29 Feb 2024 00:00:00 GMT"),
        Some(SystemTime::UNIX_EPOCH + Duration::from_hours(474_768))
    );
    for text in ["", "tomorrow", "06 Nov 1994", "32 Nov 1994 08:49:37", "06 Nov 1994 25:00:00"] {
        assert_eq!(date::parse(text), None, "{text}");
    }
}
