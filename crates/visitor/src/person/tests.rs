use serde_json::{Value, json};

use super::{Person, Refused};
use crate::{
    client::Client,
    passkey::Authenticator,
    test_server::{Seen, Server, answer, redirect},
};

const PORTAL: &str = "http://id.localhost:8080";
const SESSION: &str = "Set-Cookie: __Host-doorward=s1; Secure; HttpOnly; SameSite=Lax; Path=/\r\n";

fn creation() -> String {
    let options = json!({
        "challenge": "AAAA",
        "rp": { "id": "id.localhost", "name": "Doorward" },
        "user": { "id": "dXNlcg", "name": "ada", "displayName": "Ada" },
        "pubKeyCredParams": [{ "type": "public-key", "alg": -7 }],
    });
    answer(200, "", &json!({ "publicKey": options }).to_string())
}

fn request() -> String {
    answer(200, "", &json!({ "publicKey": { "challenge": "AAAA", "rpId": "id.localhost" } }).to_string())
}

/// Speaks the endpoints of the portal and the way to one service, without checking a signature.
fn portal(seen: &Seen) -> String {
    let signed_in = seen.header("cookie").concat().contains("__Host-doorward=s1");
    let path = seen.line().split(' ').nth(1).unwrap();
    match (seen.header("host")[0], path.split('?').next().unwrap()) {
        ("notes.localhost:8080", "/page") => redirect(303, "http://id.localhost:8080/handoff?tx=1"),
        (_, "/handoff") if signed_in => redirect(303, "http://notes.localhost:8080/read"),
        (_, "/handoff") => redirect(303, "/login?return_to=%2Fhandoff%3Ftx%3D1"),
        (_, "/api/setup/start" | "/api/enrol/start" | "/api/passkeys/start") => creation(),
        (_, "/api/setup/finish" | "/api/enrol/finish") => answer(200, SESSION, r#"{"next":"/"}"#),
        (_, "/api/passkeys/finish") => {
            answer(403, "", r#"{"error":"step_up_required","message":"Sign in."}"#)
        }
        (_, "/api/login/start") => request(),
        (_, "/api/login/finish") => {
            let body: Value = serde_json::from_str(&seen.body).unwrap();
            let next = body.get("return_to").and_then(Value::as_str).unwrap_or("/");
            answer(200, SESSION, &json!({ "next": next }).to_string())
        }
        (_, "/sign-out") => {
            let gone = "Location: /login\r\nSet-Cookie: __Host-doorward=; Secure; Path=/; Max-Age=0\r\n";
            answer(303, gone, "")
        }
        (_, "/enrol/gone") => answer(410, "", "This link was used."),
        _ => answer(200, "", path),
    }
}

async fn ada() -> (Server, Person) {
    let server = Server::start(portal).await;
    let person = Person::new(Client::new(server.address), PORTAL).unwrap();
    (server, person)
}

#[tokio::test]
async fn a_person_sets_up_signs_out_and_opens_a_service() {
    let (server, mut person) = ada().await;
    let next = person.set_up("http://id.localhost:8080/setup/t0k", "ada", "Ada").await.unwrap();
    assert_eq!(next.as_str(), "http://id.localhost:8080/");
    let seen = server.seen();
    let lines: Vec<_> = seen.iter().map(Seen::line).collect();
    assert_eq!(
        lines,
        ["GET /setup/t0k HTTP/1.1", "POST /api/setup/start HTTP/1.1", "POST /api/setup/finish HTTP/1.1"]
    );
    let start: Value = serde_json::from_str(&seen[1].body).unwrap();
    assert_eq!(start, json!({ "token": "t0k", "username": "ada", "display_name": "Ada" }));
    let finish: Value = serde_json::from_str(&seen[2].body).unwrap();
    assert_eq!(finish["credential"]["type"], "public-key");

    let page = person.sign_out().await.unwrap();
    assert!(person.is_sign_in_page(&page.url));
    assert_eq!(person.client.jar.cookie("id.localhost", "__Host-doorward"), None);

    let page = person.open("http://notes.localhost:8080/page").await.unwrap();
    assert_eq!(page.query("return_to").as_deref(), Some("/handoff?tx=1"), "opening does not sign in");
    let page = person.open_signed_in("http://notes.localhost:8080/page").await.unwrap();
    assert_eq!(page.url.as_str(), "http://notes.localhost:8080/read");
    let page = person.open_signed_in("http://notes.localhost:8080/page").await.unwrap();
    assert_eq!(page.chain.len(), 2, "the session is used again");
}

#[tokio::test]
async fn refusals_keep_what_the_portal_said() {
    let (_server, mut person) = ada().await;
    person.enrol("http://id.localhost:8080/enrol/t").await.unwrap();
    let mut other = Authenticator::new();
    let error = person.add_passkey_of(&mut other).await.unwrap_err();
    let refused = error.downcast_ref::<Refused>().unwrap();
    assert_eq!((refused.status.as_u16(), refused.error.as_str()), (403, "step_up_required"));
    assert_eq!(
        (person.authenticator.passkeys.len(), other.passkeys.len()),
        (1, 1),
        "each device keeps its own"
    );
    let error = person.enrol("http://id.localhost:8080/enrol/gone").await.unwrap_err();
    assert_eq!(error.downcast_ref::<Refused>().unwrap().status.as_u16(), 410);
}

#[tokio::test]
async fn links_of_another_kind_or_place_are_not_opened() {
    let (server, mut person) = ada().await;
    for link in ["http://evil.localhost:8080/enrol/t", "http://id.localhost:8080/setup/t", "enrol"] {
        person.enrol(link).await.unwrap_err();
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn without_a_passkey_nobody_signs_in() {
    let (_server, mut person) = ada().await;
    let error = person.sign_in(None).await.unwrap_err();
    assert_eq!(error.to_string(), "NotAllowedError: there is no passkey for id.localhost.");
}

#[tokio::test]
async fn a_sign_in_that_leads_back_to_the_sign_in_page_is_an_error() {
    let (_server, mut person) = ada().await;
    person.enrol("http://id.localhost:8080/enrol/t").await.unwrap();
    let error = person.open_signed_in("http://id.localhost:8080/login?return_to=/login").await.unwrap_err();
    assert!(error.to_string().starts_with("After the sign-in"), "{error}");
}
