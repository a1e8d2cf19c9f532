//! Passkey ceremonies by the front door: set-up and sign-in.

use doorward_visitor::{Authenticator, Client, Page, Person, passkey::SignCounter};
use serde_json::{Value, json};

use crate::door::Door;

pub(crate) const SESSION: &str = "__Host-doorward";
pub(crate) const CEREMONY: &str = "__Host-doorward-ceremony";
pub(crate) const ID: &str = "id.localhost";
pub(crate) const DAY: i64 = 86_400;

pub(crate) async fn post(door: &Door, client: &mut Client, path: &str, body: &Value) -> Page {
    client.post_json(&door.url("id", path), body).await.unwrap()
}

/// Begins a ceremony; what the authenticator is asked.
pub(crate) async fn start(door: &Door, client: &mut Client, path: &str, body: &Value) -> Value {
    let page = post(door, client, path, body).await;
    assert_eq!(page.status, 200, "{path}: {}", page.text());
    page.json().unwrap()["publicKey"].clone()
}

/// Status and error of an answer.
pub(crate) fn outcome(page: &Page) -> (u16, String) {
    let error = page.json().unwrap_or_default()["error"].as_str().unwrap_or_default().to_owned();
    (page.status.as_u16(), error)
}

pub(crate) fn refused(status: u16, error: &str) -> (u16, String) {
    (status, error.to_owned())
}

pub(crate) fn accepted() -> (u16, String) {
    (200, String::new())
}

/// Signs in from a browser without cookies, with lies or not.
pub(crate) async fn sign_in(door: &Door, authenticator: &mut Authenticator) -> (u16, String) {
    let mut client = door.client();
    let options = start(door, &mut client, "/api/login/start", &json!({})).await;
    let credential = authenticator.get(&door.url("id", ""), &options).unwrap();
    outcome(&post(door, &mut client, "/api/login/finish", &json!({ "credential": credential })).await)
}

/// Whether the session cookie of a browser opens the launcher.
pub(crate) async fn is_signed_in(door: &Door, person: &mut Person) -> bool {
    let page = person.open(&door.url("id", "/")).await.unwrap();
    !person.is_sign_in_page(&page.url)
}

pub(crate) fn token(link: &str) -> &str {
    link.rsplit('/').next().unwrap()
}

pub(crate) fn count(door: &Door, sql: &str) -> i64 {
    let path = door.scratch.path().join("state").join("doorward.db");
    let database = rusqlite::Connection::open(path).unwrap();
    database.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// Everything that a request could have changed: how many rows each table has, and what is in those that say who may
/// do what.
pub(crate) fn state_of(door: &Door) -> Vec<String> {
    const SQL: [&str; 10] = [
        "SELECT count(*) || ':' || total(disabled_at) FROM users",
        "SELECT count(*) FROM memberships",
        "SELECT count(*) FROM setups",
        "SELECT count(*) || ':' || total(consumed_at) FROM enrolments",
        "SELECT count(*) || ':' || group_concat(hex(label)) FROM credentials",
        "SELECT count(*) FROM consumed_challenges",
        "SELECT count(*) || ':' || total(ended_at) FROM sessions",
        "SELECT count(*) FROM consents",
        "SELECT count(*) || ':' || total(revoked_at) FROM token_families",
        "SELECT count(*) FROM handoffs",
    ];
    let path = door.scratch.path().join("state").join("doorward.db");
    let database = rusqlite::Connection::open(path).unwrap();
    let read = |sql: &str| {
        let value: rusqlite::types::Value = database.query_row(sql, [], |row| row.get(0)).unwrap();
        format!("{sql} {value:?}")
    };
    SQL.map(read).to_vec()
}

/// The identifiers in the forms of a page, in order and without repetition.
pub(crate) async fn identifiers(door: &Door, person: &mut Person, path: &str) -> Vec<String> {
    let page = person.open(&door.url("id", path)).await.unwrap();
    let mut found: Vec<String> = page
        .text()
        .split("name=\"id\" value=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap().to_owned())
        .collect();
    found.dedup();
    found
}

#[tokio::test]
async fn a_16_set_up_works_once_and_never_again() {
    let door = Door::open().await;
    let link = door.running.setup_link.clone().unwrap();
    let (mut ada, mut eve) = (door.person(), door.person());
    let profile = json!({ "token": token(&link), "username": "eve", "display_name": "Eve" });
    let options = start(&door, &mut eve.client, "/api/setup/start", &profile).await;
    let credential = eve.authenticator.create(&eve.portal(), &options).unwrap();
    ada.set_up(&link, "ada", "Ada Lovelace").await.unwrap();
    let finish = json!({ "credential": credential });
    let late = post(&door, &mut eve.client, "/api/setup/finish", &finish).await;
    assert_eq!(outcome(&late), refused(410, "link_spent"));
    assert_eq!(eve.open(&link).await.unwrap().status, 410);
    let again = post(&door, &mut eve.client, "/api/setup/start", &profile).await;
    assert_eq!(outcome(&again), refused(410, "link_spent"));
    assert_eq!(count(&door, "SELECT count(*) FROM users"), 1);
    let door = door.restart().await;
    assert_eq!(door.running.setup_link, None);
}

#[tokio::test]
async fn a_16_a_set_up_link_works_for_a_day() {
    let door = Door::open().await;
    let link = door.running.setup_link.clone().unwrap();
    let mut ada = door.person();
    door.clock.advance(DAY - 1);
    assert_eq!(ada.open(&link).await.unwrap().status, 200);
    let profile = json!({ "token": token(&link), "username": "ada", "display_name": "Ada" });
    let options = start(&door, &mut ada.client, "/api/setup/start", &profile).await;
    door.clock.advance(1);
    assert_eq!(ada.open(&link).await.unwrap().status, 410);
    let again = post(&door, &mut ada.client, "/api/setup/start", &profile).await;
    assert_eq!(outcome(&again), refused(410, "link_spent"));
    let credential = ada.authenticator.create(&ada.portal(), &options).unwrap();
    let finish = json!({ "credential": credential });
    let late = post(&door, &mut ada.client, "/api/setup/finish", &finish).await;
    assert_eq!(outcome(&late), refused(410, "link_spent"));
}

#[tokio::test]
async fn a_16_another_start_replaces_the_set_up_link() {
    let door = Door::open().await;
    let first = door.running.setup_link.clone().unwrap();
    let door = door.restart().await;
    let second = door.running.setup_link.clone().unwrap();
    let mut ada = door.person();
    assert_eq!(ada.open(&first).await.unwrap().status, 410);
    ada.set_up(&second, "ada", "Ada Lovelace").await.unwrap();
    assert!(is_signed_in(&door, &mut ada).await);
}

#[tokio::test]
async fn w_6_a_response_is_good_for_one_sign_in() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let mut client = door.client();
    let options = start(&door, &mut client, "/api/login/start", &json!({})).await;
    let credential = ada.authenticator.get(&ada.portal(), &options).unwrap();
    let finish = json!({ "credential": credential });
    let ceremony = client.jar.cookie(ID, CEREMONY).unwrap().to_owned();
    let first = post(&door, &mut client, "/api/login/finish", &finish).await;
    assert_eq!(outcome(&first), accepted());
    assert_eq!(client.jar.cookie(ID, CEREMONY), None);
    for mut browser in [client, door.client()] {
        let without = post(&door, &mut browser, "/api/login/finish", &finish).await;
        assert_eq!(outcome(&without), refused(400, "no_ceremony"));
        browser.jar.set_cookie(ID, CEREMONY, &ceremony);
        let replayed = post(&door, &mut browser, "/api/login/finish", &finish).await;
        assert_eq!(outcome(&replayed), refused(409, "already_used"));
    }
    // The clock can't bring the challenge back: the ceremony itself expires when its use may be forgotten.
    door.clock.advance(301);
    let mut browser = door.client();
    browser.jar.set_cookie(ID, CEREMONY, &ceremony);
    let later = post(&door, &mut browser, "/api/login/finish", &finish).await;
    assert_eq!(outcome(&later), refused(400, "expired"));
}

#[tokio::test]
async fn w_6_a_response_to_another_challenge_is_refused() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let (mut client, mut other) = (door.client(), door.client());
    let options = start(&door, &mut other, "/api/login/start", &json!({})).await;
    start(&door, &mut client, "/api/login/start", &json!({})).await;
    let credential = ada.authenticator.get(&ada.portal(), &options).unwrap();
    let page = post(&door, &mut client, "/api/login/finish", &json!({ "credential": credential })).await;
    assert_eq!(outcome(&page), refused(400, "passkey_refused"));
    assert_eq!(client.jar.cookie(ID, SESSION), None);
}

#[tokio::test]
async fn e_3_a_ceremony_takes_less_than_five_minutes() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    for (seconds, expected) in [(299, accepted()), (300, refused(400, "expired"))] {
        let mut client = door.client();
        let options = start(&door, &mut client, "/api/login/start", &json!({})).await;
        let credential = ada.authenticator.get(&ada.portal(), &options).unwrap();
        door.clock.advance(seconds);
        let finish = json!({ "credential": credential });
        let page = post(&door, &mut client, "/api/login/finish", &finish).await;
        assert_eq!(outcome(&page), expected, "{seconds}");
    }
}

#[tokio::test]
async fn a_4_a_changed_ceremony_cookie_is_no_ceremony() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let mut client = door.client();
    let options = start(&door, &mut client, "/api/login/start", &json!({})).await;
    let credential = ada.authenticator.get(&ada.portal(), &options).unwrap();
    let finish = json!({ "credential": credential });
    let sealed = client.jar.cookie(ID, CEREMONY).unwrap().to_owned();
    let middle = sealed.len() / 2;
    let flipped = if sealed.as_bytes()[middle] == b'A' { "B" } else { "A" };
    for changed in [
        format!("{}{flipped}{}", &sealed[..middle], &sealed[middle + 1..]),
        sealed[..sealed.len() - 4].to_owned(),
        format!("{sealed}AAAA"),
        String::new(),
        "=".to_owned(),
    ] {
        client.jar.set_cookie(ID, CEREMONY, &changed);
        let page = post(&door, &mut client, "/api/login/finish", &finish).await;
        assert_eq!(outcome(&page), refused(400, "no_ceremony"), "{changed}");
    }
    client.jar.set_cookie(ID, CEREMONY, &sealed);
    let page = post(&door, &mut client, "/api/login/finish", &finish).await;
    assert_eq!(outcome(&page), accepted());
}

/// A ceremony of each purpose, as a ceremony cookie and its challenge.
async fn one_of_each(door: &Door, ada: &mut Person) -> Vec<(&'static str, String, Value)> {
    let link = door.enrolment_link(ada, "bob", "users").await;
    let mut all = Vec::new();
    for (path, body) in [
        ("/api/login", json!({ "fresh": "1" })),
        ("/api/passkeys", json!({})),
        ("/api/enrol", json!({ "token": token(&link) })),
    ] {
        let options = start(door, &mut ada.client, &format!("{path}/start"), &body).await;
        let sealed = ada.client.jar.cookie(ID, CEREMONY).unwrap().to_owned();
        all.push((path, sealed, options["challenge"].clone()));
    }
    all
}

#[tokio::test]
async fn a_8_a_ceremony_finishes_only_what_it_was_begun_for() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let registration = start(&door, &mut ada.client, "/api/passkeys/start", &json!({})).await;
    let sign_in = start(&door, &mut ada.client, "/api/login/start", &json!({"fresh": "1"})).await;
    let before = count(&door, "SELECT count(*) FROM credentials");
    for (begun, sealed, challenge) in one_of_each(&door, &mut ada).await {
        for finished in ["/api/login", "/api/passkeys", "/api/enrol", "/api/setup"] {
            if begun == finished {
                continue;
            }
            let mut options = if finished == "/api/login" { sign_in.clone() } else { registration.clone() };
            options["challenge"] = challenge.clone();
            let portal = ada.portal();
            let credential = if finished == "/api/login" {
                ada.authenticator.get(&portal, &options)
            } else {
                Authenticator::new().create(&portal, &options)
            };
            let finish = json!({ "credential": credential.unwrap() });
            ada.client.jar.set_cookie(ID, CEREMONY, &sealed);
            let page = post(&door, &mut ada.client, &format!("{finished}/finish"), &finish).await;
            assert_eq!(outcome(&page), refused(400, "passkey_refused"), "{begun} finished as {finished}");
        }
    }
    assert_eq!(count(&door, "SELECT count(*) FROM credentials"), before);
}

/// An addition begun by one person is not finished by another one in the same browser.
#[tokio::test]
async fn a_2_a_passkey_is_added_to_the_account_that_asked() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let mut bob = door.member(&mut ada, "bob", "users").await;
    let options = start(&door, &mut bob.client, "/api/passkeys/start", &json!({})).await;
    let sealed = bob.client.jar.cookie(ID, CEREMONY).unwrap().to_owned();
    let credential = Authenticator::new().create(&bob.portal(), &options).unwrap();
    ada.client.jar.set_cookie(ID, CEREMONY, &sealed);
    let finish = json!({ "credential": credential });
    let page = post(&door, &mut ada.client, "/api/passkeys/finish", &finish).await;
    assert_eq!(outcome(&page), refused(400, "passkey_refused"));
    let page = post(&door, &mut door.client(), "/api/passkeys/finish", &finish).await;
    assert_eq!(outcome(&page), refused(401, "sign_in_required"));
    assert_eq!(count(&door, "SELECT count(*) FROM credentials"), 2);
}

#[tokio::test]
async fn w_3_a_page_of_another_origin_signs_nobody_in() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    for origin in [
        "http://notes.localhost:8080",
        "http://id.localhost",
        "http://id.localhost:8081",
        "https://id.localhost:8080",
        "http://evil-id.localhost:8080",
        "http://id.localhost:8080.evil.example",
        "http://x.id.localhost:8080",
        "http://ID.localhost:8080",
        "http://id.localhost:8080/",
        "null",
        "",
    ] {
        ada.authenticator.tamper.origin = Some(origin.to_owned());
        let answer = sign_in(&door, &mut ada.authenticator).await;
        assert_eq!(answer, refused(400, "passkey_refused"), "{origin}");
    }
    ada.authenticator.tamper.origin = None;
    assert_eq!(sign_in(&door, &mut ada.authenticator).await, accepted());
}

/// What makes an authenticator lie.
type Lie = Box<dyn Fn(&mut Authenticator)>;

#[tokio::test]
async fn w_2_and_w_6_lies_of_authenticators_sign_nobody_in() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let bob = door.member(&mut ada, "bob", "users").await;
    let handle_of_bob = bob.authenticator.passkeys[0].user_handle.clone();
    let honest = ada.authenticator.clone();
    let lies: [(&str, Lie); 10] = [
        ("nobody verified", Box::new(|it| it.user_verified = false)),
        ("nobody present", Box::new(|it| it.user_present = false)),
        ("in a frame of another site", Box::new(|it| it.cross_origin = true)),
        ("another relying party", Box::new(|it| it.tamper.rp_id = Some("localhost".to_owned()))),
        ("a registration", Box::new(|it| it.tamper.client_data_type = Some("webauthn.create".to_owned()))),
        ("a bad signature", Box::new(|it| it.tamper.signature = true)),
        ("no user handle", Box::new(|it| it.tamper.user_handle = Some(None))),
        (
            "somebody else's handle",
            Box::new(move |it| it.tamper.user_handle = Some(Some(handle_of_bob.clone()))),
        ),
        ("a challenge of its own", Box::new(|it| it.tamper.challenge = Some("AAAA".to_owned()))),
        (
            "backed up and not eligible",
            Box::new(|it| it.backup = doorward_visitor::passkey::Backup::Impossible),
        ),
    ];
    for (what, lie) in lies {
        let mut authenticator = honest.clone();
        lie(&mut authenticator);
        let answer = sign_in(&door, &mut authenticator).await;
        assert_eq!(answer, refused(400, "passkey_refused"), "{what}");
    }
    assert_eq!(sign_in(&door, &mut ada.authenticator).await, accepted());
}

#[tokio::test]
async fn w_1_a_registration_needs_a_verified_person() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let mut other = Authenticator::new();
    other.user_verified = false;
    let error = ada.add_passkey_of(&mut other).await.unwrap_err();
    assert!(error.to_string().contains("passkey_refused"), "{error}");
    assert_eq!(count(&door, "SELECT count(*) FROM credentials"), 1);
}

#[tokio::test]
async fn w_6_a_copied_authenticator_is_noticed() {
    let door = Door::open().await;
    let link = door.running.setup_link.clone().unwrap();
    let mut ada = door.person();
    ada.authenticator.counter = SignCounter::Increasing;
    ada.set_up(&link, "ada", "Ada Lovelace").await.unwrap();
    let mut copy = ada.authenticator.clone();
    assert_eq!(sign_in(&door, &mut ada.authenticator).await, accepted());
    assert_eq!(sign_in(&door, &mut ada.authenticator).await, accepted());
    assert_eq!(sign_in(&door, &mut copy).await, refused(400, "passkey_refused"));
    copy.counter = SignCounter::Zero;
    assert_eq!(sign_in(&door, &mut copy).await, refused(400, "passkey_refused"));
    assert_eq!(sign_in(&door, &mut ada.authenticator).await, accepted());
}

#[tokio::test]
async fn a_23_sign_in_tells_nobody_who_has_an_account() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let mut client = door.client();
    let options = start(&door, &mut client, "/api/login/start", &json!({})).await;
    assert_eq!(options["allowCredentials"], json!([]));
    let mut stranger = Authenticator::new();
    let registration = start(&door, &mut ada.client, "/api/passkeys/start", &json!({})).await;
    stranger.create(&ada.portal(), &registration).unwrap();
    assert_eq!(sign_in(&door, &mut stranger).await, refused(400, "unknown_passkey"));
}
