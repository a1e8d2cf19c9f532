//! Which requests a rule or a bypass is about, and a service whose shield is down, by the front door.

use doorward_visitor::Request;

use crate::{
    door::{Door, STANDARD},
    wire::{self, head},
};

const DECLARED: &str = r#"
[policies.board]
groups = ["board"]

[services.mixed]
title = "Mixed"
upstream = "http://UPSTREAM"
posture = "sso"
policy = "users"
rules = [
    { regexes = ["(?i)/vault-[0-9]+(/.*)?"], policy = "board" },
    { methods = ["DELETE"], deny = true },
    { paths = ["/office"], networks = ["127.0.0.2/32"], deny = true },
    { paths = ["/pay"], step_up = "10m" },
]
bypass = [{ paths = ["/ping"], regexes = ["/[^/]+/feed"], networks = ["127.0.0.1/32"], methods = ["GET"] }]

[services.shielded]
upstream = "http://UPSTREAM"
posture = "sso"
policy = "users"

[services.unshielded]
upstream = "http://UPSTREAM"
posture = "sso"
policy = "users"
csrf_shield = false
"#;

async fn status(door: &Door, source: [u8; 4], request: (&str, &str, &str), session: &str) -> u16 {
    let (method, host, target) = request;
    let lines =
        if session.is_empty() { String::new() } else { format!("Cookie: __Host-doorward={session}\r\n") };
    let mut wire = wire::Wire::from(source.into(), door.address()).await;
    wire.send(head(method, target, &format!("{host}.localhost"), &format!("{lines}Content-Length: 0\r\n")))
        .await;
    wire.reply().await.unwrap().status
}

#[tokio::test]
async fn impossible_1_p_1_each_part_of_a_rule_or_bypass_counts() {
    let door = Door::with(&format!("{STANDARD}{DECLARED}")).await;
    let mut ada = door.administrator().await;
    assert_eq!(ada.open(&door.url("mixed", "/")).await.unwrap().status, 200);
    let session = ada.client.jar.cookie("mixed.localhost", "__Host-doorward").unwrap().to_owned();
    let (here, there) = ([127, 0, 0, 1], [127, 0, 0, 2]);
    for (source, method, target, expected) in [
        (here, "GET", "/vault-7", 403),
        (here, "GET", "/VAULT-7/x", 403),
        (here, "GET", "/x/vault-7", 200),
        (here, "GET", "/vault-x", 200),
        (here, "DELETE", "/", 403),
        (here, "POST", "/", 200),
        (there, "GET", "/office", 403),
        (here, "GET", "/office", 200),
        (there, "GET", "/offices", 200),
    ] {
        let found = status(&door, source, (method, "mixed", target), &session).await;
        assert_eq!(found, expected, "{source:?} {method} {target}");
    }
    for (source, method, target, expected) in [
        (here, "GET", "/ping", 200),
        (here, "GET", "/ada/feed", 200),
        (here, "GET", "/ada/feed?x=1", 200),
        (here, "GET", "/ada/feed/x", 401),
        (here, "GET", "/a/b/feed", 401),
        (here, "GET", "/?/ada/feed", 401),
        (here, "POST", "/ada/feed", 401),
        (there, "GET", "/ada/feed", 401),
        (there, "GET", "/ping", 401),
    ] {
        let found = status(&door, source, (method, "mixed", target), "").await;
        assert_eq!(found, expected, "nobody, {source:?} {method} {target}");
    }
}

#[tokio::test]
async fn e_16_the_shield_is_up_unless_a_service_takes_it_down() {
    let door = Door::with(&format!("{STANDARD}{DECLARED}")).await;
    let mut ada = door.administrator().await;
    for (host, expected) in [("shielded", 403), ("unshielded", 200)] {
        assert_eq!(ada.open(&door.url(host, "/")).await.unwrap().status, 200);
        let form = Request::form(&door.url(host, "/delete"), &[("id", "1")]).unwrap();
        // Another service on the same machine's names: the same site for browsers, and so with cookies.
        let form = form.from_page("http://www.localhost:8080");
        assert_eq!(ada.client.send(form).await.unwrap().status, expected, "{host}");
    }
}

/// A form that arrives after the passkey has become too old says that nothing was changed, and leads to the passkey.
#[tokio::test]
async fn w_7_a_form_that_comes_too_late_for_its_passkey_explains_itself() {
    let door = Door::with(&format!("{STANDARD}{DECLARED}")).await;
    let mut ada = door.administrator().await;
    let url = door.url("mixed", "/pay");
    assert_eq!(ada.open(&url).await.unwrap().status, 200);
    door.clock.advance(601);
    let form = Request::form(&url, &[("to", "eve")]).unwrap();
    let page = ada.client.send(form).await.unwrap();
    assert_eq!(page.status, 401);
    let text = page.text();
    assert!(text.contains("so nothing was changed") && text.contains("passkey again"), "{text}");
    let link = text.split("class=\"button\" href=\"").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let link = link.replace("&amp;", "&").replace("&#38;", "&");
    assert!(link.ends_with("/.doorward/sign-in?max_age=600"), "{link}");
    let next = ada.open(&link).await.unwrap();
    assert!(next.query("fresh").is_some(), "{}", next.url);
}
