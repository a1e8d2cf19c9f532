//! Identity and forwarding headers from outside, in every spelling, on every kind of route: H-1, H-3 to H-10, H-12,
//! H-15, E-14, P-12, S-2, T-7 of the list of security cases.

use doorward_visitor::Person;

use crate::{
    door::{Door, STANDARD},
    wire::{self, Application, Reply, Wire, head},
};

/// What a forger writes. It must not arrive under any name that means something.
const FORGED: &str = "forged-root";

/// Names that mean something to applications, or to proxies in front of them.
const NAMES: [&str; 37] = [
    "Remote-User",
    "Remote-Email",
    "Remote-Name",
    "Remote-Groups",
    "Remote-Anything",
    "X-Remote-User",
    "X-WebAuth-User",
    "X-Token-User-Name",
    "X-Auth-Request-User",
    "X-Auth-Request-Email",
    "X-Authenticated-User",
    "X-Doorward-User",
    "X-Forwarded-User",
    "X-Forwarded-Email",
    "X-Forwarded-Groups",
    "X-Forwarded-Preferred-Username",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-Server",
    "X-Forwarded-Scheme",
    "X-Forwarded-Uri",
    "X-Forwarded",
    "Forwarded",
    "X-Real-IP",
    "X-Client-IP",
    "True-Client-IP",
    "CF-Connecting-IP",
    "X-Original-URL",
    "X-Original-Method",
    "X-Rewrite-URL",
    "X-Request-Id",
    "X-HTTP-Method-Override",
    "X-Method-Override",
    "X-App-Person",
];

/// Services of every posture, and one whose identity header has a name of its own.
const MORE: &str = r#"
[services.native]
upstream = "http://UPSTREAM"
posture = "native-oidc"

[services.app]
upstream = "http://UPSTREAM"
posture = "app-login"

[services.named]
upstream = "http://UPSTREAM"
posture = "sso"
policy = "users"
identity_headers = { "X-App-Person" = "username" }
"#;

/// Every spelling that an application might read as `name`.
fn spellings(name: &str) -> Vec<String> {
    let mut spelled = vec![String::new()];
    for character in name.chars() {
        let choices: &[char] = if character == '-' { &['-', '_', '.'] } else { &[character] };
        spelled = spelled
            .iter()
            .flat_map(|start| choices.iter().map(move |choice| format!("{start}{choice}")))
            .collect();
    }
    let lower = spelled.iter().map(|name| name.to_ascii_lowercase());
    let upper = spelled.iter().map(|name| name.to_ascii_uppercase());
    let alternating = spelled.iter().map(|name| {
        let letters = name.chars().enumerate();
        letters
            .map(
                |(at, letter)| {
                    if at % 2 == 0 { letter.to_ascii_lowercase() } else { letter.to_ascii_uppercase() }
                },
            )
            .collect()
    });
    let all: Vec<String> = lower.chain(upper).chain(alternating).collect();
    [spelled, all].concat()
}

fn session(person: &Person, host: &str) -> String {
    let token = person.client.jar.cookie(&format!("{host}.localhost"), "__Host-doorward");
    format!("Cookie: __Host-doorward={}\r\n", token.unwrap())
}

/// A door of all postures, and a person with sessions at the gated services.
async fn open() -> (Door, Person) {
    let door = Door::with(&format!("{STANDARD}{MORE}")).await;
    let mut ada = door.administrator().await;
    for host in ["notes", "named", "feeds"] {
        assert_eq!(ada.open(&door.url(host, "/")).await.unwrap().status, 200);
    }
    (door, ada)
}

/// Each kind of route that forwards: name, target, header lines that open it, who the application must see.
fn routes(ada: &Person) -> Vec<(&'static str, &'static str, String, Option<&'static str>)> {
    let websocket = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                     Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nOrigin: http://notes.localhost:8080\r\n";
    vec![
        ("notes", "/gated", session(ada, "notes"), Some("ada")),
        ("notes", "/socket", format!("{}{websocket}", session(ada, "notes")), Some("ada")),
        ("named", "/gated", session(ada, "named"), Some("ada")),
        ("www", "/public", String::new(), None),
        ("native", "/public", String::new(), None),
        ("app", "/public", String::new(), None),
        ("feeds", "/api/open", String::new(), None),
        // A session does not turn a bypass into a sign-in: the application learns nothing there.
        ("feeds", "/api/open", session(ada, "feeds"), None),
    ]
}

async fn forwarded(door: &Door, host: &str, target: &str, lines: &str) -> Reply {
    let host = format!("{host}.localhost:8080");
    let reply = wire::ask(door.address(), head("GET", target, &host, lines)).await;
    reply.unwrap_or_else(|| panic!("{host} {target} {lines}"))
}

/// The application learns what we say and nothing else.
fn tells_the_truth(reply: &Reply, case: &str, host: &str, user: Option<&str>) {
    assert_eq!(reply.status, 200, "{case}");
    assert!(!reply.text().contains(FORGED), "{case}: {}", reply.text());
    let (user_name, other) =
        if host == "named" { ("X-App-Person", "Remote-User") } else { ("Remote-User", "X-App-Person") };
    assert_eq!(reply.received(user_name), user.into_iter().collect::<Vec<_>>(), "{case}");
    assert!(reply.received(other).is_empty(), "{case}");
    let groups = user.filter(|_| host != "named").map(|_| "admins,users");
    assert_eq!(reply.received("Remote-Groups"), groups.into_iter().collect::<Vec<_>>(), "{case}");
    for (name, value) in [
        ("X-Forwarded-For", "127.0.0.1"),
        ("X-Real-IP", "127.0.0.1"),
        ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-Port", "8080"),
        ("X-Forwarded-Host", &format!("{host}.localhost:8080")),
        ("Host", &format!("{host}.localhost:8080")),
    ] {
        assert_eq!(reply.received(name), [value], "{case} {name}");
    }
}

#[tokio::test]
async fn h_1_h_3_h_5_h_6_h_8_h_10_no_spelling_of_a_forged_header_arrives_anywhere() {
    let (door, ada) = open().await;
    for (host, target, opens, user) in routes(&ada) {
        for name in NAMES {
            let mut spelled = spellings(name);
            spelled.sort();
            spelled.dedup();
            for some in spelled.chunks(60) {
                let forged: String = some.join(&format!(": {FORGED}\r\n")) + &format!(": {FORGED}\r\n");
                let reply = forwarded(&door, host, target, &format!("{opens}{forged}")).await;
                tells_the_truth(&reply, &format!("{host}{target} {some:?}"), host, user);
            }
        }
    }
}

#[tokio::test]
async fn h_15_duplicates_and_empty_values_change_nothing() {
    let (door, ada) = open().await;
    for (host, target, opens, user) in routes(&ada) {
        for name in NAMES {
            for forged in [
                format!("{name}: {FORGED}\r\n{name}: {FORGED}\r\n{name}: ada\r\n"),
                format!("{name}:\r\n{name}: {FORGED}\r\n"),
                format!("{name}:\r\n"),
                format!("{name}:{FORGED}\r\n{name}:\t {FORGED} \t\r\n"),
                format!("{name}: {FORGED}\u{e9}\r\n"),
            ] {
                let reply = forwarded(&door, host, target, &format!("{opens}{forged}")).await;
                tells_the_truth(&reply, &format!("{host}{target} {forged:?}"), host, user);
            }
        }
    }
}

#[tokio::test]
async fn h_7_connection_can_name_our_headers_but_not_remove_them() {
    let (door, ada) = open().await;
    for (host, target, opens, user) in routes(&ada) {
        let named = "Remote-User, remote-groups, X-App-Person, X-Forwarded-For, X-Forwarded-Host, \
                     X-Forwarded-Proto, X-Forwarded-Port, Host, Cookie";
        for options in [
            named.to_owned(),
            named.to_ascii_lowercase(),
            named.replace(", ", ",\t ,"),
            named.replace(", ", "\r\nConnection: "),
            format!("keep-alive, {named}"),
        ] {
            let lines = if opens.contains("Upgrade") {
                opens.replace("Connection: Upgrade", &format!("Connection: Upgrade, {options}"))
            } else {
                format!("{opens}Connection: {options}\r\n")
            };
            let lines = format!("{lines}Remote-User: {FORGED}\r\n");
            let reply = forwarded(&door, host, target, &lines).await;
            tells_the_truth(&reply, &format!("{host}{target} {options:?}"), host, user);
        }
    }
}

/// Spellings that are no header line at all: refused, or read as something harmless.
#[tokio::test]
async fn h_15_s_2_what_is_no_header_line_hides_none() {
    let (door, ada) = open().await;
    for (host, target, opens, user) in routes(&ada) {
        for line in [
            "Remote-User : V",
            "Remote-User\t: V",
            " Remote-User: V",
            "\tRemote-User: V",
            "X-Note: a\r\n Remote-User: V",
            "X-Note: a\r\n\tRemote-User: V",
            "X-Note: a\nRemote-User: V",
            "X-Note: a\rRemote-User: V",
            "X-Note: a\r\r\nRemote-User: V",
            "X-Note: a\0\r\nRemote-User: V",
            "Remote-User\0: V",
            "\x0bRemote-User: V",
            "Remote-User\x0b: V",
            "Remote\u{ad}-User: V",
            "Remote\u{2010}User: V",
            "Remote User: V",
            "Remote-User",
            ": V",
            "Remote-User;: V",
            "Remote-User=V",
        ] {
            let line = line.replace('V', FORGED);
            let host_name = format!("{host}.localhost:8080");
            let request = head("GET", target, &host_name, &format!("{opens}{line}\r\n"));
            let case = format!("{host}{target} {line:?}");
            match wire::ask(door.address(), request).await {
                Some(reply) if reply.status == 400 => assert!(reply.shown().is_none(), "{case}"),
                Some(reply) => tells_the_truth(&reply, &case, host, user),
                None => panic!("{case}: no answer"),
            }
        }
    }
}

#[tokio::test]
async fn h_1_trailers_carry_nothing_to_the_application() {
    let application = Application::start("").await;
    let door = Door::with(&STANDARD.replace("UPSTREAM", &application.address.to_string())).await;
    let body = format!("3\r\nabc\r\n0\r\nRemote-User: {FORGED}\r\nX-Note: {FORGED}\r\n\r\n");
    let lines = "Transfer-Encoding: chunked\r\nTrailer: Remote-User, X-Note\r\nTE: trailers\r\n";
    let request = head("POST", "/", "www.localhost:8080", lines) + &body;
    let reply = wire::ask(door.address(), request).await.unwrap();
    assert_eq!(reply.status, 200);
    let requests = application.requests();
    assert_eq!(requests.len(), 1);
    assert!(requests[0].contains("abc"), "{requests:?}");
    assert!(!requests[0].contains(FORGED), "{requests:?}");
}

#[tokio::test]
async fn e_9_our_cookies_do_not_reach_applications_and_others_do() {
    let (door, ada) = open().await;
    let token = session(&ada, "notes");
    let token = token.trim_end().split_once('=').unwrap().1;
    for (line, left) in [
        (format!("__Host-doorward={token}"), None),
        (format!("a=1; __Host-doorward={token}; b=2"), Some("a=1; b=2")),
        (format!("__Host-doorward={token}; __host-DOORWARD-x={FORGED}"), None),
        (
            format!("__Host-doorward-login-12345678={FORGED}; __Host-doorward={token}; c=\"3\""),
            Some("c=\"3\""),
        ),
        (
            format!(
                "__Host-doorward-ceremony={FORGED};__Host-doorward={token};;d=4;\t__Host-doorward-z={FORGED}"
            ),
            Some("d=4"),
        ),
    ] {
        let reply = forwarded(&door, "notes", "/", &format!("Cookie: {line}\r\n")).await;
        assert_eq!(reply.status, 200, "{line}");
        assert_eq!(reply.received("cookie"), left.into_iter().collect::<Vec<_>>(), "{line}");
        assert!(!reply.text().contains(token) && !reply.text().contains(FORGED), "{line}");
    }
}

#[tokio::test]
async fn h_12_e_13_a_malformed_session_cookie_opens_nothing() {
    let (door, ada) = open().await;
    let token = session(&ada, "notes");
    let token = token.trim_end().split_once('=').unwrap().1;
    let long = "x".repeat(16_000);
    for (line, status) in [
        (format!("Cookie: __Host-doorward={token}; __Host-doorward={token}"), 400),
        (format!("Cookie: __Host-doorward={token}; __Host-doorward="), 400),
        (format!("Cookie: __Host-doorward={token}\r\nCookie: __Host-doorward={token}"), 400),
        (format!("Cookie: __Host-doorward={token}\r\nCookie: a=1"), 400),
        (format!("Cookie: __Host-doorward={token}\u{e9}"), 401),
        (format!("Cookie: __Host-doorward={token}="), 401),
        (format!("Cookie: __Host-doorward=\"{token}\""), 401),
        (format!("Cookie: __Host-doorward={}", &token[..token.len() - 1]), 401),
        (format!("Cookie: __Host-doorward={token}A"), 401),
        (format!("Cookie: __Host-doorward={}", token.to_ascii_uppercase()), 401),
        (format!("Cookie: __host-doorward={token}"), 401),
        (format!("Cookie: doorward={token}"), 401),
        (format!("Cookie: __Secure-doorward={token}"), 401),
        (format!("Cookie: a=\"; __Host-doorward\"={token}"), 401),
        (format!("Cookie: __Host-doorward={long}"), 401),
        ("Cookie: __Host-doorward=".to_owned(), 401),
        ("Cookie: __Host-doorward".to_owned(), 401),
        (format!("Authorization: Bearer {token}"), 401),
        (format!("X-Cookie: __Host-doorward={token}"), 401),
    ] {
        let reply = forwarded(&door, "notes", "/", &format!("{line}\r\n")).await;
        assert_eq!(reply.status, status, "{line} {}", reply.text());
        assert!(reply.shown().is_none(), "{line}");
    }
    let query = format!("/?__Host-doorward={token}&access_token={token}");
    assert_eq!(forwarded(&door, "notes", &query, "").await.status, 401);
}

#[tokio::test]
async fn h_1_t_7_the_identity_host_and_the_reserved_path_believe_no_header() {
    let (door, _ada) = open().await;
    let forged: String = NAMES
        .iter()
        .map(|name| format!("{name}: ada\r\n"))
        .chain(["Remote-Groups: admins\r\n".to_owned()])
        .collect();
    for (host, target) in [
        ("id", "/"),
        ("id", "/admin/people"),
        ("id", "/account/passkeys"),
        ("id", "/sign-out"),
        ("id", "/api/oidc/userinfo"),
        ("id", "/.well-known/openid-configuration"),
        ("notes", "/.doorward/callback"),
        ("notes", "/.doorward/sign-out"),
        ("notes", "/.doorward/nothing"),
        ("www", "/.doorward"),
    ] {
        let plain = forwarded(&door, host, target, "").await;
        let reply = forwarded(&door, host, target, &forged).await;
        assert_eq!(
            (reply.status, reply.header("location")),
            (plain.status, plain.header("location")),
            "{host}{target}"
        );
        assert!(!reply.text().contains("ada"), "{host}{target} {}", reply.text());
        assert!(reply.header("set-cookie").is_none(), "{host}{target}");
    }
}

#[tokio::test]
async fn t_13_t_14_no_address_is_built_from_a_header() {
    let (door, _ada) = open().await;
    let forged = "X-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: gopher\r\nX-Forwarded-Port: 1\r\n\
                  Forwarded: host=evil.example;proto=gopher\r\nX-Original-Host: evil.example\r\n\
                  X-Host: evil.example\r\nReferer: http://evil.example/\r\nAccept: text/html\r\n";
    for (host, target) in [
        ("notes", "/wanted"),
        ("notes", "/.doorward/sign-in"),
        ("notes", "/.doorward/sign-out"),
        ("id", "/handoff?service=notes"),
        ("id", "/login"),
        ("id", "/.well-known/openid-configuration"),
        ("id", "/.well-known/passkey-endpoints"),
    ] {
        let reply = forwarded(&door, host, target, forged).await;
        let said = format!("{:?} {}", reply.headers, reply.text());
        assert!(!said.contains("evil.example") && !said.contains("gopher"), "{host}{target} {said}");
        if reply.status == 303 {
            let location = reply.header("location").unwrap();
            assert!(
                location.starts_with('/') || location.starts_with("http://id.localhost:8080/"),
                "{location}"
            );
        }
    }
}

#[tokio::test]
async fn e_14_an_application_can_neither_set_nor_read_our_cookies() {
    let application = Application::start(
        "Set-Cookie: __Host-doorward=evil; Path=/; Secure\r\nSet-Cookie: own=1; Path=/\r\n\
         Set-Cookie: __HOST-doorward-login-12345678=evil; Path=/; Secure\r\nSet-Cookie:  __Host-doorward=evil\r\n\
         Connection: close, X-Hop\r\nX-Hop: gone\r\nKeep-Alive: timeout=1\r\n",
    )
    .await;
    let door = Door::with(&STANDARD.replace("UPSTREAM", &application.address.to_string())).await;
    let reply = forwarded(&door, "www", "/", "").await;
    assert_eq!((reply.status, reply.text().as_str()), (200, "ok"));
    let cookies: Vec<_> = reply
        .headers
        .iter()
        .filter(|(name, _)| name == "set-cookie")
        .map(|(_, value)| value.as_str())
        .collect();
    assert_eq!(cookies, ["own=1; Path=/"]);
    assert_eq!((reply.header("x-hop"), reply.header("keep-alive")), (None, None));
}

/// P-12: what a request is decided on is what the application sees.
#[tokio::test]
async fn p_12_a_method_can_not_be_overridden() {
    let (door, _ada) = open().await;
    let mut wire = Wire::to(door.address()).await;
    let lines = "X-HTTP-Method-Override: DELETE\r\nX-HTTP-Method: DELETE\r\nX_Method_Override: DELETE\r\n";
    wire.send(head("GET", "/api/open?_method=DELETE", "feeds.localhost:8080", lines)).await;
    let shown = wire.reply().await.unwrap().shown().unwrap();
    assert_eq!(shown["method"], "GET");
    let headers = shown["headers"].to_string();
    assert!(!headers.contains("DELETE"), "{headers}");
    let lines = "X-HTTP-Method-Override: GET\r\nContent-Length: 0\r\n";
    wire.send(head("POST", "/api/open", "feeds.localhost:8080", lines)).await;
    assert_eq!(wire.reply().await.unwrap().status, 401);
}
