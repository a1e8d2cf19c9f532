//! What must be impossible, by the front door: one test or more for each item of that list.

use doorward::config;
use doorward_visitor::{Client, Page, Person, Request};
use http::{Method, StatusCode};

use crate::{
    door::{Door, STANDARD},
    process::free_port,
    wire::{self, Application, head},
};

const SESSION: &str = "__Host-doorward";
const GATED: [&str; 3] = ["notes", "vault", "feeds"];

async fn program(door: &Door, host: &str, target: &str, lines: &str) -> wire::Reply {
    let reply = wire::ask(door.address(), head("GET", target, &format!("{host}.localhost"), lines)).await;
    reply.unwrap_or_else(|| panic!("{host}{target}: no answer"))
}

fn cookie(person: &Person, host: &str) -> String {
    let token = person.client.jar.cookie(&format!("{host}.localhost"), SESSION);
    token.unwrap_or_else(|| panic!("no session at {host}")).to_owned()
}

async fn opens(person: &mut Person, door: &Door, host: &str) -> bool {
    let page = person.open(&door.url(host, "/page")).await.unwrap();
    page.status == StatusCode::OK && page.url.as_str() == door.url(host, "/page")
}

/// A request without a session that a careless gate might let through.
async fn is_stopped(door: &Door, host: &str, request: (&str, &str)) {
    for lines in ["", "Accept: text/html\r\n", "Connection: Upgrade\r\nUpgrade: websocket\r\n"] {
        let (method, target) = request;
        let lines = format!("{lines}Content-Length: 0\r\n");
        let mut wire = wire::Wire::to(door.address()).await;
        wire.send(head(method, target, &format!("{host}.localhost"), &lines)).await;
        let status = wire.reply_head().await.unwrap().status;
        assert!(matches!(status, 401 | 303), "{method} {host}{target} {lines:?}: {status}");
    }
}

const METHODS: [&str; 9] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND", "REPORT"];
const TARGETS: [&str; 8] =
    ["/", "/healthz", "/robots.txt", "/.well-known/x", "/favicon.ico", "/login", "/api", "/assets/x"];

#[tokio::test]
async fn impossible_1_t_10_every_declared_gate_is_enforced() {
    let application = Application::start("").await;
    let door = Door::with(&STANDARD.replace("UPSTREAM", &application.address.to_string())).await;
    for host in GATED {
        for method in METHODS {
            for target in TARGETS {
                is_stopped(&door, host, (method, target)).await;
            }
        }
    }
    assert!(application.requests().is_empty());
    // A service that does not say what it demands is no service.
    for (whole, part) in [
        ("posture = \"sso\"\npolicy = \"admins\"", "policy = \"admins\""),
        ("posture = \"sso\"\npolicy = \"admins\"", "posture = \"sso\""),
        ("policy = \"admins\"", "policy = \"admin\""),
        ("policy = \"admins\"", "policy = \"\""),
        ("posture = \"sso\"\npolicy = \"admins\"", "posture = \"none\""),
        ("networks = [\"127.0.0.1/32\"]", "networks = [\"anywhere\"]"),
        ("networks = [\"127.0.0.1/32\"], ", ""),
    ] {
        assert!(STANDARD.contains(whole));
        door.write(&STANDARD.replace(whole, part));
        config::load(&door.config_file).unwrap_err();
    }
}

#[tokio::test]
async fn impossible_2_an_identity_header_from_the_network_never_reaches_an_application() {
    let application = Application::start("").await;
    let door = Door::with(&STANDARD.replace("UPSTREAM", &application.address.to_string())).await;
    let mut ada = door.administrator().await;
    assert!(opens(&mut ada, &door, "notes").await);
    application.requests();
    let signed_in = format!("Cookie: {SESSION}={}\r\n", cookie(&ada, "notes"));
    for (host, target, opens) in
        [("notes", "/", signed_in.as_str()), ("www", "/", ""), ("feeds", "/api/open", "")]
    {
        let forged =
            "Remote-User: root\r\nremote_user: root\r\nREMOTE.GROUPS: root\r\nConnection: Remote-User\r\n";
        assert_eq!(program(&door, host, target, &format!("{opens}{forged}")).await.status, 200);
        let requests = application.requests().concat().to_ascii_lowercase();
        assert!(!requests.contains("root"), "{requests}");
        assert_eq!(requests.contains("remote-user: ada\r\n"), host == "notes", "{requests}");
    }
}

#[tokio::test]
async fn impossible_3_what_opens_one_service_opens_no_other() {
    let more = "\n[policies.cooks]\ngroups = [\"cooks\"]\n\n[policies.smiths]\ngroups = [\"smiths\"]\n\n\
                [services.kitchen]\nupstream = \"http://UPSTREAM\"\nposture = \"sso\"\npolicy = \"cooks\"\nidentity_headers = true\n\n\
                [services.forge]\nupstream = \"http://UPSTREAM\"\nposture = \"sso\"\npolicy = \"smiths\"\n";
    let door = Door::with(&format!("{STANDARD}{more}")).await;
    let mut ada = door.administrator().await;
    let mut cook = door.member(&mut ada, "cook", "cooks").await;
    assert!(opens(&mut cook, &door, "kitchen").await);
    for host in ["forge", "vault", "notes", "feeds"] {
        let page = cook.open(&door.url(host, "/")).await.unwrap();
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{host}");
        assert_eq!(cook.client.jar.cookie(&format!("{host}.localhost"), SESSION), None, "{host}");
    }
    // Not even an administrator, and not by a name that looks like another.
    assert_eq!(ada.open(&door.url("kitchen", "/")).await.unwrap().status, StatusCode::FORBIDDEN);
    let mut almost = door.member(&mut ada, "almost", "cook Cooks cooks2 x-cooks").await;
    assert_eq!(almost.open(&door.url("kitchen", "/")).await.unwrap().status, StatusCode::FORBIDDEN);
    // A way in to one service leads into no other.
    let stop = |url: &url::Url| url.path() == "/.doorward/callback";
    let mut fresh = door.member(&mut ada, "fresh", "cooks,users").await;
    let way = fresh.client.navigate_until(&door.url("kitchen", "/"), stop).await.unwrap();
    let way = way.location().unwrap().unwrap();
    let other = door.url("notes", &format!("/.doorward/callback?{}", way.query().unwrap()));
    let page = fresh.open(&other).await.unwrap();
    assert_eq!(page.status, StatusCode::BAD_REQUEST);
    assert_eq!(fresh.client.jar.cookie("notes.localhost", SESSION), None);
}

#[tokio::test]
async fn impossible_4_e_13_a_cookie_of_one_host_opens_no_other() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    for host in GATED {
        assert!(opens(&mut ada, &door, host).await, "{host}");
    }
    let hosts = ["id", "notes", "vault", "feeds"];
    for from in hosts {
        for to in hosts {
            let lines = format!("Cookie: {SESSION}={}\r\n", cookie(&ada, from));
            let target = if to == "id" { "/account/passkeys" } else { "/" };
            let status = program(&door, to, target, &lines).await.status;
            assert_eq!(status == 200, from == to, "{from} {to} {status}");
        }
    }
    for host in hosts {
        let cookies = ada.client.jar.cookies(&format!("{host}.localhost")).count();
        assert_eq!(cookies, 1, "{host}");
    }
    assert!(ada.client.jar.refused().is_empty(), "{:?}", ada.client.jar.refused());
}

#[tokio::test]
async fn impossible_5_one_broken_service_takes_no_other_down() {
    let closed = std::net::SocketAddr::from(([127, 0, 0, 1], free_port()));
    let more = format!(
        "\n[services.down]\nupstream = \"http://{closed}\"\nposture = \"public\"\n\n\
         [services.untrusted]\nupstream = \"https://{closed}\"\nupstream_ca_file = \"DIR/missing.pem\"\nposture = \"public\"\n\n\
         [services.unread]\nupstream = \"http://{closed}\"\nposture = \"sso\"\npolicy = \"users\"\n\
         bypass = [{{ regexes = [\"(\"], public = true }}]\n"
    );
    let door = Door::with(&format!("{STANDARD}{more}")).await;
    let mut ada = door.administrator().await;
    for _ in 0..2 {
        for (host, status) in [("down", 502), ("untrusted", 503), ("unread", 503)] {
            let reply = program(&door, host, "/", "").await;
            assert_eq!(reply.status, status, "{host}");
            assert!(!reply.text().contains(&closed.port().to_string()), "{}", reply.text());
        }
        assert!(opens(&mut ada, &door, "notes").await);
        assert!(opens(&mut ada, &door, "www").await);
    }
    let launcher = ada.open(&door.url("id", "/")).await.unwrap().text();
    for key in ["services.untrusted.upstream_ca_file", "services.unread.bypass[0].regexes[0]"] {
        assert!(launcher.contains(key), "administrators are told why: {launcher}");
    }
    assert!(program(&door, "unread", "/", "").await.text().contains("closed_regex"));
    // A typo in one service: the former configuration stays, whole.
    for (sound, typo) in [
        ("posture = \"public\"", "posture = \"pubic\""),
        ("title = \"Vault\"", "titel = \"Vault\""),
        ("host = \"vault.localhost\"", "host = \"notes.localhost\""),
        ("[services.vault]", "[services.vault"),
    ] {
        door.write(&STANDARD.replacen(sound, typo, 1));
        let reason = door.running.reload(&door.config_file).unwrap_err();
        assert!(!reason.is_empty());
        for host in ["notes", "vault", "feeds", "www"] {
            assert!(opens(&mut ada, &door, host).await, "{typo} {host}");
        }
        assert_eq!(program(&door, "down", "/", "").await.status, 502);
    }
}

#[tokio::test]
async fn impossible_6_an_application_that_starts_later_is_closed_before_and_open_after() {
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], free_port()));
    let door = Door::with(&STANDARD.replace("UPSTREAM", &address.to_string())).await;
    let mut ada = door.administrator().await;
    let page = ada.open(&door.url("notes", "/")).await.unwrap();
    assert_eq!(page.status, StatusCode::BAD_GATEWAY);
    assert_eq!(program(&door, "notes", "/", "").await.status, 401);
    let listener = tokio::net::TcpListener::bind(address).await.unwrap();
    tokio::spawn(doorward::demo::upstream::run(listener));
    assert!(opens(&mut ada, &door, "notes").await);
    assert_eq!(program(&door, "notes", "/", "").await.status, 401);
}

#[tokio::test]
async fn impossible_6_t_5_without_the_database_nobody_gets_in_and_nobody_is_signed_out() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    assert!(opens(&mut ada, &door, "notes").await);
    let lines = format!("Cookie: {SESSION}={}\r\n", cookie(&ada, "notes"));
    let database = rusqlite::Connection::open(door.scratch.path().join("state/doorward.db")).unwrap();
    database.execute_batch("ALTER TABLE sessions RENAME TO gone").unwrap();
    // Longer than a session is remembered.
    door.clock.advance(61);
    for _ in 0..2 {
        let reply = program(&door, "notes", "/", &lines).await;
        assert_eq!(reply.status, 503, "{}", reply.text());
        assert_eq!(reply.header("set-cookie"), None);
        assert!(!reply.text().contains("sessions"), "{}", reply.text());
        let page = program(&door, "id", "/account/passkeys", &format!("Accept: text/html\r\n{lines}")).await;
        assert_eq!(page.status, 503);
        assert_eq!(page.header("set-cookie"), None);
    }
    assert_eq!(program(&door, "notes", "/", "").await.status, 401);
    assert_eq!(program(&door, "vault", "/", &lines).await.status, 503);
    assert_eq!(program(&door, "www", "/", "").await.status, 200);
    assert_eq!(program(&door, "feeds", "/api/open", "").await.status, 200);
    database.execute_batch("ALTER TABLE gone RENAME TO sessions").unwrap();
    assert_eq!(program(&door, "notes", "/", &lines).await.status, 200);
}

#[tokio::test]
async fn impossible_7_a_reload_and_a_restart_sign_nobody_out() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let mut bob = door.member(&mut ada, "bob", "users").await;
    assert!(opens(&mut ada, &door, "vault").await && opens(&mut bob, &door, "notes").await);
    let cookies = (cookie(&ada, "vault"), cookie(&bob, "notes"), cookie(&bob, "id"));
    // Somebody in the middle of a sign-in.
    let mut eve = door.person();
    eve.authenticator = bob.authenticator.clone();
    let page = eve.open(&door.url("feeds", "/middle")).await.unwrap();
    let return_to = page.query("return_to");
    door.write(&STANDARD.replace("title = \"Test door\"", "title = \"Other door\""));
    door.running.reload(&door.config_file).unwrap();
    assert!(opens(&mut ada, &door, "vault").await && opens(&mut bob, &door, "notes").await);
    let door = door.restart().await;
    for person in [&mut ada, &mut bob, &mut eve] {
        for host in ["id", "notes", "vault", "feeds"] {
            person.client = person.client.clone().host(&format!("{host}.localhost"), door.address());
        }
    }
    assert!(opens(&mut ada, &door, "vault").await && opens(&mut bob, &door, "notes").await);
    assert_eq!(cookies, (cookie(&ada, "vault"), cookie(&bob, "notes"), cookie(&bob, "id")));
    let next = eve.sign_in(return_to.as_deref()).await.unwrap();
    let page = eve.client.navigate_from(&eve.portal(), next.as_str()).await.unwrap();
    assert_eq!((page.status.as_u16(), page.url.as_str()), (200, door.url("feeds", "/middle").as_str()));
}

#[tokio::test]
async fn impossible_8_no_spelling_makes_another_decision_than_the_application_would() {
    let door = Door::open().await;
    for target in [
        "//api/open",
        "/api/open/../secret",
        "/api/open/%2e%2e/secret",
        "/api/open%2f..%2fsecret",
        "/api/open;/../secret",
        "/api/open/..\\secret",
        "/api/open/%25%32%65%25%32%65/secret",
    ] {
        let reply = program(&door, "feeds", target, "").await;
        assert_eq!((reply.status, reply.shown()), (400, None), "{target}");
    }
    assert_eq!(program(&door, "feeds", "/API/OPEN", "").await.status, 401);
    assert_eq!(program(&door, "feeds", "/api/%6Fpen", "").await.shown().unwrap()["target"], "/api/open");
}

#[tokio::test]
async fn impossible_9_an_address_in_a_header_enters_no_decision() {
    let door = Door::open().await;
    let mut elsewhere = door.client().source([127, 0, 0, 2].into());
    for name in ["X-Forwarded-For", "X-Real-IP", "CF-Connecting-IP", "True-Client-IP", "X-Client-IP"] {
        let request = Request::program(Method::GET, &door.url("feeds", "/api/open")).unwrap();
        let request = request.header(name, "127.0.0.1").unwrap();
        assert_eq!(elsewhere.send(request).await.unwrap().status, 401, "{name}");
    }
    let request = Request::program(Method::GET, &door.url("feeds", "/api/open")).unwrap();
    assert_eq!(door.client().send(request).await.unwrap().status, 200);
}

#[tokio::test]
async fn impossible_10_an_empty_or_missing_secret_is_no_protection_so_it_is_refused() {
    let door = Door::open().await;
    let secret = door.scratch.path().join("wiki.secret");
    for content in [
        "",
        "\n",
        "\r\n",
        "                ",
        "short",
        "CHANGEME",
        "changeme-changeme-changeme",
        "ENC[AES256_GCM,data:x,iv:y]",
        "two-lines-0123456789\nof-secrets",
    ] {
        std::fs::write(&secret, content).unwrap();
        assert!(config::load(&door.config_file).is_err(), "{content:?}");
        door.running.reload(&door.config_file).unwrap_err();
    }
    std::fs::remove_file(&secret).unwrap();
    config::load(&door.config_file).unwrap_err();
    let without = STANDARD.replace("client_secret_file = \"DIR/wiki.secret\"\n", "");
    assert_ne!(without, STANDARD);
    door.write(&without);
    config::load(&door.config_file).unwrap_err();
}

fn is_for_programs(page: &Page, case: &str) {
    assert_eq!(page.status, 401, "{case}");
    assert_eq!(page.header("content-type"), Some("application/json"), "{case}");
    assert!(page.header("www-authenticate").is_some() && page.header("location").is_none(), "{case}");
    assert!(!page.text().contains('<'), "{case}: {}", page.text());
}

#[tokio::test]
async fn impossible_11_e_16_a_program_gets_no_page() {
    let door = Door::open().await;
    let url = door.url("notes", "/api/list?x=1");
    for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::OPTIONS] {
        for accept in ["*/*", "application/json", "application/json, text/plain, */*", "image/png", ""] {
            for request in [Request::program(method.clone(), &url), Request::fetch(method.clone(), &url)] {
                let request = request.unwrap().header("accept", accept).unwrap();
                let page = Client::new(door.address()).send(request).await.unwrap();
                is_for_programs(&page, &format!("{method} {accept}"));
                let shown = page.json().unwrap();
                assert_eq!(shown["error"], "sign_in_required");
                assert!(
                    shown["sign_in"].as_str().unwrap().starts_with("http://notes.localhost:8080/.doorward/")
                );
            }
        }
    }
    // Scripts that ask for HTML, and sockets, are no navigation either.
    let fetch = || Request::fetch(Method::GET, &url).unwrap().header("accept", "text/html").unwrap();
    let xhr = Request::program(Method::GET, &url).unwrap().header("accept", "text/html").unwrap();
    let xhr = xhr.header("x-requested-with", "XMLHttpRequest").unwrap();
    for request in [fetch(), xhr] {
        is_for_programs(&door.client().send(request).await.unwrap(), "script");
    }
    let upgrade = "Accept: text/html\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n";
    assert_eq!(program(&door, "notes", "/", upgrade).await.status, 401);
    // A form that is submitted without a session gets an explanation, and is not sent again by itself.
    let request = Request::form(&url, &[("amount", "1")]).unwrap();
    let page = door.client().send(request).await.unwrap();
    assert!(page.header("location").is_none() && page.text().contains("<html"), "{}", page.status);
    assert!(!page.text().contains("amount"), "{}", page.text());
}
