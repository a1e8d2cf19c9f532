//! Tokens of people's programs.

use std::sync::Arc;

use super::*;
use crate::{
    id::PersonalTokenId,
    token::{Personal, Plain, Session},
};

fn map(lines: &[(&str, &str)]) -> ::http::HeaderMap {
    let mut headers = ::http::HeaderMap::new();
    for (name, value) in lines {
        headers.append(name.parse::<::http::HeaderName>().unwrap(), value.parse().unwrap());
    }
    headers
}

fn token() -> Plain<Personal> {
    Plain::from_random([5; 32])
}

#[test]
fn h_15_a_token_comes_once_and_well_formed() {
    let token = token();
    let (text, found) = (token.expose(), Some(Presented::Token(token.hash())));
    let bearer = format!("Bearer {text}");
    assert_eq!(presented(&map(&[("authorization", &bearer)])), found);
    assert_eq!(presented(&map(&[("authorization", &format!("bearer  {text}"))])), found);
    assert_eq!(presented(&map(&[("x-api-key", text)])), found);
    let changed = format!("{}A", &text[..text.len() - 1]);
    for lines in [
        &[("x-api-key", changed.as_str())][..],
        &[("x-api-key", "dw_k_")],
        &[("x-api-key", text), ("x-api-key", text)],
        &[("x-api-key", text), ("authorization", &bearer)],
    ] {
        assert_eq!(presented(&map(lines)), Some(Presented::Unfit), "{lines:?}");
    }
    let session = Plain::<Session>::from_random([5; 32]);
    for lines in [
        &[][..],
        &[("authorization", text)],
        &[("authorization", "Basic ZHdfa186eA==")],
        &[("authorization", "Bearer of news")],
        &[("x-api-key", "their-own-key")],
        &[("x-api-key", session.expose())],
        &[("x-other", text)],
    ] {
        assert_eq!(presented(&map(lines)), None, "{lines:?}");
    }
}

#[test]
fn h_1_a_token_does_not_reach_the_application_under_any_spelling() {
    let token = token();
    let bearer = format!("Bearer {}", token.expose());
    let mut headers = map(&[
        ("authorization", &bearer),
        ("x-api-key", token.expose()),
        ("x_api_key", token.expose()),
        ("x.api-key", token.expose()),
        ("x%api~key", token.expose()),
        ("x-other", "stays"),
    ]);
    strip_presented(&mut headers);
    assert_eq!(headers.keys().map(::http::HeaderName::as_str).collect::<Vec<_>>(), ["x-other"]);
    let mut theirs = map(&[("authorization", "Bearer theirs"), ("x-api-key", "theirs")]);
    strip_presented(&mut theirs);
    assert_eq!(theirs.len(), 2, "what is between the client and the application passes");
}

fn bearer(groups: &[&str], scope: Scope) -> Arc<Bearer> {
    let identity = person(groups);
    Arc::new(Bearer { id: PersonalTokenId::from_random([4; 16]), identity, scope })
}

fn asked<'a>(method: &'a Method, path: &'a str) -> Access<'a> {
    Access {
        method,
        path,
        client: "192.168.1.7".parse().unwrap(),
        identity: None,
        credentials: Credential::default(),
        fetch: FetchMetadata { site: Site::Other, navigation: false, websocket: false },
        now: UnixTime(1),
    }
}

fn taking(guard: Guard) -> Guard {
    Guard { tokens: true, ..guard }
}

fn outcome(decision: &Decision) -> String {
    match decision {
        Decision::Permit(permit) => format!("permit: {}", permit.grounds()),
        Decision::Demand(demand) => format!("demand: {demand:?}"),
        Decision::Deny(denial) => format!("deny: {}", denial.code()),
    }
}

#[test]
fn a_token_is_its_person_within_its_scope() {
    let guard = taking(sso(policy()));
    let narrow = Scope { methods: Some(vec![Method::GET]), ..Scope::below(["/api"]) };
    let everything = bearer(&["users"], Scope::everything());
    let narrow = bearer(&["users"], narrow);
    for (token, method, path, expected) in [
        (&everything, Method::GET, "/", "permit: token:04040404-0404-4404-8404-040404040404"),
        // No site can make a browser send it, so the shield has nothing to do.
        (&everything, Method::POST, "/", "permit: token:04040404-0404-4404-8404-040404040404"),
        (&narrow, Method::GET, "/api/x", "permit: token:04040404-0404-4404-8404-040404040404"),
        (&narrow, Method::GET, "/apis", "deny: token_path"),
        (&narrow, Method::POST, "/api/x", "deny: token_method"),
    ] {
        let decision = decide_by_token(&guard, &asked(&method, path), Some(token));
        assert_eq!(outcome(&decision), expected, "{method} {path}");
    }
}

/// E-2, O-24: the policy decides with the groups of now, by the same function as for a session.
#[test]
fn e_2_o_24_a_token_opens_nothing_that_its_person_may_not() {
    let guard = taking(sso(policy()));
    let get = Method::GET;
    let of = |groups: &[&str]| bearer(groups, Scope::everything());
    assert_eq!(
        outcome(&decide_by_token(&guard, &asked(&get, "/"), Some(&of(&["strangers"])))),
        "deny: group"
    );
    let lan = Guard { networks: Some(vec!["10.0.0.0/8".parse().unwrap()]), ..taking(sso(policy())) };
    assert_eq!(
        outcome(&decide_by_token(&lan, &asked(&get, "/"), Some(&of(&["users"])))),
        "deny: service_network"
    );
    let expired = Access { now: UnixTime(i64::MAX), ..asked(&get, "/") };
    assert!(matches!(decide_by_token(&guard, &expired, Some(&of(&["users"]))), Decision::Deny(_)));
}

/// Whoever presents a token means it: a wrong one opens nothing, not even what is open without.
#[test]
fn impossible_10_a_wrong_token_falls_through_to_nothing() {
    let get = Method::GET;
    let open = Guard { bypass: vec![Scope::everything()], ..taking(sso(policy())) };
    assert_eq!(outcome(&decide_by_token(&open, &asked(&get, "/"), None)), "deny: token_unknown");
    let narrow = bearer(&["users"], Scope::below(["/api"]));
    assert_eq!(outcome(&decide_by_token(&open, &asked(&get, "/"), Some(&narrow))), "deny: token_path");
    let token = bearer(&["users"], Scope::everything());
    let without = sso(policy());
    assert_eq!(outcome(&decide_by_token(&without, &asked(&get, "/"), Some(&token))), "deny: token_unknown");
    assert_eq!(TokenProblem::Scope(Miss::Expired).code(), "token_expired");
}

/// A service may have keys of its own in the same header: a token is not taken for a wrong one.
#[test]
fn r_74_keys_and_tokens_can_share_a_header() {
    let secret = crate::token::HashedSecret::of(b"0123456789abcdef0123456789abcdef");
    let header = ::http::HeaderName::from_static("x-api-key");
    let key = Key { name: "backup".into(), header, secret, scope: Scope::everything() };
    let guard = Guard { keys: vec![key], ..taking(sso(policy())) };
    let headers = map(&[("x-api-key", token().expose())]);
    let keys = crate::policy::presented_keys(&guard, &headers);
    let get = Method::GET;
    let credentials = Credential { keys: &keys, ..Credential::default() };
    let access = Access { credentials, ..asked(&get, "/") };
    let token = bearer(&["users"], Scope::everything());
    assert!(keys.is_empty(), "{keys:?}");
    assert!(outcome(&decide_by_token(&guard, &access, Some(&token))).starts_with("permit: token"));
    assert_eq!(outcome(&decide_by_token(&guard, &access, None)), "deny: token_unknown");
}
