//! Which host and path lead where.

use crate::{
    harness::{ADA, Gate, Setup, usual},
    upstream::Echo,
};

#[tokio::test]
async fn p_5_p_6_t_14_unknown_hosts_are_misdirected() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    let mut wire = gate.connect().await;
    for host in ["other.test", "test", "127.0.0.1", "www.test.evil.test", "x.www.test"] {
        assert_eq!(wire.get(host, "/", "").await.status, 421, "{host}");
    }
    for host in ["www.test", "WWW.Test", "www.test.", "www.test:8080", "wWw.test.:1"] {
        let echoed = wire.get(host, "/", "").await.echoed();
        assert_eq!(echoed.one("host"), Some("www.test"), "{host}: the upstream sees one spelling");
        assert_eq!(echoed.one("x-forwarded-host"), Some("www.test"), "{host}");
    }
}

/// What is no host of ours in plain ASCII is none in Punycode or in letters that look like it.
#[tokio::test]
async fn s_14_a_host_in_another_alphabet_is_nobody() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    for host in
        ["xn--www.test", "xn--www-.test", "xn--www-kva.test", "ｗww.test", "www。test", "w\u{ad}ww.test"]
    {
        let mut wire = gate.connect().await;
        let status = wire.get(host, "/", "").await.status;
        assert!(matches!(status, 400 | 421), "{host}: {status}");
    }
    assert_eq!(echo.requests(), 0);
}

#[tokio::test]
async fn p_13_h_15_a_request_names_one_host() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    for request in [
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: www.test\r\nHost: www.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: www.test\r\nhost: notes.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: www.test, notes.test\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: \r\n\r\n",
        "GET / HTTP/1.1\r\nHost: www.test/x\r\n\r\n",
        "GET http://www.test/ HTTP/1.1\r\nHost: notes.test\r\n\r\n",
        "GET http://me@www.test/ HTTP/1.1\r\nHost: me@www.test\r\n\r\n",
        "CONNECT www.test:80 HTTP/1.1\r\nHost: www.test:80\r\n\r\n",
        "TRACE / HTTP/1.1\r\nHost: www.test\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: www.test\r\n\r\n",
    ] {
        let mut wire = gate.connect().await;
        wire.send(request).await;
        let answer = wire.answer().await;
        assert_eq!(answer.status, 400, "{request:?}");
        assert!(
            answer.body.contains(", request "),
            "{request:?} is answered without its name: {}",
            answer.body
        );
        assert_eq!(wire.rest().await, "", "{request:?} leaves the connection open");
    }
    assert_eq!(echo.requests(), 0);
}

#[tokio::test]
async fn p_13_an_absolute_target_is_routed_like_any_other() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    let mut wire = gate.connect().await;
    for (target, host) in [("http://www.test/a?b", "www.test"), ("HTTP://WWW.test:80/a?b", "www.test:80")] {
        let answer = wire.get(host, target, "").await;
        assert_eq!(answer.echoed().first, "GET /a?b HTTP/1.1");
        assert_eq!(answer.echoed().one("host"), Some("www.test"));
    }
    let mut wire = gate.connect().await;
    wire.send("GET http://www.test/a HTTP/1.0\r\n\r\n").await;
    assert_eq!(wire.answer().await.echoed().one("host"), Some("www.test"), "also without a Host header");
}

/// Whatever a request says beside its host, the service that is routed to is the one whose guard is asked: nothing
/// arrives at the closed one, and what the open one answers was asked of the open one.
#[tokio::test]
async fn p_10_a_request_is_judged_by_the_guard_of_the_service_that_answers_it() {
    let (open, closed) = (Echo::start().await, Echo::start().await);
    let vault = usual(closed.address).into_iter().filter(|service| &*service.name == "vault");
    let www = usual(open.address).into_iter().filter(|service| &*service.name == "www");
    let gate = Gate::with(Setup::default(), www.chain(vault).collect());
    let cases = [("www.test", "vault.test", 200), ("vault.test", "www.test", 401)];
    for (host, other, expected) in cases {
        for lines in [
            format!("X-Forwarded-Host: {other}\r\n"),
            format!("X-Original-Host: {other}\r\nX-Host: {other}\r\n"),
            format!("Forwarded: host={other};for=127.0.0.1\r\n"),
            format!("X-Original-URL: http://{other}/\r\nX-Rewrite-URL: /\r\n"),
            format!("Referer: http://{other}/\r\nCookie: service={other}\r\n"),
        ] {
            for target in ["/".to_owned(), format!("/?host={other}"), format!("http://{host}/{other}/")] {
                let answer = gate.connect().await.get(host, &target, &lines).await;
                assert_eq!(answer.status, expected, "{host}{target} {lines:?}");
            }
        }
        // One connection, both services in turn: nothing of the former request is left for the latter.
        let mut wire = gate.connect().await;
        for _ in 0..2 {
            assert_eq!(wire.get(host, "/", "").await.status, expected);
            assert_eq!(wire.get(other, "/", "").await.status, 601 - expected);
        }
    }
    assert_eq!(closed.requests(), 0);
    assert_eq!(open.requests(), 19);
}

#[tokio::test]
async fn the_identity_host_and_the_reserved_path_lead_to_the_control_plane() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    let mut wire = gate.connect().await;
    for (host, path, expected) in [
        ("id.test", "/login?x", "portal /login for 127.0.0.1"),
        ("id.test", "http://id.test/login", "portal /login for 127.0.0.1"),
        ("ID.test.:8080", "/.doorward/x", "portal /.doorward/x for 127.0.0.1"),
        ("notes.test", "/.doorward", "reserved notes /.doorward"),
        ("notes.test", "/.doorward/", "reserved notes /.doorward/"),
        ("notes.test", "/.doorward/callback?code=1", "reserved notes /.doorward/callback"),
        ("www.test", "/.doorward/sign-out", "reserved www /.doorward/sign-out"),
        ("broken.test", "/.doorward/sign-out", "reserved broken /.doorward/sign-out"),
    ] {
        let answer = wire.get(host, path, "").await;
        assert_eq!((answer.status, answer.body.as_str()), (200, expected));
    }
    assert_eq!(echo.requests(), 0);
}

/// Impossible 8: a spelling that some upstream might take for the reserved path reaches neither it nor a handler.
#[tokio::test]
async fn p_7_p_8_impossible_8_the_reserved_path_has_one_spelling() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    let session = format!("Cookie: __Host-doorward={ADA}\r\n");
    for host in ["www.test", "notes.test"] {
        for path in [
            "/%2edoorward/callback",
            "/%2Edoorward/callback",
            "/.%64oorward/callback",
            "/.doorwar%64",
            "/.DOORWARD/callback",
            "/.Doorward",
            "//.doorward/callback",
            "/./.doorward/callback",
            "/x/../.doorward/callback",
            "/x/%2e%2e/.doorward/callback",
            "/.doorward%2fcallback",
            "/.doorward%5ccallback",
            "/.doorward\\callback",
            "/.doorward;/callback",
            "/.doorward;a=b/callback",
            "/.doorward%3b/callback",
            "/%252edoorward/callback",
            "/.doorward//callback",
            "/.doorward%00",
        ] {
            let mut wire = gate.connect().await;
            let answer = wire.get(host, path, &session).await;
            assert_eq!(answer.status, 400, "{host}{path}: {}", answer.body);
        }
    }
    assert_eq!(echo.requests(), 0);
    let echoed = gate.connect().await.get("www.test", "/.doorwards/x", "").await.echoed();
    assert_eq!(echoed.first, "GET /.doorwards/x HTTP/1.1", "another path is the service's own");
}

/// What is forwarded is what was decided on.
#[tokio::test]
async fn p_1_p_2_p_3_p_4_p_9_the_canonical_path_is_forwarded() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    for (path, expected) in [
        ("/a%7eb", "/a~b"),
        ("/a%c3%a9", "/a%C3%A9"),
        ("/a?x=/../%2e", "/a?x=/../%2e"),
        ("/a#/../b", "/a"),
        ("/", "/"),
    ] {
        let echoed = gate.connect().await.get("www.test", path, "").await.echoed();
        assert_eq!(echoed.first, format!("GET {expected} HTTP/1.1"));
    }
    for path in ["/a/../b", "/a//b", "/a;b", "/a%2fb", "/a%2e%2e%2fb", "/a\\b", "/%c0%af", "/a%", "/a/..;/b"]
    {
        assert_eq!(gate.connect().await.get("www.test", path, "").await.status, 400, "{path}");
    }
    let mut wire = gate.connect().await;
    let health = |path: &'static str| (path, path == "/api/health" || path == "/api/healt%68");
    for (path, open) in
        ["/api/health", "/api/healt%68", "/x#/api/health", "/API/health", "/x?/api/health", "/api/healths"]
            .map(health)
    {
        assert_eq!(wire.get("feeds.test", path, "").await.status == 200, open, "{path}");
    }
}

#[tokio::test]
async fn impossible_1_a_service_that_did_not_check_is_closed() {
    let echo = Echo::start().await;
    let gate = Gate::before(echo.address);
    gate.sessions.sign_in(ADA, "broken.test", crate::sessions::ada(&["users", "admins"]));
    let answer =
        gate.connect().await.get("broken.test", "/", &format!("Cookie: __Host-doorward={ADA}\r\n")).await;
    assert_eq!((answer.status, answer.body.as_str()), (503, "denied: closed_regex"));
    assert_eq!(echo.requests(), 0);
}
