//! Introspection and revocation by the front door.

use doorward_visitor::Page;
use serde_json::{Value, json};

use crate::{
    door::{Door, STANDARD, WIKI_SECRET},
    provider::{code, tool},
    tokens::{as_wiki, basic, both, dead, of_tool, outcome, refresh, send, text, tokens, userinfo},
};

const INTROSPECT: &str = "/api/oidc/introspect";
const REVOKE: &str = "/api/oidc/revoke";
const OTHER_SECRET: &str = "other-secret-0123456789abcdef";

/// Another confidential client beside the standard ones.
async fn door_with_other() -> Door {
    let other = "\n[clients.other]\nclient_id = \"other\"\nclient_secret_file = \"DIR/other.secret\"\n\
                 redirect_uris = [\"https://other.example/callback\"]\nallowed_groups = [\"users\"]\n";
    Door::with_files(&format!("{STANDARD}{other}"), &[("other.secret", OTHER_SECRET)]).await
}

async fn introspect(door: &Door, authorization: &str, token: &str) -> Page {
    send(door, INTROSPECT, authorization, &[("token", token)]).await
}

async fn state(door: &Door, authorization: &str, token: &str) -> Value {
    let page = introspect(door, authorization, token).await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert_eq!(page.header("cache-control"), Some("no-store"));
    page.json().unwrap()
}

fn inactive() -> Value {
    json!({ "active": false })
}

#[tokio::test]
async fn a_client_learns_about_its_own_tokens() {
    let door = door_with_other().await;
    let mut ada = door.administrator().await;
    let held = tokens(&door, &mut ada, &[("scope", "openid profile")]).await;
    let answer = state(&door, &as_wiki(), text(&held, "access_token")).await;
    let info = userinfo(&door, text(&held, "access_token")).await.json().unwrap();
    for (name, expected) in [
        ("active", json!(true)),
        ("iss", json!(door.url("id", ""))),
        ("sub", info["sub"].clone()),
        ("username", json!("ada")),
        ("aud", json!("wiki")),
        ("client_id", json!("wiki")),
        ("scope", json!("openid profile")),
        ("token_type", json!("Bearer")),
    ] {
        assert_eq!(answer[name], expected, "{name}");
    }
    let answer = state(&door, &as_wiki(), text(&held, "refresh_token")).await;
    assert_eq!((&answer["active"], answer.get("token_type")), (&json!(true), None));
    // Asking uses nothing up.
    let next = refresh(&door, text(&held, "refresh_token")).await.json().unwrap();
    assert_eq!(state(&door, &as_wiki(), text(&held, "refresh_token")).await, inactive(), "rotated");
    door.clock.advance(3600);
    assert_eq!(state(&door, &as_wiki(), text(&next, "access_token")).await, inactive(), "E-3");
    assert_eq!(state(&door, &as_wiki(), text(&next, "refresh_token")).await["active"], true);
    ada.sign_out().await.unwrap();
    assert_eq!(state(&door, &as_wiki(), text(&next, "refresh_token")).await, inactive(), "E-1");
}

#[tokio::test]
async fn o_9_only_the_client_that_a_token_is_for_learns_about_it() {
    let door = door_with_other().await;
    let mut ada = door.administrator().await;
    let held = tokens(&door, &mut ada, &[]).await;
    let given = code(&door, &mut ada, &tool(&door, &[])).await;
    let of_public = send(&door, "/api/oidc/token", "", &of_tool(&given)).await.json().unwrap();
    for kind in ["access_token", "refresh_token"] {
        assert_eq!(state(&door, &basic("other", OTHER_SECRET), text(&held, kind)).await, inactive());
        assert_eq!(state(&door, &as_wiki(), text(&of_public, kind)).await, inactive());
    }
    for wrong in [text(&held, "id_token"), "x", "dw_a_"] {
        assert_eq!(state(&door, &as_wiki(), wrong).await, inactive(), "{wrong}");
    }
    let access = text(&held, "access_token");
    for (authorization, fields, expected) in [
        (String::new(), vec![("token", access)], "401 invalid_client"),
        (basic("wiki", "guess"), vec![("token", access)], "401 invalid_client"),
        (format!("Bearer {access}"), vec![("token", access)], "401 invalid_client"),
        (String::new(), vec![("token", access), ("client_id", "wiki")], "401 invalid_client"),
        (String::new(), vec![("token", access), ("client_id", "tool")], "401 invalid_client"),
        (as_wiki(), vec![], "400 invalid_request"),
        (
            String::new(),
            vec![("token", access), ("client_id", "wiki"), ("client_secret", WIKI_SECRET)],
            "200",
        ),
    ] {
        let page = send(&door, INTROSPECT, &authorization, &fields).await;
        assert_eq!(outcome(&page), expected, "{authorization} {fields:?}");
    }
}

#[tokio::test]
async fn o_7_a_refresh_token_is_given_back_with_all_that_descends_from_it() {
    let door = door_with_other().await;
    let mut ada = door.administrator().await;
    let held = tokens(&door, &mut ada, &[("scope", "openid offline_access")]).await;
    let revoke = async |authorization: &str, token: &str| {
        let page = send(&door, REVOKE, authorization, &[("token", token)]).await;
        assert_eq!((page.status.as_u16(), page.text().as_str()), (200, ""));
    };
    // Somebody else's token, a text that is none, one that was given back before: nothing happens, and it looks alike.
    for kind in ["access_token", "refresh_token"] {
        revoke(&basic("other", OTHER_SECRET), text(&held, kind)).await;
    }
    revoke(&as_wiki(), "nonsense").await;
    assert_eq!(outcome(&userinfo(&door, text(&held, "access_token")).await), "200");
    // An access token goes alone.
    revoke(&as_wiki(), text(&held, "access_token")).await;
    assert_eq!(outcome(&userinfo(&door, text(&held, "access_token")).await), "401 invalid_token");
    let next = refresh(&door, text(&held, "refresh_token")).await.json().unwrap();
    assert_eq!(outcome(&userinfo(&door, text(&next, "access_token")).await), "200");
    // A refresh token, even one that was replaced, takes everything along.
    revoke(&as_wiki(), text(&held, "refresh_token")).await;
    assert_eq!(both(&door, &next).await, dead());
    assert_eq!(state(&door, &as_wiki(), text(&next, "access_token")).await, inactive());
    revoke(&as_wiki(), text(&next, "refresh_token")).await;
    // A public client says who it is and gives back its own.
    let given = code(&door, &mut ada, &tool(&door, &[])).await;
    let held = send(&door, "/api/oidc/token", "", &of_tool(&given)).await.json().unwrap();
    let fields = [("token", text(&held, "refresh_token")), ("client_id", "tool")];
    assert_eq!(outcome(&send(&door, REVOKE, "", &fields).await), "200");
    assert_eq!(outcome(&userinfo(&door, text(&held, "access_token")).await), "401 invalid_token");
}

#[tokio::test]
async fn o_8_a_revocation_is_by_a_client_and_of_a_token() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let held = tokens(&door, &mut ada, &[]).await;
    let refresh_token = text(&held, "refresh_token");
    for (authorization, fields, expected) in [
        (String::new(), vec![("token", refresh_token)], "401 invalid_client"),
        (basic("wiki", "guess"), vec![("token", refresh_token)], "401 invalid_client"),
        (String::new(), vec![("token", refresh_token), ("client_id", "wiki")], "401 invalid_client"),
        (as_wiki(), vec![], "400 invalid_request"),
        (as_wiki(), vec![("token", refresh_token), ("client_secret", WIKI_SECRET)], "400 invalid_request"),
    ] {
        let page = send(&door, REVOKE, &authorization, &fields).await;
        assert_eq!(outcome(&page), expected, "{authorization} {fields:?}");
    }
    assert_eq!(outcome(&refresh(&door, refresh_token).await), "200");
}

/// A database that can't store the change: the client must not be told that its token is gone.
#[tokio::test]
async fn o_8_a_revocation_that_was_not_stored_is_not_answered_as_done() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let held = tokens(&door, &mut ada, &[]).await;
    let database = rusqlite::Connection::open(door.scratch.path().join("state/doorward.db")).unwrap();
    for (kind, table) in [("refresh_token", "token_families"), ("access_token", "access_tokens")] {
        database.execute_batch(&format!("ALTER TABLE {table} RENAME TO away")).unwrap();
        let page = send(&door, REVOKE, &as_wiki(), &[("token", text(&held, kind))]).await;
        assert_eq!(page.status, 503, "{kind}: {}", page.text());
        database.execute_batch(&format!("ALTER TABLE away RENAME TO {table}")).unwrap();
        assert_eq!(outcome(&userinfo(&door, text(&held, "access_token")).await), "200", "{kind}");
    }
}
