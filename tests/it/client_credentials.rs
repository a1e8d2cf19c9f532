//! Tokens of clients for themselves, by the front door.

use serde_json::json;

use crate::{
    ceremonies::count,
    door::{Door, STANDARD},
    provider::{open, outcome as shown, wiki},
    tokens::{as_wiki, basic, outcome, send, text, userinfo},
};

const TOKEN: &str = "/api/oidc/token";
const INTROSPECT: &str = "/api/oidc/introspect";
const REVOKE: &str = "/api/oidc/revoke";
const SECRET: &str = "job-secret-0123456789abcdef";
const GRANT: (&str, &str) = ("grant_type", "client_credentials");

/// Two clients that are for themselves only: `job` and `other`.
async fn door() -> Door {
    let client = |name: &str| {
        format!(
            "\n[clients.{name}]\nclient_id = \"{name}\"\nclient_secret_file = \"DIR/job.secret\"\n\
             grants = [\"client_credentials\"]\naccess_token_lifetime = \"10m\"\n"
        )
    };
    let text = format!("{STANDARD}{}{}", client("job"), client("other"));
    Door::with_files(&text, &[("job.secret", SECRET)]).await
}

#[tokio::test]
async fn o_9_a_client_has_a_token_for_itself_and_learns_about_it() {
    let door = door().await;
    let page = send(&door, TOKEN, &basic("job", SECRET), &[GRANT]).await;
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let answer = page.json().unwrap();
    assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("Bearer"), &json!(600)));
    for name in ["refresh_token", "id_token", "scope"] {
        assert_eq!(answer.get(name), None, "{name}");
    }
    let token = text(&answer, "access_token");
    let asked = async |client: &str, secret: &str| {
        send(&door, INTROSPECT, &basic(client, secret), &[("token", token)]).await.json().unwrap()
    };
    let about = asked("job", SECRET).await;
    for (name, expected) in [
        ("active", json!(true)),
        ("sub", json!("client-job")),
        ("client_id", json!("job")),
        ("iss", json!(door.url("id", ""))),
        ("token_type", json!("Bearer")),
    ] {
        assert_eq!(about[name], expected, "{name}");
    }
    assert_eq!(asked("other", SECRET).await, json!({ "active": false }));
    assert_eq!(outcome(&userinfo(&door, token).await), "401 invalid_token", "it is about nobody");
    door.clock.advance(599);
    assert_eq!(asked("job", SECRET).await["active"], true);
    door.clock.advance(1);
    assert_eq!(asked("job", SECRET).await, json!({ "active": false }), "E-3");
}

#[tokio::test]
async fn o_8_a_client_gives_its_own_token_back() {
    let door = door().await;
    let answer = send(&door, TOKEN, &basic("job", SECRET), &[GRANT]).await.json().unwrap();
    let fields = [("token", text(&answer, "access_token"))];
    for (client, live) in [("other", true), ("job", false), ("job", false)] {
        assert_eq!(send(&door, REVOKE, &basic(client, SECRET), &fields).await.status, 200);
        let about = send(&door, INTROSPECT, &basic("job", SECRET), &fields).await.json().unwrap();
        assert_eq!(about["active"], live, "{client}");
    }
}

#[tokio::test]
async fn o_16_nobody_else_has_such_a_token_and_it_is_about_nobody() {
    let door = door().await;
    let mut ada = door.administrator().await;
    for (authorization, more, expected) in [
        (as_wiki(), &[][..], "400 unauthorized_client"),
        (String::new(), &[("client_id", "tool")], "400 unauthorized_client"),
        (String::new(), &[("client_id", "job")], "401 invalid_client"),
        (basic("job", "guess"), &[], "401 invalid_client"),
        (basic("job", SECRET), &[("scope", "openid")], "400 invalid_scope"),
        (basic("job", SECRET), &[("scope", "things groups")], "400 invalid_scope"),
        (basic("job", SECRET), &[("scope", "things")], "200"),
    ] {
        let page = send(&door, TOKEN, &authorization, &[&[GRANT], more].concat()).await;
        assert_eq!(outcome(&page), expected, "{authorization} {more:?}");
    }
    assert_eq!(count(&door, "SELECT count(*) FROM client_tokens"), 1);
    // It signs nobody in, in no way.
    let code = [("grant_type", "authorization_code"), ("code", "x"), ("redirect_uri", "x")];
    for fields in [&code[..], &[("grant_type", "refresh_token"), ("refresh_token", "x")]] {
        assert_eq!(
            outcome(&send(&door, TOKEN, &basic("job", SECRET), fields).await),
            "400 unauthorized_client"
        );
    }
    assert_eq!(shown(&open(&mut ada, &wiki(&door, &[("client_id", "job")])).await), "400 /authorize");
}
