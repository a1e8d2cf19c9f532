//! Where a request comes from.

use crate::{
    harness::{Gate, Setup, usual},
    upstream::Echo,
};

#[tokio::test]
async fn t_1_t_2_t_4_h_11_impossible_9_nobody_is_believed_by_default() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    let mut wire = gate.connect().await;
    for name in ["X-Forwarded-For", "X-Real-IP", "CF-Connecting-IP", "True-Client-IP", "X-Client-IP"] {
        let line = format!("{name}: 198.51.100.10\r\n");
        let answer = wire.get("far.test", "/api/health", &line).await;
        assert_eq!((answer.status, answer.body.as_str()), (401, "sign in to far from 127.0.0.1"), "{name}");
        let seen = wire.get("www.test", "/", &line).await.echoed();
        assert_eq!(seen.one("x-forwarded-for"), Some("127.0.0.1"), "{name}");
        assert_eq!(seen.one("x-real-ip"), Some("127.0.0.1"), "{name}");
    }
    let line =
        "Forwarded: for=198.51.100.10\r\nX-Forwarded-Uri: /api/health\r\nX-Original-URL: /api/health\r\n";
    assert_eq!(wire.get("feeds.test", "/", line).await.status, 401);
}

#[tokio::test]
async fn t_4_t_13_a_trusted_proxy_is_believed_about_the_address_only() {
    let echo = Echo::start().await;
    let trusting = Setup { trusted: &["127.0.0.0/8", "10.0.0.0/8"], ..Setup::default() };
    let gate = Gate::with(trusting, usual(echo.address));
    let mut wire = gate.connect().await;
    for (lines, client) in [
        ("X-Forwarded-For: 198.51.100.10\r\n", "198.51.100.10"),
        ("X-Forwarded-For: 1.1.1.1, 198.51.100.10\r\n", "198.51.100.10"),
        ("X-Forwarded-For: 1.1.1.1, 198.51.100.10, 10.0.0.9\r\n", "198.51.100.10"),
        ("X-Forwarded-For: 198.51.100.10\r\nX-Forwarded-For: 203.0.113.1\r\n", "203.0.113.1"),
        ("X-Forwarded-For: 198.51.100.10, nonsense\r\n", "127.0.0.1"),
        ("X-Real-IP: 198.51.100.10\r\n", "127.0.0.1"),
        ("X-Forwarded-For: \r\n", "127.0.0.1"),
        ("", "127.0.0.1"),
    ] {
        let other = "X-Forwarded-Host: evil.test\r\nX-Forwarded-Proto: gopher\r\nX-Forwarded-Port: 1\r\n";
        let lines = format!("{lines}{other}");
        let answer = wire.get("far.test", "/", &lines).await;
        assert_eq!(answer.body, format!("sign in to far from {client}"), "{lines}");
        assert_eq!(
            wire.get("far.test", "/api/health", &lines).await.status == 200,
            client == "198.51.100.10"
        );
        let seen = wire.get("www.test", "/", &lines).await.echoed();
        assert_eq!(seen.one("x-forwarded-for"), Some(client));
        assert_eq!(seen.one("x-real-ip"), Some(client));
        assert_eq!(seen.one("x-forwarded-host"), Some("www.test"));
        assert_eq!(seen.one("x-forwarded-proto"), Some("https"));
        assert_eq!(seen.one("x-forwarded-port"), Some("443"));
    }
}

#[tokio::test]
async fn p_7_bypasses_need_path_network_and_method() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    let mut wire = gate.connect().await;
    assert_eq!(wire.get("feeds.test", "/api/health", "").await.status, 200);
    assert_eq!(wire.get("feeds.test", "/api/health/x?y", "").await.status, 200);
    assert_eq!(wire.get("feeds.test", "/api", "").await.status, 401);
    assert_eq!(wire.get("far.test", "/api/health", "").await.status, 401);
    for (method, override_with) in [("POST", ""), ("DELETE", ""), ("POST", "X-HTTP-Method-Override: GET\r\n")]
    {
        wire.send(format!("{method} /api/health HTTP/1.1\r\nHost: feeds.test\r\n{override_with}\r\n")).await;
        assert_eq!(wire.answer().await.status, 401, "P-12: {method} {override_with}");
    }
}

/// {trusted proxy, tunnel, neither} × each header that could name a client, once and twice, on real connections.
#[tokio::test]
async fn t_4_h_11_impossible_9_a_tunnel_is_believed_about_its_own_header_only() {
    const NAMES: [&str; 5] =
        ["X-Forwarded-For", "CF-Connecting-IP", "X-Real-IP", "Forwarded", "True-Client-IP"];
    let echo = Echo::start().await;
    let own = |believed: &'static str| move |name: &str| name == believed;
    let neither = Setup::default();
    let proxy = Setup { trusted: &["127.0.0.1/32"], ..Setup::default() };
    let tunnel = Setup { tunnels: &["127.0.0.1/32"], trusted: &["10.0.0.0/8"], ..Setup::default() };
    for (setup, believes) in
        [(neither, own("")), (proxy, own("X-Forwarded-For")), (tunnel, own("CF-Connecting-IP"))]
    {
        let gate = Gate::with(setup, usual(echo.address));
        let mut wire = gate.connect().await;
        for name in NAMES {
            let once = format!("{name}: 198.51.100.10\r\n");
            let twice = format!("{name}: 127.0.0.1\r\n{once}");
            let client = if believes(name) { "198.51.100.10" } else { "127.0.0.1" };
            let seen = wire.get("www.test", "/", &once).await.echoed();
            assert_eq!(seen.one("x-forwarded-for"), Some(client), "{name}");
            assert_eq!(seen.one("cf-connecting-ip"), None, "{name}");
            let status = wire.get("far.test", "/api/health", &once).await.status;
            assert_eq!(status == 200, believes(name), "{name}");
            let last = believes(name) && name == "X-Forwarded-For";
            let status = wire.get("far.test", "/api/health", &twice).await.status;
            assert_eq!(status == 200, last, "{name} twice");
        }
    }
}
