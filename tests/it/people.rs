//! What administrators write about people and groups, on their pages.

use doorward_visitor::{Page, Person};
use serde_json::json;

use crate::{
    door::Door,
    tokens::{text, tokens, userinfo},
};

/// The hidden identifier of the entry that says `name`.
pub(crate) async fn id_in(door: &Door, ada: &mut Person, path: &str, name: &str) -> String {
    let page = ada.open(&door.url("id", path)).await.unwrap();
    let text = page.text();
    let row =
        &text[text.find(&format!("class=\"quiet\">{name}</span>")).unwrap_or_else(|| panic!("{text}"))..];
    let id = row.split_once("name=\"id\" value=\"").unwrap().1;
    id.split_once('"').unwrap().0.to_owned()
}

async fn post(door: &Door, person: &mut Person, path: &str, fields: &[(&str, &str)]) -> Page {
    person.client.post_form(&door.url("id", path), fields).await.unwrap()
}

#[tokio::test]
async fn an_administrator_corrects_names_and_adds_claims() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let mut bob = door.member(&mut ada, "bob", "users").await;
    let id = id_in(&door, &mut ada, "/admin/people", "bob").await;
    let page = ada.open(&door.url("id", &format!("/admin/people/person?id={id}"))).await.unwrap();
    assert!(page.text().contains("value=\"bob@example.org\""));

    let mut fields = vec![
        ("id", id.as_str()),
        ("username", "Bobby"),
        ("display_name", "Bob B."),
        ("first_name", "Robert"),
        ("last_name", "Tables"),
        ("email", "robert@example.org"),
        ("locale", "en-GB"),
    ];
    let page = post(&door, &mut ada, "/admin/people/profile", &fields).await;
    assert_eq!(page.status, 303);
    for (key, wrong) in [("username", "ada"), ("first_name", "a\u{7}b"), ("locale", "e n"), ("email", "x")] {
        let tried: Vec<_> =
            fields.iter().map(|(name, value)| (*name, if *name == key { wrong } else { *value })).collect();
        let page = post(&door, &mut ada, "/admin/people/profile", &tried).await;
        assert!(matches!(page.status.as_u16(), 409 | 422), "{key}: {}", page.status);
    }
    let claims = "team = red\nquota = 5\n\nroles = [\"a\", \"b\"]";
    let page = post(&door, &mut ada, "/admin/people/claims", &[("id", &id), ("claims", claims)]).await;
    assert_eq!(page.status, 303);

    let held = tokens(&door, &mut bob, &[("scope", "openid profile email")]).await;
    let info = userinfo(&door, text(&held, "access_token")).await.json().unwrap();
    for (name, expected) in [
        ("preferred_username", json!("Bobby")),
        ("name", json!("Robert Tables")),
        ("given_name", json!("Robert")),
        ("family_name", json!("Tables")),
        ("display_name", json!("Bob B.")),
        ("email", json!("robert@example.org")),
        ("email_verified", json!(false)),
        ("team", json!("red")),
        ("quota", json!(5)),
        ("roles", json!(["a", "b"])),
    ] {
        assert_eq!(info[name], expected, "{name}");
    }
    fields.push(("email_verified", "yes"));
    assert_eq!(post(&door, &mut ada, "/admin/people/profile", &fields).await.status, 303);
    let info = userinfo(&door, text(&held, "access_token")).await.json().unwrap();
    assert_eq!(info["email_verified"], true);

    assert_eq!(post(&door, &mut ada, "/admin/people/delete", &[("id", &id)]).await.status, 303);
    assert_eq!(userinfo(&door, text(&held, "access_token")).await.status, 401);
    let page = bob.open(&door.url("id", "/account/passkeys")).await.unwrap();
    assert!(!page.text().contains("Signed in as"), "the session went with the person");
}

/// `email_verified` and `sub` are not for anybody to write, by whatever way.
#[tokio::test]
async fn a_24_reserved_claims_are_refused() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let id = id_in(&door, &mut ada, "/admin/people", "ada").await;
    for claims in ["email_verified = true", "sub = someone", "groups = [\"admins\"]", "no sign"] {
        let page = post(&door, &mut ada, "/admin/people/claims", &[("id", &id), ("claims", claims)]).await;
        assert_eq!(page.status, 400, "{claims}");
    }
    let held = tokens(&door, &mut ada, &[("scope", "openid profile email groups")]).await;
    let info = userinfo(&door, text(&held, "access_token")).await.json().unwrap();
    assert_eq!((&info["sub"], &info["groups"]), (&json!(id), &json!(["admins", "users"])));
}

#[tokio::test]
async fn a_group_is_added_renamed_and_removed() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let mut bob = door.member(&mut ada, "bob", "users, Große Familie").await;
    let page = post(&door, &mut ada, "/admin/groups", &[("name", "cooks"), ("friendly_name", "Cooks")]).await;
    assert_eq!(page.status, 303);
    assert_eq!(post(&door, &mut ada, "/admin/groups", &[("name", "cooks")]).await.status, 409);
    assert_eq!(post(&door, &mut ada, "/admin/groups", &[("name", "a,b")]).await.status, 400);

    let id = id_in(&door, &mut ada, "/admin/groups", "Große Familie").await;
    let fields = [("id", id.as_str()), ("name", "kin"), ("friendly_name", "Kin"), ("claims", "house = blue")];
    assert_eq!(post(&door, &mut ada, "/admin/groups/save", &fields).await.status, 303);
    let held = tokens(&door, &mut bob, &[("scope", "openid profile groups")]).await;
    let info = userinfo(&door, text(&held, "access_token")).await.json().unwrap();
    assert_eq!((&info["groups"], &info["house"]), (&json!(["kin", "users"]), &json!("blue")));

    assert_eq!(post(&door, &mut ada, "/admin/groups/delete", &[("id", &id)]).await.status, 303);
    let info = userinfo(&door, text(&held, "access_token")).await.json().unwrap();
    assert_eq!((&info["groups"], info.get("house")), (&json!(["users"]), None));
    let admins = id_in(&door, &mut ada, "/admin/groups", "admins").await;
    assert_eq!(post(&door, &mut ada, "/admin/groups/delete", &[("id", &admins)]).await.status, 409);
}
