//! What we vouch for and what we lend: signed assertions, and credentials of ours.

use std::{net::SocketAddr, sync::atomic::Ordering};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use doorward_core::{
    policy::{Guard, Key, Posture, Scope},
    service::{Credential, CredentialValue, Disclosure, Service},
    token::HashedSecret,
};

use crate::{
    harness::{ADA, Gate, Setup, guard, service},
    sessions::ada,
    upstream::{ByHand, Echo},
    wire::Head,
};

const ASSERTION: &str = "x-doorward-assertion";
const SECRET: &str = "our-own-key-0123456789";

fn credential(name: &str, prefix: &str) -> Credential {
    let value = CredentialValue::new(prefix, SECRET.as_bytes());
    Credential {
        name: name.parse().unwrap(),
        file: "key".into(),
        prefix: prefix.to_owned(),
        with_keys: false,
        value,
    }
}

/// notes and wiki get an assertion and nothing else; lent gets our credentials, with a path that is open; www is public
/// and would get everything if anything were wrong.
fn services(upstream: SocketAddr) -> Vec<Service> {
    let vouched = || Disclosure { assertion: true, ..Disclosure::default() };
    let lent = || Disclosure {
        credentials: vec![credential("x-api-key", ""), credential("authorization", "Bearer ")],
        ..Disclosure::default()
    };
    let open = Scope::below(["/open"]);
    let gated = guard(service("lent", upstream).guard.posture);
    vec![
        Service { disclosure: vouched(), ..service("notes", upstream) },
        Service { disclosure: vouched(), ..service("wiki", upstream) },
        Service {
            disclosure: lent(),
            guard: Guard { bypass: vec![open], ..gated },
            ..service("lent", upstream)
        },
        Service {
            disclosure: Disclosure { assertion: true, ..lent() },
            guard: guard(Posture::Public),
            ..service("www", upstream)
        },
        Service { disclosure: Disclosure::default(), ..service("other", upstream) },
    ]
}

fn gate(upstream: SocketAddr) -> Gate {
    let gate = Gate::with(Setup::default(), services(upstream));
    for host in ["notes.test", "wiki.test", "lent.test", "other.test"] {
        gate.sessions.sign_in(ADA, host, ada(&["users", "family"]));
    }
    gate
}

async fn seen(gate: &Gate, host: &str, path: &str, lines: &str) -> Head {
    let lines = format!("Cookie: __Host-doorward={ADA}\r\n{lines}");
    gate.connect().await.get(host, path, &lines).await.echoed()
}

/// What an assertion states.
fn claims(seen: &Head) -> serde_json::Value {
    let token = seen.one(ASSERTION).expect("an assertion");
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap()
}

/// An assertion names the one service that may believe it, and comes on requests that rest on a person only.
#[tokio::test]
async fn impossible_3_an_assertion_is_for_one_service() {
    let echo = Echo::start().await;
    let gate = gate(echo.address);
    for (host, audience) in [("notes.test", "https://notes.test"), ("wiki.test", "https://wiki.test")] {
        let claims = claims(&seen(&gate, host, "/", "").await);
        assert_eq!(claims["aud"], audience);
        assert_eq!(
            (&claims["iss"], &claims["preferred_username"]),
            (&"https://id.test".into(), &"ada".into())
        );
    }
    assert_eq!(seen(&gate, "www.test", "/", "").await.one(ASSERTION), None);
    assert_eq!(seen(&gate, "other.test", "/", "").await.one(ASSERTION), None);
}

#[tokio::test]
async fn impossible_2_h_13_a_forged_assertion_never_arrives() {
    let echo = Echo::start().await;
    let gate = gate(echo.address);
    let forged =
        "X-Doorward-Assertion: forged\r\nX_Doorward_Assertion: forged\r\nx.doorward-assertion: forged\r\n";
    let notes = seen(&gate, "notes.test", "/", forged).await;
    assert!(notes.names().all(|name| name == ASSERTION || !name.contains("assertion")));
    assert_eq!(claims(&notes)["aud"], "https://notes.test");
    for host in ["www.test", "other.test"] {
        assert!(
            seen(&gate, host, "/", forged).await.names().all(|name| !name.contains("assertion")),
            "{host}"
        );
    }
}

/// Nothing is signed for a request: once for a session and service, again when half of its life is over.
#[tokio::test]
async fn an_assertion_is_signed_once_in_a_while() {
    let echo = Echo::start().await;
    let gate = gate(echo.address);
    let token =
        async |gate: &Gate| seen(gate, "notes.test", "/", "").await.one(ASSERTION).unwrap().to_owned();
    let first = token(&gate).await;
    for _ in 0..5 {
        assert_eq!(token(&gate).await, first);
    }
    // Somebody else changes: Ada is read anew, and nothing else is to be said about her.
    gate.sessions.sign_in(ADA, "notes.test", ada(&["users", "family"]));
    gate.clock.advance(149);
    assert_eq!(token(&gate).await, first);
    assert_eq!(gate.asserter.signed.load(Ordering::SeqCst), 1);
    gate.clock.advance(1);
    let second = token(&gate).await;
    assert_ne!(second, first, "renewed long before it expires");
    gate.sessions.sign_in(ADA, "notes.test", ada(&["users"]));
    let third = claims(&seen(&gate, "notes.test", "/", "").await);
    assert_eq!(third["groups"], serde_json::json!(["users"]), "a change of groups is stated at once");
    assert_eq!(gate.asserter.signed.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn t_5_what_can_not_be_vouched_for_is_not_forwarded() {
    let echo = Echo::start().await;
    let gate = gate(echo.address);
    gate.asserter.down.store(true, Ordering::SeqCst);
    let lines = format!("Cookie: __Host-doorward={ADA}\r\n");
    assert_eq!(gate.connect().await.get("notes.test", "/", &lines).await.status, 503);
    assert_eq!(gate.connect().await.get("other.test", "/", &lines).await.status, 200);
    assert_eq!(echo.requests(), 1);
}

#[tokio::test]
async fn a_websocket_carries_the_assertion_too() {
    let upstream = ByHand::start().await;
    let gate = gate(upstream.address);
    let mut wire = gate.connect().await;
    wire.send(format!(
        "GET /live HTTP/1.1\r\nHost: notes.test\r\nCookie: __Host-doorward={ADA}\r\nOrigin: https://notes.test\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nX-Doorward-Assertion: forged\r\n\r\n"
    ))
    .await;
    let head = upstream.accept().await.head().await;
    assert_eq!(head.one("upgrade"), Some("websocket"));
    assert_eq!(claims(&head)["aud"], "https://notes.test");
}

/// R91: our credentials go along with requests that rest on a person, and with no other.
#[tokio::test]
async fn r_91_our_credentials_are_lent_to_people_only() {
    let echo = Echo::start().await;
    let gate = gate(echo.address);
    let lent = seen(&gate, "lent.test", "/", "").await;
    assert_eq!(lent.one("x-api-key"), Some(SECRET));
    assert_eq!(lent.one("authorization"), Some("Bearer our-own-key-0123456789"));
    for (host, path) in [("lent.test", "/open"), ("www.test", "/"), ("other.test", "/")] {
        let seen = seen(&gate, host, path, "").await;
        assert_eq!((seen.one("x-api-key"), seen.one("authorization")), (None, None), "{host}{path}");
    }
    let answer = gate.connect().await.get("lent.test", "/", "").await;
    assert_eq!(answer.status, 401);
}

/// What the client sends under such a name is nobody's credential on any route of that service, and its own affair
/// elsewhere.
#[tokio::test]
async fn r_91_h_1_nobody_brings_a_credential_under_our_name() {
    let echo = Echo::start().await;
    let gate = gate(echo.address);
    let own = "X-Api-Key: theirs\r\nX_API_KEY: theirs\r\nx.api_key: theirs\r\nx%api~key: theirs\r\nAuthorization: Basic dGhlaXJz\r\n";
    let lent = seen(&gate, "lent.test", "/", own).await;
    assert_eq!(lent.one("x-api-key"), Some(SECRET));
    for (host, path) in [("lent.test", "/"), ("lent.test", "/open"), ("www.test", "/")] {
        let seen = seen(&gate, host, path, own).await;
        let theirs = |name: &&str| {
            seen.all(name).iter().any(|value| value.contains("their") || value.contains("Basic"))
        };
        assert_eq!(seen.names().find(theirs), None, "{host}{path}");
    }
    let other = seen(&gate, "other.test", "/", own).await;
    assert_eq!(other.one("x-api-key"), Some("theirs"), "another application's own key passes");
}

#[test]
fn impossible_12_a_credential_does_not_print() {
    let printed = format!("{:?}", credential("x-api-key", "Bearer "));
    assert!(!printed.contains(SECRET), "{printed}");
}

/// Programs with a key of the service are lent nothing unless that is declared.
#[tokio::test]
async fn r_91_keys_are_lent_what_is_declared_for_keys() {
    let echo = Echo::start().await;
    let secret = HashedSecret::of(b"0123456789abcdef0123456789abcdef");
    let (name, header) = ("backup".into(), "x-backup".parse().unwrap());
    let key = Key { name, header, secret, scope: Scope::everything() };
    let mut lent = service("lent", echo.address);
    lent.guard.keys = vec![key];
    let for_keys = Credential { with_keys: true, ..credential("x-for-keys", "") };
    lent.disclosure.credentials = vec![credential("x-for-people", ""), for_keys];
    let gate = Gate::with(Setup::default(), vec![lent]);
    let line = "X-Backup: 0123456789abcdef0123456789abcdef\r\nX-For-People: theirs\r\n";
    let seen = gate.connect().await.get("lent.test", "/", line).await.echoed();
    assert_eq!((seen.one("x-for-keys"), seen.one("x-for-people")), (Some(SECRET), None));
    assert_eq!(seen.one("x-backup"), None);
}
