//! Rules of a service by the front door: a passkey once more, and people whom only a rule lets in.

use crate::{
    door::{Door, STANDARD},
    wire::{self, head},
};

const BANK: &str = r#"
[policies.board]
groups = ["board"]

[services.bank]
upstream = "http://UPSTREAM"
posture = "sso"
policy = "users"
rules = [
    { paths = ["/pay"], step_up = "10m" },
    { paths = ["/board"], policy = "board" },
    { paths = ["/closed"], deny = true },
]
"#;

async fn program(door: &Door, host: &str, target: &str, lines: &str) -> wire::Reply {
    let reply = wire::ask(door.address(), head("GET", target, &format!("{host}.localhost"), lines)).await;
    reply.unwrap_or_else(|| panic!("{host}{target}: no answer"))
}

#[tokio::test]
async fn w_7_a_rule_has_a_passkey_used_once_more_and_leads_back() {
    let door = Door::with(&format!("{STANDARD}{BANK}")).await;
    let mut ada = door.administrator().await;
    let pay = door.url("bank", "/pay?to=eve");
    assert_eq!(ada.open(&pay).await.unwrap().status, 200, "the sign-in is fresh");
    door.clock.advance(601);
    let page = ada.open(&pay).await.unwrap();
    assert!(page.url.as_str().contains("/login?") && page.query("fresh").is_some(), "{}", page.url);
    assert_eq!(ada.open(&door.url("bank", "/")).await.unwrap().status, 200, "the rest stays open meanwhile");
    let page = ada.open_signed_in(&pay).await.unwrap();
    assert_eq!((page.status.as_u16(), page.url.as_str()), (200, pay.as_str()));
    assert_eq!(ada.open(&pay).await.unwrap().status, 200);
    assert_eq!(ada.open(&door.url("bank", "/closed")).await.unwrap().status, 403);
}

/// RFC 9470: a program is told what is missing, and a handoff that leaves it out leads to a session that is refused.
#[tokio::test]
async fn w_7_a_program_is_told_to_step_up() {
    let door = Door::with(&format!("{STANDARD}{BANK}")).await;
    let mut ada = door.administrator().await;
    assert_eq!(ada.open(&door.url("bank", "/")).await.unwrap().status, 200);
    door.clock.advance(601);
    let session = ada.client.jar.cookie("bank.localhost", "__Host-doorward").unwrap().to_owned();
    let answer = program(&door, "bank", "/pay", &format!("Cookie: __Host-doorward={session}\r\n")).await;
    assert_eq!(answer.status, 401);
    let challenge = answer.header("www-authenticate").unwrap_or_default();
    assert!(challenge.contains("error=\"insufficient_user_authentication\""), "{challenge}");
    assert!(challenge.contains("max_age=\"600\""), "{challenge}");
    let body: serde_json::Value = serde_json::from_str(&answer.text()).unwrap();
    assert_eq!((&body["error"], &body["max_age"]), (&"step_up_required".into(), &600.into()));
    // The sign-in without its age: back with a session as old as before.
    let page = ada.open(&door.url("bank", "/.doorward/sign-in?return_to=/")).await.unwrap();
    assert_eq!(page.status, 200);
    let session = ada.client.jar.cookie("bank.localhost", "__Host-doorward").unwrap().to_owned();
    let answer = program(&door, "bank", "/pay", &format!("Cookie: __Host-doorward={session}\r\n")).await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn impossible_1_a_rules_policy_lets_in_to_its_paths_and_no_others() {
    let door = Door::with(&format!("{STANDARD}{BANK}")).await;
    let mut ada = door.administrator().await;
    let mut bea = door.member(&mut ada, "bea", "board").await;
    assert_eq!(bea.open(&door.url("bank", "/board")).await.unwrap().status, 200);
    assert_eq!(bea.open(&door.url("bank", "/")).await.unwrap().status, 403);
    assert_eq!(ada.open(&door.url("bank", "/board")).await.unwrap().status, 403);
    assert_eq!(ada.open(&door.url("bank", "/boards")).await.unwrap().status, 200);
}

/// Opens a page with a session that somebody kept, without any cookie beside it; the status.
async fn with_kept(door: &Door, host: &str, target: &str, session: &str) -> u16 {
    program(door, host, target, &format!("Cookie: __Host-doorward={session}\r\n")).await.status
}

#[tokio::test]
async fn e_8_a_fresh_passkey_counts_for_its_own_session_only() {
    let door = Door::with(&format!("{STANDARD}{BANK}")).await;
    let mut ada = door.administrator().await;
    let (bank, notes) = (door.url("bank", "/"), door.url("notes", "/"));
    assert_eq!(ada.open(&bank).await.unwrap().status, 200);
    let kept = ada.client.jar.cookie("bank.localhost", "__Host-doorward").unwrap().to_owned();
    door.clock.advance(601);
    // The same person uses the passkey in another browser.
    let mut other = door.person();
    other.authenticator = ada.authenticator.clone();
    let pay = door.url("bank", "/pay");
    assert_eq!(other.open_signed_in(&pay).await.unwrap().status, 200);
    assert_eq!(other.open(&notes).await.unwrap().status, 200);
    assert_eq!(with_kept(&door, "bank", "/pay", &kept).await, 401, "that was another session");
    assert_eq!(with_kept(&door, "bank", "/", &kept).await, 200, "which goes on as before");
    // The way to a new session of this host leads over the passkey as long as nobody used it in this browser.
    let page = ada.open(&door.url("bank", "/.doorward/sign-in?return_to=/pay")).await.unwrap();
    assert!(page.url.as_str().contains("/login?"), "{}", page.url);
    // The fresh session of another host, at this one.
    let foreign = other.client.jar.cookie("notes.localhost", "__Host-doorward").unwrap().to_owned();
    assert_eq!(with_kept(&door, "bank", "/pay", &foreign).await, 401);
    // After the passkey was used here, what was kept from before stays as old as it was, or has ended.
    assert_eq!(ada.open_signed_in(&pay).await.unwrap().status, 200);
    assert_eq!(with_kept(&door, "bank", "/pay", &kept).await, 401);
}
