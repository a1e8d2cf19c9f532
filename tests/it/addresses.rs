//! The address on which decisions rest: T-2, T-4, T-5, H-11 of the list of security cases.

use std::{fmt::Write as _, net::IpAddr};

use doorward::config::{self, LoadError};

use crate::{
    door::{Door, STANDARD},
    wire::{Reply, Wire, head},
};

/// The address that the bypass of `feeds` is open for.
const ALLOWED: &str = "127.0.0.1";
/// Another address of this machine, which it is not open for.
const ELSEWHERE: &str = "127.0.0.2";

/// Headers by which addresses are claimed.
const CLAIMS: [&str; 22] = [
    "X-Forwarded-For",
    "x_forwarded_for",
    "X.Forwarded.For",
    "X-Forwarded",
    "X-Forwarded-Client-IP",
    "X-Original-Forwarded-For",
    "X-Originating-IP",
    "X-Remote-IP",
    "X-Remote-Addr",
    "Remote-Addr",
    "X-Real-IP",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "Client-IP",
    "True-Client-IP",
    "CF-Connecting-IP",
    "CF-Connecting-IPv6",
    "Fastly-Client-IP",
    "X-Azure-ClientIP",
    "X-Envoy-External-Address",
    "Forwarded-For",
    "Via",
];

fn trusting(proxies: &str) -> String {
    STANDARD.replacen("\n[public]", &format!("\ntrusted_proxies = [{proxies}]\n\n[public]"), 1)
}

async fn ask(door: &Door, source: &str, target: &str, lines: &str) -> Reply {
    let source: IpAddr = source.parse().unwrap();
    let mut wire = Wire::from(source, door.address()).await;
    let host = if target == "/public" { "www.localhost" } else { "feeds.localhost" };
    wire.send(head("GET", target, host, lines)).await;
    wire.reply().await.unwrap()
}

/// What a claim comes to: whether the bypass opens, and which address the application is told.
async fn comes_to(door: &Door, source: &str, lines: &str) -> (u16, String) {
    let bypass = ask(door, source, "/api/open", lines).await;
    let public = ask(door, source, "/public", lines).await;
    assert_eq!(public.status, 200, "{source} {lines:?}");
    let told = public.received("X-Forwarded-For");
    assert_eq!(told.len(), 1, "{source} {lines:?} {told:?}");
    if bypass.status == 200 {
        assert_eq!(bypass.received("X-Forwarded-For"), told, "{source} {lines:?}");
    }
    (bypass.status, told[0].clone())
}

#[tokio::test]
async fn t_4_h_11_impossible_9_without_trusted_proxies_no_header_changes_the_address() {
    let door = Door::open().await;
    for (source, status) in [(ALLOWED, 200), (ELSEWHERE, 401)] {
        for name in CLAIMS {
            for value in [
                ALLOWED,
                ELSEWHERE,
                "::1",
                "10.0.0.1, 127.0.0.1",
                "127.0.0.1, 10.0.0.1",
                "::ffff:127.0.0.1",
                "[::1]:1",
                "127.0.0.1:80",
                "unknown",
                "",
                ",,,",
                "\u{e9}",
            ] {
                let lines = format!("{name}: {value}\r\n");
                assert_eq!(comes_to(&door, source, &lines).await, (status, source.to_owned()), "{lines:?}");
                let twice = format!("{lines}{lines}");
                assert_eq!(comes_to(&door, source, &twice).await, (status, source.to_owned()), "{twice:?}");
            }
        }
        for value in
            ["for=127.0.0.1", "for=\"[::1]:1\";proto=https;by=127.0.0.1", "for=127.0.0.1, for=10.0.0.1"]
        {
            let lines = format!("Forwarded: {value}\r\n");
            assert_eq!(comes_to(&door, source, &lines).await, (status, source.to_owned()), "{lines:?}");
        }
        let all = CLAIMS.iter().fold(String::new(), |mut all, name| {
            let _ = write!(all, "{name}: {ALLOWED}\r\n");
            all
        });
        let all = format!("{all}Connection: X-Forwarded-For\r\n");
        assert_eq!(comes_to(&door, source, &all).await, (status, source.to_owned()));
    }
}

#[tokio::test]
async fn t_4_t_5_a_trusted_proxy_is_believed_up_to_the_first_hop_that_is_none() {
    let door = Door::with(&trusting("\"127.0.0.2/32\", \"10.0.0.0/8\"")).await;
    for (lines, status, client) in [
        ("X-Forwarded-For: 127.0.0.1", 200, "127.0.0.1"),
        ("X-Forwarded-For: 127.0.0.1:4711", 200, "127.0.0.1"),
        ("X-Forwarded-For: ::ffff:127.0.0.1", 200, "127.0.0.1"),
        ("X-Forwarded-For: 127.0.0.1, 10.1.2.3", 200, "127.0.0.1"),
        ("X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-For: 10.1.2.3, 10.1.2.4", 200, "127.0.0.1"),
        ("X-Forwarded-For: 127.0.0.1, 203.0.113.9", 401, "203.0.113.9"),
        ("X-Forwarded-For: 127.0.0.1, 203.0.113.9, 10.0.0.1", 401, "203.0.113.9"),
        ("X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-For: 203.0.113.9", 401, "203.0.113.9"),
        ("X-Forwarded-For: 203.0.113.9, 127.0.0.1", 200, "127.0.0.1"),
        ("X-Forwarded-For: 2001:db8::7", 401, "2001:db8::7"),
        // What is no address ends the walk at the hop that vouched for it.
        ("X-Forwarded-For: 127.0.0.1, unknown", 401, "127.0.0.2"),
        ("X-Forwarded-For: 127.0.0.1, unknown, 10.0.0.1", 401, "10.0.0.1"),
        ("X-Forwarded-For: 127.0.0.1,", 401, "127.0.0.2"),
        ("X-Forwarded-For:", 401, "127.0.0.2"),
        ("X-Forwarded-For: 127.0.0.1\u{e9}", 401, "127.0.0.2"),
        ("X-Forwarded-For: 127.0.0.1/32", 401, "127.0.0.2"),
        ("X-Forwarded-For: 0177.0.0.1", 401, "127.0.0.2"),
        ("X-Forwarded-For: 127.1", 401, "127.0.0.2"),
        ("X-Forwarded-For: \"127.0.0.1\"", 401, "127.0.0.2"),
        // Aliases and other conventions are not read, whoever sends them.
        ("X_Forwarded_For: 127.0.0.1", 401, "127.0.0.2"),
        ("Forwarded: for=127.0.0.1", 401, "127.0.0.2"),
        ("X-Real-IP: 127.0.0.1", 401, "127.0.0.2"),
        ("CF-Connecting-IP: 127.0.0.1", 401, "127.0.0.2"),
        ("True-Client-IP: 127.0.0.1", 401, "127.0.0.2"),
        ("X-Forwarded-For: 203.0.113.9\r\nX-Real-IP: 127.0.0.1", 401, "203.0.113.9"),
        ("X-Note: nothing", 401, "127.0.0.2"),
    ] {
        let found = comes_to(&door, ELSEWHERE, &format!("{lines}\r\n")).await;
        assert_eq!(found, (status, client.to_owned()), "{lines:?}");
    }
}

/// Trust is the peer's, not the header's.
#[tokio::test]
async fn t_4_h_11_beside_a_trusted_proxy_nobody_else_is_believed() {
    let door = Door::with(&trusting("\"127.0.0.2/32\", \"10.0.0.0/8\"")).await;
    for value in ["203.0.113.9", "10.0.0.1", "127.0.0.2"] {
        let lines = format!("X-Forwarded-For: {value}\r\n");
        assert_eq!(comes_to(&door, ALLOWED, &lines).await, (200, ALLOWED.to_owned()), "{lines}");
        assert_eq!(comes_to(&door, "127.0.0.3", &lines).await, (401, "127.0.0.3".to_owned()), "{lines}");
    }
}

/// Networks of services and of policies rest on the same address.
#[tokio::test]
async fn t_4_networks_of_services_and_policies_use_the_same_address() {
    let networks = "\n[policies.here]\ngroups = [\"admins\"]\nnetworks = [\"127.0.0.1/32\"]\n\n\
                    [services.near]\nupstream = \"http://UPSTREAM\"\nposture = \"public\"\nnetworks = [\"127.0.0.1/32\"]\n\n\
                    [services.desk]\nupstream = \"http://UPSTREAM\"\nposture = \"sso\"\npolicy = \"here\"\n";
    let door = Door::with(&format!("{STANDARD}{networks}")).await;
    let mut ada = door.administrator().await;
    assert_eq!(ada.open(&door.url("desk", "/")).await.unwrap().status, 200);
    let token = ada.client.jar.cookie("desk.localhost", "__Host-doorward").unwrap();
    let cookie = format!("Cookie: __Host-doorward={token}\r\n");
    for (host, source, lines, status) in [
        ("near", ALLOWED, "", 200),
        ("near", ELSEWHERE, "", 403),
        ("near", ELSEWHERE, "X-Forwarded-For: 127.0.0.1\r\n", 403),
        ("near", ALLOWED, "X-Forwarded-For: 127.0.0.2\r\n", 200),
        ("desk", ALLOWED, cookie.as_str(), 200),
        ("desk", ELSEWHERE, cookie.as_str(), 403),
        ("desk", ELSEWHERE, &format!("{cookie}X-Forwarded-For: 127.0.0.1\r\n"), 403),
        ("desk", ELSEWHERE, &format!("{cookie}X-Real-IP: 127.0.0.1\r\nForwarded: for=127.0.0.1\r\n"), 403),
    ] {
        let mut wire = Wire::from(source.parse().unwrap(), door.address()).await;
        wire.send(head("GET", "/", &format!("{host}.localhost"), lines)).await;
        let reply = wire.reply().await.unwrap();
        assert_eq!(reply.status, status, "{host} {source} {lines:?}");
    }
}

#[tokio::test]
async fn t_2_trusting_everybody_is_no_configuration() {
    let door = Door::open().await;
    for proxies in ["\"0.0.0.0/0\"", "\"::/0\"", "\"10.0.0.0/8\", \"0.0.0.0/0\"", "\"everybody\""] {
        door.write(&trusting(proxies));
        assert!(matches!(config::load(&door.config_file), Err(LoadError::Mistakes(..))), "{proxies}");
        door.running.reload(&door.config_file).unwrap_err();
    }
    let (status, told) = comes_to(&door, ELSEWHERE, "X-Forwarded-For: 127.0.0.1\r\n").await;
    assert_eq!((status, told.as_str()), (401, ELSEWHERE));
}
