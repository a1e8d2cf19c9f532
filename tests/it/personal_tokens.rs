//! Tokens that people make for their programs: the pages of the account, and what the tokens open.

use doorward_visitor::{Page, Person, Request};
use http::Method;

use crate::door::{Door, STANDARD};

/// The standard services, of which the notes take tokens.
fn taking() -> String {
    STANDARD.replacen("title = \"Notes\"\n", "title = \"Notes\"\ntokens = true\n", 1)
}

const FORM: [(&str, &str); 5] =
    [("name", "Backup"), ("service", "notes"), ("days", "90"), ("paths", "/api"), ("methods", "GET")];

async fn post(person: &mut Person, door: &Door, path: &str, fields: &[(&str, &str)]) -> Page {
    person.client.post_form(&door.url("id", path), fields).await.unwrap()
}

/// Makes a token; the text that is shown once.
async fn make(person: &mut Person, door: &Door, fields: &[(&str, &str)]) -> String {
    let page = post(person, door, "/account/tokens", fields).await;
    assert_eq!(page.status, 200, "{}", page.text());
    let text = page.text();
    let token = &text[text.find("dw_k_").expect("a token")..];
    token.split('<').next().unwrap().to_owned()
}

async fn ask(door: &Door, host: &str, path: &str, token: &str) -> Page {
    let request = Request::program(Method::GET, &door.url(host, path)).unwrap();
    let request = request.header("authorization", &format!("Bearer {token}")).unwrap();
    door.client().send(request).await.unwrap()
}

async fn listed(person: &mut Person, door: &Door) -> String {
    person.open(&door.url("id", "/account/tokens")).await.unwrap().text()
}

/// The identifier of the only token, from the page.
async fn only_token(person: &mut Person, door: &Door) -> String {
    let page = listed(person, door).await;
    page.split_once("name=\"id\" value=\"").unwrap().1.split('"').next().unwrap().to_owned()
}

#[tokio::test]
async fn r_74_a_person_makes_uses_and_revokes_a_token() {
    let door = Door::with(&taking()).await;
    let mut ada = door.administrator().await;
    let token = make(&mut ada, &door, &FORM).await;
    let answer = ask(&door, "notes", "/api/x", &token).await;
    assert_eq!(answer.status, 200);
    assert!(answer.text().contains("\"remote-user\": [\n      \"ada\""), "{}", answer.text());
    assert!(!answer.text().contains("dw_k_"), "the application does not learn it");
    let page = listed(&mut ada, &door).await;
    assert!(
        page.contains("Backup") && page.contains("GET, /api") && page.contains("last used 2026-01-01"),
        "{page}"
    );
    assert!(page.contains("until 2026-04-01"), "ninety days: {page}");
    assert!(!page.contains("dw_k_"), "it is shown once");
    for (path, status) in [("/", 403), ("/apis", 403)] {
        assert_eq!(ask(&door, "notes", path, &token).await.status, status, "{path}");
    }
    assert_eq!(ask(&door, "vault", "/api/x", &token).await.status, 401, "another service");
    let id = only_token(&mut ada, &door).await;
    assert_eq!(post(&mut ada, &door, "/account/tokens/revoke", &[("id", &id)]).await.status, 303);
    let refused = ask(&door, "notes", "/api/x", &token).await;
    assert_eq!(refused.status, 401);
    assert_eq!(refused.header("www-authenticate"), Some("Bearer realm=\"token\", error=\"invalid_token\""));
    assert!(refused.text().contains("\"invalid_token\""), "{}", refused.text());
    assert_eq!(post(&mut ada, &door, "/account/tokens/revoke", &[("id", &id)]).await.status, 404);
}

/// W-7: a stolen session makes nothing that stays.
#[tokio::test]
async fn w_7_a_token_needs_a_fresh_sign_in() {
    let door = Door::with(&taking()).await;
    let mut ada = door.administrator().await;
    door.clock.advance(601);
    let page = post(&mut ada, &door, "/account/tokens", &FORM).await;
    assert_eq!(page.status, 303);
    assert!(page.header("location").unwrap().starts_with("/login"), "{:?}", page.header("location"));
    let page = listed(&mut ada, &door).await;
    assert!(page.contains("use your passkey again") && !page.contains("<select"), "{page}");
}

#[tokio::test]
async fn e_3_o_24_a_token_ends_with_its_time_its_groups_and_its_person() {
    let door = Door::with(&taking()).await;
    let mut ada = door.administrator().await;
    let mut bob = door.member(&mut ada, "bob", "users").await;
    let fields = [("name", "Phone"), ("service", "notes"), ("days", "7"), ("paths", ""), ("methods", "")];
    let token = make(&mut bob, &door, &fields).await;
    assert_eq!(ask(&door, "notes", "/", &token).await.status, 200);
    let people = ada.open(&door.url("id", "/admin/people")).await.unwrap().text();
    let row = &people[people.find("class=\"quiet\">bob</span>").unwrap()..];
    let id = row.split_once("name=\"id\" value=\"").unwrap().1.split('"').next().unwrap();
    for (groups, status) in [("guests", 403), ("users", 200)] {
        post(&mut ada, &door, "/admin/people/groups", &[("id", id), ("groups", groups)]).await;
        assert_eq!(ask(&door, "notes", "/", &token).await.status, status, "{groups}");
    }
    for step in ["disable", "enable"] {
        post(&mut ada, &door, &format!("/admin/people/{step}"), &[("id", id)]).await;
        assert_eq!(ask(&door, "notes", "/", &token).await.status, 401, "{step}");
    }
    let token = make(&mut ada, &door, &fields).await;
    door.clock.advance(7 * 86_400 - 1);
    assert_eq!(ask(&door, "notes", "/", &token).await.status, 200);
    door.clock.advance(1);
    assert_eq!(ask(&door, "notes", "/", &token).await.status, 401);
}

#[tokio::test]
async fn o_17_a_token_is_for_services_that_open_by_a_rule_as_well() {
    let by_rule = STANDARD.replacen(
        "policy = \"admins\"\n",
        "policy = \"admins\"\ntokens = true\nrules = [{ paths = [\"/read\"], policy = \"users\" }]\n",
        1,
    );
    let door = Door::with(&by_rule).await;
    let mut ada = door.administrator().await;
    let mut bob = door.member(&mut ada, "bob", "users").await;
    let mut eve = door.member(&mut ada, "eve", "guests").await;
    let fields = [("name", "Reader"), ("service", "vault"), ("days", "7"), ("paths", ""), ("methods", "")];
    assert!(listed(&mut bob, &door).await.contains("value=\"vault\""), "it can be chosen");
    let token = make(&mut bob, &door, &fields).await;
    assert_eq!(ask(&door, "vault", "/read/x", &token).await.status, 200);
    assert_eq!(ask(&door, "vault", "/write", &token).await.status, 403, "elsewhere its policy decides");

    assert!(!listed(&mut eve, &door).await.contains("value=\"vault\""));
    assert_eq!(post(&mut eve, &door, "/account/tokens", &fields).await.status, 400);
}

#[tokio::test]
async fn what_can_not_be_a_token_is_said_on_the_page() {
    let door = Door::with(&taking()).await;
    let mut ada = door.administrator().await;
    for (field, value) in [
        ("name", ""),
        ("service", "vault"),
        ("service", "nothing"),
        ("days", "366"),
        ("days", "0"),
        ("paths", "api"),
        ("paths", "/a/../b"),
        ("methods", "get"),
        ("methods", "GET,HEAD"),
    ] {
        let fields = FORM.map(|(name, usual)| (name, if name == field { value } else { usual }));
        let page = post(&mut ada, &door, "/account/tokens", &fields).await;
        assert_eq!(page.status, 400, "{field} {value}");
        assert!(page.text().contains("role=\"alert\""), "{field} {value}");
    }
    assert!(!listed(&mut ada, &door).await.contains("name=\"id\""), "none was made");
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let page = listed(&mut ada, &door).await;
    assert!(page.contains("None of the services that are open to you takes tokens"), "{page}");
}
