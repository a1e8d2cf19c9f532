//! How answers travel to an application: `response_mode`, by the front door.

use doorward_visitor::Page;

use crate::{
    door::Door,
    provider::{WIKI, answered, decide, open, outcome, wiki},
    tokens::redeem_as_wiki,
};

/// A field of the page that posts an answer.
fn field(page: &Page, name: &str) -> Option<String> {
    let text = page.text();
    let (_, rest) = text.split_once(&format!("name=\"{name}\" value=\""))?;
    Some(rest.split_once('"')?.0.replace("&#38;", "&"))
}

/// Parameters in the fragment of the address that the application gets.
fn in_fragment(page: &Page, name: &str) -> Option<String> {
    let location = page.location().unwrap()?;
    let found = url::form_urlencoded::parse(location.fragment()?.as_bytes()).find(|(found, _)| found == name);
    found.map(|(_, value)| value.into_owned())
}

#[tokio::test]
async fn a_fragment_carries_what_a_query_would() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let mode = ("response_mode", "fragment");
    let page = open(&mut ada, &wiki(&door, &[mode])).await;
    let allowed = decide(&door, &mut ada, &page, "allow").await;
    let location = allowed.header("location").unwrap();
    assert!(location.starts_with(&format!("{WIKI}#code=")), "{location}");
    assert_eq!(answered(&allowed, "code"), None, "nothing in the query");
    assert_eq!(in_fragment(&allowed, "state").as_deref(), Some("s/1 ?&"));
    assert_eq!(in_fragment(&allowed, "iss").unwrap(), door.url("id", ""), "R-13");
    redeem_as_wiki(&door, &in_fragment(&allowed, "code").unwrap()).await;
    let mut nobody = door.person();
    let page = open(&mut nobody, &wiki(&door, &[mode, ("prompt", "none")])).await;
    assert_eq!(in_fragment(&page, "error").as_deref(), Some("login_required"));
}

#[tokio::test]
async fn r_2_a_form_carries_it_without_a_script_inside() {
    const PAYLOAD: &str = "\"><script>alert(1)</script>";
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let mode = ("response_mode", "form_post");
    let page = open(&mut ada, &wiki(&door, &[mode, ("state", PAYLOAD)])).await;
    assert!(page.text().contains("Wiki wants to know who you are"));
    let refused = decide(&door, &mut ada, &page, "refuse").await;
    assert_eq!(field(&refused, "error").as_deref(), Some("access_denied"));
    let allowed = decide(&door, &mut ada, &page, "allow").await;
    for page in [&refused, &allowed] {
        let text = page.text();
        assert!(text.contains(&format!("action=\"{WIKI}\"")), "{text}");
        assert!(!text.contains("<script>"), "{text}");
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.contains("form-action 'self' http://wiki.localhost:9000;"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(page.header("cache-control"), Some("no-store"));
        assert_eq!(page.header("location"), None);
        assert_eq!(field(page, "iss").unwrap(), door.url("id", ""), "R-13");
    }
    redeem_as_wiki(&door, &field(&allowed, "code").unwrap()).await;
    // The script that submits it is one of ours.
    let text = allowed.text();
    let script = text.split("src=\"").find(|part| part.contains("form-post.js")).unwrap();
    let script = script.split_once('"').unwrap().0;
    let page = ada.open(&door.url("id", script)).await.unwrap();
    assert_eq!(page.status, 200);
    // Never a form to an address that is not registered.
    let wrong = wiki(&door, &[mode, ("redirect_uri", "https://evil.example/callback")]);
    let page = open(&mut ada, &wrong).await;
    assert_eq!(outcome(&page), "400 /authorize");
    assert!(!page.text().contains("<form"), "R-4");
}

#[tokio::test]
async fn a_slash_at_the_end_changes_nothing() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let url = wiki(&door, &[]).replace("/authorize?", "/authorize/?");
    let page = open(&mut ada, &url).await;
    assert_eq!(outcome(&page), "200 /authorize/");
    assert_eq!(outcome(&decide(&door, &mut ada, &page, "allow").await), "code");
}
