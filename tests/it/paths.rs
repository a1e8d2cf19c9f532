//! Spellings of targets and hosts: P-1 to P-10, P-13, P-14, T-1, T-3, T-6, S-1, S-3 of the list of security cases. What
//! the application receives is the canonical target that was decided on; everything ambiguous is refused.

use crate::{
    door::{Door, STANDARD},
    wire::{self, Application, Reply, Wire, head},
};

const FEEDS: &str = "feeds.localhost:8080";

/// What becomes of a target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Outcome {
    /// 400: it can be read in two ways.
    Refused,
    /// It has one meaning, which is this.
    Means(&'static str),
}
use Outcome::{Means, Refused};

/// Spellings around a bypass for `/api/open`.
const TARGETS: &[(&str, Outcome)] = &[
    ("/api/open", Means("/api/open")),
    ("/api/open/", Means("/api/open/")),
    ("/api/open/x", Means("/api/open/x")),
    ("/api/open?x=1&y=/../..", Means("/api/open?x=1&y=/../..")),
    ("/api/open?/../../x", Means("/api/open?/../../x")),
    ("/api/%6fpen", Means("/api/open")),
    ("/%61pi/%6Fp%65n/%7e", Means("/api/open/~")),
    ("/api/open/%c3%a9", Means("/api/open/%C3%A9")),
    ("/api/open/%20x", Means("/api/open/%20x")),
    ("/api/open/...", Means("/api/open/...")),
    ("/api/open./x", Means("/api/open./x")),
    ("/api/open.", Means("/api/open.")),
    ("/api/open%20", Means("/api/open%20")),
    ("/api/open%3f", Means("/api/open%3F")),
    ("/api/open%3F/x", Means("/api/open%3F/x")),
    ("/api/open%23", Means("/api/open%23")),
    ("/api/opens", Means("/api/opens")),
    ("/api/open-x", Means("/api/open-x")),
    ("/API/OPEN", Means("/API/OPEN")),
    ("/Api/open", Means("/Api/open")),
    ("/api/Open/x", Means("/api/Open/x")),
    ("/api", Means("/api")),
    ("/api/", Means("/api/")),
    ("/", Means("/")),
    ("/x/api/open", Means("/x/api/open")),
    ("/secret?/api/open", Means("/secret?/api/open")),
    ("/secret?x=/api/open", Means("/secret?x=/api/open")),
    ("/secret?x=1#/api/open", Means("/secret?x=1")),
    ("/secret#/api/open", Means("/secret")),
    ("/secret%23/api/open", Means("/secret%23/api/open")),
    ("/secret%3F/api/open", Means("/secret%3F/api/open")),
    ("/api/open#/../../secret", Means("/api/open")),
    ("//api/open", Refused),
    ("/api//open", Refused),
    ("/api/open//", Refused),
    ("/api/open//secret", Refused),
    ("///api/open", Refused),
    ("/./api/open", Refused),
    ("/api/./open", Refused),
    ("/api/open/.", Refused),
    ("/api/open/..", Refused),
    ("/api/open/../secret", Refused),
    ("/api/open/../../secret", Refused),
    ("/secret/../api/open", Refused),
    ("/../api/open", Refused),
    ("/..", Refused),
    ("/.", Refused),
    ("/api/open/%2e", Refused),
    ("/api/open/%2e%2e/secret", Refused),
    ("/api/open/%2E%2E/secret", Refused),
    ("/api/open/.%2e/secret", Refused),
    ("/api/open/%2e./secret", Refused),
    ("/secret/%2e%2e/api/open", Refused),
    ("/api%2fopen", Refused),
    ("/api%2Fopen", Refused),
    ("/api/open%2f..%2fsecret", Refused),
    ("/api/open/..%2fsecret", Refused),
    ("/api/open%2f", Refused),
    ("/api/open%5c..%5csecret", Refused),
    ("/api/open/..%5Csecret", Refused),
    ("/api%5copen", Refused),
    ("/api\\open", Refused),
    ("\\api\\open", Refused),
    ("/api/open\\..\\secret", Refused),
    ("/api/open/..\\secret", Refused),
    ("/api/open;x", Refused),
    ("/api/open;/x", Refused),
    ("/api;x/open", Refused),
    ("/api/open/..;/secret", Refused),
    ("/api/open/..;x=1/secret", Refused),
    ("/api/open%3bx", Refused),
    ("/api/open/..%3B/secret", Refused),
    ("/api/open/%252e%252e/secret", Refused),
    ("/api/open%252f..%252fsecret", Refused),
    ("/api/open/%25%32%65", Refused),
    ("/api/%256fpen", Refused),
    ("/api/open/%c0%ae%c0%ae/secret", Refused),
    ("/api/open%c0%af..", Refused),
    ("/api/open/%e0%80%ae", Refused),
    ("/api/open/%f0%80%80%ae", Refused),
    ("/api/open/%ff", Refused),
    ("/api/open/%ed%a0%80", Refused),
    ("/api/open/%u002e", Refused),
    ("/api/open%00", Refused),
    ("/api/open%00/secret", Refused),
    ("/secret%00/api/open", Refused),
    ("/api/open%0a", Refused),
    ("/api/open%0d%0aRemote-User:%20root", Refused),
    ("/api/open%09", Refused),
    ("/api/open%7f", Refused),
    ("/api/open%", Refused),
    ("/api/open%6", Refused),
    ("/api/open%zz", Refused),
    ("/api/open%+6", Refused),
    ("/api/open/\u{ff0e}\u{ff0e}/x", Refused),
    ("/api/\u{ff4f}pen", Refused),
    ("api/open", Refused),
    ("?/api/open", Refused),
    ("*", Refused),
    ("", Refused),
];

async fn ask(door: &Door, method: &str, target: &str, host: &str, lines: &str) -> Reply {
    let reply = wire::ask(door.address(), head(method, target, host, lines)).await;
    reply.unwrap_or_else(|| panic!("{method} {target} {host}: no answer"))
}

/// The path of a canonical target.
fn opens(target: &str) -> bool {
    let path = target.split('?').next().unwrap();
    path == "/api/open" || path.starts_with("/api/open/")
}

#[tokio::test]
async fn p_1_p_2_p_3_p_4_p_7_p_8_t_6_nothing_but_the_bypass_opens_without_a_session() {
    let door = Door::open().await;
    for (target, outcome) in TARGETS {
        let reply = ask(&door, "GET", target, FEEDS, "").await;
        let shown = reply.shown().map(|shown| shown["target"].as_str().unwrap().to_owned());
        let expected = match *outcome {
            Refused => (400, None),
            Means(canonical) if opens(canonical) => (200, Some(canonical.to_owned())),
            Means(_) => (401, None),
        };
        assert_eq!((reply.status, shown), expected, "{target:?}");
    }
}

#[tokio::test]
async fn p_3_p_9_what_is_forwarded_is_the_canonical_target_that_was_decided_on() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    ada.open(&door.url("notes", "/")).await.unwrap();
    let token = ada.client.jar.cookie("notes.localhost", "__Host-doorward").unwrap();
    let signed_in = format!("Cookie: __Host-doorward={token}\r\n");
    for (host, lines) in [("notes", signed_in.as_str()), ("www", "")] {
        for (target, outcome) in TARGETS {
            let reply = ask(&door, "GET", target, &format!("{host}.localhost"), lines).await;
            let shown = reply.shown().map(|shown| shown["target"].as_str().unwrap().to_owned());
            let expected = match *outcome {
                Refused => (400, None),
                Means(canonical) => (200, Some(canonical.to_owned())),
            };
            assert_eq!((reply.status, shown), expected, "{host} {target:?}");
        }
    }
}

/// The reserved path: the control plane's in its one spelling, refused in ambiguous ones, and nothing else is it.
#[tokio::test]
async fn p_7_p_8_the_reserved_path_has_one_meaning() {
    let door = Door::open().await;
    let ours = |reply: &Reply| reply.shown().is_none() && reply.text().contains("request_id");
    for target in [
        "/.doorward",
        "/.doorward/",
        "/.doorward/nothing",
        "/.doorward/callback/x",
        "/.doorward?x=1",
        "/.doorward#x",
    ] {
        let reply = ask(&door, "GET", target, "www.localhost", "").await;
        assert!(reply.status == 404 && ours(&reply), "{target:?} {reply:?}");
    }
    for target in [
        "/%2edoorward/nothing",
        "/.%64oorward/nothing",
        "/%2E%64%6f%6F%72%77%61%72%64/nothing",
        "//.doorward/callback",
        "/./.doorward/callback",
        "/x/../.doorward/callback",
        "/%2e/.doorward/callback",
        "/.doorward//callback",
        "/.doorward/./callback",
        "/.doorward/../x",
        "/.doorward%2fcallback",
        "/.doorward%5ccallback",
        "/.doorward\\callback",
        "/.doorward;/callback",
        "/.doorward;x=1/callback",
        "/;/.doorward/callback",
        "/.doorward%00/callback",
        "/%252edoorward/callback",
        "/%c0%aedoorward/callback",
        "/.Doorward/callback",
        "/.DOORWARD/callback",
    ] {
        let reply = ask(&door, "GET", target, "www.localhost", "").await;
        assert!(reply.status == 400 && ours(&reply), "{target:?} {reply:?}");
    }
    for target in [
        "/.doorwards",
        "/.doorward.",
        "/.doorward-x/callback",
        "/x/.doorward/callback",
        "/doorward",
        "/.doorward%20/callback",
        "/?/.doorward/callback",
    ] {
        let reply = ask(&door, "GET", target, "www.localhost", "").await;
        assert_eq!(reply.status, 200, "{target:?} {reply:?}");
        assert_eq!(reply.shown().unwrap()["target"], target);
    }
}

#[tokio::test]
async fn p_9_p_13_absolute_form_and_hosts_name_one_place() {
    let door = Door::open().await;
    for (target, host, status) in [
        ("http://feeds.localhost:8080/api/open", FEEDS, 200),
        ("http://FEEDS.localhost:8080/api/open", FEEDS, 200),
        ("http://feeds.localhost:8080/api/open/../x", FEEDS, 400),
        ("http://feeds.localhost:8080/secret", FEEDS, 401),
        ("http://feeds.localhost:8080", FEEDS, 401),
        ("http://feeds.localhost:8080/api/open", "www.localhost", 400),
        ("http://www.localhost/", FEEDS, 400),
        ("http://feeds.localhost/api/open", FEEDS, 400),
        ("http://x@feeds.localhost:8080/api/open", FEEDS, 400),
        ("http://feeds.localhost:8080@evil.example/api/open", FEEDS, 400),
        ("http:///api/open", FEEDS, 400),
        ("http:/api/open", FEEDS, 400),
        ("feeds.localhost:8080", FEEDS, 400),
        ("/api/open", "feeds.localhost", 200),
        ("/api/open", "FEEDS.LocalHost.", 200),
        ("/api/open", "feeds.localhost:1", 200),
        ("/api/open", "feeds.localhost..", 421),
        ("/api/open", "feeds.localhost:", 400),
        ("/api/open", "feeds.localhost:x", 400),
        ("/api/open", "feeds.localhost:99999", 400),
        ("/api/open", "feeds.localhost:8080:8080", 400),
        ("/api/open", "feeds.localhost, www.localhost", 400),
        ("/api/open", "feeds.localhost www.localhost", 400),
        ("/api/open", "feeds.localhost/x", 400),
        ("/api/open", "feeds.localhost@www.localhost", 400),
        ("/api/open", "feeds.localhost\r\nHost: www.localhost", 400),
        ("/api/open", "feeds.localhost\r\nHost: feeds.localhost", 400),
        ("/api/open", "feeds%2elocalhost", 400),
        ("/api/open", "feeds.localhost\u{2024}", 400),
        ("/api/open", "", 400),
        ("/api/open", "evil.example", 421),
        ("/api/open", "x.feeds.localhost", 421),
        ("/api/open", "feeds", 421),
        ("/api/open", "localhost", 421),
        ("/api/open", "127.0.0.1", 421),
        ("/api/open", "[::1]:8080", 421),
        ("/api/open", "[::1", 400),
    ] {
        let reply = ask(&door, "GET", target, host, "").await;
        assert_eq!(reply.status, status, "{target:?} {host:?} {}", reply.text());
        assert_eq!(reply.shown().is_some(), status == 200, "{target:?} {host:?}");
        if let Some(shown) = reply.shown() {
            assert_eq!(shown["target"], "/api/open", "{target:?} {host:?}");
        }
    }
}

#[tokio::test]
async fn p_13_s_2_what_is_no_request_or_names_no_place_is_refused() {
    let door = Door::open().await;
    for request in [
        "GET /api/open HTTP/1.1\r\n\r\n",
        "GET /api/open HTTP/1.0\r\n\r\n",
        "GET /api/open\r\n\r\n",
        "GET /api/open HTTP/1.1 HTTP/1.1\r\nHost: feeds.localhost\r\n\r\n",
        "GET /api/open /secret HTTP/1.1\r\nHost: feeds.localhost\r\n\r\n",
        "GET\t/api/open\tHTTP/1.1\r\nHost: feeds.localhost\r\n\r\n",
        "G\0T /api/open HTTP/1.1\r\nHost: feeds.localhost\r\n\r\n",
        "CONNECT feeds.localhost:8080 HTTP/1.1\r\nHost: feeds.localhost:8080\r\n\r\n",
        "TRACE /api/open HTTP/1.1\r\nHost: feeds.localhost\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: feeds.localhost\r\n\r\n",
    ] {
        let reply = wire::ask(door.address(), request).await;
        assert!(reply.as_ref().is_none_or(|reply| reply.status == 400), "{request:?} {reply:?}");
    }
}

#[tokio::test]
async fn t_1_t_3_no_header_makes_another_path_or_method_of_a_request() {
    let door = Door::open().await;
    for line in [
        "X-Forwarded-Uri: /api/open",
        "X-Forwarded-Path: /api/open",
        "X-Forwarded-Prefix: /api/open",
        "X-Forwarded-Method: GET",
        "X-Original-URI: /api/open",
        "X-Original-URL: http://feeds.localhost:8080/api/open",
        "X-Rewrite-URL: /api/open",
        "X-Forwarded-Host: www.localhost",
        "X-Auth-Request-Redirect: /api/open",
        "User-Agent: kube-probe/1.30",
        "User-Agent: GoogleHC/1.0",
        "User-Agent: ELB-HealthChecker/2.0",
        "X-HTTP-Method-Override: OPTIONS",
        "Access-Control-Request-Method: GET",
        "Upgrade-Insecure-Requests: 1",
        "Purpose: prefetch",
    ] {
        for method in ["GET", "HEAD", "POST", "OPTIONS", "PUT", "DELETE", "PROPFIND", "get", "GETX"] {
            let target = if method == "GET" { "/secret" } else { "/api/open" };
            let lines = format!("{line}\r\nConnection: close\r\nContent-Length: 0\r\n");
            let mut wire = Wire::to(door.address()).await;
            wire.send(head(method, target, FEEDS, &lines)).await;
            let status = wire.reply_head().await.unwrap().status;
            assert_eq!(status, 401, "{method} {target} {line}");
        }
    }
}

#[tokio::test]
async fn p_14_s_1_on_a_bypass_only_a_websocket_is_upgraded_and_nothing_follows_it() {
    let application = Application::start("").await;
    let door = Door::with(&STANDARD.replace("UPSTREAM", &application.address.to_string())).await;
    for lines in [
        "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
        "Connection: Upgrade\r\nUpgrade: TLS/1.2\r\n",
        "Connection: Upgrade\r\nUpgrade: h2c, websocket\r\n",
        "Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n",
        "Connection: close\r\nUpgrade: websocket\r\n",
        "Upgrade: websocket\r\n",
    ] {
        let mut wire = Wire::to(door.address()).await;
        wire.send(head("GET", "/api/open", FEEDS, lines)).await;
        assert_eq!(wire.reply().await.unwrap().status, 200, "{lines:?}");
        let requests = application.requests().concat().to_ascii_lowercase();
        assert!(!requests.contains("upgrade") && !requests.contains("http2"), "{requests}");
    }
    // What is sent behind an upgrade that was not granted is a request of its own, and decided as one.
    let mut wire = Wire::to(door.address()).await;
    let lines = "Connection: Upgrade\r\nUpgrade: h2c\r\n";
    let behind = head("GET", "/secret", FEEDS, "");
    wire.send(head("GET", "/api/open", FEEDS, lines) + &behind).await;
    assert_eq!(wire.reply().await.unwrap().status, 200);
    assert_eq!(wire.reply().await.unwrap().status, 401);
    assert_eq!(application.requests().len(), 1);
    // The application is asked once for a WebSocket; later bytes are its own affair, not requests of ours.
    let mut wire = Wire::to(door.address()).await;
    let lines = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";
    wire.send(head("GET", "/api/open/socket", FEEDS, lines)).await;
    assert_eq!(wire.reply_head().await.unwrap().status, 101);
    wire.send(&behind).await;
    assert_eq!(wire.take(behind.len()).await.unwrap(), behind.as_bytes());
    assert_eq!(application.requests().len(), 1);
}

/// S-3: an early answer leaves no body behind that could be read as the next request.
#[tokio::test]
async fn s_2_s_3_a_refused_request_hides_no_other_in_its_body() {
    let application = Application::start("").await;
    let door = Door::with(&STANDARD.replace("UPSTREAM", &application.address.to_string())).await;
    let hidden = head("GET", "/api/open/hidden", FEEDS, "");
    let long = "x".repeat(300_000);
    for (target, host) in [
        ("/secret", FEEDS),
        ("/.doorward/callback", FEEDS),
        ("/secret/..", FEEDS),
        ("/", "nobody.localhost"),
        ("/", "id.localhost"),
        ("/login", "id.localhost"),
        ("/api/oidc/token", "id.localhost"),
    ] {
        for body in [hidden.clone(), format!("{long}{hidden}")] {
            let chunked = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
            for (lines, body) in [
                (format!("Content-Length: {}\r\n", body.len()), body.clone()),
                ("Transfer-Encoding: chunked\r\n".to_owned(), chunked),
            ] {
                let mut wire = Wire::to(door.address()).await;
                wire.send(head("POST", target, host, &lines)).await;
                wire.send(body).await;
                let reply = wire.reply().await;
                assert!(
                    reply.as_ref().is_none_or(|reply| (400..500).contains(&reply.status)),
                    "{host}{target} {reply:?}"
                );
                // If the connection still answers, then what is asked now and nothing else.
                wire.send(head("GET", "/api/open/next", FEEDS, "")).await;
                let next = wire.reply().await;
                let requests = application.requests();
                assert!(requests.iter().all(|request| !request.contains("hidden")), "{requests:?}");
                assert_eq!(requests.len(), usize::from(next.is_some()), "{host}{target} {next:?}");
            }
        }
    }
}

#[tokio::test]
async fn s_2_s_5_h_15_ambiguous_framing_reaches_no_application() {
    let application = Application::start("").await;
    let door = Door::with(&STANDARD.replace("UPSTREAM", &application.address.to_string())).await;
    for lines in [
        "Content-Length: 5\r\nContent-Length: 6",
        "Content-Length: 5, 5",
        "Content-Length: +5",
        "Content-Length: 0x5",
        "Content-Length: -1",
        "Content-Length:",
        "Content-Length: 18446744073709551621",
        "Transfer-Encoding: chunked, chunked",
        "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: identity, chunked",
        "Transfer-Encoding: chunked, identity",
        "Transfer-Encoding: xchunked",
        "Transfer-Encoding: \x0bchunked",
        "Transfer-Encoding : chunked",
        "Transfer-Encoding:\r\n chunked",
        "Transfer-Encoding: \"chunked\"",
        "Authorization: Basic YQ==\r\nAuthorization: Basic Yg==",
    ] {
        let request = head("POST", "/", "www.localhost:8080", &format!("{lines}\r\n")) + "0\r\n\r\n";
        let reply = wire::ask(door.address(), request).await;
        assert!(reply.as_ref().is_none_or(|reply| reply.status == 400), "{lines:?} {reply:?}");
        let requests = application.requests();
        assert!(requests.is_empty(), "{lines:?} {requests:?}");
    }
    // RFC 9112 section 6.3 leaves these to the recipient: one reading goes upstream, and nothing else does.
    for (lines, keeps_open) in [
        ("Content-Length: 5\r\nTransfer-Encoding: chunked", false),
        ("Transfer-Encoding: chunked\r\nContent-Length: 5", false),
        ("Content-Length: 5\r\nContent-Length: 5", true),
    ] {
        let mut wire = Wire::to(door.address()).await;
        let body = "0\r\n\r\n";
        wire.send(head("POST", "/", "www.localhost:8080", &format!("{lines}\r\n")) + body).await;
        assert_eq!(wire.reply().await.unwrap().status, 200, "{lines:?}");
        let requests = application.requests();
        let framings =
            requests[0].matches("transfer-encoding").count() + requests[0].matches("content-length").count();
        assert_eq!((requests.len(), framings), (1, 1), "{lines:?} {requests:?}");
        wire.send(head("GET", "/", "www.localhost:8080", "")).await;
        assert_eq!(wire.reply().await.is_some(), keeps_open, "{lines:?}");
        assert_eq!(application.requests().len(), usize::from(keeps_open), "{lines:?}");
    }
}
