//! Tables of spellings.

use proptest::prelude::*;

use super::*;

fn parse(host: &str, path: &str) -> Result<(String, String), TargetError> {
    let uri: Uri = path.parse().map_err(|_| TargetError::Malformed("not a URI"))?;
    let mut headers = HeaderMap::new();
    headers.insert(header::HOST, host.parse().unwrap());
    let target = RequestTarget::parse(&Method::GET, &uri, &headers, None)?;
    Ok((target.host().to_owned(), target.path_and_query().as_str().to_owned()))
}

fn path(text: &str) -> Result<String, TargetError> {
    parse("a.test", text).map(|(_, path)| path)
}

#[test]
fn p_1_p_3_p_4_p_8_impossible_8_one_canonical_path_or_none() {
    for (input, expected) in
        include_str!("../../../tests/golden/path.txt").lines().filter_map(|line| line.split_once(" => "))
    {
        let found = path(input.trim()).unwrap_or_else(|_| "refused".to_owned());
        assert_eq!(found, expected.trim(), "{input}");
    }
}

#[test]
fn p_5_p_6_hosts_are_canonical() {
    for (input, expected) in [
        ("A.Test", "a.test"),
        ("a.test.", "a.test"),
        ("a.test:8080", "a.test"),
        ("A.TEST.:443", "a.test"),
        ("[::1]:80", "::1"),
        ("xn--bcher-kva.test", "xn--bcher-kva.test"),
    ] {
        assert_eq!(parse(input, "/").unwrap().0, expected, "{input}");
    }
    for input in [
        "",
        "a b",
        "a/b",
        "a.test:x",
        "a.test:99999",
        "[::1",
        "user@a.test",
        "a.test,b.test",
        "ä.test",
        "a.test:80:80",
    ] {
        assert!(input.parse::<::http::HeaderValue>().is_err() || parse(input, "/").is_err(), "{input}");
    }
}

#[test]
fn p_13_host_authority_and_sni_agree() {
    let uri: Uri = "http://a.test/x".parse().unwrap();
    let mut headers = HeaderMap::new();
    headers.insert(header::HOST, "b.test".parse().unwrap());
    assert!(matches!(
        RequestTarget::parse(&Method::GET, &uri, &headers, None),
        Err(TargetError::Malformed(_))
    ));
    headers.insert(header::HOST, "A.test".parse().unwrap());
    assert_eq!(RequestTarget::parse(&Method::GET, &uri, &headers, Some("a.TEST")).unwrap().path(), "/x");
    assert_eq!(
        RequestTarget::parse(&Method::GET, &uri, &headers, Some("b.test")),
        Err(TargetError::Misdirected)
    );
    assert!(RequestTarget::parse(&Method::CONNECT, &uri, &headers, None).is_err());
    headers.append(header::HOST, "a.test".parse().unwrap());
    assert!(RequestTarget::parse(&Method::GET, &uri, &headers, None).is_err(), "two Host headers");
    headers.clear();
    assert!(RequestTarget::parse(&Method::GET, &"/x".parse().unwrap(), &headers, None).is_err(), "no host");
}

proptest! {
    #[test]
    fn parsing_is_idempotent_and_never_leaves_anything_ambiguous(text in "/[a-zA-Z0-9%./;\\\\_~é-]{0,40}") {
        if let Ok(once) = path(&text) {
            prop_assert_eq!(path(&once), Ok(once.clone()));
            prop_assert!(!once.contains("//") && !once.contains("/../") && !once.contains('\\') && !once.contains(';'));
            let lower = once.to_ascii_lowercase();
            for encoded in ["%2f", "%5c", "%2e", "%00", "%3b"] {
                prop_assert!(!lower.contains(encoded));
            }
        }
    }
}
