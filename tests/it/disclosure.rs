//! What a whole server tells and lends to applications: sets, roles, assertions, credentials.

use doorward_visitor::{Person, Request};
use http::Method;
use serde_json::Value;

use crate::door::{Door, STANDARD};

const SECRET: &str = "our-own-key-0123456789";
/// `loom-and-shuttle-7`, with bcrypt.
const METER_USERS: &str = "watch:$2b$04$abcdefghijklmnopqrstuu1N.DnMk/P/JfrrTjOhmY.aZPlRqjKOO\n";

/// The founding document's two services behind the portal, an application with a shared key, and one that verifies.
const MORE: &str = r#"
[services.grafana]
upstream = "http://UPSTREAM"
posture = "sso"
policy = "users"
identity_headers = ["remote", "webauth"]
claimRoles = { admins = "localhost#admins" }

[services.glances]
upstream = "http://UPSTREAM"
posture = "sso"
policy = "admins"
claimRoles = [{ claim = "groups", value = "admins", role = "admins" }]

[services.paper]
upstream = "http://UPSTREAM"
posture = "sso"
policy = "users"
inject = [{ header = "X-Api-Key", value_file = "DIR/key" }]

[services.ledger]
upstream = "http://UPSTREAM"
posture = "sso"
policy = "users"
assertion = true
roles = [{ role = "clerk", groups = ["users"] }]
"#;

/// The headers that the application received.
async fn seen(person: &mut Person, door: &Door, host: &str) -> Value {
    let page = person.open(&door.url(host, "/")).await.unwrap();
    assert_eq!(page.status, 200, "{host}");
    let asked =
        person.client.send(Request::fetch(Method::GET, &door.url(host, "/data")).unwrap()).await.unwrap();
    let shown: Value = serde_json::from_str(&asked.text()).unwrap_or_else(|_| panic!("{}", asked.text()));
    shown["headers"].clone()
}

fn one<'a>(headers: &'a Value, name: &str) -> Option<&'a str> {
    headers.get(name).map(|lines| {
        assert_eq!(lines.as_array().unwrap().len(), 1, "{name}");
        lines[0].as_str().unwrap()
    })
}

/// R24, R66: the roles of the founding document reach the application that declares them.
#[tokio::test]
async fn impossible_3_w_14_roles_reach_the_service_that_declares_them() {
    let door = Door::with(&format!("{STANDARD}{MORE}")).await;
    std::fs::write(door.scratch.path().join("key"), format!("{SECRET}\n")).unwrap();
    let mut ada = door.administrator().await;
    let grafana = seen(&mut ada, &door, "grafana").await;
    assert_eq!(one(&grafana, "remote-user"), Some("ada"));
    assert_eq!(one(&grafana, "remote-roles"), Some("admins"));
    assert_eq!(one(&grafana, "x-webauth-role"), Some("admins"));
    let glances = seen(&mut ada, &door, "glances").await;
    assert!(!glances.to_string().contains("ada"), "a service behind the portal learns nothing: {glances}");
    let mut bob = door.member(&mut ada, "bob", "users").await;
    let grafana = seen(&mut bob, &door, "grafana").await;
    assert_eq!((one(&grafana, "remote-user"), one(&grafana, "x-webauth-role")), (Some("bob"), None));
}

/// R91: the key is read from its file at start and on reload; without it this service is closed and no other.
#[tokio::test]
async fn r_91_impossible_5_a_missing_credential_closes_its_service_only() {
    let door = Door::with(&format!("{STANDARD}{MORE}")).await;
    let mut ada = door.administrator().await;
    let closed = ada.open(&door.url("paper", "/")).await.unwrap();
    assert_eq!(closed.status, 503);
    assert!(!closed.text().contains(SECRET));
    assert_eq!(ada.open(&door.url("notes", "/")).await.unwrap().status, 200);
    for (content, lent) in [(SECRET, SECRET), ("rotated-key-0123456789", "rotated-key-0123456789")] {
        std::fs::write(door.scratch.path().join("key"), format!("{content}\n")).unwrap();
        door.running.reload(&door.config_file).unwrap();
        assert_eq!(one(&seen(&mut ada, &door, "paper").await, "x-api-key"), Some(lent));
    }
    std::fs::write(door.scratch.path().join("key"), "CHANGEME\n").unwrap();
    door.running.reload(&door.config_file).unwrap();
    let closed = ada.open(&door.url("paper", "/")).await.unwrap();
    assert_eq!(closed.status, 503);
}

/// R91: what is lent rests on somebody, and a name with its password is somebody.
#[tokio::test]
async fn r_91_credentials_are_lent_to_whoever_gives_a_name_and_its_password() {
    let meters = "[services.meters]\nupstream = \"http://UPSTREAM\"\nposture = \"basic\"\n\
                  basic = { users_file = \"DIR/users\" }\nbypass = [{ paths = [\"/open\"], public = true }]\n\
                  inject = [{ header = \"Authorization\", prefix = \"Bearer \", value_file = \"DIR/key\" }]\n";
    let files = [("users", METER_USERS), ("key", SECRET)];
    let door = Door::with_files(&format!("{STANDARD}{meters}"), &files).await;
    let ask = async |path: &str, password: &str| {
        let request = Request::program(Method::GET, &door.url("meters", path)).unwrap();
        let request = request.header("authorization", &format!("Basic {password}")).unwrap();
        door.client().send(request).await.unwrap()
    };
    let (right, wrong) = ("d2F0Y2g6bG9vbS1hbmQtc2h1dHRsZS03", "d2F0Y2g6bG9vbS1hbmQtc2h1dHRsZS04");
    let shown: Value = serde_json::from_str(&ask("/data", right).await.text()).unwrap();
    assert_eq!(one(&shown["headers"], "authorization"), Some(&*format!("Bearer {SECRET}")));
    assert_eq!(ask("/data", wrong).await.status, 401);
    let open = ask("/open/data", "").await;
    assert_eq!(open.status, 200);
    assert!(!open.text().contains(SECRET), "what is open to everybody lends nothing: {}", open.text());
}

/// The statement is signed by the key that the key set publishes for ES256.
#[tokio::test]
async fn h_13_an_assertion_is_signed_by_a_published_key() {
    let door = Door::with(&format!("{STANDARD}{MORE}")).await;
    let mut ada = door.administrator().await;
    let ledger = seen(&mut ada, &door, "ledger").await;
    let token = one(&ledger, "x-doorward-assertion").unwrap();
    let part = |at: usize| -> Value {
        use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
        let part = token.split('.').nth(at).unwrap();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    let keys = door
        .client()
        .send(Request::program(Method::GET, &door.url("id", "/.well-known/jwks.json")).unwrap())
        .await
        .unwrap();
    let keys: Value = serde_json::from_str(&keys.text()).unwrap();
    let key = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == part(0)["kid"]).unwrap();
    assert_eq!((&key["alg"], &part(0)["alg"]), (&"ES256".into(), &"ES256".into()));
    assert_eq!(part(0)["typ"], "doorward-assertion+jwt");
    let claims = part(1);
    assert_eq!(claims["aud"], "http://ledger.localhost:8080");
    assert_eq!(claims["iss"], "http://id.localhost:8080");
    assert_eq!(claims["roles"], serde_json::json!(["clerk"]));
    assert_eq!(one(&ledger, "remote-user"), None, "an assertion alone");
}
