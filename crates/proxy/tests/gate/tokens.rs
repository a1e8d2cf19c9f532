//! Tokens that people made for their programs.

use std::{net::SocketAddr, sync::Arc};

use doorward_core::{
    id::PersonalTokenId,
    policy::{Bearer, Guard, Scope},
    service::{Credential, CredentialValue, Service},
    token::{Personal, Plain},
};

use crate::{
    harness::{ADA, Gate, Setup, service},
    sessions::ada,
    upstream::{ByHand, Echo},
    wire::{Answer, Wire},
};

/// notes takes tokens and lends a key, with a path that is open; vault takes none.
fn services(upstream: SocketAddr) -> Vec<Service> {
    let mut notes = service("notes", upstream);
    notes.guard = Guard { tokens: true, bypass: vec![Scope::below(["/open"])], ..notes.guard };
    let value = CredentialValue::new("", b"our-own-key-0123456789");
    let (name, prefix) = ("x-lent".parse().unwrap(), String::new());
    notes.disclosure.credentials =
        vec![Credential { name, file: "key".into(), prefix, with_keys: false, value }];
    vec![notes, service("vault", upstream)]
}

fn bearer(groups: &[&str], scope: Scope) -> Arc<Bearer> {
    Arc::new(Bearer { id: PersonalTokenId::from_random([4; 16]), identity: Arc::new(ada(groups)), scope })
}

/// A gate, and a token of Ada's for notes.
fn gate(upstream: SocketAddr, groups: &[&str], scope: Scope) -> (Gate, String) {
    let gate = Gate::with(Setup::default(), services(upstream));
    let token = Plain::<Personal>::from_random([6; 32]);
    gate.sessions.give_token(&token.hash(), "notes", bearer(groups, scope));
    (gate, token.expose().to_owned())
}

async fn ask(gate: &Gate, host: &str, path: &str, lines: &str) -> Answer {
    gate.connect().await.get(host, path, lines).await
}

#[tokio::test]
async fn r_74_a_token_stands_in_the_place_of_a_session() {
    let echo = Echo::start().await;
    let (gate, token) = gate(echo.address, &["users", "family"], Scope::everything());
    for line in [format!("Authorization: Bearer {token}\r\n"), format!("X-Api-Key: {token}\r\n")] {
        let seen = ask(&gate, "notes.test", "/", &line).await.echoed();
        assert_eq!((seen.one("remote-user"), seen.one("remote-groups")), (Some("ada"), Some("family,users")));
        assert_eq!(seen.one("x-lent"), Some("our-own-key-0123456789"), "it rests on a person");
        assert!(seen.names().all(|name| name != "authorization" && name != "x-api-key"), "it stays with us");
    }
    let post = format!(
        "POST / HTTP/1.1\r\nHost: notes.test\r\nAuthorization: Bearer {token}\r\nOrigin: https://evil.test\r\nContent-Length: 0\r\n\r\n"
    );
    let mut wire = gate.connect().await;
    wire.send(post).await;
    assert_eq!(wire.answer().await.status, 200, "no other site can have a token sent");
}

/// A wrong token is refused also where nothing is needed, and beside a session that would do.
#[tokio::test]
async fn r_74_a_wrong_token_falls_through_to_nothing() {
    let echo = Echo::start().await;
    let (gate, token) = gate(echo.address, &["users"], Scope::everything());
    let other = Plain::<Personal>::from_random([7; 32]);
    let session = format!("Cookie: __Host-doorward={ADA}\r\n");
    for wrong in [
        format!("Authorization: Bearer {}\r\n", other.expose()),
        format!("Authorization: Bearer {token}x\r\n"),
        "X-Api-Key: dw_k_\r\n".to_owned(),
        format!("X-Api-Key: {token}\r\nAuthorization: Bearer {token}\r\n"),
    ] {
        for path in ["/", "/open"] {
            let answer = ask(&gate, "notes.test", path, &format!("{session}{wrong}")).await;
            assert_eq!(
                (answer.status, answer.body.as_str()),
                (403, "denied: token_unknown"),
                "{path} {wrong}"
            );
        }
    }
    assert_eq!(echo.requests(), 0);
    let theirs = "Authorization: Bearer theirs\r\nX-Api-Key: theirs\r\n";
    let seen = ask(&gate, "notes.test", "/open", theirs).await.echoed();
    assert_eq!((seen.one("authorization"), seen.one("x-api-key")), (Some("Bearer theirs"), Some("theirs")));
}

#[tokio::test]
async fn impossible_3_e_2_a_token_opens_what_its_person_may_and_its_scope_covers() {
    let echo = Echo::start().await;
    let (gate, token) = gate(echo.address, &["users"], Scope::below(["/api"]));
    let line = format!("Authorization: Bearer {token}\r\n");
    assert_eq!(ask(&gate, "notes.test", "/api/x", &line).await.status, 200);
    for (path, code) in
        [("/", "denied: token_path"), ("/apis", "denied: token_path"), ("/open", "denied: token_path")]
    {
        assert_eq!(ask(&gate, "notes.test", path, &line).await.body, code, "{path}");
    }
    assert_eq!(ask(&gate, "vault.test", "/api/x", &line).await.status, 401, "a service that takes none");
    let stranger = Plain::<Personal>::parse(&token).unwrap();
    gate.sessions.give_token(&stranger.hash(), "notes", bearer(&["guests"], Scope::everything()));
    assert_eq!(ask(&gate, "notes.test", "/api/x", &line).await.body, "denied: group");
    assert_eq!(echo.requests(), 1);
}

/// O-24: the end of a token ends what is open by it.
#[tokio::test]
async fn e_11_o_24_a_stream_ends_with_its_token() {
    let upstream = ByHand::start().await;
    let (gate, token) = gate(upstream.address, &["users"], Scope::everything());
    let mut wire: Wire = gate.connect().await;
    wire.send(format!("GET /events HTTP/1.1\r\nHost: notes.test\r\nX-Api-Key: {token}\r\n\r\n")).await;
    let mut served = upstream.accept().await;
    served.head().await;
    served.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").await;
    wire.head().await;
    served.send("3\r\none\r\n").await;
    assert_eq!(wire.chunk().await, "one");
    gate.sessions.touch();
    served.send("3\r\ntwo\r\n").await;
    assert_eq!(wire.chunk().await, "two", "what does not concern it");
    gate.sessions.take_token(&Plain::<Personal>::parse(&token).unwrap().hash(), "notes");
    assert_eq!(wire.rest().await, "", "cut off, not completed");
}

#[tokio::test]
async fn impossible_6_tokens_that_can_not_be_asked_about_are_not_unknown() {
    let echo = Echo::start().await;
    let (gate, token) = gate(echo.address, &["users"], Scope::everything());
    gate.sessions.down.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(ask(&gate, "notes.test", "/", &format!("X-Api-Key: {token}\r\n")).await.status, 503);
}
