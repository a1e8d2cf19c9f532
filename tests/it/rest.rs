//! The administration by REST, with the shapes of Pocket ID, by the front door.

use doorward_visitor::{Page, Person, Request};
use http::Method;
use serde_json::{Value, json};

use crate::{door::Door, people::id_in, tokens};

const ROUTES: &str = include_str!("../../crates/web/src/rest/routes.rs");

/// A key of this administrator, made on the page.
async fn key(door: &Door, administrator: &mut Person) -> String {
    let url = door.url("id", "/admin/api-keys");
    let page = administrator.client.post_form(&url, &[("name", "terraform"), ("days", "1")]).await.unwrap();
    let text = page.text();
    let rest = text.split_once("class=\"link\">").unwrap_or_else(|| panic!("{} {text}", page.status)).1;
    rest.split_once('<').unwrap().0.to_owned()
}

async fn ask(door: &Door, key: &str, method: &str, path: &str, body: &Value) -> Page {
    let mut request = Request::program(method.parse::<Method>().unwrap(), &door.url("id", path)).unwrap();
    if !key.is_empty() {
        request = request.header("x-api-key", key).unwrap();
    }
    if !body.is_null() {
        request = request.header("content-type", "application/json").unwrap().body(body.to_string());
    }
    door.client().send(request).await.unwrap()
}

/// The answer of a request that succeeds with this status.
async fn done(door: &Door, key: &str, request: (&str, &str, Value), status: u16) -> Value {
    let (method, path, body) = request;
    let page = ask(door, key, method, path, &body).await;
    assert_eq!(page.status, status, "{method} {path}: {}", page.text());
    page.json().unwrap_or(Value::Null)
}

/// Method and path of every route.
fn routes() -> Vec<(&'static str, String)> {
    let mut found = Vec::new();
    for call in ROUTES.split(".route(\"").skip(1) {
        let (path, handlers) = call.split_once('"').unwrap();
        let path = path.replace("{id}", "00000000-0000-4000-8000-000000000000").replace("{secret}", "x");
        for (method, call) in [("GET", "get("), ("POST", "post("), ("PUT", "put("), ("DELETE", "delete(")] {
            if handlers.contains(call) {
                found.push((method, path.clone()));
            }
        }
    }
    found
}

/// Every endpoint in every state: nobody but an administrator, by a live key or a session, learns or changes anything.
#[tokio::test]
async fn a_1_every_rest_endpoint_is_for_administrators() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let mut bob = door.member(&mut ada, "bob", "users, admins").await;
    let (good, of_bob) = (key(&door, &mut ada).await, key(&door, &mut bob).await);
    let id = id_in(&door, &mut ada, "/admin/people", "bob").await;
    let fields = [("id", id.as_str()), ("groups", "users")];
    ada.client.post_form(&door.url("id", "/admin/people/groups"), &fields).await.unwrap();
    let routes = routes();
    assert!(routes.len() > 25, "{routes:?}");
    for (method, path) in routes.iter().filter(|(_, path)| !path.ends_with("/meta")) {
        for (what, key) in
            [("no key", ""), ("a guess", "dw_y_guess"), ("one who is no administrator", &of_bob)]
        {
            let page = ask(&door, key, method, path, &json!({})).await;
            assert_eq!(page.status, 401, "{what}: {method} {path}");
        }
        let page = ask(&door, &good, method, path, &json!({})).await;
        assert_ne!(page.status, 401, "{method} {path}");
        let foreign = Request::fetch(method.parse().unwrap(), &door.url("id", path)).unwrap();
        let page = bob.client.send(foreign).await.unwrap();
        assert_eq!(page.status, 403, "a member: {method} {path}");
        if *method != "GET" {
            let foreign = Request::fetch(method.parse().unwrap(), &door.url("id", path)).unwrap();
            let page = ada.client.send(foreign.from_page("https://evil.example")).await.unwrap();
            assert_eq!(page.status, 403, "another site: {method} {path}");
        }
    }
    door.clock.advance(86_401);
    assert_eq!(ask(&door, &good, "GET", "/api/users", &Value::Null).await.status, 401, "its time is over");
}

#[tokio::test]
async fn a_key_makes_no_key_and_ends_when_it_is_revoked() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let good = key(&door, &mut ada).await;
    let new = json!({ "name": "another", "expiresAt": "2100-01-01T00:00:00Z" });
    assert_eq!(ask(&door, &good, "POST", "/api/api-keys", &new).await.status, 403);
    let keys = done(&door, &good, ("GET", "/api/api-keys", Value::Null), 200).await;
    assert_eq!((&keys["data"][0]["name"], keys["data"][0].get("token")), (&json!("terraform"), None));
    let path = format!("/api/api-keys/{}", keys["data"][0]["id"].as_str().unwrap());
    done(&door, &good, ("DELETE", &path, Value::Null), 204).await;
    assert_eq!(ask(&door, &good, "GET", "/api/users", &Value::Null).await.status, 401);
}

#[tokio::test]
async fn a_11_people_and_groups_are_managed_and_nothing_else_is_written() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let key = key(&door, &mut ada).await;
    let new = json!({
        "username": "Grace", "email": "grace@example.org", "firstName": "Grace", "lastName": "Hopper",
        "displayName": "Grace Hopper", "isAdmin": false, "createdAt": "1970-01-01T00:00:00Z", "userGroups": ["admins"],
    });
    let grace = done(&door, &key, ("POST", "/api/users", new.clone()), 201).await;
    let path = format!("/api/users/{}", grace["id"].as_str().unwrap());
    assert_eq!(
        (&grace["username"], &grace["isAdmin"], &grace["userGroups"]),
        (&json!("Grace"), &json!(false), &json!([]))
    );
    assert_ne!(grace["createdAt"], "1970-01-01T00:00:00Z");
    assert_eq!(ask(&door, &key, "POST", "/api/users", &new).await.status, 409, "the name is taken");

    let cooks = json!({ "name": "cooks", "friendlyName": "The cooks" });
    let cooks = done(&door, &key, ("POST", "/api/user-groups", cooks), 201).await;
    let group = format!("/api/user-groups/{}", cooks["id"].as_str().unwrap());
    let groups = json!({ "userGroupIds": [cooks["id"]] });
    let changed = done(&door, &key, ("PUT", &format!("{path}/user-groups"), groups), 200).await;
    assert_eq!(changed["userGroups"][0]["name"], "cooks");
    assert_eq!(done(&door, &key, ("GET", &group, Value::Null), 200).await["users"][0]["id"], grace["id"]);

    let claims = json!([{ "key": "team", "value": "red" }]);
    let of_user = format!("/api/custom-claims/user/{}", grace["id"].as_str().unwrap());
    done(&door, &key, ("PUT", &of_user, claims.clone()), 200).await;
    let reserved = json!([{ "key": "sub", "value": "x" }]);
    assert_eq!(ask(&door, &key, "PUT", &of_user, &reserved).await.status, 400);
    let of_group = format!("/api/custom-claims/user-group/{}", cooks["id"].as_str().unwrap());
    done(&door, &key, ("PUT", &of_group, claims.clone()), 200).await;

    let mut update = new.clone();
    update["isAdmin"] = json!(true);
    update["disabled"] = json!(true);
    let changed = done(&door, &key, ("PUT", &path, update), 200).await;
    assert_eq!((&changed["isAdmin"], &changed["disabled"]), (&json!(true), &json!(true)));
    assert_eq!((&changed["customClaims"], &changed["userGroups"][0]["name"]), (&claims, &json!("cooks")));

    people_are_found(&door, &key, &grace["id"]).await;

    done(&door, &key, ("PUT", &format!("{group}/users"), json!({ "userIds": [] })), 200).await;
    done(&door, &key, ("DELETE", &group, Value::Null), 204).await;
    done(&door, &key, ("DELETE", &path, Value::Null), 204).await;
    assert_eq!(ask(&door, &key, "GET", &path, &Value::Null).await.status, 404);
    let me = done(&door, &key, ("GET", "/api/users", Value::Null), 200).await["data"][0]["id"].clone();
    let me = format!("/api/users/{}", me.as_str().unwrap());
    assert_eq!(
        ask(&door, &key, "DELETE", &me, &Value::Null).await.status,
        409,
        "the last administrator stays"
    );
}

#[tokio::test]
async fn d_1_o_18_clients_are_managed_and_tell_no_secret_twice() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let key = key(&door, &mut ada).await;
    let new = json!({
        "id": "shop", "name": "Shop", "callbackURLs": ["https://shop.test/cb"], "pkceEnabled": true,
        "requiresPushedAuthorizationRequests": true,
        "credentials": { "federatedIdentities": [{ "issuer": "https://k8s.test", "replayProtection": true }] },
    });
    let shop = done(&door, &key, ("POST", "/api/oidc/clients", new.clone()), 201).await;
    assert_eq!(
        (&shop["isGroupRestricted"], &shop["allowedUserGroups"]),
        (&json!(true), &json!([])),
        "nobody yet"
    );
    for (field, wrong) in
        [("callbackURLs", json!(["javascript:x"])), ("id", json!("wiki")), ("name", json!(""))]
    {
        let mut unfit = new.clone();
        unfit["id"] = json!("other");
        unfit[field] = wrong;
        assert!(
            ask(&door, &key, "POST", "/api/oidc/clients", &unfit).await.status.is_client_error(),
            "{field}"
        );
    }
    // What was read is written again, and nothing has changed.
    let again = done(&door, &key, ("PUT", "/api/oidc/clients/shop", shop.clone()), 200).await;
    assert_eq!(again, shop);
    let least = done(&door, &key, ("PUT", "/api/oidc/clients/shop", json!({ "name": "Shop" })), 200).await;
    assert_eq!(least, shop, "what is not written stays");

    let secret = done(&door, &key, ("POST", "/api/oidc/clients/shop/secret", Value::Null), 200).await;
    let added = json!({ "secret": "0123456789abcdef" });
    let added = done(&door, &key, ("POST", "/api/oidc/clients/shop/secrets", added), 201).await;
    assert_eq!((&added["secret"], &added["prefix"]), (&json!("0123456789abcdef"), &json!("0123")));
    assert_eq!(
        ask(&door, &key, "POST", "/api/oidc/clients/shop/secrets", &json!({ "secret": "short" }))
            .await
            .status,
        400
    );
    for path in [
        "/api/oidc/clients",
        "/api/oidc/clients/shop",
        "/api/oidc/clients/shop/secrets",
        "/api/oidc/clients/shop/meta",
    ] {
        let text = ask(&door, &key, "GET", path, &Value::Null).await.text();
        for secret in [secret["secret"].as_str().unwrap(), "0123456789abcdef"] {
            assert!(!text.contains(secret), "{path}");
        }
    }
    // The secrets are the client's.
    for secret in [secret["secret"].as_str().unwrap(), "0123456789abcdef"] {
        let fields = [("grant_type", "client_credentials")];
        let page = tokens::send(&door, tokens::TOKEN, &tokens::basic("shop", secret), &fields).await;
        assert_eq!(tokens::outcome(&page), "200");
    }
    let path = format!("/api/oidc/clients/shop/secrets/{}", added["id"].as_str().unwrap());
    done(&door, &key, ("DELETE", &path, Value::Null), 204).await;

    done(&door, &key, ("DELETE", "/api/oidc/clients/shop", Value::Null), 204).await;
}

#[tokio::test]
async fn groups_are_let_into_clients_from_either_side() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let key = key(&door, &mut ada).await;
    let new = json!({ "id": "shop", "name": "Shop", "callbackURLs": ["https://shop.test/cb"] });
    done(&door, &key, ("POST", "/api/oidc/clients", new), 201).await;
    let groups = done(&door, &key, ("GET", "/api/user-groups?search=users", Value::Null), 200).await;
    let users = &groups["data"][0];
    let allowed = json!({ "userGroupIds": [users["id"]] });
    let shop = done(&door, &key, ("PUT", "/api/oidc/clients/shop/allowed-user-groups", allowed), 200).await;
    assert_eq!(shop["allowedUserGroups"], json!([{ "id": users["id"], "name": "users" }]));
    let path = format!("/api/user-groups/{}/allowed-oidc-clients", users["id"].as_str().unwrap());
    let group = done(&door, &key, ("PUT", &path, json!({ "oidcClientIds": [] })), 200).await;
    assert_eq!(group["allowedOidcClients"], json!([]));

    let meta = ask(&door, "", "GET", "/api/oidc/clients/shop/meta", &Value::Null).await.json().unwrap();
    assert_eq!((&meta["name"], meta.get("callbackURLs")), (&json!("Shop"), None));
    done(&door, &key, ("DELETE", "/api/oidc/clients/shop", Value::Null), 204).await;
    assert_eq!(ask(&door, "", "GET", "/api/oidc/clients/shop/meta", &Value::Null).await.status, 404);
}

async fn people_are_found(door: &Door, key: &str, grace: &Value) {
    let listed = "/api/users?search=hopper&pagination[limit]=1";
    let listed = done(door, key, ("GET", listed, Value::Null), 200).await;
    assert_eq!(listed["data"][0]["id"], *grace);
    let pages = json!({ "totalPages": 1, "totalItems": 1, "currentPage": 1, "itemsPerPage": 1 });
    assert_eq!(listed["pagination"], pages);
    let sorted = "/api/users?sort[column]=username&sort[direction]=desc";
    let sorted = done(door, key, ("GET", sorted, Value::Null), 200).await;
    assert_eq!(sorted["data"][0]["username"], "Grace");
}
