use super::*;
use crate::{
    jose::key_ring::tests::ring,
    oidc::fixtures::{CHALLENGE, NOW, VERIFIER, clients, issuer, parameters, person, token},
    token::{Code, Handoff},
};

const SENT_TO: &str = "https://wiki.test/callback";

fn code_request(changes: &str) -> Result<authorization_code::Request, TokenError> {
    let code = token::<Code>(1);
    let mut all = parameters("").with("grant_type", "authorization_code").with("code", code.expose());
    all = all.with("redirect_uri", SENT_TO).with("code_verifier", VERIFIER);
    all = changes
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .fold(all, |all, (name, value)| all.with(name, value));
    match parse(&all, &clients()[0])? {
        TokenRequest::AuthorizationCode(request) => Ok(request),
        _ => panic!("another grant"),
    }
}

/// Redeems a code of `wiki` with a challenge.
fn redeem(changes: &str, groups: &[&str], issued_to: &str, challenge: Option<&str>) -> Result<(), String> {
    let (ada, clients) = (person(1, groups, NOW), clients());
    let text = |error: TokenError| format!("{}: {}", error.code().as_str(), error.description);
    let request = code_request(changes).map_err(text)?;
    let scope = ScopeSet::parse("openid");
    let granted = Granted { client_id: issued_to, identity: &ada, scope };
    let issued = authorization_code::Issued { granted, redirect_uri: SENT_TO, code_challenge: challenge };
    authorization_code::check(&request, &issued, &clients[0], NOW).map(drop).map_err(text)
}

#[test]
fn o_1_o_2_o_3_a_code_is_compared_with_everything_that_it_was_issued_for() {
    let users = &["users"][..];
    assert_eq!(redeem("", users, "wiki", Some(CHALLENGE)), Ok(()));
    assert_eq!(redeem("code_verifier=", users, "wiki", None), Ok(()));
    for (changes, groups, issued_to, challenge, expected) in [
        ("", users, "spa", Some(CHALLENGE), "invalid_grant"),
        ("code_verifier=", users, "wiki", Some(CHALLENGE), "invalid_grant"),
        ("code_verifier=x", users, "wiki", Some(CHALLENGE), "invalid_grant"),
        ("", users, "wiki", None, "invalid_grant"),
        ("redirect_uri=", users, "wiki", Some(CHALLENGE), "invalid_request"),
        ("redirect_uri=https://wiki.test/callback/", users, "wiki", Some(CHALLENGE), "invalid_grant"),
        ("redirect_uri=https://WIKI.test/callback", users, "wiki", Some(CHALLENGE), "invalid_grant"),
        ("code=", users, "wiki", Some(CHALLENGE), "invalid_request"),
        ("", &["guests"], "wiki", Some(CHALLENGE), "invalid_grant"),
        ("", &[], "wiki", Some(CHALLENGE), "invalid_grant"),
    ] {
        let found = redeem(changes, groups, issued_to, challenge).unwrap_err();
        assert!(found.starts_with(expected), "{changes} {groups:?} {issued_to}: {found}");
    }
}

#[test]
fn o_4_o_26_only_a_code_is_a_code_and_only_a_refresh_token_refreshes() {
    let (code, access) = (token::<Code>(1), token::<Access>(1));
    let (refresh, handoff) = (token::<Refresh>(1), token::<Handoff>(1));
    let all = [code.expose(), refresh.expose(), access.expose(), handoff.expose(), "x", "dw_c_"];
    for text in all {
        let redeemed = code_request(&format!("code={text}"));
        assert_eq!(redeemed.is_ok(), text == code.expose(), "{text}");
        assert!(redeemed.err().is_none_or(|error| error == TokenError::not_valid()));
        let request = parameters("grant_type=refresh_token").with("refresh_token", text);
        assert_eq!(parse(&request, &clients()[0]).is_ok(), text == refresh.expose(), "{text}");
    }
}

#[test]
fn o_15_there_are_four_grants_and_a_client_has_those_that_it_was_given() {
    const DEVICE: &str = "grant_type=urn:ietf:params:oauth:grant-type:device_code";
    for (text, by_default, with_all) in [
        ("", "invalid_request", "invalid_request"),
        ("grant_type=", "invalid_request", "invalid_request"),
        ("grant_type=password&username=ada&password=x", "unsupported_grant_type", "unsupported_grant_type"),
        ("grant_type=Authorization_Code", "unsupported_grant_type", "unsupported_grant_type"),
        ("grant_type=device_code", "unsupported_grant_type", "unsupported_grant_type"),
        ("grant_type=client_credentials&scope=openid", "unauthorized_client", "invalid_scope"),
        (DEVICE, "unauthorized_client", "invalid_request"),
        ("grant_type=authorization_code", "invalid_request", "invalid_request"),
        ("grant_type=refresh_token", "invalid_request", "invalid_request"),
    ] {
        let clients = clients();
        let all = Client { grants: GrantType::ALL.to_vec(), ..(*clients[0]).clone() };
        let none = Client { grants: Vec::new(), ..(*clients[0]).clone() };
        for (client, expected) in [(&*clients[0], by_default), (&all, with_all)] {
            let error = parse(&parameters(text), client).unwrap_err();
            assert_eq!((error.code().as_str(), error.status()), (expected, 400), "{text}");
        }
        let by_nobody = parse(&parameters(text), &none).unwrap_err().code().as_str();
        let known = ["client_credentials", ":device_code", "=authorization_code", "=refresh_token"];
        if known.iter().any(|grant| text.contains(grant)) {
            assert_eq!(by_nobody, "unauthorized_client", "{text}");
        }
    }
}

/// Nobody can prove to be a public client, so there is nothing that one could be given for itself.
#[test]
fn o_16_a_public_client_gets_nothing_for_itself() {
    let clients = clients();
    let eager = Client { grants: GrantType::ALL.to_vec(), ..(*clients[1]).clone() };
    let asked = parse(&parameters("grant_type=client_credentials"), &eager);
    assert_eq!(asked.unwrap_err().code(), ErrorCode::UnauthorizedClient);
    let wiki = Client { grants: GrantType::ALL.to_vec(), ..(*clients[0]).clone() };
    assert!(parse(&parameters("grant_type=client_credentials"), &wiki).is_ok());
    let alone = Client { grants: vec![GrantType::ClientCredentials], ..wiki };
    let asked = parse(&parameters("grant_type=refresh_token&refresh_token=x"), &alone);
    assert_eq!(asked.unwrap_err().code(), ErrorCode::UnauthorizedClient);
}

#[test]
fn o_3_o_16_o_17_e_12_a_refresh_is_decided_like_a_sign_in() {
    let clients = clients();
    let check = |scope: &str, groups: &[&str], client_id: &str, now: UnixTime| {
        let ada = person(1, groups, NOW);
        let token = token::<Refresh>(1);
        let all =
            parameters("grant_type=refresh_token").with("refresh_token", token.expose()).with("scope", scope);
        let TokenRequest::RefreshToken(request) = parse(&all, &clients[0]).unwrap() else {
            panic!("another grant")
        };
        let granted = Granted { client_id, identity: &ada, scope: ScopeSet::parse("openid email") };
        refresh_token::check(&request, &granted, &clients[0], now).map(drop).map_err(|error| error.code())
    };
    let users = &["users"][..];
    assert_eq!(check("", users, "wiki", NOW), Ok(()));
    assert_eq!(check("openid", users, "wiki", NOW), Ok(()));
    assert_eq!(check("openid email groups", users, "wiki", NOW), Err(ErrorCode::InvalidScope));
    assert_eq!(check("offline_access", users, "wiki", NOW), Err(ErrorCode::InvalidScope));
    assert_eq!(check("", &["guests"], "wiki", NOW), Err(ErrorCode::InvalidGrant));
    assert_eq!(check("", users, "spa", NOW), Err(ErrorCode::InvalidGrant));
    assert_eq!(check("", users, "wiki", UnixTime(NOW.0 + 3600)), Err(ErrorCode::InvalidGrant));
}

#[test]
fn an_answer_holds_the_tokens_and_an_id_token_that_our_keys_verify() {
    let (ada, clients, keys) = (person(1, &["users"], NOW), clients(), ring(&[1]));
    let (access, refresh) = (token(1), token(2));
    let scope = ScopeSet::parse("openid email");
    let granted = Granted { client_id: "wiki", identity: &ada, scope };
    let permit = granted.admit(&clients[0], NOW).unwrap();
    let issuance = Issuance {
        issuer: &issuer(),
        client: &clients[0],
        scope,
        nonce: Some("n"),
        access: &access,
        refresh: &refresh,
        now: NOW,
    };
    let answer = answer(permit, &issuance, &keys).unwrap();
    let claims = jws::verify(answer["id_token"].as_str().unwrap(), keys.public_keys()).unwrap();
    assert_eq!((claims.text("sub"), claims.text("nonce")), (Some(ada.subject.as_str()), Some("n")));
    assert!(claims.is_for("wiki") && !claims.is_for("spa"));
    assert_eq!(answer["access_token"], access.expose());
    assert_eq!(answer["refresh_token"], refresh.expose());
    assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("Bearer"), &json!(3600)));
    assert_eq!(answer["scope"], "openid email");
}

#[test]
fn without_a_key_of_its_algorithm_a_client_gets_nothing() {
    let (ada, clients) = (person(1, &["users"], NOW), clients());
    let scope = ScopeSet::parse("openid");
    let permit = Granted { client_id: "wiki", identity: &ada, scope }.admit(&clients[0], NOW).unwrap();
    let (access, refresh) = (token(1), token(2));
    let issuance = Issuance {
        issuer: &issuer(),
        client: &clients[0],
        scope,
        nonce: None,
        access: &access,
        refresh: &refresh,
        now: NOW,
    };
    assert_eq!(answer(permit, &issuance, &KeyRing::new(Vec::new())), Err(TokenError::server_error()));
    assert_eq!(TokenError::server_error().status(), 500);
}

#[test]
fn a_23_a_refused_client_does_not_learn_what_was_wrong() {
    let bodies: Vec<_> =
        [ClientAuthError::UnknownClient, ClientAuthError::WrongSecret, ClientAuthError::SecretMissing]
            .map(|error| TokenError::of_client(error, true))
            .into();
    for error in &bodies {
        assert_eq!(error.status(), 401);
        assert_eq!(error.www_authenticate(), Some(r#"Basic realm="token""#));
        assert_eq!(error.body(), bodies[0].body());
    }
    assert_eq!(TokenError::of_client(ClientAuthError::WrongSecret, false).www_authenticate(), None);
    assert_eq!(TokenError::of_client(ClientAuthError::Several, true).status(), 400);
    assert_eq!(TokenError::from(ParametersError::Repeated).code(), ErrorCode::InvalidRequest);
}
