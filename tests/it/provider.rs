//! The OpenID provider by the front door: what it publishes, the authorization endpoint, and signing out.

use doorward_core::{oauth::parameters::Parameters, token::sha256};
use doorward_visitor::{Page, Person, Request};
use http::Method;
use serde_json::json;

use crate::{
    ceremonies::count,
    door::Door,
    tokens::{id_token, redeem_as_wiki},
};

pub(crate) const WIKI: &str = "http://wiki.localhost:9000/callback";
pub(crate) const TOOL: &str = "http://127.0.0.1:7777/callback";
pub(crate) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

pub(crate) fn base64(bytes: &[u8]) -> String {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The address of an endpoint with parameters; a later one replaces a former one of its name, an empty one removes it.
pub(crate) fn at(door: &Door, path: &str, parameters: &[(&str, &str)]) -> String {
    let mut query = Parameters::default();
    for (name, value) in parameters {
        query = query.without(name);
        if !value.is_empty() {
            query = query.with(name, value);
        }
    }
    door.url("id", &format!("{path}?{}", query.to_query()))
}

/// A request of the confidential client.
pub(crate) fn wiki(door: &Door, more: &[(&str, &str)]) -> String {
    let common = [
        ("client_id", "wiki"),
        ("redirect_uri", WIKI),
        ("response_type", "code"),
        ("scope", "openid"),
        ("state", "s/1 ?&"),
    ];
    at(door, "/authorize", &[&common, more].concat())
}

/// A request of the public client, with PKCE.
pub(crate) fn tool(door: &Door, more: &[(&str, &str)]) -> String {
    let challenge = base64(&sha256(VERIFIER.as_bytes()));
    let common = [
        ("client_id", "tool"),
        ("redirect_uri", TOOL),
        ("response_type", "code"),
        ("scope", "openid"),
        ("code_challenge", &challenge),
        ("code_challenge_method", "S256"),
    ];
    at(door, "/authorize", &[&common, more].concat())
}

/// Opens an address up to where the provider sends the browser back to an application.
pub(crate) async fn open(person: &mut Person, url: &str) -> Page {
    let leaves = |url: &_| !is_ours(url);
    person.client.navigate_until(url, leaves).await.unwrap()
}

fn is_ours(url: &impl std::fmt::Display) -> bool {
    url.to_string().starts_with("http://id.localhost:8080/")
}

/// A parameter of the answer that the application gets.
pub(crate) fn answered(page: &Page, name: &str) -> Option<String> {
    let location = page.location().unwrap()?;
    let value = location.query_pairs().find(|(found, _)| found == name);
    value.map(|(_, value)| value.into_owned())
}

/// What the application learns: an error, `code`, or nothing because a page is shown at this path.
pub(crate) fn outcome(page: &Page) -> String {
    match (answered(page, "error"), answered(page, "code")) {
        (Some(error), None) => error,
        (None, Some(_)) => "code".to_owned(),
        _ => format!("{} {}", page.status.as_u16(), page.url.path()),
    }
}

/// Presses a button of the consent page.
pub(crate) async fn decide(door: &Door, person: &mut Person, page: &Page, decision: &str) -> Page {
    let text = page.text();
    let request = text.split("name=\"request\" value=\"").nth(1).unwrap_or_else(|| panic!("{text}"));
    let request = request.split('"').next().unwrap().replace("&#38;", "&");
    let fields = [("request", request.as_str()), ("decision", decision)];
    let url = door.url("id", "/authorize/consent");
    let page = person.client.post_form(&url, &fields).await.unwrap();
    match page.location().unwrap() {
        Some(next) if is_ours(&next) => open(person, next.as_str()).await,
        _ => page,
    }
}

/// A code for a request, with consent if it is asked for.
pub(crate) async fn code(door: &Door, person: &mut Person, url: &str) -> String {
    let mut page = open(person, url).await;
    if page.status == 200 {
        page = decide(door, person, &page, "allow").await;
    }
    answered(&page, "code").unwrap_or_else(|| panic!("{} {}", page.url, page.text()))
}

#[tokio::test]
async fn what_is_published_is_what_is_there() {
    let door = Door::open().await;
    let mut client = door.client();
    let get = |path: &str| Request::program(Method::GET, &door.url("id", path)).unwrap();
    let page = client.send(get("/.well-known/openid-configuration")).await.unwrap();
    let document = page.json().unwrap();
    let other = client.send(get("/.well-known/oauth-authorization-server")).await.unwrap();
    assert_eq!(document, other.json().unwrap());
    assert_eq!(document["issuer"], door.url("id", ""));
    for (name, path) in [
        ("authorization_endpoint", "/authorize"),
        ("token_endpoint", "/api/oidc/token"),
        ("pushed_authorization_request_endpoint", "/api/oidc/par"),
        ("device_authorization_endpoint", "/api/oidc/device/authorize"),
        ("userinfo_endpoint", "/api/oidc/userinfo"),
        ("introspection_endpoint", "/api/oidc/introspect"),
        ("revocation_endpoint", "/api/oidc/revoke"),
        ("end_session_endpoint", "/api/oidc/end-session"),
        ("jwks_uri", "/.well-known/jwks.json"),
    ] {
        assert_eq!(document[name], door.url("id", path), "{name}");
    }
    assert_eq!(document["code_challenge_methods_supported"], json!(["S256"]));
    let forged = get("/.well-known/openid-configuration").header("x-forwarded-host", "evil.example").unwrap();
    assert_eq!(client.send(forged).await.unwrap().json().unwrap(), document);
    let keys = client.send(get("/.well-known/jwks.json")).await.unwrap().json().unwrap();
    let keys = keys["keys"].as_array().unwrap();
    let algorithms: Vec<_> = keys.iter().map(|key| key["alg"].as_str().unwrap()).collect();
    for algorithm in document["id_token_signing_alg_values_supported"].as_array().unwrap() {
        assert!(algorithms.contains(&algorithm.as_str().unwrap()), "{algorithm}");
    }
    assert_eq!(algorithms.len(), 3);
    for key in keys {
        for secret in ["d", "p", "q", "dp", "dq", "qi", "k"] {
            assert!(key.get(secret).is_none(), "{secret}");
        }
    }
}

#[tokio::test]
async fn scripts_of_any_origin_may_ask_where_no_cookie_counts() {
    let door = Door::open().await;
    let mut client = door.client();
    for (path, open) in [
        ("/.well-known/openid-configuration", true),
        ("/.well-known/jwks.json", true),
        ("/.well-known/webfinger", true),
        ("/api/oidc/userinfo", true),
        ("/api/oidc/token", true),
        ("/api/oidc/par", true),
        ("/api/oidc/device/authorize", true),
        ("/device", false),
        ("/api/oidc/introspect", true),
        ("/api/oidc/revoke", true),
        ("/authorize", false),
        ("/api/login/start", false),
        ("/api/oidc/end-session", false),
        ("/", false),
    ] {
        let posts = [
            "/api/oidc/token",
            "/api/oidc/par",
            "/api/oidc/device/authorize",
            "/api/oidc/introspect",
            "/api/oidc/revoke",
        ];
        let asked = if posts.contains(&path) { Method::POST } else { Method::GET };
        for method in [Method::OPTIONS, asked] {
            let request = Request::fetch(method.clone(), &door.url("id", path)).unwrap();
            let page = client.send(request.from_page("https://spa.example")).await.unwrap();
            let allowed = page.header("access-control-allow-origin");
            assert_eq!(allowed, open.then_some("*"), "{method} {path}");
            assert_eq!(page.header("access-control-allow-credentials"), None);
            if open && method == Method::OPTIONS {
                assert_eq!(page.status, 204, "{path}");
            }
        }
    }
}

#[tokio::test]
async fn o_28_consent_is_asked_once_for_what_is_asked() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let page = open(&mut ada, &wiki(&door, &[])).await;
    assert_eq!(outcome(&page), "200 /authorize");
    assert!(page.text().contains("Wiki wants to know who you are") && !page.text().contains("groups that"));
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.contains("form-action 'self' http://wiki.localhost:9000;"), "{policy}");
    let refused = decide(&door, &mut ada, &page, "refuse").await;
    assert_eq!(outcome(&refused), "access_denied");
    let allowed = decide(&door, &mut ada, &page, "allow").await;
    assert_eq!(outcome(&allowed), "code");
    for page in [&refused, &allowed] {
        assert_eq!(answered(page, "state").as_deref(), Some("s/1 ?&"));
        assert_eq!(answered(page, "iss").unwrap(), door.url("id", ""), "R-13");
        assert!(page.header("location").unwrap().starts_with(&format!("{WIKI}?")));
    }
    assert_eq!(outcome(&open(&mut ada, &wiki(&door, &[])).await), "code");
    let more = wiki(&door, &[("scope", "openid groups")]);
    let page = open(&mut ada, &more).await;
    assert!(page.text().contains("the groups that you are in"));
    assert_eq!(outcome(&decide(&door, &mut ada, &page, "allow").await), "code");
    assert_eq!(outcome(&open(&mut ada, &more).await), "code");
    assert_eq!(outcome(&open(&mut ada, &wiki(&door, &[("prompt", "consent")])).await), "200 /authorize");
}

#[tokio::test]
async fn o_28_a_consent_form_can_t_ask_for_another_address() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let request = wiki(&door, &[("redirect_uri", "https://evil.example/callback")]);
    let request = request.split_once('?').unwrap().1;
    let fields = [("request", request), ("decision", "allow")];
    let url = door.url("id", "/authorize/consent");
    let page = ada.client.post_form(&url, &fields).await.unwrap();
    assert_eq!((page.status.as_u16(), page.header("location")), (400, None));
    assert_eq!(count(&door, "SELECT count(*) FROM consents"), 0);
    // An application that has the person's consent can't be made to ask for more without them.
    let request = wiki(&door, &[]);
    let request = request.split_once('?').unwrap().1;
    let foreign = Request::form(&url, &[("request", request), ("decision", "allow")]).unwrap();
    let page = ada.client.send(foreign.from_page("http://notes.localhost:8080")).await.unwrap();
    assert_eq!(page.status, 403);
    assert_eq!(count(&door, "SELECT count(*) FROM consents"), 0);
}

#[tokio::test]
async fn e_12_an_application_is_closed_to_other_groups() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let mut bob = door.member(&mut ada, "bob", "users").await;
    assert_eq!(outcome(&open(&mut ada, &tool(&door, &[])).await), "code");
    let page = open(&mut bob, &tool(&door, &[])).await;
    assert_eq!(outcome(&page), "403 /authorize");
    for part in ["Tool", "bob", "admins", "Switch account"] {
        assert!(page.text().contains(part), "{part}");
    }
    let page = open(&mut bob, &tool(&door, &[("prompt", "none")])).await;
    assert_eq!(outcome(&page), "access_denied");
    assert_eq!(count(&door, "SELECT count(*) FROM authorization_codes"), 1);
}

#[tokio::test]
async fn prompts_and_ages_lead_to_one_sign_in_and_no_loop() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let mut nobody = door.person();
    let none = [("prompt", "none")];
    assert_eq!(outcome(&open(&mut nobody, &wiki(&door, &none)).await), "login_required");
    assert_eq!(outcome(&open(&mut nobody, &wiki(&door, &[])).await), "200 /login");
    assert_eq!(outcome(&open(&mut ada, &wiki(&door, &none)).await), "consent_required");
    code(&door, &mut ada, &wiki(&door, &[])).await;
    assert_eq!(outcome(&open(&mut ada, &wiki(&door, &none)).await), "code");
    door.clock.advance(61);
    for more in [("prompt", "login"), ("max_age", "0"), ("max_age", "60")] {
        let url = wiki(&door, &[more]);
        let silent = wiki(&door, &[more, ("prompt", "none")]);
        if more.0 == "max_age" {
            assert_eq!(outcome(&open(&mut ada, &silent).await), "login_required", "{more:?}");
        }
        let page = open(&mut ada, &url).await;
        assert_eq!(outcome(&page), "200 /login", "{more:?}");
        assert_eq!(page.query("fresh").as_deref(), Some("1"), "{more:?}");
        let again = page.query("return_to").unwrap();
        let page = open(&mut ada, &door.url("id", &again)).await;
        assert_eq!(outcome(&page), "200 /login", "{more:?}: the way back alone proves nothing");
        door.clock.advance(5);
        let next = ada.sign_in(Some(&again)).await.unwrap();
        assert_eq!(outcome(&open(&mut ada, next.as_str()).await), "code", "{more:?}");
        if more != ("max_age", "60") {
            assert_eq!(outcome(&open(&mut ada, &url).await), "200 /login", "{more:?}");
        }
        door.clock.advance(61);
    }
    assert_eq!(outcome(&open(&mut ada, &wiki(&door, &[("max_age", "61")])).await), "code");
}

#[tokio::test]
async fn o_28_a_hint_names_who_must_be_signed_in() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let mut bob = door.member(&mut ada, "bob", "users").await;
    for person in [&mut ada, &mut bob] {
        code(&door, person, &wiki(&door, &[])).await;
    }
    let given = code(&door, &mut ada, &wiki(&door, &[])).await;
    let hint = id_token(&redeem_as_wiki(&door, &given).await);
    let with = [("id_token_hint", hint.as_str())];
    let silent = [("id_token_hint", hint.as_str()), ("prompt", "none")];
    assert_eq!(outcome(&open(&mut ada, &wiki(&door, &silent)).await), "code");
    assert_eq!(outcome(&open(&mut bob, &wiki(&door, &silent)).await), "login_required");
    let page = open(&mut bob, &wiki(&door, &with)).await;
    assert_eq!(outcome(&page), "200 /login");
    door.clock.advance(1);
    let next = bob.sign_in(page.query("return_to").as_deref()).await.unwrap();
    assert_eq!(outcome(&open(&mut bob, next.as_str()).await), "login_required", "no loop");
    // A hint signs nobody in.
    let mut nobody = door.person();
    assert_eq!(outcome(&open(&mut nobody, &wiki(&door, &silent)).await), "login_required");
}

#[tokio::test]
async fn r_1_to_r_4_and_p_11_errors_go_to_registered_addresses_only() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    for uri in [
        "https://evil.example/callback",
        "http://wiki.localhost:9000/callback/",
        "http://wiki.localhost:9000/callback?x=1",
        "http://wiki.localhost:9000/callback#x",
        "http://wiki.localhost:9000/Callback",
        "http://wiki.localhost:9000/x/../callback",
        "http://wiki.localhost:9000/x/..;/callback",
        "http://wiki.localhost:9000/callback/..;/elsewhere",
        "http://wiki.localhost:9000/%63allback",
        "http://wiki.localhost:9001/callback",
        "http://WIKI.localhost:9000/callback",
        "http://wiki.localhost.evil.example:9000/callback",
        "http://wiki.localhost:9000@evil.example/callback",
        "http://a@wiki.localhost:9000/callback",
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        "data:text/html,x",
        " http://wiki.localhost:9000/callback",
        "//wiki.localhost:9000/callback",
        TOOL,
    ] {
        for more in [("prompt", "none"), ("response_type", "token")] {
            let page = open(&mut ada, &wiki(&door, &[("redirect_uri", uri), more])).await;
            assert_eq!((page.status.as_u16(), page.header("location")), (400, None), "{uri}");
            assert!(!page.text().contains("evil.example") && !page.text().contains("href=\"java"), "{uri}");
        }
    }
}

#[tokio::test]
async fn r_5_and_r_6_and_h_14_only_the_port_of_a_loopback_address_may_differ() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    for (uri, expected) in [
        ("http://127.0.0.1/callback", "code"),
        ("http://127.0.0.1:50000/callback", "code"),
        ("http://127.0.0.2/callback", "400 /authorize"),
        ("http://localhost/callback", "400 /authorize"),
        ("https://127.0.0.1/callback", "400 /authorize"),
        ("http://127.0.0.1:80@evil.example/callback", "400 /authorize"),
    ] {
        let page = open(&mut ada, &tool(&door, &[("redirect_uri", uri)])).await;
        assert_eq!(outcome(&page), expected, "R-5 {uri}");
    }
    for url in [
        wiki(&door, &[("client_id", "unknown")]),
        wiki(&door, &[("client_id", "")]),
        wiki(&door, &[("redirect_uri", "")]),
        format!("{}&state=x", wiki(&door, &[])),
        format!("{}&redirect_uri=https://evil.example", wiki(&door, &[])),
        wiki(&door, &[("nonce", &"x".repeat(9000))]),
    ] {
        let page = open(&mut ada, &url).await;
        assert_eq!((page.status.as_u16(), page.header("location")), (400, None), "R-6 {url}");
    }
}

#[tokio::test]
async fn o_1_what_is_not_supported_is_said_to_the_application() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    for (name, value, expected) in [
        ("response_type", "token", "unsupported_response_type"),
        ("response_type", "code id_token", "unsupported_response_type"),
        ("response_type", "", "invalid_request"),
        ("response_mode", "web_message", "invalid_request"),
        ("response_mode", "query.jwt", "invalid_request"),
        ("scope", "profile", "invalid_scope"),
        ("scope", "", "invalid_scope"),
        ("request", "x", "request_not_supported"),
        ("request_uri", "https://evil.example", "request_uri_not_supported"),
        ("registration", "{}", "registration_not_supported"),
        ("prompt", "none login", "invalid_request"),
        ("prompt", "create", "invalid_request"),
        ("max_age", "-1", "invalid_request"),
        ("max_age", "+1", "invalid_request"),
        ("code_challenge", "", "invalid_request"),
        ("code_challenge", "short", "invalid_request"),
        ("code_challenge_method", "plain", "invalid_request"),
        ("code_challenge_method", "", "invalid_request"),
    ] {
        let page = open(&mut ada, &tool(&door, &[(name, value), ("state", "s")])).await;
        assert_eq!(outcome(&page), expected, "{name}={value}");
        assert!(page.header("location").unwrap().starts_with(&format!("{TOOL}?")));
        assert_eq!(answered(&page, "state").as_deref(), Some("s"));
        assert_eq!(answered(&page, "iss").unwrap(), door.url("id", ""));
    }
    let bare = [("code_challenge", ""), ("code_challenge_method", "")];
    let page = open(&mut ada, &tool(&door, &bare)).await;
    assert_eq!(outcome(&page), "invalid_request", "a public client needs PKCE");
}

#[tokio::test]
async fn a_request_may_come_as_a_form_of_another_site() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let url = tool(&door, &[]);
    let (path, query) = url.split_once('?').unwrap();
    let mut form = Request::form(path, &[]).unwrap().from_page("https://rp.example");
    form.body = query.to_owned().into();
    // `SameSite=Lax` keeps our cookie at home.
    let bare = form.clone().header("cookie", "").unwrap();
    let page = ada.client.send(bare).await.unwrap();
    let next = page.location().unwrap().unwrap();
    assert_eq!(next.path(), "/login");
    assert_eq!(outcome(&open(&mut ada, next.as_str()).await), "code");
}
