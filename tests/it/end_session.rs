//! Signing out at an application's request, by the front door.

use doorward_visitor::Request;

use crate::{
    ceremonies::{ID, SESSION, is_signed_in},
    door::Door,
    provider::{at, code, open, outcome, wiki},
    tokens::{id_token, redeem_as_wiki},
};

const END: &str = "/api/oidc/end-session";
const BYE: &str = "http://wiki.localhost:9000/bye";

#[tokio::test]
async fn r_9_an_application_signs_out_with_a_hint_or_a_word() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let mut bob = door.member(&mut ada, "bob", "users").await;
    let given = code(&door, &mut ada, &wiki(&door, &[])).await;
    let hint = id_token(&redeem_as_wiki(&door, &given).await);
    let (signed, signature) = hint.rsplit_once('.').unwrap();
    let broken = format!("{signed}.{}", signature.chars().rev().collect::<String>());
    let bye = ("post_logout_redirect_uri", BYE);
    // Without a hint of the person's own, the person is asked.
    for (who, parameters) in [
        ("ada", vec![bye]),
        ("ada", vec![bye, ("client_id", "wiki")]),
        ("ada", vec![bye, ("id_token_hint", &broken)]),
        ("ada", vec![bye, ("id_token_hint", &hint), ("client_id", "tool")]),
        ("bob", vec![bye, ("id_token_hint", &hint)]),
    ] {
        let person = if who == "ada" { &mut ada } else { &mut bob };
        let page = open(person, &at(&door, END, &parameters)).await;
        assert_eq!(outcome(&page), format!("200 {END}"), "{parameters:?}");
        assert!(page.text().contains(">Sign out</button>"));
        let mut form = Request::form(&door.url("id", END), &parameters).unwrap();
        form = form.from_page("https://rp.example");
        let page = person.client.run(form).await.unwrap();
        assert_eq!(page.status, 200, "a form of another site asks, too");
        assert!(is_signed_in(&door, person).await, "{parameters:?}");
    }
    // The person's word.
    let fields = [bye, ("client_id", "wiki"), ("state", "s 1")];
    let page = bob.client.post_form(&door.url("id", END), &fields).await.unwrap();
    assert_eq!(page.header("location"), Some("http://wiki.localhost:9000/bye?state=s+1"));
    // Not by that header: browsers would empty every site below the registrable domain (R41).
    assert_eq!(page.header("clear-site-data"), None);
    assert!(!is_signed_in(&door, &mut bob).await);
    // The hint.
    let kept = ada.client.jar.cookie(ID, SESSION).unwrap().to_owned();
    let page = open(&mut ada, &at(&door, END, &[bye, ("id_token_hint", &hint)])).await;
    assert_eq!(page.header("location"), Some(BYE));
    ada.client.jar.set_cookie(ID, SESSION, &kept);
    assert!(!is_signed_in(&door, &mut ada).await);
}

#[tokio::test]
async fn r_9_signing_out_leads_to_registered_addresses_only() {
    let door = Door::open().await;
    let mut nobody = door.person();
    for uri in [
        "https://evil.example/bye",
        "http://wiki.localhost:9000/callback",
        "http://wiki.localhost:9000/bye/",
        "http://wiki.localhost:9000/bye?x",
        "http://wiki.localhost:9000@evil.example/bye",
        "//evil.example",
        "javascript:alert(1)",
    ] {
        let parameters = [("client_id", "wiki"), ("post_logout_redirect_uri", uri)];
        let page = open(&mut nobody, &at(&door, END, &parameters)).await;
        assert_eq!(outcome(&page), "200 /login", "{uri}");
    }
    let without_client = at(&door, END, &[("post_logout_redirect_uri", BYE)]);
    assert_eq!(outcome(&open(&mut nobody, &without_client).await), "200 /login");
}
