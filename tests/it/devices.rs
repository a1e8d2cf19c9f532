//! Devices without a browser, by the front door.

use doorward_visitor::{Page, Person};
use serde_json::Value;

use crate::{
    ceremonies::count,
    door::{Door, STANDARD},
    provider::{at, open, outcome as shown},
    tokens::{both, outcome, send, text, userinfo},
};

const BEGIN: &str = "/api/oidc/device/authorize";
const TOKEN: &str = "/api/oidc/token";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A public client for devices: `tv`, for `users`.
async fn door(more: &str) -> Door {
    let client = "\n[clients.tv]\ntitle = \"Television\"\nclient_id = \"tv\"\npublic = true\ngrants = [\"device_code\"]\n\
                  allowed_groups = [\"users\"]\n";
    Door::with(&format!("{STANDARD}{client}{more}")).await
}

/// What a device is told when it begins.
async fn begin(door: &Door) -> Value {
    let page = send(door, BEGIN, "", &[("client_id", "tv"), ("scope", "openid profile")]).await;
    assert_eq!(page.status, 200, "{}", page.text());
    assert_eq!(page.header("cache-control"), Some("no-store"));
    page.json().unwrap()
}

async fn ask(door: &Door, client: &str, code: &str) -> Page {
    send(door, TOKEN, "", &[("grant_type", GRANT), ("device_code", code), ("client_id", client)]).await
}

/// What a device hears that keeps to its pace.
async fn poll(door: &Door, device: &Value) -> String {
    door.clock.advance(5);
    outcome(&ask(door, "tv", text(device, "device_code")).await)
}

/// A person opens the address that the device shows.
async fn visit(person: &mut Person, device: &Value) -> Page {
    open(person, text(device, "verification_uri_complete")).await
}

async fn decide(door: &Door, person: &mut Person, device: &Value, decision: &str) -> Page {
    let fields = [("code", text(device, "user_code")), ("decision", decision)];
    person.client.post_form(&door.url("id", "/device"), &fields).await.unwrap()
}

#[tokio::test]
async fn o_2_a_device_gets_its_tokens_once() {
    let door = door("").await;
    let mut ada = door.administrator().await;
    let device = begin(&door).await;
    assert_eq!(device["verification_uri"], door.url("id", "/device"));
    assert_eq!(poll(&door, &device).await, "400 authorization_pending");
    let page = visit(&mut ada, &device).await;
    assert!(page.text().contains("Sign in to Television on a device?"), "{}", page.text());
    assert!(page.text().contains(text(&device, "user_code")) && page.text().contains("user name"));
    assert_eq!(poll(&door, &device).await, "400 authorization_pending", "looking decides nothing");
    let done = decide(&door, &mut ada, &device, "allow").await;
    assert!(done.text().contains("Your device is signed in"), "{}", done.text());
    let tokens = ask(&door, "tv", text(&device, "device_code")).await.json().unwrap();
    assert_eq!(text(&tokens, "scope"), "openid profile");
    let info = userinfo(&door, text(&tokens, "access_token")).await.json().unwrap();
    assert_eq!(info["preferred_username"], "ada");
    assert!(tokens["id_token"].is_string() && tokens["refresh_token"].is_string());
    // Somebody else has the code, too: nothing of it is good any more.
    assert_eq!(poll(&door, &device).await, "400 invalid_grant");
    assert_eq!(outcome(&userinfo(&door, text(&tokens, "access_token")).await), "401 invalid_token");
}

#[tokio::test]
async fn tokens_of_a_device_are_refreshed_and_end_with_the_session() {
    let door = door("").await;
    let mut ada = door.administrator().await;
    let device = begin(&door).await;
    decide(&door, &mut ada, &device, "allow").await;
    let tokens = ask(&door, "tv", text(&device, "device_code")).await.json().unwrap();
    let refresh = |token: String| {
        let door = &door;
        async move {
            let fields = [("grant_type", "refresh_token"), ("refresh_token", &token), ("client_id", "tv")];
            send(door, TOKEN, "", &fields).await
        }
    };
    let next = refresh(text(&tokens, "refresh_token").to_owned()).await.json().unwrap();
    assert_eq!(outcome(&userinfo(&door, text(&next, "access_token")).await), "200");
    ada.sign_out().await.unwrap();
    assert_eq!(both(&door, &next).await, crate::tokens::dead());
}

#[tokio::test]
async fn d_12_a_device_that_asks_too_often_is_slowed_down() {
    let door = door("").await;
    door.administrator().await;
    let device = begin(&door).await;
    let code = text(&device, "device_code");
    assert_eq!(outcome(&ask(&door, "tv", code).await), "400 authorization_pending");
    for _ in 0..2 {
        assert_eq!(outcome(&ask(&door, "tv", code).await), "400 slow_down");
    }
    for (wait, expected) in [(5, "slow_down"), (18, "slow_down"), (24, "authorization_pending")] {
        door.clock.advance(wait);
        assert_eq!(outcome(&ask(&door, "tv", code).await), format!("400 {expected}"), "after {wait} s");
    }
    // Waiting is no guessing: it uses up no attempts.
    for _ in 0..30 {
        door.clock.advance(25);
        assert_eq!(outcome(&ask(&door, "tv", code).await), "400 authorization_pending");
    }
    door.clock.advance(110);
    assert_eq!(outcome(&ask(&door, "tv", code).await), "400 expired_token");
}

#[tokio::test]
async fn o_28_a_person_is_asked_and_may_refuse() {
    let door = door("").await;
    let mut ada = door.administrator().await;
    let device = begin(&door).await;
    let page = decide(&door, &mut ada, &device, "refuse").await;
    assert!(page.text().contains("Your device is not signed in"));
    assert_eq!(poll(&door, &device).await, "400 access_denied");
    // A decision is one.
    let page = decide(&door, &mut ada, &device, "allow").await;
    assert_eq!(page.status, 400);
    assert!(page.text().contains("No device waits with this code"));
    assert_eq!(poll(&door, &device).await, "400 access_denied");
    assert_eq!(count(&door, "SELECT count(*) FROM token_families"), 0);
    // Neither does anything that is not the word, nor anything that comes from elsewhere.
    let other = begin(&door).await;
    assert!(decide(&door, &mut ada, &other, "").await.text().contains("not signed in"));
    let third = begin(&door).await;
    let fields = [("code", text(&third, "user_code")), ("decision", "allow")];
    let forged = doorward_visitor::Request::form(&door.url("id", "/device"), &fields).unwrap();
    let page = ada.client.send(forged.from_page("https://evil.example")).await.unwrap();
    assert_eq!(page.status, 403);
    assert_eq!(poll(&door, &third).await, "400 authorization_pending");
}

#[tokio::test]
async fn o_24_a_person_signs_in_first_and_comes_back_to_the_code() {
    let door = door("").await;
    let mut ada = door.administrator().await;
    ada.sign_out().await.unwrap();
    let device = begin(&door).await;
    let page = visit(&mut ada, &device).await;
    assert_eq!(shown(&page), "200 /login");
    assert!(page.text().contains("Another device"));
    let next = ada.sign_in(page.query("return_to").as_deref()).await.unwrap();
    assert!(open(&mut ada, next.as_str()).await.text().contains("Sign in to Television on a device?"));
    // Without the code, they enter it.
    ada.sign_out().await.unwrap();
    let page = open(&mut ada, &door.url("id", "/device")).await;
    assert_eq!(shown(&page), "200 /login");
    let next = ada.sign_in(page.query("return_to").as_deref()).await.unwrap();
    let page = open(&mut ada, next.as_str()).await;
    assert!(page.text().contains("Enter it here"), "{}", page.text());
    let typed = text(&device, "user_code").to_lowercase().replace('-', " ");
    let page = open(&mut ada, &at(&door, "/device", &[("code", &typed)])).await;
    assert!(page.text().contains("Sign in to Television on a device?"));
}

#[tokio::test]
async fn o_17_a_device_is_for_whom_the_policy_lets_in_at_each_step() {
    let door = door("").await;
    let mut ada = door.administrator().await;
    let mut bob = door.member(&mut ada, "bob", "guests").await;
    let device = begin(&door).await;
    let page = visit(&mut bob, &device).await;
    assert_eq!(page.status, 403);
    assert!(page.text().contains("Television is not open to you"), "{}", page.text());
    assert_eq!(decide(&door, &mut bob, &device, "allow").await.status, 403);
    assert_eq!(poll(&door, &device).await, "400 authorization_pending");
    // Granted, and closed before the device comes for it.
    decide(&door, &mut ada, &device, "allow").await;
    let closed = std::fs::read_to_string(&door.config_file).unwrap();
    let closed = closed.replace(
        "grants = [\"device_code\"]\nallowed_groups = [\"users\"]",
        "grants = [\"device_code\"]\nallowed_groups = [\"nobody-is-here\"]",
    );
    std::fs::write(&door.config_file, closed).unwrap();
    door.running.reload(&door.config_file).unwrap();
    assert_eq!(poll(&door, &device).await, "400 invalid_grant");
    assert_eq!(count(&door, "SELECT count(*) FROM access_tokens"), 0);
}

#[tokio::test]
async fn o_28_a_client_that_wants_a_passkey_each_time_gets_it_here_too() {
    let door = door("reauthenticate = true\n").await;
    let mut ada = door.administrator().await;
    door.clock.advance(10);
    let device = begin(&door).await;
    let page = visit(&mut ada, &device).await;
    assert_eq!(shown(&page), "200 /login");
    assert!(page.query("fresh").is_some());
    let page = decide(&door, &mut ada, &device, "allow").await;
    assert!(page.location().unwrap().unwrap().path() == "/login", "the word alone is not enough");
    assert_eq!(poll(&door, &device).await, "400 authorization_pending");
    let next = ada.sign_in(Some(&format!("/device?code={}", text(&device, "user_code")))).await.unwrap();
    assert!(open(&mut ada, next.as_str()).await.text().contains("Sign in to Television on a device?"));
    decide(&door, &mut ada, &device, "allow").await;
    assert_eq!(poll(&door, &device).await, "200");
}

#[tokio::test]
async fn o_3_o_4_a_code_is_for_its_client_its_kind_and_its_time() {
    let other = "\n[clients.radio]\nclient_id = \"radio\"\npublic = true\ngrants = [\"device_code\"]\nallowed_groups = [\"users\"]\n";
    let door = door(other).await;
    let mut ada = door.administrator().await;
    let device = begin(&door).await;
    decide(&door, &mut ada, &device, "allow").await;
    let code = text(&device, "device_code");
    for (client, code, expected) in [
        ("radio", code, "400 invalid_grant"),
        ("tool", code, "400 unauthorized_client"),
        ("unknown", code, "401 invalid_client"),
        ("tv", "", "400 invalid_request"),
        ("tv", &code[..code.len() - 1], "400 invalid_grant"),
        ("tv", text(&device, "user_code"), "400 invalid_grant"),
    ] {
        assert_eq!(outcome(&ask(&door, client, code).await), expected, "{client} {code}");
    }
    assert_eq!(poll(&door, &device).await, "200", "nobody's attempt used it up");
    // What begins a device is a client that may have one, for something about a person.
    for (fields, expected) in [
        (&[("client_id", "tool"), ("scope", "openid")][..], "400 unauthorized_client"),
        (&[("client_id", "tv"), ("scope", "profile")], "400 invalid_scope"),
        (&[("client_id", "tv")], "400 invalid_scope"),
        (&[("client_id", "wiki"), ("scope", "openid")], "401 invalid_client"),
        (&[("scope", "openid")], "401 invalid_client"),
    ] {
        assert_eq!(outcome(&send(&door, BEGIN, "", fields).await), expected, "{fields:?}");
    }
    // Whoever was granted it in time and comes too late gets nothing.
    let late = begin(&door).await;
    decide(&door, &mut ada, &late, "allow").await;
    door.clock.advance(900);
    assert_eq!(outcome(&ask(&door, "tv", text(&late, "device_code")).await), "400 expired_token");
    assert!(decide(&door, &mut ada, &late, "allow").await.text().contains("No device waits"));
}

#[tokio::test]
async fn e_7_guesses_of_codes_are_bounded() {
    let door = door("").await;
    let mut ada = door.administrator().await;
    let mut tried = 0;
    loop {
        let guess =
            at(&door, "/device", &[("code", &format!("EAAA-A{:03}", 222 + tried).replace(['0', '1'], "Z"))]);
        let page = ada.open(&guess).await.unwrap();
        if page.status == 429 {
            break;
        }
        assert_eq!(page.status, 400, "{}", page.text());
        tried += 1;
        assert!(tried < 130);
    }
    assert!(tried > 100, "{tried}");
    // Nor does anybody have us keep devices without end.
    assert_eq!(
        outcome(&send(&door, BEGIN, "", &[("client_id", "tv"), ("scope", "openid")]).await),
        "429 too_many_attempts"
    );
    let mut nobody = door.person();
    door.clock.advance(3600);
    for _ in 0..200 {
        let page = nobody.client.navigate(&at(&door, "/device", &[("code", "EAAA-AAAA")])).await.unwrap();
        assert_eq!(page.url.path(), "/login", "nobody learns anything without signing in");
    }
    let page = ada.open(&at(&door, "/device", &[("code", "<script>")])).await.unwrap();
    assert!(
        page.text().contains("can&#39;t be a code") && !page.text().contains("<script>"),
        "{}",
        page.text()
    );
}
