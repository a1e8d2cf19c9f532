//! Clients that administrators register, by the front door.

use doorward_visitor::{Page, Person};
use serde_json::Value;

use crate::{
    door::Door,
    people::id_in,
    provider::{at, code, open},
    tokens::{TOKEN, basic, outcome, send, text, userinfo},
};

const SHOP: &str = "http://shop.localhost:9000/cb";

async fn post(door: &Door, person: &mut Person, path: &str, fields: &[(&str, &str)]) -> Page {
    person.client.post_form(&door.url("id", path), fields).await.unwrap()
}

/// Registers `shop`; its secret.
async fn register(door: &Door, ada: &mut Person, groups: &str) -> String {
    let fields = [("id", "shop"), ("name", "The Shop"), ("callback_urls", SHOP), ("groups", groups)];
    let page = post(door, ada, "/admin/clients", &fields).await;
    secret_on(&page)
}

fn secret_on(page: &Page) -> String {
    let text = page.text();
    let rest = text.split_once("<p><code>").unwrap_or_else(|| panic!("{} {text}", page.status)).1;
    rest.split_once('<').unwrap().0.to_owned()
}

fn authorize(door: &Door) -> String {
    at(
        door,
        "/authorize",
        &[
            ("client_id", "shop"),
            ("redirect_uri", SHOP),
            ("response_type", "code"),
            ("scope", "openid profile offline_access"),
            ("state", "s"),
        ],
    )
}

async fn redeem(door: &Door, secret: &str, code: &str) -> Page {
    send(
        door,
        TOKEN,
        &basic("shop", secret),
        &[("grant_type", "authorization_code"), ("code", code), ("redirect_uri", SHOP)],
    )
    .await
}

async fn tokens(door: &Door, person: &mut Person, secret: &str) -> Value {
    let given = code(door, person, &authorize(door)).await;
    let page = redeem(door, secret, &given).await;
    assert_eq!(outcome(&page), "200");
    page.json().unwrap()
}

/// O-27: an application that was disabled or removed is answered nowhere, and neither is what it held.
#[tokio::test]
async fn o_27_a_registered_client_works_until_it_is_disabled_or_removed() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    for end in ["disable", "delete"] {
        let secret = register(&door, &mut ada, "users").await;
        let held = tokens(&door, &mut ada, &secret).await;
        let info = userinfo(&door, text(&held, "access_token")).await;
        assert_eq!(info.json().unwrap()["preferred_username"], "ada");
        let given = code(&door, &mut ada, &authorize(&door)).await;

        let page = post(&door, &mut ada, &format!("/admin/clients/{end}"), &[("id", "shop")]).await;
        assert_eq!(page.status, 303);
        assert_eq!(
            outcome(&userinfo(&door, text(&held, "access_token")).await),
            "401 invalid_token",
            "{end}"
        );
        assert_eq!(outcome(&redeem(&door, &secret, &given).await), "401 invalid_client", "{end}");
        let page = open(&mut ada, &authorize(&door)).await;
        assert_eq!(page.status, 400, "{end}: shown, and not sent on");
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", text(&held, "refresh_token")),
            ("client_id", "shop"),
            ("client_secret", secret.as_str()),
        ];
        assert_eq!(outcome(&send(&door, TOKEN, "", &fields).await), "401 invalid_client", "{end}");
        for path in ["/api/oidc/introspect", "/api/oidc/revoke"] {
            let fields = [
                ("token", text(&held, "access_token")),
                ("client_id", "shop"),
                ("client_secret", secret.as_str()),
            ];
            assert_eq!(outcome(&send(&door, path, "", &fields).await), "401 invalid_client", "{end} {path}");
        }
        if end == "disable" {
            assert_eq!(post(&door, &mut ada, "/admin/clients/enable", &[("id", "shop")]).await.status, 303);
            let info = userinfo(&door, text(&held, "access_token")).await;
            assert_eq!(outcome(&info), "401 invalid_token", "what was revoked stays so");
            let _ = tokens(&door, &mut ada, &secret).await;
            assert_eq!(post(&door, &mut ada, "/admin/clients/delete", &[("id", "shop")]).await.status, 303);
        }
    }
}

/// The groups of a registered client are asked like a policy of the configuration, at each use.
#[tokio::test]
async fn o_17_only_members_of_its_groups_use_a_registered_client() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let mut bob = door.member(&mut ada, "bob", "users, cooks").await;
    let secret = register(&door, &mut ada, "").await;
    let page = open(&mut bob, &authorize(&door)).await;
    assert_eq!(page.status, 403, "without a group it is for nobody");

    let save = [
        ("id", "shop"),
        ("name", "The Shop"),
        ("callback_urls", SHOP),
        ("groups", "cooks"),
        ("launch_url", "https://shop.test/"),
    ];
    assert_eq!(post(&door, &mut ada, "/admin/clients/save", &save).await.status, 303);
    let held = tokens(&door, &mut bob, &secret).await;
    assert!(bob.open(&door.url("id", "/")).await.unwrap().text().contains("https://shop.test/"), "a tile");
    assert!(!ada.open(&door.url("id", "/")).await.unwrap().text().contains("https://shop.test/"));
    assert_eq!(open(&mut ada, &authorize(&door)).await.status, 403);

    let id = id_in(&door, &mut ada, "/admin/people", "bob").await;
    let fields = [("id", id.as_str()), ("groups", "users")];
    assert_eq!(post(&door, &mut ada, "/admin/people/groups", &fields).await.status, 303);
    assert_eq!(outcome(&userinfo(&door, text(&held, "access_token")).await), "401 invalid_token");
}

#[tokio::test]
async fn o_27_secrets_are_added_and_removed_one_by_one() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let first = register(&door, &mut ada, "users").await;
    let page = post(&door, &mut ada, "/admin/clients/secrets", &[("id", "shop"), ("days", "1")]).await;
    let second = secret_on(&page);
    for secret in [&first, &second] {
        let _ = tokens(&door, &mut ada, secret).await;
    }
    let page = ada.open(&door.url("id", "/admin/clients/client?id=shop")).await.unwrap();
    let text = page.text();
    assert!(!text.contains(&first) && text.contains(&first[..4]), "the beginning alone is shown again");
    let row = &text[text.find(&first[..4]).unwrap()..];
    let id = row.split_once("name=\"secret\" value=\"").unwrap().1.split_once('"').unwrap().0.to_owned();
    let fields = [("id", "shop"), ("secret", id.as_str())];
    assert_eq!(post(&door, &mut ada, "/admin/clients/secrets/remove", &fields).await.status, 303);
    let given = code(&door, &mut ada, &authorize(&door)).await;
    assert_eq!(outcome(&redeem(&door, &first, &given).await), "401 invalid_client");
    assert_eq!(outcome(&redeem(&door, &second, &given).await), "200");
    door.clock.advance(86_401);
    let given = code(&door, &mut ada, &authorize(&door)).await;
    assert_eq!(outcome(&redeem(&door, &second, &given).await), "401 invalid_client", "its day is over");
}

#[tokio::test]
async fn what_can_t_be_registered_is_said() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    for (id, uri, groups, status) in [
        ("wiki", SHOP, "", 409),
        ("a b", SHOP, "", 400),
        ("shop", "javascript:alert(1)", "", 400),
        ("shop", "https://*.com/cb", "", 400),
        ("shop", SHOP, "nobody-has-this", 400),
    ] {
        let fields = [("id", id), ("name", "Shop"), ("callback_urls", uri), ("groups", groups)];
        let page = post(&door, &mut ada, "/admin/clients", &fields).await;
        assert_eq!(page.status, status, "{id} {uri} {groups}");
    }
}
