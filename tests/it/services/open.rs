//! Services that sign people in themselves, redirects, and passwords of programs.

use super::{House, Received};
use crate::{
    door::Door,
    wire::{Application, Wire, head},
};

/// The portal itself: never gated, one issuer whatever the way to it, and the paths that applications have hard-coded.
#[tokio::test]
async fn t_14_the_provider_is_open_and_the_same_from_everywhere() {
    let house = House::new().await;
    let discovery = head("GET", "/.well-known/openid-configuration", "id.localhost:8080", "");
    let outside = house.ask(&discovery).await;
    // Containers reach it by another address of the machine.
    let inside = house.ask_from([127, 0, 0, 2], 1, &discovery).await;
    assert_eq!((outside.status, &outside.body), (200, &inside.body));
    let document: serde_json::Value = serde_json::from_slice(&outside.body).unwrap();
    assert_eq!(document["issuer"], "http://id.localhost:8080");
    for (method, target) in [
        ("GET", "/authorize"),
        ("POST", "/api/oidc/token"),
        ("GET", "/api/oidc/userinfo"),
        ("GET", "/api/oidc/end-session"),
        ("GET", "/.well-known/jwks.json"),
    ] {
        let reply = house.ask(&head(method, target, "id.localhost:8080", "Content-Length: 0\r\n")).await;
        assert!(!matches!(reply.status, 404 | 405 | 421), "{method} {target}: {}", reply.status);
    }
    let page = house.get("id", "/sign-in", "Accept: text/html\r\n").await;
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    assert!(page.header("content-security-policy").unwrap().contains("frame-ancestors 'none'"));
    house.nothing_received("the provider is no application");
}

/// Dashboards, recipes, a reader: their own sign-in, live sockets, tokens of service accounts, and APIs with passwords
/// of applications. The door adds nothing and takes nothing away.
#[tokio::test]
async fn applications_with_their_own_sign_in_see_what_was_sent() {
    let house = House::new().await;
    for (host, lines) in [
        ("dashboards", "Authorization: Bearer glsa_0123\r\nX-Grafana-Org-Id: 1\r\n"),
        ("recipes", "Authorization: Bearer eyJ.x.y\r\nAccept-Language: de\r\n"),
        ("reader", "Authorization: GoogleLogin auth=ada/0123\r\nX-Auth-Token: 0123\r\n"),
    ] {
        let target = "/login/generic_oauth?code=a%2Fb&state=%7B%7D";
        assert_eq!(
            house.get(host, target, &format!("{lines}Cookie: own=1; __Host-doorward=x\r\n")).await.status,
            200
        );
        let request = house.received();
        assert_eq!(request.target(), target);
        for line in lines.trim_end().split("\r\n") {
            let (name, value) = line.split_once(": ").unwrap();
            assert_eq!(request.header(name), Some(value), "{host}");
        }
        assert_eq!(request.header("cookie"), Some("own=1"), "{host}");
        assert_eq!(request.header("remote-user"), None);
        house.socket(host, "/api/live/ws", "Origin: http://elsewhere.test\r\n").await;
        house.application.requests();
    }
    let refused = house.get("id", "/authorize?client_id=recipes&response_type=code&scope=openid&redirect_uri=http%3A%2F%2Fevil.test", "").await;
    assert!(refused.header("location").is_none_or(|location| !location.contains("evil")), "{refused:?}");
}

/// Television: it builds addresses from what the door says, and its streams never end.
#[tokio::test]
async fn streams_flow_as_they_come_and_the_public_address_is_told() {
    let house = House::new().await;
    let lines = "Origin: http://television.localhost:8080\r\nX-Forwarded-Proto: gopher\r\nX-Forwarded-Host: evil.test\r\n";
    assert_eq!(house.get("television", "/", lines).await.status, 200);
    let request = house.received();
    assert_eq!(request.header("x-forwarded-host"), Some("television.localhost:8080"));
    assert_eq!(request.header("x-forwarded-proto"), Some("http"));
    assert_eq!(request.header("origin"), Some("http://television.localhost:8080"), "for its own shield");
    let mut stream = Wire::to(house.door.address()).await;
    stream.send(head("GET", "/proxy/ts/stream/events", &house.host("television"), "")).await;
    assert_eq!(stream.reply_head().await.unwrap().status, 200);
    for piece in ["one", "two", "three"] {
        house.application.say(piece);
        assert_eq!(stream.chunk().await.as_deref(), Some(piece.as_bytes()), "before the next is sent");
    }
    house.socket("television", "/ws", "").await;
}

/// Films: some people come through a tunnel, which says who they are, and some from the house, where nobody does.
#[tokio::test]
async fn t_4_a_tunnel_tells_the_address_and_nobody_else_does() {
    let house = House::new().await;
    let ask = |lines: &str| head("GET", "/library", "films.localhost:8080", lines);
    for (source, lines, told) in [
        ([127, 0, 0, 3], "CF-Connecting-IP: 198.51.100.7\r\n", "198.51.100.7"),
        ([127, 0, 0, 3], "CF-Connecting-IP: 198.51.100.7\r\nX-Forwarded-For: 10.0.0.1\r\n", "198.51.100.7"),
        ([127, 0, 0, 3], "", "127.0.0.3"),
        ([127, 0, 0, 1], "CF-Connecting-IP: 198.51.100.7\r\n", "127.0.0.1"),
        ([127, 0, 0, 1], "X-Forwarded-For: 198.51.100.7\r\nX-Real-IP: 198.51.100.7\r\n", "127.0.0.1"),
    ] {
        assert_eq!(house.ask_from(source, 0, &ask(lines)).await.status, 200);
        let request = house.received();
        assert_eq!(request.header("x-forwarded-for"), Some(told), "{source:?} {lines:?}");
        assert_eq!(request.header("cf-connecting-ip"), None);
        assert_eq!(request.header("x-real-ip"), Some(told));
    }
}

/// A second domain, with a door of its own name, a bearer API and pages for everybody; and `www.` in front of it.
#[tokio::test]
async fn another_domain_has_its_own_hosts_and_redirects() {
    let application = Application::start("").await;
    let text = include_str!("../../fixtures/services/domains.toml");
    let text = text.replace("UPSTREAM", &application.address.to_string());
    let door = Door::with_files(&text, &[("root", "root-secret-0123456789abcdef")]).await;
    let get = async |host: &str, target: &str, lines: &str| {
        crate::wire::ask(door.address(), head("GET", target, host, lines)).await.unwrap()
    };
    assert_eq!(get("club.example", "/share/abc", "Authorization: Bearer t\r\n").await.status, 200);
    let request = Received(application.requests().pop().unwrap());
    assert_eq!(
        (request.header("host"), request.header("authorization")),
        (Some("club.example"), Some("Bearer t"))
    );
    assert_eq!(request.header("x-forwarded-proto"), Some("https"));
    for target in ["/", "/a/b?x=1&y=%2F%26", "/a?next=//evil.test"] {
        let moved = get("www.club.example", target, "").await;
        let expected = format!("https://club.example{target}");
        assert_eq!((moved.status, moved.header("location")), (301, Some(&*expected)));
    }
    let post = head("POST", "/form", "www.club.example", "Content-Length: 0\r\n");
    assert_eq!(crate::wire::ask(door.address(), post).await.unwrap().status, 308, "the method is kept");
    assert_eq!(get("WWW.Club.Example.", "/", "").await.status, 301);
    assert_eq!(get("other.club.example", "/", "").await.status, 421);
    assert_eq!(get("id.example.org", "/.well-known/openid-configuration", "").await.status, 200);
    assert!(application.requests().is_empty(), "a redirect has no application");
}

/// Hosts: a program with a name and a password, which the application does not see.
#[tokio::test]
async fn a_name_and_a_password_open_what_demands_them() {
    let house = House::new().await;
    let refused = house.get("hosts", "/api/4/cpu", "").await;
    assert_eq!(refused.status, 401);
    assert!(refused.header("www-authenticate").unwrap().starts_with("Basic realm=\"Hosts\""), "{refused:?}");
    for wrong in ["watch:loom-and-shuttle-8", "other:loom-and-shuttle-7", "watch:", "watch"] {
        use base64::Engine as _;
        let encoded = base64::engine::general_purpose::STANDARD.encode(wrong);
        let lines = format!("Authorization: Basic {encoded}\r\n");
        assert_eq!(house.get("hosts", "/", &lines).await.status, 401, "{wrong}");
    }
    house.nothing_received("without the password");
    let lines = "Authorization: Basic d2F0Y2g6bG9vbS1hbmQtc2h1dHRsZS03\r\n";
    assert_eq!(house.get("hosts", "/api/4/cpu", lines).await.status, 200);
    assert_eq!(house.received().header("authorization"), None, "the password goes no further");
}

/// A scanner asks for consent in a parameter that the door adds, on that path alone and once.
#[tokio::test]
async fn a_parameter_is_added_where_it_is_declared() {
    let house = House::new().await;
    for (target, expected) in [
        ("/api/auth/oidc/home/authorize", "/api/auth/oidc/home/authorize?terms_accepted=true"),
        (
            "/api/auth/oidc/home/authorize?terms_accepted=false&state=a%2Fb",
            "/api/auth/oidc/home/authorize?state=a%2Fb&terms_accepted=true",
        ),
        ("/api/auth/oidc/home/callback?code=1", "/api/auth/oidc/home/callback?code=1"),
    ] {
        assert_eq!(house.get("scanner", target, "").await.status, 200, "{target}");
        assert_eq!(house.received().target(), expected);
    }
}

/// Films: headers of answers are there once, and say what was declared.
#[tokio::test]
async fn r_83_headers_of_answers_are_set_not_added() {
    let house = House::new().await;
    let reply = house.get("films", "/web/index.html", "Accept-Encoding: gzip\r\n").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("x-frame-options"), Some("SAMEORIGIN"));
    assert_eq!(reply.header("referrer-policy"), Some("same-origin"));
    house.received();
}
