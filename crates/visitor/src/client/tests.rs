use std::{sync::Arc, time::Duration};

use http::{HeaderValue, Method};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ServerConfig,
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivatePkcs8KeyDer},
};
use serde_json::json;
use tokio_rustls::TlsAcceptor;
use url::Url;

use super::{Client, MAX_REDIRECTS, Request, Site};
use crate::test_server::{Seen, Server, answer, redirect};

fn hello(_: &Seen) -> String {
    answer(200, "", "hello")
}

#[tokio::test]
async fn a_navigation_looks_like_one_typed_by_a_person() {
    let server = Server::start(hello).await;
    let mut client = Client::new(server.address);
    let page = client.navigate("http://notes.localhost:8080/a?b=c#d").await.unwrap();
    assert_eq!((page.status.as_u16(), page.text().as_str()), (200, "hello"));
    let seen = &server.seen()[0];
    assert_eq!(seen.line(), "GET /a?b=c HTTP/1.1");
    for (name, value) in [
        ("host", "notes.localhost:8080"),
        ("sec-fetch-site", "none"),
        ("sec-fetch-mode", "navigate"),
        ("sec-fetch-dest", "document"),
    ] {
        assert_eq!(seen.header(name), [value], "{name}");
    }
    assert!(seen.header("accept")[0].starts_with("text/html"));
    assert!(seen.header("origin").is_empty() && seen.header("cookie").is_empty());
}

#[tokio::test]
async fn navigations_follow_redirects_across_hosts_with_the_cookies_of_each() {
    let server = Server::start(|seen| match (seen.header("host")[0], seen.line()) {
        ("notes.localhost", "GET /page HTTP/1.1") => {
            let to =
                "Location: http://id.localhost/handoff?x=1\r\nSet-Cookie: __Host-n=1; Secure; Path=/\r\n";
            answer(303, to, "")
        }
        ("id.localhost", "GET /handoff?x=1 HTTP/1.1") => redirect(302, "/done"),
        ("id.localhost", "GET /done HTTP/1.1") => redirect(307, "//notes.localhost/end"),
        _ => hello(seen),
    })
    .await;
    let mut client = Client::new(server.address);
    client.jar.set_cookie("id.localhost", "__Host-i", "2");
    let page = client.navigate("http://notes.localhost/page").await.unwrap();
    assert_eq!(page.url.as_str(), "http://notes.localhost/end");
    let chain: Vec<_> = page.chain.iter().map(|hop| (hop.status.as_u16(), hop.url.as_str())).collect();
    assert_eq!(
        chain,
        [
            (303, "http://notes.localhost/page"),
            (302, "http://id.localhost/handoff?x=1"),
            (307, "http://id.localhost/done"),
        ]
    );
    let seen = server.seen();
    let cookies: Vec<_> = seen.iter().map(|seen| seen.header("cookie").concat()).collect();
    assert_eq!(cookies, ["", "__Host-i=2", "__Host-i=2", "__Host-n=1"]);
    assert!(seen.iter().all(|seen| seen.header("sec-fetch-site") == ["none"]));
}

#[tokio::test]
async fn a_redirect_through_another_site_stays_cross_site() {
    let server = Server::start(|seen| match seen.header("host")[0] {
        "id.localhost" => redirect(303, "http://notes.localhost/"),
        _ if seen.line().starts_with("GET / ") => redirect(303, "/end"),
        _ => hello(seen),
    })
    .await;
    let mut client = Client::new(server.address);
    client.navigate_from("http://notes.localhost", "http://id.localhost/").await.unwrap();
    let sites: Vec<_> = server.seen().iter().map(|seen| seen.header("sec-fetch-site").concat()).collect();
    assert_eq!(sites, ["cross-site", "cross-site", "cross-site"]);
}

#[test]
fn sites_are_compared_by_scheme_and_the_last_two_labels() {
    let url = Url::parse("https://id.example.com/x").unwrap();
    for (origin, expected) in [
        ("https://id.example.com", Site::SameOrigin),
        ("https://id.example.com:444", Site::SameSite),
        ("https://notes.example.com", Site::SameSite),
        ("http://id.example.com", Site::CrossSite),
        ("https://example.org", Site::CrossSite),
        ("https://badexample.com", Site::CrossSite),
        ("null", Site::CrossSite),
    ] {
        assert_eq!(Site::between(origin, &url), expected, "{origin}");
    }
}

#[tokio::test]
async fn loops_end_with_an_error_and_stops_return_the_redirect() {
    let server = Server::start(|_| redirect(302, "/again")).await;
    let mut client = Client::new(server.address);
    let error = client.navigate("http://a.localhost/").await.unwrap_err();
    assert!(error.to_string().starts_with("There were more than 12 redirects"), "{error}");
    assert_eq!(server.seen().len(), MAX_REDIRECTS + 1);
    let page = client.navigate_until("http://a.localhost/", |next| next.path() == "/again").await.unwrap();
    assert_eq!(page.status, 302);
    assert_eq!(page.location().unwrap().unwrap().as_str(), "http://a.localhost/again");
}

#[tokio::test]
async fn posts_carry_the_origin_and_are_not_followed() {
    let server = Server::start(|_| answer(303, "Location: /next\r\nSet-Cookie: x=1\r\n", "{}")).await;
    let mut client = Client::new(server.address);
    let page = client.post_json("http://id.localhost:8080/api", &json!({ "a": 1 })).await.unwrap();
    assert_eq!((page.status.as_u16(), page.json().unwrap()), (303, json!({})));
    assert_eq!(client.jar.cookie("id.localhost", "x"), Some("1"));
    client.post_form("http://id.localhost:8080/form", &[("a b", "c&d")]).await.unwrap();
    client.fetch(Method::GET, "http://id.localhost:8080/data", &[], "").await.unwrap();
    let seen = server.seen();
    assert_eq!((seen[0].line(), seen[0].body.as_str()), ("POST /api HTTP/1.1", r#"{"a":1}"#));
    assert_eq!((seen[1].line(), seen[1].body.as_str()), ("POST /form HTTP/1.1", "a+b=c%26d"));
    let table = [
        ("application/json", "http://id.localhost:8080", "cors", "empty"),
        ("application/x-www-form-urlencoded", "http://id.localhost:8080", "navigate", "document"),
        ("", "", "cors", "empty"),
    ];
    for (seen, (kind, origin, mode, dest)) in seen.iter().zip(table) {
        assert_eq!(seen.header("content-type").concat(), kind);
        assert_eq!(seen.header("origin").concat(), origin);
        assert_eq!(seen.header("sec-fetch-mode"), [mode]);
        assert_eq!(seen.header("sec-fetch-dest"), [dest]);
        assert_eq!(seen.header("sec-fetch-site"), ["same-origin"]);
    }
}

#[tokio::test]
async fn a_followed_post_becomes_a_get_after_303_and_stays_after_307() {
    let server = Server::start(|seen| match seen.line() {
        "POST /first HTTP/1.1" => redirect(307, "/second"),
        "POST /second HTTP/1.1" => redirect(303, "/third"),
        _ => hello(seen),
    })
    .await;
    let mut client = Client::new(server.address);
    client.run(Request::form("http://a.localhost/first", &[("a", "b")]).unwrap()).await.unwrap();
    let seen: Vec<_> = server.seen().iter().map(|seen| (seen.line().to_owned(), seen.body.clone())).collect();
    let expected = [("POST /first", "a=b"), ("POST /second", "a=b"), ("GET /third", "")];
    assert_eq!(seen, expected.map(|(line, body)| (format!("{line} HTTP/1.1"), body.to_owned())));
}

#[tokio::test]
async fn forged_headers_and_raw_targets_go_out_as_given() {
    let server = Server::start(hello).await;
    let mut client = Client::new(server.address);
    client.jar.set_cookie("a.localhost", "x", "1");
    client.headers.insert("x-always", HeaderValue::from_static("yes"));
    let request = Request::navigation("http://a.localhost/").unwrap().target("/a/../b//%2e?q");
    let request = request.header("remote-user", "ada").unwrap().header("remote-user", "root").unwrap();
    client.send(request.header("cookie", "x=9").unwrap().header("host", "other").unwrap()).await.unwrap();
    client.send(Request::program(Method::GET, "http://a.localhost/").unwrap()).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[0].line(), "GET /a/../b//%2e?q HTTP/1.1");
    assert_eq!(seen[0].header("remote-user"), ["ada", "root"]);
    assert_eq!(seen[0].header("cookie"), ["x=9"]);
    assert_eq!(seen[0].header("host"), ["other"]);
    assert!(seen.iter().all(|seen| seen.header("x-always") == ["yes"]));
    assert!(seen[1].header("cookie").is_empty() && seen[1].header("sec-fetch-mode").is_empty());
}

#[tokio::test]
async fn hosts_and_source_addresses_are_chosen_by_the_caller() {
    let server = Server::start(hello).await;
    let client = Client::without_hosts().host("A.localhost", server.address);
    let mut client = client.source("127.0.0.2".parse().unwrap());
    client.navigate("http://a.localhost:1/").await.unwrap();
    assert_eq!(server.seen()[0].from.to_string(), "127.0.0.2");
    let error = client.navigate("http://b.localhost/").await.unwrap_err();
    assert_eq!(error.to_string(), "No address is known for b.localhost.");
}

#[tokio::test]
async fn long_bodies_and_late_answers_are_errors() {
    let server = Server::start(hello).await;
    let mut client = Client::new(server.address);
    client.max_body = 4;
    let error = client.navigate("http://a.localhost/").await.unwrap_err();
    assert!(format!("{error:#}").contains("length limit exceeded"), "{error:#}");
    client.max_body = 5;
    client.navigate("http://a.localhost/").await.unwrap();
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = Client::new(silent.local_addr().unwrap());
    client.timeout = Duration::from_millis(20);
    let error = client.navigate("http://a.localhost/").await.unwrap_err();
    assert_eq!(error.to_string(), "http://a.localhost/ did not answer within 0.02 s.");
}

#[tokio::test]
async fn tls_needs_a_trusted_root_and_the_right_name() {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["id.example.test".to_owned()]).unwrap();
    let root: CertificateDer<'static> = cert.der().clone();
    let key = PrivatePkcs8KeyDer::from(signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![root.clone()], key.into())
        .unwrap();
    let server = Server::start_with(Some(TlsAcceptor::from(Arc::new(config))), Arc::new(hello)).await;
    let mut stranger = Client::new(server.address);
    let error = stranger.navigate("https://id.example.test/").await.unwrap_err();
    assert!(error.to_string().starts_with("No root certificate is trusted"), "{error}");
    let mut client = stranger.trust([root]).unwrap();
    let page = client.navigate("https://id.example.test/").await.unwrap();
    assert_eq!(page.text(), "hello");
    assert_eq!(server.seen()[0].header("host"), ["id.example.test"]);
    let error = client.navigate("https://other.example.test/").await.unwrap_err();
    assert!(format!("{error:#}").contains("TLS was not agreed on."), "{error:#}");
}
