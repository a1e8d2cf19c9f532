use std::fmt::Write as _;

use super::*;
use crate::{
    jose::{jws, key_ring::tests::ring},
    oauth::client::tests::exactly,
    oidc::{
        claims::IdToken,
        fixtures::{CHALLENGE, NOW, clients, issuer, parameters, person, request, sent, token, user, wiki},
    },
    time::UnixTime,
};

fn outcome(parameters: &Parameters) -> String {
    match parse(parameters, &clients()) {
        Ok(request) => format!("ok {} {:?} {:?}", request.scope, request.prompt, request.max_age),
        Err(AuthorizationError::Display(error)) => format!("page: {error}"),
        Err(AuthorizationError::Redirect(error)) => sent(&error.delivery(&issuer())),
    }
}

#[test]
fn a_complete_request_is_read() {
    let request = request("scope=openid+groups+nonsense+offline_access&prompt=login+consent&max_age=60");
    assert_eq!(request.client.client_id, "wiki");
    assert_eq!(request.target.redirect_uri(), "https://wiki.test/callback");
    assert_eq!(request.scope.to_string(), "openid groups offline_access");
    assert_eq!(request.nonce.as_deref(), Some("n"));
    assert_eq!(request.code_challenge.unwrap().as_str(), CHALLENGE);
    assert_eq!((request.prompt.login, request.prompt.consent, request.max_age), (true, true, Some(60)));
}

/// as long as the redirect URI is not known to be the client's, nothing is redirected.
#[test]
fn r_1_r_4_nothing_is_redirected_before_the_redirect_uri_is_trusted() {
    for changes in [
        "client_id=",
        "client_id=evil",
        "client_id=WIKI",
        "redirect_uri=",
        "redirect_uri=https://spa.test/callback",
        "redirect_uri=https://wiki.test/callback/",
        "redirect_uri=https://wiki.test/callback?x",
        "redirect_uri=https://wiki.test@evil.test/callback",
        "redirect_uri=https://wiki.test.evil.test/callback",
        "redirect_uri=https://wiki.test:443/callback",
        "redirect_uri=https://wiki.test/x/../callback",
        "redirect_uri=javascript:alert(1)",
        "redirect_uri=//wiki.test/callback",
        "redirect_uri=https://wiki.test/callback%23f",
        "redirect_uri=https://wiki.test/callback%0d%0aX:1",
    ] {
        // Other mistakes in the same request change nothing about it.
        for more in ["", "&request=x&response_type=token&scope=&prompt=none+login"] {
            let outcome = outcome(&wiki(&format!("{changes}{more}")));
            assert!(outcome.starts_with("page: "), "{changes}{more}: {outcome}");
        }
    }
    let long = wiki(&format!("state={}", "x".repeat(MAX_QUERY - 100)));
    assert_eq!(parse(&long, &clients()).unwrap_err(), AuthorizationError::Display(DisplayError::TooLong));
}

#[test]
fn o_1_r_13_o_28_what_is_wrong_goes_to_the_client_with_state_and_issuer() {
    let mut table = String::new();
    for changes in [
        "",
        "state=",
        "response_type=",
        "response_type=token",
        "response_type=code+id_token",
        "response_type=none",
        "response_mode=query",
        "response_mode=form_post",
        "response_mode=fragment",
        "response_mode=fragment&scope=",
        "response_mode=form_post&scope=",
        "response_mode=web_message",
        "scope=",
        "scope=email",
        "scope=OPENID",
        "code_challenge=&code_challenge_method=",
        "code_challenge_method=plain",
        "code_challenge_method=",
        "code_challenge=short",
        "code_challenge=",
        "prompt=none",
        "prompt=none+login",
        "prompt=create",
        "prompt=select_account",
        "max_age=0",
        "max_age=4294967295",
        "max_age=4294967296",
        "max_age=-1",
        "max_age=%2B1",
        "max_age=1.5",
        "request=eyJhbGciOiJub25lIn0.e30.",
        "request_uri=https://evil.test/",
        "registration={}",
        "display=popup&ui_locales=de&claims={}&acr_values=x&login_hint=ada&resource=x&unknown=1",
    ] {
        writeln!(table, "{changes:45} {}", outcome(&wiki(changes))).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn o_1_a_public_client_needs_pkce() {
    let base = "client_id=spa&redirect_uri=https%3A%2F%2Fspa.test%2Fcallback&response_type=code&scope=openid";
    let found = outcome(&parameters(base));
    assert!(found.contains("error=invalid_request") && found.contains("PKCE"), "{found}");
    let with = parameters(&format!("{base}&code_challenge={CHALLENGE}&code_challenge_method=S256"));
    assert!(outcome(&with).starts_with("ok openid"));
}

#[test]
fn o_1_a_confidential_client_can_be_made_to_use_pkce() {
    let strict = Client { require_pkce: true, ..(*clients()[0]).clone() };
    let without = wiki("code_challenge=&code_challenge_method=");
    assert!(parse(&without, &[Arc::new(strict)]).is_err());
    assert!(parse(&without, &clients()).is_ok());
}

#[test]
fn r_6_a_repeated_parameter_never_becomes_a_request() {
    let text = format!("{}&client_id=spa", wiki("").to_query());
    assert!(Parameters::parse(text.as_bytes()).is_err());
}

#[test]
fn r_5_a_loopback_client_gets_its_own_port_back() {
    let native = Client { redirect_uris: exactly("http://127.0.0.1/cb"), ..(*clients()[0]).clone() };
    let request = parse(&wiki("redirect_uri=http://127.0.0.1:51004/cb"), &[Arc::new(native)]).unwrap();
    let location = sent(&request.target.with_code(&token(1), &issuer()));
    assert!(location.starts_with("http://127.0.0.1:51004/cb?code=dw_c_"), "{location}");
    assert!(location.ends_with("&state=s+1&iss=https%3A%2F%2Fid.example.org"), "{location}");
}

#[test]
fn o_28_a_hint_counts_only_if_we_gave_it_to_this_client() {
    let (keys, ada, access) = (ring(&[1]), person(1, &["users"], NOW), token(1));
    let clients = clients();
    let sign = |issuer: &Origin, client: &Client, key: u8| {
        let scope = ScopeSet::parse("openid");
        let claims = IdToken {
            issuer,
            client,
            identity: &ada,
            scope,
            nonce: None,
            access_token: &access,
            now: UnixTime(0),
        }
        .claims();
        jws::sign(ring(&[key]).signer(crate::jose::Algorithm::EdDsa).unwrap(), &claims).unwrap()
    };
    let other = Origin::parse("https://id.example.com").unwrap();
    for (token, expected) in [
        (sign(&issuer(), &clients[0], 1), Some(user(1))),
        (sign(&issuer(), &clients[1], 1), None),
        (sign(&issuer(), &clients[0], 2), None),
        (sign(&other, &clients[0], 1), None),
        ("nonsense".to_owned(), None),
        (String::new(), None),
    ] {
        let request = request(&format!("id_token_hint={token}"));
        assert_eq!(request.hinted(&issuer(), &keys), expected, "{token}");
    }
}
