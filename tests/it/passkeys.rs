//! Passkeys and accounts by the front door: enrolment, further passkeys, new sessions for old ones, bounds.

use doorward_visitor::{Authenticator, Person, Request};
use serde_json::{Value, json};

use crate::{
    ceremonies::{
        DAY, ID, SESSION, accepted, count, identifiers, is_signed_in, outcome, post, refused, sign_in, start,
        token,
    },
    door::Door,
};

/// Does something to one person on the page for people.
async fn change(
    door: &Door,
    ada: &mut Person,
    what: &str,
    fields: &[(&str, &str)],
) -> doorward_visitor::Page {
    let url = door.url("id", &format!("/admin/people/{what}"));
    ada.client.post_form(&url, fields).await.unwrap()
}

/// The one person beside the administrator.
async fn other_person(door: &Door, ada: &mut Person) -> String {
    let page = ada.open(&door.url("id", "/admin/people")).await.unwrap().text();
    let row = page.split("class=\"quiet\">bob</span>").nth(1).unwrap().to_owned();
    let id = row.split("name=\"id\" value=\"").nth(1).unwrap();
    id.split('"').next().unwrap().to_owned()
}

/// Begins an enrolment and makes the passkey; what is to be sent to finish.
async fn half_enrolled(door: &Door, person: &mut Person, link: &str) -> Value {
    let body = json!({ "token": token(link) });
    let options = start(door, &mut person.client, "/api/enrol/start", &body).await;
    let credential = person.authenticator.create(&person.portal(), &options).unwrap();
    json!({ "credential": credential })
}

#[tokio::test]
async fn a_20_an_enrolment_link_works_once() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let link = door.enrolment_link(&mut ada, "bob", "users").await;
    let (mut bob, mut eve) = (door.person(), door.person());
    let finish = half_enrolled(&door, &mut eve, &link).await;
    bob.enrol(&link).await.unwrap();
    let late = post(&door, &mut eve.client, "/api/enrol/finish", &finish).await;
    assert_eq!(outcome(&late), refused(410, "link_spent"));
    assert_eq!(eve.open(&link).await.unwrap().status, 410);
    let again = post(&door, &mut eve.client, "/api/enrol/start", &json!({ "token": token(&link) })).await;
    assert_eq!(outcome(&again), refused(410, "link_spent"));
    assert!(!is_signed_in(&door, &mut eve).await && is_signed_in(&door, &mut bob).await);
    assert_eq!(sign_in(&door, &mut eve.authenticator).await, refused(400, "unknown_passkey"));
}

#[tokio::test]
async fn a_20_an_enrolment_link_works_for_a_day() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let link = door.enrolment_link(&mut ada, "bob", "users").await;
    let mut bob = door.person();
    door.clock.advance(DAY - 1);
    assert_eq!(bob.open(&link).await.unwrap().status, 200);
    let finish = half_enrolled(&door, &mut bob, &link).await;
    door.clock.advance(1);
    assert_eq!(bob.open(&link).await.unwrap().status, 410);
    let late = post(&door, &mut bob.client, "/api/enrol/finish", &finish).await;
    assert_eq!(outcome(&late), refused(410, "link_spent"));
    assert_eq!(count(&door, "SELECT count(*) FROM credentials"), 1);
}

#[tokio::test]
async fn a_20_a_newer_enrolment_link_replaces_the_former() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let first = door.enrolment_link(&mut ada, "bob", "users").await;
    let mut eve = door.person();
    let finish = half_enrolled(&door, &mut eve, &first).await;
    let id = other_person(&door, &mut ada).await;
    let page = change(&door, &mut ada, "enrolment", &[("id", &id)]).await;
    let text = page.text();
    let second = text.split("<p class=\"link\">").nth(1).unwrap().split('<').next().unwrap();
    let late = post(&door, &mut eve.client, "/api/enrol/finish", &finish).await;
    assert_eq!(outcome(&late), refused(410, "link_spent"));
    assert_eq!(eve.open(&first).await.unwrap().status, 410);
    door.person().enrol(second).await.unwrap();
}

#[tokio::test]
async fn e_2_a_disabled_person_is_out_at_every_step() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let mut bob = door.member(&mut ada, "bob", "users").await;
    let notes = door.url("notes", "/x");
    assert_eq!(bob.open(&notes).await.unwrap().url.as_str(), notes);
    let id = other_person(&door, &mut ada).await;
    let link = {
        let page = change(&door, &mut ada, "enrolment", &[("id", &id)]).await.text();
        page.split("<p class=\"link\">").nth(1).unwrap().split('<').next().unwrap().to_owned()
    };
    let mut browser = door.client();
    let options = start(&door, &mut browser, "/api/login/start", &json!({})).await;
    let credential = bob.authenticator.get(&bob.portal(), &options).unwrap();
    let mut enrolling = door.person();
    let enrol = half_enrolled(&door, &mut enrolling, &link).await;
    assert_eq!(change(&door, &mut ada, "disable", &[("id", &id)]).await.status, 303);

    let finish = json!({ "credential": credential });
    let page = post(&door, &mut browser, "/api/login/finish", &finish).await;
    assert_eq!(outcome(&page), refused(403, "disabled"));
    let page = post(&door, &mut enrolling.client, "/api/enrol/finish", &enrol).await;
    assert_eq!(outcome(&page), refused(410, "link_spent"));
    assert_eq!(enrolling.open(&link).await.unwrap().status, 410);
    assert_eq!(sign_in(&door, &mut bob.authenticator).await, refused(403, "disabled"));
    assert!(!is_signed_in(&door, &mut bob).await);
    let page = bob.open(&notes).await.unwrap();
    assert!(bob.is_sign_in_page(&page.url));

    assert_eq!(change(&door, &mut ada, "enable", &[("id", &id)]).await.status, 303);
    assert!(!is_signed_in(&door, &mut bob).await, "former sessions stay ended");
    assert_eq!(sign_in(&door, &mut bob.authenticator).await, accepted());
}

#[tokio::test]
async fn d_2_the_last_administrator_stays() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let ids = identifiers(&door, &mut ada, "/admin/people").await;
    for (what, groups) in [("disable", ""), ("groups", "users"), ("groups", "")] {
        let page = change(&door, &mut ada, what, &[("id", &ids[0]), ("groups", groups)]).await;
        assert_eq!(page.status, 409, "{what} {groups}");
    }
    assert_eq!(ada.open(&door.url("id", "/admin/people")).await.unwrap().status, 200);
}

#[tokio::test]
async fn e_1_an_administrator_ends_sessions_at_once() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let mut bob = door.member(&mut ada, "bob", "users").await;
    let notes = door.url("notes", "/x");
    assert_eq!(bob.open(&notes).await.unwrap().url.as_str(), notes);
    let id = other_person(&door, &mut ada).await;
    assert_eq!(change(&door, &mut ada, "end-sessions", &[("id", &id)]).await.status, 303);
    let page = bob.open(&notes).await.unwrap();
    assert!(bob.is_sign_in_page(&page.url), "{}", page.url);
    assert!(is_signed_in(&door, &mut ada).await);
    assert_eq!(sign_in(&door, &mut bob.authenticator).await, accepted());
}

#[tokio::test]
async fn a_removed_passkey_is_unknown_and_the_last_one_stays() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let mut second = Authenticator::new();
    ada.add_passkey_of(&mut second).await.unwrap();
    let remove = door.url("id", "/account/passkeys/remove");
    let ids = identifiers(&door, &mut ada, "/account/passkeys").await;
    assert_eq!(ids.len(), 2);
    let page = ada.client.post_form(&remove, &[("id", &ids[0])]).await.unwrap();
    assert_eq!(page.status, 303);
    let mut answers = vec![sign_in(&door, &mut ada.authenticator).await, sign_in(&door, &mut second).await];
    answers.sort();
    assert_eq!(answers, [accepted(), refused(400, "unknown_passkey")]);
    let left = identifiers(&door, &mut ada, "/account/passkeys").await;
    let page = ada.client.post_form(&remove, &[("id", &left[0])]).await.unwrap();
    assert_eq!(page.status, 409, "{}", page.text());
    assert_eq!(count(&door, "SELECT count(*) FROM credentials"), 1);
}

#[tokio::test]
async fn a_11_passkeys_of_others_can_t_be_touched() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let mut bob = door.member(&mut ada, "bob", "users").await;
    bob.add_passkey_of(&mut Authenticator::new()).await.unwrap();
    let ids = identifiers(&door, &mut bob, "/account/passkeys").await;
    for path in ["/account/passkeys/rename", "/account/passkeys/remove"] {
        let fields = [("id", ids[0].as_str()), ("label", "mine")];
        let page = ada.client.post_form(&door.url("id", path), &fields).await.unwrap();
        assert_eq!(page.status, 404, "{path}");
    }
    let rename = door.url("id", "/account/passkeys/rename");
    let long = "x".repeat(101);
    for (label, status) in [("Phone", 303), ("", 400), (long.as_str(), 400), ("a\u{7}b", 400)] {
        let fields = [("id", ids[0].as_str()), ("label", label)];
        let page = bob.client.post_form(&rename, &fields).await.unwrap();
        assert_eq!(page.status, status, "{label}");
    }
    let page = bob.open(&door.url("id", "/account/passkeys")).await.unwrap();
    assert!(page.text().contains("<h2>Phone</h2>") && !page.text().contains("mine"));
}

#[tokio::test]
async fn w_7_a_second_passkey_needs_a_fresh_sign_in() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    door.clock.advance(600);
    let options = start(&door, &mut ada.client, "/api/passkeys/start", &json!({})).await;
    let credential = Authenticator::new().create(&ada.portal(), &options).unwrap();
    door.clock.advance(1);
    for (path, body) in
        [("/api/passkeys/start", json!({})), ("/api/passkeys/finish", json!({ "credential": credential }))]
    {
        let page = post(&door, &mut ada.client, path, &body).await;
        assert_eq!(outcome(&page), refused(403, "step_up_required"), "{path}");
    }
    let ids = identifiers(&door, &mut ada, "/account/passkeys").await;
    let remove = door.url("id", "/account/passkeys/remove");
    let page = ada.client.post_form(&remove, &[("id", &ids[0])]).await.unwrap();
    let location = page.header("location").unwrap();
    assert!(location.contains("/login?") && location.contains("fresh=1"), "{location}");
    assert_eq!(count(&door, "SELECT count(*) FROM credentials"), 1);
    ada.sign_in(None).await.unwrap();
    ada.add_passkey_of(&mut Authenticator::new()).await.unwrap();
    assert_eq!(count(&door, "SELECT count(*) FROM credentials"), 2);
}

#[tokio::test]
async fn w_6_a_passkey_belongs_to_one_person() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let mut bob = door.member(&mut ada, "bob", "users").await;
    let theirs = bob.authenticator.passkeys[0].id.clone();
    let options = start(&door, &mut ada.client, "/api/passkeys/start", &json!({})).await;
    let excluded = options["excludeCredentials"].as_array().unwrap();
    assert_eq!(excluded.len(), 1, "only one's own are named");
    // A registration that claims the identifier of somebody else's passkey, byte for byte.
    let mut forger = Authenticator::new();
    let mut credential = forger.create(&ada.portal(), &options).unwrap();
    let (id, data) = forge(&credential, &forger.passkeys[0].id, &theirs);
    credential["id"] = id.clone();
    credential["rawId"] = id;
    credential["response"]["attestationObject"] = data;
    let finish = json!({ "credential": credential });
    let page = post(&door, &mut ada.client, "/api/passkeys/finish", &finish).await;
    assert_eq!(outcome(&page), refused(409, "conflict"), "{}", page.text());
    assert_eq!(sign_in(&door, &mut bob.authenticator).await, accepted());
    assert!(is_signed_in(&door, &mut bob).await);
}

/// The credential's identifier and attestation object with `theirs` in the place of `own`.
fn forge(credential: &Value, own: &[u8], theirs: &[u8]) -> (Value, Value) {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
    let object = credential["response"]["attestationObject"].as_str().unwrap();
    let mut object = BASE64.decode(object).unwrap();
    let place = object.windows(own.len()).position(|part| part == own).unwrap();
    object[place..place + own.len()].copy_from_slice(theirs);
    (BASE64.encode(theirs).into(), BASE64.encode(object).into())
}

#[tokio::test]
async fn mfa_8_attempts_run_out_and_come_back() {
    let door = Door::open().await;
    let mut client = door.client();
    let start = door.url("id", "/api/login/start");
    for attempt in 0..120 {
        let page = client.post_json(&start, &json!({})).await.unwrap();
        assert_eq!(page.status, 200, "{attempt}");
    }
    for path in [
        "/api/login/start",
        "/api/login/finish",
        "/api/setup/start",
        "/api/setup/finish",
        "/api/enrol/start",
        "/api/enrol/finish",
    ] {
        let page = post(&door, &mut client, path, &json!({})).await;
        assert_eq!(outcome(&page), refused(429, "too_many_attempts"), "{path}");
        assert_eq!(page.header("retry-after"), Some("60"), "{path}");
    }
    let mut forged = Request::json(&start, &json!({})).unwrap();
    forged = forged.header("x-forwarded-for", "192.0.2.1").unwrap();
    assert_eq!(client.send(forged).await.unwrap().status, 429);
    let mut elsewhere = door.client().source("127.0.0.2".parse().unwrap());
    assert_eq!(elsewhere.post_json(&start, &json!({})).await.unwrap().status, 200);
    assert_eq!(client.navigate(&door.url("id", "/login")).await.unwrap().status, 200);
    door.clock.advance(60);
    for attempt in 0..120 {
        let page = client.post_json(&start, &json!({})).await.unwrap();
        assert_eq!(page.status, 200, "{attempt}");
    }
    assert_eq!(client.post_json(&start, &json!({})).await.unwrap().status, 429);
}

#[tokio::test]
async fn e_4_signing_in_changes_the_session_token() {
    let door = Door::open().await;
    let ada = door.administrator().await;
    let first = ada.client.jar.cookie(ID, SESSION).unwrap().to_owned();
    let mut planted = door.person();
    planted.authenticator = ada.authenticator.clone();
    for value in ["dw_s_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "planted", ""] {
        planted.client.jar.set_cookie(ID, SESSION, value);
        planted.sign_in(None).await.unwrap();
        let given = planted.client.jar.cookie(ID, SESSION).unwrap().to_owned();
        assert!(given != value && given != first, "{value}");
        let mut attacker = door.person();
        attacker.client.jar.set_cookie(ID, SESSION, value);
        assert!(!is_signed_in(&door, &mut attacker).await, "{value}");
    }
}

#[tokio::test]
async fn e_5_a_new_session_replaces_the_former() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let notes = door.url("notes", "/x");
    assert_eq!(ada.open(&notes).await.unwrap().url.as_str(), notes);
    let mut thief = ada.clone();
    thief.client.jar.remove_cookie("notes.localhost", SESSION);
    ada.sign_in(None).await.unwrap();
    assert!(!is_signed_in(&door, &mut thief).await, "the former token is dead");
    let page = ada.open(&notes).await.unwrap();
    assert!(page.chain.is_empty() && page.status == 200, "the same person's service session goes on");
    let bob = door.member(&mut ada, "bob", "users").await;
    ada.authenticator = bob.authenticator;
    ada.sign_in(None).await.unwrap();
    let page = ada.open(&notes).await.unwrap();
    assert_eq!(page.chain.len(), 3, "another person's service session begins anew");
}

#[tokio::test]
async fn tob_w6_a_flood_of_starts_leaves_the_database_as_it_is() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let link = door.enrolment_link(&mut ada, "bob", "users").await;
    let rows = || {
        let tables = "users memberships setups enrolments credentials consumed_challenges sessions handoffs consents \
                      token_families authorization_codes refresh_tokens access_tokens";
        let count = |table: &str| count(&door, &format!("SELECT count(*) FROM {table}"));
        tables.split_whitespace().map(count).collect::<Vec<_>>()
    };
    let size = || {
        let state = door.scratch.path().join("state");
        let files = ["doorward.db", "doorward.db-wal"].map(|file| std::fs::metadata(state.join(file)));
        files.map(|file| file.map_or(0, |file| file.len()))
    };
    let before = (rows(), size());
    let mut client = door.client();
    for attempt in 0..40_u8 {
        for (path, body) in [
            ("/api/login/start", json!({})),
            ("/api/enrol/start", json!({ "token": token(&link) })),
            ("/api/setup/start", json!({ "token": "dw_x", "username": "eve", "display_name": "Eve" })),
        ] {
            post(&door, &mut client, path, &body).await;
        }
        let path = format!("/{attempt}");
        for url in [
            door.url("notes", &path),
            door.url("id", "/authorize?client_id=wiki&redirect_uri=http://wiki.localhost:9000/callback&scope=openid&response_type=code"),
        ] {
            client.navigate(&url).await.unwrap();
        }
    }
    assert_eq!((rows(), size()), before);
}
