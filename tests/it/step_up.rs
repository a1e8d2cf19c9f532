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
