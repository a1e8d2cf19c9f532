//! Signing in to services by the front door: the way to the identity host and back, and the end of it.

use doorward_visitor::{Page, Person, Request};
use http::Method;

use crate::{
    ceremonies::{ID, SESSION, count, identifiers},
    door::{Door, STANDARD},
};

const NOTES: &str = "notes.localhost";
const LOGIN: &str = "__Host-doorward-login-";

/// A sign-in at a service that stopped before the callback: its address there.
async fn callback_of(person: &mut Person, url: &str) -> String {
    let stop = |url: &_| is_callback(url);
    let page = person.client.navigate_until(url, stop).await.unwrap();
    let location = page.location().unwrap().unwrap_or_else(|| panic!("{}", page.url));
    assert!(is_callback(&location), "{location}");
    location.to_string()
}

fn is_callback(url: &impl std::fmt::Display) -> bool {
    url.to_string().contains("/.doorward/callback?")
}

/// The cookies of sign-ins that a browser has open at a host.
fn transactions(person: &Person, host: &str) -> Vec<(String, String)> {
    let cookies = person.client.jar.cookies(host);
    let ours = cookies.filter(|cookie| cookie.name.starts_with(LOGIN));
    ours.map(|cookie| (cookie.name.clone(), cookie.value.clone())).collect()
}

/// The page that lets a person begin again; no session began.
async fn begins_again(person: &mut Person, url: &str) {
    let host = url.split(['/', ':']).nth(3).unwrap().to_owned();
    let before = person.client.jar.cookie(&host, SESSION).map(str::to_owned);
    let page = person.open(url).await.unwrap();
    assert_eq!(page.status, 400, "{url}");
    assert!(page.text().contains("Begin the sign-in again"), "{}", page.text());
    assert_eq!(person.client.jar.cookie(&host, SESSION), before.as_deref());
    assert_eq!(count_sessions_of(&page), 0);
}

fn count_sessions_of(page: &Page) -> usize {
    let lines = page.headers.get_all("set-cookie").iter();
    lines.filter(|line| line.as_bytes().starts_with(b"__Host-doorward=d")).count()
}

#[tokio::test]
async fn the_wanted_page_is_where_a_sign_in_leads() {
    let door = Door::open().await;
    let ada = door.administrator().await;
    let mut person = door.person();
    person.authenticator = ada.authenticator.clone();
    for path in ["/", "/plan?draft=1&to=%2Fx%3F&again=/login", "/a/b/?x=%E2%82%AC", "/?"] {
        person.client = door.client();
        let url = door.url("notes", path);
        let page = person.open_signed_in(&url).await.unwrap();
        assert_eq!((page.status.as_u16(), page.url.as_str()), (200, url.as_str()));
        assert!(transactions(&person, NOTES).is_empty(), "{path}");
    }
    let page = person.open(&door.url("vault", "/v")).await.unwrap();
    let statuses: Vec<_> = page.chain.iter().map(|hop| hop.status.as_u16()).collect();
    assert_eq!(statuses, [303, 303, 303], "one sign-in serves all services");
}

#[tokio::test]
async fn e_11_a_sign_in_of_another_browser_is_not_taken_over() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let mut eve = door.member(&mut ada, "eve", "users").await;
    let notes = door.url("notes", "/x");
    // The victim's browser knows nothing of a sign-in.
    let link = callback_of(&mut eve, &notes).await;
    let mut victim = door.person();
    begins_again(&mut victim, &link).await;
    // The victim began one too: the attacker's code with the victim's transaction.
    victim.open(&notes).await.unwrap();
    let own = transactions(&victim, NOTES)[0].0.replace(LOGIN, "");
    let (start, _) = link.split_once("&tx=").unwrap();
    begins_again(&mut victim, &format!("{start}&tx={own}")).await;
    begins_again(&mut victim, &link).await;
    // The page leads to a sign-in of the victim's own.
    let page = victim.open(&link).await.unwrap();
    assert!(page.text().contains("href=\"/.doorward/sign-in\""));
    let page = victim.open(&door.url("notes", "/.doorward/sign-in")).await.unwrap();
    assert!(victim.is_sign_in_page(&page.url));
    // In the browser that began it, the code is good.
    assert_eq!(eve.open(&link).await.unwrap().url.as_str(), notes);
}

#[tokio::test]
async fn o_4_a_handoff_code_works_once_and_for_a_minute() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let link = callback_of(&mut ada, &door.url("notes", "/x")).await;
    let kept = transactions(&ada, NOTES);
    door.clock.advance(59);
    assert_eq!(ada.open(&link).await.unwrap().status, 200);
    for (name, value) in &kept {
        ada.client.jar.set_cookie(NOTES, name, value);
    }
    begins_again(&mut ada, &link).await;
    ada.client.jar.remove_cookie(NOTES, SESSION);
    for seconds in [60, 61, 3600] {
        let link = callback_of(&mut ada, &door.url("notes", "/x")).await;
        door.clock.advance(seconds);
        begins_again(&mut ada, &link).await;
    }
}

#[tokio::test]
async fn o_26_a_changed_handoff_code_is_no_code() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let link = callback_of(&mut ada, &door.url("notes", "/x")).await;
    let (start, transaction) = link.split_once("&tx=").unwrap();
    let before = count(&door, "SELECT count(*) FROM sessions");
    for changed in [
        format!("{}&tx={transaction}", &start[..start.len() - 1]),
        format!("{start}A&tx={transaction}"),
        format!("{}&tx={transaction}", start.replace("dw_h_", "dw_s_")),
        format!("{start}&tx="),
        format!("{start}&tx={transaction}&tx={transaction}"),
        start.to_owned(),
        door.url("notes", "/.doorward/callback"),
    ] {
        let page = ada.open(&changed).await.unwrap();
        assert_eq!(page.status, 400, "{changed}");
    }
    assert_eq!(count(&door, "SELECT count(*) FROM sessions"), before);
}

#[tokio::test]
async fn e_3_a_transaction_lives_for_ten_minutes() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    for (seconds, good) in [(599, true), (600, false)] {
        ada.client.jar.remove_cookie(NOTES, SESSION);
        let request = Request::navigation(&door.url("notes", "/x")).unwrap();
        let begun = ada.client.send(request).await.unwrap();
        assert!(begun.header("set-cookie").unwrap().contains("Max-Age=600"));
        door.clock.advance(seconds);
        let handoff = begun.location().unwrap().unwrap().to_string();
        if good {
            let page = ada.open(&handoff).await.unwrap();
            assert_eq!(page.url.as_str(), door.url("notes", "/x"));
        } else {
            let link = callback_of(&mut ada, &handoff).await;
            begins_again(&mut ada, &link).await;
        }
    }
}

#[tokio::test]
async fn o_22_a_code_for_one_host_opens_no_other() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let notes = callback_of(&mut ada, &door.url("notes", "/x")).await;
    let feeds = callback_of(&mut ada, &door.url("feeds", "/x")).await;
    let there = notes.replace("notes.localhost", "feeds.localhost");
    begins_again(&mut ada, &there).await;
    // With the cookie moved along, as a careless or hostile host could.
    for (name, value) in transactions(&ada, NOTES) {
        ada.client.jar.set_cookie("feeds.localhost", &name, &value);
    }
    begins_again(&mut ada, &there).await;
    // With the other host's own transaction.
    let (code, _) = there.split_once("&tx=").unwrap();
    let (_, transaction) = feeds.split_once("&tx=").unwrap();
    begins_again(&mut ada, &format!("{code}&tx={transaction}")).await;
    assert_eq!(ada.open(&notes).await.unwrap().status, 200);
    assert_eq!(ada.open(&feeds).await.unwrap().status, 200);
}

#[tokio::test]
async fn e_9_a_session_token_opens_its_own_host_only() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    for service in ["notes", "vault"] {
        assert_eq!(ada.open(&door.url(service, "/")).await.unwrap().status, 200);
    }
    let hosts = ["id", "notes", "vault"];
    for from in hosts {
        let token = ada.client.jar.cookie(&format!("{from}.localhost"), SESSION).unwrap();
        for to in hosts.into_iter().filter(|to| *to != from) {
            let mut client = door.client();
            client.jar.set_cookie(&format!("{to}.localhost"), SESSION, token);
            let request = Request::navigation(&door.url(to, "/")).unwrap();
            let page = client.send(request).await.unwrap();
            assert_eq!(page.status, 303, "the token of {from} at {to}");
        }
    }
    let cookies = ada.client.jar.cookies(NOTES).collect::<Vec<_>>();
    assert!(cookies.iter().all(|cookie| cookie.host_only && cookie.secure && cookie.path == "/"));
    assert!(ada.client.jar.refused().is_empty());
}

/// Attempts to lead a person away, as values of a parameter.
const AWAY: [&str; 18] = [
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https://evil.example/",
    "https:evil.example",
    "http:/evil.example",
    "//id.localhost:8080@evil.example/",
    "http://id.localhost:8080@evil.example/",
    "javascript:alert(1)",
    "data:text/html,x",
    " //evil.example",
    "\t//evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "/x\r\nLocation: https://evil.example",
    "//evil.example/authorize?x",
    "/.doorward/sign-in?return_to=//evil.example",
];

fn query(name: &str, value: &str) -> String {
    doorward_core::oauth::parameters::Parameters::default().with(name, value).to_query()
}

#[tokio::test]
async fn r_8_no_parameter_leads_away() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let (portal, notes) = (door.url("id", "/"), door.url("notes", "/"));
    for away in AWAY {
        let wanted = query("return_to", away);
        let page = ada.open(&door.url("id", &format!("/login?{wanted}"))).await.unwrap();
        assert_eq!(page.url.as_str(), portal, "{away}");
        assert_eq!(ada.sign_in(Some(away)).await.unwrap().as_str(), portal, "{away}");
        let sign_in = door.url("notes", &format!("/.doorward/sign-in?{wanted}"));
        let page = ada.open(&sign_in).await.unwrap();
        assert_eq!(page.url.as_str(), notes, "{away}");
        let form = Request::form(&door.url("id", "/sign-out"), &[("return_to", away)]).unwrap();
        let page = ada.client.clone().send(form).await.unwrap();
        assert_eq!(page.header("location"), Some("/login?return_to=%2F"), "{away}");
        ada.sign_in(None).await.unwrap();
        for name in ["service", "host", "tx", "challenge"] {
            let path = format!("/handoff?service=notes&{}", query(name, away));
            let page = ada.open(&door.url("id", &path)).await.unwrap();
            assert_eq!(page.status, 400, "{name}={away}");
        }
    }
    for path in ["//evil.example/x", "/%2F/evil.example", "/\\evil.example"] {
        let request = Request::navigation(&notes).unwrap().target(path);
        let mut stranger = door.person();
        let Ok(page) = stranger.client.send(request).await else {
            continue;
        };
        let next = page.location().unwrap();
        assert!(next.as_ref().is_none_or(|next| next.host_str() == Some(ID)), "{path} leads to {next:?}");
    }
}

#[tokio::test]
async fn h_14_a_handoff_for_a_host_that_is_not_the_service_s_is_refused() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let begun = Request::navigation(&door.url("notes", "/x")).unwrap();
    let handoff = ada.client.send(begun).await.unwrap();
    let handoff = handoff.header("location").unwrap().to_owned();
    for (from, to) in [
        ("host=notes.localhost", "host=vault.localhost"),
        ("host=notes.localhost", "host=evil.example"),
        ("host=notes.localhost", "host=notes.localhost.evil.example"),
        ("host=notes.localhost", "host=NOTES.localhost"),
        ("service=notes", "service=vault"),
        ("service=notes", "service=none"),
        ("&tx=", "&tx=x"),
        ("challenge=", "challenge=AAAA"),
    ] {
        assert!(handoff.contains(from), "{handoff}");
        let page = ada.open(&handoff.replace(from, to)).await.unwrap();
        assert_eq!(page.status, 400, "{to}");
    }
    assert_eq!(count(&door, "SELECT count(*) FROM handoffs"), 0);
}

#[tokio::test]
async fn tob_w6_a_browser_holds_eight_transactions_and_the_oldest_go() {
    let door = Door::open().await;
    let mut person = door.person();
    let mut begun = Vec::new();
    for number in 0..12 {
        let url = door.url("notes", &format!("/{number}"));
        let page = person.client.send(Request::navigation(&url).unwrap()).await.unwrap();
        let line = page.header("set-cookie").unwrap();
        begun.push(line.split('=').next().unwrap().to_owned());
        assert!(transactions(&person, NOTES).len() <= 8, "{number}");
    }
    let held: Vec<_> = transactions(&person, NOTES).into_iter().map(|(name, _)| name).collect();
    assert_eq!(held, begun[4..]);
}

#[tokio::test]
async fn e_16_only_navigations_are_sent_to_the_sign_in() {
    let door = Door::open().await;
    let mut client = door.client();
    let url = door.url("notes", "/save");
    let page = client.post_form(&url, &[("text", "long")]).await.unwrap();
    assert_eq!(page.status, 401);
    assert!(page.text().contains("nothing was changed") && page.header("location").is_none());
    for request in [
        Request::fetch(Method::GET, &url).unwrap(),
        Request::json(&url, &serde_json::json!({})).unwrap(),
        Request::program(Method::GET, &url).unwrap(),
        Request::program(Method::DELETE, &url).unwrap(),
        Request::navigation(&url).unwrap().header("x-requested-with", "XMLHttpRequest").unwrap(),
    ] {
        let page = client.send(request).await.unwrap();
        assert_eq!(page.status, 401);
        let body = page.json().unwrap();
        assert_eq!(body["error"], "sign_in_required");
        assert_eq!(body["sign_in"], door.url("notes", "/.doorward/sign-in"));
        assert!(body["request_id"].is_string() && body["message"].is_string());
        assert!(page.header("www-authenticate").is_some() && page.header("set-cookie").is_none());
    }
}

#[tokio::test]
async fn tob_9_signing_out_ends_everything_at_once() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    for service in ["notes", "vault", "feeds"] {
        assert_eq!(ada.open(&door.url(service, "/")).await.unwrap().status, 200);
    }
    let mut thief = ada.clone();
    let page = ada.open(&door.url("notes", "/.doorward/sign-out")).await.unwrap();
    assert_eq!(page.url.as_str(), door.url("id", "/sign-out"));
    assert!(page.text().contains("<button class=\"big\" type=\"submit\">Sign out</button>"));
    let still = ada.open(&door.url("notes", "/")).await.unwrap();
    assert!(still.chain.is_empty() && still.status == 200, "a link signs nobody out");

    let form = Request::form(&door.url("id", "/sign-out"), &[]).unwrap();
    let page = ada.client.send(form).await.unwrap();
    assert_eq!(page.status, 303);
    // Not by that header: browsers would empty every site below the registrable domain (R41).
    assert_eq!(page.header("clear-site-data"), None);
    let lines: Vec<_> = page.headers.get_all("set-cookie").iter().collect();
    for name in [SESSION, "__Host-doorward-ceremony"] {
        let line = format!("{name}=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0");
        assert!(lines.iter().any(|found| *found == line.as_str()), "{lines:?}");
    }
    for service in ["id", "notes", "vault", "feeds"] {
        let page = thief.open(&door.url(service, "/")).await.unwrap();
        assert!(thief.is_sign_in_page(&page.url), "{service}");
    }
    let sessions = "SELECT count(*) FROM sessions WHERE ended_at IS NULL";
    assert_eq!(count(&door, sessions), 0);
}

/// The standard configuration with short lifetimes.
fn short_lived() -> String {
    STANDARD.replace("[portal]\n", "[portal]\nsession_idle = \"30m\"\nsession_absolute = \"2h\"\n")
}

/// Whether a page opens without any detour.
async fn opens(door: &Door, person: &mut Person, service: &str) -> bool {
    let request = Request::navigation(&door.url(service, "/x")).unwrap();
    person.client.send(request).await.unwrap().status == 200
}

#[tokio::test]
async fn e_3_sessions_end_when_nobody_uses_them() {
    let door = Door::with(&short_lived()).await;
    let mut ada = door.administrator().await;
    ada.open(&door.url("notes", "/")).await.unwrap();
    for _ in 0..3 {
        door.clock.advance(1790);
        assert!(opens(&door, &mut ada, "notes").await);
    }
    assert!(opens(&door, &mut ada, "id").await || ada.client.jar.cookie(ID, SESSION).is_some());
    door.clock.advance(1800);
    assert!(!opens(&door, &mut ada, "notes").await);
    let page = ada.open(&door.url("notes", "/")).await.unwrap();
    assert!(ada.is_sign_in_page(&page.url), "the portal session is idle too");
}

#[tokio::test]
async fn e_3_sessions_end_however_much_they_are_used() {
    let door = Door::with(&short_lived()).await;
    let mut ada = door.administrator().await;
    ada.open(&door.url("notes", "/")).await.unwrap();
    for _ in 0..7 {
        door.clock.advance(1000);
        assert!(opens(&door, &mut ada, "notes").await);
    }
    door.clock.advance(199);
    assert!(opens(&door, &mut ada, "notes").await);
    door.clock.advance(1);
    assert!(!opens(&door, &mut ada, "notes").await);
    let page = ada.open(&door.url("id", "/")).await.unwrap();
    assert!(ada.is_sign_in_page(&page.url));
}

#[tokio::test]
async fn e_12_a_lost_group_counts_from_the_next_request() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    let mut bob = door.member(&mut ada, "bob", "users").await;
    bob.open(&door.url("notes", "/")).await.unwrap();
    assert!(opens(&door, &mut bob, "notes").await);
    let mut ids = identifiers(&door, &mut ada, "/admin/people").await;
    let own = bob.authenticator.passkeys[0].user_handle.clone();
    ids.retain(|id| id.as_bytes() == own);
    let groups = door.url("id", "/admin/people/groups");
    let mut set = async |names: &str| {
        let fields = [("id", ids[0].as_str()), ("groups", names)];
        assert_eq!(ada.client.post_form(&groups, &fields).await.unwrap().status, 303);
    };
    set("guests").await;
    let page = bob.open(&door.url("notes", "/x")).await.unwrap();
    assert_eq!(page.status, 403);
    for part in ["Notes", "bob", "Switch account", "/sign-out?"] {
        assert!(page.text().contains(part), "{part}");
    }
    let script = Request::fetch(Method::GET, &door.url("notes", "/x")).unwrap();
    let page = bob.client.send(script).await.unwrap();
    assert_eq!((page.status.as_u16(), page.json().unwrap()["error"].as_str()), (403, Some("access_denied")));
    bob.client.jar.remove_cookie(NOTES, SESSION);
    let page = bob.open(&door.url("notes", "/x")).await.unwrap();
    assert_eq!((page.status.as_u16(), page.url.host_str()), (403, Some(ID)));
    set("users").await;
    assert_eq!(bob.open(&door.url("notes", "/x")).await.unwrap().status, 200);
}

#[tokio::test]
async fn t_4_a_policy_s_networks_are_asked_at_every_step() {
    let policy = "[policies.home]\ngroups = [\"users\"]\nnetworks = [\"127.0.0.2/32\"]\n\n[services.www]";
    let text = STANDARD.replace("[services.www]", policy);
    let text = text.replacen("policy = \"users\"", "policy = \"home\"", 1);
    let door = Door::with(&text).await;
    let mut ada = door.administrator().await;
    let notes = door.url("notes", "/x");
    let page = ada.open(&notes).await.unwrap();
    assert_eq!((page.status.as_u16(), page.url.host_str()), (403, Some(ID)));
    let forged = Request::navigation(page.chain[0].url.as_str()).unwrap();
    let forged = forged.header("x-forwarded-for", "127.0.0.2").unwrap();
    assert_eq!(ada.client.run(forged).await.unwrap().status, 403);
    ada.client.source = Some("127.0.0.2".parse().unwrap());
    assert_eq!(ada.open(&notes).await.unwrap().status, 200);
    ada.client.source = None;
    let page = ada.open(&notes).await.unwrap();
    assert_eq!((page.status.as_u16(), page.url.host_str()), (403, Some(NOTES)));
}

#[tokio::test]
async fn e_16_a_form_of_another_site_is_refused_with_a_page_for_its_person() {
    let door = Door::open().await;
    let mut ada = door.administrator().await;
    assert_eq!(ada.open(&door.url("notes", "/")).await.unwrap().status, 200);
    let form = Request::form(&door.url("notes", "/delete"), &[("id", "1")]).unwrap();
    let page = ada.client.send(form.from_page("https://evil.example")).await.unwrap();
    assert_eq!(page.status, 403);
    assert!(page.text().contains("Notes is not open to you"), "{}", page.text());
    let own = Request::form(&door.url("notes", "/delete"), &[("id", "1")]).unwrap();
    assert_eq!(ada.client.send(own).await.unwrap().status, 200);
}
