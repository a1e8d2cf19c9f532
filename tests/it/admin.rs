//! The admin listener: what it tells, to whom, and that nobody else tells it.

use std::{collections::BTreeSet, path::PathBuf};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
};

use crate::{
    documents,
    door::{Door, STANDARD},
    wire::{self, head},
};

async fn open() -> (Door, PathBuf) {
    let door = Door::with(&format!("{STANDARD}\n[admin]\naddress = \"unix:DIR/admin.sock\"\n")).await;
    let socket = door.scratch.path().join("admin.sock");
    (door, socket)
}

/// A request to the admin listener: the answer's status, head and body.
async fn ask(socket: &PathBuf, request: &str) -> (u16, String, String) {
    let mut stream = UnixStream::connect(socket).await.unwrap();
    stream.write_all(format!("{request}Host: x\r\nConnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_ascii_lowercase(), body.to_owned())
}

async fn get(socket: &PathBuf, path: &str) -> (u16, String, String) {
    ask(socket, &format!("GET {path} HTTP/1.1\r\n")).await
}

#[tokio::test]
async fn t_3_t_12_health_and_metrics_are_told_by_the_admin_listener_alone() {
    let (door, socket) = open().await;
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(get(&socket, path).await.0, 200, "{path}");
        for other in [format!("{path}/"), format!("{path}/x"), format!("/x{path}"), path.to_uppercase()] {
            assert_eq!(get(&socket, &other).await.0, 404, "{other}");
        }
    }
    assert_eq!(ask(&socket, "POST /metrics HTTP/1.1\r\nContent-Length: 0\r\n").await.0, 405);
    // A page that makes a browser ask here reads nothing; somebody who types the address does.
    for (site, status) in [("cross-site", 403), ("same-origin", 403), ("none", 200)] {
        let request = format!("GET /metrics HTTP/1.1\r\nSec-Fetch-Site: {site}\r\n");
        assert_eq!(ask(&socket, &request).await.0, status, "{site}");
    }
    // No public listener tells any of it, whatever the host and whoever asks.
    let agent = "User-Agent: kube-probe/1.30\r\nX-Forwarded-For: 127.0.0.1\r\n";
    for (host, path, status) in [
        ("id.localhost:8080", "/metrics", 404),
        ("id.localhost:8080", "/readyz", 404),
        ("notes.localhost:8080", "/metrics", 401),
        ("notes.localhost:8080", "/readyz", 401),
        ("notes.localhost:8080", "/healthz", 401),
        ("x", "/metrics", 421),
        ("127.0.0.1", "/metrics", 421),
    ] {
        let reply = wire::ask(door.address(), head("GET", path, host, agent)).await.unwrap();
        assert_eq!(reply.status, status, "{host}{path}");
        assert!(!reply.text().contains("doorward_"), "{host}{path}");
    }
}

#[tokio::test]
async fn readiness_says_why_not() {
    let (door, socket) = open().await;
    let (status, head, body) = get(&socket, "/readyz").await;
    assert_eq!((status, body.trim()), (200, r#"{"ready":true,"reasons":[]}"#));
    assert!(head.contains("content-type: application/json") && head.contains("cache-control: no-store"));
    let database = rusqlite::Connection::open(door.scratch.path().join("state/doorward.db")).unwrap();
    database.execute_batch("ALTER TABLE meta RENAME TO gone").unwrap();
    let (status, _, body) = get(&socket, "/readyz").await;
    assert_eq!((status, body.trim()), (503, r#"{"ready":false,"reasons":["database"]}"#));
    assert_eq!(get(&socket, "/healthz").await.0, 200, "the process lives");
    assert!(get(&socket, "/metrics").await.2.contains("doorward_database_up 0\n"));
    database.execute_batch("ALTER TABLE gone RENAME TO meta").unwrap();
    assert_eq!(get(&socket, "/readyz").await.0, 200);
}

/// Names of families, and every sample belongs to the one that was begun last.
fn families(text: &str) -> BTreeSet<String> {
    let mut families = BTreeSet::new();
    let mut current = String::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            rest.split(' ').next().unwrap().clone_into(&mut current);
            assert!(families.insert(current.clone()), "{current} comes twice");
        } else if !line.starts_with("# HELP ") {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(name.starts_with(&current), "{line} is not of {current}");
            value.parse::<f64>().unwrap_or_else(|_| panic!("{line}"));
        }
    }
    families
}

#[tokio::test]
async fn every_metric_is_documented_and_no_other() {
    let (_door, socket) = open().await;
    let (_, head, text) = get(&socket, "/metrics").await;
    assert!(head.contains("content-type: text/plain; version=0.0.4"));
    assert!(text.ends_with('\n'));
    assert_eq!(families(&text), documents::metrics());
}

/// D-10: a flood of hosts, paths, methods and names makes no new line.
#[tokio::test]
async fn d_10_no_request_makes_a_label() {
    let (door, socket) = open().await;
    let mut lines = BTreeSet::new();
    for round in 0..2 {
        for number in 0..50 {
            let n = round * 1000 + number;
            for host in [format!("h{n}.localhost"), "www.localhost".to_owned(), "notes.localhost".to_owned()]
            {
                let lines = format!("X-{n}: {n}\r\nUser-Agent: agent-{n}\r\n");
                let request = head(&format!("M{n}"), &format!("/{n}?{n}"), &host, &lines);
                wire::ask(door.address(), request).await.unwrap();
            }
        }
        let (_, _, text) = get(&socket, "/metrics").await;
        let names = text.lines().map(|line| line.rsplit_once(' ').unwrap().0.to_owned());
        let names: BTreeSet<String> = names.filter(|name| !name.starts_with('#')).collect();
        assert!(round == 0 || names == lines, "{:?}", names.difference(&lines));
        lines = names;
    }
    assert!(lines.contains("doorward_service_requests_total{service=\"www\",outcome=\"forwarded\"}"));
    let (_, _, text) = get(&socket, "/metrics").await;
    for line in [
        "doorward_service_requests_total{service=\"www\",outcome=\"forwarded\"} 100\n",
        "doorward_service_requests_total{service=\"notes\",outcome=\"sign_in\"} 100\n",
        "doorward_refused_requests_total{reason=\"unknown_host\"} 100\n",
        "doorward_decisions_total{reason=\"no_session\"} 100\n",
        "doorward_answers_total{class=\"2xx\"} 100\n",
        "doorward_answers_total{class=\"4xx\"} 200\n",
        "doorward_decision_seconds_count 200\n",
        "doorward_upstream_seconds_count 100\n",
    ] {
        assert!(text.contains(line), "{line}{text}");
    }
}

#[tokio::test]
async fn the_end_of_each_certificate_is_told() {
    let text = "domain = \"home.localhost\"\ndata_directory = \"DIR/state\"\n\
                [[listeners]]\naddress = \"127.0.0.1:0\"\ntls = \"local\"\n\
                [admin]\naddress = \"unix:DIR/admin.sock\"\n\
                [services.www]\nupstream = \"http://UPSTREAM\"\nposture = \"public\"\n";
    let door = Door::with(text).await;
    let (_, _, told) = get(&door.scratch.path().join("admin.sock"), "/metrics").await;
    for host in ["id.home.localhost", "www.home.localhost"] {
        let sample = |metric: &str| {
            let start = format!("{metric}{{name=\"{host}\",source=\"local\"}} ");
            let value = told.lines().find_map(|line| line.strip_prefix(start.as_str()));
            value.unwrap_or_else(|| panic!("{start} in {told}")).parse::<i64>().unwrap()
        };
        let now = doorward_core::time::Clock::now(&door.clock).0;
        assert!(sample("doorward_certificate_not_after_seconds") > now, "{host}");
        assert_eq!(sample("doorward_certificate_failing"), 0, "{host}");
    }
}
