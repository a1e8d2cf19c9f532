//! Services behind the portal, and what passes beside it.

use super::{DOCUMENTS_KEY, House, METRICS_KEY, UPGRADE};
use crate::wire::{Wire, head};

/// Metrics: people by session, a program by a key, and an application that wants to be called by its own name.
#[tokio::test]
async fn metrics_take_a_session_or_a_key_and_see_their_own_host() {
    let mut house = House::new().await;
    let own = house.application.address.to_string();
    for lines in
        ["", "X-Api-Key: \r\n", "X-Api-Key: metrics-key-0b5f3a9c7d1e4827\r\n", "Authorization: Bearer x\r\n"]
    {
        assert_eq!(house.get("metrics", "/api/v1/query", lines).await.status, 401, "{lines:?}");
    }
    house.nothing_received("no key");
    let key = format!("X-Api-Key: {METRICS_KEY}\r\n");
    assert_eq!(house.get("metrics", "/api/v1/query?q=up", &key).await.status, 200);
    let request = house.received();
    assert_eq!((request.target(), request.header("host")), ("/api/v1/query?q=up", Some(&*own)));
    assert!(!request.0.contains(METRICS_KEY), "the key goes no further");
    assert_eq!(request.header("x-forwarded-host"), Some("metrics.localhost:8080"));
    let mut ada = house.door.person();
    std::mem::swap(&mut ada, &mut house.ada);
    let session = house.session(&mut ada, "metrics").await;
    house.ada = ada;
    assert_eq!(house.get("metrics", "/graph", &session).await.status, 200);
    assert!(!house.received().0.contains("__Host-doorward"));
    let bob = house.member("bob", "media", "subtitles").await;
    assert_eq!(
        house.get("metrics", "/graph", &bob).await.status,
        401,
        "a session of another host is none here"
    );
    house.nothing_received("another host's session");
}

/// Subtitles and series: programs speak to `/api`, which has keys of its own; a socket lies below it too.
#[tokio::test]
async fn feeds_and_programs_pass_beside_the_portal() {
    let mut house = House::new().await;
    for host in ["subtitles", "series"] {
        for target in ["/api", "/api/series?apikey=abc", "/feed/calendar/s.ics?apikey=abc&past=7", "/ping"] {
            assert_eq!(house.get(host, target, "X-Api-Key: abc\r\n").await.status, 200, "{target}");
            let request = house.received();
            assert_eq!((request.target(), request.header("x-api-key")), (target, Some("abc")), "untouched");
            assert_eq!(request.header("remote-user"), None);
        }
        for target in ["/", "/apis", "/pings", "/feeds/x", "/settings?/api", "/API/x"] {
            assert_eq!(house.get(host, target, "X-Api-Key: abc\r\n").await.status, 401, "{target}");
        }
        house.nothing_received("beside the bypass");
    }
    house.socket("subtitles", "/api/socket.io/?EIO=4&transport=websocket", "").await;
    let mut refused = Wire::to(house.door.address()).await;
    refused.send(head("GET", "/socket.io/", &house.host("subtitles"), UPGRADE)).await;
    assert_eq!(refused.reply().await.unwrap().status, 401);
    let bob = house.member("bob", "media", "series").await;
    assert_eq!(house.get("series", "/", &bob).await.status, 200);
}

/// Mail: the application signs people in once more, by a callback that bears a name like one of the portal's.
#[tokio::test]
async fn a_second_sign_in_behind_the_portal_works() {
    let mut house = House::new().await;
    let target = "/oauth2/callback?code=x&state=y";
    assert_eq!(house.get("mail", target, "Cookie: mail=1\r\n").await.status, 200);
    let request = house.received();
    assert_eq!((request.target(), request.header("cookie")), (target, Some("mail=1")));
    for other in ["/oauth2/callbacks", "/oauth2", "/oauth2/callback/../../admin", "/login"] {
        let status = house.get("mail", other, "").await.status;
        assert!(matches!(status, 400 | 401), "{other}: {status}");
    }
    house.nothing_received("beside the callback");
    let bob = house.member("bob", "home", "mail").await;
    let lines = format!("{}; mail=1\r\nAuthorization: Basic eA==\r\n", bob.trim_end());
    let reply = house.get("mail", "/inbox", &lines).await;
    assert_eq!((reply.status, reply.header("set-cookie")), (200, Some("app=1; Path=/")));
    let request = house.received();
    assert_eq!(
        (request.header("cookie"), request.header("authorization")),
        (Some("mail=1"), Some("Basic eA=="))
    );
}

/// Firmware: at home only, and that has an effect, also for somebody who may.
#[tokio::test]
async fn a_service_for_the_house_is_closed_from_elsewhere() {
    let mut house = House::new().await;
    let mut bob = {
        let link = house.door.enrolment_link(&mut house.ada, "bob", "automation").await;
        let client = house.door.client().source([127, 0, 0, 2].into());
        let mut bob = doorward_visitor::Person::new(client, &house.door.url("id", "")).unwrap();
        bob.enrol(&link).await.unwrap();
        bob
    };
    let session = house.session(&mut bob, "firmware").await;
    let request = head("GET", "/", "firmware.localhost:8080", &session);
    assert_eq!(house.ask_from([127, 0, 0, 2], 0, &request).await.status, 200);
    assert_eq!(house.application.requests().len(), 1);
    assert_eq!(house.ask_from([127, 0, 0, 1], 0, &request).await.status, 403);
    let forged =
        head("GET", "/", "firmware.localhost:8080", &format!("{session}X-Forwarded-For: 127.0.0.2\r\n"));
    assert_eq!(house.ask_from([127, 0, 0, 1], 0, &forged).await.status, 403);
    house.nothing_received("from elsewhere");
}

/// Cameras: pictures come over a socket, which ends with the session.
#[tokio::test]
async fn e_11_a_socket_of_pictures_ends_with_the_session() {
    let mut house = House::new().await;
    let mut ada = house.door.person();
    std::mem::swap(&mut ada, &mut house.ada);
    let session = house.session(&mut ada, "cameras").await;
    let own = format!("{session}Origin: http://cameras.localhost:8080\r\n");
    let mut socket = house.socket("cameras", "/api/ws?src=door", &own).await;
    ada.sign_out().await.unwrap();
    assert_eq!(socket.rest().await, [0x88, 2, 3, 0xf0], "it is closed: policy violation");
    let mut again = Wire::to(house.door.address()).await;
    again.send(head("GET", "/api/ws", &house.host("cameras"), &format!("{UPGRADE}{own}"))).await;
    assert_eq!(again.reply().await.unwrap().status, 401);
}

/// On call: alarms come in without a session, phones by another policy than the rest.
#[tokio::test]
async fn alarms_come_in_and_phones_have_a_policy_of_their_own() {
    let mut house = House::new().await;
    let alarm = "POST /integrations/v1/webhook/abc HTTP/1.1\r\nHost: oncall.localhost:8080\r\nContent-Length: 2\r\n\r\n{}";
    assert_eq!(house.ask(alarm).await.status, 200);
    assert!(house.received().0.ends_with("{}"));
    assert_eq!(house.get("oncall", "/integrations/v1/webhook/abc", "").await.status, 401, "another method");
    house.nothing_received("another method");
    // She may reach the phones' part, and nothing else.
    let mut eve = house.door.member(&mut house.ada, "eve", "home").await;
    eve.open_signed_in(&house.door.url("oncall", "/mobile")).await.unwrap();
    let token = eve.client.jar.cookie("oncall.localhost", "__Host-doorward");
    house.application.requests();
    let eve = format!("Cookie: __Host-doorward={}\r\n", token.expect("a session for a part of it"));
    assert_eq!(house.get("oncall", "/mobile/v1/alerts", &eve).await.status, 200);
    assert_eq!(house.received().target(), "/mobile/v1/alerts");
    assert_eq!(house.get("oncall", "/settings", &eve).await.status, 403);
    assert_eq!(house.get("oncall", "/mobiles", &eve).await.status, 403);
    house.nothing_received("beside the phones' part");
}

/// Documents: one key of the application's own, lent to those who are let in, under whatever spelling they send.
#[tokio::test]
async fn a_key_is_lent_to_those_who_are_let_in() {
    let mut house = House::new().await;
    let bob = house.member("bob", "home", "documents").await;
    for lines in ["", "x-api-key: mine\r\n", "X_Api_Key: mine\r\n", "X.API.KEY: mine\r\n"] {
        assert_eq!(house.get("documents", "/api/tags", &format!("{bob}{lines}")).await.status, 200);
        let request = house.received();
        assert_eq!(request.header("x-api-key"), Some(DOCUMENTS_KEY), "{lines:?}");
        assert!(!request.0.contains("mine"), "{}", request.0);
    }
    assert_eq!(house.get("documents", "/api/tags", "x-api-key: mine\r\n").await.status, 401);
    house.nothing_received("without a session");
}

/// Downloads: the application's own shield is off, so the door's counts.
#[tokio::test]
async fn the_door_shields_what_has_no_shield() {
    let mut house = House::new().await;
    let bob = house.member("bob", "media", "downloads").await;
    let post = |lines: &str| {
        format!(
            "POST /api/v2/torrents/add HTTP/1.1\r\nHost: downloads.localhost:8080\r\n{bob}{lines}Content-Length: 1\r\n\r\nx"
        )
    };
    for lines in [
        "Sec-Fetch-Site: cross-site\r\nOrigin: https://evil.test\r\n",
        "Sec-Fetch-Site: same-site\r\nOrigin: http://series.localhost:8080\r\n",
        "Origin: null\r\n",
        "Origin: https://evil.test\r\n",
    ] {
        assert_eq!(house.ask(&post(lines)).await.status, 403, "{lines:?}");
    }
    house.nothing_received("from another site");
    for lines in ["Sec-Fetch-Site: same-origin\r\nOrigin: http://downloads.localhost:8080\r\n", ""] {
        assert_eq!(house.ask(&post(lines)).await.status, 200, "{lines:?}");
        assert_eq!(house.received().target(), "/api/v2/torrents/add");
    }
}

/// A transcoder: nothing odd but the port. Whoever is in another group is not let in.
#[tokio::test]
async fn the_plain_case() {
    let mut house = House::new().await;
    let bob = house.member("bob", "media", "transcoder").await;
    assert_eq!(house.get("transcoder", "/api/v2/status", &bob).await.status, 200);
    assert_eq!(house.received().target(), "/api/v2/status");
    let page = "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\nAccept: text/html\r\n";
    assert_eq!(house.get("transcoder", "/", page).await.status, 303);
    assert_eq!(house.get("transcoder", "/", "").await.status, 401);
    house.nothing_received("without a session");
}

/// A monitor: pages of its own from files, an application below `/api`, both behind the portal.
#[tokio::test]
async fn a_site_of_files_has_its_pages_and_its_application_behind_one_gate() {
    let mut house = House::new().await;
    for target in ["/", "/assets/app.js", "/map/eu", "/api/news"] {
        assert_eq!(house.get("monitor", target, "").await.status, 401, "{target}");
    }
    house.nothing_received("signed out");
    let session = house.member("bob", "admins", "monitor").await;
    let page = |lines: &str| format!("{session}{lines}");
    let accept = page("Accept: text/html\r\n");
    for target in ["/", "/map/eu"] {
        let reply = house.get("monitor", target, &accept).await;
        assert_eq!((reply.status, &*reply.body), (200, b"<title>Monitor</title>".as_slice()), "{target}");
    }
    let script = house.get("monitor", "/assets/app.js", &session).await;
    assert_eq!((script.status, &*script.body), (200, b"start()".as_slice()));
    assert!(script.header("cache-control").unwrap().contains("max-age=31536000"), "{script:?}");
    house.nothing_received("files are ours to serve");
    assert_eq!(house.get("monitor", "/api/news?since=1", &session).await.status, 200);
    let request = house.received();
    assert_eq!(request.target(), "/api/news?since=1");
    assert!(!request.0.contains("__Host-doorward"));
}
