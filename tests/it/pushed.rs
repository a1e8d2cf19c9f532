//! Pushed authorization requests by the front door.

use doorward_core::{oauth::parameters::Parameters, token::sha256};
use doorward_visitor::Page;
use serde_json::json;

use crate::{
    ceremonies::count,
    door::{Door, STANDARD, WIKI_SECRET},
    provider::{TOOL, VERIFIER, WIKI, answered, at, base64, decide, open, outcome, wiki},
    tokens::{as_wiki, basic, outcome as answer, redeem_as_wiki, send},
};

const PUSH: &str = "/api/oidc/par";
const OTHER_SECRET: &str = "other-secret-0123456789abcdef";
const REQUEST: [(&str, &str); 5] = [
    ("client_id", "wiki"),
    ("redirect_uri", WIKI),
    ("response_type", "code"),
    ("scope", "openid"),
    ("state", "s/1 ?&"),
];

/// The client `wiki` must push, and there is another one like it.
async fn door() -> Door {
    let strict = STANDARD.replace("[clients.wiki]\n", "[clients.wiki]\nrequire_par = true\n");
    let other = "\n[clients.other]\nclient_id = \"other\"\nclient_secret_file = \"DIR/other.secret\"\n\
                 redirect_uris = [\"https://other.example/callback\"]\nallowed_groups = [\"users\"]\n";
    Door::with_files(&format!("{strict}{other}"), &[("other.secret", OTHER_SECRET)]).await
}

/// Pushes the request of `wiki` with some parameters otherwise.
async fn push(door: &Door, more: &[(&str, &str)]) -> Page {
    let mut fields = Parameters::default();
    for (name, value) in REQUEST.iter().chain(more) {
        fields = fields.with(name, value);
    }
    let fields: Vec<_> = fields.iter().collect();
    send(door, PUSH, &as_wiki(), &fields).await
}

fn named(page: &Page) -> String {
    assert_eq!(page.status, 201, "{}", page.text());
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let answer = page.json().unwrap();
    assert_eq!(answer["expires_in"], json!(90));
    answer["request_uri"].as_str().unwrap().to_owned()
}

/// Where the application sends the browser.
fn brought(door: &Door, client: &str, request_uri: &str) -> String {
    at(door, "/authorize", &[("client_id", client), ("request_uri", request_uri)])
}

#[tokio::test]
async fn o_2_a_pushed_request_leads_to_tokens_and_is_used_once() {
    let door = door().await;
    let mut ada = door.administrator().await;
    let request_uri = named(&push(&door, &[]).await);
    let url = brought(&door, "wiki", &request_uri);
    let page = open(&mut ada, &url).await;
    // The page that asks has an address of its own, which can be loaded again.
    assert_eq!(outcome(&page), "200 /authorize");
    assert!(page.text().contains("Wiki wants to know who you are"));
    assert_eq!(outcome(&open(&mut ada, page.url.as_str()).await), "200 /authorize");
    let page = decide(&door, &mut ada, &page, "allow").await;
    assert_eq!(answered(&page, "state").as_deref(), Some("s/1 ?&"));
    redeem_as_wiki(&door, &answered(&page, "code").unwrap()).await;
    assert_eq!(outcome(&open(&mut ada, &url).await), "400 /authorize", "used");
    // Whom it knows goes through at once.
    let again = named(&push(&door, &[]).await);
    assert_eq!(outcome(&open(&mut ada, &brought(&door, "wiki", &again)).await), "code");
    assert_eq!(count(&door, "SELECT count(*) FROM pushed_requests"), 0);
}

#[tokio::test]
async fn o_28_a_pushed_request_waits_for_a_sign_in_and_asks_once() {
    let door = door().await;
    let mut ada = door.administrator().await;
    for more in [&[][..], &[("prompt", "login")], &[("prompt", "login consent")], &[("max_age", "0")]] {
        let url = brought(&door, "wiki", &named(&push(&door, more).await));
        ada.sign_out().await.unwrap();
        let page = open(&mut ada, &url).await;
        assert_eq!(outcome(&page), "200 /login", "{more:?}");
        door.clock.advance(120);
        let next = ada.sign_in(page.query("return_to").as_deref()).await.unwrap();
        let mut page = open(&mut ada, next.as_str()).await;
        if page.status == 200 {
            page = decide(&door, &mut ada, &page, "allow").await;
        }
        assert_eq!(outcome(&page), "code", "{more:?}");
    }
    // A session of this very second is not the answer to a request that came after it.
    let url = brought(&door, "wiki", &named(&push(&door, &[("prompt", "login")]).await));
    assert_eq!(outcome(&open(&mut ada, &url).await), "200 /login");
}

#[tokio::test]
async fn o_28_a_client_that_must_push_is_refused_otherwise() {
    let door = door().await;
    let mut ada = door.administrator().await;
    for more in [&[][..], &[("prompt", "none")], &[("dw_progress", "AAAA")]] {
        assert_eq!(outcome(&open(&mut ada, &wiki(&door, more)).await), "invalid_request", "{more:?}");
    }
    // What came back from a pushed request is that request and no other.
    let page = open(&mut ada, &brought(&door, "wiki", &named(&push(&door, &[]).await))).await;
    let changed = page.url.to_string().replace("scope=openid", "scope=openid+groups");
    assert_ne!(changed, page.url.to_string());
    assert_eq!(outcome(&open(&mut ada, &changed).await), "invalid_request");
    door.clock.advance(600);
    assert_eq!(outcome(&open(&mut ada, page.url.as_str()).await), "invalid_request", "too old");
}

#[tokio::test]
async fn o_3_o_4_a_name_is_good_for_its_client_and_its_time() {
    let door = door().await;
    let mut ada = door.administrator().await;
    let request_uri = named(&push(&door, &[]).await);
    for (client, uri) in [
        ("other", request_uri.as_str()),
        ("unknown", &request_uri),
        ("", &request_uri),
        ("wiki", &request_uri[..request_uri.len() - 1]),
        ("wiki", "urn:ietf:params:oauth:request_uri:"),
        ("wiki", "urn:ietf:params:oauth:request_uri:dw_c_AAAA"),
        ("wiki", "https://evil.example/request"),
    ] {
        let page = open(&mut ada, &brought(&door, client, uri)).await;
        assert_eq!((page.status.as_u16(), page.header("location")), (400, None), "{client} {uri}");
    }
    // What stands beside the name counts for nothing.
    let beside =
        [("client_id", "wiki"), ("request_uri", &request_uri), ("redirect_uri", "https://evil.example")];
    let page = open(&mut ada, &at(&door, "/authorize", &beside)).await;
    assert_eq!(outcome(&decide(&door, &mut ada, &page, "allow").await), "code");
    let late = named(&push(&door, &[]).await);
    door.clock.advance(90);
    assert_eq!(outcome(&open(&mut ada, &brought(&door, "wiki", &late)).await), "400 /authorize");
}

#[tokio::test]
async fn r_1_o_27_what_is_wrong_is_said_to_whoever_pushes() {
    let door = door().await;
    for (more, expected) in [
        (&[("redirect_uri", "https://evil.example/")][..], "400 invalid_request"),
        (&[("redirect_uri", "")], "400 invalid_request"),
        (&[("response_type", "token")], "400 unsupported_response_type"),
        (&[("scope", "groups")], "400 invalid_scope"),
        (&[("request_uri", "urn:ietf:params:oauth:request_uri:x")], "400 invalid_request"),
        (&[("request", "x")], "400 request_not_supported"),
        (&[("client_id", "other")], "400 invalid_request"),
        (&[("client_secret", WIKI_SECRET)], "400 invalid_request"),
    ] {
        assert_eq!(answer(&push(&door, more).await), expected, "{more:?}");
    }
    for (authorization, client, expected) in [
        ("", "wiki", "401 invalid_client"),
        (basic("wiki", "guess").as_str(), "wiki", "401 invalid_client"),
        (basic("other", WIKI_SECRET).as_str(), "other", "401 invalid_client"),
        ("", "unknown", "401 invalid_client"),
    ] {
        let page = send(&door, PUSH, authorization, &[("client_id", client)]).await;
        assert_eq!(answer(&page), expected, "{authorization} {client}");
    }
    assert_eq!(count(&door, "SELECT count(*) FROM pushed_requests"), 0);
}

#[tokio::test]
async fn a_public_client_pushes_with_pkce_and_not_without_end() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let challenge = base64(&sha256(VERIFIER.as_bytes()));
    let bare =
        [("client_id", "tool"), ("redirect_uri", TOOL), ("response_type", "code"), ("scope", "openid")];
    assert_eq!(answer(&send(&door, PUSH, "", &bare).await), "400 invalid_request", "no PKCE");
    let proof = [("code_challenge", challenge.as_str()), ("code_challenge_method", "S256")];
    let whole = [&bare[..], &proof].concat();
    let request_uri = named(&send(&door, PUSH, "", &whole).await);
    let page = open(&mut ada, &brought(&door, "tool", &request_uri)).await;
    assert_eq!(outcome(&page), "code");
    let mut kept = 0;
    while kept < 1000 && send(&door, PUSH, "", &whole).await.status == 201 {
        kept += 1;
    }
    assert!(kept < 130, "{kept}");
    assert_eq!(answer(&send(&door, PUSH, "", &whole).await), "429 too_many_attempts");
}
