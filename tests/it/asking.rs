//! What an authorization request may say besides, by the front door: accounts, hints, claims by name.

use serde_json::{Value, json};

use crate::{
    door::Door,
    provider::{answered, code, decide, open, outcome, wiki},
    tokens::{redeem_as_wiki, text, userinfo},
};

const ACCOUNT: [(&str, &str); 1] = [("prompt", "select_account")];

fn request_of(page: &doorward_visitor::Page) -> String {
    let text = page.text();
    let request = text.split("name=\"request\" value=\"").nth(1).unwrap_or_else(|| panic!("{text}"));
    request.split('"').next().unwrap().replace("&#38;", "&")
}

#[tokio::test]
async fn o_28_a_person_says_who_goes_on() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let mut bob = door.member(&mut ada, "bob", "users").await;
    code(&door, &mut ada, &wiki(&door, &[])).await;
    door.clock.advance(60);
    let page = open(&mut ada, &wiki(&door, &ACCOUNT)).await;
    assert_eq!(outcome(&page), "200 /authorize");
    assert!(page.text().contains("Continue as ada") && page.text().contains("Use another account"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("form-action 'self' http://wiki.localhost:9000;"), "{policy}");
    let fields = [("request", request_of(&page))];
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let next = ada.client.post_form(&door.url("id", "/authorize/account"), &fields).await.unwrap();
    let next = next.location().unwrap().unwrap();
    assert_eq!(outcome(&open(&mut ada, next.as_str()).await), "code");
    // The choice is of this request and of this person.
    assert_eq!(outcome(&open(&mut ada, &wiki(&door, &ACCOUNT)).await), "200 /authorize");
    assert!(open(&mut bob, next.as_str()).await.text().contains("Continue as bob"));
    // Nobody is asked who signs in for it anyway.
    let mut nobody = door.person();
    assert_eq!(outcome(&open(&mut nobody, &wiki(&door, &ACCOUNT)).await), "200 /login");
    for more in ["none select_account", "select_account none"] {
        assert_eq!(outcome(&open(&mut ada, &wiki(&door, &[("prompt", more)])).await), "invalid_request");
    }
}

#[tokio::test]
async fn o_28_another_account_takes_the_place_of_the_first() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let bob = door.member(&mut ada, "bob", "users").await;
    let page = open(&mut ada, &wiki(&door, &ACCOUNT)).await;
    let text = page.text();
    let link = text.split("class=\"button plain\" href=\"").nth(1).unwrap().split('"').next().unwrap();
    door.clock.advance(5);
    // At the same browser, somebody else's passkey.
    let mut browser = bob;
    browser.client = ada.client;
    let page = open(&mut browser, &door.url("id", &link.replace("&#38;", "&"))).await;
    assert_eq!(outcome(&page), "200 /login");
    let next = browser.sign_in(page.query("return_to").as_deref()).await.unwrap();
    let page = open(&mut browser, next.as_str()).await;
    assert!(page.text().contains("You are signed in as <strong>bob</strong>"), "{}", page.text());
    let page = decide(&door, &mut browser, &page, "allow").await;
    let tokens = redeem_as_wiki(&door, &answered(&page, "code").unwrap()).await;
    let info = userinfo(&door, text_of(&tokens)).await.json().unwrap();
    assert!(info["sub"].is_string() && info.get("email").is_none());
}

fn text_of(tokens: &Value) -> &str {
    text(tokens, "access_token")
}

#[tokio::test]
async fn o_16_claims_by_name_are_consented_to_and_told() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let mut bob = door.member(&mut ada, "bob", "users").await;
    code(&door, &mut bob, &wiki(&door, &[])).await;
    let asked = json!({ "userinfo": { "email": { "essential": true }, "nickname": null }, "id_token": { "auth_time": { "essential": true } } });
    let more = [("claims", asked.to_string())];
    let more: Vec<_> = more.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let page = open(&mut bob, &wiki(&door, &more)).await;
    assert!(page.text().contains("your mail address"), "more than before is asked: {}", page.text());
    let page = decide(&door, &mut bob, &page, "allow").await;
    let tokens = redeem_as_wiki(&door, &answered(&page, "code").unwrap()).await;
    assert_eq!(text(&tokens, "scope"), "openid email");
    let info = userinfo(&door, text_of(&tokens)).await.json().unwrap();
    assert_eq!((info["email"].as_str(), info.get("preferred_username")), (Some("bob@example.org"), None));
    for (claims, expected) in [
        ("{}", "code"),
        ("x", "invalid_request"),
        ("[]", "invalid_request"),
        (r#"{"id_token":{"acr":{"essential":true,"values":["phr"]}}}"#, "code"),
        (r#"{"id_token":{"acr":{"values":["urn:mace:incommon:iap:silver"]}}}"#, "code"),
        (
            r#"{"id_token":{"acr":{"essential":true,"values":["urn:mace:incommon:iap:silver"]}}}"#,
            "unmet_authentication_requirements",
        ),
        (r#"{"id_token":{"sub":{"value":"nobody"}}}"#, "login_required"),
    ] {
        assert_eq!(outcome(&open(&mut bob, &wiki(&door, &[("claims", claims)])).await), expected, "{claims}");
    }
    // Who is expected must be there; the parameter signs nobody in.
    let ada_is = json!({ "id_token": { "sub": { "value": info["sub"] } } }).to_string();
    let silent = [("claims", ada_is.as_str()), ("prompt", "none")];
    assert_eq!(outcome(&open(&mut bob, &wiki(&door, &silent)).await), "code");
    assert_eq!(outcome(&open(&mut ada, &wiki(&door, &silent)).await), "login_required");
    assert_eq!(outcome(&open(&mut door.person(), &wiki(&door, &silent)).await), "login_required");
}

#[tokio::test]
async fn o_28_hints_are_shown_and_decide_nothing() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    code(&door, &mut ada, &wiki(&door, &[])).await;
    let said = [
        ("login_hint", "bob@example.org"),
        ("acr_values", "mfa"),
        ("display", "popup"),
        ("ui_locales", "fr"),
    ];
    assert_eq!(outcome(&open(&mut ada, &wiki(&door, &said)).await), "code", "nobody is kept out");
    let mut nobody = door.person();
    let page = open(&mut nobody, &wiki(&door, &said)).await;
    assert!(page.text().contains("value=\"bob@example.org\""), "{}", page.text());
    let long = "x".repeat(101);
    for (hint, shown) in [("\"><script>alert(1)</script>", false), (long.as_str(), false), ("a\nb", false)] {
        let page = open(&mut nobody, &wiki(&door, &[("login_hint", hint)])).await;
        assert_eq!(page.status, 200);
        assert_eq!(page.text().contains(&format!("value=\"{hint}\"")), shown, "{hint}");
        assert!(!page.text().contains("<script>alert"), "{hint}");
    }
}
