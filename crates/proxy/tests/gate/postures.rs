//! Keys, passwords, rules and redirects, as they are on the wire.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use doorward_core::{
    http::origin::Origin,
    policy::{Effect, Guard, Key, Posture, Realm, Rule, Scope},
    service::{Backend, Redirect, Service},
    time::{Clock as _, Lifetime, UnixTime},
    token::HashedSecret,
};
use doorward_testkit::TestClock;

use crate::{
    harness::{ADA, Gate, Setup, guard, service, usual},
    upstream::Echo,
    wire::Wire,
};

const KEY: &str = "kq3v9ZbT0Ye4Xw7LmNc2Rf";

fn key(header: &str, scope: Scope) -> Key {
    let secret = HashedSecret::of(KEY.as_bytes());
    Key { name: "backup".into(), header: header.parse().unwrap(), secret, scope }
}

/// notes with keys in both headers for `/api`, which is open to here as well.
fn keyed(upstream: std::net::SocketAddr) -> Vec<Service> {
    let mut notes = service("notes", upstream);
    notes.guard.keys =
        vec![key("x-api-key", Scope::below(["/api"])), key("authorization", Scope::below(["/api"]))];
    notes.guard.bypass = vec![Scope::below(["/api/health"])];
    vec![notes, service("other", upstream)]
}

#[tokio::test]
async fn h_1_a_key_opens_and_is_taken_away() {
    let echo = Echo::start().await;
    let gate = Gate::with(Setup::default(), keyed(echo.address));
    let mut wire = gate.connect().await;
    for line in
        [format!("X-Api-Key: {KEY}\r\nX_Api_Key: {KEY}\r\n"), format!("Authorization: Bearer {KEY}\r\n")]
    {
        let seen =
            wire.get("notes.test", "/api/backup", &format!("{line}Remote-User: root\r\n")).await.echoed();
        for name in ["x-api-key", "x_api_key", "authorization", "remote-user"] {
            assert_eq!(seen.all(name), Vec::<&str>::new(), "{line}");
        }
    }
    // An application's own, where none is declared, and of another scheme.
    let session = format!("Cookie: __Host-doorward={ADA}\r\n");
    let lines = format!("{session}Authorization: Basic YTpi\r\n");
    let seen = wire.get("notes.test", "/", &lines).await.echoed();
    assert_eq!(seen.one("authorization"), Some("Basic YTpi"));
    gate.sessions.sign_in(ADA, "other.test", crate::sessions::ada(&["users"]));
    let lines = format!("{session}X-Api-Key: its-own\r\nAuthorization: Bearer its-own\r\n");
    let seen = wire.get("other.test", "/", &lines).await.echoed();
    assert_eq!((seen.one("x-api-key"), seen.one("authorization")), (Some("its-own"), Some("Bearer its-own")));
}

/// Impossible 1: neither a bypass nor a session makes up for a key that is wrong.
#[tokio::test]
async fn impossible_1_a_wrong_key_falls_through_to_nothing() {
    let echo = Echo::start().await;
    let gate = Gate::with(Setup::default(), keyed(echo.address));
    let mut wire = gate.connect().await;
    let session = format!("Cookie: __Host-doorward={ADA}\r\n");
    assert_eq!(wire.get("notes.test", "/api/health", "").await.status, 200);
    assert_eq!(wire.get("notes.test", "/", &session).await.status, 200);
    let before = echo.requests();
    for (path, lines) in [
        ("/api/health", "X-Api-Key: wrong\r\n".to_owned()),
        ("/api/health", "X-Api-Key:\r\n".to_owned()),
        ("/", format!("{session}X-Api-Key: wrong\r\n")),
        ("/", format!("{session}X-Api-Key: {KEY}\r\n")),
        ("/", format!("{session}Authorization: Bearer wrong\r\n")),
        ("/api/health", format!("X-Api-Key: {KEY}\r\nX-Api-Key: {KEY}\r\n")),
    ] {
        let answer = wire.get("notes.test", path, &lines).await;
        assert_eq!(answer.status, 401, "{path} {lines}");
    }
    assert_eq!(echo.requests(), before);
}

/// Audit 8: guesses run out, and what is right is not locked out with them.
#[tokio::test]
async fn audit_8_guesses_of_keys_run_out() {
    let echo = Echo::start().await;
    let gate = Gate::with(Setup::default(), keyed(echo.address));
    let mut wire = gate.connect().await;
    let mut statuses = Vec::new();
    for number in 0..40 {
        statuses.push(wire.get("notes.test", "/api", &format!("X-Api-Key: guess{number}\r\n")).await.status);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 30);
    assert_eq!(statuses.last(), Some(&429));
    assert_eq!(wire.get("notes.test", "/api", &format!("X-Api-Key: {KEY}\r\n")).await.status, 200);
    assert_eq!(wire.get("notes.test", "/api/health", "").await.status, 200, "who presents none is not meant");
}

/// `ada:correct horse` and `bob:battery staple`.
const USERS: &str = include_str!("../../../core/src/policy/tests/users.htpasswd");

fn with_passwords(upstream: std::net::SocketAddr, users: &str) -> Service {
    let mut realm = Realm::new("Home".to_owned(), Some("x-login".parse().unwrap()));
    realm.read(users).unwrap();
    Service { guard: guard(Posture::Basic(Arc::new(realm))), ..service("luna", upstream) }
}

async fn log_in(wire: &mut Wire, pair: &str, more: &str) -> crate::wire::Answer {
    let line = format!("Authorization: Basic {}\r\n{more}", STANDARD.encode(pair));
    wire.get("luna.test", "/", &line).await
}

#[tokio::test]
async fn impossible_1_a_password_opens_and_is_taken_away() {
    let echo = Echo::start().await;
    let gate = Gate::with(Setup::default(), vec![with_passwords(echo.address, USERS)]);
    let mut wire = gate.connect().await;
    assert_eq!(wire.get("luna.test", "/", "").await.status, 401);
    let session = format!("Cookie: __Host-doorward={ADA}\r\n");
    gate.sessions.sign_in(ADA, "luna.test", crate::sessions::ada(&["users"]));
    assert_eq!(wire.get("luna.test", "/", &session).await.status, 401, "a session is no password");
    for _ in 0..2 {
        for (pair, name) in [("ada:correct horse", "ada"), ("bob:battery staple", "bob")] {
            let seen = log_in(&mut wire, pair, "X-Login: root\r\nX_Login: root\r\n").await.echoed();
            assert_eq!((seen.one("x-login"), seen.all("x_login").len()), (Some(name), 0));
            assert_eq!(seen.one("authorization"), None);
            assert_eq!(seen.one("remote-user"), None, "it is no person of ours");
        }
    }
    let before = echo.requests();
    for pair in ["ada:battery staple", "eve:correct horse", "ada:", ":", "ada"] {
        assert_eq!(log_in(&mut wire, pair, "").await.status, 401, "{pair}");
    }
    assert_eq!(log_in(&mut wire, "ada:correct horse", "Sec-Fetch-Site: cross-site\r\n").await.status, 200);
    wire.send(format!(
        "POST / HTTP/1.1\r\nHost: luna.test\r\nContent-Length: 0\r\nSec-Fetch-Site: cross-site\r\nAuthorization: Basic {}\r\n\r\n",
        STANDARD.encode("ada:correct horse")
    ))
    .await;
    assert_eq!(wire.answer().await.status, 403, "another site used the password that the browser remembers");
    assert_eq!(echo.requests(), before + 1);
}

/// A remembered password ends with its line in the file.
#[tokio::test]
async fn e_2_a_changed_file_of_passwords_counts_from_the_next_request() {
    let echo = Echo::start().await;
    let gate = Gate::with(Setup::default(), vec![with_passwords(echo.address, USERS)]);
    let mut wire = gate.connect().await;
    assert_eq!(log_in(&mut wire, "ada:correct horse", "").await.status, 200);
    let without: Vec<&str> = USERS.lines().filter(|line| !line.starts_with("ada:")).collect();
    let without = without.join("\n");
    let changed = crate::harness::config(vec![with_passwords(echo.address, &without)], &[]);
    gate.config.store(Arc::new(changed));
    assert_eq!(log_in(&mut wire, "ada:correct horse", "").await.status, 401);
    assert_eq!(log_in(&mut wire, "bob:battery staple", "").await.status, 200);
}

#[tokio::test]
async fn audit_8_guesses_of_passwords_run_out() {
    let echo = Echo::start().await;
    let gate = Gate::with(Setup::default(), vec![with_passwords(echo.address, USERS)]);
    let mut wire = gate.connect().await;
    assert_eq!(log_in(&mut wire, "bob:battery staple", "").await.status, 200);
    let mut last = 0;
    for number in 0..31 {
        last = log_in(&mut wire, &format!("ada:{number}"), "").await.status;
    }
    assert_eq!(last, 429);
    assert_eq!(
        log_in(&mut wire, "ada:correct horse", "").await.status,
        429,
        "a guess that is right is one too many"
    );
    assert_eq!(
        log_in(&mut wire, "bob:battery staple", "").await.status,
        200,
        "what was right before stays so"
    );
}

#[tokio::test]
async fn r_8_a_redirect_leads_to_its_own_origin_whatever_is_asked() {
    let to = Origin::parse("https://apex.test").unwrap();
    let lead = |name: &str, permanent| {
        let backend = Backend::Redirect(Redirect { to: to.clone(), permanent });
        let unused = "127.0.0.1:9".parse().unwrap();
        Service { backend, guard: guard(Posture::Redirect), ..service(name, unused) }
    };
    let gate = Gate::with(Setup::default(), vec![lead("www", true), lead("tmp", false)]);
    let mut wire = gate.connect().await;
    for (host, path, status, location) in [
        ("www.test", "/", 301, "https://apex.test/"),
        ("www.test", "/a/b?x=1&y=%0d%0aX:1", 301, "https://apex.test/a/b?x=1&y=%0d%0aX:1"),
        ("www.test", "/x//evil.test", 301, "https://apex.test/x/evil.test"),
        ("www.test", "/@evil.test", 301, "https://apex.test/@evil.test"),
        ("tmp.test", "/?next=https://evil.test", 302, "https://apex.test/?next=https://evil.test"),
    ] {
        let answer = wire.get(host, path, "").await;
        assert_eq!((answer.status, answer.head.one("location")), (status, Some(location)), "{path}");
    }
    for (host, status) in [("www.test", 308), ("tmp.test", 307)] {
        wire.send(format!("POST /form HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n")).await;
        assert_eq!(wire.answer().await.status, status);
    }
    for ambiguous in ["//evil.test/x", "/%0d%0aLocation:x", "/\\evil.test"] {
        let answer = gate.connect().await.get("www.test", ambiguous, "").await;
        assert_eq!((answer.status, answer.head.one("location")), (400, None), "{ambiguous}");
    }
}

#[tokio::test]
async fn w_7_a_rule_demands_a_fresh_passkey_and_closes_paths() {
    let echo = Echo::start().await;
    let require = |step_up| Effect::Require { policy: None, step_up: Some(Lifetime(step_up)) };
    let rules = vec![
        Rule { scope: Scope::below(["/closed"]), effect: Effect::Deny },
        Rule { scope: Scope::below(["/pay"]), effect: require(60) },
        Rule { scope: Scope::below(["/slow"]), effect: require(86_400) },
    ];
    let notes = service("notes", echo.address);
    let notes = Service { guard: Guard { rules, ..notes.guard.clone() }, ..notes };
    let gate = Gate::with(Setup::default(), vec![notes]);
    let signed_in = |token: &str, seconds: i64| {
        let mut person = crate::sessions::ada(&["users"]);
        person.context.auth_time = UnixTime(TestClock::default().now().0 - seconds);
        gate.sessions.sign_in(token, "notes.test", person);
    };
    signed_in("dw_s_old", 61);
    signed_in("dw_s_new", 60);
    let session = "Cookie: __Host-doorward=dw_s_old\r\n";
    let mut wire = gate.connect().await;
    for (path, more, status) in [
        ("/", "", 200),
        ("/slow", "", 200),
        ("/pay", "", 401),
        ("/pay", "Accept: text/html\r\n", 303),
        ("/closed", "Accept: text/html\r\n", 403),
    ] {
        let answer = wire.get("notes.test", path, &format!("{session}{more}")).await;
        assert_eq!(answer.status, status, "{path} {more}");
    }
    let fresh = "Cookie: __Host-doorward=dw_s_new\r\n";
    assert_eq!(wire.get("notes.test", "/pay", fresh).await.status, 200);
    assert_eq!(wire.get("notes.test", "/closed", fresh).await.status, 403);
}

/// P-12: what a method may not do, no header makes it do.
#[tokio::test]
async fn p_12_a_rule_for_a_method_is_not_got_around_by_a_header() {
    let echo = Echo::start().await;
    let deleting = Scope { methods: Some(vec![http::Method::DELETE]), ..Scope::everything() };
    let mut services = usual(echo.address);
    for service in &mut services {
        service.guard.rules = vec![Rule { scope: deleting.clone(), effect: Effect::Deny }];
    }
    let gate = Gate::with(Setup::default(), services);
    let mut wire = gate.connect().await;
    for name in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override", "X_HTTP_Method_Override"] {
        let seen = wire.get("www.test", "/", &format!("{name}: DELETE\r\n")).await.echoed();
        assert_eq!(seen.all(&name.to_lowercase()), Vec::<&str>::new());
    }
    wire.send("DELETE / HTTP/1.1\r\nHost: www.test\r\n\r\n").await;
    assert_eq!(wire.answer().await.status, 403, "the rule counts for an open service too");
}
