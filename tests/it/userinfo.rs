//! The userinfo endpoint by the front door.

use doorward_visitor::Request;
use http::Method;
use serde_json::json;

use crate::{
    door::{Door, STANDARD},
    provider::{code, open, outcome as shown, wiki},
    tokens::{USERINFO, outcome, redeem_as_wiki, send, text, tokens, userinfo},
};

#[tokio::test]
async fn userinfo_tells_what_was_granted() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let mut bob = door.member(&mut ada, "bob", "users").await;
    for (scope, names) in [
        ("openid", vec!["sub"]),
        ("openid unknown", vec!["sub"]),
        ("openid profile", vec!["display_name", "name", "preferred_username", "sub"]),
        ("openid email", vec!["email", "email_verified", "sub"]),
        ("openid groups", vec!["groups", "sub"]),
    ] {
        let tokens = tokens(&door, &mut bob, &[("scope", scope)]).await;
        let info = userinfo(&door, text(&tokens, "access_token")).await.json().unwrap();
        let mut found: Vec<_> = info.as_object().unwrap().keys().collect();
        found.sort();
        assert_eq!(found, names, "{scope}");
        let fields = [("access_token", text(&tokens, "access_token"))];
        assert_eq!(send(&door, USERINFO, "", &fields).await.json().unwrap(), info);
    }
}

#[tokio::test]
async fn o_26_only_a_whole_access_token_in_one_place_is_one() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let tokens = tokens(&door, &mut ada, &[]).await;
    let access = text(&tokens, "access_token");
    let flipped = if access.ends_with('A') { "B" } else { "A" };
    for wrong in [
        text(&tokens, "refresh_token"),
        text(&tokens, "id_token"),
        &access[..access.len() - 1],
        &format!("{access}A"),
        &format!("{}{flipped}", &access[..access.len() - 1]),
        &access.to_uppercase(),
        &text(&tokens, "refresh_token").replace("dw_r_", "dw_a_"),
        "dw_a_",
    ] {
        assert_eq!(userinfo(&door, wrong).await.status, 401, "{wrong}");
    }
    let path = format!("{USERINFO}?access_token={access}");
    let request = Request::program(Method::GET, &door.url("id", &path)).unwrap();
    assert_eq!(door.client().send(request).await.unwrap().status, 401, "never in the address");
    let fields = [("access_token", access)];
    let page = send(&door, USERINFO, &format!("Bearer {access}"), &fields).await;
    assert_eq!(outcome(&page), "400 invalid_request");
    let request = Request::fetch(Method::GET, &door.url("id", USERINFO)).unwrap();
    let page = ada.client.send(request).await.unwrap();
    assert_eq!(page.status, 401, "a cookie is no token");
    assert!(page.header("www-authenticate").unwrap().starts_with("Bearer "));
    assert_eq!(outcome(&userinfo(&door, access).await), "200");
}

#[tokio::test]
async fn o_12_userinfo_is_signed_for_whom_asked_for_it_and_is_no_id_token() {
    let signed = STANDARD.replace("[clients.wiki]\n", "[clients.wiki]\nuserinfo_alg = \"ES256\"\n");
    let door = Door::with(&signed).await;
    let mut ada = door.administrator().await;
    let given = code(&door, &mut ada, &wiki(&door, &[("scope", "openid profile")])).await;
    let tokens = redeem_as_wiki(&door, &given).await;
    let page = userinfo(&door, text(&tokens, "access_token")).await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, Some("application/jwt")));
    let token = page.text();
    let parts: Vec<serde_json::Value> = token
        .split('.')
        .take(2)
        .map(|part| {
            use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
            serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
        })
        .collect();
    assert_eq!((&parts[0]["alg"], &parts[0]["typ"]), (&json!("ES256"), &json!("userinfo+jwt")));
    assert_eq!((&parts[1]["iss"], &parts[1]["aud"]), (&json!(door.url("id", "")), &json!("wiki")));
    assert_eq!(parts[1]["preferred_username"], "ada");
    // It names somebody and is signed by us, yet it is no hint: nobody else is sent away because of it.
    let mut bob = door.member(&mut ada, "bob", "users").await;
    code(&door, &mut bob, &wiki(&door, &[])).await;
    let hinted = wiki(&door, &[("id_token_hint", &token), ("prompt", "none")]);
    assert_eq!(shown(&open(&mut bob, &hinted).await), "code");
    let refused = userinfo(&door, "dw_a_guess").await;
    assert_eq!(refused.header("content-type"), Some("application/json"));
}
