//! What changes takes effect at once: on the next request everywhere, and on what is open. E-1 to E-3, E-6, E-11 of the
//! list of security cases.

use doorward_visitor::{Page, Person, Request};
use http::{Method, StatusCode};

use crate::{
    door::{Door, STANDARD},
    wire::{Application, Wire, head},
};

const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n";

/// A door in front of an application that keeps connections open.
struct House {
    door: Door,
    application: Application,
    ada: Person,
}

/// Something open: a WebSocket and a stream of one person at one service.
struct Open {
    socket: Wire,
    stream: Wire,
}

fn in_front_of(application: &Application, text: &str) -> String {
    text.replace("UPSTREAM", &application.address.to_string())
}

impl House {
    async fn new() -> Self {
        let application = Application::start("").await;
        let door = Door::with(&in_front_of(&application, STANDARD)).await;
        let ada = door.administrator().await;
        Self { door, application, ada }
    }

    fn reload(&self, text: &str) -> Result<(), String> {
        self.door.write(&in_front_of(&self.application, text));
        self.door.running.reload(&self.door.config_file)
    }

    /// Opens both with header lines of the caller's.
    async fn open_with(&self, host: &str, path: &str, lines: &str) -> Open {
        let host = format!("{host}.localhost:8080");
        let mut socket = Wire::to(self.door.address()).await;
        let upgrade = format!("{lines}{UPGRADE}");
        socket.send(head("GET", &format!("{path}/socket"), &host, &upgrade)).await;
        assert_eq!(socket.reply_head().await.unwrap().status, 101);
        let mut stream = Wire::to(self.door.address()).await;
        stream.send(head("GET", &format!("{path}/events"), &host, lines)).await;
        let answer = stream.reply_head().await.unwrap();
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/event-stream")));
        Open { socket, stream }
    }

    async fn open(&self, person: &mut Person, host: &str) -> Open {
        person.open_signed_in(&self.door.url(host, "/")).await.unwrap();
        let token = person.client.jar.cookie(&format!("{host}.localhost"), "__Host-doorward");
        let lines = format!("Cookie: __Host-doorward={}\r\n", token.unwrap());
        self.open_with(host, "", &lines).await
    }

    /// Everything in `open` still carries bytes both ways.
    async fn carries<'a>(&self, open: impl IntoIterator<Item = &'a mut Open>) {
        self.application.say("news");
        for each in open {
            each.socket.send(PING).await;
            assert_eq!(each.socket.take(PING.len()).await.as_deref(), Some(PING));
            assert_eq!(each.stream.chunk().await.as_deref(), Some(&b"news"[..]));
        }
    }

    /// The identifier of a person, from the page for people.
    async fn id(&mut self, username: &str) -> String {
        let page = self.ada.open(&self.door.url("id", "/admin/people")).await.unwrap().text();
        let (_, row) = page.split_once(&format!(">{username}</span></h2>")).unwrap();
        let (_, id) = row.split_once("name=\"id\" value=\"").unwrap();
        id.split('"').next().unwrap().to_owned()
    }

    /// Presses a button on the page for people.
    async fn press(&mut self, action: &str, username: &str, groups: &str) {
        let id = self.id(username).await;
        let url = self.door.url("id", &format!("/admin/people/{action}"));
        let fields = [("id", id.as_str()), ("groups", groups)];
        let page = self.ada.client.post_form(&url, &fields).await.unwrap();
        let done = page.header("location").unwrap_or_default().contains("done=");
        assert!(page.status == StatusCode::SEE_OTHER && done, "{} {}", page.status, page.text());
    }
}

/// A frame of text.
const PING: &[u8] = b"\x81\x84\0\0\0\0ping";

/// It was closed, both ways, without another word of the application.
async fn is_closed(mut open: Open) {
    assert_eq!(open.socket.rest().await, [0x88, 2, 3, 0xf0], "1008, policy violation");
    assert_eq!(open.stream.chunk().await, None);
}

/// The status of a script's request with the person's cookies.
async fn status(person: &mut Person, url: &str) -> u16 {
    let request = Request::fetch(Method::GET, url).unwrap();
    person.client.send(request).await.unwrap().status.as_u16()
}

fn is_sign_in(person: &Person, page: &Page) -> bool {
    person.is_sign_in_page(&page.url)
}

#[tokio::test]
async fn e_1_e_6_e_11_signing_out_ends_everything_of_the_session_and_nothing_of_others() {
    let mut house = House::new().await;
    let mut bob = house.door.member(&mut house.ada, "bob", "users").await;
    // Bob's other browser: the same passkey, a session of its own.
    let mut elsewhere = house.door.person();
    elsewhere.authenticator = bob.authenticator.clone();
    let mut ada = house.ada.clone();
    let notes = house.open(&mut bob, "notes").await;
    let feeds = house.open(&mut bob, "feeds").await;
    let mut others = vec![house.open(&mut elsewhere, "notes").await, house.open(&mut ada, "notes").await];
    let kept = bob.client.clone();
    bob.sign_out().await.unwrap();
    is_closed(notes).await;
    is_closed(feeds).await;
    house.carries(&mut others).await;
    // Cookies from before, replayed by somebody who kept them.
    let mut thief = bob.clone();
    thief.client = kept;
    for host in ["notes", "feeds"] {
        assert_eq!(status(&mut thief, &house.door.url(host, "/")).await, 401, "{host}");
    }
    for path in ["/", "/account/passkeys"] {
        let page = thief.open(&house.door.url("id", path)).await.unwrap();
        assert!(is_sign_in(&thief, &page), "{}", page.url);
    }
    for person in [&mut elsewhere, &mut ada] {
        assert_eq!(status(person, &house.door.url("notes", "/")).await, 200);
    }
}

#[tokio::test]
async fn e_2_e_11_a_disabled_person_is_out_at_once_and_stays_out() {
    let mut house = House::new().await;
    let mut bob = house.door.member(&mut house.ada, "bob", "users").await;
    let open = house.open(&mut bob, "notes").await;
    let mut ada = house.ada.clone();
    let mut others = [house.open(&mut ada, "notes").await];
    house.press("disable", "bob", "").await;
    is_closed(open).await;
    house.carries(&mut others).await;
    assert_eq!(status(&mut bob, &house.door.url("notes", "/")).await, 401);
    let page = bob.open(&house.door.url("id", "/")).await.unwrap();
    assert!(is_sign_in(&bob, &page), "{}", page.url);
    bob.sign_in(None).await.unwrap_err();
    // Enabling does not bring former sessions back.
    house.press("enable", "bob", "").await;
    assert_eq!(status(&mut bob, &house.door.url("notes", "/")).await, 401);
    bob.sign_in(None).await.unwrap();
    house.carries(&mut others).await;
}

#[tokio::test]
async fn e_1_e_11_leaving_a_group_closes_what_rested_on_it_and_nothing_else() {
    let mut house = House::new().await;
    let mut bob = house.door.member(&mut house.ada, "bob", "users,admins").await;
    let vault = house.open(&mut bob, "vault").await;
    let mut notes = [house.open(&mut bob, "notes").await];
    house.press("groups", "bob", "users").await;
    is_closed(vault).await;
    house.carries(&mut notes).await;
    assert_eq!(status(&mut bob, &house.door.url("vault", "/")).await, 403);
    assert_eq!(status(&mut bob, &house.door.url("notes", "/")).await, 200);
    house.press("groups", "bob", "others").await;
    let [notes] = notes;
    is_closed(notes).await;
    assert_eq!(status(&mut bob, &house.door.url("notes", "/")).await, 403);
    // The session is still there: back in the group, the same cookie opens again.
    house.press("groups", "bob", "users").await;
    assert_eq!(status(&mut bob, &house.door.url("notes", "/")).await, 200);
    assert_eq!(status(&mut bob, &house.door.url("vault", "/")).await, 403);
}

#[tokio::test]
async fn e_1_e_11_an_administrator_ends_all_sessions_of_a_person() {
    let mut house = House::new().await;
    let mut bob = house.door.member(&mut house.ada, "bob", "users").await;
    let mut elsewhere = house.door.person();
    elsewhere.authenticator = bob.authenticator.clone();
    let mut ada = house.ada.clone();
    let first = house.open(&mut bob, "notes").await;
    let second = house.open(&mut elsewhere, "feeds").await;
    let mut others = [house.open(&mut ada, "feeds").await];
    house.press("end-sessions", "bob", "").await;
    is_closed(first).await;
    is_closed(second).await;
    house.carries(&mut others).await;
    assert_eq!(status(&mut bob, &house.door.url("notes", "/")).await, 401);
    assert_eq!(status(&mut elsewhere, &house.door.url("feeds", "/")).await, 401);
}

#[tokio::test]
async fn e_3_an_expired_session_is_over_although_nothing_was_swept() {
    let mut house = House::new().await;
    let mut ada = house.ada.clone();
    let open = house.open(&mut ada, "notes").await;
    house.door.clock.advance(8 * 86_400);
    assert_eq!(status(&mut ada, &house.door.url("notes", "/")).await, 401);
    let page = ada.open(&house.door.url("id", "/")).await.unwrap();
    assert!(is_sign_in(&ada, &page), "{}", page.url);
    // What is open is looked at again with the next change of anything.
    house.reload(STANDARD).unwrap();
    is_closed(open).await;
    house.ada.sign_in(None).await.unwrap();
}

#[tokio::test]
async fn impossible_7_a_reload_closes_nothing_that_is_still_permitted() {
    let mut house = House::new().await;
    let mut bob = house.door.member(&mut house.ada, "bob", "users").await;
    let mut open = vec![house.open(&mut bob, "notes").await, house.open_with("www", "", "").await];
    open.push(house.open_with("feeds", "/api/open", "").await);
    house.reload(STANDARD).unwrap();
    house.carries(&mut open).await;
    house.reload(&STANDARD.replace("title = \"Notes\"", "title = \"Other\"")).unwrap();
    house.carries(&mut open).await;
    house.reload(&STANDARD.replace("policy = \"users\"", "policy = \"nobody-knows\"")).unwrap_err();
    house.carries(&mut open).await;
}

#[tokio::test]
async fn e_11_a_reload_closes_what_is_no_longer_permitted() {
    let mut house = House::new().await;
    let mut bob = house.door.member(&mut house.ada, "bob", "users").await;
    let mut ada = house.ada.clone();
    let notes = house.open(&mut bob, "notes").await;
    let feeds = house.open(&mut bob, "feeds").await;
    let mut others = [house.open(&mut ada, "notes").await];
    let text = STANDARD.replacen("policy = \"users\"", "policy = \"admins\"", 1);
    let (before, rest) = text.split_once("[services.feeds]").unwrap();
    let (_, after) = rest.split_once("[services.www]").unwrap();
    house.reload(&format!("{before}[services.www]{after}")).unwrap();
    is_closed(notes).await;
    is_closed(feeds).await;
    house.carries(&mut others).await;
    assert_eq!(status(&mut bob, &house.door.url("notes", "/")).await, 403);
    assert_eq!(status(&mut bob, &house.door.url("feeds", "/")).await, 421);
}

/// What was open without a session is decided again too.
#[tokio::test]
async fn e_11_p_14_a_reload_closes_what_rested_on_a_bypass_or_a_public_posture() {
    let house = House::new().await;
    let bypassed = house.open_with("feeds", "/api/open", "").await;
    let public = house.open_with("www", "", "").await;
    let closed = "posture = \"sso\"\npolicy = \"users\"";
    let text = STANDARD.replace("\"/api/open\"", "\"/api/other\"").replace("posture = \"public\"", closed);
    house.reload(&text).unwrap();
    is_closed(bypassed).await;
    is_closed(public).await;
}
