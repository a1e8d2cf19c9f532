//! What people, programs and attackers do at a proxy, whichever it is.

use doorward_visitor::{Person, Request};
use http::Method;

use super::house::House;
use crate::wire::{Reply, Wire, ask, head};

const HOST: &str = "photos.localhost:8080";
const SESSION: &str = "__Host-doorward";

/// Ada, who may, signed in at the application.
async fn ada(house: &House) -> Person {
    let known = house.door.administrator().await;
    let mut ada = house.person(&known);
    let page = ada.open_signed_in(&house.url("/")).await.unwrap();
    assert_eq!(page.status, 200, "{} {}", page.text(), house.log());
    house.application.requests();
    ada
}

/// The line that carries her session.
fn session(person: &Person) -> String {
    let token = person.client.jar.cookie("photos.localhost", SESSION).unwrap();
    format!("Cookie: a=1; {SESSION}={token}; b=2\r\n")
}

async fn raw(house: &House, method: &str, target: &str, lines: &str) -> Reply {
    let reply = ask(house.proxy, head(method, target, HOST, &format!("{lines}Connection: close\r\n"))).await;
    reply.unwrap_or_else(|| panic!("{method} {target} {lines}: {}", house.log()))
}

/// The only request that reached the application.
fn arrived(house: &House) -> String {
    let requests = house.application.requests();
    let [request] = requests.as_slice() else { panic!("{requests:?} {}", house.log()) };
    request.clone()
}

/// The values under any alias of a name, in a request as it arrived.
fn values(request: &str, name: &str) -> Vec<String> {
    let canonical =
        |name: &str| name.replace(|letter: char| !letter.is_ascii_alphanumeric(), "-").to_lowercase();
    let lines = request.lines().skip(1).filter_map(|line| line.split_once(':'));
    let alike = lines.filter(|(found, _)| canonical(found) == name);
    alike.map(|(_, value)| value.trim().to_owned()).filter(|value| !value.is_empty()).collect()
}

pub(super) async fn signs_in_and_out(house: House) {
    let known = house.door.administrator().await;
    let mut ada = house.person(&known);
    let program = ada.client.send(Request::fetch(Method::GET, &house.url("/")).unwrap()).await.unwrap();
    assert_eq!(program.status, 401, "{}", house.log());
    assert_eq!(program.json().unwrap()["error"], "sign_in_required");
    assert!(program.header("www-authenticate").is_some());
    let url = house.url("/album?x=1&to=%2Fy");
    let page = ada.open_signed_in(&url).await.unwrap();
    assert_eq!((page.status.as_u16(), page.url.as_str()), (200, url.as_str()), "{}", house.log());
    let request = arrived(&house);
    assert!(request.starts_with("GET /album?x=1&to=%2Fy HTTP/1.1\r\n"), "{request}");
    assert_eq!(values(&request, "remote-user"), ["ada"]);
    assert!(!request.contains(SESSION), "{request}");
    let post = Request::fetch(Method::POST, &house.url("/upload")).unwrap().body("picture");
    assert_eq!(ada.client.send(post).await.unwrap().status, 200, "{}", house.log());
    let request = arrived(&house);
    assert!(request.starts_with("POST /upload ") && request.contains("picture"), "{request}");
    let mut admin = known.clone();
    let bob = house.door.member(&mut admin, "bob", "others").await;
    let page = house.person(&bob).open_signed_in(&house.url("/")).await.unwrap();
    assert_eq!(page.status, 403, "{}", house.log());
    assert!(page.text().contains("bob"), "{}", page.text());
    ada.sign_out().await.unwrap();
    let program = ada.client.send(Request::fetch(Method::GET, &house.url("/")).unwrap()).await.unwrap();
    assert_eq!(program.status, 401);
    assert!(house.application.requests().is_empty());
}

pub(super) async fn nothing_forged_arrives(house: House) {
    let ada = ada(&house).await;
    let mut lines = String::new();
    for name in
        ["Remote-User", "Remote-Groups", "Remote-Email", "Remote-Name", "Remote-Roles", "X-Forwarded-Prefix"]
    {
        for alias in [name.to_owned(), name.to_uppercase(), name.replace('-', "_"), name.replace('-', ".")] {
            lines.extend([alias.as_str(), ": forged\r\n"]);
        }
    }
    let connection = "Connection: close, Remote-User, X-Forwarded-For, X-Forwarded-Uri, Cookie\r\n";
    for cookie in [session(&ada), String::new()] {
        let target = if cookie.is_empty() { "/api/open" } else { "/" };
        let request = head("GET", target, HOST, &format!("{cookie}{lines}{connection}"));
        let reply = ask(house.proxy, request).await.unwrap();
        if reply.status != 200 {
            assert!([400, 401, 403].contains(&reply.status), "{reply:?}");
            assert!(house.application.requests().is_empty());
            continue;
        }
        let request = arrived(&house);
        assert!(!request.contains("forged"), "{request}");
        let user = if cookie.is_empty() { Vec::new() } else { vec!["ada".to_owned()] };
        assert_eq!(values(&request, "remote-user"), user, "{request}");
        assert!(!request.contains(SESSION), "{request}");
    }
    // Whatever became of the above, an honest request still has the person's headers and the application's cookies.
    assert_eq!(raw(&house, "GET", "/", &(session(&ada) + &lines)).await.status, 200, "{}", house.log());
    let request = arrived(&house);
    assert!(!request.contains("forged") && !request.contains(SESSION), "{request}");
    assert_eq!(values(&request, "remote-user"), ["ada"]);
    assert_eq!(values(&request, "cookie"), ["a=1; b=2"]);
}

pub(super) async fn headers_open_nothing(house: House) {
    for lines in [
        "X-Forwarded-Uri: /api/open\r\n",
        "X_Forwarded_Uri: /api/open\r\n",
        "X.Forwarded.Uri: /api/open\r\n",
        "X-Original-URL: http://photos.localhost:8080/api/open\r\n",
        "X_Original_URL: http://photos.localhost:8080/api/open\r\n",
        "X-Forwarded-Method: GET\r\nX-Forwarded-Host: www.localhost\r\nX-Forwarded-Uri: /api/open\r\n",
        "X-Rewrite-URL: /api/open\r\nX-HTTP-Method-Override: GET\r\n",
        "X-Envoy-Original-Path: /api/open\r\n",
        "User-Agent: kube-probe/1.30\r\n",
        "Connection: X-Forwarded-Uri, X-Forwarded-For, X-Forwarded-Method\r\n",
        "Cookie: __Host-doorward=x; __Host-doorward=y\r\n",
    ] {
        let reply = ask(house.proxy, head("GET", "/", HOST, lines)).await.unwrap();
        assert!([400, 401, 403].contains(&reply.status), "{lines} {reply:?}");
        let reply =
            ask(house.proxy, head("POST", "/api/open", HOST, &format!("{lines}Content-Length: 0\r\n"))).await;
        assert!([400, 401, 403].contains(&reply.unwrap().status), "{lines}");
    }
    assert!(house.application.requests().is_empty());
    assert_eq!(raw(&house, "GET", "/api/open", "").await.status, 200, "{}", house.log());
    assert_eq!(values(&arrived(&house), "remote-user"), Vec::<String>::new());
    // The questions are not for people, also not for those who may: the answer has what is the application's alone.
    let ada = ada(&house).await;
    for dialect in ["caddy", "traefik", "haproxy", "nginx", "envoy/"] {
        let lines = "X-Forwarded-Method: GET\r\nX-Forwarded-Uri: /\r\nX-Forwarded-Proto: http\r\n\
                     X-Original-Method: GET\r\nX-Original-URL: http://photos.localhost:8080/\r\n";
        let target = format!("/.doorward/auth/{dialect}");
        let reply = raw(&house, "GET", &target, &(session(&ada) + lines)).await;
        assert_eq!((reply.status, reply.header("remote-user")), (404, None), "{dialect} {reply:?}");
    }
}

pub(super) async fn odd_paths(house: House) {
    let ada = ada(&house).await;
    for target in [
        "//",
        "/a//b",
        "/a/./b",
        "/a/../b",
        "/a/%2e%2e/b",
        "/%2e",
        "/a/..;/b",
        "/a;x=1",
        "/a%3Bx",
        "/a%2Fb",
        "/a%5cb",
        "/a\\b",
        "/a%00b",
        "/a%0d%0ab",
        "/%zz",
        "/%c0%ae",
        "/%252e%252e",
        "/%61pi",
        "/api/open/..%2f",
        "/api/open/../x",
        "/api/open%2f..%2fx",
        "/a#b",
    ] {
        for lines in [session(&ada), String::new()] {
            let reply = raw(&house, "GET", target, &lines).await;
            let requests = house.application.requests();
            assert_eq!(requests.is_empty(), reply.status != 200, "{target} {reply:?}");
            // A proxy may bring a path into one form before it asks; then it is that form which arrives.
            let odd = ["//", "/.", "%25", "%2e", "%2f", "%5", "%0", "%z", "%c", "%6", ";", "\\", "#"];
            for request in requests {
                let arrived = request.split(' ').nth(1).unwrap().to_lowercase();
                let signed_in = !lines.is_empty() || arrived.starts_with("/api/open");
                assert!(
                    signed_in && !odd.iter().any(|part| arrived.contains(part)),
                    "{target} arrived as {arrived}"
                );
            }
        }
    }
}

pub(super) async fn websockets(house: House) {
    let ada = ada(&house).await;
    let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let foreign = format!("{upgrade}{}Origin: http://evil.localhost:8080\r\n", session(&ada));
    for (lines, status) in [(upgrade.to_owned(), 401), (foreign, 403)] {
        let reply = ask(house.proxy, head("GET", "/socket", HOST, &lines)).await.unwrap();
        assert_eq!(reply.status, status, "{}", house.log());
    }
    assert!(house.application.requests().is_empty());
    let mut wire = Wire::to(house.proxy).await;
    let lines = format!("{upgrade}{}Origin: http://photos.localhost:8080\r\n", session(&ada));
    wire.send(head("GET", "/socket", HOST, &lines)).await;
    assert_eq!(wire.reply_head().await.unwrap().status, 101, "{}", house.log());
    assert_eq!(values(&arrived(&house), "remote-user"), ["ada"]);
    wire.send("ping").await;
    assert_eq!(wire.take(4).await.as_deref(), Some(&b"ping"[..]));
}
