//! Whose name an upstream sees.

use crate::{
    harness::{ADA, Gate},
    upstream::Echo,
    wire::{Answer, Head},
};

/// Impossible 2: every name that could say who somebody is or how a request came, in every spelling.
fn forged() -> String {
    let mut lines = String::new();
    for name in [
        "Remote-User",
        "Remote-Groups",
        "Remote-Email",
        "Remote-Name",
        "X-Forwarded-User",
        "X-Forwarded-For",
        "X-Forwarded-Host",
        "X-Forwarded-Proto",
        "X-Forwarded-Prefix",
        "X-Forwarded-Port",
        "X-Real-IP",
        "X-Auth-Request-User",
        "X-WEBAUTH-USER",
        "X-Token-Subject",
        "X-Original-URL",
        "Grafana-Login",
        "CF-Connecting-IP",
        "X-Doorward-User",
        "X-HTTP-Method-Override",
        "X-Request-Id",
    ] {
        for spelling in
            [name.to_owned(), name.to_uppercase(), name.replace('-', "_"), name.replacen('-', ".", 1)]
        {
            lines.extend([spelling.as_str(), ": forged\r\n"]);
        }
    }
    lines + "Forwarded: for=forged\r\n"
}

/// The names that we may set, and nothing else that is reserved; nothing is forged.
fn check(seen: &Head, person: bool) {
    let groups = seen.all("remote-groups");
    assert_eq!(seen.one("remote-user"), person.then_some("ada"));
    assert_eq!(groups, if person { vec!["family,users"] } else { Vec::new() });
    assert_eq!(seen.one("remote-email"), None, "Ada has none, so the client's must not fill in (H-8)");
    assert_eq!(seen.one("grafana_login").is_some(), person);
    assert_eq!(seen.one("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(seen.one("x-forwarded-proto"), Some("https"));
    assert_eq!(seen.one("x-forwarded-port"), Some("443"));
    assert_eq!(seen.one("x-forwarded-host"), seen.one("host"));
    let ours = ["remote-user", "remote-groups", "grafana_login"];
    assert_eq!(seen.one("x-real-ip"), Some("127.0.0.1"));
    let forwarded =
        ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-port", "x-forwarded-host", "x-real-ip"];
    for name in seen.names().filter(|name| !ours.contains(name) && !forwarded.contains(name)) {
        assert!(["host", "accept", "content-length", "x-request-id"].contains(&name), "{name} arrived");
    }
}

async fn ask(gate: &Gate, host: &str, path: &str, lines: &str) -> Answer {
    // Half of the names at a time: a request may have 128 lines.
    gate.connect().await.get(host, path, &format!("Accept: */*\r\n{lines}")).await
}

#[tokio::test]
async fn h_1_h_3_h_6_h_8_h_10_impossible_2_forged_names_never_arrive() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    let session = format!("Cookie: __Host-doorward={ADA}\r\n");
    for (host, path, person) in
        [("notes.test", "/", true), ("www.test", "/", false), ("feeds.test", "/api/health", false)]
    {
        let answer = ask(&gate, host, path, &format!("{session}{}", forged())).await;
        check(&answer.echoed(), person);
    }
    let answer = ask(&gate, "notes.test", "/", &forged()).await;
    assert_eq!(answer.status, 401, "a name is no session");
}

#[tokio::test]
async fn h_7_a_connection_line_removes_none_of_our_headers() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    let lines = format!(
        "Cookie: __Host-doorward={ADA}\r\nRemote-User: forged\r\nX-Secret: 1\r\n\
         Connection: Remote-User, X-Forwarded-For, X-Secret, Host, keep-alive\r\nConnection: remote-groups\r\n\
         Keep-Alive: 1\r\nTE: gzip\r\nProxy-Authorization: x\r\nProxy-Connection: x\r\nUpgrade: h2c\r\n\
         HTTP2-Settings: AAMAAABk\r\nTrailer: Remote-User\r\n"
    );
    check(&ask(&gate, "notes.test", "/", &lines).await.echoed(), true);
}

/// Trailers are read after the headers were judged: one that says who somebody is must not arrive behind them.
#[tokio::test]
async fn h_9_trailers_of_requests_are_not_forwarded() {
    let upstream = crate::upstream::ByHand::start().await;
    let gate = Gate::before(upstream.address);
    let mut wire = gate.connect().await;
    wire.send(
        "POST / HTTP/1.1\r\nHost: www.test\r\nTransfer-Encoding: chunked\r\nTrailer: Remote-User\r\n\r\n\
         3\r\nabc\r\n0\r\nRemote-User: root\r\n\r\n",
    )
    .await;
    let mut served = upstream.accept().await;
    assert_eq!(served.head().await.one("transfer-encoding"), Some("chunked"));
    assert_eq!(served.until("0\r\n\r\n").await, "3\r\nabc\r\n");
    served.send("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(wire.answer().await.status, 204);
}

#[tokio::test]
async fn h_12_what_is_no_session_is_nobody() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    for cookie in [
        "__Host-doorward=".to_owned(),
        "__Host-doorward=x".to_owned(),
        format!("__host-doorward={ADA}"),
        format!("__Host-doorward ={ADA}x"),
        format!("doorward={ADA}"),
        format!("a=1, __Host-doorward={ADA}"),
        format!("__Host-doorward={ADA}; é=1"),
        format!("__Host-doorward={}", "x".repeat(20_000)),
        format!("__Host-doorward=\"{ADA}\""),
    ] {
        let answer = ask(&gate, "notes.test", "/", &format!("Cookie: {cookie}\r\n")).await;
        assert_eq!(answer.status, 401, "{cookie}");
    }
    assert_eq!(echo.requests(), 0);
}

/// Impossible 3 and 4: a session opens the one host that it was made for, to people whom the policy names.
#[tokio::test]
async fn impossible_3_impossible_4_sessions_belong_to_a_host() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    let session = format!("Cookie: __Host-doorward={ADA}\r\n");
    assert_eq!(ask(&gate, "notes.test", "/", &session).await.status, 200);
    assert_eq!(ask(&gate, "feeds.test", "/", &session).await.status, 401, "another host's session");
    gate.sessions.sign_in(ADA, "vault.test", crate::sessions::ada(&["users"]));
    let answer = ask(&gate, "vault.test", "/", &session).await;
    assert_eq!((answer.status, answer.body.as_str()), (403, "denied: group"));
    gate.sessions.end(ADA, "notes.test");
    assert_eq!(ask(&gate, "notes.test", "/", &session).await.status, 401);
    assert_eq!(echo.requests(), 1);
}

#[tokio::test]
async fn impossible_11_pages_are_for_navigations() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    assert_eq!(ask(&gate, "notes.test", "/", "Sec-Fetch-Mode: navigate\r\n").await.status, 303);
    assert_eq!(
        ask(&gate, "notes.test", "/", "Sec-Fetch-Mode: cors\r\nAccept: text/html\r\n").await.status,
        401
    );
    assert_eq!(ask(&gate, "notes.test", "/", "").await.status, 401);
}

/// Impossible 6: sessions that can't be asked about are not "nobody", and what needs none goes on.
#[tokio::test]
async fn impossible_6_t_5_an_outage_neither_lets_in_nor_signs_out() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    gate.sessions.down.store(true, std::sync::atomic::Ordering::SeqCst);
    let session = format!("Cookie: __Host-doorward={ADA}\r\n");
    assert_eq!(ask(&gate, "notes.test", "/", &session).await.status, 503);
    assert_eq!(ask(&gate, "notes.test", "/", "").await.status, 401);
    assert_eq!(ask(&gate, "www.test", "/", &session).await.status, 200);
    gate.sessions.down.store(false, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(ask(&gate, "notes.test", "/", &session).await.status, 200);
}

#[tokio::test]
async fn e_16_other_origins_cannot_use_a_session_to_change_things() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    let mut wire = gate.connect().await;
    for (origin, status) in [("https://notes.test", 200), ("https://evil.test", 403), ("null", 403)] {
        wire.send(format!(
            "POST / HTTP/1.1\r\nHost: notes.test\r\nCookie: __Host-doorward={ADA}\r\nOrigin: {origin}\r\nContent-Length: 0\r\n\r\n"
        ))
        .await;
        assert_eq!(wire.answer().await.status, status, "{origin}");
    }
}
