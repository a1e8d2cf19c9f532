//! What another proxy is told that asks about each request.

use doorward_core::service::{Backend, Service};

use crate::{
    harness::{ADA, Gate, Setup, service, usual},
    postures::{KEY, keyed},
    upstream::Echo,
    wire::Answer,
};

const CADDY: &str = "/.doorward/auth/caddy";

/// A question as Caddy asks it.
fn about(method: &str, host: &str, target: &str) -> String {
    format!(
        "X-Forwarded-Method: {method}\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: {host}\r\n\
         X-Forwarded-Uri: {target}\r\nX-Forwarded-For: 198.51.100.10\r\n"
    )
}

fn signed_in() -> String {
    format!("Cookie: a=1; __Host-doorward={ADA}; b=2\r\n")
}

fn trusting(echo: &Echo) -> Gate {
    started(echo, true, &["127.0.0.0/8"])
}

fn started(echo: &Echo, asks: bool, trusted: &'static [&'static str]) -> Gate {
    let mut services = usual(echo.address);
    services.push(Service { backend: Backend::Elsewhere, ..service("away", echo.address) });
    let gate = Gate::with(Setup { trusted, asks, ..Setup::default() }, services);
    gate.sessions.sign_in(ADA, "away.test", crate::sessions::ada(&["users", "family"]));
    gate
}

async fn ask(gate: &Gate, path: &str, lines: &str) -> Answer {
    gate.connect().await.get("any.test", path, lines).await
}

#[tokio::test]
async fn h_8_a_permitted_request_has_the_persons_headers_and_nobody_elses() {
    let echo = Echo::start().await;
    let gate = trusting(&echo);
    for host in ["notes.test", "away.test", "NOTES.test:443"] {
        let lines =
            about("GET", host, "/x?y=1") + &signed_in() + "Remote-User: root\r\nRemote-Name: root\r\n";
        let answer = ask(&gate, CADDY, &lines).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{host}");
        assert_eq!(answer.head.one("remote-user"), Some("ada"));
        assert_eq!(answer.head.one("remote-groups"), Some("family,users"));
        assert_eq!(answer.head.one("cookie"), Some("a=1; b=2"));
        assert!(answer.head.one("grafana_login").is_some_and(|login| !login.is_empty()));
        for name in ["remote-email", "remote-name"] {
            assert_eq!(answer.head.one(name), Some(""), "Caddy copies what is there only");
        }
        let answer = ask(&gate, "/.doorward/auth/traefik", &lines).await;
        assert_eq!(answer.head.one("remote-user"), Some("ada"));
        assert_eq!(answer.head.one("remote-email"), None, "Traefik removes what is not there");
    }
    assert_eq!(echo.requests(), 0, "nothing is forwarded");
}

#[tokio::test]
async fn t_1_h_6_only_trusted_proxies_are_answered() {
    let echo = Echo::start().await;
    let gate = started(&echo, true, &[]);
    for path in [CADDY, "/.doorward/auth/nginx", "/.doorward/auth/envoy/", "/.doorward/auth/x"] {
        for host in ["notes.test", "any.test", "id.test"] {
            let lines = about("GET", "www.test", "/") + &signed_in();
            let answer = gate.connect().await.get(host, path, &lines).await;
            assert_eq!(answer.status, 403, "{path} {host}");
            assert!(answer.body.starts_with("untrusted_proxy"), "{}", answer.body);
            assert_eq!(answer.head.one("remote-user"), None);
        }
    }
}

#[tokio::test]
async fn the_gates_own_decision_is_the_answer() {
    let echo = Echo::start().await;
    let gate = trusting(&echo);
    let page = "Accept: text/html\r\n";
    let shield = format!("{}Sec-Fetch-Site: cross-site\r\n", signed_in());
    let socket = format!("{}Origin: https://evil.test\r\nSec-WebSocket-Key: x\r\n", signed_in());
    for (method, host, target, lines, status, reason) in [
        ("GET", "notes.test", "/", page, 303, "no_session"),
        ("GET", "notes.test", "/", "", 401, "no_session"),
        ("POST", "notes.test", "/", page, 401, "no_session"),
        ("GET", "www.test", "/", "", 200, ""),
        ("GET", "broken.test", "/", page, 503, "closed_regex"),
        ("GET", "far.test", "/api/health", "", 200, ""),
        ("POST", "far.test", "/api/health", "", 401, "no_session"),
        ("GET", "feeds.test", "/api/health", "", 401, "no_session"),
        ("POST", "notes.test", "/", &shield, 403, "cross_origin"),
        ("GET", "notes.test", "/", &shield, 200, ""),
        ("GET", "notes.test", "/", &socket, 403, "cross_origin"),
        ("GET", "other.test", "/", page, 421, "unknown_host"),
        ("GET", "id.test", "/", "", 403, "identity_host"),
        ("GET", "notes.test", "/.doorward/callback", "", 403, "reserved_path"),
        ("GET", "notes.test", "/.Doorward", "", 403, "reserved_path"),
        ("GET", "notes.test", "/%2e", "", 400, "malformed_request"),
    ] {
        let lines = about(method, host, target) + lines;
        let answer = ask(&gate, CADDY, &lines).await;
        let found = answer.head.one("x-doorward-reason").unwrap_or_default();
        assert_eq!((answer.status, found), (status, reason), "{method} {host}{target} {lines}");
    }
}

#[tokio::test]
async fn t_3_neither_user_agents_nor_addresses_of_health_open_anything() {
    let echo = Echo::start().await;
    let gate = trusting(&echo);
    for agent in ["kube-probe/1.30", "ELB-HealthChecker/2.0", "GoogleHC/1.0", "Envoy/HC", ""] {
        for target in ["/", "/healthz", "/ping", "/api/health"] {
            let lines = about("GET", "notes.test", target) + &format!("User-Agent: {agent}\r\n");
            assert_eq!(ask(&gate, CADDY, &lines).await.status, 401, "{agent} {target}");
        }
    }
}

#[tokio::test]
async fn h_12_odd_cookies_are_nobody() {
    let echo = Echo::start().await;
    let gate = trusting(&echo);
    let long = "x".repeat(20_000);
    for cookie in [
        "__Host-doorward=",
        "__Host-doorward",
        "__Host-doorward=\u{e9}",
        "__Host-doorward=%%%",
        "__Host-doorward=\"dw_s_ada\"",
        "__Host-doorward=dw_s_adaa",
        "__Host-doorward=DW_S_ADA",
        "doorward=dw_s_ada",
        ";;;=;",
        &format!("__Host-doorward={long}"),
    ] {
        let lines = about("GET", "notes.test", "/") + &format!("Cookie: {cookie}\r\n");
        assert_eq!(ask(&gate, CADDY, &lines).await.status, 401, "{cookie}");
    }
    for twice in [
        format!("Cookie: __Host-doorward={ADA}; __Host-doorward=x\r\n"),
        format!("Cookie: __Host-doorward={ADA}\r\nCookie: __Host-doorward={ADA}\r\n"),
    ] {
        let lines = about("GET", "notes.test", "/") + &twice;
        assert_eq!(ask(&gate, CADDY, &lines).await.status, 400);
        assert_eq!(ask(&gate, "/.doorward/auth/nginx", &nginx("/", &twice)).await.status, 403);
    }
}

fn nginx(target: &str, lines: &str) -> String {
    format!(
        "X-Original-Method: GET\r\nX-Original-URL: https://notes.test{target}\r\n\
         X-Forwarded-For: 198.51.100.10\r\n{lines}"
    )
}

#[tokio::test]
async fn nginx_hears_200_401_or_403_and_asks_again_for_the_rest() {
    let echo = Echo::start().await;
    let gate = trusting(&echo);
    let (question, answer) = ("/.doorward/auth/nginx", "/.doorward/auth/nginx/answer");
    for (target, lines, short, long) in [
        ("/", "Accept: text/html\r\n".to_owned(), 401, 303),
        ("/", String::new(), 401, 401),
        ("/%2e", String::new(), 403, 400),
        ("/", format!("{}X_Original_URL: x\r\n", signed_in()), 403, 400),
        ("/", signed_in(), 200, 303),
    ] {
        let lines = nginx(target, &lines);
        assert_eq!(ask(&gate, question, &lines).await.status, short, "{lines}");
        assert_eq!(ask(&gate, answer, &lines).await.status, long, "{lines}");
    }
    let passed = ask(&gate, answer, &nginx("/x?y", &signed_in())).await;
    assert_eq!(passed.head.one("location"), Some("https://notes.test/x?y"));
    assert_eq!(passed.head.one("remote-user"), None);
}

#[tokio::test]
async fn envoy_asks_with_the_request_itself() {
    let echo = Echo::start().await;
    let gate = trusting(&echo);
    let lines = "X-Doorward-Client: 198.51.100.10\r\nX-Forwarded-Proto: https\r\nRemote_User: root\r\n";
    let lines = format!("{lines}{}", signed_in());
    let mut wire = gate.connect().await;
    let answer = wire.get("notes.test", "/.doorward/auth/envoy/x?y", &lines).await;
    assert_eq!((answer.status, answer.head.one("remote-user")), (200, Some("ada")));
    let removed = answer.head.one("x-envoy-auth-headers-to-remove").unwrap();
    assert!(removed.split(',').any(|name| name == "remote_user"), "{removed}");
    assert!(removed.split(',').any(|name| name == "remote-email"), "{removed}");
    let answer = wire.get("notes.test", "/.doorward/auth/envoy/.doorward/callback", &lines).await;
    assert_eq!(answer.status, 403);
    let answer = wire.get("vault.test", "/.doorward/auth/envoy/", &lines).await;
    assert_eq!((answer.status, answer.head.one("x-doorward-reason")), (401, Some("no_session")));
}

#[tokio::test]
async fn a_service_behind_another_proxy_has_its_reserved_path_here_and_nothing_else() {
    let echo = Echo::start().await;
    let gate = started(&echo, false, &["127.0.0.0/8"]);
    let mut wire = gate.connect().await;
    let answer = wire.get("away.test", "/.doorward/callback?x", &signed_in()).await;
    assert_eq!((answer.status, answer.body.as_str()), (200, "reserved away /.doorward/callback"));
    for path in ["/", "/x"] {
        let answer = wire.get("away.test", path, &signed_in()).await;
        assert_eq!(answer.status, 421);
        assert!(answer.body.starts_with("behind_another_proxy"), "{}", answer.body);
    }
    assert_eq!(echo.requests(), 0);
}

#[tokio::test]
async fn e_1_each_question_is_decided_anew() {
    let echo = Echo::start().await;
    let gate = trusting(&echo);
    let lines = about("GET", "notes.test", "/") + &signed_in();
    let mut wire = gate.connect().await;
    assert_eq!(wire.get("any.test", CADDY, &lines).await.status, 200);
    gate.sessions.end(ADA, "notes.test");
    assert_eq!(wire.get("any.test", CADDY, &lines).await.status, 401);
}

/// Whom a trusted proxy forwards to the address where it asks could ask for themselves, and have what only the
/// application may see: the two are apart.
#[tokio::test]
async fn t_1_questions_and_people_come_by_different_listeners() {
    let echo = Echo::start().await;
    let gate = started(&echo, false, &["127.0.0.0/8"]);
    let lines = about("GET", "notes.test", "/") + &signed_in();
    for host in ["notes.test", "away.test", "id.test"] {
        let answer = gate.connect().await.get(host, CADDY, &lines).await;
        assert!(!answer.body.is_empty(), "{answer:?}");
        assert_eq!(answer.head.one("remote-user"), None, "{host}");
    }
    let gate = trusting(&echo);
    for (host, path) in [("www.test", "/"), ("notes.test", "/.doorward/callback"), ("id.test", "/login")] {
        let answer = gate.connect().await.get(host, path, &lines).await;
        assert_eq!((answer.status, answer.head.one("x-doorward-reason")), (404, Some("not_found")), "{host}");
    }
    assert_eq!(echo.requests(), 0);
}

/// The other proxy would carry a key on; where it opens nothing of the door's, it is the application's own.
#[tokio::test]
async fn h_1_a_key_of_the_door_is_not_taken_at_another_proxy() {
    let echo = Echo::start().await;
    let setup = Setup { trusted: &["127.0.0.0/8"], asks: true, ..Setup::default() };
    let gate = Gate::with(setup, keyed(echo.address));
    for line in [format!("X-Api-Key: {KEY}\r\n"), format!("Authorization: Bearer {KEY}\r\n")] {
        let answer = ask(&gate, CADDY, &(about("GET", "notes.test", "/api/backup") + &line)).await;
        let reason = answer.head.one("x-doorward-reason");
        assert_eq!((answer.status, reason), (403, Some("credential_at_another_proxy")), "{line}");
    }
    let own = about("GET", "notes.test", "/") + &signed_in() + "Authorization: Basic YTpi\r\n";
    assert_eq!(ask(&gate, CADDY, &own).await.status, 200);
}

/// Audit 8: who asks through another proxy guesses no more than who comes to the gate.
#[tokio::test]
async fn audit_8_guesses_of_keys_run_out_behind_another_proxy() {
    let echo = Echo::start().await;
    let setup = Setup { trusted: &["127.0.0.0/8"], asks: true, ..Setup::default() };
    let gate = Gate::with(setup, keyed(echo.address));
    let mut statuses = Vec::new();
    for number in 0..40 {
        let lines = about("GET", "notes.test", "/api") + &format!("X-Api-Key: guess{number}\r\n");
        statuses.push(ask(&gate, CADDY, &lines).await.status);
    }
    assert_eq!(statuses.iter().filter(|status| **status == 401).count(), 30);
    assert_eq!(statuses.last(), Some(&429));
}
