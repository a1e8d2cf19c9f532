//! What a client may be told to do otherwise, by the front door.

use serde_json::{Value, json};

use crate::{
    door::{Door, STANDARD, WIKI_SECRET},
    provider::{WIKI, code, open, outcome, tool, wiki},
    tokens::{outcome as answer, send, userinfo},
};

const TOKEN: &str = "/api/oidc/token";
const NEW_SECRET: &str = "wiki-secret-of-next-year";
const PREVIEW: &str = "http://wiki.localhost:9003/previews/7";

/// The standard configuration with more about the client `wiki`. The clock of a door begins with the year 2026.
async fn door(more: &str) -> Door {
    let secrets = "client_secrets = [\n    { file = \"DIR/wiki.secret\", expires = \"2026-01-01T01:00:00Z\" },\n    \
                   { file = \"DIR/new.secret\" },\n]\n";
    let text = STANDARD.replace("client_secret_file = \"DIR/wiki.secret\"\n", &format!("{secrets}{more}"));
    Door::with_files(&text, &[("new.secret", NEW_SECRET)]).await
}

/// The answer to a code that came to `redirect_uri`.
async fn redeem(door: &Door, code: &str, redirect_uri: &str, secret: &str) -> (String, Value) {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", redirect_uri),
        ("client_id", "wiki"),
        ("client_secret", secret),
    ];
    let page = send(door, TOKEN, "", &fields).await;
    (answer(&page), page.json().unwrap_or_default())
}

#[tokio::test]
async fn o_27_a_secret_ends_while_its_successor_works() {
    let door = door("").await;
    let mut ada = door.administrator().await;
    for secret in [WIKI_SECRET, NEW_SECRET] {
        let given = code(&door, &mut ada, &wiki(&door, &[])).await;
        assert_eq!(redeem(&door, &given, WIKI, secret).await.0, "200");
    }
    door.clock.advance(3600);
    let given = code(&door, &mut ada, &wiki(&door, &[])).await;
    assert_eq!(redeem(&door, &given, WIKI, WIKI_SECRET).await.0, "401 invalid_client");
    assert_eq!(redeem(&door, &given, WIKI, NEW_SECRET).await.0, "200");
}

#[tokio::test]
async fn tokens_live_as_long_as_their_client_says() {
    let door = door(
        "access_token_lifetime = \"5m\"\nrefresh_token_lifetime = \"30m\"\nid_token_lifetime = \"10m\"\n",
    )
    .await;
    let mut ada = door.administrator().await;
    let given = code(&door, &mut ada, &wiki(&door, &[])).await;
    let (_, tokens) = redeem(&door, &given, WIKI, NEW_SECRET).await;
    assert_eq!(tokens["expires_in"], 300);
    let payload = tokens["id_token"].as_str().unwrap().split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&decoded(payload)).unwrap();
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 600);
    let access = tokens["access_token"].as_str().unwrap();
    door.clock.advance(299);
    assert_eq!(answer(&userinfo(&door, access).await), "200");
    door.clock.advance(1);
    assert_eq!(answer(&userinfo(&door, access).await), "401 invalid_token");
    let refresh = [
        ("grant_type", "refresh_token"),
        ("refresh_token", tokens["refresh_token"].as_str().unwrap()),
        ("client_id", "wiki"),
        ("client_secret", NEW_SECRET),
    ];
    door.clock.advance(1500);
    assert_eq!(answer(&send(&door, TOKEN, "", &refresh).await), "400 invalid_grant");
}

fn decoded(text: &str) -> Vec<u8> {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

#[tokio::test]
async fn r_1_p_11_a_code_goes_where_a_pattern_says_and_is_bound_to_that_place() {
    let door = door("redirect_uri_patterns = [\"http://wiki.localhost:*/previews/*\"]\n").await;
    let mut ada = door.administrator().await;
    let given = code(&door, &mut ada, &wiki(&door, &[("redirect_uri", PREVIEW)])).await;
    let other = "http://wiki.localhost:9003/previews/8";
    assert_eq!(redeem(&door, &given, other, NEW_SECRET).await.0, "400 invalid_grant");
    let given = code(&door, &mut ada, &wiki(&door, &[("redirect_uri", PREVIEW)])).await;
    assert_eq!(redeem(&door, &given, PREVIEW, NEW_SECRET).await.0, "200");
    for uri in [
        "http://wiki.localhost:9003/previews/../7",
        "http://wiki.localhost:9003/previews/..;",
        "http://wiki.localhost:9003/previews/..%3b",
        "http://wiki.localhost:9003/previews/7;/",
        "http://wiki.localhost:9003/previews/7/..;/..;/admin",
        "http://wiki.localhost:9003/previews/7/8",
        "http://wiki.localhost.evil.test:9003/previews/7",
        "http://wiki.localhost@evil.test:9003/previews/7",
        "http://wiki.localhost/previews/7",
    ] {
        let page = open(&mut ada, &wiki(&door, &[("redirect_uri", uri)])).await;
        assert_eq!(outcome(&page), "400 /authorize", "{uri}");
    }
}

#[tokio::test]
async fn claims_come_in_words_of_the_client_and_only_as_granted() {
    let door = door(
        "claims = [\n    { name = \"roles\", from = \"groups\", groups = [\"admins\"], prefix = \"wiki-\" },\n    \
         { name = \"tenant\", within = \"org\", value = \"home\" },\n]\n",
    )
    .await;
    let mut ada = door.administrator().await;
    for (scope, roles) in [("openid groups", json!(["wiki-admins"])), ("openid", Value::Null)] {
        let given = code(&door, &mut ada, &wiki(&door, &[("scope", scope)])).await;
        let (_, tokens) = redeem(&door, &given, WIKI, NEW_SECRET).await;
        let payload = tokens["id_token"].as_str().unwrap().split('.').nth(1).unwrap();
        let told: Value = serde_json::from_slice(&decoded(payload)).unwrap();
        let info = userinfo(&door, tokens["access_token"].as_str().unwrap()).await.json().unwrap();
        for claims in [&told, &info] {
            assert_eq!(claims.get("roles").unwrap_or(&Value::Null), &roles, "{scope}");
            assert_eq!(claims["org"], json!({ "tenant": "home" }));
            assert!(claims["sub"].is_string());
        }
        assert_eq!(told["aud"], "wiki");
    }
}

#[tokio::test]
async fn a_client_that_demands_a_passkey_gets_one_each_time() {
    let text = STANDARD.replace("consent = false\n", "consent = false\nreauthenticate = true\n");
    let door = Door::with(&text).await;
    let mut ada = door.administrator().await;
    assert_eq!(outcome(&open(&mut ada, &tool(&door, &[("prompt", "none")])).await), "login_required");
    for _ in 0..2 {
        door.clock.advance(5);
        let page = open(&mut ada, &tool(&door, &[])).await;
        assert_eq!(outcome(&page), "200 /login");
        let again = page.query("return_to").unwrap();
        door.clock.advance(5);
        let next = ada.sign_in(Some(&again)).await.unwrap();
        assert_eq!(outcome(&open(&mut ada, next.as_str()).await), "code");
    }
}

#[tokio::test]
async fn e_12_the_launcher_leads_to_applications_of_those_who_may_use_them() {
    let door = door("launch_url = \"https://wiki.example.org/start\"\n").await;
    let mut ada = door.administrator().await;
    let mut bob = door.member(&mut ada, "bob", "users").await;
    let mut cleo = door.member(&mut ada, "cleo", "others").await;
    let page = bob.open(&door.url("id", "/")).await.unwrap().text();
    assert!(
        page.contains("href=\"https://wiki.example.org/start\"") && page.contains(">wiki.example.org<"),
        "{page}"
    );
    let page = cleo.open(&door.url("id", "/")).await.unwrap().text();
    assert!(page.contains("<h1>Your services</h1>") && !page.contains("wiki.example.org"), "{page}");
}
