//! Every address of the control plane, in every state of authentication: a new route that is missing here fails
//! the first test.

use std::fmt::Write as _;

use doorward_visitor::{Client, Page, Person, Request};
use http::Method;

use crate::{ceremonies::state_of, door::Door};

/// What a request for an endpoint looks like.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// A page, or a document.
    Get,
    /// A form of a page of ours; only from there.
    Form,
    /// JSON by a script of a page of ours; only from there.
    Json,
    /// A form that applications may send too.
    Open,
}

/// An endpoint: what it answers to, on which host, and its path in the router.
struct Endpoint(Kind, &'static str, &'static str);

impl Endpoint {
    /// A path that fits.
    fn path(&self) -> String {
        self.2.replace("{token}", "nothing").replace("{hash}", "0").replace("{name}", "none.css")
    }
}

/// All of them. The last two end the session that asks.
const ENDPOINTS: &str = "\
get id /
get id /login
get id /setup/{token}
get id /enrol/{token}
get id /handoff
get id /account/passkeys
get id /account/tokens
get id /healthz
get id /robots.txt
get id /.well-known/passkey-endpoints
get id /.well-known/webauthn
get id /assets/{hash}/{name}
get id /authorize
open id /authorize
get id /authorize/
open id /authorize/
get id /api/oidc/end-session
get id /.well-known/openid-configuration
get id /.well-known/oauth-authorization-server
get id /.well-known/webfinger
get id /.well-known/jwks.json
open id /api/oidc/token
open id /api/oidc/par
open id /api/oidc/device/authorize
open id /api/oidc/introspect
open id /api/oidc/revoke
get id /api/oidc/userinfo
open id /api/oidc/userinfo
json id /api/setup/start
json id /api/setup/finish
json id /api/enrol/start
json id /api/enrol/finish
json id /api/login/start
json id /api/login/finish
json id /api/passkeys/start
json id /api/passkeys/finish
form id /account/passkeys/rename
form id /account/passkeys/remove
form id /account/tokens
form id /account/tokens/revoke
get id /admin/people
get id /admin/people/person
get id /admin/groups
get id /admin/clients
get id /admin/api-keys
get id /admin/clients/client
form id /admin/people
form id /admin/people/groups
form id /admin/people/profile
form id /admin/people/claims
form id /admin/people/delete
form id /admin/groups
form id /admin/groups/save
form id /admin/clients
form id /admin/api-keys
form id /admin/api-keys/revoke
form id /admin/clients/save
form id /admin/clients/secrets
form id /admin/clients/secrets/remove
form id /admin/clients/disable
form id /admin/clients/enable
form id /admin/clients/delete
form id /admin/groups/delete
form id /admin/people/disable
form id /admin/people/enable
form id /admin/people/end-sessions
form id /admin/people/enrolment
form id /authorize/account
form id /authorize/consent
get id /device
form id /device
get id /sign-out
get notes /.doorward/sign-in
get notes /.doorward/callback
get notes /.doorward/sign-out
get notes /.doorward/assets/{hash}/{name}
open id /api/oidc/end-session
form id /sign-out";

fn endpoints() -> Vec<Endpoint> {
    let read = |line: &'static str| {
        let words: Vec<&str> = line.split(' ').collect();
        let kind = match words[0] {
            "get" => Kind::Get,
            "form" => Kind::Form,
            "json" => Kind::Json,
            "open" => Kind::Open,
            other => panic!("{other}"),
        };
        Endpoint(kind, words[1], words[2])
    };
    ENDPOINTS.lines().map(read).collect()
}

/// Paths that the router names by a constant of the core.
const CONSTANTS: [(&str, &str); 14] = [
    ("discovery::AUTHORIZE", "/authorize"),
    ("discovery::END_SESSION", "/api/oidc/end-session"),
    ("discovery::OPENID_CONFIGURATION", "/.well-known/openid-configuration"),
    ("discovery::OAUTH_AUTHORIZATION_SERVER", "/.well-known/oauth-authorization-server"),
    ("discovery::WEBFINGER", "/.well-known/webfinger"),
    ("discovery::JWKS", "/.well-known/jwks.json"),
    ("discovery::TOKEN", "/api/oidc/token"),
    ("discovery::DEVICE_AUTHORIZATION", "/api/oidc/device/authorize"),
    ("discovery::DEVICE", "/device"),
    ("discovery::PUSH", "/api/oidc/par"),
    ("discovery::INTROSPECT", "/api/oidc/introspect"),
    ("discovery::REVOKE", "/api/oidc/revoke"),
    ("discovery::USERINFO", "/api/oidc/userinfo"),
    ("transaction::SIGN_IN", "/.doorward/sign-in"),
];

/// Method and path of every route in the router's text.
fn routes() -> Vec<(&'static str, String)> {
    let source = include_str!("../../crates/web/src/router.rs");
    let mut found = Vec::new();
    for call in source.split(".route(").skip(1) {
        let (path, rest) = call.trim_start().split_once(',').unwrap();
        let path = match path.strip_prefix('"') {
            Some(path) => path.trim_end_matches('"'),
            None => CONSTANTS.iter().find(|(name, _)| *name == path).unwrap_or_else(|| panic!("{path}")).1,
        };
        let handlers = rest.split(['\n', ';']).take(4).collect::<String>();
        let handlers = handlers.split(".route_layer").next().unwrap();
        for (method, call) in [("GET", "get("), ("POST", "post(")] {
            if handlers.contains(call) {
                found.push((method, path.to_owned()));
            }
        }
    }
    found
}

#[test]
fn a_1_the_table_has_every_route() {
    let routes = routes();
    assert!(routes.len() > 40, "{routes:?}");
    for (method, path) in &routes {
        let listed = endpoints()
            .iter()
            .any(|Endpoint(kind, _, route)| route == path && (*kind == Kind::Get) == (*method == "GET"));
        assert!(listed, "{method} {path} has no line in the table");
    }
    assert_eq!(routes.len(), endpoints().len());
}

/// A request as our own pages send it, with the least that the endpoint reads.
fn request(door: &Door, endpoint: &Endpoint) -> Request {
    let Endpoint(kind, host, _) = endpoint;
    let url = door.url(host, &endpoint.path());
    match kind {
        Kind::Get => Request::navigation(&url),
        Kind::Form | Kind::Open => Request::form(&url, &[]),
        Kind::Json => Request::json(&url, &serde_json::json!({})),
    }
    .unwrap()
}

const SESSION: &str = "__Host-doorward";

fn session_of(person: &Person) -> String {
    let token = person.client.jar.cookie("id.localhost", SESSION).unwrap();
    format!("{SESSION}={token}")
}

/// The identifier of a person, from the page for people.
async fn id_of(door: &Door, administrator: &mut Person, username: &str) -> String {
    let page = administrator.open(&door.url("id", "/admin/people")).await.unwrap();
    let text = page.text();
    let row = &text[text.find(&format!("class=\"quiet\">{username}</span>")).unwrap()..];
    let id = row.split_once("name=\"id\" value=\"").unwrap().1;
    id.split_once('"').unwrap().0.to_owned()
}

/// The states, each as a name and a `Cookie` header.
async fn states(door: &Door) -> Vec<(&'static str, String)> {
    let mut ada = door.administrator().await;
    let stale = session_of(&ada);
    door.clock.advance(601);
    ada.client = door.client();
    ada.sign_in(None).await.unwrap();
    let bob = door.member(&mut ada, "bob", "users").await;
    let carol = door.member(&mut ada, "carol", "users").await;
    let mut dave = door.member(&mut ada, "dave", "users").await;
    let ended = session_of(&dave);
    dave.sign_out().await.unwrap();
    let id = id_of(door, &mut ada, "carol").await;
    let disable = door.url("id", "/admin/people/disable");
    let page = ada.client.post_form(&disable, &[("id", &id)]).await.unwrap();
    assert_eq!(page.status, 303);
    let token = session_of(&ada);
    vec![
        ("nobody", String::new()),
        ("member", session_of(&bob)),
        ("admin", token.clone()),
        ("stale", stale),
        ("disabled", session_of(&carol)),
        ("ended", ended),
        ("malformed", format!("{SESSION}=\"%00' OR 1=1")),
        ("twice", format!("{token}; {token}")),
    ]
}

fn line(table: &mut String, endpoint: &Endpoint, cells: &[String]) {
    let Endpoint(kind, host, route) = endpoint;
    let method = if *kind == Kind::Get { "GET" } else { "POST" };
    let host = if *host == "id" { "" } else { host };
    let name = format!("{method:4} {host}{route}");
    let cells: String = cells.iter().fold(String::new(), |mut row, cell| {
        let _ = write!(row, " {cell:>9}");
        row
    });
    let _ = writeln!(table, "{name:45}{cells}");
}

#[tokio::test]
async fn a_1_every_endpoint_in_every_state() {
    let mut door = Door::open().await;
    let mut states_now = states(&door).await;
    let mut table = format!("{:45}", "");
    for (name, _) in &states_now {
        let _ = write!(table, " {name:>9}");
    }
    table.push('\n');
    for endpoint in &endpoints() {
        let mut cells = Vec::new();
        for (_, cookie) in &states_now {
            let request = request(&door, endpoint).header("cookie", cookie).unwrap();
            let page = door.client().send(request).await.unwrap();
            check_headers(&page);
            cells.push(page.status.as_str().to_owned());
        }
        line(&mut table, endpoint, &cells);
        if endpoint.2 == "/api/oidc/end-session" && endpoint.0 == Kind::Open {
            door = Door::open().await;
            states_now = states(&door).await;
        }
    }
    insta::assert_snapshot!(table);
}

/// The headers of every reply; a page has no script and no style inside, and its policy would run none (D-8).
fn check_headers(page: &Page) {
    for (name, expected) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "same-origin"),
        ("x-robots-tag", "noindex"),
    ] {
        assert_eq!(page.header(name), Some(expected), "{name} of {}", page.url);
    }
    assert!(page.header("permissions-policy").is_some() && page.header("x-request-id").is_some());
    let policy = page.header("content-security-policy").unwrap();
    for directive in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"] {
        assert!(policy.contains(directive), "{policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("data:"), "{policy}");
    let is_page = page.header("content-type").is_some_and(|media| media.starts_with("text/html"));
    if is_page {
        assert_eq!(page.header("cache-control"), Some("no-store"), "{}", page.url);
        check_text(&page.text());
    }
}

fn check_text(text: &str) {
    let lower = text.to_ascii_lowercase();
    for script in lower.split("<script").skip(1) {
        let (tag, inside) = script.split_once('>').unwrap();
        assert!(tag.contains(" src=\"") && inside.starts_with("</script>"), "{tag} {inside}");
    }
    assert!(!lower.contains("=\"javascript:"));
    for tag in lower.split('<').filter_map(|part| part.split_once('>')) {
        let names: String = tag.0.split('"').step_by(2).collect();
        assert!(!names.contains(" style=") && !names.contains(" on"), "{}", tag.0);
    }
    assert!(!lower.contains("<style"));
}

/// Whether an endpoint changes something, so that it answers to our own pages only.
fn changes(endpoint: &Endpoint) -> bool {
    matches!(endpoint.0, Kind::Form | Kind::Json)
}

#[tokio::test]
async fn o_28_another_origin_changes_nothing() {
    let door = Door::open().await;
    let cookie = states(&door).await.swap_remove(2).1;
    let before = state_of(&door);
    let sibling = door.url("notes", "");
    for endpoint in endpoints().iter().filter(|endpoint| changes(endpoint)) {
        let ask = || request(&door, endpoint).header("cookie", &cookie).unwrap();
        let url = ask().url;
        let by_origin = |origin: &str| {
            let mut program = Request::program(Method::POST, url.as_str()).unwrap();
            program.headers = ask().headers;
            program.body = ask().body;
            if origin.is_empty() { program } else { program.header("origin", origin).unwrap() }
        };
        let portal = door.url("id", "");
        for (what, request) in [
            ("another site", ask().from_page("https://evil.example")),
            ("a sibling host", ask().from_page(&sibling)),
            ("an opaque origin", ask().from_page("null")),
            ("another site, by Origin alone", by_origin("https://evil.example")),
            ("a sibling host, by Origin alone", by_origin(&sibling)),
            ("an opaque origin, by Origin alone", by_origin("null")),
            ("a prefix of ours", by_origin(&format!("{portal}.evil.example"))),
            ("another port", by_origin("http://id.localhost:8081")),
            ("another scheme", by_origin("https://id.localhost:8080")),
            ("nobody says", by_origin("")),
        ] {
            let page = door.client().send(request).await.unwrap();
            assert_eq!(page.status, 403, "{what}: {}", endpoint.2);
            assert!(
                page.text().contains("cross_origin") || page.text().contains("Another site"),
                "{what}: {}",
                endpoint.2
            );
            assert!(page.headers.get("set-cookie").is_none(), "{what}: {}", endpoint.2);
        }
        let own = door.client().send(by_origin(&portal)).await.unwrap();
        assert!(!own.text().contains("cross_origin"), "{} refuses our own origin", endpoint.2);
        if endpoint.2 != "/sign-out" {
            assert_eq!(state_of(&door), before, "{}", endpoint.2);
        }
    }
}

#[tokio::test]
async fn a_9_another_content_type_is_refused() {
    let door = Door::open().await;
    let cookie = states(&door).await.swap_remove(2).1;
    let before = state_of(&door);
    for endpoint in endpoints().iter().filter(|endpoint| changes(endpoint)) {
        for media in [
            "text/plain",
            "multipart/form-data; boundary=x",
            "",
            if endpoint.0 == Kind::Json { "application/x-www-form-urlencoded" } else { "application/json" },
        ] {
            let mut request = request(&door, endpoint).header("cookie", &cookie).unwrap();
            request.headers.remove("content-type");
            if !media.is_empty() {
                request = request.header("content-type", media).unwrap();
            }
            let page = door.client().send(request).await.unwrap();
            assert_eq!(page.status, 415, "{media}: {}", endpoint.2);
        }
    }
    assert_eq!(state_of(&door), before);
}

#[tokio::test]
async fn d_12_s_16_large_bodies_are_not_read() {
    let door = Door::open().await;
    let cookie = states(&door).await.swap_remove(2).1;
    let all = endpoints();
    let posts = all.iter().filter(|endpoint| endpoint.0 != Kind::Get);
    for endpoint in posts.filter(|endpoint| endpoint.2 != "/api/oidc/userinfo") {
        let body = match endpoint.0 {
            Kind::Json => format!("{{\"a\":\"{}\"}}", "a".repeat(17_000)),
            _ => format!("a={}", "a".repeat(17_000)),
        };
        let request = request(&door, endpoint).header("cookie", &cookie).unwrap();
        let page = door.client().send(request.body(body)).await.unwrap();
        assert_eq!(page.status, 413, "{}", endpoint.2);
    }
}

#[tokio::test]
async fn a_9_json_of_any_other_shape_is_refused() {
    let door = Door::open().await;
    let cookie = states(&door).await.swap_remove(2).1;
    let before = state_of(&door);
    for endpoint in endpoints().iter().filter(|endpoint| endpoint.0 == Kind::Json) {
        for body in ["", "{", "null", "[]", "\"x\"", "{\"token\":{}, \"credential\":[]}"] {
            let request = request(&door, endpoint).header("cookie", &cookie).unwrap();
            let page = door.client().send(request.body(body)).await.unwrap();
            let harmless = endpoint.2.ends_with("/start") && page.status == 200;
            assert!(harmless || page.status.is_client_error(), "{body}: {} {}", endpoint.2, page.status);
        }
    }
    assert_eq!(state_of(&door), before);
}

#[tokio::test]
async fn other_methods_are_refused() {
    let door = Door::open().await;
    let mut client: Client = door.client();
    for endpoint in &endpoints() {
        let Endpoint(_, host, route) = endpoint;
        let known = |kinds: &[Kind]| {
            endpoints().iter().any(|endpoint| endpoint.2 == *route && kinds.contains(&endpoint.0))
        };
        let mut others = vec![Method::PUT, Method::DELETE, Method::PATCH];
        if !known(&[Kind::Get]) {
            others.push(Method::GET);
        }
        if !known(&[Kind::Form, Kind::Json, Kind::Open]) {
            others.push(Method::POST);
        }
        for method in others {
            let request = Request::fetch(method.clone(), &door.url(host, &endpoint.path())).unwrap();
            let page = client.send(request).await.unwrap();
            assert_eq!(page.status, 405, "{method} {route}");
            check_headers(&page);
        }
    }
}

#[tokio::test]
async fn d_8_names_are_text_on_every_page() {
    const NAME: &str = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'>";
    let door = Door::open().await;
    let mut ada = door.person();
    let link = door.running.setup_link.clone().unwrap();
    ada.set_up(&link, "ada", NAME).await.unwrap();
    let page = ada.open(&door.url("id", "/account/passkeys")).await.unwrap();
    let text = page.text();
    let id = text.split_once("name=\"id\" value=\"").unwrap().1;
    let fields = [("id", id.split_once('"').unwrap().0), ("label", NAME)];
    let rename = door.url("id", "/account/passkeys/rename");
    assert_eq!(ada.client.post_form(&rename, &fields).await.unwrap().status, 303);
    let payload = "%3Cscript%3Ealert(1)%3C/script%3E%22'%3E";
    for path in [
        "/".to_owned(),
        "/account/passkeys".to_owned(),
        "/admin/people".to_owned(),
        "/sign-out".to_owned(),
        format!("/sign-out?return_to=/handoff?{payload}"),
        format!("/login?fresh=1&return_to=/authorize?{payload}"),
        format!("/{payload}"),
        format!("/admin/people?after={payload}&done={payload}"),
        format!("/authorize?client_id={payload}"),
        format!("/handoff?service={payload}"),
    ] {
        let page = ada.open(&door.url("id", &path)).await.unwrap();
        check_headers(&page);
        assert!(!page.text().contains("<script>alert"), "{path}");
    }
    assert!(ada.open(&door.url("id", "/account/passkeys")).await.unwrap().text().contains("alert(1)"));
}
