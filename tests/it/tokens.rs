//! The token and userinfo endpoints by the front door.

use doorward_core::jose::{jwk::PublicKey, jws};
use doorward_visitor::{Page, Person, Request};
use http::Method;
use serde_json::{Value, json};

use crate::{
    ceremonies::{count, identifiers},
    door::{Door, STANDARD, WIKI_SECRET},
    provider::{TOOL, VERIFIER, WIKI, base64, code, tool, wiki},
};

pub(crate) const TOKEN: &str = "/api/oidc/token";
pub(crate) const USERINFO: &str = "/api/oidc/userinfo";
const OFFLINE: [(&str, &str); 1] = [("scope", "openid offline_access")];

/// A form sent by an application's server.
pub(crate) async fn send(door: &Door, path: &str, authorization: &str, fields: &[(&str, &str)]) -> Page {
    let mut request = Request::program(Method::POST, &door.url("id", path)).unwrap();
    let form = Request::form(&door.url("id", path), fields).unwrap();
    (request.body, request.headers) = (form.body, form.headers);
    if !authorization.is_empty() {
        request = request.header("authorization", authorization).unwrap();
    }
    door.client().send(request).await.unwrap()
}

pub(crate) fn basic(client: &str, secret: &str) -> String {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    format!("Basic {}", STANDARD.encode(format!("{client}:{secret}")))
}

pub(crate) fn as_wiki() -> String {
    basic("wiki", WIKI_SECRET)
}

/// Redeems a code of the confidential client.
pub(crate) async fn redeem_as_wiki(door: &Door, code: &str) -> Value {
    let fields = [("grant_type", "authorization_code"), ("code", code), ("redirect_uri", WIKI)];
    let page = send(door, TOKEN, &as_wiki(), &fields).await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert_eq!(page.header("cache-control"), Some("no-store"));
    page.json().unwrap()
}

pub(crate) async fn tokens(door: &Door, person: &mut Person, more: &[(&str, &str)]) -> Value {
    let code = code(door, person, &wiki(door, more)).await;
    redeem_as_wiki(door, &code).await
}

pub(crate) fn text<'a>(tokens: &'a Value, name: &str) -> &'a str {
    tokens[name].as_str().unwrap()
}

pub(crate) fn id_token(tokens: &Value) -> String {
    text(tokens, "id_token").to_owned()
}

pub(crate) async fn refresh(door: &Door, token: &str) -> Page {
    let fields = [("grant_type", "refresh_token"), ("refresh_token", token)];
    send(door, TOKEN, &as_wiki(), &fields).await
}

pub(crate) async fn userinfo(door: &Door, token: &str) -> Page {
    let request = Request::program(Method::GET, &door.url("id", USERINFO)).unwrap();
    let request = request.header("authorization", &format!("Bearer {token}")).unwrap();
    door.client().send(request).await.unwrap()
}

/// Status and error.
pub(crate) fn outcome(page: &Page) -> String {
    let body = page.json().unwrap_or_default();
    let error = body["error"].as_str().unwrap_or_default();
    format!("{} {error}", page.status.as_u16()).trim().to_owned()
}

/// What both kinds of tokens are good for.
pub(crate) async fn both(door: &Door, tokens: &Value) -> (String, String) {
    let info = outcome(&userinfo(door, text(tokens, "access_token")).await);
    let refreshed = outcome(&refresh(door, text(tokens, "refresh_token")).await);
    (info, refreshed)
}

pub(crate) fn dead() -> (String, String) {
    ("401 invalid_token".to_owned(), "400 invalid_grant".to_owned())
}

fn decode(text: &str) -> Vec<u8> {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// The claims of an ID token whose signature is good under the published keys, and its algorithm.
async fn verified(door: &Door, token: &str) -> (Value, String) {
    let request = Request::program(Method::GET, &door.url("id", "/.well-known/jwks.json")).unwrap();
    let set = door.client().send(request).await.unwrap().json().unwrap();
    let keys: Vec<_> =
        set["keys"].as_array().unwrap().iter().map(|key| PublicKey::from_jwk(key).unwrap()).collect();
    jws::verify(token, &keys).unwrap();
    let parts: Vec<Value> =
        token.split('.').take(2).map(|part| serde_json::from_slice(&decode(part)).unwrap()).collect();
    (parts[1].clone(), parts[0]["alg"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn a_code_becomes_tokens_for_each_kind_of_client() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    door.clock.advance(30);
    let more = [("nonce", "n-1"), ("scope", "openid profile email groups")];
    let given = code(&door, &mut ada, &wiki(&door, &more)).await;
    let tokens = redeem_as_wiki(&door, &given).await;
    assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&json!("Bearer"), &json!(3600)));
    assert!(text(&tokens, "access_token").starts_with("dw_a_"));
    let (claims, algorithm) = verified(&door, text(&tokens, "id_token")).await;
    let info = userinfo(&door, text(&tokens, "access_token")).await.json().unwrap();
    assert_eq!(algorithm, "RS256");
    for (name, expected) in [
        ("iss", json!(door.url("id", ""))),
        ("aud", json!("wiki")),
        ("azp", json!("wiki")),
        ("nonce", json!("n-1")),
        ("sub", info["sub"].clone()),
        ("preferred_username", json!("ada")),
        ("name", json!("Ada Lovelace")),
        ("groups", json!(["admins", "users"])),
        ("amr", json!(["user", "hwk"])),
        ("auth_time", json!(claims["iat"].as_i64().unwrap() - 30)),
        ("exp", json!(claims["iat"].as_i64().unwrap() + 3600)),
    ] {
        assert_eq!(claims[name], expected, "{name}");
    }
    let half = &doorward_core::token::sha256(text(&tokens, "access_token").as_bytes())[..16];
    assert_eq!(claims["at_hash"], base64(half));

    let given = code(&door, &mut ada, &wiki(&door, &[])).await;
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", given.as_str()),
        ("redirect_uri", WIKI),
        ("client_id", "wiki"),
        ("client_secret", WIKI_SECRET),
    ];
    assert_eq!(outcome(&send(&door, TOKEN, "", &fields).await), "200");
    let given = code(&door, &mut ada, &tool(&door, &[])).await;
    let page = send(&door, TOKEN, "", &of_tool(&given)).await;
    let (claims, _) = verified(&door, text(&page.json().unwrap(), "id_token")).await;
    assert_eq!(claims["aud"], "tool");
    assert!(claims.get("nonce").is_none() && claims.get("groups").is_none());
}

pub(crate) fn of_tool(code: &str) -> [(&str, &str); 5] {
    [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", TOOL),
        ("client_id", "tool"),
        ("code_verifier", VERIFIER),
    ]
}

#[tokio::test]
async fn o_12_each_client_gets_its_own_algorithm() {
    for algorithm in ["RS256", "ES256", "EdDSA"] {
        let text_of = format!("[clients.wiki]\nid_token_alg = \"{algorithm}\"\n");
        let door = Door::with(&STANDARD.replace("[clients.wiki]\n", &text_of)).await;
        let mut ada = door.administrator().await;
        let tokens = tokens(&door, &mut ada, &[]).await;
        let (_, found) = verified(&door, text(&tokens, "id_token")).await;
        assert_eq!(found, algorithm);
    }
}

#[tokio::test]
async fn o_1_o_2_and_o_3_a_code_is_good_for_whom_it_was_made() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    code(&door, &mut ada, &wiki(&door, &[])).await;
    let other_verifier = "x".repeat(43);
    // The fields that differ; an empty value leaves a field out.
    for (changed, value, expected) in [
        ("redirect_uri", "http://127.0.0.1:7778/callback", "400 invalid_grant"),
        ("redirect_uri", WIKI, "400 invalid_grant"),
        ("redirect_uri", "", "400 invalid_request"),
        ("code_verifier", other_verifier.as_str(), "400 invalid_grant"),
        ("code_verifier", "short", "400 invalid_grant"),
        ("code_verifier", "", "400 invalid_grant"),
        ("client_id", "unknown", "401 invalid_client"),
        ("client_id", "", "401 invalid_client"),
        ("client_id", "wiki", "401 invalid_client"),
        ("client_secret", "guess", "401 invalid_client"),
        ("grant_type", "password", "400 unsupported_grant_type"),
        ("grant_type", "client_credentials", "400 unauthorized_client"),
        ("grant_type", "", "400 invalid_request"),
        ("code", "", "400 invalid_request"),
        ("code", "dw_c_guess", "400 invalid_grant"),
    ] {
        let given = code(&door, &mut ada, &tool(&door, &[])).await;
        let mut fields = of_tool(&given).to_vec();
        fields.retain(|(name, _)| *name != changed);
        if !value.is_empty() {
            fields.push((changed, value));
        }
        let page = send(&door, TOKEN, "", &fields).await;
        assert_eq!(outcome(&page), expected, "{changed}={value}");
        assert!(!page.text().contains("access_token"));
    }
    // The code of one client, redeemed by another that authenticates well.
    let given = code(&door, &mut ada, &tool(&door, &[])).await;
    let mut fields = of_tool(&given).to_vec();
    fields.retain(|(name, _)| *name != "client_id");
    assert_eq!(outcome(&send(&door, TOKEN, &as_wiki(), &fields).await), "400 invalid_grant");
    // A verifier where there was no challenge.
    let given = code(&door, &mut ada, &wiki(&door, &[])).await;
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", given.as_str()),
        ("redirect_uri", WIKI),
        ("code_verifier", VERIFIER),
    ];
    assert_eq!(outcome(&send(&door, TOKEN, &as_wiki(), &fields).await), "400 invalid_grant");
    assert_eq!(count(&door, "SELECT count(*) FROM access_tokens"), 0);
}

#[tokio::test]
async fn o_27_a_client_authenticates_in_one_way() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    for (authorization, extra, expected) in [
        (basic("wiki", "guess"), ("x", "y"), "401 invalid_client"),
        (basic("wiki", ""), ("x", "y"), "401 invalid_client"),
        (basic("nobody", WIKI_SECRET), ("x", "y"), "401 invalid_client"),
        ("Basic !!!".to_owned(), ("x", "y"), "401 invalid_client"),
        ("Bearer x".to_owned(), ("x", "y"), "401 invalid_client"),
        (String::new(), ("client_id", "wiki"), "401 invalid_client"),
        (as_wiki(), ("client_secret", WIKI_SECRET), "400 invalid_request"),
        (as_wiki(), ("client_id", "tool"), "400 invalid_request"),
        (as_wiki(), ("code", "twice"), "400 invalid_request"),
        (as_wiki(), ("client_id", "wiki"), "200"),
    ] {
        let given = code(&door, &mut ada, &wiki(&door, &[])).await;
        let fields =
            [("grant_type", "authorization_code"), ("code", given.as_str()), ("redirect_uri", WIKI), extra];
        let page = send(&door, TOKEN, &authorization, &fields).await;
        assert_eq!(outcome(&page), expected, "{authorization} {extra:?}");
        let asks = page.header("www-authenticate").is_some();
        assert_eq!(asks, page.status == 401 && !authorization.is_empty());
    }
}

#[tokio::test]
async fn o_4_a_second_use_of_a_code_takes_its_tokens_back() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let given = code(&door, &mut ada, &wiki(&door, &OFFLINE)).await;
    let tokens = redeem_as_wiki(&door, &given).await;
    assert_eq!(outcome(&userinfo(&door, text(&tokens, "access_token")).await), "200");
    let fields = [("grant_type", "authorization_code"), ("code", given.as_str()), ("redirect_uri", WIKI)];
    assert_eq!(outcome(&send(&door, TOKEN, &as_wiki(), &fields).await), "400 invalid_grant");
    assert_eq!(both(&door, &tokens).await, dead());
    let late = code(&door, &mut ada, &wiki(&door, &[])).await;
    door.clock.advance(60);
    let fields = [("grant_type", "authorization_code"), ("code", &late), ("redirect_uri", WIKI)];
    assert_eq!(outcome(&send(&door, TOKEN, &as_wiki(), &fields).await), "400 invalid_grant", "E-3");
}

#[tokio::test]
async fn o_5_and_o_6_a_refresh_token_works_once() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let first = tokens(&door, &mut ada, &OFFLINE).await;
    let fields = [
        ("grant_type", "refresh_token"),
        ("refresh_token", text(&first, "refresh_token")),
        ("client_id", "tool"),
    ];
    assert_eq!(outcome(&send(&door, TOKEN, "", &fields).await), "400 invalid_grant", "O-3");
    let wider = [
        ("grant_type", "refresh_token"),
        ("refresh_token", text(&tokens(&door, &mut ada, &[]).await, "refresh_token")),
        ("scope", "openid groups"),
    ]
    .map(|(name, value)| (name, value.to_owned()));
    let wider = wider.each_ref().map(|(name, value)| (*name, value.as_str()));
    assert_eq!(outcome(&send(&door, TOKEN, &as_wiki(), &wider).await), "400 invalid_scope", "O-16");
    let second = refresh(&door, text(&first, "refresh_token")).await.json().unwrap();
    assert_ne!(first["refresh_token"], second["refresh_token"]);
    let (claims, _) = verified(&door, text(&second, "id_token")).await;
    assert_eq!(claims["aud"], "wiki");
    let door = door.restart().await;
    assert_eq!(outcome(&refresh(&door, text(&first, "refresh_token")).await), "400 invalid_grant");
    assert_eq!(both(&door, &second).await, dead());
}

#[tokio::test]
async fn o_5_of_many_refreshes_at_once_one_succeeds() {
    let door = std::sync::Arc::new(Door::open().await);
    let mut ada = door.administrator().await;
    let first = tokens(&door, &mut ada, &OFFLINE).await;
    let token = text(&first, "refresh_token").to_owned();
    let mut answers = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let (door, token) = (std::sync::Arc::clone(&door), token.clone());
        answers.spawn(async move { outcome(&refresh(&door, &token).await) });
    }
    let answers = answers.join_all().await;
    assert_eq!(answers.iter().filter(|answer| *answer == "200").count(), 1, "{answers:?}");
    assert_eq!(both(&door, &first).await, dead());
}

#[tokio::test]
async fn e_1_tokens_end_with_the_session_but_for_offline_access() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let bound = tokens(&door, &mut ada, &[]).await;
    let offline = tokens(&door, &mut ada, &OFFLINE).await;
    let refreshed = refresh(&door, text(&bound, "refresh_token")).await.json().unwrap();
    ada.sign_out().await.unwrap();
    assert_eq!(both(&door, &bound).await, dead());
    assert_eq!(both(&door, &refreshed).await, dead());
    assert_eq!(outcome(&userinfo(&door, text(&offline, "access_token")).await), "200");
    door.clock.advance(3600);
    assert_eq!(outcome(&userinfo(&door, text(&offline, "access_token")).await), "401 invalid_token");
    door.clock.advance(29 * 86_400);
    let next = refresh(&door, text(&offline, "refresh_token")).await.json().unwrap();
    door.clock.advance(30 * 86_400);
    assert_eq!(both(&door, &next).await, dead());
}

#[tokio::test]
async fn o_17_the_policy_is_asked_for_every_token() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let mut bob = door.member(&mut ada, "bob", "users").await;
    let mut ids = identifiers(&door, &mut ada, "/admin/people").await;
    ids.retain(|id| id.as_bytes() == bob.authenticator.passkeys[0].user_handle);
    for (what, groups) in [("groups", "guests"), ("disable", ""), ("end-sessions", "")] {
        let held = tokens(&door, &mut bob, &[]).await;
        let given = code(&door, &mut bob, &wiki(&door, &[])).await;
        let url = door.url("id", &format!("/admin/people/{what}"));
        let fields = [("id", ids[0].as_str()), ("groups", groups)];
        assert_eq!(ada.client.post_form(&url, &fields).await.unwrap().status, 303);
        assert_eq!(both(&door, &held).await, dead(), "{what}");
        let fields = [("grant_type", "authorization_code"), ("code", &given), ("redirect_uri", WIKI)];
        assert_eq!(outcome(&send(&door, TOKEN, &as_wiki(), &fields).await), "400 invalid_grant", "{what}");
        for (path, groups) in [("enable", ""), ("groups", "users")] {
            let url = door.url("id", &format!("/admin/people/{path}"));
            let fields = [("id", ids[0].as_str()), ("groups", groups)];
            ada.client.post_form(&url, &fields).await.unwrap();
        }
        if what != "groups" {
            bob.sign_in(None).await.unwrap();
        }
    }
}

#[tokio::test]
async fn mfa_8_guesses_of_client_secrets_run_out() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    door.clock.advance(60);
    let given = tokens(&door, &mut ada, &OFFLINE).await;
    let mut current = text(&given, "refresh_token").to_owned();
    for _ in 0..130 {
        let next = refresh(&door, &current).await.json().unwrap();
        text(&next, "refresh_token").clone_into(&mut current);
    }
    let guess = || send(&door, TOKEN, "Basic d2lraTpndWVzcw==", &[("grant_type", "refresh_token")]);
    for attempt in 0..120 {
        assert_eq!(outcome(&guess().await), "401 invalid_client", "{attempt}");
    }
    let page = guess().await;
    assert_eq!(outcome(&page), "429 too_many_attempts");
    assert_eq!(page.header("retry-after"), Some("60"));
    assert_eq!(refresh(&door, &current).await.status, 429);
    door.clock.advance(1);
    assert_eq!(outcome(&refresh(&door, &current).await), "200");
}
